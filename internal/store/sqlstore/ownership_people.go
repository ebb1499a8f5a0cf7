package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// People returns every person that a source states or stated, those who are
// gone as they were stated last, and every team that is stated.
func (tx *Tx) People() ([]store.StatedPerson, []retinue.Team, error) {
	var people []store.StatedPerson
	err := tx.latest(retinue.FactPerson, func(f retinue.Fact, gone bool) {
		if p, ok := f.(retinue.Person); ok {
			people = append(people, store.StatedPerson{Person: p, Gone: gone})
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read people: %w", err)
	}
	var teams []retinue.Team
	err = tx.latest(retinue.FactTeam, func(f retinue.Fact, gone bool) {
		if t, ok := f.(retinue.Team); ok && !gone {
			teams = append(teams, t)
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read teams: %w", err)
	}
	return people, teams, nil
}

// latest passes the latest fact of each thing of a type to fn, the most
// authoritative one where several stand.
func (tx *Tx) latest(t retinue.FactType, fn func(f retinue.Fact, gone bool)) error {
	last := int64(0)
	return tx.query(func(rows *sql.Rows) error {
		var id int64
		var gone sql.NullInt64
		var body string
		if err := rows.Scan(&id, &gone, &body); err != nil {
			return err
		}
		if id == last {
			return nil
		}
		last = id
		f, err := retinue.DecodeFact(t, []byte(body))
		if err == nil {
			fn(f, gone.Valid)
		}
		return err
	}, `SELECT e.id, e.gone_at, f.body FROM entities e JOIN refs r ON r.entity_id = e.id JOIN facts f ON f.ref_id = r.id AND f.type = $1
		JOIN scopes s ON s.id = f.scope_id WHERE e.type = $1 AND f.dropped_rev IS NULL
		ORDER BY e.id, CASE WHEN f.rev_to IS NULL THEN 0 ELSE 1 END, CASE WHEN f.rev_to IS NULL THEN -s.authority ELSE 0 END, f.obs_from DESC, f.id`,
		store.TypeIndex(t))
}
