package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// groupDepth is how deep groups are followed that are members of groups.
const groupDepth = 8

// GrantChanges returns when, after a time, sources stated something else of what
// gives an identity its rights, the oldest first: attachments and grants to it and
// its groups, memberships, and the policies so attached. Where wide is true, all
// policies of its realm count: of languages whose documents name whom they give
// something, and not the other way round. Times are observed times. An identity
// that the scope does not reach has none.
func (tx *Tx) GrantChanges(entity int64, after time.Time, wide bool) ([]time.Time, error) {
	if ok, err := tx.reaches(entity); err != nil || !ok {
		return nil, err
	}
	types := fmt.Sprintf("%d, %d, %d", store.TypeIndex(retinue.FactAttachment), store.TypeIndex(retinue.FactMembership), store.TypeIndex(retinue.FactGrant))
	policy := store.TypeIndex(retinue.FactPolicy)
	query := fmt.Sprintf(`WITH RECURSIVE who (ref_id, depth) AS (
			SELECT id, 0 FROM refs WHERE entity_id = $1
			UNION SELECT g.ref_id, w.depth + 1 FROM who w JOIN edges m ON m.ref_id = w.ref_id AND m.role = %d JOIN edges g ON g.fact_id = m.fact_id AND g.role = %d
				WHERE w.depth < %d),
		giving (id) AS (SELECT DISTINCT x.fact_id FROM who w JOIN edges x ON x.ref_id = w.ref_id AND x.role IN (%d, %d, %d))
		SELECT f.obs_from FROM giving g JOIN facts f ON f.id = g.id WHERE f.type IN (%s) AND f.dropped_rev IS NULL AND f.obs_from > $2
		UNION SELECT f.obs_from FROM giving g JOIN edges p ON p.fact_id = g.id AND p.role = %d JOIN facts f ON f.ref_id = p.ref_id
			WHERE f.type = %d AND f.dropped_rev IS NULL AND f.obs_from > $2`,
		store.EdgeMember, store.EdgeGroup, groupDepth, store.EdgeTarget, store.EdgeMember, store.EdgeSubject, types, store.EdgePolicy, policy)
	if wide {
		query += fmt.Sprintf(` UNION SELECT f.obs_from FROM facts f JOIN scopes s ON s.id = f.scope_id
			WHERE s.realm_id IN (SELECT realm_id FROM refs WHERE entity_id = $1) AND f.type = %d AND f.dropped_rev IS NULL AND f.obs_from > $2`, policy)
	}
	var out []time.Time
	err := tx.query(func(rows *sql.Rows) error {
		var at int64
		err := rows.Scan(&at)
		out = append(out, observed(at))
		return err
	}, query+" ORDER BY 1", entity, after.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("list changes of grants: %w", err)
	}
	return out, nil
}

// GrantsKnownFrom returns since when it is known what identities of a realm are
// granted: since what states it now was first listed whole. Scopes below one name,
// as those of namespaces, are listed since the first of them was: what comes later
// is new. Zero: nothing is stated.
func (tx *Tx) GrantsKnownFrom(realm retinue.Realm) (time.Time, error) {
	first := map[string]time.Time{}
	err := tx.query(func(rows *sql.Rows) error {
		var path string
		var at int64
		if err := rows.Scan(&path, &at); err != nil {
			return err
		}
		name, _, _ := strings.Cut(path, "/")
		if have, ok := first[name]; !ok || observed(at).Before(have) {
			first[name] = observed(at)
		}
		return nil
	}, fmt.Sprintf(`SELECT s.path, MIN(v.observed_at) FROM scopes s JOIN realms m ON m.id = s.realm_id JOIN revisions v ON v.scope_id = s.id AND v.state = 'complete'
		WHERE m.realm = $1 AND EXISTS (SELECT 1 FROM facts f WHERE f.scope_id = s.id AND f.rev_to IS NULL AND f.type IN (%d, %d, %d, %d)) GROUP BY s.path`,
		store.TypeIndex(retinue.FactAttachment), store.TypeIndex(retinue.FactMembership), store.TypeIndex(retinue.FactGrant), store.TypeIndex(retinue.FactPolicy)), string(realm))
	if err != nil {
		return time.Time{}, fmt.Errorf("find since when grants are known: %w", err)
	}
	var last time.Time
	for _, at := range first {
		last = slices.MaxFunc([]time.Time{last, at}, func(a, b time.Time) int { return cmp.Compare(a.UnixMicro(), b.UnixMicro()) })
	}
	return last, nil
}
