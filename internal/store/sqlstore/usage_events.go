package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// KeepEvents has events kept beside their counts, of batches that bring records.
// It must be called before the store is used concurrently.
func (db *DB) KeepEvents(k store.EventKeeping) { db.keeping = k }

// keepEvents keeps the records of those events of a batch that were not counted
// before, in blocks of one day each.
func (tx *Tx) keepEvents(b *usageMerged, fresh []bool) error {
	k := tx.db.keeping
	if k.Days == 0 || k.Seal == nil || len(b.Records) == 0 {
		return nil
	}
	today := tx.at.Unix() / 86400
	days := map[int64][]store.EventRecord{}
	for i := range b.Events {
		r := &b.Records[i]
		if !fresh[i] || r.Event.At.IsZero() {
			continue
		}
		if day := min(store.UsageHour(b.Events[i].At)/24, today); day > today-int64(k.Days) {
			days[day] = append(days[day], *r)
		}
	}
	known := make(map[store.BehaviourHash]knownBehaviour, len(b.names.hashes))
	for i, h := range b.names.hashes {
		known[h] = b.names.behaviours[i]
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if err := tx.keepDay(b.names.log, day, days[day], known); err != nil {
			return fmt.Errorf("keep events: %w", err)
		}
	}
	return nil
}

// keepDay keeps records of one log and day.
func (tx *Tx) keepDay(log, day int64, records []store.EventRecord, known map[store.BehaviourHash]knownBehaviour) error {
	var bytes int64
	if err := tx.queryRow("SELECT CAST(COALESCE(sum(bytes), 0) AS BIGINT) FROM usage_event_days WHERE day = $1", day).Scan(&bytes); err != nil {
		return err
	}
	d := store.EventDay{Day: day}
	if limit := tx.db.keeping.DayBytes; limit > 0 && bytes >= limit {
		d.Over = int64(len(records))
		return tx.addEventDay(d)
	}
	blocks, lost := tx.db.keeping.Seal(tx.ctx, records)
	d.EventsLost = lost
	for i := range blocks {
		blocks[i].Day = day
		if err := tx.writeEventBlock(&blocks[i], log, actorsIn(&blocks[i], known)); err != nil {
			return err
		}
		d.Events += blocks[i].N
		d.Bytes += sizeOfBlock(&blocks[i])
	}
	return tx.addEventDay(d)
}

// blockID is an id for a block, about in the order of time, on which those that
// count side by side need not agree: milliseconds, and 22 bits of chance. It may be
// taken.
func blockID(at time.Time) int64 {
	return at.UnixMilli()<<22 | rand.Int64N(1<<22) //nolint:gosec // not a secret
}

func sizeOfBlock(b *store.EventBlock) int64 { return int64(len(b.Sealed) + 4*len(b.Hashes)) }

// actorsIn are the keys of who acted in a block.
func actorsIn(b *store.EventBlock, known map[store.BehaviourHash]knownBehaviour) []int64 {
	var refs []int64
	for _, h := range b.Behaviours {
		k := known[h]
		for _, r := range [...]int64{k.identity, k.credential, k.via} {
			if r != 0 {
				refs = append(refs, r)
			}
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// writeEventBlock writes a block, under an id that is free where it has none.
func (tx *Tx) writeEventBlock(b *store.EventBlock, log int64, refs []int64) error {
	hashes := make([]byte, 0, 4*len(b.Hashes))
	for _, h := range b.Hashes {
		hashes = binary.LittleEndian.AppendUint32(hashes, h)
	}
	for given, written := b.ID != 0, false; !written; {
		if !given {
			b.ID = blockID(tx.at)
		}
		res, err := tx.execResult("INSERT INTO usage_events (id, name, log, day, first_at, last_at, n, hashes, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
			b.ID, b.Name, log, b.Day, b.First, b.Last, b.N, hashes, b.Sealed)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if written = n > 0; err != nil || !written && given {
			return cmp.Or(err, fmt.Errorf("%w: block of events %d is there", retinue.ErrConflict, b.ID))
		}
	}
	rows := newBulk(tx, "usage_event_refs (ref_id, block)", " ON CONFLICT DO NOTHING")
	for _, r := range refs {
		if err := rows.add(r, b.ID); err != nil {
			return err
		}
	}
	return rows.flush()
}

// addEventDay adds to what is kept of a day.
func (tx *Tx) addEventDay(d store.EventDay) error {
	return tx.exec(`INSERT INTO usage_event_days (day, lane, n, bytes, over, too_large, unsealed) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (day, lane) DO UPDATE SET n = usage_event_days.n + excluded.n, bytes = usage_event_days.bytes + excluded.bytes,
		over = usage_event_days.over + excluded.over, too_large = usage_event_days.too_large + excluded.too_large, unsealed = usage_event_days.unsealed + excluded.unsealed`,
		d.Day, tx.db.usage.lane, d.Events, d.Bytes, d.Over, d.TooLarge, d.Unsealed)
}

// EventDays is what is kept of the events of each day, the latest first.
func (tx *Tx) EventDays() ([]store.EventDay, error) {
	var out []store.EventDay
	err := tx.query(func(rows *sql.Rows) error {
		var d store.EventDay
		err := rows.Scan(&d.Day, &d.Events, &d.Bytes, &d.Over, &d.TooLarge, &d.Unsealed)
		out = append(out, d)
		return err
	}, `SELECT day, CAST(sum(n) AS BIGINT), CAST(sum(bytes) AS BIGINT), CAST(sum(over) AS BIGINT), CAST(sum(too_large) AS BIGINT), CAST(sum(unsealed) AS BIGINT)
		FROM usage_event_days GROUP BY day ORDER BY day DESC`)
	if err != nil {
		return nil, fmt.Errorf("read kept days: %w", err)
	}
	return out, nil
}

// DropEventDays deletes what is kept of the events of days before one, at most
// limit blocks, and returns how many events and whether there are more.
func (tx *Tx) DropEventDays(before int64, limit int) (n int64, more bool, err error) {
	var ids []int64
	err = tx.query(func(rows *sql.Rows) error {
		var id, k int64
		err := rows.Scan(&id, &k)
		ids, n = append(ids, id), n+k
		return err
	}, "SELECT id, n FROM usage_events WHERE day < $1 ORDER BY day, id LIMIT $2", before, limit)
	if err == nil && len(ids) == limit {
		return n, true, tx.dropBlocks(ids)
	}
	if err == nil {
		err = tx.dropBlocks(ids)
	}
	if err == nil {
		err = tx.exec("DELETE FROM usage_event_days WHERE day < $1", before)
	}
	return n, false, err
}

func (tx *Tx) dropBlocks(ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	each := " IN (SELECT v FROM " + tx.db.d.eachInt("$1") + " j)"
	if err := tx.exec("DELETE FROM usage_event_refs WHERE block"+each, tx.db.d.ints(ids)); err != nil {
		return err
	}
	return tx.exec("DELETE FROM usage_events WHERE id"+each, tx.db.d.ints(ids))
}

// ReplaceEventBlocks puts blocks in the place of others of the same log and day,
// which hold the same events or some of them. ErrConflict says that one of them is
// not what it was.
func (tx *Tx) ReplaceEventBlocks(old []store.EventBlock, by []store.EventBlock) error {
	ids := make([]int64, len(old))
	d := store.EventDay{}
	for i := range old {
		ids[i] = old[i].ID
		d.Day = old[i].Day
	}
	list := tx.db.d.ints(ids)
	var log, there int64
	err := tx.query(func(rows *sql.Rows) error {
		var name string
		var id, n, size int64
		err := rows.Scan(&id, &name, &log, &n, &size)
		d.Events, d.Bytes = d.Events-n, d.Bytes-size
		if slices.ContainsFunc(old, func(b store.EventBlock) bool { return b.ID == id && b.Name == name }) {
			there++
		}
		return err
	}, "SELECT e.id, e.name, e.log, e.n, length(e.sealed) + length(e.hashes) FROM "+tx.db.d.eachInt("$1")+" j JOIN usage_events e ON e.id = j.v", list)
	if err != nil {
		return fmt.Errorf("replace events: %w", err)
	}
	if there != int64(len(old)) {
		return fmt.Errorf("%w: replace events: they were replaced meanwhile", retinue.ErrConflict)
	}
	refs, err := tx.ints("SELECT DISTINCT ref_id FROM usage_event_refs WHERE block IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j) ORDER BY ref_id", list)
	if err != nil {
		return fmt.Errorf("replace events: %w", err)
	}
	if err := tx.dropBlocks(ids); err != nil {
		return fmt.Errorf("replace events: %w", err)
	}
	first := slices.MinFunc(old, func(x, y store.EventBlock) int { return cmp.Compare(x.ID, y.ID) }).ID
	for i := range by {
		by[i].Day = d.Day
		if i == 0 { // in the place of the first of them
			by[i].ID = first
		}
		if err := tx.writeEventBlock(&by[i], log, refs); err != nil {
			return fmt.Errorf("replace events: %w", err)
		}
		d.Events += by[i].N
		d.Bytes += sizeOfBlock(&by[i])
	}
	return tx.addEventDay(d)
}
