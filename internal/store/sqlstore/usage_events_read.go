package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// EventBlocks lists blocks of events without what is in them, those with the
// latest events first, or in the order of their ids where the query continues.
func (tx *Tx) EventBlocks(q store.EventBlockQuery) ([]store.EventBlock, error) {
	var where []string
	var args []any
	add := func(cond string, v any) {
		args = append(args, v)
		where = append(where, strings.ReplaceAll(cond, "?", fmt.Sprintf("$%d", len(args))))
	}
	if q.From != 0 {
		add("e.last_at >= ?", q.From)
	}
	if q.To != 0 {
		add("e.first_at <= ?", q.To)
	}
	if q.Of != nil {
		add("e.id IN (SELECT r.block FROM usage_event_refs r WHERE r.ref_id IN (SELECT v FROM "+tx.db.d.eachInt("?")+" j))", tx.db.d.ints(q.Of))
	}
	if q.Below != 0 {
		add("e.n < ?", q.Below)
	}
	order := "e.last_at DESC, e.id DESC"
	if q.After != 0 {
		add("e.id > ?", q.After)
		order = "e.id"
	}
	hashes := "NULL"
	if q.Hash != 0 {
		hashes = "e.hashes"
	}
	text := "SELECT e.id, e.name, w.word, e.day, e.first_at, e.last_at, e.n, " + hashes + " FROM usage_events e JOIN usage_words w ON w.id = e.log"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	text += " ORDER BY " + order
	if q.Limit > 0 && q.Hash == 0 {
		text += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	var out []store.EventBlock
	err := tx.query(func(rows *sql.Rows) error {
		var b store.EventBlock
		var hashes []byte
		if err := rows.Scan(&b.ID, &b.Name, &b.Log, &b.Day, &b.First, &b.Last, &b.N, &hashes); err != nil {
			return err
		}
		if q.Hash == 0 || hasHash(hashes, uint32(q.Hash>>32)) && (q.Limit == 0 || len(out) < q.Limit) { //nolint:gosec // the upper half
			out = append(out, b)
		}
		return nil
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return out, nil
}

// hasHash reports whether sorted hashes of four bytes each hold one.
func hasHash(hashes []byte, want uint32) bool {
	_, ok := sort.Find(len(hashes)/4, func(i int) int { return cmp.Compare(want, binary.LittleEndian.Uint32(hashes[4*i:])) })
	return ok
}

// SealedEvents are what is in a block, sealed under its name, which changes when
// it is replaced.
func (tx *Tx) SealedEvents(id int64) (name string, sealed []byte, err error) {
	err = tx.queryRow("SELECT name, sealed FROM usage_events WHERE id = $1", id).Scan(&name, &sealed)
	if isNoRows(err) {
		return "", nil, fmt.Errorf("%w: block of events %d", retinue.ErrNotFound, id)
	}
	if err != nil {
		return "", nil, fmt.Errorf("read events: %w", err)
	}
	return name, sealed, nil
}

// ActorOf is by what events of an identity or credential are found: the keys of
// those who acted, and the ways of use in which they did.
func (tx *Tx) ActorOf(id retinue.EntityID) (refs []int64, ways []store.BehaviourHash, err error) {
	e, err := tx.EntityKey(id)
	if err != nil {
		return nil, nil, err
	}
	if refs, err = tx.subjectRefs(e); err != nil {
		return nil, nil, fmt.Errorf("find events: %w", err)
	}
	each := "(SELECT v FROM " + tx.db.d.eachInt("$1") + " j)"
	err = tx.query(func(rows *sql.Rows) error {
		var h []byte
		err := rows.Scan(&h)
		if err == nil && len(h) == len(store.BehaviourHash{}) {
			ways = append(ways, store.BehaviourHash(h))
		}
		return err
	}, "SELECT hash FROM usage_behaviours WHERE identity IN "+each+" UNION SELECT hash FROM usage_behaviours WHERE credential IN "+each+
		" UNION SELECT hash FROM usage_behaviours WHERE via IN "+each, tx.db.d.ints(refs))
	if err != nil {
		return nil, nil, fmt.Errorf("find events: %w", err)
	}
	return refs, ways, nil
}

// UnknownEvents lists entries that no reader understood from a stretch of time,
// the latest first, after a name where the last of the stretch are of one moment.
func (tx *Tx) UnknownEvents(from, to int64, after string, limit int) ([]store.UnknownKept, error) {
	var out []store.UnknownKept
	err := tx.query(func(rows *sql.Rows) error {
		var u store.UnknownKept
		var at int64
		err := rows.Scan(&u.Name, &u.Log, &at, &u.Label, &u.Place, &u.Sealed)
		u.At = time.Unix(at, 0).UTC()
		out = append(out, u)
		return err
	}, `SELECT u.name, w.word, u.at, u.label, u.place, u.sealed FROM usage_unknown u JOIN usage_words w ON w.id = u.log
		WHERE u.at >= $1 AND (u.at < $2 OR u.at = $2 AND u.name > $3) ORDER BY u.at DESC, u.name LIMIT $4`, from, to, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list unknown events: %w", err)
	}
	return out, nil
}

// DropUnknown deletes entries that no reader understood, by name.
func (tx *Tx) DropUnknown(names []string) error {
	return tx.exec("DELETE FROM usage_unknown WHERE name IN (SELECT v FROM "+tx.db.d.each("$1")+" j)", tx.db.d.list(names))
}
