package sqlstore

import (
	"cmp"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// listKnown answers a list by what was known at some time. No row is kept for
// that: the versions of facts are read, so it costs the size of the inventory.
func (tx *Tx) listKnown(q store.ListQuery, l *lister) (store.ListPage, error) {
	match, err := plainFilter(q)
	if err != nil {
		return store.ListPage{}, err
	}
	var rows []listed
	for e, err := range tx.Entities(store.EntityQuery{Type: q.Type, AsOf: q.AsOf}) {
		if err != nil {
			return store.ListPage{}, err
		}
		if match(e) {
			rows = append(rows, listedThen(e, q.Sort))
		}
	}
	sortListed(rows, q.Desc)
	total := int64(len(rows))
	if l.after != nil {
		rest := rows[:0]
		for _, r := range rows {
			pair := []listed{r, {at: *l.after}}
			sortListed(pair, q.Desc)
			if r.at.Key != l.after.Key && pair[1].at.Key == r.at.Key {
				rest = append(rest, r)
			}
		}
		rows = rest
	}
	out := store.ListPage{Total: total}
	if len(rows) > l.limit {
		rows = rows[:l.limit]
		c := rows[l.limit-1].at
		c.List = l.id
		out.Next = c.encode()
	}
	for _, r := range rows {
		out.Items = append(out.Items, r.ListRow)
	}
	return out, nil
}

// plainFilter is the part of a filter that facts alone decide. Others are
// refused rather than answered wrongly.
func plainFilter(q store.ListQuery) (func(store.Entity) bool, error) {
	f := q.Filter
	if len(f.Units)+len(f.Tags) > 0 || f.Holder != "" || f.Severity != "" || f.Privileged != nil || f.ThirdParty != nil || f.Static != nil ||
		f.NeverUsed != nil || !f.Born.IsZero() || !f.LastUsed.IsZero() || f.Gone {
		return nil, errKnownFilter
	}
	has := func(values []string, v string) bool {
		if len(values) == 0 {
			return true
		}
		for _, x := range values {
			if x == v || (x == store.None && v == "") {
				return true
			}
		}
		return false
	}
	ids := map[retinue.EntityID]bool{}
	for _, id := range f.IDs {
		ids[id] = true
	}
	return func(e store.Entity) bool {
		return (len(ids) == 0 || ids[e.ID]) && has(f.Sources, e.Source) && has(f.Realms, string(e.Realm)) && has(f.Kinds, e.Kind) && has(f.Subtypes, e.Subtype) &&
			has(f.Classes, string(e.Class)) && has(f.States, e.State) && has(f.Environments, string(e.Environment)) &&
			has(f.Criticalities, string(e.Criticality)) && has(f.Owners, e.Owner) && has(f.Managed, string(e.Managed)) &&
			inWindow(f.Created, e.CreatedAt.UnixMicro(), e.CreatedAt.IsZero()) && inWindow(f.Expires, e.ExpiresAt.UnixMicro(), e.ExpiresAt.IsZero()) &&
			inWindow(f.FirstSeen, e.FirstSeen.UnixMicro(), e.FirstSeen.IsZero()) && store.EntityQuery{Text: f.Text}.Match(e)
	}, nil
}

func inWindow(w store.Window, at int64, none bool) bool {
	if w.IsZero() {
		return true
	}
	return !none && (w.From.IsZero() || at >= w.From.UnixMicro()) && (w.To.IsZero() || at < w.To.UnixMicro())
}

func listedThen(e store.Entity, key store.SortKey) listed {
	s := shown{criticality: string(e.Criticality)}
	s.rank()
	c := cursor{Key: e.InternalKey}
	set := func(text string) { c.Text, c.Bare = text, text == "" }
	num := func(v int64, none bool) {
		if c.Bare = none; !none {
			c.Num = v
		}
	}
	switch cmp.Or(key, store.SortName) {
	case store.SortName:
		set(searchText(e.Name, e.Key))
	case store.SortKind:
		set(e.Kind)
	case store.SortSource:
		set(e.Source)
	case store.SortOwner:
		set(e.Owner)
	case store.SortEnvironment:
		set(string(e.Environment))
	case store.SortCriticality:
		num(s.critRank, s.critRank == 0)
	case store.SortCreated:
		num(e.CreatedAt.UnixMicro(), e.CreatedAt.IsZero())
	case store.SortExpires:
		num(e.ExpiresAt.UnixMicro(), e.ExpiresAt.IsZero())
	case store.SortFirstSeen:
		num(e.FirstSeen.UnixMicro(), false)
	default:
		c.Bare = true
	}
	return listed{ListRow: store.ListRow{Entity: e}, at: c}
}

var errKnownFilter = fmt.Errorf("%w: known: with what was known then, a list is filtered by id, source, kind, subtype, class, state, environment, criticality, owner, managed, created, expires, firstSeen and text only", retinue.ErrInvalid)
