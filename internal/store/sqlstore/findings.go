package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// FindingsOf returns every finding kept about an entity, resolved ones
// included.
func (tx *Tx) FindingsOf(entity int64) ([]retinue.Finding, error) {
	if ok, err := tx.sees(entity); err != nil || !ok {
		return nil, err
	}
	var out []retinue.Finding
	err := tx.query(func(rows *sql.Rows) error {
		f, err := scanFinding(rows)
		out = append(out, f)
		return err
	}, "SELECT body FROM findings WHERE entity_id = $1 ORDER BY id", entity)
	if err != nil {
		return nil, fmt.Errorf("read findings: %w", err)
	}
	return out, nil
}

func scanFinding(rows *sql.Rows) (retinue.Finding, error) {
	var body string
	var f retinue.Finding
	if err := rows.Scan(&body); err != nil {
		return f, err
	}
	return f, json.Unmarshal([]byte(body), &f)
}

// SaveFinding keeps a finding by its fingerprint. With version set its content
// or state changed, and the earlier one goes into history; without, only the
// time at which it was last seen moved.
func (tx *Tx) SaveFinding(entity int64, f retinue.Finding, version bool) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("save finding: %w", err)
	}
	var id int64
	var was listedFinding
	err = tx.queryRow("SELECT id, entity_id, severity, state, suppressed, owasp FROM findings WHERE fingerprint = $1", f.Fingerprint).
		Scan(&id, &was.entity, &was.severity, &was.state, &was.suppressed, &was.owasp)
	fresh := errors.Is(err, sql.ErrNoRows)
	if err != nil && !fresh {
		return fmt.Errorf("save finding: %w", err)
	}
	before := was.state
	if !fresh {
		was.figureKeys(tx.count(0, -1))
		tx.stale[was.entity] = struct{}{}
	}
	now := listedOf(entity, f)
	now.figureKeys(tx.count(0, 1))
	tx.stale[entity] = struct{}{}
	source, err := tx.sourceOf(entity)
	if err != nil {
		return err
	}
	sev, search := now.severity, findingSearch(f)
	if fresh {
		if id, err = tx.db.d.block(tx.ctx, tx.tx, "findings", 1); err != nil {
			return err
		}
		err = tx.exec(`INSERT INTO findings (id, public_id, fingerprint, rule, entity_id, severity, state, suppressed, priority,
			family, fix, first_seen, last_seen, resolved_at, body, source_id, search, owasp) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
			id, string(f.ID), f.Fingerprint, f.Rule, entity, sev, string(f.State), f.Suppressed, f.Priority, f.Family, f.Fix,
			f.FirstSeen.UnixMicro(), f.LastSeen.UnixMicro(), micros(f.ResolvedAt), string(body), source, search, now.owasp)
	} else {
		err = tx.exec(`UPDATE findings SET rule = $1, entity_id = $2, severity = $3, state = $4, suppressed = $5, priority = $6,
			family = $7, fix = $8, last_seen = $9, resolved_at = $10, body = $11, source_id = $12, search = $13, owasp = $14 WHERE id = $15`, f.Rule, entity, sev, string(f.State),
			f.Suppressed, f.Priority, f.Family, f.Fix, f.LastSeen.UnixMicro(), micros(f.ResolvedAt), string(body), source, search, now.owasp, id)
	}
	if err != nil {
		return fmt.Errorf("save finding: %w", err)
	}
	if !version {
		return nil
	}
	tx.savedFinding(entity, f, retinue.FindingState(before))
	return tx.versionFinding(id, f, string(body))
}

// Decided returns the state of a finding as it stands, with the acceptance, and
// false for one that is not kept. A judge that read it before asks again: a
// person may have decided meanwhile.
func (tx *Tx) Decided(fingerprint string) (state retinue.FindingState, accepted *retinue.Acceptance, ok bool, err error) {
	var body string
	err = tx.queryRow("SELECT state, body FROM findings WHERE fingerprint = $1", fingerprint).Scan(&state, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, false, nil
	}
	if err != nil {
		return "", nil, false, fmt.Errorf("read finding: %w", err)
	}
	var f retinue.Finding
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return "", nil, false, fmt.Errorf("read finding: %w", err)
	}
	return state, f.Accepted, true, nil
}

func (tx *Tx) versionFinding(id int64, f retinue.Finding, body string) error {
	now := tx.at.UnixMicro()
	if err := tx.exec("UPDATE finding_versions SET to_at = $1 WHERE finding_id = $2 AND to_at IS NULL", now, id); err != nil {
		return fmt.Errorf("save finding: %w", err)
	}
	vid, err := tx.db.d.block(tx.ctx, tx.tx, "finding_versions", 1)
	if err != nil {
		return err
	}
	return tx.exec(`INSERT INTO finding_versions (id, finding_id, from_at, body, severity, state, suppressed, priority, last_seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, vid, id, now, body, slices.Index(retinue.Severities(), f.Severity), string(f.State), f.Suppressed,
		f.Priority, f.LastSeen.UnixMicro())
}

// Findings yields findings, the highest priority first; as of a date, in the
// state that they had then.
func (tx *Tx) Findings(q store.FindingQuery) iter.Seq2[retinue.Finding, error] {
	return func(yield func(retinue.Finding, error) bool) {
		n := 0
		scan := func(rows *sql.Rows) error {
			f, err := scanFinding(rows)
			if err != nil {
				return err
			}
			if !q.Match(f) {
				return nil
			}
			n++
			if !yield(f, nil) || (q.Limit > 0 && n >= q.Limit) {
				return errStopped
			}
			return nil
		}
		c := &conditions{}
		l, err := tx.lens()
		if err != nil {
			yield(retinue.Finding{}, err)
			return
		}
		if q.AsOf.IsZero() {
			if q.ID != "" {
				c.add("f.public_id = ?", string(q.ID))
			}
			if !q.Resolved {
				c.add("f.state <> ?", string(retinue.FindingResolved))
			}
			if q.Source != "" {
				c.add("o.name = ?", q.Source)
			}
			if !l.all {
				c.add(l.seesFinding())
			}
			err = tx.query(scan, `SELECT f.body FROM findings f LEFT JOIN entities e ON e.id = f.entity_id
				LEFT JOIN scopes s ON s.id = e.scope_id LEFT JOIN sources o ON o.id = s.source_id`+c.where()+`
				ORDER BY f.priority DESC, f.severity, f.rule, f.id`, c.args...)
		} else {
			at := asOfTime(q.AsOf, tx.at)
			err = tx.query(scan, `SELECT v.body FROM finding_versions v JOIN findings f ON f.id = v.finding_id
				WHERE v.from_at <= $1 AND (v.to_at IS NULL OR v.to_at > $1)`+and(l.seesFinding())+` ORDER BY f.priority DESC, f.severity, f.rule, f.id`, at)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(retinue.Finding{}, fmt.Errorf("list findings: %w", err))
		}
	}
}

// EndedWithFindings calls fn for each entity that has ended, or was merged
// away, and still has findings that are not resolved.
func (tx *Tx) EndedWithFindings(fn func(entity int64) error) error {
	l, err := tx.lens()
	if err != nil {
		return err
	}
	ids, err := tx.ints(`SELECT DISTINCT f.entity_id FROM findings f LEFT JOIN entities e ON e.id = f.entity_id
		WHERE f.state <> $1 AND f.entity_id > 0 AND (e.id IS NULL OR e.gone_at IS NOT NULL)`+and(l.seesFinding()), string(retinue.FindingResolved))
	if err != nil {
		return fmt.Errorf("list ended subjects: %w", err)
	}
	for _, id := range ids {
		if err := fn(id); err != nil {
			return err
		}
	}
	return nil
}

// TouchedSince lists the entities of the given types that changed after a
// revision and still exist, a page at a time: those with a key above after.
func (tx *Tx) TouchedSince(rev, after int64, limit int, types ...retinue.FactType) ([]store.Touched, error) {
	ids := make([]int64, len(types))
	for i, t := range types {
		ids[i] = int64(store.TypeIndex(t))
	}
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	var out []store.Touched
	err = tx.query(func(rows *sql.Rows) error {
		var t store.Touched
		var id string
		var ftype int
		if err := rows.Scan(&t.Key, &id, &ftype, &t.Labels); err != nil {
			return err
		}
		t.ID, t.Type = retinue.EntityID(id), store.TypeAt(ftype)
		out = append(out, t)
		return nil
	}, `SELECT e.id, e.public_id, e.type, e.labels FROM entities e WHERE e.touched_rev > $1 AND e.id > $2 AND e.gone_at IS NULL
		AND e.type IN (SELECT CAST(v AS BIGINT) FROM `+tx.db.d.each("$3")+` j)`+and(l.sees("e"))+fmt.Sprintf(` ORDER BY e.id LIMIT %d`, limit), rev, after, tx.intList(ids))
	if err != nil {
		return nil, fmt.Errorf("list touched entities: %w", err)
	}
	return out, nil
}

// MaxRevision is the newest revision.
func (tx *Tx) MaxRevision() (int64, error) {
	var v sql.NullInt64
	err := tx.queryRow("SELECT max(rev) FROM revisions").Scan(&v)
	return v.Int64, err
}

// SetLabels keeps what label rules gave an entity, and lays it over the
// columns that no source and no registration sets.
func (tx *Tx) SetLabels(entity int64, l Labels) error {
	res, err := tx.execResult("UPDATE entities SET labels = $1 WHERE id = $2 AND labels <> $1", l.Encode(), entity)
	if err != nil {
		return fmt.Errorf("set labels: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	var rev int64
	if err := tx.queryRow("SELECT touched_rev FROM entities WHERE id = $1", entity).Scan(&rev); err != nil {
		return err
	}
	return tx.reproject([]int64{entity}, rev, tx.at.UnixMicro())
}

// Registration returns the governance record in force of an entity, or nil.
func (tx *Tx) Registration(entity int64) (*retinue.Registration, error) {
	if ok, err := tx.sees(entity); err != nil || !ok {
		return nil, err
	}
	if a := tx.ahead.at(entity); a != nil && a.entity.InternalKey != 0 {
		return a.registration, nil
	}
	var body string
	err := tx.queryRow("SELECT body FROM registrations WHERE entity_id = $1 AND to_at IS NULL", entity).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read registration: %w", err)
	}
	return decodeRegistration(body)
}

func decodeRegistration(body string) (*retinue.Registration, error) {
	g := &retinue.Registration{}
	return g, json.Unmarshal([]byte(body), g)
}

// Register writes the governance record of an entity; the earlier one goes
// into history. The caller adds the record, which holds personal data as
// commitments only.
func (tx *Tx) Register(entity int64, g retinue.Registration, actor retinue.Actor) error {
	body, err := json.Marshal(g)
	if err != nil {
		return err
	}
	who, err := json.Marshal(actor)
	if err != nil {
		return err
	}
	if err := tx.exec("UPDATE registrations SET to_at = $1 WHERE entity_id = $2 AND to_at IS NULL", tx.at.UnixMicro(), entity); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	id, err := tx.db.d.block(tx.ctx, tx.tx, "registrations", 1)
	if err != nil {
		return err
	}
	if err := tx.exec("INSERT INTO registrations (id, entity_id, from_at, actor, body) VALUES ($1, $2, $3, $4, $5)",
		id, entity, tx.at.UnixMicro(), string(who), string(body)); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	rev, err := tx.MaxRevision()
	if err != nil {
		return err
	}
	tx.touched = true
	return tx.reproject([]int64{entity}, rev+1, tx.at.UnixMicro())
}

// Accept keeps a decision on a whole family of findings, so that findings of
// the family which come later are accepted too.
func (tx *Tx) Accept(family string, a retinue.Acceptance) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	id, err := tx.db.d.block(tx.ctx, tx.tx, "acceptances", 1)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO acceptances (id, family, body, until) VALUES ($1, $2, $3, $4)", id, family, string(body), a.Until.UnixMicro())
}

// Acceptances returns the decisions on families that are in force at a time.
func (tx *Tx) Acceptances(at time.Time) (map[string]retinue.Acceptance, error) {
	out := map[string]retinue.Acceptance{}
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	only := ""
	if !l.all {
		only = " AND family IN (SELECT f.family FROM findings f WHERE " + l.seesFinding() + ")"
	}
	err = tx.query(func(rows *sql.Rows) error {
		var family, body string
		if err := rows.Scan(&family, &body); err != nil {
			return err
		}
		var a retinue.Acceptance
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			return err
		}
		out[family] = a
		return nil
	}, "SELECT family, body FROM acceptances WHERE until > $1"+only+" ORDER BY id", at.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read acceptances: %w", err)
	}
	return out, nil
}

// FindingEntity returns the internal key of the entity that a finding is
// about.
func (tx *Tx) FindingEntity(id retinue.FindingID) (int64, error) {
	var e int64
	err := tx.queryRow("SELECT entity_id FROM findings WHERE public_id = $1", string(id)).Scan(&e)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("%w: finding %s", retinue.ErrNotFound, id)
	}
	if err != nil {
		return 0, fmt.Errorf("find finding: %w", err)
	}
	ok, err := tx.sees(e)
	if err == nil && !ok {
		err = fmt.Errorf("%w: finding %s", retinue.ErrNotFound, id)
	}
	return e, err
}

// DropFingerprints forgets the fingerprints under a key that was retired.
func (tx *Tx) DropFingerprints(keyID string) error {
	return tx.exec("DELETE FROM credential_keys WHERE kind = $1", "fp:"+keyID)
}

// PeopleTouched reports whether a person changed or went after a revision.
func (tx *Tx) PeopleTouched(rev int64) (bool, error) {
	var n int
	err := tx.queryRow(`SELECT count(*) FROM (SELECT 1 FROM entities WHERE touched_rev > $1 AND type = $2 LIMIT 1) AS t`,
		rev, store.TypeIndex(retinue.FactPerson)).Scan(&n)
	return n > 0, err
}
