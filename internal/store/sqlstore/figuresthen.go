package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// FiguresAt returns the population's figures as of a date, of what the scope
// sees: they are counted in the rows of then. The zero AsOf means now, for
// which they are kept (see [Tx.Figures]).
func (tx *Tx) FiguresAt(a store.AsOf) (store.Figures, error) {
	if a.IsZero() {
		return tx.Figures()
	}
	f, err := tx.figuresThen(a)
	if err != nil {
		err = fmt.Errorf("count figures of then: %w", err)
	}
	return f, err
}

func (tx *Tx) figuresThen(a store.AsOf) (store.Figures, error) {
	f := newFigures()
	m, err := tx.moment(a)
	if err != nil {
		return f, err
	}
	names, err := tx.allSources()
	if err != nil {
		return f, err
	}
	for _, table := range m.tables {
		if err := tx.countCells(table, m.cond, func(c cell) { addCell(&f, c, names[c.source]) }); err != nil {
			return f, err
		}
	}
	err = addDays(&f, observed(asOfTime(a, tx.at)), func(name string, fn func(int64, string, int64)) error { return tx.daysAt(a, name, fn) })
	if err != nil {
		return f, err
	}
	if err := tx.findingsThenFigures(&f, asOfTime(a, tx.at)); err != nil {
		return f, err
	}
	f.Grants, err = tx.grantsThen(a)
	return f, err
}

// daysAt is days as of a date.
func (tx *Tx) daysAt(a store.AsOf, name string, fn func(source int64, day string, n int64)) error {
	if a.IsZero() {
		return tx.days(name, fn)
	}
	m, err := tx.moment(a)
	if err != nil {
		return err
	}
	for _, table := range m.tables {
		if err := tx.countDays(table, name, m.cond, fn); err != nil {
			return err
		}
	}
	return nil
}

// findingsThenFigures adds the findings as they stood at a time.
func (tx *Tx) findingsThenFigures(f *store.Figures, at int64) error {
	l, err := tx.lens()
	if err != nil {
		return err
	}
	return tx.query(func(rows *sql.Rows) error {
		var k listedFinding
		var n int64
		if err := rows.Scan(&k.severity, &k.state, &k.suppressed, &k.owasp, &n); err != nil {
			return err
		}
		addFinding(f, k, n)
		return nil
	}, `SELECT v.severity, v.state, v.suppressed, f.owasp, count(*) FROM findings f JOIN finding_versions v ON v.finding_id = f.id
		WHERE v.from_at <= $1 AND (v.to_at IS NULL OR v.to_at > $1)`+and(l.seesFinding())+` GROUP BY v.severity, v.state, v.suppressed, f.owasp`, at)
}

// grantsThen counts the attachments and grants that held at a time.
func (tx *Tx) grantsThen(a store.AsOf) (n int64, err error) {
	l, err := tx.lens()
	if err != nil {
		return 0, err
	}
	rev, err := tx.known(a)
	if err != nil {
		return 0, err
	}
	err = tx.queryRow("SELECT count(*) FROM facts f WHERE "+validAt+" AND f.type IN ($3, $4)"+and(l.seesFact()), asOfTime(a, tx.at), rev,
		store.TypeIndex(retinue.FactAttachment), store.TypeIndex(retinue.FactGrant)).Scan(&n)
	return n, err
}
