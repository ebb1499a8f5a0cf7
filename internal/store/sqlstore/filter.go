package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// anyOf adds the condition that a column has one of the values; store.None
// stands for none.
func (c *conditions) anyOf(col string, values []string) {
	if len(values) == 0 {
		return
	}
	var args []any
	list := make([]string, len(values))
	for i, v := range values {
		if v == store.None {
			v = ""
		}
		if list[i] = "?"; plain(v) {
			list[i] = "'" + v + "'"
		} else {
			args = append(args, v)
		}
	}
	if len(list) == 1 {
		c.add(col+" = "+list[0], args...)
		return
	}
	c.add(col+" IN ("+strings.Join(list, ",")+")", args...)
}

// plain reports whether a value may stand in the text of a query: it holds
// nothing but letters, digits and a few signs that mean nothing in SQL strings.
// The planners know how frequent a value is only where they see it.
func plain(v string) bool {
	for _, r := range v {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.@:/", r) {
			return false
		}
	}
	return len(v) < 200
}

// within adds the condition that a time lies in a window. The times stand in the
// text, as plain values do: a page is then planned once and not for each cursor.
func (c *conditions) within(col string, w store.Window) {
	if !w.From.IsZero() {
		c.add(fmt.Sprintf("%s >= %d", col, w.From.UnixMicro()))
	}
	if !w.To.IsZero() {
		c.add(fmt.Sprintf("%s < %d", col, w.To.UnixMicro()))
	}
	if !w.IsZero() {
		c.add(col + " IS NOT NULL")
	}
}

func (c *conditions) flag(col string, v *bool) {
	if v != nil {
		c.add(fmt.Sprintf("%s = %d", col, b2i(*v)))
	}
}

// maxValues bounds the values of one filter.
const maxValues = 1000

// checkFilter reports filters that the database should not be asked.
func checkFilter(f store.Filter) error {
	for _, v := range []struct {
		name string
		n    int
	}{{"ids", len(f.IDs)}, {"sources", len(f.Sources)}, {"realms", len(f.Realms)}, {"kinds", len(f.Kinds)}, {"subtypes", len(f.Subtypes)},
		{"classes", len(f.Classes)}, {"states", len(f.States)}, {"environments", len(f.Environments)},
		{"criticalities", len(f.Criticalities)}, {"owners", len(f.Owners)}, {"units", len(f.Units)}, {"tags", len(f.Tags)},
		{"managed", len(f.Managed)}} {
		if v.n > maxValues {
			return fmt.Errorf("%w: %s: %d values: the limit is %d", retinue.ErrInvalid, v.name, v.n, maxValues)
		}
	}
	if f.Severity != "" && !slices.Contains(retinue.Severities(), f.Severity) {
		return fmt.Errorf("%w: severity %q: want one of %v", retinue.ErrInvalid, f.Severity, retinue.Severities())
	}
	return nil
}

// filterEntities adds the conditions of a query on rows e.
func (tx *Tx) filterEntities(c *conditions, q store.ListQuery) error {
	f := q.Filter
	if err := checkFilter(f); err != nil {
		return err
	}
	l, err := tx.lens()
	if err != nil {
		return err
	}
	c.add(fmt.Sprintf("e.type = %d", store.TypeIndex(q.Type)))
	used := "e.last_used"
	switch {
	case !q.AsOf.IsZero():
		used = fmt.Sprintf(usedThen, asOfTime(q.AsOf, tx.at))
		if !l.all {
			c.add("EXISTS (SELECT 1 FROM entities ve WHERE ve.id = e.id AND " + l.sees("ve") + ")")
		}
	case f.Gone:
		c.add("e.gone_at IS NOT NULL")
	default:
		c.add("e.gone_at IS NULL")
	}
	if q.AsOf.IsZero() && !l.all {
		c.add(l.sees("e"))
	}
	if len(f.IDs) > 0 {
		ids := make([]string, len(f.IDs))
		for i, id := range f.IDs {
			ids[i] = string(id)
		}
		list := tx.db.d.list(ids)
		c.add(`e.id IN (SELECT p.id FROM entities p WHERE p.public_id IN (SELECT v FROM `+tx.db.d.each("?")+` j)
			UNION SELECT d.entity_id FROM entity_redirects d WHERE d.public_id IN (SELECT v FROM `+tx.db.d.each("?")+` j))`, list, list)
	}
	if err := tx.filterPlaces(c, f); err != nil {
		return err
	}
	c.anyOf("e.kind", f.Kinds)
	c.anyOf("e.subtype", f.Subtypes)
	c.anyOf("e.class", f.Classes)
	c.anyOf("e.state", f.States)
	c.anyOf("e.environment", f.Environments)
	if err := criticalities(c, f.Criticalities); err != nil {
		return err
	}
	c.anyOf("e.owner", f.Owners)
	c.anyOf("e.managed", f.Managed)
	if f.Severity != "" {
		c.add(fmt.Sprintf("e.worst <= %d", slices.Index(retinue.Severities(), f.Severity)))
	}
	c.flag("e.privileged", f.Privileged)
	c.flag("e.third_party", f.ThirdParty)
	c.flag("e.static", f.Static)
	if f.NeverUsed != nil {
		not := " NOT"
		if *f.NeverUsed {
			not = ""
		}
		c.add(used + " IS" + not + " NULL")
	}
	c.within("e.created_at", f.Created)
	c.within("e.born_at", f.Born)
	c.within("e.expires_at", f.Expires)
	c.within(used, f.LastUsed)
	c.within("e.first_seen", f.FirstSeen)
	if f.Text != "" {
		c.add(`e.search LIKE ? ESCAPE '\'`, "%"+escapeLike(strings.ToLower(f.Text))+"%")
	}
	return nil
}

// criticalities adds the condition on the criticality by its rank, which is
// what the index holds.
func criticalities(c *conditions, names []string) error {
	if len(names) == 0 {
		return nil
	}
	ranks := make([]int64, len(names))
	for i, v := range names {
		if v == store.None || v == "" {
			continue
		}
		s := shown{criticality: v}
		if s.rank(); s.critRank == 0 {
			return fmt.Errorf("%w: criticality %q: want one of %v, or %s", retinue.ErrInvalid, v, retinue.Criticalities(), store.None)
		}
		ranks[i] = s.critRank
	}
	c.add("e.crit_rank IN " + in(ranks))
	return nil
}

// filterPlaces adds the conditions on where a thing comes from and stands.
func (tx *Tx) filterPlaces(c *conditions, f store.Filter) error {
	if len(f.Sources) > 0 {
		names, err := tx.sourceNames(f.Sources)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			c.add("1 = 0")
		}
		c.anyOf("e.source", names)
	}
	if len(f.Realms) > 0 {
		c.add(`EXISTS (SELECT 1 FROM refs fr JOIN realms fm ON fm.id = fr.realm_id WHERE fr.id = e.ref_id AND fm.realm IN (SELECT v FROM `+tx.db.d.each("?")+` j))`, tx.db.d.list(f.Realms))
	}
	if len(f.Units) > 0 {
		_, refs, err := tx.subtree(f.Units)
		if err != nil {
			return fmt.Errorf("units: %w", err)
		}
		if len(refs) == 0 {
			c.add("1 = 0")
		} else {
			c.add("e.container_id IN " + in(refs))
		}
	}
	if len(f.Tags) > 0 {
		m := make([]int64, len(f.Tags))
		for i, t := range f.Tags {
			m[i] = markOf(markTag, t)
		}
		c.add("e.id IN (SELECT tm.entity_id FROM entity_marks tm WHERE tm.mark IN " + in(m) + ")")
	}
	if f.Holder != "" {
		c.add(`e.holder_id IN (SELECT hr.id FROM entities he JOIN refs hr ON hr.entity_id = he.id WHERE he.public_id = ?)`, string(f.Holder))
	}
	return nil
}

// sourceNames returns the names of sources that are named by name or id.
func (tx *Tx) sourceNames(words []string) ([]string, error) {
	var out []string
	err := tx.query(func(rows *sql.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		out = append(out, name)
		return nil
	}, `SELECT o.name FROM sources o WHERE o.name IN (SELECT v FROM `+tx.db.d.each("$1")+` j) OR o.public_id IN (SELECT v FROM `+tx.db.d.each("$1")+` j)`,
		tx.db.d.list(words))
	if err != nil {
		return nil, fmt.Errorf("find sources: %w", err)
	}
	return out, nil
}
