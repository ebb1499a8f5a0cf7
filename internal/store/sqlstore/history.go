package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
)

// version is a version of a fact as the history sees it.
type version struct {
	id      int64
	ftype   int
	hash    store.Hash
	content store.ContentHash
	from    int64
	to      sql.NullInt64
	revTo   sql.NullInt64
}

// history applies an observation that is older than the last complete one: it
// writes what held at that time and changes nothing of now. What was stated
// then holds until the next complete observation of the scope.
func (a *applier) history() error {
	next, err := a.nextObservation()
	if err != nil {
		return err
	}
	h := &historian{applier: a, next: next, cur: &past{tx: a.tx, scope: a.scope.id, at: a.obs}}
	for row, err := range a.u.Facts {
		if err != nil {
			return err
		}
		if row.Type == retinue.FactUse {
			if err := a.use(row); err != nil {
				return err
			}
			continue
		}
		a.counts.Facts++
		if err := h.row(row); err != nil {
			return err
		}
	}
	if err := h.rest(); err != nil {
		return err
	}
	return a.settle()
}

// nextObservation is the first complete observation after this one; there is
// one, or this would not be history.
func (a *applier) nextObservation() (int64, error) {
	var next sql.NullInt64
	err := a.tx.queryRow(`SELECT min(observed_at) FROM revisions WHERE scope_id = $1 AND observed_at > $2 AND state IN ($3, $4)`,
		a.scope.id, a.obs, string(store.ScopeComplete), string(store.ScopeHistoric)).Scan(&next)
	if err != nil {
		return 0, err
	}
	if !next.Valid {
		return 0, errors.New("no later observation")
	}
	return next.Int64, nil
}

// historian merges an old observation with the versions that covered its time.
type historian struct {
	*applier
	next int64
	cur  *past
}

func (h *historian) row(row store.FactRow) error {
	t := store.TypeIndex(row.Type)
	for {
		have, err := h.cur.peek()
		if err != nil {
			return err
		}
		c := 1
		if have != nil {
			c = compareKey(have.ftype, have.hash, t, row.RefHash)
		}
		switch {
		case c < 0:
			if err := h.absent(have); err != nil {
				return err
			}
			h.cur.i++
			continue
		case c == 0:
			v := *have
			h.cur.i++
			if v.content == row.Content {
				h.counts.Unchanged++
				return nil
			}
			if err := h.split(v); err != nil {
				return err
			}
			h.counts.Changed++
			return h.insertPast(row)
		}
		h.counts.Added++
		return h.insertPast(row)
	}
}

func (h *historian) rest() error {
	for {
		have, err := h.cur.peek()
		if err != nil || have == nil {
			return err
		}
		if err := h.absent(have); err != nil {
			return err
		}
		h.cur.i++
	}
}

// absent handles a version that covers the time and was not stated then. Only
// a complete listing says that it did not hold.
func (h *historian) absent(v *version) error {
	if !h.u.Complete {
		return nil
	}
	h.counts.Ended++
	h.leaf(store.TypeAt(v.ftype), v.hash, evidence.ChangeEnded, v.content)
	return h.split(*v)
}

// split cuts a version into the part before this observation and the part from
// the next one on. A version still in force is cut by closing it: its row goes
// on to say what was believed before this revision.
func (h *historian) split(v version) error {
	if isEntity(store.TypeAt(v.ftype)) {
		entities, err := h.tx.ints("SELECT r.entity_id FROM facts f JOIN refs r ON r.id = f.ref_id WHERE f.id = $1 AND r.entity_id IS NOT NULL", v.id)
		if err != nil {
			return err
		}
		for _, e := range entities {
			// Parts of it now count as stated later, which may decide whose word wins.
			h.tx.past[e], h.touched[e] = struct{}{}, struct{}{}
		}
	}
	if v.from < h.obs {
		if err := h.copyVersion(v, v.from, sql.NullInt64{Int64: h.obs, Valid: true}); err != nil {
			return err
		}
	}
	open := !v.revTo.Valid
	if open || v.to.Int64 > h.next {
		to := v.to
		if err := h.copyVersion(v, h.next, to); err != nil {
			return err
		}
	}
	return h.tx.exec(`UPDATE facts SET dropped_rev = $1, rev_to = COALESCE(rev_to, $1), obs_to = COALESCE(obs_to, obs_from) WHERE id = $2`, h.rev, v.id)
}

// copyVersion writes a part of a version, with its edges, as known from this
// revision on.
func (h *historian) copyVersion(v version, from int64, to sql.NullInt64) error {
	id, err := h.w.factKeys.take()
	if err != nil {
		return err
	}
	var revTo any
	if to.Valid {
		revTo = h.rev
	} else if err := h.tx.exec("UPDATE facts SET rev_to = $1, obs_to = $2 WHERE id = $3 AND rev_to IS NULL", h.rev, from, v.id); err != nil {
		return err // frees the place of the version in force
	}
	if err := h.tx.exec(`INSERT INTO facts (id, scope_id, type, ref_hash, ref_id, content, body, document, obs_from, obs_to, rev_from, rev_to)
		SELECT $1, scope_id, type, ref_hash, ref_id, content, body, document, $2, $3, $4, $5 FROM facts WHERE id = $6`,
		id, from, nullable(to), h.rev, revTo, v.id); err != nil {
		return fmt.Errorf("copy version: %w", err)
	}
	return h.copyEdges(v.id, id)
}

// copyEdges points a copy at what its original points at. Edges are found from
// the far end, so they are made from the fact again.
func (h *historian) copyEdges(from, to int64) error {
	var t int
	var body string
	if err := h.tx.queryRow("SELECT type, body FROM facts WHERE id = $1", from).Scan(&t, &body); err != nil {
		return err
	}
	f, err := retinue.DecodeFact(store.TypeAt(t), []byte(body))
	if err != nil {
		return err
	}
	for _, e := range store.Edges(f) {
		hash := store.HashRef(e.Ref)
		known, err := h.tx.lookupRefs([]store.Hash{hash})
		if err != nil {
			return err
		}
		if err := h.w.edges.add(known[hash].id, e.Role, to); err != nil {
			return err
		}
	}
	return nil
}

func nullable(v sql.NullInt64) any {
	if !v.Valid {
		return nil
	}
	return v.Int64
}

// insertPast writes a fact that held from this observation until the next.
func (h *historian) insertPast(row store.FactRow) error {
	f, err := retinue.DecodeFact(row.Type, row.Body)
	if err != nil {
		return err
	}
	p := &prepared{pendingFact: pendingFact{row: row}, fact: f, typ: store.TypeIndex(row.Type), edges: store.Edges(f)}
	need := []store.Hash{row.RefHash}
	for _, e := range p.edges {
		hash := store.HashRef(e.Ref)
		p.hash = append(p.hash, hash)
		need = append(need, hash)
	}
	if err := h.w.flush(); err != nil {
		return err
	}
	known, err := h.tx.lookupRefs(need)
	if err != nil {
		return err
	}
	var refID any
	if isEntity(row.Type) {
		r, err := h.entityThen(p, known)
		if err != nil {
			return err
		}
		refID = r.id
		h.tx.past[r.entity] = struct{}{}
	}
	id, err := h.w.factKeys.take()
	if err != nil {
		return err
	}
	for i, e := range p.edges {
		r, err := h.ref(e.Ref, p.hash[i], known)
		if err != nil {
			return err
		}
		if err := h.w.edges.add(r.id, e.Role, id); err != nil {
			return err
		}
	}
	doc, err := h.document(p)
	if err != nil {
		return err
	}
	h.leaf(row.Type, row.RefHash, evidence.ChangeAdded, row.Content)
	return h.w.facts.add(id, h.scope.id, p.typ, row.RefHash[:], refID, row.Content[:], string(row.Body), doc, h.obs, h.next, h.rev, h.rev)
}

// entityThen returns the ref row of an entity that existed then. One that is
// not known now is minted as gone.
func (h *historian) entityThen(p *prepared, known map[store.Hash]refRow) (refRow, error) {
	row, seen := known[p.row.RefHash]
	if seen && row.entity != 0 {
		return row, h.tx.exec("UPDATE entities SET first_seen = $1 WHERE id = $2 AND first_seen > $1", h.obs, row.entity)
	}
	entity, err := h.w.entityKeys.take()
	if err != nil {
		return row, err
	}
	if !seen {
		if row, err = h.mintRef(p.row, entity); err != nil {
			return row, err
		}
	} else if err := h.adopt(row.id, entity); err != nil {
		return row, err
	}
	if err := h.mintEntity(entity, row.id, p, known, false); err != nil {
		return row, err
	}
	if err := h.w.flush(); err != nil {
		return row, err
	}
	row.entity, row.etype = entity, p.typ
	return row, h.tx.exec("UPDATE entities SET state = $1, gone_at = $2 WHERE id = $3", string(retinue.StateGone), h.next, entity)
}

// past is a page-wise cursor over the versions of a scope that are believed to
// have covered a time. The pages are read before anything is written, one at a
// time; what is written lies outside the time or has been read.
type past struct {
	tx     *Tx
	scope  int64
	at     int64
	page   []version
	i      int
	opened bool
	last   version
	done   bool
}

func (c *past) peek() (*version, error) {
	if c.i < len(c.page) {
		return &c.page[c.i], nil
	}
	if c.done {
		return nil, nil
	}
	where, args := "", []any{c.scope, c.at, currentPage}
	if c.opened {
		where = " AND (type, ref_hash) > ($4, $5)"
		args = append(args, c.last.ftype, c.last.hash[:])
	}
	c.opened = true
	c.page, c.i = c.page[:0], 0
	err := c.tx.query(func(rows *sql.Rows) error {
		var v version
		var ref, content []byte
		if err := rows.Scan(&v.id, &v.ftype, &ref, &content, &v.from, &v.to, &v.revTo); err != nil {
			return err
		}
		copy(v.hash[:], ref)
		copy(v.content[:], content)
		c.page = append(c.page, v)
		return nil
	}, `SELECT id, type, ref_hash, content, obs_from, obs_to, rev_to FROM facts
		WHERE scope_id = $1 AND obs_from <= $2 AND (obs_to IS NULL OR obs_to > $2) AND dropped_rev IS NULL`+where+`
		ORDER BY type, ref_hash LIMIT $3`, args...)
	if err != nil {
		return nil, fmt.Errorf("read past facts: %w", err)
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
