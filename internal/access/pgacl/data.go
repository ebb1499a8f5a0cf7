package pgacl

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// collectData puts the tables together that the same grants reach. What class of
// data they hold is known where the picture is put together.
func (w *walker) collectData() {
	at := map[string]*datum{}
	for i := range w.index.objects {
		o := &w.index.objects[i]
		if o.Kind != Table || o.Schema == "pg_catalog" || o.Schema == "information_schema" || i >= len(w.refs) {
			continue
		}
		key := o.reached()
		d := at[key]
		if d == nil {
			d = &datum{first: o}
			at[key] = d
			w.data = append(w.data, d)
		}
		d.refs = append(d.refs, w.refs[i])
	}
	for _, d := range w.data {
		if len(d.refs) == 1 {
			d.node = w.b.Node(graph.Node{Ref: d.refs[0], Kind: graph.Resource})
			continue
		}
		slices.SortFunc(d.refs, retinue.Ref.Compare)
		d.node = w.b.Node(graph.Node{Ref: retinue.NewRef(w.realm, setData, d.refs[0].Key), Kind: graph.Set, Name: "what the same roles reach as " + d.refs[0].Key})
		for _, ref := range d.refs {
			w.contains(d.node, w.b.Node(graph.Node{Ref: ref, Kind: graph.Resource}))
		}
	}
}

// reached writes everything that decides who reaches an object.
func (c *compiled) reached() string {
	var b strings.Builder
	part := func(s string) { b.WriteString(s + "\x00") }
	part(c.Database)
	part(c.Schema)
	part(c.Owner)
	for _, it := range c.items {
		part(it.text)
	}
	for _, name := range slices.Sorted(maps.Keys(c.columns)) {
		part(name)
		for _, it := range c.columns[name] {
			part(it.text)
		}
	}
	if c.RowSecurity { // policies are an object's own
		part(c.Name)
	}
	return b.String()
}

// dataSteps leads from the roles that are granted something to the data.
func (w *walker) dataSteps(d *datum) {
	g, o := w.index.graph, d.first
	if o.owner >= 0 && g.known[o.owner] && !g.superuser(o.owner) {
		reason := access.Reason{Layer: "ownership", Document: o.Title(), Effect: "allow", Text: g.names[o.owner] + " owns it"}
		grant := w.b.Grant(graph.Grant{Subject: w.refOf(o.owner), Reason: reason})
		w.b.Step(graph.Step{From: []graph.NodeID{w.privileges(o.owner)}, To: d.node, Verb: graph.Administers, Technique: "ownership",
			Needs: [][]graph.GrantID{{grant}}, Because: []access.Reason{reason}, Unread: []string{HostRules}})
	}
	lists := [][]grantItem{o.items}
	for _, name := range slices.Sorted(maps.Keys(o.columns)) {
		lists = append(lists, o.columns[name])
	}
	for _, items := range lists {
		for i := range items {
			it := &items[i]
			if it.grantee == o.owner || it.grantee >= 0 && (!g.known[it.grantee] || g.superuser(it.grantee)) {
				continue
			}
			for _, way := range []struct {
				want privs
				verb graph.Verb
			}{{privSelect, graph.Reads}, {privInsert | privUpdate | privDelete | privTruncate, graph.Writes}} {
				if it.privs&way.want != 0 {
					w.dataStep(d, it, it.privs&way.want, way.verb)
				}
			}
		}
	}
}

// dataStep leads from one grantee to data, unless the schema is closed to it.
func (w *walker) dataStep(d *datum, it *grantItem, p privs, verb graph.Verb) {
	name := "public"
	if it.grantee >= 0 {
		name = w.name(it.grantee)
	}
	q := Question{Role: name, Database: d.first.Database, Kind: Schema, Object: d.first.Schema, Privilege: "USAGE"}
	if usage, err := w.index.Can(q); err == nil && !usage {
		return
	}
	from, subject := w.grantee(it.grantee)
	reason := access.Reason{Layer: "access list", Document: d.first.Title(), Statement: it.text, Effect: "allow", Text: p.String() + " is granted to " + name}
	grant := w.b.Grant(graph.Grant{Subject: subject, Reason: reason})
	s := graph.Step{From: []graph.NodeID{from}, To: d.node, Verb: verb, Technique: strings.ToLower(p.String()), Needs: [][]graph.GrantID{{grant}},
		Because: []access.Reason{reason}, Unread: []string{HostRules}}
	if rows := w.index.rowsFor(name, d.first); len(rows) > 0 {
		s.Remains = narrowed(access.Decision{Outcome: access.Allowed, Because: rows}).Remains
	}
	w.b.Step(s)
}
