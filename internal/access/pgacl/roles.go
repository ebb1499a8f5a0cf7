package pgacl

import (
	"slices"
	"sync"
)

// public stands for the role PUBLIC, nobody for a name that no role has.
const (
	public int32 = -1
	nobody int32 = -2
)

// rolesGraph is the roles and their memberships.
type rolesGraph struct {
	names   []string
	byName  map[string]int32
	roles   []Role
	known   []bool
	groups  [][]edge // by member: what it is a member of
	members [][]edge // by role: its members
	// owners names the owner of each database.
	owners  map[string]int32
	dbOwner int32 // pg_database_owner
	mu      sync.Mutex
	closed  map[closureKey][]int32
	kept    int // elements in closed
}

type edge struct {
	to                   int32
	admin, inherit, sets bool
	stated               bool // inherit and sets come from the catalog
}

// way says how memberships are followed.
type way uint8

// The ways. Members follows every membership, privileges those whose
// privileges are inherited, sets those that SET ROLE may use.
const (
	members way = iota
	privileges
	sets
)

// newer tells the rules of version 16, where the options of each membership
// decide, from those before, where the member's own attribute does.
type closureKey struct {
	role  int32
	way   way
	newer bool
	owner int32 // of the database, or nobody
}

func (g *rolesGraph) intern(name string) int32 {
	if n, ok := g.byName[name]; ok {
		return n
	}
	n := int32(len(g.names))
	g.byName[name] = n
	g.names, g.roles, g.known = append(g.names, name), append(g.roles, Role{Name: name, Inherit: true}), append(g.known, false)
	g.groups, g.members = append(g.groups, nil), append(g.members, nil)
	return n
}

func newRoles(s State) *rolesGraph {
	g := &rolesGraph{byName: make(map[string]int32, len(s.Roles)), closed: map[closureKey][]int32{}, owners: map[string]int32{}}
	for _, r := range s.Roles {
		n := g.intern(r.Name)
		g.roles[n], g.known[n] = r, true
	}
	for _, m := range s.Memberships {
		role, member := g.intern(m.Role), g.intern(m.Member)
		e := edge{to: role, admin: m.Admin, sets: true, inherit: g.roles[member].Inherit, stated: m.Inherit != nil}
		if m.Inherit != nil {
			e.inherit = *m.Inherit
		}
		if m.Set != nil {
			e.sets = *m.Set
		}
		g.groups[member] = append(g.groups[member], e)
		e.to = member
		g.members[role] = append(g.members[role], e)
	}
	g.dbOwner = g.intern("pg_database_owner")
	return g
}

// find returns a role by its exact name.
func (g *rolesGraph) find(name string) int32 {
	if n, ok := g.byName[name]; ok {
		return n
	}
	return nobody
}

func (g *rolesGraph) superuser(role int32) bool { return role >= 0 && g.roles[role].Superuser }

// rules are what a question is answered under.
type rules struct {
	newer bool  // version 16 and later
	owner int32 // of the database that asks, nobody if there is none
}

// hasPrivs reports whether member has the privileges of role, as has_privs_of_role
// of the server.
func (g *rolesGraph) hasPrivs(member, role int32, r rules) bool {
	return member >= 0 && role >= 0 && (member == role || g.superuser(member) || g.reaches(member, role, privileges, r))
}

// isMember is the server's is_member_of_role.
func (g *rolesGraph) isMember(member, role int32, r rules) bool {
	return member >= 0 && role >= 0 && (member == role || g.superuser(member) || g.reaches(member, role, members, r))
}

// canSet is the server's member_can_set_role.
func (g *rolesGraph) canSet(member, role int32, r rules) bool {
	return member >= 0 && role >= 0 && (member == role || g.superuser(member) || g.reaches(member, role, sets, r))
}

// isAdmin is the server's is_admin_of_role: a role of which member is a member
// in any way was granted role with the admin option. No role administers itself
// by that, since version 15.
func (g *rolesGraph) isAdmin(member, role int32, r rules) (by int32, ok bool) {
	if member < 0 || role < 0 {
		return nobody, false
	}
	if g.superuser(member) {
		return member, true
	}
	if member == role {
		return nobody, false
	}
	for _, e := range g.members[role] {
		if e.admin && (e.to == member || g.reaches(member, e.to, members, r)) {
			return e.to, true
		}
	}
	return nobody, false
}

// follows reports whether a membership of a member is followed in a way.
func (g *rolesGraph) follows(member int32, e *edge, w way, newer bool) bool {
	switch {
	case w == members, w == sets && !newer:
		return true
	case w == sets:
		return e.sets
	case newer:
		return e.inherit
	}
	return g.roles[member].Inherit
}

func (g *rolesGraph) reaches(member, role int32, w way, r rules) bool {
	_, ok := slices.BinarySearch(g.closure(member, w, r), role)
	return ok
}

// maxKept bounds what is remembered of closures, in elements.
const maxKept = 16 << 20

// closure returns the roles that a member reaches, sorted, itself among them.
func (g *rolesGraph) closure(member int32, w way, r rules) []int32 {
	k := closureKey{role: member, way: w, newer: r.newer, owner: r.owner}
	g.mu.Lock()
	c, ok := g.closed[k]
	g.mu.Unlock()
	if ok {
		return c
	}
	seen := map[int32]bool{member: true}
	c = []int32{member}
	g.walk(member, w, r, func(_, to int32) bool {
		if seen[to] {
			return false
		}
		seen[to] = true
		c = append(c, to)
		return true
	})
	slices.Sort(c)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept += len(c); g.kept > maxKept {
		g.closed, g.kept = map[closureKey][]int32{}, len(c)
	}
	g.closed[k] = c
	return c
}

// walk visits memberships breadth first, the nearest first. fresh says whether
// to go on from where one leads.
func (g *rolesGraph) walk(from int32, w way, r rules, fresh func(from, to int32) bool) {
	queue := []int32{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for i := range g.groups[at] {
			if e := &g.groups[at][i]; g.follows(at, e, w, r.newer) && fresh(at, e.to) {
				queue = append(queue, e.to)
			}
		}
		// The owner of the current database is a member of pg_database_owner
		// without a row that says so. Before 16, like other memberships, not
		// for the privileges of an owner that does not inherit.
		if at == r.owner && (r.newer || w != privileges || g.roles[at].Inherit) && fresh(at, g.dbOwner) {
			queue = append(queue, g.dbOwner)
		}
	}
}

// path names the roles from a member to a role that it reaches.
func (g *rolesGraph) path(member, role int32, w way, r rules) []string {
	if member == role || g.superuser(member) {
		return []string{g.names[member]}
	}
	from := map[int32]int32{member: member}
	g.walk(member, w, r, func(at, to int32) bool {
		if _, ok := from[to]; ok {
			return false
		}
		from[to] = at
		return true
	})
	if _, ok := from[role]; !ok {
		return nil
	}
	out := []string{g.names[role]}
	for at := role; at != member; {
		at = from[at]
		out = append(out, g.names[at])
	}
	slices.Reverse(out)
	return out
}
