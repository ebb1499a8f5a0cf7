package sqlstore

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
)

// minHold is the number of facts below which a scope's mass ending is not
// held: in a small scope a large share is an ordinary change.
const minHold = 20

// applier carries one scope's update through the transaction.
type applier struct {
	tx      *Tx
	u       store.ScopeUpdate
	scope   scopeRow
	rev     int64
	obs     int64 // observed at, microseconds
	counts  store.Counts
	changes evidence.Tree
	pending []pendingFact
	ended   []int64
	touched map[int64]struct{} // entities to project again
	bumped  map[int64]struct{} // refs whose entities' relations changed
	w       *writers
	// bequests are of the holders of a batch's credentials; minted of the
	// identities that the batch made.
	bequests map[int64]*bequest
	minted   map[int64]*bequest
	// conflicts are things that are stated as two types.
	conflicts []string
}

type pendingFact struct {
	row store.FactRow
	old int64 // the version that it replaces, or 0
}

// scopeRow is a scope as it stands.
type scopeRow struct {
	id          int64
	realmID     int64
	state       store.ScopeState
	completedAt sql.NullInt64
	heldRun     sql.NullInt64
	facts       int64
	source      int64
	authority   int
}

// ApplyScope writes the outcome of listing a scope: new and changed versions,
// the end of what a complete listing no longer holds, uses, joins, the record.
// An observation older than the last complete one goes into history and
// changes nothing of now.
func (tx *Tx) ApplyScope(u store.ScopeUpdate) (store.ScopeRun, error) {
	if err := tx.checkLease(u.Lease); err != nil {
		return store.ScopeRun{}, err
	}
	a := &applier{tx: tx, u: u, touched: map[int64]struct{}{}, bumped: map[int64]struct{}{},
		minted: map[int64]*bequest{}}
	if u.Completion.ObservedAt.IsZero() {
		a.u.Completion.ObservedAt = tx.at
	}
	a.obs = a.u.Completion.ObservedAt.UnixMicro()
	var err error
	if a.scope, err = tx.scopeFor(u, a.obs); err != nil {
		return store.ScopeRun{}, err
	}
	if a.rev, err = tx.db.d.block(tx.ctx, tx.tx, "revisions", 1); err != nil {
		return store.ScopeRun{}, err
	}
	a.w = newWriters(tx, a.scope.id)
	var state store.ScopeState
	switch {
	case a.scope.completedAt.Valid && a.obs < a.scope.completedAt.Int64:
		state, err = store.ScopeHistoric, a.history()
	default:
		state, err = a.now()
	}
	if err != nil {
		return store.ScopeRun{}, fmt.Errorf("apply scope %s: %w", u.Scope, err)
	}
	return a.finish(state)
}

// now applies the newest observation of a scope.
func (a *applier) now() (store.ScopeState, error) {
	if err := a.diff(); err != nil {
		return "", err
	}
	state := store.ScopeComplete
	if !a.u.Complete {
		state = store.ScopePartial
		if a.counts.Facts+a.counts.Uses == 0 {
			state = store.ScopeFailed
		}
		a.ended = nil
	} else if a.mustHold() {
		state = store.ScopeHeld
		a.counts.Held = int64(len(a.ended))
		a.ended = nil
	}
	if err := a.end(); err != nil {
		return "", err
	}
	if a.u.Complete && a.u.Completion.ListsChildren && state == store.ScopeComplete {
		if err := a.children(); err != nil {
			return "", err
		}
	}
	return state, a.settle()
}

// mustHold reports whether so much would end that a second scan or a person
// must agree. A scope that was held by an earlier run is let go by this one.
func (a *applier) mustHold() bool {
	total := a.scope.facts
	if a.u.AcceptEnded || total < minHold || a.u.HoldShare <= 0 {
		return false
	}
	if float64(len(a.ended)) <= a.u.HoldShare*float64(total) {
		return false
	}
	return !a.scope.heldRun.Valid || a.scope.heldRun.Int64 == a.u.Run.Key
}

// current is a page-wise cursor over the versions in force of a scope.
type current struct {
	tx     *Tx
	scope  int64
	page   []currentRow
	i      int
	last   currentRow
	opened bool
	done   bool
}

type currentRow struct {
	id      int64
	ftype   int
	hash    store.Hash
	content store.ContentHash
}

const currentPage = 4096

func (c *current) peek() (*currentRow, error) {
	if c.i < len(c.page) {
		return &c.page[c.i], nil
	}
	if c.done {
		return nil, nil
	}
	where, args := "", []any{c.scope, currentPage}
	if c.opened {
		where = " AND (type, ref_hash) > ($3, $4)"
		args = append(args, c.last.ftype, c.last.hash[:])
	}
	c.opened = true
	c.page, c.i = c.page[:0], 0
	var ref, content sql.RawBytes
	err := c.tx.query(func(rows *sql.Rows) error {
		var r currentRow
		if err := rows.Scan(&r.id, &r.ftype, &ref, &content); err != nil {
			return err
		}
		copy(r.hash[:], ref)
		copy(r.content[:], content)
		c.page = append(c.page, r)
		return nil
	}, `SELECT id, type, ref_hash, content FROM facts WHERE scope_id = $1 AND rev_to IS NULL`+where+`
		ORDER BY type, ref_hash LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("read current facts: %w", err)
	}
	if len(c.page) < currentPage {
		c.done = true
	}
	if len(c.page) == 0 {
		return nil, nil
	}
	c.last = c.page[len(c.page)-1]
	return &c.page[0], nil
}

// diff merges the ordered stream of what was stated with the ordered versions
// in force.
func (a *applier) diff() error {
	cur := &current{tx: a.tx, scope: a.scope.id}
	useType := store.TypeIndex(retinue.FactUse)
	for row, err := range a.u.Facts {
		if err != nil {
			return err
		}
		t := store.TypeIndex(row.Type)
		if t == useType {
			if err := a.use(row); err != nil {
				return err
			}
			continue
		}
		a.counts.Facts++
		for {
			have, err := cur.peek()
			if err != nil {
				return err
			}
			c := 1
			if have != nil {
				c = compareKey(have.ftype, have.hash, t, row.RefHash)
			}
			if c < 0 {
				a.ended = append(a.ended, have.id)
				cur.i++
				continue
			}
			if c > 0 {
				err = a.push(pendingFact{row: row})
			} else {
				cur.i++
				err = a.same(row, have)
			}
			if err != nil {
				return err
			}
			break
		}
	}
	for {
		have, err := cur.peek()
		if err != nil {
			return err
		}
		if have == nil {
			break
		}
		a.ended = append(a.ended, have.id)
		cur.i++
	}
	return a.flushPending()
}

// same handles a fact that was stated before, with equal or other content.
func (a *applier) same(row store.FactRow, have *currentRow) error {
	if have.content != row.Content {
		return a.push(pendingFact{row: row, old: have.id})
	}
	a.counts.Unchanged++
	if row.Type == retinue.FactCredential && len(row.Fingerprints) > 0 {
		return a.rejoin(row)
	}
	return nil
}

func compareKey(t1 int, h1 store.Hash, t2 int, h2 store.Hash) int {
	if t1 != t2 {
		return t1 - t2
	}
	return bytes.Compare(h1[:], h2[:])
}

func (a *applier) push(p pendingFact) error {
	a.pending = append(a.pending, p)
	if len(a.pending) >= 2000 {
		return a.flushPending()
	}
	return nil
}

// end closes the versions that a complete listing no longer holds.
func (a *applier) end() error {
	a.counts.Ended += int64(len(a.ended))
	return a.closeFacts(a.ended)
}

// settle projects the entities that changed and marks those whose relations
// did.
func (a *applier) settle() error {
	if err := a.w.flush(); err != nil {
		return err
	}
	if err := a.flushTouched(); err != nil {
		return err
	}
	return a.flushBumped()
}

// finish writes how the scope stands, the revision and the record.
func (a *applier) finish(state store.ScopeState) (store.ScopeRun, error) {
	c := a.u.Completion
	a.u.Problems = slices.Concat(a.u.Problems, a.conflicts, a.tx.conflicts)
	out := store.ScopeRun{Scope: a.u.Scope, State: state, ObservedAt: c.ObservedAt, RecordedAt: a.tx.at, Revision: a.rev,
		Basis: c.Basis, Counts: a.counts, Problems: a.u.Problems}
	counts, err := json.Marshal(a.counts)
	if err != nil {
		return out, err
	}
	problems, err := json.Marshal(orEmpty(a.u.Problems))
	if err != nil {
		return out, err
	}
	if err := a.tx.exec(`INSERT INTO revisions (rev, scope_id, run_id, state, observed_at, recorded_at, counts, basis, problems)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, a.rev, a.scope.id, a.u.Run.Key, string(state), a.obs,
		a.tx.at.UnixMicro(), string(counts), c.Basis, string(problems)); err != nil {
		return out, err
	}
	if state != store.ScopeHistoric {
		if err := a.updateScope(state, string(problems)); err != nil {
			return out, err
		}
	}
	if a.counts.Added+a.counts.Changed+a.counts.Ended+a.counts.Uses > 0 {
		a.tx.touched = true
	}
	action := retinue.RecordScopeCompleted
	switch state {
	case store.ScopePartial, store.ScopeFailed:
		action = retinue.RecordScopePartial
	case store.ScopeHeld:
		action = retinue.RecordScopeHeld
	case store.ScopeComplete:
		if a.scope.state == store.ScopeHeld {
			action = retinue.RecordScopeReleased
		}
	}
	a.tx.Record(a.u.Run.Actor, action, a.u.Scope.String(), scopeRecord{Run: a.u.Run.ID, Source: a.u.Run.Source.ID,
		Revision: a.rev, State: state, ObservedAt: c.ObservedAt, Basis: c.Basis, Counts: a.counts,
		Changes: a.changes.Size(), ChangesRoot: a.changes.Root(), Problems: len(a.u.Problems)})
	return out, nil
}

// scopeRecord is what the audit log says of a scope's update. ChangesRoot is
// the Merkle root (RFC 6962) over the version changes.
type scopeRecord struct {
	Run         retinue.RunID    `json:"run"`
	Source      retinue.SourceID `json:"source"`
	Revision    int64            `json:"revision"`
	State       store.ScopeState `json:"state"`
	ObservedAt  time.Time        `json:"observedAt"`
	Basis       string           `json:"basis,omitempty"`
	Counts      store.Counts     `json:"counts"`
	Changes     int64            `json:"changes"`
	ChangesRoot string           `json:"changesRoot"`
	Problems    int              `json:"problems,omitempty"`
}

func (a *applier) updateScope(state store.ScopeState, problems string) error {
	completed, held := any(a.obs), any(nil)
	if state != store.ScopeComplete {
		completed = nil
	}
	if state == store.ScopeHeld {
		held = a.u.Run.Key
	}
	authority := a.authority()
	total := a.scope.facts + a.counts.Added - a.counts.Ended
	obs := any(a.obs)
	if state == store.ScopeFailed {
		obs = nil // nothing was observed
	}
	if err := a.tx.exec(`UPDATE scopes SET source_id = $1, authority = $2, state = $3, observed_at = COALESCE($4, observed_at),
		completed_at = COALESCE($5, completed_at), recorded_at = $6, held_ends = $7, held_run = $8, facts = $9,
		basis = $10, problems = $11 WHERE id = $12`,
		a.u.Run.Source.Key, int(authority), string(state), obs, completed, a.tx.at.UnixMicro(), a.counts.Held, held,
		total, a.u.Completion.Basis, problems, a.scope.id); err != nil {
		return err
	}
	if a.scope.source == a.u.Run.Source.Key && a.scope.authority == int(authority) {
		return nil
	}
	// Another source reads the scope now, or its word has another weight.
	ids, err := a.tx.ints(`SELECT DISTINCT r.entity_id FROM facts f JOIN refs r ON r.id = f.ref_id
		WHERE f.scope_id = $1 AND f.rev_to IS NULL AND r.entity_id IS NOT NULL ORDER BY r.entity_id`, a.scope.id)
	if err != nil {
		return err
	}
	if a.scope.authority != int(authority) {
		for _, id := range ids {
			a.tx.past[id] = struct{}{}
		}
	}
	return a.tx.reproject(ids, 0, a.obs)
}

// scopeFor finds or makes the row of a scope.
func (tx *Tx) scopeFor(u store.ScopeUpdate, obs int64) (scopeRow, error) {
	var s scopeRow
	var err error
	if s.realmID, err = tx.realmID(u.Scope.Realm); err != nil {
		return s, err
	}
	var state string
	err = tx.queryRow(`SELECT id, state, completed_at, held_run, facts, source_id, authority FROM scopes WHERE realm_id = $1 AND path = $2`,
		s.realmID, u.Scope.Path).Scan(&s.id, &state, &s.completedAt, &s.heldRun, &s.facts, &s.source, &s.authority)
	s.state = store.ScopeState(state)
	if !errors.Is(err, sql.ErrNoRows) {
		return s, err
	}
	authority := u.Completion.Authority
	if authority == 0 {
		authority = connector.AuthoritySystem
	}
	if s.id, err = tx.db.d.block(tx.ctx, tx.tx, "scopes", 1); err != nil {
		return s, err
	}
	s.source, s.authority = u.Run.Source.Key, int(authority)
	return s, tx.exec(`INSERT INTO scopes (id, realm_id, path, source_id, authority, state, observed_at, recorded_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, s.id, s.realmID, u.Scope.Path, u.Run.Source.Key, int(authority),
		string(store.ScopePartial), obs, tx.at.UnixMicro())
}

func orEmpty(v []string) []string {
	if v == nil {
		return []string{}
	}
	return v
}

// authority is the rank of this scope's word: what its listing says, or, where
// that did not come to its end, what it was before.
func (a *applier) authority() connector.Authority {
	switch {
	case a.u.Completion.Authority != 0:
		return a.u.Completion.Authority
	case !a.u.Complete && a.scope.authority != 0:
		return connector.Authority(a.scope.authority)
	}
	return connector.AuthoritySystem
}
