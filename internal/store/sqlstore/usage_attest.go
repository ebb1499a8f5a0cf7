package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Attest keeps somebody's word on what was read of a log. The same word again on
// a stretch that goes on where one ends, or lies in it, is one with it.
func (tx *Tx) Attest(a store.Attestation) error {
	if tx.words == nil {
		tx.words = map[string]int64{}
	}
	log, err := tx.word(a.Log)
	if err != nil {
		return err
	}
	realm, err := tx.realmID(a.Realm)
	if err != nil {
		return err
	}
	by, err := json.Marshal(a.By)
	if err != nil {
		return err
	}
	from, to := a.From.UnixMicro(), a.To.UnixMicro()
	var met []int64
	err = tx.query(func(rows *sql.Rows) error {
		var id, f, t int64
		err := rows.Scan(&id, &f, &t)
		met, from, to = append(met, id), min(from, f), max(to, t)
		return err
	}, "SELECT id, from_at, to_at FROM usage_attestations WHERE realm_id = $1 AND log = $2 AND attested_by = $3 AND reason = $6 AND withdrawn_at IS NULL AND from_at <= $4 AND to_at >= $5",
		realm, log, string(by), to, from, a.Reason)
	for _, id := range met {
		if err == nil {
			err = tx.exec("DELETE FROM usage_attestations WHERE id = $1", id)
		}
	}
	if err != nil {
		return fmt.Errorf("attest log: %w", err)
	}
	key, err := tx.db.d.block(tx.ctx, tx.tx, "usage_attestations", 1)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO usage_attestations (id, log, realm_id, from_at, to_at, attested_by, attested_at, withdrawn_by, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8)",
		key, log, realm, from, to, string(by), tx.at.UnixMicro(), a.Reason)
}

// Attestations lists the words on logs that were not withdrawn, of all realms
// where realm is empty, in the order in which their stretches begin.
func (tx *Tx) Attestations(realm retinue.Realm) ([]store.Attestation, error) {
	var out []store.Attestation
	err := tx.query(func(rows *sql.Rows) error {
		var a store.Attestation
		var from, to, at int64
		var by string
		if err := rows.Scan(&a.Key, &a.Log, &a.Realm, &from, &to, &by, &at, &a.Reason); err != nil {
			return err
		}
		a.From, a.To, a.At = observed(from), observed(to), observed(at)
		out = append(out, a)
		return json.Unmarshal([]byte(by), &out[len(out)-1].By)
	}, `SELECT t.id, w.word, m.realm, t.from_at, t.to_at, t.attested_by, t.attested_at, t.reason FROM usage_attestations t
		JOIN usage_words w ON w.id = t.log JOIN realms m ON m.id = t.realm_id
		WHERE t.withdrawn_at IS NULL AND ($1 = '' OR m.realm = $1) ORDER BY m.realm, w.word, t.from_at, t.id`, string(realm))
	if err != nil {
		return nil, fmt.Errorf("list words on logs: %w", err)
	}
	return out, nil
}

// WithdrawAttestation takes a word on a log back; that it was given stays.
func (tx *Tx) WithdrawAttestation(key int64, by retinue.Actor) error {
	who, err := actorText(by)
	if err != nil {
		return err
	}
	return tx.mustAffect(fmt.Sprintf("attestation %d", key), "UPDATE usage_attestations SET withdrawn_at = $1, withdrawn_by = $2 WHERE id = $3 AND withdrawn_at IS NULL",
		tx.at.UnixMicro(), who, key)
}

// JudgeRealmAgain has the verdicts on the use of all that a realm holds formed
// anew, and those of other realms whose blind spots its logs may make good.
func (tx *Tx) JudgeRealmAgain(realm retinue.Realm) error {
	err := tx.exec(`UPDATE usage_verdicts SET due_at = $1 WHERE entity_id IN
		(SELECT e.id FROM entities e JOIN refs r ON r.id = e.ref_id JOIN realms m ON m.id = r.realm_id WHERE m.realm = $2)`, tx.at.UnixMicro(), string(realm))
	if err != nil {
		return fmt.Errorf("have a realm judged again: %w", err)
	}
	kind, err := json.Marshal(realm.Kind())
	if err != nil {
		return fmt.Errorf("have a realm judged again: %w", err)
	}
	err = tx.exec(`UPDATE usage_verdicts SET due_at = $1 WHERE (due_at IS NULL OR due_at <> $1) AND entity_id IN (SELECT e.id FROM entities e JOIN refs r ON r.id = e.ref_id
		WHERE r.realm_id IN (SELECT c.realm_id FROM usage_coverage c WHERE c.body LIKE $2))`, tx.at.UnixMicro(), `%"elsewhere":`+string(kind)+`%`)
	if err != nil {
		return fmt.Errorf("have what other logs make good judged again: %w", err)
	}
	return nil
}

// attested puts the words on logs into what the logs cover: a stretch on which
// there is a word, and that proves nothing by itself, is split where the word
// begins and ends.
func attested(list []retinue.Coverage, words []store.Attestation) []retinue.Coverage {
	if len(words) == 0 {
		return list
	}
	var out []retinue.Coverage
	for _, c := range list {
		if c.Proof != "" {
			out = append(out, c)
			continue
		}
		rest := []retinue.Coverage{c}
		for _, w := range words {
			if w.Log == c.Log && w.Realm == c.Realm {
				rest = splitBy(rest, w)
			}
		}
		out = append(out, rest...)
	}
	slices.SortStableFunc(out, func(a, b retinue.Coverage) int {
		if n := strings.Compare(string(a.Realm), string(b.Realm)); n != 0 {
			return n
		}
		return a.From.Compare(b.From)
	})
	return out
}

func splitBy(list []retinue.Coverage, w store.Attestation) []retinue.Coverage {
	var out []retinue.Coverage
	for _, c := range list {
		from, to := laterTime(c.From, w.From), earlierTime(c.To, w.To)
		if c.Proof != "" || from.After(to) || !from.Before(to) && !c.From.Equal(c.To) {
			out = append(out, c)
			continue
		}
		part := func(from, to time.Time, proof string) {
			p := c
			p.From, p.To, p.Proof = from, to, proof
			out = append(out, p)
		}
		if c.From.Before(from) {
			part(c.From, from, "")
		}
		part(from, to, fmt.Sprintf("%s said on %s that what was read is all that the log held", w.By.Name, w.At.Format(time.DateOnly)))
		if to.Before(c.To) {
			part(to, c.To, "")
		}
	}
	return out
}

func laterTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlierTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
