package sqlstore

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Prune deletes rows of a class that are older than a time, at most limit of
// each table, and returns how many. Less than limit from every table means
// that there are no more. What is in force is never deleted, nor what later
// questions about it need: the last word on a person who is gone, the run that
// observed a scope last, the latest use of each kind, findings that are open
// or accepted.
func (tx *Tx) Prune(c store.RetentionClass, before time.Time, limit int) (n int64, more bool, err error) {
	for _, p := range tx.pruners(c) {
		k, err := p(before.UnixMicro(), limit)
		if err != nil {
			return n, false, fmt.Errorf("prune %s: %w", c, err)
		}
		n += k
		more = more || k >= int64(limit)
	}
	return n, more, nil
}

// pruner deletes at most limit rows from before a time.
type pruner func(before int64, limit int) (int64, error)

func (tx *Tx) pruners(c store.RetentionClass) []pruner {
	switch c {
	case store.RetainHistory:
		return []pruner{tx.pruneFacts, tx.deleting(`DELETE FROM entity_versions WHERE (id, from_at) IN
			(SELECT id, from_at FROM entity_versions WHERE to_at < $1 ORDER BY to_at LIMIT $2)`), tx.byKey("access_changes", "x.at < $1")}
	case store.RetainRuns:
		return []pruner{tx.pruneRuns, tx.byKey("scans", "finished_at < $1 AND state NOT IN ('waiting', 'running')")}
	case store.RetainUses:
		return []pruner{tx.byKey("uses", `COALESCE(x.at, x.observed_at) < $1 AND EXISTS (SELECT 1 FROM uses n WHERE n.subject_id = x.subject_id
			AND n.meaning = x.meaning AND n.id <> x.id AND (COALESCE(n.at, 0) > COALESCE(x.at, 0) OR COALESCE(n.at, 0) = COALESCE(x.at, 0) AND n.id > x.id))`)}
	case store.RetainUsage:
		return []pruner{tx.cutCoverage, tx.pruneUsage, tx.byMonth("usage_hours", "hour, behaviour, lane", "hour < $1", store.MonthStart),
			tx.byMonth("usage_sketches", "behaviour, month", "month < $1", nil), tx.byMonth("usage_origins", "month, behaviour, origin", "month < $1", nil),
			tx.deleting(`DELETE FROM usage_touches WHERE (target, behaviour, kind, lane) IN
				(SELECT target, behaviour, kind, lane FROM usage_touches WHERE last_at < CAST($1 AS BIGINT) / 1000000 ORDER BY target, behaviour LIMIT $2)`),
			tx.deleting(`DELETE FROM usage_tallies WHERE (log, realm_id, day, what, lane) IN
				(SELECT log, realm_id, day, what, lane FROM usage_tallies WHERE day < CAST($1 AS BIGINT) / 86400000000 ORDER BY log, realm_id, day LIMIT $2)`),
			tx.byKey("usage_faults", "x.recorded_at < $1"),
			tx.deleting("DELETE FROM usage_verdict_versions WHERE (entity_id, from_at) IN (SELECT entity_id, from_at FROM usage_verdict_versions WHERE to_at < $1 ORDER BY to_at LIMIT $2)"),
			tx.deleting("DELETE FROM usage_unknown WHERE name IN (SELECT name FROM usage_unknown WHERE at < CAST($1 AS BIGINT) / 1000000 ORDER BY name LIMIT $2)")}
	case store.RetainFindings:
		return []pruner{tx.byKey("finding_versions", "x.to_at < $1"), tx.pruneFindings, tx.byKey("acceptances", "x.until < $1")}
	case store.RetainGovernance:
		return []pruner{tx.byKey("registrations", "x.to_at < $1"), tx.byKey("ownerships", "x.to_at < $1"), tx.byKey("ownership_rules", "x.to_at < $1")}
	case store.RetainPeople:
		return []pruner{tx.deleting(`DELETE FROM record_payloads WHERE (seq, name) IN (SELECT p.seq, p.name FROM record_payloads p
			JOIN records r ON r.seq = p.seq WHERE r.at < $1 ORDER BY p.seq LIMIT $2)`)}
	case store.RetainSessions:
		return []pruner{tx.byKey("sessions", "x.expires_at < $1"), tx.byKey("api_tokens", "(x.revoked_at < $1 OR x.expires_at < $1)"),
			tx.byKey("sign_in_flows", "x.expires_at < $1"),
			tx.deleting("DELETE FROM known_devices WHERE hash IN (SELECT hash FROM known_devices WHERE last_used < $1 LIMIT $2)")}
	case store.RetainNotices:
		return []pruner{tx.byKey("deliveries", "x.due_at < $1 AND EXISTS (SELECT 1 FROM notices n WHERE n.id = x.notice_id AND n.resolved_at < $1)"),
			tx.byKey("notices", "x.resolved_at < $1 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.notice_id = x.id)"),
			tx.byKey("ticket_events", "x.at < $1"), tx.byKey("uploads", "x.ended_at < $1")}
	case store.RetainPopulation:
		return []pruner{tx.prunePopulation}
	}
	return nil
}

// deleting runs a statement with the time and the limit.
func (tx *Tx) deleting(q string) pruner {
	return func(before int64, limit int) (int64, error) {
		res, err := tx.execResult(q, before, limit)
		if err != nil {
			return 0, err
		}
		return res.RowsAffected()
	}
}

// byKey deletes the rows x of a table with a key that meet a condition.
func (tx *Tx) byKey(table, cond string) pruner {
	return tx.deleting("DELETE FROM " + table + " WHERE id IN (SELECT x.id FROM " + table + " x WHERE " + cond + " ORDER BY x.id LIMIT $2)")
}

// pruneFacts deletes versions of facts with what they point at. The last
// version of a person or team stays: who left must still be known by name.
func (tx *Tx) pruneFacts(before int64, limit int) (int64, error) {
	ids, err := tx.ints(`SELECT f.id FROM facts f WHERE f.rev_to IS NOT NULL AND COALESCE(f.obs_to, f.obs_from) < $1
		AND NOT (f.type IN ($3, $4) AND NOT EXISTS (SELECT 1 FROM facts n WHERE n.ref_id = f.ref_id AND n.id <> f.id
		AND (n.rev_to IS NULL OR n.obs_from > f.obs_from OR n.obs_from = f.obs_from AND n.id > f.id))) ORDER BY f.id LIMIT $2`,
		before, limit, store.TypeIndex(retinue.FactPerson), store.TypeIndex(retinue.FactTeam))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	list := tx.intList(ids)
	for _, q := range []string{"DELETE FROM edges WHERE fact_id IN ", "DELETE FROM facts WHERE id IN "} {
		if err := tx.exec(q+"(SELECT CAST(v AS BIGINT) FROM "+tx.db.d.each("$1")+" j)", list); err != nil {
			return 0, err
		}
	}
	if len(ids) < limit {
		if err := tx.exec("DELETE FROM documents WHERE hash NOT IN (SELECT document FROM facts WHERE document IS NOT NULL)"); err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), nil
}

// pruneRuns deletes runs with their revisions. A run that observed some scope
// last stays, and so does the last run of each source, complete or not.
func (tx *Tx) pruneRuns(before int64, limit int) (int64, error) {
	ids, err := tx.ints(`SELECT r.id FROM runs r WHERE r.started_at < $1
		AND EXISTS (SELECT 1 FROM runs n WHERE n.source_id = r.source_id AND n.id > r.id)
		AND (r.state <> 'complete' OR EXISTS (SELECT 1 FROM runs n WHERE n.source_id = r.source_id AND n.id > r.id AND n.state = 'complete'))
		AND NOT EXISTS (SELECT 1 FROM revisions v WHERE v.run_id = r.id
			AND NOT EXISTS (SELECT 1 FROM revisions n WHERE n.scope_id = v.scope_id AND n.rev > v.rev))
		AND NOT EXISTS (SELECT 1 FROM scopes s WHERE s.held_run = r.id) ORDER BY r.id LIMIT $2`, before, limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	list := tx.intList(ids)
	for _, q := range []string{"DELETE FROM revisions WHERE run_id IN ", "DELETE FROM runs WHERE id IN "} {
		if err := tx.exec(q+"(SELECT CAST(v AS BIGINT) FROM "+tx.db.d.each("$1")+" j)", list); err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), nil
}

// pruneFindings deletes resolved findings with their earlier states.
func (tx *Tx) pruneFindings(before int64, limit int) (int64, error) {
	var ids []int64
	var gone []listedFinding
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var l listedFinding
		err := rows.Scan(&id, &l.entity, &l.severity, &l.state, &l.suppressed, &l.owasp)
		ids, gone = append(ids, id), append(gone, l)
		return err
	}, `SELECT id, entity_id, severity, state, suppressed, owasp FROM findings WHERE state = $3 AND resolved_at < $1 ORDER BY id LIMIT $2`,
		before, limit, string(retinue.FindingResolved))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, l := range gone {
		l.figureKeys(tx.count(0, -1))
	}
	list := tx.intList(ids)
	for _, q := range []string{"DELETE FROM finding_versions WHERE finding_id IN ", "DELETE FROM findings WHERE id IN "} {
		if err := tx.exec(q+"(SELECT CAST(v AS BIGINT) FROM "+tx.db.d.each("$1")+" j)", list); err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), nil
}

func (tx *Tx) prunePopulation(before int64, limit int) (int64, error) {
	res, err := tx.execResult("DELETE FROM population WHERE (day, source_id) IN (SELECT day, source_id FROM population WHERE day < $1 ORDER BY day LIMIT $2)",
		observed(before).Format(time.DateOnly), limit)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
