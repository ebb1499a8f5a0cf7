package sqlstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// conditions collects the WHERE of a query.
type conditions struct {
	text []string
	args []any
}

// add adds a condition in which each ? stands for the next value.
func (c *conditions) add(cond string, args ...any) {
	for _, a := range args {
		c.args = append(c.args, a)
		cond = strings.Replace(cond, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.text = append(c.text, cond)
}

func (c *conditions) where() string {
	if len(c.text) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.text, " AND ")
}

// Entities yields the entities that a query selects, ordered by realm and key.
// Rows stream: nothing is held but the current one.
func (tx *Tx) Entities(q store.EntityQuery) iter.Seq2[store.Entity, error] {
	if !q.AsOf.IsZero() {
		return tx.entitiesThen(q)
	}
	return func(yield func(store.Entity, error) bool) {
		l, err := tx.lens()
		if err != nil {
			yield(store.Entity{}, err)
			return
		}
		c := entityConditions(tx, q)
		if !l.all {
			c.add(l.sees("e"))
		}
		limit := ""
		if q.Limit > 0 {
			limit = fmt.Sprintf(" LIMIT %d", q.Limit)
		}
		stopped := errors.New("stopped")
		err = tx.query(func(rows *sql.Rows) error {
			e, err := scanEntity(rows)
			if err != nil {
				return err
			}
			if !yield(e, nil) {
				return stopped
			}
			return nil
		}, entityColumns+c.where()+` ORDER BY r.realm_id, r.key, e.id`+limit, c.args...)
		if err != nil && !errors.Is(err, stopped) {
			yield(store.Entity{}, fmt.Errorf("list entities: %w", err))
		}
	}
}

// EntityPages yields what Entities does, in pages. While a page is worked on
// no cursor is open, so that further questions can be asked: only the keys of
// what is selected are held.
func (tx *Tx) EntityPages(q store.EntityQuery, size int) iter.Seq2[[]store.Entity, error] {
	return func(yield func([]store.Entity, error) bool) {
		var keys []int64
		for e, err := range tx.Entities(q) {
			if err != nil {
				yield(nil, err)
				return
			}
			keys = append(keys, e.InternalKey)
		}
		tx.entityPages(keys, size, yield)
	}
}

// Sample yields at most n entities of a type that are there, in pages: some of them
// as if by chance, and most of them the same ones as more come and others go. Beside
// them only keys are read.
func (tx *Tx) Sample(t retinue.FactType, n, size int) iter.Seq2[[]store.Entity, error] {
	return func(yield func([]store.Entity, error) bool) {
		l, err := tx.lens()
		if err != nil {
			yield(nil, err)
			return
		}
		keys, err := tx.ints(fmt.Sprintf("SELECT e.id FROM entities e WHERE e.type = %d AND e.gone_at IS NULL%s", store.TypeIndex(t), and(l.sees("e"))))
		if err != nil {
			yield(nil, fmt.Errorf("sample entities: %w", err))
			return
		}
		slices.SortFunc(keys, func(a, b int64) int { return cmp.Compare(scattered(a), scattered(b)) })
		tx.entityPages(keys[:min(n, len(keys))], size, yield)
	}
}

// scattered is another number for each key, in no order: the finalizer of SplitMix64
// (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
func scattered(key int64) uint64 {
	x := uint64(key) //nolint:gosec // its bits are mixed
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// entityPages yields entities by their keys; the order is that of the pages, and in
// each of realm and key.
func (tx *Tx) entityPages(keys []int64, size int, yield func([]store.Entity, error) bool) {
	for chunk := range slices.Chunk(keys, size) {
		var page []store.Entity
		err := tx.query(func(rows *sql.Rows) error {
			e, err := scanEntity(rows)
			page = append(page, e)
			return err
		}, entityColumns+` WHERE e.id IN (SELECT CAST(v AS BIGINT) FROM `+tx.db.d.each("$1")+` j) ORDER BY r.realm_id, r.key, e.id`, tx.intList(chunk))
		if err != nil {
			yield(nil, fmt.Errorf("list entities: %w", err))
			return
		}
		if !yield(page, nil) {
			return
		}
	}
}

const entityColumns = `SELECT e.id, e.public_id, e.type, e.source, e.kind, r.key, e.name, m.realm, r.kind, e.subtype, e.class,
	e.state, e.environment, e.criticality, e.data_class, e.managed, e.owner, COALESCE(x.key, ''), e.created_at, e.expires_at,
	e.last_used, e.first_seen, e.gone_at, e.privileged
	FROM entities e JOIN refs r ON r.id = e.ref_id JOIN realms m ON m.id = r.realm_id LEFT JOIN refs x ON x.id = e.container_id`

func entityConditions(tx *Tx, q store.EntityQuery) *conditions {
	c := &conditions{}
	eq := func(col, v string) {
		if v != "" {
			c.add(col+" = ?", v)
		}
	}
	if q.Type != "" {
		c.add("e.type = ?", store.TypeIndex(q.Type))
	}
	if q.ID != "" {
		c.add(`(e.public_id = ? OR e.id = (SELECT entity_id FROM entity_redirects WHERE public_id = ?))`, string(q.ID), string(q.ID))
	}
	eq("m.realm", string(q.Realm))
	eq("e.source", q.Source)
	eq("e.kind", q.Kind)
	eq("e.class", string(q.Class))
	eq("e.state", q.State)
	eq("e.environment", string(q.Environment))
	eq("e.criticality", string(q.Criticality))
	eq("r.key", q.Key)
	switch q.Owner {
	case "":
	case "none":
		c.add("e.owner = ''")
	default:
		eq("e.owner", q.Owner)
	}
	if q.Text != "" {
		like := "%" + escapeLike(strings.ToLower(q.Text)) + "%"
		c.add(`(lower(e.name) LIKE ? ESCAPE '\' OR lower(r.key) LIKE ? ESCAPE '\')`, like, like)
	}
	if !q.Gone {
		c.add("e.gone_at IS NULL")
	}
	return c
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

func scanEntity(rows *sql.Rows) (store.Entity, error) {
	var e store.Entity
	var id, realm, class, env, crit, managed string
	var t int
	var created, expires, used, gone sql.NullInt64
	var first, privileged int64
	if err := rows.Scan(&e.InternalKey, &id, &t, &e.Source, &e.Kind, &e.Key, &e.Name, &realm, &e.RefKind, &e.Subtype, &class,
		&e.State, &env, &crit, &e.DataClass, &managed, &e.Owner, &e.Container, &created, &expires, &used, &first, &gone, &privileged); err != nil {
		return e, err
	}
	e.ID, e.Type, e.Realm = retinue.EntityID(id), store.TypeAt(t), retinue.Realm(realm)
	e.Class, e.Environment, e.Criticality, e.Managed = retinue.Class(class), retinue.Environment(env), retinue.Criticality(crit), retinue.Management(managed)
	e.CreatedAt, e.ExpiresAt, e.LastUsed, e.GoneAt = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(gone)
	e.FirstSeen, e.Privileged = observed(first), privileged == 1
	return e, nil
}

// known returns the greatest revision that had been recorded by a time.
func (tx *Tx) known(a store.AsOf) (int64, error) {
	if a.Known.IsZero() {
		return 1<<62 - 1, nil
	}
	var rev sql.NullInt64
	err := tx.queryRow("SELECT max(rev) FROM revisions WHERE recorded_at <= $1", a.Known.UnixMicro()).Scan(&rev)
	return rev.Int64, err
}

// validAt is the condition that a version f held at an observed time, by what
// was known at a revision: parameters $1 (time) and $2 (revision).
const validAt = `f.obs_from <= $1 AND f.rev_from <= $2 AND (f.dropped_rev IS NULL OR f.dropped_rev > $2)
	AND (f.rev_to IS NULL OR f.rev_to > $2 OR f.obs_to > $1)`

func asOfTime(a store.AsOf, now time.Time) int64 {
	if a.Observed.IsZero() {
		return now.UnixMicro()
	}
	return a.Observed.UnixMicro()
}

// entitiesThen answers for a past date from the versions of facts. Labels,
// owners and joins are as they are now.
func (tx *Tx) entitiesThen(q store.EntityQuery) iter.Seq2[store.Entity, error] {
	return func(yield func(store.Entity, error) bool) {
		rev, err := tx.known(q.AsOf)
		if err != nil {
			yield(store.Entity{}, err)
			return
		}
		l, err := tx.lens()
		if err != nil {
			yield(store.Entity{}, err)
			return
		}
		g := &thenReader{q: q, yield: yield}
		err = tx.query(g.row, `SELECT e.id, e.public_id, f.type, o.name, r.key, m.realm, r.kind, f.body, s.authority, e.owner,
			e.environment, e.criticality, e.data_class, e.first_seen
			FROM facts f JOIN refs r ON r.id = f.ref_id JOIN realms m ON m.id = r.realm_id
			JOIN entities e ON e.id = r.entity_id JOIN refs n ON n.id = e.ref_id JOIN scopes s ON s.id = f.scope_id JOIN sources o ON o.id = s.source_id
			WHERE `+validAt+` AND ($3 < 0 OR f.type = $3)`+and(l.sees("e"))+` ORDER BY n.realm_id, n.key, e.id, s.authority DESC, f.obs_from DESC, f.id`,
			asOfTime(q.AsOf, tx.at), rev, store.TypeIndex(q.Type))
		if err == nil {
			err = g.emit()
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.Entity{}, fmt.Errorf("list entities as of %s: %w", q.AsOf.Observed.Format(time.RFC3339), err))
		}
	}
}

var errStopped = errors.New("stopped")

// thenReader groups the versions of one entity and yields it when it passes
// the query.
type thenReader struct {
	q         store.EntityQuery
	yield     func(store.Entity, error) bool
	e         store.Entity
	bodies    [][]byte
	authority int
	n         int
}

func (g *thenReader) row(rows *sql.Rows) error {
	var e store.Entity
	var id, realm, body, env, crit string
	var t, authority int
	var first int64
	if err := rows.Scan(&e.InternalKey, &id, &t, &e.Source, &e.Key, &realm, &e.RefKind, &body, &authority, &e.Owner,
		&env, &crit, &e.DataClass, &first); err != nil {
		return err
	}
	if e.InternalKey != g.e.InternalKey {
		if err := g.emit(); err != nil {
			return err
		}
		e.ID, e.Type, e.Realm = retinue.EntityID(id), store.TypeAt(t), retinue.Realm(realm)
		e.Environment, e.Criticality, e.FirstSeen = retinue.Environment(env), retinue.Criticality(crit), observed(first)
		g.e, g.authority, g.bodies = e, authority, g.bodies[:0]
	}
	if store.TypeAt(t) == g.e.Type {
		g.bodies = append(g.bodies, []byte(body))
	}
	return nil
}

func (g *thenReader) emit() error {
	if len(g.bodies) == 0 {
		return nil
	}
	body, err := MergeBodies(g.bodies...)
	if err != nil {
		return err
	}
	f, err := retinue.DecodeFact(g.e.Type, body)
	if err != nil {
		return err
	}
	c := columnsOf(f)
	declared(&c, store.TypeIndex(g.e.Type), g.authority)
	e := g.e
	e.Name, e.Kind, e.Subtype, e.Class, e.State = c.name, c.kind, c.subtype, retinue.Class(c.class), c.state
	e.Managed, e.Container, e.CreatedAt, e.ExpiresAt = retinue.Management(c.managed), c.container.Key, c.createdAt, c.expiresAt
	if c.environment != "" {
		e.Environment = retinue.Environment(c.environment)
	}
	g.bodies = g.bodies[:0]
	if !g.q.Match(e) {
		return nil
	}
	g.n++
	if !g.yield(e, nil) || (g.q.Limit > 0 && g.n >= g.q.Limit) {
		return errStopped
	}
	return nil
}

// EntityKey returns the internal key of a public id, following merges. What
// the scope does not see is not found.
func (tx *Tx) EntityKey(id retinue.EntityID) (int64, error) {
	var key int64
	err := tx.queryRow(`SELECT id FROM entities WHERE public_id = $1 UNION ALL
		SELECT entity_id FROM entity_redirects WHERE public_id = $1 LIMIT 1`, string(id)).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("%w: entity %s", retinue.ErrNotFound, id)
	}
	if err != nil {
		return 0, fmt.Errorf("find entity: %w", err)
	}
	ok, err := tx.sees(key)
	if err == nil && !ok {
		err = fmt.Errorf("%w: entity %s", retinue.ErrNotFound, id)
	}
	return key, err
}

// Totals returns the population's main figures of what is current, as far as
// the scope sees it.
func (tx *Tx) Totals() (store.Totals, error) {
	t := store.Totals{ByKind: map[string]int64{}, BySource: map[string]int64{}, ByClass: map[string]int64{}, Entities: map[string]int64{}}
	names, err := tx.allSources()
	if err != nil {
		return t, err
	}
	err = tx.cells(func(c cell) {
		t.Entities[string(c.ftype)] += c.n
		switch c.ftype {
		case retinue.FactCredential:
			t.Credentials += c.n
		case retinue.FactIdentity:
			t.ByClass[c.class] += c.n
			switch retinue.Class(c.class) {
			case retinue.ClassNonHuman:
				t.NonHuman += c.n
				t.ByKind[c.kind] += c.n
				t.BySource[names[c.source]] += c.n
			case retinue.ClassPerson:
				t.Persons += c.n
			default:
				t.Unclear += c.n
			}
		}
	})
	if err != nil {
		return t, fmt.Errorf("count entities: %w", err)
	}
	t.Grants, err = tx.grants()
	return t, err
}
