package pgacl

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Steps puts into a graph who of every server can come to act as whom, and who
// reads and changes its tables, with the administrators marked. Tables that the
// same grants reach stand behind one node.
//
// A role is a node; what somebody has of it without being able to become it,
// its privileges, is another. That a role may connect to the database at all is
// not looked at.
func (e *Engine) Steps(b *graph.Builder) {
	for _, s := range e.servers {
		newWalker(s, b).walk()
	}
}

func (w *walker) walk() {
	list := w.memberships()
	w.divide(list)
	for _, r := range w.roles {
		w.role(r)
	}
	w.joins(list)
	w.collectData()
	for _, d := range w.data {
		w.dataSteps(d)
	}
	catalogue := Techniques()
	for i := range catalogue {
		t := &catalogue[i]
		if t.Before > 0 && w.newer && w.index.version != 0 {
			continue
		}
		switch {
		case t.Option != "":
			w.byOption(t, list)
		case t.Role != "":
			w.byRole(t)
		case t.Attribute != "":
			w.byAttribute(t)
		case t.Gain == GainStored:
			w.byMapping(t)
		default:
			w.byPrivilege(t)
		}
	}
	for _, r := range w.roles {
		if w.index.graph.superuser(r) {
			grant, reason := w.attribute(r, "SUPERUSER")
			w.b.Step(graph.Step{From: []graph.NodeID{w.role(r)}, To: w.whole(), Verb: graph.Administers, Technique: "superuser",
				Needs: [][]graph.GrantID{{grant}}, Because: []access.Reason{reason}})
		}
	}
}

// gained is the node of what a technique takes.
func (w *walker) gained(t *Technique) graph.NodeID {
	switch t.Gain {
	case GainSystem:
		return w.system()
	case GainFiles:
		return w.files()
	case GainReading:
		return w.readable()
	case GainWriting:
		return w.writable()
	case GainVerifiers:
		return w.verifiers()
	}
	return w.set(setGrantable, "roles that are no superusers", func(id graph.NodeID) {
		for _, r := range w.roles {
			if !w.index.graph.superuser(r) {
				w.contains(id, w.role(r))
			}
		}
	})
}

func (t *Technique) step(from, to graph.NodeID, need []graph.GrantID, because []access.Reason) graph.Step {
	s := graph.Step{From: []graph.NodeID{from}, To: to, Verb: t.Verb, Technique: t.ID, Needs: [][]graph.GrantID{need}, Because: because, Unread: []string{HostRules}}
	if t.Remains != "" {
		s.Remains = []access.Condition{{Key: "circumstances", Operator: "are", Values: []string{t.Remains}, Text: t.Remains}}
	}
	return s
}

// byRole: the privileges of a predefined role are enough.
func (w *walker) byRole(t *Technique) {
	r := w.index.graph.find(t.Role)
	if r < 0 || !w.index.graph.known[r] {
		return
	}
	reason := access.Reason{Layer: "predefined role", Document: "role " + t.Role, Effect: "allow", Text: t.Role + " " + t.Title}
	grant := w.b.Grant(graph.Grant{Subject: w.refOf(r), Reason: reason, Fixed: true})
	w.b.Step(t.step(w.privileges(r), w.gained(t), []graph.GrantID{grant}, []access.Reason{reason}))
}

// attribute is the grant that an attribute of a role is.
func (w *walker) attribute(role int32, name string) (graph.GrantID, access.Reason) {
	reason := access.Reason{Layer: "role attribute", Document: "role " + w.name(role), Statement: name, Effect: "allow", Text: w.name(role) + " has " + name}
	return w.b.Grant(graph.Grant{Subject: w.refOf(role), Reason: reason}), reason
}

func (w *walker) has(role int32, attribute string) bool {
	r := &w.index.graph.roles[role]
	switch attribute {
	case "SUPERUSER":
		return r.Superuser
	case "CREATEROLE":
		return r.CreateRole
	case "REPLICATION":
		return r.Replication && r.Login // one that cannot log in does not copy
	}
	return false
}

func (w *walker) byAttribute(t *Technique) {
	for _, r := range w.roles {
		if !w.has(r, t.Attribute) || t.Attribute != "SUPERUSER" && w.index.graph.superuser(r) {
			continue
		}
		grant, reason := w.attribute(r, t.Attribute)
		s := t.step(w.role(r), w.gained(t), []graph.GrantID{grant}, []access.Reason{reason})
		if t.Before > 0 && w.index.version == 0 {
			s.Assumes = "the server's version is before 16"
		}
		w.b.Step(s)
	}
}

// byOption: who has the admin option on a role grants it to itself, and whoever
// has its privileges does. Superusers are granted by superusers only. It makes
// no loop: who holds the option is a member already.
func (w *walker) byOption(t *Technique, list []membership) {
	g := w.index.graph
	for i := range list {
		m := &list[i]
		if len(m.admins) == 0 || g.superuser(m.role) || g.superuser(m.member) {
			continue
		}
		need, because := w.grants(m, m.admins, "has the admin option on")
		w.b.Step(t.step(w.privileges(m.member), w.role(m.role), need, because))
	}
}

// byPrivilege: a privilege on an object of the server is enough.
func (w *walker) byPrivilege(t *Technique) {
	for i := range w.index.objects {
		o := &w.index.objects[i]
		if o.Kind != t.Kind || !slices.Contains(t.Names, o.Name) || o.Schema != "" && o.Schema != "pg_catalog" {
			continue
		}
		want, err := parsePrivileges(t.Kind, t.Privilege, 0)
		if err != nil {
			continue
		}
		lists := [][]grantItem{o.items}
		if c, ok := o.columns[columnOfHash(o)]; ok {
			lists = append(lists, c)
		}
		for _, items := range lists {
			for j := range items {
				w.byItem(t, o, &items[j], want)
			}
		}
	}
}

// columnOfHash is the column of a catalog that holds hashes of passwords.
func columnOfHash(o *compiled) string {
	if o.Name == "pg_shadow" {
		return "passwd"
	}
	return "rolpassword"
}

func (w *walker) byItem(t *Technique, o *compiled, it *grantItem, want privs) {
	if it.privs&want == 0 || it.grantee >= 0 && w.index.graph.superuser(it.grantee) {
		return
	}
	if it.grantee != public && (it.grantee < 0 || !w.index.graph.known[it.grantee]) {
		return
	}
	from, subject := w.grantee(it.grantee)
	reason := access.Reason{Layer: "access list", Document: o.Title(), Statement: it.text, Effect: "allow", Text: (it.privs & want).String() + " on " + o.Title() + " is granted"}
	grant := w.b.Grant(graph.Grant{Subject: subject, Reason: reason})
	w.b.Step(t.step(from, w.gained(t), []graph.GrantID{grant}, []access.Reason{reason}))
}

// byMapping: a role that may use a foreign server sees the options of its own
// user mapping, the server's owner those of everybody's.
func (w *walker) byMapping(t *Technique) {
	g := w.index.graph
	for _, s := range w.stored {
		found := w.index.byName[objectKey{kind: ForeignServer, database: s.database, name: s.server}]
		if s.server == "" || len(found) == 0 {
			continue
		}
		o := &w.index.objects[found[0]]
		role := o.owner
		if s.role != "public" {
			role = g.find(s.role)
		}
		if role < 0 || !g.known[role] {
			continue
		}
		from := w.role(role)
		if s.role == "public" {
			from = w.privileges(role)
		}
		d := w.index.on(Question{Role: g.names[role], Privilege: "USAGE"}, o)
		if d.Outcome != access.Allowed {
			continue
		}
		need := w.b.GrantsOf(w.refOf(role), d.Because)
		w.b.Step(t.step(from, w.b.Node(graph.Node{Ref: s.ref, Kind: graph.Credential}), need, d.Because))
	}
}

// datum is a table, or several that the same grants reach.
type datum struct {
	first *compiled
	refs  []retinue.Ref
	node  graph.NodeID
}
