package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// The figures behind the headline metrics. They count non-human identities
// and credentials.
const (
	figureUse        = "use"        // type|kind of identity|day of last use, or ""
	figurePrivileged = "privileged" // type
)

// useKey is how a thing counts in the figures of use, if it does.
func useKey(t retinue.FactType, class, kind string) (string, bool) {
	switch {
	case t == retinue.FactCredential:
		return string(t) + "|", true
	case t == retinue.FactIdentity && class == string(retinue.ClassNonHuman):
		return string(t) + "|" + kind, true
	}
	return "", false
}

// countUse moves a thing in the figures of use from its last use to a newer
// one.
func (tx *Tx) countUse(entity, at int64) error {
	var t int
	var class, kind string
	var source int64
	var was, gone sql.NullInt64
	err := tx.queryRow(`SELECT type, class, kind, source_id, last_used, gone_at FROM entities WHERE id = $1 AND (last_used IS NULL OR last_used < $2)`,
		entity, at).Scan(&t, &class, &kind, &source, &was, &gone)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("keep figures of use: %w", err)
	}
	if key, ok := useKey(store.TypeAt(t), class, kind); ok && !gone.Valid {
		tx.count(source, -1)(figureUse, key, dayOf(was))
		tx.count(source, 1)(figureUse, key, dayOf(sql.NullInt64{Int64: at, Valid: true}))
	}
	return nil
}

// recountUse counts the figures of use and privilege from nothing.
func (tx *Tx) recountUse() error {
	m, err := tx.moment(store.AsOf{})
	if err != nil {
		return err
	}
	return tx.countUses(m, func(c useCell) {
		tx.count(c.source, c.n)(figureUse, c.key(), c.day)
		if c.privileged {
			tx.count(c.source, c.n)(figurePrivileged, string(c.ftype))
		}
	})
}

// moment says where the rows of a time are.
type moment struct {
	tables []string
	used   string // the last use of a row e, as it was known
	cond   string // on a row e: that it was there, and that the scope sees it
}

func (tx *Tx) moment(a store.AsOf) (moment, error) {
	if !a.Known.IsZero() {
		return moment{}, fmt.Errorf("%w: known: what was known then is told of lists and single things only", retinue.ErrInvalid)
	}
	l, err := tx.lens()
	if err != nil {
		return moment{}, err
	}
	if a.IsZero() {
		return moment{tables: []string{"entities e"}, used: "e.last_used", cond: " AND e.gone_at IS NULL" + and(l.sees("e"))}, nil
	}
	at := asOfTime(a, tx.at)
	m := moment{tables: thenTables(at), used: fmt.Sprintf(usedThen, at)}
	if !l.all {
		m.cond = " AND EXISTS (SELECT 1 FROM entities ve WHERE ve.id = e.id AND " + l.sees("ve") + ")"
	}
	return m, nil
}

// useCell is how many things of a source were last used on a day.
type useCell struct {
	source     int64
	ftype      retinue.FactType
	kind       string // of an identity
	privileged bool
	day        string // "": no use was told
	n          int64
}

func (c useCell) key() string { return string(c.ftype) + "|" + c.kind }

// countUses counts what the figures of use and privilege hold.
func (tx *Tx) countUses(m moment, fn func(useCell)) error {
	identity, credential := store.TypeIndex(retinue.FactIdentity), store.TypeIndex(retinue.FactCredential)
	for _, table := range m.tables {
		err := tx.query(func(rows *sql.Rows) error {
			var c useCell
			var t int
			var d sql.NullInt64
			if err := rows.Scan(&c.source, &t, &c.kind, &c.privileged, &d, &c.n); err != nil {
				return err
			}
			if d.Valid {
				d.Int64 = (d.Int64 - 1_000_000) * dayMicros
			}
			c.ftype, c.day = store.TypeAt(t), dayOf(d)
			fn(c)
			return nil
		}, fmt.Sprintf(`SELECT t.source_id, t.type, t.kind, t.privileged, t.day, count(*) FROM (
			SELECT e.source_id, e.type, CASE WHEN e.type = %d THEN e.kind ELSE '' END AS kind, e.privileged, (%s + %d) / %d AS day
			FROM %s WHERE (e.type = %d OR (e.type = %d AND e.class = '%s'))%s) t GROUP BY t.source_id, t.type, t.kind, t.privileged, t.day`,
			identity, m.used, dayMicros*1_000_000, dayMicros, table, credential, identity, retinue.ClassNonHuman, m.cond))
		if err != nil {
			return err
		}
	}
	return nil
}

// uses yields the figures of use and privilege: as they are kept for now, or
// counted where the scope sees a part only, and for a time that was.
func (tx *Tx) uses(a store.AsOf, fn func(useCell)) error {
	m, err := tx.moment(a)
	if err != nil {
		return err
	}
	l, err := tx.lens()
	if err != nil {
		return err
	}
	if !l.all || !a.IsZero() {
		return tx.countUses(m, fn)
	}
	err = tx.figure(figureUse, func(source int64, key []string, n int64) {
		if len(key) == 3 {
			fn(useCell{source: source, ftype: retinue.FactType(key[0]), kind: key[1], day: key[2], n: n})
		}
	})
	if err != nil {
		return err
	}
	return tx.figure(figurePrivileged, func(source int64, key []string, n int64) {
		fn(useCell{source: source, ftype: retinue.FactType(key[0]), privileged: true, day: privilegeOnly, n: n})
	})
}

// privilegeOnly stands for the day in cells that count privilege and no use:
// the two are kept apart.
const privilegeOnly = "-"

// Measures returns the counts behind the headline metrics of what the scope
// sees, by the name of the source, now or as of a date. For a scope that sees
// everything they are kept, and cost what they show; for others, and for the
// past, they are counted.
func (tx *Tx) Measures(a store.AsOf, idle store.IdleAfter) (map[string]*store.Measures, error) {
	names, err := tx.allSources()
	if err != nil {
		return nil, err
	}
	keyed, err := tx.measures(a, observed(asOfTime(a, tx.at)), idle)
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	out := make(map[string]*store.Measures, len(keyed))
	for key, m := range keyed {
		out[names[key]] = m
	}
	return out, nil
}

// measures measures what stands as of a date; ages are seen from at.
func (tx *Tx) measures(a store.AsOf, at time.Time, idle store.IdleAfter) (map[int64]*store.Measures, error) {
	out := map[int64]*store.Measures{}
	of := func(source int64) *store.Measures {
		if out[source] == nil {
			out[source] = &store.Measures{IdleDays: idle.Of("")}
		}
		return out[source]
	}
	workload := map[string]bool{}
	for _, k := range store.WorkloadKinds() {
		workload[k] = true
	}
	since := map[string]string{}
	err := tx.uses(a, func(c useCell) {
		if since[c.kind] == "" {
			since[c.kind] = idle.Since(c.kind, at).Format(time.DateOnly)
		}
		addUse(of(c.source), c, since[c.kind], workload[c.kind])
	})
	if err != nil {
		return nil, err
	}
	old := at.AddDate(0, 0, -store.OldDays).Format(time.DateOnly)
	err = tx.daysAt(a, figureStatic, func(source int64, day string, n int64) {
		switch {
		case day == "":
			of(source).AgeUnknown += n
		case day < old:
			of(source).StaticOld += n
		}
	})
	return out, err
}

// IdleChange counts what another threshold of idleness would change, of what
// the scope sees.
func (tx *Tx) IdleChange(is, then store.IdleAfter) (store.IdleChange, error) {
	out := store.IdleChange{ByKind: map[string]int64{}}
	err := tx.uses(store.AsOf{}, func(c useCell) {
		if c.day == privilegeOnly {
			return
		}
		idle := c.day < is.Since(c.kind, tx.at).Format(time.DateOnly)
		will := c.day < then.Since(c.kind, tx.at).Format(time.DateOnly)
		credential := c.ftype == retinue.FactCredential
		switch {
		case c.day == "" && !credential:
			out.Unknown += c.n
		case c.day != "":
			out.Add(c.kind, credential, idle, will, c.n)
		}
	})
	if err != nil {
		return out, fmt.Errorf("preview idle threshold: %w", err)
	}
	return out, nil
}

func addUse(m *store.Measures, c useCell, since string, workload bool) {
	credential := c.ftype == retinue.FactCredential
	if c.privileged {
		if credential {
			m.StrongCredentials += c.n
		} else {
			m.Privileged += c.n
		}
	}
	if c.day == privilegeOnly {
		return
	}
	unknown, idle := c.day == "", c.day != "" && c.day < since
	switch {
	case credential && unknown:
		m.UnknownCredentials += c.n
	case credential && idle:
		m.IdleCredentials += c.n
	case unknown:
		m.UnknownIdentities += c.n
	case idle:
		m.IdleIdentities += c.n
	}
	if !workload || credential {
		return
	}
	m.Workloads += c.n
	if unknown {
		m.UnknownWorkloads += c.n
	} else if idle {
		m.DormantWorkloads += c.n
	}
}
