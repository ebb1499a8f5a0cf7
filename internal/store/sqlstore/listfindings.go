package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// findingOrders are the columns that findings f can be ordered by; v is the
// table that holds what changes, the finding's own or its version's.
func findingOrders(key store.SortKey, v string) (order, bool) {
	switch key {
	case store.SortPriority, "":
		return order{expr: v + ".priority"}, true
	case store.SortSeverity: // worst first in the database, so that its place is turned round
		return order{expr: fmt.Sprintf("(%d - %s.severity)", len(retinue.Severities()), v)}, true
	case store.SortState:
		return textOrder(v + ".state"), true
	case store.SortRule:
		return textOrder("e.rule"), true
	case store.SortName:
		return order{expr: "e.search", text: true}, true
	case store.SortSource:
		return textOrder("(SELECT so.name FROM sources so WHERE so.id = e.source_id)"), true
	case store.SortOwner:
		o := "COALESCE((SELECT se.owner FROM entities se WHERE se.id = e.entity_id), '')"
		return textOrder(o), true
	case store.SortAssignee:
		return textOrder("e.assignee"), true
	case store.SortFirstSeen:
		return order{expr: "e.first_seen"}, true
	case store.SortLastSeen:
		return order{expr: v + ".last_seen"}, true
	}
	return order{}, false
}

// ListFindings returns a page of findings; as of a date, in the state that
// they had then. ErrInvalid names what is wrong with the query.
func (tx *Tx) ListFindings(q store.FindingList) (store.FindingPage, error) {
	page, err := tx.listFindings(q)
	if err != nil {
		return page, fmt.Errorf("list findings: %w", err)
	}
	return page, nil
}

type listedFindingRow struct {
	store.FindingRow
	at cursor
}

func (tx *Tx) listFindings(q store.FindingList) (store.FindingPage, error) {
	var out store.FindingPage
	l, err := tx.findingLister(&q)
	if err != nil {
		return out, err
	}
	var rows []listedFindingRow
	err = l.page(func(r *sql.Rows) error {
		row, err := scanFindingRow(r, l.order)
		rows = append(rows, row)
		return err
	}, func() int { return len(rows) })
	if err != nil {
		return out, err
	}
	if out.Total, out.TotalIsMore, err = l.total(q.Count, len(rows)); err != nil {
		return out, err
	}
	if len(rows) > l.limit {
		rows = rows[:l.limit]
		c := rows[l.limit-1].at
		c.List, c.Total, c.More = l.id, out.Total, out.TotalIsMore
		out.Next = c.encode()
	}
	out.Items = make([]store.FindingRow, len(rows))
	for i, r := range rows {
		out.Items[i] = r.FindingRow
	}
	return out, nil
}

// findingLister prepares a query. An order that is not named is by priority,
// the highest first.
func (tx *Tx) findingLister(q *store.FindingList) (*lister, error) {
	if q.Sort == "" {
		q.Sort, q.Desc = store.SortPriority, true
	}
	l := &lister{tx: tx, desc: q.Desc, tables: []string{"findings e"}, dear: q.Filter.Text != ""}
	v, body := "e", "e.body"
	if !q.AsOf.IsZero() {
		v, body = "v", "v.body"
		at := asOfTime(q.AsOf, tx.at)
		l.tables = []string{fmt.Sprintf(`findings e JOIN finding_versions v ON v.finding_id = e.id AND v.from_at <= %d AND (v.to_at IS NULL OR v.to_at > %d)`, at, at)}
	}
	var ok bool
	if l.order, ok = findingOrders(q.Sort, v); !ok {
		return nil, fmt.Errorf("%w: sort %q: want one of %v", retinue.ErrInvalid, q.Sort, store.FindingSortKeys())
	}
	var err error
	if l.limit, err = pageLimit(q.Limit); err != nil {
		return nil, err
	}
	l.id = listID("findings", q.Filter, q.Sort, q.Desc, q.AsOf, tx.scope)
	if l.after, err = decodeCursor(q.Cursor, l.id); err != nil {
		return nil, err
	}
	if err := tx.filterFindings(&l.cond, q.Filter, v); err != nil {
		return nil, err
	}
	l.selects = func(table, where, orderBy string, limit int) string {
		return `SELECT e.id, e.body, COALESCE(o.name, ''), COALESCE(n.owner, ''), e.assignee, e.by_value FROM (SELECT e.id, ` + body + ` AS body,
			e.source_id, e.entity_id, e.assignee, ` + l.order.expr + ` AS by_value FROM ` + table + where + orderBy + fmt.Sprintf(" LIMIT %d", limit) + `) e
			LEFT JOIN sources o ON o.id = e.source_id LEFT JOIN entities n ON n.id = e.entity_id` + outerOrder(l.order.expr, orderBy)
	}
	return l, nil
}

func scanFindingRow(rows *sql.Rows, o order) (listedFindingRow, error) {
	var r listedFindingRow
	var body string
	var num sql.NullInt64
	var text sql.NullString
	by := any(&num)
	if o.text {
		by = &text
	}
	if err := rows.Scan(&r.at.Key, &body, &r.Source, &r.Owner, &r.Assignee, by); err != nil {
		return r, err
	}
	r.at.Text, r.at.Num, r.at.Bare = text.String, num.Int64, o.lacks(text, num)
	return r, json.Unmarshal([]byte(body), &r.Finding)
}

// filterFindings adds the conditions of a filter on findings e, of which v
// holds what changes.
func (tx *Tx) filterFindings(c *conditions, f store.FindingFilter, v string) error {
	l, err := tx.lens()
	if err != nil {
		return err
	}
	if !l.all {
		c.add(strings.ReplaceAll(l.seesFinding(), "f.entity_id", "e.entity_id"))
	}
	if err := severities(c, v+".severity", f.Severities); err != nil {
		return err
	}
	if len(f.States) > 0 {
		c.anyOf(v+".state", f.States)
	} else {
		c.add(v+".state <> ?", string(retinue.FindingResolved))
	}
	if !f.Suppressed {
		c.add(v + ".suppressed = ''")
	}
	ids := make([]string, len(f.IDs))
	for i, id := range f.IDs {
		ids[i] = string(id)
	}
	c.anyOf("e.public_id", ids)
	c.anyOf("e.rule", f.Rules)
	c.anyOf("e.assignee", f.Assignees)
	c.anyOf("e.family", f.Families)
	c.anyOf("e.fix", f.Fixes)
	if len(f.OWASP) > 0 {
		var likes []string
		var args []any
		for _, o := range f.OWASP {
			likes, args = append(likes, "e.owasp LIKE ?"), append(args, "% "+escapeLike(o)+" %")
		}
		c.add("("+strings.Join(likes, " OR ")+")", args...)
	}
	if f.MinPriority > 0 {
		c.add(v+".priority >= ?", f.MinPriority)
	}
	c.within("e.first_seen", f.FirstSeen)
	c.within(v+".last_seen", f.LastSeen)
	if f.Text != "" {
		c.add(`e.search LIKE ? ESCAPE '\'`, "%"+escapeLike(strings.ToLower(f.Text))+"%")
	}
	return tx.filterSubjects(c, f)
}

// filterSubjects adds the conditions on what a finding is about.
func (tx *Tx) filterSubjects(c *conditions, f store.FindingFilter) error {
	if len(f.Sources) > 0 {
		keys, err := tx.ints(`SELECT o.id FROM sources o WHERE o.name IN (SELECT v FROM `+tx.db.d.each("$1")+` j) OR o.public_id IN (SELECT v FROM `+
			tx.db.d.each("$1")+` j)`, tx.db.d.list(f.Sources))
		if err != nil {
			return fmt.Errorf("sources: %w", err)
		}
		if len(keys) == 0 {
			c.add("1 = 0")
		} else {
			c.add("e.source_id IN " + in(keys))
		}
	}
	if f.Entity != "" {
		c.add(`e.entity_id IN (SELECT p.id FROM entities p WHERE p.public_id = ? UNION SELECT d.entity_id FROM entity_redirects d WHERE d.public_id = ?)`,
			string(f.Entity), string(f.Entity))
	}
	sub := conditions{args: c.args}
	sub.anyOf("p.kind", f.Kinds)
	sub.anyOf("p.owner", f.Owners)
	if len(sub.text) > 0 {
		c.args = sub.args
		c.add("EXISTS (SELECT 1 FROM entities p WHERE p.id = e.entity_id AND " + strings.Join(sub.text, " AND ") + ")")
	}
	return nil
}

func severities(c *conditions, col string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var places []int64
	for _, s := range names {
		i := slices.Index(retinue.Severities(), retinue.Severity(s))
		if i < 0 {
			return fmt.Errorf("%w: severity %q: want one of %v", retinue.ErrInvalid, s, retinue.Severities())
		}
		places = append(places, int64(i))
	}
	c.add(col + " IN " + in(places))
	return nil
}

// FindingFacets counts the findings that a filter selects by rule, severity,
// state, OWASP risk, source, owner or assignee, the most frequent first. The
// filter on the column itself does not limit.
func (tx *Tx) FindingFacets(f store.FindingFilter, column string) ([]store.Facet, error) {
	var col string
	switch column {
	case "rule":
		col, f.Rules = "e.rule", nil
	case "severity":
		col, f.Severities = "e.severity", nil
	case "state":
		col, f.States = "e.state", nil
	case "owasp":
		col, f.OWASP = "e.owasp", nil
	case "source":
		col, f.Sources = "COALESCE((SELECT so.name FROM sources so WHERE so.id = e.source_id), '')", nil
	case "owner":
		col, f.Owners = "COALESCE((SELECT se.owner FROM entities se WHERE se.id = e.entity_id), '')", nil
	case "assignee":
		col, f.Assignees = "e.assignee", nil
	default:
		return nil, fmt.Errorf("%w: count findings by %q: want rule, severity, state, owasp, source, owner or assignee", retinue.ErrInvalid, column)
	}
	c := &conditions{}
	if err := tx.filterFindings(c, f, "e"); err != nil {
		return nil, fmt.Errorf("count findings: %w", err)
	}
	counts := map[string]int64{}
	err := tx.query(func(rows *sql.Rows) error {
		var v string
		var n int64
		if err := rows.Scan(&v, &n); err != nil {
			return err
		}
		switch column {
		case "severity":
			counts[severityName(v)] += n
		case "owasp":
			for o := range strings.FieldsSeq(v) {
				counts[o] += n
			}
		default:
			counts[v] += n
		}
		return nil
	}, "SELECT "+col+", count(*) FROM findings e"+c.where()+" GROUP BY "+col, c.args...)
	if err != nil {
		return nil, fmt.Errorf("count findings: %w", err)
	}
	out := make([]store.Facet, 0, len(counts))
	for v, n := range counts {
		out = append(out, store.Facet{Value: v, Count: n})
	}
	slices.SortFunc(out, func(a, b store.Facet) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), store.MaxFacets)], nil
}
