package pgacl

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// The kinds of the nodes that stand for many things of a server, by which they
// are also named in refs.
const (
	setPrivileges = "privileges_of"
	setRoles      = "roles"
	setGrantable  = "grantable_roles"
	setPublic     = "every_role"
	setVerifiers  = "password_hashes"
	setFiles      = "files"
	setReadable   = "all_data"
	setWritable   = "all_data_changed"
	setData       = "data"
	refSystem     = "system_account"
	refServer     = "server"
)

// walker puts the steps of one server into a graph.
type walker struct {
	*server
	b     *graph.Builder
	newer bool
	// split are the roles whose privileges somebody has without being able to
	// become them.
	split map[int32]bool
	made  map[retinue.Ref]bool
	data  []*datum
}

// membership is all rows that make one role a member of another.
type membership struct {
	role, member    int32
	inherits        []Membership // those that give privileges
	sets            []Membership // those that let SET ROLE
	admins          []Membership
	names, memberOf string
}

// memberships puts the rows of pg_auth_members together, in their order.
func (w *walker) memberships() []membership {
	g := w.index.graph
	at := map[[2]int32]int{}
	var out []membership
	for _, m := range w.state.Memberships {
		role, member := g.find(m.Role), g.find(m.Member)
		if role < 0 || member < 0 || !g.known[role] || !g.known[member] {
			continue
		}
		i, ok := at[[2]int32{role, member}]
		if !ok {
			i = len(out)
			at[[2]int32{role, member}] = i
			out = append(out, membership{role: role, member: member, memberOf: m.Role, names: m.Member})
		}
		inherits, sets := g.roles[member].Inherit, true
		if w.newer {
			if m.Inherit != nil {
				inherits = *m.Inherit
			}
			sets = m.Set == nil || *m.Set
		}
		if inherits {
			out[i].inherits = append(out[i].inherits, m)
		}
		if sets {
			out[i].sets = append(out[i].sets, m)
		}
		if m.Admin {
			out[i].admins = append(out[i].admins, m)
		}
	}
	return out
}

func newWalker(s *server, b *graph.Builder) *walker {
	return &walker{server: s, b: b, newer: s.newer(), split: map[int32]bool{}, made: map[retinue.Ref]bool{}}
}

// divide finds the roles whose privileges are had apart from the role: by a
// membership that inherits and may not SET ROLE, and whatever such privileges
// bring with them.
func (w *walker) divide(list []membership) {
	var queue []int32
	mark := func(r int32) {
		if !w.split[r] {
			w.split[r] = true
			queue = append(queue, r)
		}
	}
	onward := map[int32][]int32{}
	for _, m := range list {
		if len(m.inherits) == 0 {
			continue
		}
		onward[m.member] = append(onward[m.member], m.role)
		if len(m.sets) == 0 {
			mark(m.role)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, r := range onward[queue[0]] {
			mark(r)
		}
	}
}

func (w *walker) name(role int32) string { return w.index.graph.names[role] }

// role is the node of whoever acts as a role.
func (w *walker) role(role int32) graph.NodeID {
	return w.b.Node(graph.Node{Ref: w.refOf(role), Kind: graph.Identity, Admin: w.index.graph.superuser(role)})
}

// privileges is the node of whoever has a role's privileges.
func (w *walker) privileges(role int32) graph.NodeID {
	if !w.split[role] {
		return w.role(role)
	}
	ref := retinue.NewRef(w.realm, setPrivileges, w.name(role))
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Set, Name: "privileges of role " + w.name(role)})
	if !w.made[ref] {
		w.made[ref] = true
		w.b.Step(graph.Step{From: []graph.NodeID{w.role(role)}, To: id, Verb: graph.Contains, Technique: "part of the whole"})
	}
	return id
}

// set is the node of many things; fill is called when it is first asked for.
func (w *walker) set(kind, name string, fill func(id graph.NodeID)) graph.NodeID {
	ref := retinue.NewRef(w.realm, kind, w.realm.ID())
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Set, Name: name + " of " + string(w.realm)})
	if !w.made[ref] {
		w.made[ref] = true
		fill(id)
	}
	return id
}

func (w *walker) contains(from, to graph.NodeID) {
	w.b.Step(graph.Step{From: []graph.NodeID{from}, To: to, Verb: graph.Contains, Technique: "part of the whole"})
}

// system is the node of the account that the server runs as. It holds the
// server's files, and so everything.
func (w *walker) system() graph.NodeID {
	ref := retinue.NewRef(w.realm, refSystem, w.realm.ID())
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Outside, Name: "the account that " + string(w.realm) + " runs as", Admin: true})
	if !w.made[ref] {
		w.made[ref] = true
		w.b.Step(graph.Step{From: []graph.NodeID{id}, To: w.whole(), Verb: graph.Administers, Technique: "files of the server"})
	}
	return id
}

// whole is the node of the server and all that is in it.
func (w *walker) whole() graph.NodeID {
	ref := retinue.NewRef(w.realm, refServer, w.realm.ID())
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Place})
	if w.made[ref] {
		return id
	}
	w.made[ref] = true
	w.contains(id, w.set(setRoles, "roles", func(id graph.NodeID) {
		for _, r := range w.roles {
			w.contains(id, w.role(r))
		}
	}))
	w.contains(id, w.files())
	w.contains(id, w.writable())
	return id
}

// files is the node of what the server stores.
func (w *walker) files() graph.NodeID {
	return w.set(setFiles, "files", func(id graph.NodeID) {
		w.contains(id, w.readable())
		w.contains(id, w.verifiers())
		for _, s := range w.stored {
			w.contains(id, w.b.Node(graph.Node{Ref: s.ref, Kind: graph.Credential}))
		}
	})
}

func (w *walker) readable() graph.NodeID {
	return w.set(setReadable, "all data", func(id graph.NodeID) {
		for _, d := range w.data {
			w.contains(id, d.node)
		}
	})
}

func (w *walker) writable() graph.NodeID {
	return w.set(setWritable, "all data to change", func(id graph.NodeID) {
		for _, d := range w.data {
			w.contains(id, d.node)
		}
	})
}

// verifiers is the node of the hashes that let their reader sign in. Those of
// SCRAM do not: PostgreSQL manual, section "Password Authentication".
func (w *walker) verifiers() graph.NodeID {
	return w.set(setVerifiers, "MD5 password hashes", func(id graph.NodeID) {
		for _, r := range w.roles {
			if p, ok := w.passwords[w.name(r)]; ok && p.method == "md5" && w.index.graph.roles[r].Login {
				w.contains(id, w.b.Node(graph.Node{Ref: p.ref, Kind: graph.Credential}))
			}
		}
	})
}

// public is the node of every role.
func (w *walker) public() graph.NodeID {
	return w.set(setPublic, "PUBLIC, every role", func(id graph.NodeID) {
		for _, r := range w.roles {
			w.b.Step(graph.Step{From: []graph.NodeID{w.role(r)}, To: id, Verb: graph.MemberOf, Technique: "PUBLIC"})
		}
	})
}

// grantee is the node of whoever has what a role, or PUBLIC, is granted, and the
// ref of whose grant it is.
func (w *walker) grantee(role int32) (graph.NodeID, retinue.Ref) {
	if role == public {
		return w.public(), retinue.NewRef(w.realm, setPublic, w.realm.ID())
	}
	return w.privileges(role), w.refOf(role)
}

// joins leads from members to their roles.
func (w *walker) joins(list []membership) {
	for i := range list {
		m := &list[i]
		if len(m.sets) > 0 {
			w.join(m, w.role(m.member), w.role(m.role), m.sets, "membership")
		} else if len(m.inherits) > 0 {
			w.join(m, w.role(m.member), w.privileges(m.role), m.inherits, "membership, without SET ROLE")
		}
		if w.split[m.member] && len(m.inherits) > 0 {
			w.join(m, w.privileges(m.member), w.privileges(m.role), m.inherits, "membership, without SET ROLE")
		}
	}
}

func (w *walker) join(m *membership, from, to graph.NodeID, rows []Membership, technique string) {
	need, because := w.grants(m, rows, "is a member of")
	w.b.Step(graph.Step{From: []graph.NodeID{from}, To: to, Verb: graph.MemberOf, Technique: technique, Needs: [][]graph.GrantID{need}, Because: because})
}

// grants adds the grants that rows of memberships are.
func (w *walker) grants(m *membership, rows []Membership, how string) ([]graph.GrantID, []access.Reason) {
	var need []graph.GrantID
	var because []access.Reason
	for _, row := range rows {
		r := access.Reason{Layer: "membership", Document: "role " + m.memberOf, Statement: m.names, Effect: "allow", Text: m.names + " " + how + " " + m.memberOf}
		if row.Grantor != "" {
			r.Statement += ", granted by " + row.Grantor
		}
		if id := w.b.Grant(graph.Grant{Subject: w.refOf(m.member), Reason: r, Fixed: provided(m.memberOf) && provided(m.names)}); !slices.Contains(need, id) {
			need, because = append(need, id), append(because, r)
		}
	}
	return need, because
}

// provided reports the roles that the server brings along.
func provided(role string) bool { return strings.HasPrefix(role, "pg_") }
