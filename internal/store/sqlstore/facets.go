package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

var facetColumns = map[string]string{"source": "e.source", "kind": "e.kind", "subtype": "e.subtype", "class": "e.class",
	"state": "e.state", "environment": "e.environment", "criticality": "e.criticality", "owner": "e.owner",
	"managed": "e.managed", "severity": "e.worst"}

// Facets counts the rows that a filter selects by the values of a column, the
// most frequent first, at most store.MaxFacets of them. The filter on the
// column itself does not limit, so that a menu shows what else there is.
// ErrInvalid says that the column is not one of store.FacetColumns.
func (tx *Tx) Facets(t retinue.FactType, f store.Filter, column string) ([]store.Facet, error) {
	return tx.FacetsAt(store.AsOf{}, t, f, column)
}

// FacetsAt is Facets as of a date. What was known then is not told: ErrInvalid.
func (tx *Tx) FacetsAt(a store.AsOf, t retinue.FactType, f store.Filter, column string) ([]store.Facet, error) {
	out, err := tx.facets(a, t, unfiltered(f, column), column)
	if err != nil {
		return nil, fmt.Errorf("count by %s: %w", column, err)
	}
	slices.SortFunc(out, func(a, b store.Facet) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), store.MaxFacets)], nil
}

// unfiltered drops the filter on a column.
func unfiltered(f store.Filter, column string) store.Filter {
	switch column {
	case "source":
		f.Sources = nil
	case "kind":
		f.Kinds = nil
	case "subtype":
		f.Subtypes = nil
	case "class":
		f.Classes = nil
	case "state":
		f.States = nil
	case "environment":
		f.Environments = nil
	case "criticality":
		f.Criticalities = nil
	case "owner":
		f.Owners = nil
	case "managed":
		f.Managed = nil
	case "severity":
		f.Severity = ""
	}
	return f
}

func (tx *Tx) facets(a store.AsOf, t retinue.FactType, f store.Filter, column string) ([]store.Facet, error) {
	col, ok := facetColumns[column]
	if !ok {
		return nil, fmt.Errorf("%w: column %q: want one of %v", retinue.ErrInvalid, column, store.FacetColumns())
	}
	if a.IsZero() {
		if out, ok, err := tx.facetsKept(t, f, column); ok || err != nil {
			return out, err
		}
	}
	m, err := tx.moment(a)
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	if err := tx.filterEntities(c, store.ListQuery{Type: t, Filter: f, AsOf: a}); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, table := range m.tables {
		// Of a past time two tables are added up, so neither is cut.
		limit := fmt.Sprintf(" ORDER BY n DESC, %s LIMIT %d", col, store.MaxFacets)
		if len(m.tables) > 1 {
			limit = ""
		}
		err := tx.query(func(rows *sql.Rows) error {
			var v string
			var n int64
			if err := rows.Scan(&v, &n); err != nil {
				return err
			}
			if column == "severity" {
				v = severityName(v)
			}
			counts[v] += n
			return nil
		}, "SELECT "+col+", count(*) AS n FROM "+table+c.where()+" GROUP BY "+col+limit, c.args...)
		if err != nil {
			return nil, err
		}
	}
	return facetsOf(counts), nil
}

func facetsOf(counts map[string]int64) []store.Facet {
	out := make([]store.Facet, 0, len(counts))
	for v, n := range counts {
		if n > 0 {
			out = append(out, store.Facet{Value: v, Count: n})
		}
	}
	return out
}

// severityName turns the place of a severity, as text, into its name.
func severityName(place string) string {
	for i, s := range retinue.Severities() {
		if place == fmt.Sprint(i) {
			return string(s)
		}
	}
	return ""
}

// facetsKept counts by the figures that are kept, where they tell.
func (tx *Tx) facetsKept(t retinue.FactType, f store.Filter, column string) ([]store.Facet, bool, error) {
	if !tx.scope.All {
		return nil, false, nil
	}
	names, err := tx.allSources()
	if err != nil {
		return nil, false, err
	}
	value := map[string]func(cell) string{
		"source":      func(c cell) string { return names[c.source] },
		"kind":        func(c cell) string { return c.kind },
		"class":       func(c cell) string { return c.class },
		"environment": func(c cell) string { return c.environment },
		"state":       func(c cell) string { return c.state },
	}[column]
	if value == nil {
		return nil, false, nil
	}
	counts := map[string]int64{}
	ok, err := tx.keptCells(t, f, func(c cell) { counts[value(c)] += c.n })
	if !ok || err != nil {
		return nil, ok, err
	}
	return facetsOf(counts), true, nil
}
