package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/retinue-id/retinue"
)

// pendingRecord is a record that an update will append.
type pendingRecord struct {
	actor    retinue.Actor
	action   retinue.RecordAction
	subject  string
	details  any
	payloads []Payload
}

// Payload is personal data that a record commits to: the record's details hold
// the commitment, this row the data, and erasing the row leaves the chain
// whole.
type Payload struct {
	Name string
	Salt string
	Data string
}

// Record adds a record to the audit log when the update commits. Details are
// encoded as one JSON object and hold no secret and no personal data in clear.
func (tx *Tx) Record(actor retinue.Actor, action retinue.RecordAction, subject string, details any, payloads ...Payload) {
	tx.records = append(tx.records, pendingRecord{actor, action, subject, details, payloads})
}

// Recorded reports whether the update adds a record of one of the actions.
func (tx *Tx) Recorded(actions ...retinue.RecordAction) bool {
	return slices.ContainsFunc(tx.records, func(p pendingRecord) bool { return slices.Contains(actions, p.action) })
}

// appendRecords extends the chain. It is the last thing that an update does
// before it commits, so that the chain's head is locked for as short as can
// be.
func (tx *Tx) appendRecords() error {
	if len(tx.records) == 0 {
		return nil
	}
	lock := ""
	if tx.db.d.name() == "postgres" {
		lock = " FOR UPDATE"
	}
	var seq int64
	var head string
	if err := tx.queryRow("SELECT seq, hash FROM ledger_head WHERE id = 1"+lock).Scan(&seq, &head); err != nil {
		return fmt.Errorf("extend audit log: %w", err)
	}
	ins := newBulk(tx, "records (seq, public_id, at, actor, actor_name, action, subject, details, prev_hash, hash)", "")
	pay := newBulk(tx, "record_payloads (seq, name, salt, payload)", "")
	for _, p := range tx.records {
		details, err := json.Marshal(p.details)
		if err != nil {
			return fmt.Errorf("extend audit log: %w", err)
		}
		actor, err := json.Marshal(p.actor)
		if err != nil {
			return fmt.Errorf("extend audit log: %w", err)
		}
		r, err := retinue.Record{ID: retinue.NewRecordID(tx.at), At: tx.at, Actor: p.actor, Action: p.action,
			Subject: p.subject, Details: details}.Seal(head, seq)
		if err != nil {
			return fmt.Errorf("extend audit log: %w", err)
		}
		seq, head = r.Seq, r.Hash
		if err := ins.add(seq, string(r.ID), tx.at.UnixMicro(), string(actor), p.actor.Name, string(r.Action), r.Subject, string(r.Details), r.PrevHash, r.Hash); err != nil {
			return err
		}
		for _, d := range p.payloads {
			if err := pay.add(seq, d.Name, d.Salt, d.Data); err != nil {
				return err
			}
		}
	}
	if err := ins.flush(); err != nil {
		return err
	}
	if err := pay.flush(); err != nil {
		return err
	}
	return tx.exec("UPDATE ledger_head SET seq = $1, hash = $2 WHERE id = 1", seq, head)
}

// Head returns the number of records and the hash of the last.
func (tx *Tx) Head() (seq int64, hash string, err error) {
	err = tx.queryRow("SELECT seq, hash FROM ledger_head WHERE id = 1").Scan(&seq, &hash)
	return seq, hash, err
}

// Records yields the audit log from a sequence number on, in order, a page at
// a time.
func (tx *Tx) Records(from int64) iter.Seq2[retinue.Record, error] {
	return func(yield func(retinue.Record, error) bool) {
		const page = 1000
		for {
			var batch []retinue.Record
			err := tx.query(func(rows *sql.Rows) error {
				r, err := scanRecord(rows)
				batch = append(batch, r)
				return err
			}, `SELECT seq, public_id, at, actor, action, subject, details, prev_hash, hash FROM records
				WHERE seq >= $1 ORDER BY seq LIMIT $2`, from, page)
			if err != nil {
				yield(retinue.Record{}, fmt.Errorf("read audit log: %w", err))
				return
			}
			for _, r := range batch {
				if !yield(r, nil) {
					return
				}
				from = r.Seq + 1
			}
			if len(batch) < page {
				return
			}
		}
	}
}

func scanRecord(rows *sql.Rows) (retinue.Record, error) {
	var r retinue.Record
	var id, actor, action, details string
	var at int64
	if err := rows.Scan(&r.Seq, &id, &at, &actor, &action, &r.Subject, &details, &r.PrevHash, &r.Hash); err != nil {
		return r, err
	}
	r.ID, r.At, r.Action, r.Details = retinue.RecordID(id), observed(at), retinue.RecordAction(action), json.RawMessage(details)
	if err := json.Unmarshal([]byte(actor), &r.Actor); err != nil {
		// A record that was tampered with must be reported by the
		// verification, not stop the reading of it.
		r.Actor = retinue.Actor{Kind: "unreadable", Name: actor}
	}
	return r, nil
}
