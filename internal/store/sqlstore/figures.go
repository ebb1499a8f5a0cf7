package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The figures that are kept, with what their keys hold.
const (
	figureEntities = "entities" // type|kind|class|environment|state|owned
	figureStatic   = "static"   // day since when static credentials are what they are, or ""
	figureExpiry   = "expiry"   // day on which credentials expire
	figureFacts    = "facts"    // type
	figureFindings = "findings" // severity|state|suppressed
	figureOWASP    = "owasp"    // risk|severity, of open findings
)

type figureKey struct {
	name   string
	source int64
	key    string
}

// count returns the function that changes figures of a source.
func (tx *Tx) count(source, by int64) func(name string, key ...string) {
	return func(name string, key ...string) {
		tx.figures[figureKey{name, source, strings.Join(key, "|")}] += by
	}
}

// writeFigures adds the transaction's changes to the figures.
func (tx *Tx) writeFigures() error {
	changed := slices.SortedFunc(maps.Keys(tx.figures), func(a, b figureKey) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.source, b.source), cmp.Compare(a.key, b.key))
	})
	for _, k := range changed {
		n := tx.figures[k]
		if n == 0 {
			continue
		}
		if err := tx.exec(`INSERT INTO figures (name, source_id, key, n) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name, source_id, key) DO UPDATE SET n = figures.n + excluded.n`, k.name, k.source, k.key, n); err != nil {
			return fmt.Errorf("keep figures: %w", err)
		}
		if n < 0 {
			if err := tx.exec("DELETE FROM figures WHERE name = $1 AND source_id = $2 AND key = $3 AND n = 0", k.name, k.source, k.key); err != nil {
				return fmt.Errorf("keep figures: %w", err)
			}
		}
	}
	clear(tx.figures)
	return nil
}

// dayOf is the UTC day of a time, "" where there is none.
func dayOf(v sql.NullInt64) string {
	if !v.Valid {
		return ""
	}
	return observed(v.Int64).Format(time.DateOnly)
}
