package sqlstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// DefaultHorizon is for how long after its last delivery the same event is known
// again, where a log has no other.
const DefaultHorizon = 7 * 24 * time.Hour

// CountUsage counts batches of events in one transaction, each event once however
// often it is delivered within the horizon, and keeps in the same transaction
// where the reading of their inputs stands. It is safe for concurrent use, also
// by several processes on one PostgreSQL, which wait for each other only where a
// batch says from where its input was read. ErrConflict says that the reading of
// that input stands elsewhere.
func (db *DB) CountUsage(ctx context.Context, batches ...store.UsageBatch) (store.UsageCounted, error) {
	var out store.UsageCounted
	merged := mergeUsage(batches)
	known := true
	for _, m := range merged {
		known = db.usage.know(m) && known
	}
	intern := func(tx *Tx) error {
		tx.words = map[string]int64{}
		for _, m := range merged {
			if err := tx.internUsage(m); err != nil {
				return err
			}
		}
		return nil
	}
	if !known && db.pool != nil {
		// What others wrote before is read, for which nobody waits.
		err := db.View(ctx, store.Everything(), func(tx *Tx) (err error) {
			known, err = tx.findUsage(merged)
			return err
		})
		if err != nil {
			return out, err
		}
		if known {
			db.usage.learn(merged)
		}
	}
	if !known && db.pool != nil {
		// New names are written first, in their turn: they are of no consequence by
		// themselves, and the counting then waits for nobody.
		if err := db.Update(ctx, intern); err != nil {
			return out, err
		}
		known = true
		db.usage.learn(merged)
	}
	err := db.unordered(ctx, func(tx *Tx) error {
		if !known {
			if err := intern(tx); err != nil {
				return err
			}
		}
		if err := tx.takeTurns(merged, batches); err != nil {
			return err
		}
		for _, m := range merged {
			if err := tx.countUsage(m, &out); err != nil {
				return fmt.Errorf("count usage: %w", err)
			}
		}
		return tx.keepPositions(merged, batches)
	})
	if err != nil {
		return store.UsageCounted{}, err
	}
	if !known {
		db.usage.learn(merged)
	}
	return out, nil
}

// unordered is an update that takes no turn among writers where the database can
// do without. It writes only what has no order: what commutes.
func (db *DB) unordered(ctx context.Context, fn func(*Tx) error) error {
	if db.pool == nil {
		return db.Update(ctx, fn)
	}
	sqltx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%w: write database: %v", kindOf(err), err)
	}
	defer func() { _ = sqltx.Rollback() }()
	tx := &Tx{ctx: ctx, tx: sqltx, db: db, at: db.now(), write: true, scope: store.Everything(), realms: map[retinue.Realm]int64{}, following: newFollowing()}
	if err := fn(tx); err != nil {
		return dbError(err)
	}
	if err := sqltx.Commit(); err != nil {
		return fmt.Errorf("%w: commit: %v", kindOf(err), err)
	}
	return nil
}

// usageRow is a rollup row as a batch adds to it.
type usageRow struct {
	hour, behaviour int64
	n               int64
	first, last     int64
}

func (tx *Tx) countUsage(b *usageMerged, out *store.UsageCounted) error {
	fresh, late, err := tx.unseen(b, out)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return tx.addHours(b, fresh, out) },
		func() error { return tx.addOrigins(b, fresh) },
		func() error { return tx.addTouches(b, fresh) },
		func() error { return tx.addUnknown(b, fresh) },
		func() error { return tx.markTouched(b, fresh) },
		func() error { return tx.addTallies(b, fresh, late) },
		func() error { return tx.keepEvents(b, fresh) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// unseen notes the events of a batch and reports which of them had not been
// counted before, and how many came too late to tell.
func (tx *Tx) unseen(b *usageMerged, out *store.UsageCounted) (fresh []bool, late int64, err error) {
	order := make([]int32, len(b.Events))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // a batch has a few thousand
	}
	slices.SortFunc(order, func(x, y int32) int {
		return cmp.Or(cmp.Compare(store.UsageHour(b.Events[x].At), store.UsageHour(b.Events[y].At)),
			cmp.Compare(int64(b.Events[x].Hash), int64(b.Events[y].Hash))) //nolint:gosec // the same bits
	})
	purged, err := tx.noteHours(b, order)
	if err != nil {
		return nil, 0, err
	}
	fresh = make([]bool, len(b.Events))
	if err := tx.insertSeen(b, order, fresh); err != nil {
		return nil, 0, err
	}
	if len(purged) > 0 {
		if late, err = tx.checkLate(b, order, purged, fresh); err != nil {
			return nil, 0, err
		}
	}
	out.LateUnverified += late
	for _, f := range fresh {
		if f {
			out.New++
		} else {
			out.Repeated++
		}
	}
	return fresh, late, nil
}

// insertSeen writes the hashes of events, in their order, and marks those that
// were new. Of equal events in one batch the first counts.
func (tx *Tx) insertSeen(b *usageMerged, order []int32, fresh []bool) error {
	index := func(i int32) (int64, int64) {
		return store.UsageHour(b.Events[i].At), int64(b.Events[i].Hash) //nolint:gosec // the same bits
	}
	size := tx.db.d.rows()
	for len(order) > 0 {
		chunk := order[:min(size, len(order))]
		order = order[len(chunk):]
		args := make([]any, 0, 3*len(chunk))
		for _, i := range chunk {
			hour, hash := index(i)
			args = append(args, b.names.log, hour, hash)
		}
		// Rows come back in the order in which they were inserted, which is that of
		// the chunk: one walk finds which they are.
		at := 0
		err := tx.query(func(rows *sql.Rows) error {
			var hour, hash int64
			if err := rows.Scan(&hour, &hash); err != nil {
				return err
			}
			for at < len(chunk) {
				h, x := index(chunk[at])
				at++
				if h == hour && x == hash {
					fresh[chunk[at-1]] = true
					return nil
				}
			}
			return fmt.Errorf("%w: a row came back out of order", retinue.ErrUnavailable)
		}, "INSERT INTO usage_seen (log, hour, hash) VALUES "+tx.db.d.values(len(chunk), 3)+" ON CONFLICT DO NOTHING RETURNING hour, hash", args...)
		if err != nil {
			return fmt.Errorf("note events: %w", err)
		}
	}
	return nil
}

// noteHours notes on which day events of an hour came, and returns the hours
// whose earlier events are not known any more.
func (tx *Tx) noteHours(b *usageMerged, order []int32) (map[int64]bool, error) {
	day := tx.at.Unix() / 86400
	purged := map[int64]bool{}
	last := int64(-1 << 62)
	var hours []int64
	for _, i := range order {
		if h := store.UsageHour(b.Events[i].At); h != last {
			last = h
			hours = append(hours, h)
		}
	}
	notes := newBulk(tx, "usage_seen_hours (log, hour, day)", " ON CONFLICT DO NOTHING")
	for _, h := range hours {
		if err := notes.add(b.names.log, h, day); err != nil {
			return nil, err
		}
	}
	if err := notes.flush(); err != nil {
		return nil, fmt.Errorf("note hours: %w", err)
	}
	err := tx.query(func(rows *sql.Rows) error {
		var h int64
		err := rows.Scan(&h)
		purged[h] = true
		return err
	}, "SELECT DISTINCT hour FROM usage_seen_hours WHERE log = $1 AND purged = 1 AND hour IN (SELECT v FROM "+tx.db.d.eachInt("$2")+" j)", b.names.log, tx.db.d.ints(hours))
	if err != nil {
		return nil, fmt.Errorf("look for purged hours: %w", err)
	}
	return purged, nil
}

// checkLate decides about events whose hour is not known any more: by their
// input, in which each is counted once.
func (tx *Tx) checkLate(b *usageMerged, order []int32, purged map[int64]bool, fresh []bool) (late int64, err error) {
	for _, i := range order {
		e := b.Events[i]
		if !fresh[i] || !purged[store.UsageHour(e.At)] {
			continue
		}
		sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(b.Log+"\x00"+b.inputOf(i)+"\x00"), e.Hash))
		res, err := tx.execResult("INSERT INTO usage_late (hash, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", sum[:16], tx.at.UnixMicro())
		if err != nil {
			return 0, err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			fresh[i] = false
			continue
		}
		late++
	}
	return late, nil
}

func (tx *Tx) addHours(b *usageMerged, fresh []bool, out *store.UsageCounted) error {
	sums := make(map[[2]int64]*usageRow, len(b.Behaviours))
	var list []*usageRow
	for i, e := range b.Events {
		if !fresh[i] {
			continue
		}
		hour, id := store.UsageHour(e.At), b.names.behaviours[e.Behaviour].id
		s := e.At - hour*3600
		r := sums[[2]int64{hour, id}]
		if r == nil {
			r = &usageRow{hour: hour, behaviour: id, first: s, last: s}
			sums[[2]int64{hour, id}] = r
			list = append(list, r)
		}
		r.n++
		r.first, r.last = min(r.first, s), max(r.last, s)
	}
	slices.SortFunc(list, func(x, y *usageRow) int {
		return cmp.Or(cmp.Compare(x.hour, y.hour), cmp.Compare(x.behaviour, y.behaviour))
	})
	out.Hours += int64(len(list))
	less, more := tx.db.d.lesser(), tx.db.d.greater()
	rows := newBulk(tx, "usage_hours (hour, behaviour, lane, n, first_s, last_s)", ` ON CONFLICT (hour, behaviour, lane) DO UPDATE
		SET n = usage_hours.n + excluded.n, first_s = `+less+`(usage_hours.first_s, excluded.first_s), last_s = `+more+`(usage_hours.last_s, excluded.last_s)`)
	for _, r := range list {
		if err := rows.add(r.hour, r.behaviour, tx.db.usage.lane, r.n, r.first, r.last); err != nil {
			return err
		}
	}
	return rows.flush()
}

func (tx *Tx) addOrigins(b *usageMerged, fresh []bool) error {
	type key struct {
		month, behaviour int64
		origin           uint32
	}
	met := map[key]bool{}
	var list []key
	for i, e := range b.Events {
		k := key{store.UsageMonth(e.At), b.names.behaviours[e.Behaviour].id, e.Origin}
		if !fresh[i] || e.Origin == 0 || met[k] {
			continue
		}
		met[k] = true
		list = append(list, k)
	}
	slices.SortFunc(list, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.month, y.month), cmp.Compare(x.behaviour, y.behaviour), cmp.Compare(x.origin, y.origin))
	})
	rows := newBulk(tx, "usage_origins (month, behaviour, origin)", " ON CONFLICT DO NOTHING")
	for _, k := range list {
		if err := rows.add(k.month, k.behaviour, int64(k.origin)); err != nil {
			return err
		}
	}
	return rows.flush()
}

func (tx *Tx) addTouches(b *usageMerged, fresh []bool) error {
	less, more := tx.db.d.lesser(), tx.db.d.greater()
	for _, t := range b.Touches {
		e := b.Events[t.Event]
		if !fresh[t.Event] || t.Target.IsZero() {
			continue
		}
		err := tx.exec(`INSERT INTO usage_touches (target, behaviour, kind, lane, n, first_at, last_at) VALUES ($1, $2, $3, $4, 1, $5, $5)
			ON CONFLICT (target, behaviour, kind, lane) DO UPDATE SET n = usage_touches.n + 1, first_at = `+less+`(usage_touches.first_at, excluded.first_at),
			last_at = `+more+`(usage_touches.last_at, excluded.last_at)`, b.names.targets[t.Target], b.names.behaviours[e.Behaviour].id, string(t.Kind), tx.db.usage.lane, e.At)
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) addUnknown(b *usageMerged, fresh []bool) error {
	for _, u := range b.Unknown {
		if !fresh[u.Event] {
			continue
		}
		e := b.Events[u.Event]
		err := tx.exec("INSERT INTO usage_unknown (name, log, at, label, place, sealed) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			u.Name, b.names.log, e.At, u.Label, u.Place, u.Sealed)
		if err != nil {
			return err
		}
	}
	return nil
}

// markTouched notes whose use changed.
func (tx *Tx) markTouched(b *usageMerged, fresh []bool) error {
	ids := b.names.behaviours
	counted := make([]bool, len(ids))
	for i, e := range b.Events {
		counted[e.Behaviour] = counted[e.Behaviour] || fresh[i]
	}
	var refs []int64
	for i, k := range ids {
		for _, r := range [...]int64{k.identity, k.credential, k.via} {
			if r != 0 && counted[i] {
				refs = append(refs, r)
			}
		}
	}
	slices.Sort(refs)
	rows := newBulk(tx, "usage_touched (ref_id, lane)", " ON CONFLICT DO NOTHING")
	for _, r := range slices.Compact(refs) {
		if err := rows.add(r, tx.db.usage.lane); err != nil {
			return err
		}
	}
	return rows.flush()
}

func inputHash(input string) []byte {
	sum := sha256.Sum256([]byte(input))
	return sum[:16]
}

// addTallies counts what came of a log a day, by the realm that it happened in.
func (tx *Tx) addTallies(b *usageMerged, fresh []bool, late int64) error {
	type key struct {
		realm retinue.Realm
		day   int64
		what  string
	}
	sums := map[key]int64{}
	for i, e := range b.Events {
		x := b.Behaviours[e.Behaviour]
		k := key{x.Realm, store.UsageHour(e.At) / 24, "repeated"}
		if fresh[i] {
			k.what = string(x.Class)
		}
		sums[k]++
	}
	if late > 0 && len(b.Behaviours) > 0 {
		sums[key{b.Behaviours[0].Realm, tx.at.Unix() / 86400, "late"}] += late
	}
	list := slices.SortedFunc(maps.Keys(sums), func(x, y key) int {
		return cmp.Or(cmp.Compare(x.realm, y.realm), cmp.Compare(x.day, y.day), cmp.Compare(x.what, y.what))
	})
	rows := newBulk(tx, "usage_tallies (log, realm_id, day, what, lane, n)", " ON CONFLICT (log, realm_id, day, what, lane) DO UPDATE SET n = usage_tallies.n + excluded.n")
	for _, k := range list {
		realm, err := tx.realmID(k.realm)
		if err != nil {
			return err
		}
		if err := rows.add(b.names.log, realm, k.day, k.what, tx.db.usage.lane, sums[k]); err != nil {
			return err
		}
	}
	return rows.flush()
}
