package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// WritePopulation writes the population of every source as it stands now as
// that of a day (UTC), with the counts behind the headline metrics, in which
// ages are seen from that day. Writing a day again replaces it. It reads figures that are kept, so its cost follows
// from how many different ones there are, not from the population.
func (tx *Tx) WritePopulation(day time.Time, idle store.IdleAfter) error {
	totals, err := tx.populations(day, idle)
	if err != nil {
		return fmt.Errorf("write population: %w", err)
	}
	type source struct {
		key      int64
		name     string
		complete bool
	}
	var sources []source
	err = tx.query(func(rows *sql.Rows) error {
		var s source
		var scopes, whole int64
		if err := rows.Scan(&s.key, &s.name, &scopes, &whole); err != nil {
			return err
		}
		s.complete = scopes > 0 && scopes == whole
		sources = append(sources, s)
		return nil
	}, `SELECT o.id, o.name, count(s.id), COALESCE(CAST(sum(CASE WHEN s.state = $1 THEN 1 ELSE 0 END) AS BIGINT), 0)
		FROM sources o LEFT JOIN scopes s ON s.source_id = o.id AND s.state <> $2 GROUP BY o.id, o.name ORDER BY o.id`,
		string(store.ScopeComplete), string(store.ScopeEnded))
	if err != nil {
		return fmt.Errorf("write population: %w", err)
	}
	for _, s := range sources {
		t := totals[s.key]
		if t == nil {
			t = &store.PopulationTotals{Measures: &store.Measures{IdleDays: idle.Of("")}}
		}
		body, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if err := tx.exec(`INSERT INTO population (day, source_id, source, complete, written_at, body) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (day, source_id) DO UPDATE SET source = excluded.source, complete = excluded.complete,
			written_at = excluded.written_at, body = excluded.body`,
			day.UTC().Format(time.DateOnly), s.key, s.name, b2i(s.complete), tx.at.UnixMicro(), string(body)); err != nil {
			return fmt.Errorf("write population: %w", err)
		}
	}
	return nil
}

// populations returns the totals of each source, by its key.
func (tx *Tx) populations(at time.Time, idle store.IdleAfter) (map[int64]*store.PopulationTotals, error) {
	out := map[int64]*store.PopulationTotals{}
	of := func(source int64) *store.PopulationTotals {
		if out[source] == nil {
			out[source] = &store.PopulationTotals{ByKind: map[string]int64{}, Measures: &store.Measures{IdleDays: idle.Of("")}}
		}
		return out[source]
	}
	err := tx.cells(func(c cell) {
		t := of(c.source)
		switch {
		case c.ftype == retinue.FactCredential:
			t.Credentials += c.n
		case c.ftype != retinue.FactIdentity:
		case c.class == string(retinue.ClassPerson):
			t.Persons += c.n
		case c.class == string(retinue.ClassNonHuman):
			t.NonHuman += c.n
			t.ByKind[c.kind] += c.n
			if c.owned {
				t.Owned += c.n
			}
		default:
			t.Unclear += c.n
		}
	})
	if err != nil {
		return nil, err
	}
	if err := tx.days(figureStatic, func(source int64, _ string, n int64) { of(source).Static += n }); err != nil {
		return nil, err
	}
	measures, err := tx.measures(store.AsOf{}, at, idle)
	for source, m := range measures {
		of(source).Measures = m
	}
	return out, err
}

// Population returns the population of each source on each day from one to
// another (UTC, both inclusive), the oldest first. From the first day that was
// ever written of a source on, a day without a row is missed; days that have
// not come are left out. A scope sees the sources that it names.
func (tx *Tx) Population(from, to time.Time) ([]store.PopulationDay, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	first, last := from.UTC().Format(time.DateOnly), min(to.UTC().Format(time.DateOnly), tx.at.Format(time.DateOnly))
	have := map[int64]map[string]store.PopulationDay{}
	err = tx.query(func(rows *sql.Rows) error {
		var key, written int64
		var complete bool
		var body, id string
		var d store.PopulationDay
		if err := rows.Scan(&key, &d.Day, &d.Source, &id, &complete, &written, &body); err != nil {
			return err
		}
		d.SourceID, d.Complete, d.WrittenAt = retinue.SourceID(id), complete, observed(written)
		if have[key] == nil {
			have[key] = map[string]store.PopulationDay{}
		}
		if err := json.Unmarshal([]byte(body), &d.Totals); err != nil {
			return err
		}
		have[key][d.Day] = d
		return nil
	}, `SELECT p.source_id, p.day, p.source, COALESCE(o.public_id, ''), p.complete, p.written_at, p.body FROM population p
		LEFT JOIN sources o ON o.id = p.source_id WHERE p.day >= $1 AND p.day <= $2`+and(l.seesSource("p.source_id")), first, last)
	if err != nil {
		return nil, fmt.Errorf("read population: %w", err)
	}
	begun, err := tx.begun(and(l.seesSource("p.source_id")))
	if err != nil {
		return nil, err
	}
	var out []store.PopulationDay
	for at := from.UTC(); at.Format(time.DateOnly) <= last; at = at.AddDate(0, 0, 1) {
		day := at.Format(time.DateOnly)
		for _, s := range begun {
			if d, ok := have[s.key][day]; ok {
				out = append(out, d)
			} else if day >= s.Day {
				out = append(out, store.PopulationDay{Day: day, Source: s.Source, SourceID: s.SourceID, Missed: true})
			}
		}
	}
	return out, nil
}

type begunSource struct {
	key int64
	store.PopulationDay
}

// begun lists the sources that exist with the first day written of each.
func (tx *Tx) begun(cond string) ([]begunSource, error) {
	var out []begunSource
	err := tx.query(func(rows *sql.Rows) error {
		var s begunSource
		var id string
		if err := rows.Scan(&s.key, &s.Source, &id, &s.Day); err != nil {
			return err
		}
		s.SourceID = retinue.SourceID(id)
		out = append(out, s)
		return nil
	}, `SELECT p.source_id, o.name, o.public_id, min(p.day) FROM population p JOIN sources o ON o.id = p.source_id
		WHERE 1 = 1`+cond+` GROUP BY p.source_id, o.name, o.public_id ORDER BY o.name`)
	if err != nil {
		return nil, fmt.Errorf("read population: %w", err)
	}
	return out, nil
}
