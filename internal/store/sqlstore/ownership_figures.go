package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// OwnerFigures counts, for each owner of identities that the scope sees, what
// they answer for, in order of their names; with names given, for those only.
// An empty owner stands for the identities of nobody.
func (tx *Tx) OwnerFigures(names ...string) ([]store.OwnerFigures, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	where := "e.type = $1 AND e.gone_at IS NULL AND e.class <> $2" + and(l.sees("e"))
	args := []any{store.TypeIndex(retinue.FactIdentity), string(retinue.ClassPerson)}
	only := func(column string) string { return "" }
	if len(names) > 0 {
		args = append(args, tx.db.d.list(names))
		only = func(column string) string {
			return " AND " + column + " IN (SELECT v FROM " + tx.db.d.each("$3") + " j)"
		}
	}
	by := map[string]*store.OwnerFigures{}
	of := func(owner string) *store.OwnerFigures {
		f := by[owner]
		if f == nil {
			f = &store.OwnerFigures{Owner: owner, Findings: map[retinue.Severity]int64{}}
			by[owner] = f
		}
		return f
	}
	if err := tx.ownedCounts(of, where+only("e.owner"), args); err != nil {
		return nil, fmt.Errorf("count by owner: %w", err)
	}
	if err := tx.backupCounts(of, where+only("w.backup"), args); err != nil {
		return nil, fmt.Errorf("count by backup owner: %w", err)
	}
	if err := tx.reviewedCounts(of, where+only("e.owner"), args); err != nil {
		return nil, fmt.Errorf("count reviews by owner: %w", err)
	}
	out := make([]store.OwnerFigures, 0, len(by))
	for _, f := range by {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b store.OwnerFigures) int { return strings.Compare(a.Owner, b.Owner) })
	return out, nil
}

func (tx *Tx) ownedCounts(of func(string) *store.OwnerFigures, where string, args []any) error {
	return tx.query(func(rows *sql.Rows) error {
		var owner string
		var n, explicit, privileged int64
		var open [5]int64
		if err := rows.Scan(&owner, &n, &open[0], &open[1], &open[2], &open[3], &open[4], &privileged, &explicit); err != nil {
			return err
		}
		f := of(owner)
		f.Identities, f.Privileged, f.Explicit, f.Unreviewed = n, privileged, explicit, n
		for i, s := range retinue.Severities() {
			f.Findings[s] = open[i]
		}
		return nil
	}, `SELECT e.owner, count(*), CAST(sum(e.open_critical) AS BIGINT), CAST(sum(e.open_high) AS BIGINT), CAST(sum(e.open_medium) AS BIGINT),
		CAST(sum(e.open_low) AS BIGINT), CAST(sum(e.open_info) AS BIGINT), CAST(sum(e.privileged) AS BIGINT),
		CAST(sum(CASE WHEN COALESCE(w.how, 'explicit') = 'explicit' AND e.owner <> '' THEN 1 ELSE 0 END) AS BIGINT)
		FROM entities e LEFT JOIN ownerships w ON w.entity_id = e.id AND w.to_at IS NULL WHERE `+where+` GROUP BY e.owner`, args...)
}

func (tx *Tx) backupCounts(of func(string) *store.OwnerFigures, where string, args []any) error {
	return tx.query(func(rows *sql.Rows) error {
		var backup string
		var n int64
		if err := rows.Scan(&backup, &n); err != nil {
			return err
		}
		of(backup).BackupFor = n
		return nil
	}, `SELECT w.backup, count(*) FROM ownerships w JOIN entities e ON e.id = w.entity_id
		WHERE w.to_at IS NULL AND w.backup <> '' AND `+where+` GROUP BY w.backup`, args...)
}

// reviewedCounts takes off those whose review date lies ahead: the date stands
// in the body of a registration.
func (tx *Tx) reviewedCounts(of func(string) *store.OwnerFigures, where string, args []any) error {
	return tx.query(func(rows *sql.Rows) error {
		var owner, body string
		if err := rows.Scan(&owner, &body); err != nil {
			return err
		}
		var g retinue.Registration
		if err := json.Unmarshal([]byte(body), &g); err != nil {
			return err
		}
		if g.ReviewDate.After(tx.at) {
			of(owner).Unreviewed--
		}
		return nil
	}, `SELECT e.owner, g.body FROM registrations g JOIN entities e ON e.id = g.entity_id
		WHERE g.to_at IS NULL AND g.body LIKE '%"reviewDate"%' AND `+where, args...)
}
