package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// order is how a column is ordered by: which rows lack a value, and whether it
// is text.
type order struct {
	expr string
	text bool
	has  string // condition that a row has a value, "" where each has
	none string // condition that it lacks one
}

func textOrder(col string) order {
	return order{expr: col, text: true, has: col + " > ''", none: col + " = ''"}
}

func timeOrder(col string) order {
	return order{expr: col, has: col + " IS NOT NULL", none: col + " IS NULL"}
}

func rankOrder(col string) order { return order{expr: col, has: col + " > 0", none: col + " = 0"} }

// entityOrders are the columns that entities can be ordered by.
func entityOrders(key store.SortKey) (order, bool) {
	switch key {
	case store.SortName, "":
		return order{expr: "e.search", text: true}, true
	case store.SortKind:
		return textOrder("e.kind"), true
	case store.SortSource:
		return textOrder("e.source"), true
	case store.SortOwner:
		return textOrder("e.owner"), true
	case store.SortEnvironment:
		return textOrder("e.environment"), true
	case store.SortCriticality:
		return rankOrder("e.crit_rank"), true
	case store.SortCreated:
		return timeOrder("e.created_at"), true
	case store.SortExpires:
		return timeOrder("e.expires_at"), true
	case store.SortLastUsed:
		return timeOrder("e.last_used"), true
	case store.SortFirstSeen:
		return order{expr: "e.first_seen"}, true
	case store.SortPriority:
		return rankOrder("e.priority"), true
	case store.SortCredentials:
		return order{expr: "e.credentials"}, true
	}
	return order{}, false
}

// lister answers one list.
type lister struct {
	tx     *Tx
	cond   conditions // which rows
	order  order
	desc   bool
	limit  int
	id     string
	after  *cursor
	tables []string
	// dear says that counting to store.MaxCount costs many times a page: no
	// index tells which rows are selected.
	dear bool
	// counting is added to the conditions for counting: it leads to an index
	// that helps there and would mislead for a page.
	counting string
	// selects returns the query for rows of a table, given the conditions, the
	// order and the limit of the innermost selection.
	selects func(table, where, orderBy string, limit int) string
}

// page reads up to limit+1 rows after the cursor: first those that have a
// value to be ordered by, then those that lack one.
func (l *lister) page(scan func(*sql.Rows) error, n func() int) error {
	if l.after == nil || !l.after.Bare {
		has := l.order.has
		if l.after != nil && !l.desc {
			has = "" // what comes after a value has one; said twice, SQLite would start at the wrong end
		}
		if err := l.part(scan, has, l.keyset(false), l.limit+1); err != nil {
			return err
		}
	}
	if l.order.none == "" || n() > l.limit {
		return nil
	}
	return l.part(scan, l.order.none, l.keyset(true), l.limit+1-n())
}

// keyset is the condition that a row comes after the cursor, with its values.
func (l *lister) keyset(bare bool) keyset {
	if l.after == nil || l.after.Bare != bare {
		return keyset{}
	}
	op := ">"
	if l.desc {
		op = "<"
	}
	d := l.tx.db.d
	if bare {
		return keyset{"e.id " + op + " " + d.unseen("BIGINT"), []any{l.after.Key}}
	}
	var v any = l.after.Num
	kind := "BIGINT"
	if l.order.text {
		v, kind = l.after.Text, "TEXT"
	}
	return keyset{"(" + l.order.expr + ", e.id) " + op + " (" + d.unseen(kind) + ", " + d.unseen("BIGINT") + ")", []any{v, l.after.Key}}
}

type keyset struct {
	cond string
	args []any
}

func (l *lister) part(scan func(*sql.Rows) error, segment string, after keyset, limit int) error {
	for _, table := range l.tables {
		c := conditions{text: slices.Clone(l.cond.text), args: slices.Clone(l.cond.args)}
		if segment != "" {
			c.add(segment)
		}
		if after.cond != "" {
			c.add(after.cond, after.args...)
		}
		dir := ""
		if l.desc {
			dir = " DESC"
		}
		by := " ORDER BY " + l.order.expr + dir + ", e.id" + dir
		if segment != "" && segment == l.order.none {
			by = " ORDER BY e.id" + dir
		}
		if err := l.tx.query(scan, l.selects(table, c.where(), by, limit), c.args...); err != nil {
			return err
		}
	}
	return nil
}

// counted counts the rows of the list: up to store.MaxCount unless exact.
func (l *lister) counted(mode store.CountMode) (total int64, more bool, err error) {
	limit := ""
	if mode != store.CountExact {
		limit = fmt.Sprintf(" LIMIT %d", store.MaxCount+1)
	}
	for _, table := range l.tables {
		var n int64
		if err := l.tx.queryRow("SELECT count(*) FROM (SELECT 1 AS one FROM "+table+l.cond.where()+l.counting+limit+") AS t", l.cond.args...).Scan(&n); err != nil {
			return 0, false, err
		}
		total += n
	}
	if mode != store.CountExact && total > store.MaxCount {
		return store.MaxCount, true, nil
	}
	return total, false, nil
}

// total settles the count of a page: known from the page before, or from a
// list that is no longer than a page, or counted.
func (l *lister) total(mode store.CountMode, rows int) (int64, bool, error) {
	switch {
	case mode == store.CountNone:
		return -1, false, nil
	case l.after == nil && rows <= l.limit:
		return int64(rows), false, nil
	case l.counts(mode):
		return l.after.Total, l.after.More, nil
	case l.dear && mode == store.CountBounded:
		return int64(l.limit), true, nil
	}
	return l.counted(mode)
}

// counts reports whether the cursor holds the count of the list.
func (l *lister) counts(mode store.CountMode) bool {
	return l.after != nil && l.after.Total >= 0 && (mode == store.CountBounded || !l.after.More)
}

func pageLimit(n int) (int, error) {
	if n < 0 || n > store.MaxPage {
		return 0, fmt.Errorf("%w: limit %d: want 1 to %d", retinue.ErrInvalid, n, store.MaxPage)
	}
	return cmp.Or(n, store.DefaultPage), nil
}

// listed is a row on its way into a page.
type listed struct {
	store.ListRow
	container, holder int64 // keys, to ask whether they may be named
	at                cursor
}

// List returns a page of identities, of credentials, or of another type of
// thing. The filter, the order and the cursor are checked: ErrInvalid names
// the field.
func (tx *Tx) List(q store.ListQuery) (store.ListPage, error) {
	page, err := tx.list(q)
	if err != nil {
		return page, fmt.Errorf("list %s: %w", cmp.Or(string(q.Type), "things"), err)
	}
	return page, nil
}

func (tx *Tx) list(q store.ListQuery) (store.ListPage, error) {
	l, err := tx.lister(q)
	if err != nil {
		return store.ListPage{}, err
	}
	if !q.AsOf.Known.IsZero() {
		return tx.listKnown(q, l)
	}
	var rows []listed
	err = l.page(func(r *sql.Rows) error {
		row, err := scanListed(r, l.order)
		rows = append(rows, row)
		return err
	}, func() int { return len(rows) })
	if err != nil {
		return store.ListPage{}, err
	}
	if len(l.tables) > 1 {
		sortListed(rows, l.desc)
	}
	return tx.finishList(q, l, rows)
}

// finishList cuts the page and says how it goes on.
func (tx *Tx) finishList(q store.ListQuery, l *lister, rows []listed) (store.ListPage, error) {
	var out store.ListPage
	var err error
	exact, ok := int64(0), false
	if !l.counts(q.Count) { // else the page before has said it
		if exact, ok, err = tx.countKept(q); err != nil {
			return out, err
		}
	}
	if ok {
		out.Total = exact
	} else if out.Total, out.TotalIsMore, err = l.total(q.Count, len(rows)); err != nil {
		return out, err
	}
	if len(rows) > l.limit {
		rows = rows[:l.limit]
		c := rows[l.limit-1].at
		c.List, c.Total, c.More = l.id, out.Total, out.TotalIsMore
		out.Next = c.encode()
	}
	out.Items = make([]store.ListRow, len(rows))
	for i, r := range rows {
		if out.Items[i], err = tx.named(r); err != nil {
			return out, err
		}
	}
	return out, nil
}

// named leaves out names of other things that the scope does not reach.
func (tx *Tx) named(r listed) (store.ListRow, error) {
	if tx.scope.All {
		return r.ListRow, nil
	}
	if r.holder != 0 {
		ok, err := tx.sees(r.holder)
		if err != nil {
			return r.ListRow, err
		}
		if !ok {
			r.Holder, r.HolderName = "", ""
		}
	}
	if r.container != 0 {
		ok, err := tx.reaches(r.container)
		if err != nil {
			return r.ListRow, err
		}
		if !ok {
			r.ContainerID, r.ContainerName = "", ""
		}
	}
	return r.ListRow, nil
}

// lister prepares a query.
func (tx *Tx) lister(q store.ListQuery) (*lister, error) {
	if store.TypeIndex(q.Type) < 0 || !isEntity(q.Type) {
		return nil, fmt.Errorf("%w: type %q: want %s or %s", retinue.ErrInvalid, q.Type, retinue.FactIdentity, retinue.FactCredential)
	}
	l := &lister{tx: tx, desc: q.Desc}
	var ok bool
	if l.order, ok = entityOrders(q.Sort); !ok {
		return nil, fmt.Errorf("%w: sort %q: want one of %v", retinue.ErrInvalid, q.Sort, store.SortKeys())
	}
	if q.Sort == store.SortLastUsed && !q.AsOf.IsZero() {
		return nil, errUsedThen
	}
	var err error
	if l.limit, err = pageLimit(q.Limit); err != nil {
		return nil, err
	}
	l.id = listID("entities", q.Type, q.Filter, q.Sort, q.Desc, q.AsOf, tx.scope)
	if l.after, err = decodeCursor(q.Cursor, l.id); err != nil {
		return nil, err
	}
	if err := tx.filterEntities(&l.cond, q); err != nil {
		return nil, err
	}
	l.tables, l.dear = []string{"entities e"}, dear(q)
	if q.Filter.Severity != "" {
		l.counting = fmt.Sprintf(" AND e.worst < %d", noFinding)
	}
	used := "e.last_used"
	if !q.AsOf.IsZero() {
		used = fmt.Sprintf(usedThen, asOfTime(q.AsOf, tx.at))
		l.tables = thenTables(asOfTime(q.AsOf, tx.at))
	}
	l.selects = func(table, where, orderBy string, limit int) string {
		return listSelect(table, used, l.order.expr, where, orderBy, limit)
	}
	return l, nil
}

// errUsedThen refuses an order for which the uses of everything would be read.
var errUsedThen = fmt.Errorf("%w: sort %s: a list as of a date is not ordered by last use, which is put together for the rows of a page only: take another order",
	retinue.ErrInvalid, store.SortLastUsed)

// dear reports whether counting what a query selects costs many times a page:
// where neither the figures that are kept nor one index tell.
func dear(q store.ListQuery) bool {
	f := q.Filter
	if f.Text != "" || len(f.Subtypes)+len(f.Managed)+len(f.Realms) > 0 || !q.AsOf.IsZero() {
		return true
	}
	others := 0
	for _, set := range []bool{len(f.IDs) > 0, len(f.Criticalities) > 0, len(f.Owners) > 0, len(f.Units) > 0, len(f.Tags) > 0,
		f.Holder != "", f.Severity != "", f.Privileged != nil, f.ThirdParty != nil, f.Static != nil, f.NeverUsed != nil,
		!f.Created.IsZero(), !f.Born.IsZero(), !f.Expires.IsZero(), !f.LastUsed.IsZero(), !f.FirstSeen.IsZero()} {
		others += b2i(set)
	}
	kept := len(f.Sources) + len(f.Kinds) + len(f.States) + len(f.Environments)
	return others > 1 || (others == 1 && kept > 0)
}

// usedThen is the last use of an entity e as it was known at a time.
const usedThen = `(SELECT max(u.at) FROM refs w JOIN uses u ON u.subject_id = w.id WHERE w.entity_id = e.id AND u.observed_at <= %d)`

// thenTables are where the rows of a past time are: those that stand since
// before it, and the versions that held then.
func thenTables(at int64) []string {
	return []string{
		fmt.Sprintf("(SELECT * FROM entities WHERE gone_at IS NULL AND version_from <= %d) e", at),
		fmt.Sprintf("(SELECT v.*, CAST(NULL AS BIGINT) AS gone_at FROM entity_versions v WHERE v.from_at <= %d AND v.to_at > %d) e", at, at),
	}
}

// listSelect is the query for rows of a list: what is selected is cut to the
// page first, then joined with what it names.
func listSelect(table, used, by, where, orderBy string, limit int) string {
	return `SELECT e.id, e.public_id, e.type, e.source, e.kind, r.key, e.name, m.realm, r.kind, e.subtype, e.class, e.state,
	e.environment, e.criticality, e.data_class, e.managed, e.owner, COALESCE(x.key, ''), COALESCE(c.public_id, ''), COALESCE(c.name, ''),
	COALESCE(c.id, 0), COALESCE(i.public_id, ''), COALESCE(i.name, ''), COALESCE(i.id, 0), COALESCE(h.key, ''), e.created_at, e.expires_at,
	e.last_used, e.first_seen, e.gone_at, e.priority, e.open_critical, e.open_high, e.open_medium, e.open_low, e.open_info,
	e.credentials, e.privileged, e.third_party, e.by_value
	FROM (SELECT e.id, e.public_id, e.type, e.source, e.kind, e.name, e.subtype, e.class, e.state, e.environment, e.criticality,
		e.data_class, e.managed, e.owner, e.created_at, e.expires_at, ` + used + ` AS last_used, e.first_seen, e.gone_at, e.priority,
		e.open_critical, e.open_high, e.open_medium, e.open_low, e.open_info, e.credentials, e.privileged, e.third_party,
		e.ref_id, e.container_id, e.holder_id, e.search, e.crit_rank, ` + by + ` AS by_value FROM ` + table + where + orderBy + fmt.Sprintf(" LIMIT %d", limit) + `) e
	JOIN refs r ON r.id = e.ref_id JOIN realms m ON m.id = r.realm_id
	LEFT JOIN refs x ON x.id = e.container_id LEFT JOIN entities c ON c.id = x.entity_id
	LEFT JOIN refs h ON h.id = e.holder_id LEFT JOIN entities i ON i.id = h.entity_id` + outerOrder(by, orderBy)
}

// outerOrder is the order of the page, by the names that the innermost
// selection gives.
func outerOrder(by, orderBy string) string { return strings.Replace(orderBy, by, "e.by_value", 1) }

func scanListed(rows *sql.Rows, o order) (listed, error) {
	var l listed
	e := &l.Entity
	var id, realm, class, env, crit, managed, containerID, holderID, holderKey string
	var t int
	var created, expires, used, gone sql.NullInt64
	var first int64
	var open [5]int
	var num sql.NullInt64
	var text sql.NullString
	by := any(&num)
	if o.text {
		by = &text
	}
	if err := rows.Scan(&e.InternalKey, &id, &t, &e.Source, &e.Kind, &e.Key, &e.Name, &realm, &e.RefKind, &e.Subtype, &class, &e.State,
		&env, &crit, &e.DataClass, &managed, &e.Owner, &e.Container, &containerID, &l.ContainerName, &l.container,
		&holderID, &l.HolderName, &l.holder, &holderKey, &created, &expires, &used, &first, &gone, &l.Priority,
		&open[0], &open[1], &open[2], &open[3], &open[4], &l.Credentials, &l.Privileged, &l.ThirdParty, by); err != nil {
		return l, err
	}
	e.ID, e.Type, e.Realm = retinue.EntityID(id), store.TypeAt(t), retinue.Realm(realm)
	e.Class, e.Environment, e.Criticality, e.Managed = retinue.Class(class), retinue.Environment(env), retinue.Criticality(crit), retinue.Management(managed)
	e.CreatedAt, e.ExpiresAt, e.LastUsed, e.GoneAt = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(gone)
	e.FirstSeen = observed(first)
	l.ContainerID, l.Holder = retinue.EntityID(containerID), retinue.EntityID(holderID)
	l.HolderName = cmp.Or(l.HolderName, holderKey)
	for i, n := range open {
		if n > 0 {
			if l.Findings == nil {
				l.Findings = map[retinue.Severity]int{}
			}
			l.Findings[retinue.Severities()[i]] = n
		}
	}
	l.at = cursor{Key: e.InternalKey, Text: text.String, Num: num.Int64, Bare: o.lacks(text, num)}
	return l, nil
}

// lacks reports whether a row has no value to be ordered by.
func (o order) lacks(text sql.NullString, num sql.NullInt64) bool {
	switch {
	case o.none == "":
		return false
	case o.text:
		return text.String == ""
	case strings.HasSuffix(o.none, "IS NULL"):
		return !num.Valid
	}
	return num.Int64 == 0
}

// sortListed orders rows of several tables as the database ordered each.
func sortListed(rows []listed, desc bool) {
	slices.SortFunc(rows, func(a, b listed) int {
		if a.at.Bare != b.at.Bare {
			return cmp.Compare(b2i(a.at.Bare), b2i(b.at.Bare))
		}
		c := cmp.Or(cmp.Compare(a.at.Text, b.at.Text), cmp.Compare(a.at.Num, b.at.Num), cmp.Compare(a.at.Key, b.at.Key))
		if a.at.Bare {
			c = cmp.Compare(a.at.Key, b.at.Key)
		}
		if desc {
			c = -c
		}
		return c
	})
}
