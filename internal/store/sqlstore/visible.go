package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// lens is what a row scope comes down to in the database's keys.
type lens struct {
	all        bool
	sources    []int64 // keys of sources
	containers []int64 // refs of containers, with those inside them
	units      []int64 // entities of these containers
	marks      []int64
	narrow     bool // so little is seen that it is looked up rather than tried
	strict     map[int64]bool
	reached    map[int64]bool
}

// narrowLimit is the number of things up to which a scope is narrow.
const narrowLimit = 2000

// Within runs fn with the transaction reading through a scope. An update sees
// everything; who acts for a caller in one asks what that caller may see this
// way.
func (tx *Tx) Within(scope store.RowScope, fn func() error) error {
	before, lens := tx.scope, tx.seen
	tx.scope, tx.seen = scope, nil
	defer func() { tx.scope, tx.seen = before, lens }()
	return fn()
}

// Visible reports whether the transaction's scope sees a thing. An id that
// was merged into another is as visible as that.
func (tx *Tx) Visible(id retinue.EntityID) (bool, error) {
	_, err := tx.EntityKey(id)
	if errors.Is(err, retinue.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// lens resolves the transaction's scope, once.
func (tx *Tx) lens() (*lens, error) {
	if tx.seen != nil {
		return tx.seen, nil
	}
	l := &lens{all: tx.scope.All, strict: map[int64]bool{}, reached: map[int64]bool{}}
	if !l.all && !tx.scope.Empty() {
		if err := tx.resolve(l); err != nil {
			return nil, fmt.Errorf("resolve row scope: %w", err)
		}
	}
	tx.seen = l
	return l, nil
}

func (tx *Tx) resolve(l *lens) error {
	s := tx.scope
	var err error
	if l.sources, err = tx.ints(`SELECT o.id FROM `+tx.db.d.each("$1")+` j JOIN sources o ON o.name = j.v OR o.public_id = j.v`,
		tx.db.d.list(orEmpty(s.Sources))); err != nil {
		return err
	}
	for _, k := range l.sources {
		l.marks = append(l.marks, markOf(markSource, fmt.Sprint(k)))
	}
	for _, t := range s.Tags {
		l.marks = append(l.marks, markOf(markTag, t))
	}
	for _, o := range s.Owners {
		l.marks = append(l.marks, markOf(markOwner, o))
	}
	for _, t := range s.Teams {
		l.marks = append(l.marks, markOf(markOwner, "@"+strings.TrimPrefix(t, "@")))
	}
	if l.units, l.containers, err = tx.subtree(s.Units); err != nil {
		return err
	}
	// Members are counted as often as they match, which is near enough.
	count := "SELECT count(*) FROM (" + l.members() + fmt.Sprintf(" LIMIT %d) AS t", narrowLimit+1)
	var n int
	if err := tx.queryRow(count).Scan(&n); err != nil {
		return err
	}
	l.narrow = n <= narrowLimit
	return nil
}

// subtree returns the containers of the given ids with all inside them, as
// entities and as the refs by which things say that they are in them.
func (tx *Tx) subtree(units []string) (entities, refs []int64, err error) {
	next, err := tx.ints(`SELECT e.id FROM `+tx.db.d.each("$1")+` j JOIN entities e ON e.public_id = j.v`, tx.db.d.list(orEmpty(units)))
	seen := map[int64]bool{}
	for len(next) > 0 && err == nil {
		var fresh []int64
		for _, e := range next {
			if !seen[e] {
				seen[e] = true
				fresh = append(fresh, e)
			}
		}
		entities = append(entities, fresh...)
		next = nil
		for chunk := range slices.Chunk(fresh, 2000) {
			var own, below []int64
			if own, err = tx.ints(`SELECT r.id FROM `+tx.db.d.each("$1")+` j JOIN refs r ON r.entity_id = CAST(j.v AS BIGINT)`, tx.intList(chunk)); err != nil {
				return nil, nil, err
			}
			refs = append(refs, own...)
			if below, err = tx.ints(`SELECT e.id FROM `+tx.db.d.each("$1")+` j JOIN entities e ON e.container_id = CAST(j.v AS BIGINT) AND e.type = $2`,
				tx.intList(own), store.TypeIndex(retinue.FactContainer)); err != nil {
				return nil, nil, err
			}
			next = append(next, below...)
		}
	}
	return entities, refs, err
}

// in writes keys as a list of SQL. They are numbers from the database.
func in(v []int64) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, x := range v {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, x)
	}
	b.WriteByte(')')
	return b.String()
}

// members is a query for the keys of what is seen.
func (l *lens) members() string {
	var parts []string
	add := func(keys []int64, q string) {
		if len(keys) > 0 {
			parts = append(parts, q+" IN "+in(keys))
		}
	}
	add(l.sources, "SELECT s1.id FROM entities s1 WHERE s1.source_id")
	add(l.containers, "SELECT s2.id FROM entities s2 WHERE s2.container_id")
	add(l.units, "SELECT s3.id FROM entities s3 WHERE s3.id")
	add(l.marks, "SELECT s4.entity_id FROM entity_marks s4 WHERE s4.mark")
	if len(parts) == 0 {
		return "SELECT s1.id FROM entities s1 WHERE 1 = 0"
	}
	return strings.Join(parts, " UNION ALL ")
}

// sees is the condition that the row of an entity is seen, "" where every one
// is.
func (l *lens) sees(e string) string {
	if l.all {
		return ""
	}
	if l.narrow {
		return e + ".id IN (" + l.members() + ")"
	}
	var parts []string
	add := func(keys []int64, q string) {
		if len(keys) > 0 {
			parts = append(parts, fmt.Sprintf(q, e, in(keys)))
		}
	}
	add(l.sources, "%s.source_id IN %s")
	add(l.containers, "%s.container_id IN %s")
	add(l.units, "%s.id IN %s")
	add(l.marks, "EXISTS (SELECT 1 FROM entity_marks sm WHERE sm.entity_id = %s.id AND sm.mark IN %s)")
	if len(parts) == 0 {
		return "1 = 0"
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// seesFact is the condition that a fact f is seen: it is about an entity that
// is seen, or relates one.
func (l *lens) seesFact() string {
	if l.all {
		return ""
	}
	return `(EXISTS (SELECT 1 FROM refs vr JOIN entities ve ON ve.id = vr.entity_id WHERE vr.id = f.ref_id AND ` + l.sees("ve") + `)
		OR (f.ref_id IS NULL AND EXISTS (SELECT 1 FROM edges vx JOIN refs vr ON vr.id = vx.ref_id JOIN entities ve ON ve.id = vr.entity_id
		WHERE vx.fact_id = f.id AND ` + l.sees("ve") + `)))`
}

// seesSource is the condition that a source is seen by its own key.
func (l *lens) seesSource(key string) string {
	if l.all {
		return ""
	}
	if len(l.sources) == 0 {
		return "1 = 0"
	}
	return key + " IN " + in(l.sources)
}

// seesFinding is the condition that a finding f is seen: what it is about is.
func (l *lens) seesFinding() string {
	if l.all {
		return ""
	}
	return "(EXISTS (SELECT 1 FROM entities ve WHERE ve.id = f.entity_id AND " + l.sees("ve") + ") OR " + l.seesSource("-f.entity_id") + ")"
}

// and prefixes a condition that may be empty.
func and(cond string) string {
	if cond == "" {
		return ""
	}
	return " AND " + cond
}

// sees reports whether the scope sees an entity by its key; a negative key is
// a source's.
func (tx *Tx) sees(entity int64) (bool, error) {
	l, err := tx.lens()
	if err != nil || l.all {
		return err == nil, err
	}
	if entity < 0 {
		return slices.Contains(l.sources, -entity), nil
	}
	if ok, known := l.strict[entity]; known {
		return ok, nil
	}
	var n int
	if err := tx.queryRow("SELECT count(*) FROM entities e WHERE e.id = $1"+and(l.sees("e")), entity).Scan(&n); err != nil {
		return false, fmt.Errorf("check row scope: %w", err)
	}
	l.strict[entity] = n > 0
	return n > 0, nil
}

// reaches reports whether an entity may be named to the scope: it is seen, or
// it is a policy attached to, a group holding, or a container around something
// that is. What a thing may do, and where it stands, belongs to it.
func (tx *Tx) reaches(entity int64) (bool, error) {
	ok, err := tx.sees(entity)
	if ok || err != nil || entity <= 0 || tx.scope.Empty() {
		return ok, err
	}
	l := tx.seen
	if ok, known := l.reached[entity]; known {
		return ok, nil
	}
	l.reached[entity] = false // a circle leads nowhere
	var etype int
	if err := tx.queryRow("SELECT type FROM entities WHERE id = $1", entity).Scan(&etype); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return false, fmt.Errorf("check row scope: %w", err)
	}
	switch store.TypeAt(etype) {
	case retinue.FactPolicy:
		ok, err = tx.through(entity, store.EdgePolicy, store.EdgeTarget)
	case retinue.FactGroup:
		ok, err = tx.through(entity, store.EdgeGroup, store.EdgeMember)
	case retinue.FactContainer:
		ok, err = tx.contains(entity)
	}
	l.reached[entity] = ok
	return ok, err
}

// through reports whether an entity is reached from the far end of a relation
// in which it has the role near.
func (tx *Tx) through(entity int64, near, far int) (bool, error) {
	from := ` FROM refs r JOIN edges x ON x.ref_id = r.id AND x.role = $2 JOIN facts f ON f.id = x.fact_id AND f.rev_to IS NULL
		JOIN edges y ON y.fact_id = f.id AND y.role = $3 JOIN refs z ON z.id = y.ref_id JOIN entities e ON e.id = z.entity_id
		WHERE r.entity_id = $1`
	var n int
	if err := tx.queryRow("SELECT count(*) FROM (SELECT 1 AS one"+from+and(tx.seen.sees("e"))+" LIMIT 1) AS t", entity, near, far).Scan(&n); err != nil {
		return false, fmt.Errorf("check row scope: %w", err)
	}
	if n > 0 {
		return true, nil
	}
	groups, err := tx.ints("SELECT DISTINCT e.id"+from+fmt.Sprintf(" AND e.type = %d LIMIT 1000", store.TypeIndex(retinue.FactGroup)), entity, near, far)
	if err != nil {
		return false, fmt.Errorf("check row scope: %w", err)
	}
	for _, g := range groups {
		if ok, err := tx.reaches(g); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// contains reports whether something that is seen is inside a container.
func (tx *Tx) contains(entity int64) (bool, error) {
	var n int
	err := tx.queryRow(fmt.Sprintf(`WITH RECURSIVE inside (id) AS (SELECT CAST($1 AS BIGINT) UNION
		SELECT c.id FROM inside i JOIN refs r ON r.entity_id = i.id JOIN entities c ON c.container_id = r.id AND c.type = %d)
		SELECT count(*) FROM (SELECT 1 AS one FROM inside i JOIN refs r ON r.entity_id = i.id JOIN entities e ON e.container_id = r.id
		WHERE 1 = 1%s LIMIT 1) AS t`, store.TypeIndex(retinue.FactContainer), and(tx.seen.sees("e"))), entity).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("check row scope: %w", err)
	}
	return n > 0, nil
}
