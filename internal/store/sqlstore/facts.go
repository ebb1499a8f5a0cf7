package sqlstore

import (
	"cmp"
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

const factColumns = `SELECT f.type, m.realm, s.path, o.name, COALESCE(g.realm, ''), COALESCE(r.kind, ''), COALESCE(r.key, ''),
	COALESCE(e.public_id, ''), COALESCE(e.id, 0), f.body, COALESCE(d.body, ''), f.obs_from, f.obs_to, f.rev_from,
	COALESCE(f.rev_to, 0), s.authority`

const factJoins = ` JOIN scopes s ON s.id = f.scope_id JOIN realms m ON m.id = s.realm_id JOIN sources o ON o.id = s.source_id
	LEFT JOIN refs r ON r.id = f.ref_id LEFT JOIN realms g ON g.id = r.realm_id LEFT JOIN entities e ON e.id = r.entity_id
	LEFT JOIN documents d ON d.hash = f.document`

func scanFact(rows *sql.Rows, extra ...any) (store.Fact, error) {
	var f store.Fact
	var t int
	var scopeRealm, refRealm, entity, body, doc string
	var from int64
	var to sql.NullInt64
	dest := []any{&t, &scopeRealm, &f.Scope.Path, &f.Source, &refRealm, &f.Ref.Kind, &f.Ref.Key, &entity, &f.EntityKey, &body,
		&doc, &from, &to, &f.RevisionFrom, &f.RevisionTo, &f.Authority}
	if err := rows.Scan(append(dest, extra...)...); err != nil {
		return f, err
	}
	f.Type, f.Scope.Realm, f.Ref.Realm, f.Entity = store.TypeAt(t), retinue.Realm(scopeRealm), retinue.Realm(refRealm), retinue.EntityID(entity)
	f.ObservedFrom, f.ObservedTo = observed(from), fromMicros(to)
	f.Body = json.RawMessage(body)
	if doc != "" {
		full, err := withDocument(f.Body, doc)
		if err != nil {
			return f, err
		}
		f.Body = full
	}
	return f, nil
}

// withDocument puts a policy's document back into its body.
func withDocument(body json.RawMessage, doc string) (json.RawMessage, error) {
	f, err := retinue.DecodeFact(retinue.FactPolicy, body)
	if err != nil {
		return nil, err
	}
	p, ok := f.(retinue.Policy)
	if !ok {
		return body, nil
	}
	p.Document = doc
	return json.Marshal(p)
}

// currentOrder puts facts in force into the order of their authority.
const currentOrder = " ORDER BY s.authority DESC, f.obs_from DESC, f.id"

// FactsOf returns every version of the facts about an entity itself, the
// newest first; with current, those in force only, the most authoritative
// first.
func (tx *Tx) FactsOf(entity int64, current bool) ([]store.Fact, error) {
	if ok, err := tx.reaches(entity); err != nil || !ok {
		return nil, err
	}
	cond, order := "", " ORDER BY f.obs_from DESC, f.id DESC"
	if current {
		if a := tx.ahead.at(entity); a != nil && a.entity.InternalKey != 0 {
			return a.facts, nil
		}
		cond, order = " AND f.rev_to IS NULL", currentOrder
	}
	var out []store.Fact
	err := tx.query(func(rows *sql.Rows) error {
		f, err := scanFact(rows)
		out = append(out, f)
		return err
	}, factColumns+` FROM facts f`+factJoins+` WHERE f.dropped_rev IS NULL AND f.ref_id IN (SELECT id FROM refs WHERE entity_id = $1)`+cond+order, entity)
	if err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	return out, nil
}

// Related returns the relations in force that point at an entity in one of
// the given roles (store.EdgeTarget, …), at most limit of them. Of things at
// the other end that the scope does not see no more is told than their refs.
func (tx *Tx) Related(entity int64, limit int, roles ...int) ([]store.Fact, error) {
	if a := tx.ahead.at(entity); a != nil && a.entity.InternalKey != 0 && limit == relatedAhead && slices.Equal(roles, []int{store.EdgeIdentity}) {
		return a.credentials, nil
	}
	far, err := tx.farEnds(entity)
	if err != nil || far == noEnds {
		return nil, err
	}
	var out []store.Fact
	err = tx.query(func(rows *sql.Rows) error {
		f, err := scanFact(rows)
		out = append(out, f)
		return err
	}, factColumns+` FROM edges x JOIN facts f ON f.id = x.fact_id AND f.rev_to IS NULL`+factJoins+`
		WHERE x.ref_id IN (SELECT id FROM refs WHERE entity_id = $1) AND x.role IN (SELECT CAST(v AS BIGINT) FROM `+
		tx.db.d.each("$2")+fmt.Sprintf(` j) ORDER BY f.type, f.id LIMIT %d`, limit), entity, tx.intList(roleIDs(roles)))
	if err != nil {
		return nil, fmt.Errorf("read relations: %w", err)
	}
	return tx.cover(out, far)
}

// CountRelated counts what Related would return without a limit.
func (tx *Tx) CountRelated(entity int64, role int) (int64, error) {
	if ok, err := tx.sees(entity); err != nil || !ok {
		return 0, err
	}
	var n int64
	err := tx.queryRow(`SELECT count(*) FROM edges x JOIN facts f ON f.id = x.fact_id AND f.rev_to IS NULL
		WHERE x.ref_id IN (SELECT id FROM refs WHERE entity_id = $1) AND x.role = $2`, entity, role).Scan(&n)
	return n, err
}

// FactsOfType yields the facts of a type, in force or as of a date.
func (tx *Tx) FactsOfType(t retinue.FactType, asOf store.AsOf) iter.Seq2[store.Fact, error] {
	return func(yield func(store.Fact, error) bool) {
		scan := func(rows *sql.Rows) error {
			f, err := scanFact(rows)
			if err != nil {
				return err
			}
			if !yield(f, nil) {
				return errStopped
			}
			return nil
		}
		l, err := tx.lens()
		if err != nil {
			yield(store.Fact{}, err)
			return
		}
		if asOf.IsZero() {
			err = tx.query(scan, factColumns+` FROM facts f`+factJoins+` WHERE f.type = $1 AND f.rev_to IS NULL`+and(l.seesFact())+` ORDER BY f.id`, store.TypeIndex(t))
		} else {
			var rev int64
			if rev, err = tx.known(asOf); err == nil {
				err = tx.query(scan, factColumns+` FROM facts f`+factJoins+` WHERE `+validAt+` AND f.type = $3`+and(l.seesFact())+` ORDER BY f.id`,
					asOfTime(asOf, tx.at), rev, store.TypeIndex(t))
			}
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.Fact{}, fmt.Errorf("list facts: %w", err))
		}
	}
}

// Resolve returns the entity that a ref names, or 0: for one that is not
// known, and for one that the scope may not name.
func (tx *Tx) Resolve(r retinue.Ref) (int64, error) {
	h := store.HashRef(r)
	rows, err := tx.lookupRefs([]store.Hash{h})
	if err != nil || rows[h].entity == 0 {
		return 0, err
	}
	if ok, err := tx.reaches(rows[h].entity); err != nil || !ok {
		return 0, err
	}
	return rows[h].entity, nil
}

// Merged returns the merged current fact of an entity, the ref that minted it
// and its public id. ErrNotFound says that nothing about it is in force.
func (tx *Tx) Merged(entity int64) (retinue.Fact, []store.Fact, error) {
	facts, err := tx.FactsOf(entity, true)
	if err != nil {
		return nil, nil, err
	}
	return tx.merge(entity, facts)
}

// merge merges facts of an entity that come the most authoritative first.
func (tx *Tx) merge(entity int64, facts []store.Fact) (retinue.Fact, []store.Fact, error) {
	if len(facts) == 0 {
		return nil, nil, fmt.Errorf("%w: entity has ended", retinue.ErrNotFound)
	}
	var t int
	if err := tx.queryRow("SELECT type FROM entities WHERE id = $1", entity).Scan(&t); err != nil {
		return nil, nil, fmt.Errorf("read entity: %w", err)
	}
	own := store.TypeAt(t)
	slices.SortStableFunc(facts, func(a, b store.Fact) int { return cmp.Compare(b2i(a.Type != own), b2i(b.Type != own)) })
	var bodies [][]byte
	for _, f := range facts {
		if f.Type == facts[0].Type {
			bodies = append(bodies, f.Body)
		}
	}
	body, err := MergeBodies(bodies...)
	if err != nil {
		return nil, nil, err
	}
	f, err := retinue.DecodeFact(facts[0].Type, body)
	return f, facts, err
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Uses returns the newest observation of each meaning about an entity.
func (tx *Tx) Uses(entity int64) ([]retinue.Use, error) {
	if a := tx.ahead.at(entity); a != nil {
		return a.uses, nil
	}
	return tx.usesUntil(entity, 1<<62)
}

func (tx *Tx) usesUntil(entity, observed int64) ([]retinue.Use, error) {
	if ok, err := tx.sees(entity); err != nil || !ok {
		return nil, err
	}
	var seen usesSeen
	err := tx.query(func(rows *sql.Rows) error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		return seen.add(body)
	}, fmt.Sprintf(`SELECT u.body FROM uses u JOIN refs r ON r.id = u.subject_id WHERE r.entity_id = $1 AND u.observed_at <= $2
		ORDER BY u.observed_at DESC, COALESCE(u.at, 0) DESC, u.id DESC LIMIT %d`, usesKept), entity, observed)
	if err != nil {
		return nil, fmt.Errorf("read uses: %w", err)
	}
	return seen.uses, nil
}

// usesSeen are the newest reports of last use of a thing, by what they mean.
type usesSeen struct {
	uses  []retinue.Use
	known map[string]bool
	n     int
}

// add takes up a report, the newest first.
func (s *usesSeen) add(body string) error {
	if s.n++; s.n > usesKept {
		return nil
	}
	f, err := retinue.DecodeFact(retinue.FactUse, []byte(body))
	if err != nil {
		return err
	}
	u, _ := f.(retinue.Use)
	if k := u.Meaning + "\x00" + u.Action; !s.known[k] {
		if s.known == nil {
			s.known = map[string]bool{}
		}
		s.known[k] = true
		s.uses = append(s.uses, u)
	}
	return nil
}

// Changes yields what differs between two observed times, by what is known
// now: facts that began, ended or changed, ordered by time.
func (tx *Tx) Changes(from, to time.Time) ([]store.Change, error) {
	then, err := tx.changed(from, to, false)
	if err != nil {
		return nil, err
	}
	now, err := tx.changed(from, to, true)
	if err != nil {
		return nil, err
	}
	out := make([]store.Change, 0, len(now))
	for k, after := range now {
		before, had := then[k]
		delete(then, k)
		c := store.Change{Kind: "added", Type: after.Type, Ref: after.Ref, Entity: after.Entity, Scope: after.Scope,
			Source: after.Source, At: after.ObservedFrom, After: after.Body}
		if had {
			if string(before.Body) == string(after.Body) {
				continue
			}
			c.Kind, c.Before = "changed", before.Body
		}
		out = append(out, c)
	}
	for _, before := range then {
		out = append(out, store.Change{Kind: "ended", Type: before.Type, Ref: before.Ref, Entity: before.Entity,
			Scope: before.Scope, Source: before.Source, At: before.ObservedTo, Before: before.Body})
	}
	for i := range out {
		out[i].Ref, out[i].Name = describe(out[i])
	}
	slices.SortFunc(out, func(a, b store.Change) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Type, b.Type), a.Ref.Compare(b.Ref), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}

// describe returns the ref and name of a changed fact: relations get the ref
// that their content makes.
func describe(c store.Change) (retinue.Ref, string) {
	body := c.After
	if body == nil {
		body = c.Before
	}
	f, err := retinue.DecodeFact(c.Type, body)
	if err != nil {
		return c.Ref, ""
	}
	return f.FactRef(), columnsOf(f).name
}

// changed returns, by scope and fact, the versions that held at one end of an
// interval and not through the whole of it.
func (tx *Tx) changed(from, to time.Time, atEnd bool) (map[string]store.Fact, error) {
	at := from
	if atEnd {
		at = to
	}
	out := map[string]store.Fact{}
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	err = tx.query(func(rows *sql.Rows) error {
		var scope int64
		var hash []byte
		f, err := scanFact(rows, &scope, &hash)
		if err != nil {
			return err
		}
		out[fmt.Sprintf("%d/%d/%x", scope, store.TypeIndex(f.Type), hash)] = f
		return nil
	}, factColumns+`, f.scope_id, f.ref_hash FROM facts f`+factJoins+` WHERE f.dropped_rev IS NULL
		AND f.obs_from <= $1 AND (f.obs_to IS NULL OR f.obs_to > $1)
		AND NOT (f.obs_from <= $2 AND (f.obs_to IS NULL OR f.obs_to > $3))`+and(l.seesFact()),
		at.UnixMicro(), from.UnixMicro(), to.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("compare times: %w", err)
	}
	return out, nil
}

// RefsOf lists every ref by which an entity is known, the first seen first.
func (tx *Tx) RefsOf(entity int64) ([]retinue.Ref, error) {
	if ok, err := tx.reaches(entity); err != nil || !ok {
		return nil, err
	}
	var out []retinue.Ref
	err := tx.query(func(rows *sql.Rows) error {
		var realm string
		var r retinue.Ref
		if err := rows.Scan(&realm, &r.Kind, &r.Key); err != nil {
			return err
		}
		r.Realm = retinue.Realm(realm)
		out = append(out, r)
		return nil
	}, `SELECT m.realm, r.kind, r.key FROM refs r JOIN realms m ON m.id = r.realm_id WHERE r.entity_id = $1 ORDER BY r.id`, entity)
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	return out, nil
}

// SamePublicKey lists the credentials that say they hold a public key, by its
// hash.
func (tx *Tx) SamePublicKey(key string) ([]int64, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	var out []int64
	err = tx.query(func(rows *sql.Rows) error {
		var e int64
		if err := rows.Scan(&e); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	}, `SELECT DISTINCT r.entity_id FROM credential_keys k JOIN refs r ON r.id = k.ref_id
		JOIN entities e ON e.id = r.entity_id WHERE k.kind IN ('spki', 'public_key') AND k.value = $1 AND e.gone_at IS NULL`+and(l.sees("e")), key)
	if err != nil {
		return nil, fmt.Errorf("compare public keys: %w", err)
	}
	return out, nil
}

// Placements yields every placement in force with the entity of its
// credential, 0 where nothing else is known of the credential.
func (tx *Tx) Placements() iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		l, err := tx.lens()
		if err != nil {
			yield(store.Placed{}, err)
			return
		}
		err = tx.query(func(rows *sql.Rows) error {
			var p store.Placed
			var entity sql.NullInt64
			var body string
			if err := rows.Scan(&entity, &body); err != nil {
				return err
			}
			f, err := retinue.DecodeFact(retinue.FactPlacement, []byte(body))
			if err != nil {
				return err
			}
			p.Entity = entity.Int64
			p.Placement, _ = f.(retinue.Placement)
			if !yield(p, nil) {
				return errStopped
			}
			return nil
		}, `SELECT r.entity_id, f.body FROM facts f JOIN edges x ON x.fact_id = f.id AND x.role = $1
			JOIN refs r ON r.id = x.ref_id WHERE f.type = $2 AND f.rev_to IS NULL`+and(l.seesFact())+` ORDER BY f.id`, store.EdgeCredential, store.TypeIndex(retinue.FactPlacement))
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.Placed{}, fmt.Errorf("list placements: %w", err))
		}
	}
}
