package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/axiomhq/hyperloglog"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// packRows bounds how many rows one transaction packs, and with it its memory
// and how long others wait for their turn.
const packRows = 50_000

// PackUsage moves the counts of hours before one to their behaviours' months,
// where they take a third of the space and lie together, and folds the addresses
// of months that are over into sketches. It returns how many rows it moved. Run
// again after it was interrupted it goes on where it stopped.
func (db *DB) PackUsage(ctx context.Context, before time.Time) (int64, error) {
	var moved int64
	for {
		var n int64
		err := db.Update(ctx, func(tx *Tx) (err error) {
			n, err = tx.packHours(store.UsageHour(before.Unix()))
			return err
		})
		moved += n
		if err != nil || n == 0 {
			if err == nil {
				err = db.packOrigins(ctx, store.UsageMonth(before.Unix()))
			}
			return moved, err
		}
	}
}

// packHours moves the oldest hours, whole ones, as many as a transaction takes.
func (tx *Tx) packHours(before int64) (int64, error) {
	var last sql.NullInt64
	err := tx.queryRow(fmt.Sprintf("SELECT max(hour) FROM (SELECT hour FROM usage_hours WHERE hour < $1 ORDER BY hour LIMIT %d) t", packRows), before).Scan(&last)
	if err != nil || !last.Valid {
		return 0, err
	}
	type key struct{ behaviour, month int64 }
	months := map[key]*store.Month{}
	var n int64
	err = tx.query(func(rows *sql.Rows) error {
		var hour, behaviour, count, first, end int64
		if err := rows.Scan(&hour, &behaviour, &count, &first, &end); err != nil {
			return err
		}
		n++
		k := key{behaviour, store.UsageMonth(hour * 3600)}
		m := months[k]
		if m == nil {
			m = &store.Month{Month: k.month, Grain: store.GrainHour}
			months[k] = m
		}
		t := store.Tally{Hour: hour, N: count, First: hour*3600 + first, Last: hour*3600 + end}
		if l := len(m.Hours); l > 0 && m.Hours[l-1].Hour == hour { // another lane of the hour
			p := &m.Hours[l-1]
			p.N, p.First, p.Last = p.N+t.N, min(p.First, t.First), max(p.Last, t.Last)
			return nil
		}
		m.Hours = append(m.Hours, t)
		return nil
	}, "DELETE FROM usage_hours WHERE hour <= $1 RETURNING hour, behaviour, n, first_s, last_s", last.Int64)
	if err != nil {
		return 0, fmt.Errorf("pack hours: %w", err)
	}
	list := slices.SortedFunc(maps.Keys(months), func(x, y key) int {
		return cmp.Or(cmp.Compare(x.behaviour, y.behaviour), cmp.Compare(x.month, y.month))
	})
	rows := newBulk(tx, "usage_packed (behaviour, month, body)", " ON CONFLICT (behaviour, month) DO UPDATE SET body = excluded.body")
	for _, k := range list {
		m := months[k]
		slices.SortFunc(m.Hours, func(x, y store.Tally) int { return cmp.Compare(x.Hour, y.Hour) })
		m.Sum()
		var body []byte
		switch err := tx.queryRow("SELECT body FROM usage_packed WHERE behaviour = $1 AND month = $2", k.behaviour, k.month).Scan(&body); {
		case err == nil:
			was, err := store.UnpackMonth(k.month, body)
			if err != nil {
				return 0, err
			}
			was.Merge(*m)
			m = &was
		case !isNoRows(err):
			return 0, err
		}
		if err := rows.add(k.behaviour, k.month, m.Pack()); err != nil {
			return 0, err
		}
	}
	return n, rows.flush()
}

// CoarsenUsage keeps days in place of hours of the months before one, and months
// in place of days before another.
func (db *DB) CoarsenUsage(ctx context.Context, days, months time.Time) (int64, error) {
	limits := map[store.Grain]int64{store.GrainDay: store.UsageMonth(days.Unix()), store.GrainMonth: store.UsageMonth(months.Unix())}
	var changed, from int64
	for {
		var next int64
		err := db.Update(ctx, func(tx *Tx) (err error) {
			var n int64
			n, next, err = tx.coarsen(from, limits)
			changed += n
			return err
		})
		if err != nil || next == 0 {
			return changed, err
		}
		from = next
	}
}

// coarsen looks at the behaviours from one on, and returns where to go on.
func (tx *Tx) coarsen(from int64, limits map[store.Grain]int64) (changed, next int64, err error) {
	type row struct {
		behaviour, month int64
		body             []byte
	}
	var list []row
	err = tx.query(func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.behaviour, &r.month, &r.body)
		list = append(list, r)
		return err
	}, fmt.Sprintf("SELECT behaviour, month, body FROM usage_packed WHERE behaviour > $1 AND month < $2 ORDER BY behaviour, month LIMIT %d", packRows), from, limits[store.GrainDay])
	if err != nil {
		return 0, 0, err
	}
	if len(list) == packRows { // the last behaviour may not be whole
		end := list[len(list)-1].behaviour
		for len(list) > 0 && list[len(list)-1].behaviour == end {
			list = list[:len(list)-1]
		}
		next = end - 1
	}
	for _, r := range list {
		grain := store.GrainDay
		if r.month < limits[store.GrainMonth] {
			grain = store.GrainMonth
		}
		m, err := store.UnpackMonth(r.month, r.body)
		if err != nil {
			return 0, 0, err
		}
		was := m.Grain
		if m.Coarsen(grain); m.Grain == was {
			continue
		}
		changed++
		if err := tx.exec("UPDATE usage_packed SET body = $1 WHERE behaviour = $2 AND month = $3", m.Pack(), r.behaviour, r.month); err != nil {
			return 0, 0, err
		}
	}
	return changed, next, nil
}

// exactOrigins is up to how many addresses are kept one by one.
const exactOrigins = 64

// packOrigins folds addresses of months before one into sketches.
func (db *DB) packOrigins(ctx context.Context, month int64) error {
	for {
		var n int
		err := db.Update(ctx, func(tx *Tx) (err error) {
			n, err = tx.foldOrigins(month)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// originKey is a behaviour in a month.
type originKey struct{ behaviour, month int64 }

// foldOrigins folds the first addresses of months before one, as many as a
// transaction takes, and returns how many those were.
func (tx *Tx) foldOrigins(month int64) (int, error) {
	cond, args := "month < $1", []any{month}
	var last [3]int64
	err := tx.queryRow(fmt.Sprintf("SELECT month, behaviour, origin FROM usage_origins WHERE month < $1 ORDER BY month, behaviour, origin LIMIT 1 OFFSET %d", packRows-1), month).
		Scan(&last[0], &last[1], &last[2])
	switch {
	case err == nil:
		cond, args = cond+" AND (month, behaviour, origin) <= ($2, $3, $4)", append(args, last[0], last[1], last[2])
	case !isNoRows(err):
		return 0, fmt.Errorf("pack addresses: %w", err)
	}
	sets := map[originKey][]uint32{}
	n := 0
	err = tx.query(func(rows *sql.Rows) error {
		var k originKey
		var origin int64
		err := rows.Scan(&k.month, &k.behaviour, &origin)
		sets[k] = append(sets[k], uint32(origin)) //nolint:gosec // written from 32 bits
		n++
		return err
	}, "DELETE FROM usage_origins WHERE "+cond+" RETURNING month, behaviour, origin", args...)
	if err != nil {
		return 0, fmt.Errorf("pack addresses: %w", err)
	}
	return n, tx.addSketches(sets)
}

// addSketches adds addresses to the sketches of their behaviours.
func (tx *Tx) addSketches(sets map[originKey][]uint32) error {
	list := slices.SortedFunc(maps.Keys(sets), func(x, y originKey) int {
		return cmp.Or(cmp.Compare(x.behaviour, y.behaviour), cmp.Compare(x.month, y.month))
	})
	rows := newBulk(tx, "usage_sketches (behaviour, month, body)", " ON CONFLICT (behaviour, month) DO UPDATE SET body = excluded.body")
	for _, k := range list {
		var body []byte
		err := tx.queryRow("SELECT body FROM usage_sketches WHERE behaviour = $1 AND month = $2", k.behaviour, k.month).Scan(&body)
		if err != nil && !isNoRows(err) {
			return err
		}
		if body, err = addOrigins(body, sets[k]); err != nil {
			return err
		}
		if err := rows.add(k.behaviour, k.month, body); err != nil {
			return err
		}
	}
	return rows.flush()
}

// addOrigins adds addresses to a sketch: a list of up to exactOrigins, 'x' and
// four bytes each, beyond that a HyperLogLog sketch, 'l' and its own form.
func addOrigins(body []byte, set []uint32) ([]byte, error) {
	list, sketch, err := readOrigins(body)
	if err != nil {
		return nil, err
	}
	if sketch == nil {
		list = append(list, set...)
		slices.Sort(list)
		list = slices.Compact(list)
		if len(list) <= exactOrigins {
			out := []byte{'x'}
			for _, o := range list {
				out = append(out, byte(o>>24), byte(o>>16), byte(o>>8), byte(o)) //nolint:gosec // its bytes
			}
			return out, nil
		}
		sketch, set = hyperloglog.New14(), list
	}
	for _, o := range set {
		sketch.InsertHash(spread(o))
	}
	out, err := sketch.MarshalBinary()
	return append([]byte{'l'}, out...), err
}

// spread makes 64 bits of the 32 of an address's hash: a sketch looks at all of
// them. The constants are of splitmix64 (Steele, Lea, Flood 2014).
func spread(o uint32) uint64 {
	x := uint64(o) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func readOrigins(body []byte) ([]uint32, *hyperloglog.Sketch, error) {
	if len(body) == 0 {
		return nil, nil, nil
	}
	switch {
	case body[0] == 'x' && len(body)%4 == 1:
		var list []uint32
		for b := body[1:]; len(b) > 0; b = b[4:] {
			list = append(list, uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3]))
		}
		return list, nil, nil
	case body[0] == 'l':
		s := hyperloglog.New14()
		if err := s.UnmarshalBinary(body[1:]); err != nil {
			return nil, nil, fmt.Errorf("%w: sketch of addresses: %v", retinue.ErrInvalid, err)
		}
		return nil, s, nil
	}
	return nil, nil, fmt.Errorf("%w: sketch of addresses", retinue.ErrInvalid)
}

// ForgetEvents forgets which events were counted whose hour had none delivered
// for the horizon. An event of such an hour that comes later cannot be told from
// one that was counted, but by its input.
func (db *DB) ForgetEvents(ctx context.Context, horizon time.Duration) (int64, error) {
	if horizon <= 0 {
		horizon = DefaultHorizon
	}
	var forgotten int64
	for {
		more := false
		err := db.Update(ctx, func(tx *Tx) error {
			n, rest, err := tx.forgetHours(tx.at.Add(-horizon).Unix() / 86400)
			forgotten += n
			more = rest
			return err
		})
		if err != nil || !more {
			return forgotten, err
		}
	}
}

func (tx *Tx) forgetHours(day int64) (int64, bool, error) {
	type key struct{ log, hour int64 }
	var list []key
	const limit = 200
	err := tx.query(func(rows *sql.Rows) error {
		var k key
		err := rows.Scan(&k.log, &k.hour)
		list = append(list, k)
		return err
	}, fmt.Sprintf(`SELECT DISTINCT h.log, h.hour FROM usage_seen_hours h WHERE h.purged = 0 AND h.day < $1
		AND NOT EXISTS (SELECT 1 FROM usage_seen_hours l WHERE l.log = h.log AND l.hour = h.hour AND l.day >= $1) LIMIT %d`, limit), day)
	if err != nil {
		return 0, false, fmt.Errorf("forget events: %w", err)
	}
	var n int64
	for _, k := range list {
		res, err := tx.execResult("DELETE FROM usage_seen WHERE log = $1 AND hour = $2", k.log, k.hour)
		if err == nil {
			err = tx.exec("UPDATE usage_seen_hours SET purged = 1 WHERE log = $1 AND hour = $2 AND day < $3", k.log, k.hour, day)
		}
		if err != nil {
			return 0, false, fmt.Errorf("forget events: %w", err)
		}
		gone, _ := res.RowsAffected()
		n += gone
	}
	return n, len(list) == limit, nil
}
