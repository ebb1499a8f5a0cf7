package gcpiam

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// Limits on hostile states. Google's own are far lower: 1,500 principals and 20
// levels of a hierarchy, 64 kB of text in a custom role.
const (
	maxDepth       = 64
	maxExpression  = 16 << 10
	maxMembers     = 1 << 24
	maxPermissions = 1 << 20
)

// Index is a State made ready for questions. It is safe for concurrent use.
type Index struct {
	state    State
	nodes    map[string]*node
	roles    map[string]*compiledRole
	perms    map[string]int
	groups   map[string]bool     // groups whose members are known
	memberOf map[string][]string // member to the groups that list it
	env      *expressions
}

// node is a resource with what is attached to it.
type node struct {
	name     string
	number   string // a project's number, as "projects/N"
	kind     string
	root     bool
	parent   *node
	tags     map[string]string
	tagsRead bool
	policies int // allow policies that were read
	bindings []compiledBinding
	denies   []compiledDeny
}

// compiledRole is a role with its permissions as bits.
type compiledRole struct {
	role *Role
	bits []uint64
}

func (r *compiledRole) has(id int) bool {
	return id>>6 < len(r.bits) && r.bits[id>>6]&(1<<(id&63)) != 0
}

// compiledBinding is a binding of an allow policy.
type compiledBinding struct {
	at        *node
	n         int // its place in the policy, from 1
	roleName  string
	role      *compiledRole // nil where the definition is not known
	members   map[string]*member
	open      []*member // members whom a key does not decide
	condition *condition
	text      *Expr
}

// compiledDeny is a rule of a deny policy.
type compiledDeny struct {
	at                 *node
	policy             string
	n                  int
	principals, except []member
	permissions        []pattern
	exceptPermissions  []pattern
	condition          *condition
	text               *Expr
}

// New makes a State ready for questions. Errors wrap retinue.ErrInvalid: a
// hierarchy with a circle or one too deep, or a state beyond the limits.
func New(s State) (*Index, error) {
	env, err := newExpressions()
	if err != nil {
		return nil, err
	}
	x := &Index{state: s, nodes: map[string]*node{}, roles: map[string]*compiledRole{}, perms: map[string]int{},
		groups: map[string]bool{}, memberOf: map[string][]string{}, env: env}
	if err := x.addRoles(); err != nil {
		return nil, err
	}
	if err := x.addResources(); err != nil {
		return nil, err
	}
	for i := range s.Groups {
		g := groupMember(s.Groups[i].Email).key
		x.groups[g] = !s.Groups[i].Partial
		for _, m := range s.Groups[i].Members {
			k := parseMember(m).key
			x.memberOf[k] = append(x.memberOf[k], g)
		}
	}
	count := 0
	for i := range s.Policies {
		if count += x.addPolicy(&s.Policies[i]); count > maxMembers {
			return nil, fmt.Errorf("%w: state: more than %d members in bindings", retinue.ErrInvalid, maxMembers)
		}
	}
	for i := range s.Denies {
		x.addDeny(&s.Denies[i])
	}
	return x, nil
}

func (x *Index) addRoles() error {
	for i := range x.state.Roles {
		r := &x.state.Roles[i]
		c := &compiledRole{role: r}
		for _, p := range r.Permissions {
			p = plainPermission(p) // a few are "iam.googleapis.com/…" in roles too
			id, ok := x.perms[p]
			if !ok {
				id = len(x.perms)
				x.perms[p] = id
			}
			for id>>6 >= len(c.bits) {
				c.bits = append(c.bits, 0)
			}
			c.bits[id>>6] |= 1 << (id & 63)
		}
		if len(x.perms) > maxPermissions {
			return fmt.Errorf("%w: state: more than %d different permissions", retinue.ErrInvalid, maxPermissions)
		}
		x.roles[r.Name] = c
	}
	return nil
}

func (x *Index) addResources() error {
	for i := range x.state.Resources {
		r := &x.state.Resources[i]
		n := x.ensure(r.Name)
		n.root = n.root || r.Root
		if r.Type != "" {
			n.kind = r.Type
		}
		n.tags, n.tagsRead = r.Tags, r.TagsRead
		for _, a := range r.Aliases {
			alias := CanonicalName(a)
			x.nodes[alias] = n
			if strings.HasPrefix(alias, "projects/") {
				n.number = alias
			}
		}
	}
	for i := range x.state.Resources {
		r := &x.state.Resources[i]
		if r.Parent == "" {
			continue
		}
		n, p := x.ensure(r.Name), x.ensure(r.Parent)
		if n != p {
			n.parent = p
		}
	}
	x.addAccounts()
	for name, n := range x.nodes {
		depth := 0
		for cur := n; cur != nil; cur = cur.parent {
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: state: the hierarchy above %q has a circle or more than %d levels", retinue.ErrInvalid, name, maxDepth)
			}
		}
	}
	return nil
}

// addAccounts makes service accounts known by their number and without their
// project as well, which policies and other documents name them by.
func (x *Index) addAccounts() {
	for i := range x.state.ServiceAccounts {
		a := &x.state.ServiceAccounts[i]
		n := x.ensure(a.name())
		const all = "//iam.googleapis.com/projects/-/serviceAccounts/"
		x.nodes[all+a.Email] = n
		if a.UniqueID != "" {
			x.nodes[all+a.UniqueID] = n
			x.nodes[strings.TrimSuffix(a.name(), a.Email)+a.UniqueID] = n
		}
	}
}

// node finds a node by any of its names.
func (x *Index) node(name string) *node { return x.nodes[CanonicalName(name)] }

// ensure finds a node or makes it.
func (x *Index) ensure(name string) *node {
	name = CanonicalName(name)
	if n := x.nodes[name]; n != nil {
		return n
	}
	n := &node{name: name, root: strings.HasPrefix(name, "organizations/")}
	x.nodes[name] = n
	return n
}

// chain returns the resource and everything above it, the resource first, and
// the name of what is missing where the chain does not reach a root.
func (x *Index) chain(name string) (nodes []*node, missing string) {
	name = CanonicalName(name)
	for depth := 0; depth < 2*maxDepth; depth++ {
		n := x.nodes[name]
		if n != nil {
			nodes = append(nodes, n)
			if n.root {
				return nodes, ""
			}
			if n.parent != nil {
				name = n.parent.name
				continue
			}
		} else if strings.HasPrefix(name, "organizations/") {
			return nodes, ""
		}
		up := above(name)
		if up == "" {
			return nodes, name
		}
		name = up
	}
	return nodes, name
}

func (x *Index) addPolicy(p *AllowPolicy) (members int) {
	n := x.ensure(p.Resource)
	n.policies++
	for i := range p.Bindings {
		b := &p.Bindings[i]
		c := compiledBinding{at: n, n: len(n.bindings) + 1, roleName: b.Role, role: x.roles[b.Role],
			members: make(map[string]*member, len(b.Members)), text: b.Condition}
		for _, text := range b.Members {
			m := parseMember(text)
			c.members[m.key] = &m
			switch m.kind {
			case memberGroup, memberPoolSet, memberBasic, memberContainer, memberCustomer, memberOther:
				c.open = append(c.open, &m)
			}
		}
		c.condition = x.env.compile(b.Condition)
		members += len(b.Members)
		n.bindings = append(n.bindings, c)
	}
	return members
}

func (x *Index) addDeny(p *DenyPolicy) {
	n := x.ensure(p.Resource)
	for i := range p.Rules {
		r := &p.Rules[i]
		c := compiledDeny{at: n, policy: p.Name, n: i + 1, permissions: patterns(r.DeniedPermissions),
			exceptPermissions: patterns(r.ExceptionPermissions), text: r.DenialCondition}
		for _, m := range r.DeniedPrincipals {
			c.principals = append(c.principals, parseMember(m))
		}
		for _, m := range r.ExceptionPrincipals {
			c.except = append(c.except, parseMember(m))
		}
		c.condition = x.env.compile(r.DenialCondition)
		n.denies = append(n.denies, c)
	}
}

// holds reports whether the asker is a member of the binding, and by which.
func (x *Index) holds(a *asker, b *compiledBinding) (truth, string) {
	if a.self.kind == memberDeleted {
		return no, ""
	}
	if len(a.keys) <= len(b.members) {
		for k := range a.keys {
			if m := b.members[k]; m != nil && m.kind != memberDeleted {
				return yes, k
			}
		}
	} else {
		for k, m := range b.members {
			if m.kind != memberDeleted && a.keys[k] {
				return yes, k
			}
		}
	}
	best, by := no, ""
	for _, m := range b.open {
		switch x.is(a, m) {
		case yes:
			return yes, m.key
		case maybe:
			if best == no {
				best, by = maybe, m.key
			}
		}
	}
	return best, by
}

// pattern is a permission of a deny rule.
type pattern struct{ service, resource, verb string }

// patterns reads permissions of deny rules: "service.googleapis.com/resource.verb",
// with * for a resource or verb in permission groups ("Permissions in deny
// policies").
func patterns(list []string) []pattern {
	out := make([]pattern, 0, len(list))
	for _, p := range list {
		service, rest, _ := strings.Cut(p, "/")
		i := strings.LastIndexByte(rest, '.')
		if i < 0 {
			out = append(out, pattern{service, rest, ""})
			continue
		}
		out = append(out, pattern{service, rest[:i], rest[i+1:]})
	}
	return out
}

// splitPermission turns "service.resource.verb" into what deny rules name. The
// prefix of a permission is the service's name without its domain, but for the
// Resource Manager.
func splitPermission(p string) pattern {
	if strings.Contains(p, "/") {
		return patterns([]string{p})[0]
	}
	service, rest, _ := strings.Cut(p, ".")
	if service == "resourcemanager" {
		service = "cloudresourcemanager"
	}
	resource, verb := rest, ""
	if i := strings.LastIndexByte(rest, '.'); i >= 0 {
		resource, verb = rest[:i], rest[i+1:]
	}
	return pattern{service + ".googleapis.com", resource, verb}
}

// plainPermission is a permission in the spelling of roles.
func plainPermission(p string) string {
	service, rest, ok := strings.Cut(p, "/")
	if !ok {
		return p
	}
	service = strings.TrimSuffix(service, ".googleapis.com")
	if service == "cloudresourcemanager" {
		service = "resourcemanager"
	}
	return service + "." + rest
}

func (p pattern) matches(q pattern) bool {
	return p.service == q.service && (p.resource == "*" || p.resource == q.resource) && (p.verb == "*" || p.verb == q.verb)
}

func anyMatches(list []pattern, q pattern) bool {
	for _, p := range list {
		if p.matches(q) {
			return true
		}
	}
	return false
}
