package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// ListChanges returns a page of what changed, the newest first: within a
// revision what began or changed, then what ended.
func (tx *Tx) ListChanges(q store.ChangeQuery) (store.ChangePage, error) {
	if q.Limit == 0 {
		q.Limit = store.DefaultPage
	}
	if q.Limit < 0 || q.Limit > store.MaxPage {
		return store.ChangePage{}, fmt.Errorf("%w: list changes: limit %d: at most %d", retinue.ErrInvalid, q.Limit, store.MaxPage)
	}
	var p store.ChangePage
	var found []placedChange
	for _, ended := range []bool{false, true} {
		more, err := tx.changes(q, ended)
		if errors.Is(err, retinue.ErrNotFound) {
			return p, nil // of a thing that is not there, or not to be seen
		}
		if err != nil {
			return p, fmt.Errorf("list changes: %w", err)
		}
		found = append(found, more...)
	}
	slices.SortFunc(found, func(a, b placedChange) int {
		return cmp.Or(cmp.Compare(b.place.Revision, a.place.Revision), cmp.Compare(rank(a.place.Ended), rank(b.place.Ended)), cmp.Compare(b.place.Fact, a.place.Fact))
	})
	if len(found) > q.Limit {
		found = found[:q.Limit]
		p.Next = found[q.Limit-1].place
	}
	for _, c := range found {
		if err := tx.name(&c.change); err != nil {
			return p, fmt.Errorf("list changes: %w", err)
		}
		p.Items = append(p.Items, c.change)
	}
	return p, nil
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

type placedChange struct {
	place  store.ChangePlace
	change store.RecordedChange
}

// before is the version that a version f replaced in its revision, after the
// one that replaced it.
const (
	sameFact = "p.scope_id = f.scope_id AND p.type = f.type AND p.ref_hash = f.ref_hash"
	before   = "SELECT p.body FROM facts p WHERE " + sameFact + " AND p.rev_to IS NOT NULL AND p.rev_to = f.rev_from ORDER BY p.obs_from DESC, p.id DESC LIMIT 1"
	after    = "SELECT 1 FROM facts p WHERE " + sameFact + " AND p.rev_from = f.rev_to"
)

// changes reads one sort of change: what began or changed, or what ended.
func (tx *Tx) changes(q store.ChangeQuery, ended bool) ([]placedChange, error) {
	col, old := "f.rev_from", "("+before+")"
	c := &conditions{}
	c.add("f.dropped_rev IS NULL")
	if ended {
		col, old = "f.rev_to", "NULL"
		c.add("f.rev_to IS NOT NULL")
		c.add("NOT EXISTS (" + after + ")")
	}
	if wanted, err := tx.changeConditions(c, q, col, ended); err != nil || !wanted {
		return nil, err
	}
	var out []placedChange
	err := tx.query(func(rows *sql.Rows) error {
		pc := placedChange{place: store.ChangePlace{Ended: ended}}
		var recorded, observedAt int64
		var was sql.NullString
		f, err := scanFact(rows, &pc.place.Fact, &pc.place.Revision, &recorded, &observedAt, &was)
		if err != nil {
			return err
		}
		pc.change = store.RecordedChange{Kind: "added", Type: f.Type, Ref: f.Ref, Entity: f.Entity, Source: f.Source, Scope: f.Scope,
			At: f.ObservedFrom, Recorded: observed(recorded), Revision: pc.place.Revision, After: f.Body}
		switch {
		case ended:
			pc.change.Kind, pc.change.Before, pc.change.After, pc.change.At = "ended", f.Body, nil, f.ObservedTo
		case was.Valid:
			pc.change.Kind, pc.change.Before = "changed", json.RawMessage(was.String)
		}
		out = append(out, pc)
		return nil
	}, factColumns+fmt.Sprintf(", f.id, %s, v.recorded_at, v.observed_at, %s FROM facts f%s JOIN revisions v ON v.rev = %s%s ORDER BY %s DESC, f.id DESC LIMIT %d",
		col, old, factJoins, col, c.where(), col, q.Limit+1), c.args...)
	return out, err
}

// changeConditions adds the conditions of a query, and reports whether it
// wants this sort of change at all.
func (tx *Tx) changeConditions(c *conditions, q store.ChangeQuery, col string, ended bool) (bool, error) {
	if len(q.Kinds) > 0 {
		added, changed := slices.Contains(q.Kinds, "added"), slices.Contains(q.Kinds, "changed")
		switch {
		case ended && !slices.Contains(q.Kinds, "ended"), !ended && !added && !changed:
			return false, nil
		case !ended && added && !changed:
			c.add("NOT EXISTS (" + before + ")")
		case !ended && changed && !added:
			c.add("EXISTS (" + before + ")")
		}
	}
	if q.Before.Revision > 0 {
		b := q.Before
		switch {
		case b.Ended == ended:
			c.add("("+col+" < ? OR ("+col+" = ? AND f.id < ?))", b.Revision, b.Revision, b.Fact)
			c.add(col+" <= ?", b.Revision)
		case ended: // of that revision what began was shown, what ended was not
			c.add(col+" <= ?", b.Revision)
		default:
			c.add(col+" < ?", b.Revision)
		}
	}
	if !q.At.From.IsZero() {
		c.add(col+" >= (SELECT COALESCE(min(rev), 9223372036854775807) FROM revisions WHERE recorded_at >= ?)", q.At.From.UnixMicro())
	}
	if !q.At.To.IsZero() {
		c.add(col+" <= (SELECT COALESCE(max(rev), 0) FROM revisions WHERE recorded_at < ?)", q.At.To.UnixMicro())
	}
	var types []int64
	for _, t := range q.Types {
		types = append(types, int64(store.TypeIndex(t)))
	}
	if len(types) > 0 {
		c.add("f.type IN " + in(types))
	}
	if len(q.Sources) > 0 {
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(q.Sources)), ", ")
		args := make([]any, len(q.Sources))
		for i, s := range q.Sources {
			args[i] = s
		}
		c.add("o.name IN ("+marks+")", args...)
	}
	if q.Entity != "" {
		key, err := tx.EntityKey(q.Entity)
		if err != nil {
			return false, err
		}
		c.add(`(f.ref_id IN (SELECT id FROM refs WHERE entity_id = ?) OR f.id IN (SELECT x.fact_id FROM edges x JOIN refs y ON y.id = x.ref_id WHERE y.entity_id = ?))`, key, key)
	}
	l, err := tx.lens()
	if err == nil && !l.all {
		c.add(l.seesFact())
	}
	return true, err
}

// name says what a change is about: of a relation, the thing that it hangs on.
func (tx *Tx) name(c *store.RecordedChange) error {
	body := c.After
	if body == nil {
		body = c.Before
	}
	f, err := retinue.DecodeFact(c.Type, body)
	if err != nil {
		return err
	}
	c.Ref, c.Name = f.FactRef(), cmp.Or(columnsOf(f).name, c.Ref.Key)
	if c.Entity != "" {
		return nil
	}
	subject := subjectOf(f)
	c.Name = subject.Key
	key, err := tx.Resolve(subject)
	if err != nil || key == 0 {
		return err
	}
	var id, name string
	if err := tx.queryRow("SELECT public_id, name FROM entities WHERE id = $1", key).Scan(&id, &name); err != nil {
		return err
	}
	if ok, err := tx.sees(key); err != nil || !ok {
		return err
	}
	c.Entity, c.Name = retinue.EntityID(id), cmp.Or(name, subject.Key)
	return nil
}

// subjectOf is what a relation hangs on.
func subjectOf(f retinue.Fact) retinue.Ref {
	switch v := f.(type) {
	case retinue.Membership:
		return v.Member
	case retinue.Attachment:
		return v.Target
	case retinue.Grant:
		return v.Subject
	case retinue.Trust:
		return v.Subject
	case retinue.Placement:
		return v.Credential
	case retinue.OwnerSignal:
		return v.Subject
	}
	return f.FactRef()
}

// CountGained counts, up to limit, the grants, attachments and memberships
// that began after a revision.
func (tx *Tx) CountGained(after int64, limit int) (int64, error) {
	l, err := tx.lens()
	if err != nil {
		return 0, err
	}
	types := in([]int64{int64(store.TypeIndex(retinue.FactAttachment)), int64(store.TypeIndex(retinue.FactGrant)), int64(store.TypeIndex(retinue.FactMembership))})
	var n int64
	err = tx.queryRow(fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM facts f WHERE f.rev_from > $1 AND f.rev_to IS NULL AND f.type IN %s
		AND NOT EXISTS (%s)%s LIMIT %d) AS t`, types, before, and(l.seesFact()), limit), after).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what was gained: %w", err)
	}
	return n, nil
}

// Moved says what changed for a reader since a place: things, findings.
type Moved struct {
	Revision  int64 // the newest there is
	FindingAt int64 // the time of the newest version of a finding, unix µs
	Inventory bool  // something that the scope sees changed
	Findings  bool
}

// MovedSince reports what changed of what the scope sees.
func (tx *Tx) MovedSince(rev, findingAt int64) (Moved, error) {
	m := Moved{Revision: rev, FindingAt: findingAt}
	l, err := tx.lens()
	if err != nil {
		return m, err
	}
	var top sql.NullInt64
	if err := tx.queryRow("SELECT max(touched_rev) FROM entities").Scan(&top); err != nil {
		return m, fmt.Errorf("look for changes: %w", err)
	}
	if top.Int64 > rev {
		if m.Revision = top.Int64; rev >= 0 {
			m.Inventory, err = tx.any("SELECT 1 FROM entities e WHERE e.touched_rev > $1"+and(l.sees("e"))+" LIMIT 1", rev)
			if err != nil {
				return m, err
			}
		}
	}
	if err := tx.queryRow("SELECT max(from_at) FROM finding_versions").Scan(&top); err != nil {
		return m, fmt.Errorf("look for changes: %w", err)
	}
	if top.Int64 > findingAt {
		if m.FindingAt = top.Int64; findingAt >= 0 {
			m.Findings, err = tx.any("SELECT 1 FROM finding_versions v JOIN findings f ON f.id = v.finding_id WHERE v.from_at > $1"+and(l.seesFinding())+" LIMIT 1", findingAt)
		}
	}
	return m, err
}

// RegisteredSince reports whether a governance record of something that the
// scope sees was written after a place in the audit log.
func (tx *Tx) RegisteredSince(seq int64) (bool, error) {
	var subjects []string
	err := tx.query(func(rows *sql.Rows) error {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		subjects = append(subjects, s)
		return nil
	}, "SELECT DISTINCT subject FROM records WHERE seq > $1 AND (action = $2 OR action LIKE 'ownership.%') LIMIT 50", seq, string(retinue.RecordRegistrationSet))
	if err != nil {
		return false, fmt.Errorf("look for changes: %w", err)
	}
	for _, s := range subjects {
		if tx.scope.All {
			return true, nil
		}
		if ok, err := tx.Visible(retinue.EntityID(s)); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (tx *Tx) any(q string, args ...any) (bool, error) {
	var n int
	err := tx.queryRow(q, args...).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for changes: %w", err)
	}
	return true, nil
}

// RevisionAt is the newest revision that had been recorded by a time.
func (tx *Tx) RevisionAt(at store.AsOf) (int64, error) { return tx.known(at) }

// ScansMoved is a number that changes whenever a scan begins, ends, goes on or
// is cancelled.
func (tx *Tx) ScansMoved() (int64, error) {
	var n int64
	err := tx.queryRow(`SELECT COALESCE(max(id), 0) + COALESCE(max(alive_at), 0) + COALESCE(max(started_at), 0) + COALESCE(max(finished_at), 0) + COALESCE(max(cancel_at), 0)
		FROM (SELECT id, alive_at, started_at, finished_at, cancel_at FROM scans ORDER BY id DESC LIMIT 200) AS t`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("look at scans: %w", err)
	}
	return n, nil
}
