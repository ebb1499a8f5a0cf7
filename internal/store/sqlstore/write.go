package sqlstore

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
)

// writers are the bulk inserts of one update.
type writers struct {
	facts, edges, refs, entities, marks, documents, uses *bulk
	factKeys, refKeys, entityKeys, useKeys               *keys
}

func newWriters(tx *Tx, _ int64) *writers {
	return &writers{
		facts:      newBulk(tx, `facts (id, scope_id, type, ref_hash, ref_id, content, body, document, obs_from, obs_to, rev_from, rev_to)`, ""),
		edges:      newBulk(tx, `edges (ref_id, role, fact_id)`, " ON CONFLICT DO NOTHING"),
		refs:       newBulk(tx, `refs (id, hash, realm_id, kind, key, entity_id)`, ""),
		entities:   newBulk(tx, `entities (id, public_id, type, `+hardColumns+`, touched_rev, labels, marks, version_from, privileged, third_party)`, ""),
		marks:      newBulk(tx, `entity_marks (mark, entity_id)`, " ON CONFLICT DO NOTHING"),
		documents:  newBulk(tx, `documents (hash, language, body)`, " ON CONFLICT DO NOTHING"),
		uses:       newBulk(tx, `uses (id, hash, subject_id, scope_id, meaning, at, observed_at, rev, body)`, " ON CONFLICT DO NOTHING"),
		factKeys:   &keys{tx: tx, table: "facts"},
		refKeys:    &keys{tx: tx, table: "refs"},
		entityKeys: &keys{tx: tx, table: "entities"},
		useKeys:    &keys{tx: tx, table: "uses"},
	}
}

func (w *writers) flush() error {
	for _, b := range []*bulk{w.refs, w.entities, w.marks, w.documents, w.facts, w.edges, w.uses} {
		if err := b.flush(); err != nil {
			return err
		}
	}
	return nil
}

// prepared is a pending fact with what its writing needs.
type prepared struct {
	pendingFact
	fact  retinue.Fact
	typ   int
	edges []store.Edge
	hash  []store.Hash // of edges
}

// flushPending writes the new and changed facts that were collected.
func (a *applier) flushPending() error {
	if len(a.pending) == 0 {
		return nil
	}
	batch, need, err := a.prepare()
	if err != nil {
		return err
	}
	if err := a.w.flush(); err != nil { // so that look-ups see what was written
		return err
	}
	known, err := a.tx.lookupRefs(need)
	if err != nil {
		return err
	}
	if err := a.findHolders(batch, known); err != nil {
		return err
	}
	var closed []int64
	for i := range batch {
		if err := a.write(&batch[i], known); err != nil {
			return err
		}
		if old := batch[i].old; old != 0 {
			closed = append(closed, old)
		}
	}
	a.pending = a.pending[:0]
	return a.closeVersions(closed)
}

// prepare decodes the batch and lists the refs that it names.
func (a *applier) prepare() ([]prepared, []store.Hash, error) {
	batch := make([]prepared, len(a.pending))
	var need []store.Hash
	for i, p := range a.pending {
		f, err := retinue.DecodeFact(p.row.Type, p.row.Body)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", p.row.Ref, err)
		}
		b := prepared{pendingFact: p, fact: f, typ: store.TypeIndex(p.row.Type), edges: store.Edges(f)}
		if isEntity(p.row.Type) {
			need = append(need, p.row.RefHash)
			if c := columnsOf(f).container; !c.IsZero() {
				need = append(need, store.HashRef(c))
			}
		}
		for _, e := range b.edges {
			h := store.HashRef(e.Ref)
			b.hash = append(b.hash, h)
			need = append(need, h)
		}
		batch[i] = b
	}
	slices.SortFunc(need, func(x, y store.Hash) int { return compareKey(0, x, 0, y) })
	return batch, slices.Compact(need), nil
}

func isEntity(t retinue.FactType) bool { _, ok := retinue.EntityPrefix(t); return ok }

// write writes one fact: its refs, its entity, its version and its edges.
func (a *applier) write(p *prepared, known map[store.Hash]refRow) error {
	change := evidence.ChangeAdded
	if p.old != 0 {
		change = evidence.ChangeChanged
		a.counts.Changed++
	} else {
		a.counts.Added++
		a.tx.count(0, 1)(figureFacts, string(p.row.Type))
	}
	a.leaf(p.row.Type, p.row.RefHash, change, p.row.Content)
	var refID any
	if isEntity(p.row.Type) {
		r, err := a.entityFor(p, known)
		if err != nil {
			return err
		}
		refID = r.id
	}
	id, err := a.w.factKeys.take()
	if err != nil {
		return err
	}
	for i, e := range p.edges {
		r, err := a.ref(e.Ref, p.hash[i], known)
		if err != nil {
			return err
		}
		if err := a.w.edges.add(r.id, e.Role, id); err != nil {
			return err
		}
		if r.entity != 0 {
			a.bumped[r.entity] = struct{}{}
		}
	}
	doc, err := a.document(p)
	if err != nil {
		return err
	}
	return a.w.facts.add(id, a.scope.id, p.typ, p.row.RefHash[:], refID, p.row.Content[:], string(p.row.Body), doc, a.obs, nil, a.rev, nil)
}

// document stores a policy's text once and returns its hash.
func (a *applier) document(p *prepared) (any, error) {
	if p.row.Document == "" {
		return nil, nil
	}
	sum := sha256.Sum256([]byte(p.row.Document))
	lang := ""
	if pol, ok := p.fact.(retinue.Policy); ok {
		lang = string(pol.Language)
	}
	return sum[:], a.w.documents.add(sum[:], lang, p.row.Document)
}

// ref returns the row of a ref, making one for a ref not seen before.
func (a *applier) ref(r retinue.Ref, h store.Hash, known map[store.Hash]refRow) (refRow, error) {
	if row, ok := known[h]; ok {
		return row, nil
	}
	realm, err := a.tx.realmID(r.Realm)
	if err != nil {
		return refRow{}, err
	}
	id, err := a.w.refKeys.take()
	if err != nil {
		return refRow{}, err
	}
	row := refRow{id: id}
	known[h] = row
	return row, a.w.refs.add(id, h[:], realm, r.Kind, r.Key, nil)
}

// entityFor returns the ref row of a fact that describes an entity, minting
// the entity where there is none.
func (a *applier) entityFor(p *prepared, known map[store.Hash]refRow) (refRow, error) {
	row, seen := known[p.row.RefHash]
	if seen && row.entity != 0 {
		a.touched[row.entity] = struct{}{}
		if row.etype != p.typ {
			a.conflict(p.row, store.TypeAt(row.etype))
			return row, nil
		}
		if p.row.Type == retinue.FactCredential {
			return row, a.joinKnown(p.row, p.fact, row)
		}
		return row, nil
	}
	var err error
	if p.row.Type == retinue.FactCredential {
		var joined int64
		if joined, err = a.joinTarget(p.row, p.fact, row.id); err != nil {
			return row, err
		}
		if joined != 0 {
			return a.joinNew(p, row, seen, joined, known)
		}
	}
	entity, err := a.w.entityKeys.take()
	if err != nil {
		return row, err
	}
	if !seen {
		if row, err = a.mintRef(p.row, entity); err != nil {
			return row, err
		}
	} else if err := a.adopt(row.id, entity); err != nil {
		return row, err
	}
	row.entity, row.etype = entity, p.typ
	known[p.row.RefHash] = row
	if err := a.mintEntity(entity, row.id, p, known, true); err != nil {
		return row, err
	}
	if seen && p.row.Type == retinue.FactIdentity { // credentials may have named it before
		a.tx.heirs[entity], a.tx.stale[entity] = struct{}{}, struct{}{}
	}
	if p.row.Type == retinue.FactCredential {
		return row, a.writeKeys(row.id, p.row, p.fact)
	}
	return row, nil
}

// adopt gives a ref that something pointed at before an entity. The ref may be
// among those that wait to be written.
func (a *applier) adopt(ref, entity int64) error {
	if err := a.w.refs.flush(); err != nil {
		return err
	}
	return a.tx.exec("UPDATE refs SET entity_id = $1 WHERE id = $2", entity, ref)
}

// conflict notes that a thing is stated as two types. The fact is kept; the
// thing stays of the type as which it was first known.
func (a *applier) conflict(row store.FactRow, known retinue.FactType) {
	if len(a.conflicts) < maxConflicts {
		a.conflicts = append(a.conflicts, fmt.Sprintf("%s is stated as %s and is known as %s", row.Ref, row.Type, known))
	}
}

// maxConflicts bounds the conflicts that one update reports.
const maxConflicts = 20

func (a *applier) mintRef(f store.FactRow, entity int64) (refRow, error) {
	realm, err := a.tx.realmID(f.Ref.Realm)
	if err != nil {
		return refRow{}, err
	}
	id, err := a.w.refKeys.take()
	if err != nil {
		return refRow{}, err
	}
	return refRow{id: id}, a.w.refs.add(id, f.RefHash[:], realm, f.Ref.Kind, f.Ref.Key, entity)
}

// findHolders reads what the credentials of a batch inherit.
func (a *applier) findHolders(batch []prepared, known map[store.Hash]refRow) error {
	clear(a.minted)
	var ids []int64
	for i := range batch {
		if c, ok := batch[i].fact.(retinue.Credential); ok && !c.Identity.IsZero() {
			if e := known[store.HashRef(c.Identity)].entity; e != 0 {
				ids = append(ids, e)
			}
		}
	}
	var err error
	a.bequests, err = a.tx.bequests(ids)
	return err
}

// mintEntity writes the row of a new entity. One that is not there now counts
// in no figure.
func (a *applier) mintEntity(entity, ref int64, p *prepared, known map[store.Hash]refRow, live bool) error {
	c := columnsOf(p.fact)
	declared(&c, p.typ, int(a.authority()))
	s := shown{ref: ref, scope: a.scope.id, sourceID: a.u.Run.Source.Key, source: a.u.Run.Source.Name, firstSeen: a.obs,
		soft: soft{worst: noFinding}}
	s.from(c, p.row.Ref.Key)
	own := tagMarks(p.fact)
	if !c.container.IsZero() {
		r, err := a.ref(c.container, store.HashRef(c.container), known)
		if err != nil {
			return err
		}
		s.container = sql.NullInt64{Int64: r.id, Valid: true}
	}
	if !c.holder.IsZero() {
		r, err := a.ref(c.holder, store.HashRef(c.holder), known)
		if err != nil {
			return err
		}
		s.holder = sql.NullInt64{Int64: r.id, Valid: true}
		a.tx.holderChanged(s.holder)
		b := a.bequests[r.entity]
		if b == nil {
			b = a.minted[r.entity]
		}
		if b != nil && r.entity != 0 {
			own = b.give(&s, own)
		}
	}
	m := newMarks(own)
	if p.row.Type == retinue.FactIdentity {
		a.minted[entity] = &bequest{class: s.class, environment: s.environment, criticality: s.criticality,
			container: s.container, sourceID: s.sourceID, marks: m}
	}
	for _, mark := range m {
		if err := a.w.marks.add(mark, entity); err != nil {
			return err
		}
	}
	if live {
		s.figureKeys(p.typ, sql.NullInt64{}, a.tx.count(s.sourceID, 1))
	}
	public := retinue.NewEntityID(p.row.Type, a.tx.at)
	args := append([]any{entity, string(public), p.typ}, s.hardValues()...)
	return a.w.entities.add(append(args, a.rev, "", m.String(), a.obs, s.privileged, s.thirdParty)...)
}

// leaf adds a version change to the tree whose root the record carries.
func (a *applier) leaf(t retinue.FactType, ref store.Hash, change evidence.Change, content store.ContentHash) {
	c := evidence.VersionChange{FactType: t, RefHash: hex.EncodeToString(ref[:]), Change: change, ContentHash: hex.EncodeToString(content[:])}
	a.changes.Add(c.Leaf())
}

// closeVersions ends versions without anything else: their successors were
// written.
func (a *applier) closeVersions(ids []int64) error {
	for chunk := range slices.Chunk(ids, 2000) {
		if err := a.w.facts.flush(); err != nil {
			return err
		}
		if err := a.tx.exec(`UPDATE facts SET obs_to = $1, rev_to = $2 WHERE id IN (SELECT CAST(v AS BIGINT) FROM `+
			a.tx.db.d.each("$3")+` j)`, a.obs, a.rev, a.tx.intList(chunk)); err != nil {
			return fmt.Errorf("close versions: %w", err)
		}
	}
	return nil
}

// closeFacts ends facts that are no longer stated, and notes which entities
// that touches.
func (a *applier) closeFacts(ids []int64) error {
	if err := a.w.flush(); err != nil {
		return err
	}
	for chunk := range slices.Chunk(ids, 2000) {
		var far []store.Hash
		var own []int64
		err := a.tx.query(func(rows *sql.Rows) error {
			var t int
			var ref sql.NullInt64
			var hash, content []byte
			var body string
			if err := rows.Scan(&t, &ref, &hash, &content, &body); err != nil {
				return err
			}
			ftype := store.TypeAt(t)
			a.tx.count(0, -1)(figureFacts, string(ftype))
			a.leaf(ftype, store.Hash(hash), evidence.ChangeEnded, store.ContentHash(content))
			if ref.Valid {
				own = append(own, ref.Int64)
			}
			f, err := retinue.DecodeFact(ftype, []byte(body))
			if err != nil {
				return err
			}
			for _, e := range store.Edges(f) {
				far = append(far, store.HashRef(e.Ref))
			}
			return nil
		}, `SELECT f.type, f.ref_id, f.ref_hash, f.content, f.body FROM `+a.tx.db.d.each("$1")+` j
			JOIN facts f ON f.id = CAST(j.v AS BIGINT) ORDER BY f.id`, a.tx.intList(chunk))
		if err != nil {
			return fmt.Errorf("end facts: %w", err)
		}
		if err := a.closeVersions(chunk); err != nil {
			return err
		}
		if err := a.touch(own, far); err != nil {
			return err
		}
	}
	return nil
}

// touch notes the entities of refs: their own facts changed, or relations that
// point at them did.
func (a *applier) touch(own []int64, far []store.Hash) error {
	if len(own) > 0 {
		err := a.tx.query(func(rows *sql.Rows) error {
			var e int64
			if err := rows.Scan(&e); err != nil {
				return err
			}
			a.touched[e] = struct{}{}
			return nil
		}, `SELECT r.entity_id FROM `+a.tx.db.d.each("$1")+` j JOIN refs r ON r.id = CAST(j.v AS BIGINT)
			WHERE r.entity_id IS NOT NULL`, a.tx.intList(own))
		if err != nil {
			return fmt.Errorf("touch entities: %w", err)
		}
	}
	rows, err := a.tx.lookupRefs(far)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.entity != 0 {
			a.bumped[r.entity] = struct{}{}
		}
	}
	if len(a.touched) > 10_000 {
		return a.flushTouched()
	}
	return nil
}

func (a *applier) flushTouched() error {
	ids := sortedKeys(a.touched)
	clear(a.touched)
	return a.tx.reproject(ids, a.rev, a.obs)
}

// flushBumped marks entities whose relations changed, so that they are judged
// again.
func (a *applier) flushBumped() error {
	for chunk := range slices.Chunk(sortedKeys(a.bumped), 2000) {
		if err := a.tx.exec(`UPDATE entities SET touched_rev = $1 WHERE touched_rev < $1 AND id IN (SELECT CAST(v AS BIGINT) FROM `+
			a.tx.db.d.each("$2")+` j)`, a.rev, a.tx.intList(chunk)); err != nil {
			return fmt.Errorf("mark entities: %w", err)
		}
	}
	clear(a.bumped)
	return nil
}

func sortedKeys(m map[int64]struct{}) []int64 {
	out := make([]int64, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
