package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// UsageShares counts the non-human identities and the credentials that are there,
// by source, system, and what is concluded about their use.
func (tx *Tx) UsageShares() ([]store.UsageShare, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	names, err := tx.allSources()
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	c.add("e.gone_at IS NULL")
	c.add(fmt.Sprintf("(e.type = %d OR (e.type = %d AND e.class = '%s'))", store.TypeIndex(retinue.FactCredential), store.TypeIndex(retinue.FactIdentity), retinue.ClassNonHuman))
	if !l.all {
		c.add(l.sees("e"))
	}
	var out []store.UsageShare
	err = tx.query(func(rows *sql.Rows) error {
		var s store.UsageShare
		var source int64
		var typ, workload int
		err := rows.Scan(&source, &s.Realm, &typ, &workload, &s.Status, &s.Grade, &s.N)
		s.Source, s.Type, s.Workload = names[source], store.TypeAt(typ), workload == 1
		out = append(out, s)
		return err
	}, fmt.Sprintf(`SELECT t.source_id, m.realm, t.type, t.workload, t.status, t.grade, t.n FROM (
		SELECT e.source_id, r.realm_id, e.type, CASE WHEN e.type = %d AND e.kind IN ('%s') THEN 1 ELSE 0 END AS workload,
			COALESCE(v.status, '') AS status, COALESCE(v.grade, '') AS grade, count(*) AS n
		FROM entities e JOIN refs r ON r.id = e.ref_id LEFT JOIN usage_verdicts v ON v.entity_id = e.id%s
		GROUP BY 1, 2, 3, 4, 5, 6) t JOIN realms m ON m.id = t.realm_id ORDER BY t.source_id, m.realm, t.type, t.workload, t.status, t.grade`,
		store.TypeIndex(retinue.FactIdentity), strings.Join(store.WorkloadKinds(), "','"), c.where()), c.args...)
	if err != nil {
		return nil, fmt.Errorf("count what is concluded of use: %w", err)
	}
	return out, nil
}
