package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// figureThirdParties counts non-human identities of other organisations, or
// trusted to them. Its key is empty.
const figureThirdParties = "third_parties"

// ThirdParties counts the non-human identities of other organisations, or
// trusted to them, that the scope sees, now or as of a date. For a scope that
// sees everything the count of now is kept.
func (tx *Tx) ThirdParties(a store.AsOf) (n int64, err error) {
	l, err := tx.lens()
	if err != nil {
		return 0, fmt.Errorf("count third parties: %w", err)
	}
	add := func(_, k int64) { n += k }
	if l.all && a.IsZero() {
		err = tx.figure(figureThirdParties, func(source int64, _ []string, k int64) { add(source, k) })
	} else {
		err = tx.countThirdParties(a, add)
	}
	if err != nil {
		return 0, fmt.Errorf("count third parties: %w", err)
	}
	return n, nil
}

// countThirdParties counts them by source.
func (tx *Tx) countThirdParties(a store.AsOf, fn func(source, n int64)) error {
	m, err := tx.moment(a)
	if err != nil {
		return err
	}
	for _, table := range m.tables {
		err := tx.query(func(rows *sql.Rows) error {
			var source, n int64
			if err := rows.Scan(&source, &n); err != nil {
				return err
			}
			fn(source, n)
			return nil
		}, fmt.Sprintf("SELECT e.source_id, count(*) FROM %s WHERE e.type = %d AND e.third_party = 1 AND e.class = '%s'%s GROUP BY e.source_id",
			table, store.TypeIndex(retinue.FactIdentity), retinue.ClassNonHuman, m.cond))
		if err != nil {
			return err
		}
	}
	return nil
}

// recountThirdParties counts the figure from nothing.
func (tx *Tx) recountThirdParties() error {
	return tx.countThirdParties(store.AsOf{}, func(source, n int64) { tx.count(source, n)(figureThirdParties) })
}
