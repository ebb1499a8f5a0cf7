package k8srbac

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Engine answers for the clusters of an inventory. It is never changed, and may
// be asked from several goroutines.
//
// An action is a verb, such as "get" or "impersonate", "*" being every verb. A
// resource is written as
//
//	[namespace/]resource[.group][/subresource][:name]
//
// such as "pay/secrets", "pay/deployments.apps/scale:web", "nodes:n1" or
// "pods/exec"; without a namespace, or with "*" for it, it is asked for in all
// of them. A path that is no resource begins with a slash. Without a resource
// the question is where the verb may be used at all.
//
// Identities are service accounts, users and groups. A group is asked as a
// member of it that has no rights of its own. Users have the groups that their
// client certificates name; those that another authenticator gives them are not
// known to the cluster.
//
// An administrator is a member of system:masters, or who may use every verb on
// every resource of every group in the whole cluster, and on every path.
//
// What RBAC does not allow another authorizer of the server might: the node
// authorizer, webhooks. What it allows admission control might refuse; answers
// about requests that it sees name it as unread.
type Engine struct {
	clusters []*cluster
	byRealm  map[retinue.Realm]*cluster
}

// cluster is one cluster with its RBAC objects compiled.
type cluster struct {
	*realmFacts
	realm retinue.Realm
	index *Index
	gaps  []string
	// known are the subjects, sorted by Ref.
	known []retinue.Ref
	// dangling are the bindings whose role is not there.
	dangling []int32
}

// Engine makes the engine of what was added. Gaps say what was not read of a
// realm. The Collector must not be used any more. Errors wrap
// retinue.ErrInvalid.
func (c *Collector) Engine(gaps map[retinue.Realm][]string) (*Engine, error) {
	e := &Engine{byRealm: map[retinue.Realm]*cluster{}}
	for _, realm := range c.order {
		f := c.realms[realm]
		x, err := New(f.state())
		if err != nil {
			return nil, fmt.Errorf("of %s: %w", realm, err)
		}
		k := &cluster{realmFacts: f, realm: realm, index: x, gaps: slices.Clone(gaps[realm])}
		if n := len(f.unread); n > 0 {
			k.gaps = append(k.gaps, fmt.Sprintf("the rules of %d roles could not be read", n))
		}
		k.collectSubjects()
		for i, role := range x.roleOf {
			if role < 0 {
				k.dangling = append(k.dangling, int32(i))
			}
		}
		e.clusters = append(e.clusters, k)
		e.byRealm[realm] = k
	}
	slices.SortFunc(e.clusters, func(a, b *cluster) int { return cmp.Compare(a.realm, b.realm) })
	return e, nil
}

// collectSubjects adds those that only bindings name.
func (k *cluster) collectSubjects() {
	for i := range k.index.bindings {
		for _, s := range k.index.bindings[i].Subjects {
			if s = s.plain(); s.Name != "" {
				k.subjects[k.refOf(s)] = s
			}
		}
	}
	masters := Subject{Kind: Group, Name: mastersGroup}
	k.subjects[k.refOf(masters)] = masters
	k.known = slices.SortedFunc(maps.Keys(k.subjects), retinue.Ref.Compare)
}

// refOf names a subject as the connector does.
func (k *cluster) refOf(s Subject) retinue.Ref {
	switch s.Kind {
	case Group:
		return retinue.NewRef(k.realm, refGroup, s.Name)
	case ServiceAccount:
		return retinue.NewRef(k.realm, refAccount, s.Namespace+"/"+s.Name)
	}
	if rest, ok := strings.CutPrefix(s.Name, accountPrefix); ok {
		if ns, name, ok := strings.Cut(rest, ":"); ok && ns != "" && name != "" && !strings.Contains(name, ":") {
			return retinue.NewRef(k.realm, refAccount, ns+"/"+name)
		}
	}
	return retinue.NewRef(k.realm, refUser, s.Name)
}

// The groups that the server puts its callers into: Kubernetes documentation,
// "Using RBAC Authorization", section "Default roles and role bindings".
const (
	authenticated   = "system:authenticated"
	unauthenticated = "system:unauthenticated"
	anonymous       = "system:anonymous"
)

// whoOf is a subject as the server sees it.
func (k *cluster) whoOf(s Subject) Who {
	switch s.Kind {
	case ServiceAccount:
		return Account(s.Namespace, s.Name)
	case Group:
		return Who{Groups: groupsOfGroup(s.Name)}
	}
	if s.Name == anonymous {
		return Who{User: anonymous, Groups: []string{unauthenticated}}
	}
	w := Who{User: s.Name, Groups: slices.Clone(k.groups[k.refOf(s)])}
	return Who{User: w.User, Groups: append(w.Groups, authenticated)}
}

// groupsOfGroup are the groups that every member of a group has.
func groupsOfGroup(name string) []string {
	switch {
	case name == authenticated, name == unauthenticated:
		return []string{name}
	case strings.HasPrefix(name, accountsGroup+":"):
		return []string{name, accountsGroup, authenticated}
	}
	return []string{name, authenticated}
}

// Language is "kubernetes".
func (e *Engine) Language() string { return "kubernetes" }

// Realms are the clusters, sorted.
func (e *Engine) Realms() []access.Known {
	out := make([]access.Known, 0, len(e.clusters))
	for _, k := range e.clusters {
		out = append(out, access.Known{Realm: k.realm, Gaps: slices.Clone(k.gaps)})
	}
	return out
}

// Asks reports whether a question has the form that Engine describes.
func (e *Engine) Asks(action, resource string) bool {
	_, ok := asked(action, resource)
	return ok
}

// Can answers a question about a service account, a user or a group.
func (e *Engine) Can(identity retinue.Ref, action, resource string) access.Decision {
	k := e.byRealm[identity.Realm]
	if k == nil {
		return unknown("no cluster of realm " + string(identity.Realm) + " is known")
	}
	s, ok := k.subjects[identity]
	if !ok {
		return unknown("the cluster's inventory has no account, user or group " + identity.Key)
	}
	a, ok := asked(action, resource)
	if !ok {
		return unknown("want a verb, and a resource as in namespace/resource.group/subresource:name, or a path")
	}
	return k.can(s, &a)
}

func unknown(why string) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: "question", Effect: "none", Text: why}}}
}

func (k *cluster) can(s Subject, a *Attributes) access.Decision {
	who := k.whoOf(s)
	if a.Resource == "" && a.Path == "" {
		return k.somewhere(who, a)
	}
	d := access.Decision{Outcome: access.Allowed}
	if slices.Contains(who.Groups, mastersGroup) {
		d = k.index.Decide(who, a)
	}
	for _, by := range k.vias(who, a) {
		d.Because = append(d.Because, by.reason())
	}
	if len(d.Because) == 0 {
		return k.denied(s, who, a)
	}
	if a.admitted() {
		d.Unread = []string{Admission}
	}
	return d
}

// via is what allows something, and the group through which it is held.
type via struct {
	Allowing
	group string
}

func (v *via) reason() access.Reason {
	r := v.Allowing.reason()
	if v.group != "" {
		r.Text += ", as a member of " + v.group
	}
	return r
}

// vias lists what allows something, what is held directly first, at most
// maxReasons.
func (k *cluster) vias(who Who, a *Attributes) []via {
	q := k.index.ask(a)
	var out []via
	take := func(h *holdings, group string) {
		if h == nil {
			return
		}
		for _, list := range [][]int32{h.cluster, h.in(a.Namespace)} {
			for _, n := range list {
				if by, ok := k.index.first([]int32{n}, &q); ok && len(out) < maxReasons {
					out = append(out, via{by, group})
				}
			}
		}
	}
	take(k.index.users[who.User], "")
	for _, g := range who.Groups {
		take(k.index.groups[g], g)
	}
	return out
}

// denied says no, or that it is not known where a role that is bound to the
// subject was not read.
func (k *cluster) denied(s Subject, who Who, a *Attributes) access.Decision {
	if role := k.missing(who, a); role != "" {
		return unknown(role + " is bound to it, and its rules were not read")
	}
	d := k.index.denied(who, a)
	d.Because[0].Text = "no role that is bound to " + s.String() + " or its groups has a rule for " + a.String()
	if a.Namespace == "" && !a.isPath() {
		if in := k.namespacesWhere(who, a); len(in) > 0 {
			d.Because[0].Text += " in all namespaces; there is one in " + words(in, "")
		}
	}
	return d
}

// namespacesWhere lists the namespaces in which something is allowed.
func (k *cluster) namespacesWhere(who Who, a *Attributes) []string {
	var out []string
	in := *a
	for _, ns := range k.namespacesOf(who) {
		in.Namespace = ns
		if _, ok := k.index.Can(who, &in); ok {
			out = append(out, ns)
		}
	}
	return out
}

// namespacesOf lists the namespaces in which something is bound to a subject,
// sorted.
func (k *cluster) namespacesOf(who Who) []string {
	var out []string
	take := func(h *holdings) {
		if h != nil {
			out = slices.AppendSeq(out, maps.Keys(h.namespaces))
		}
	}
	take(k.index.users[who.User])
	for _, g := range who.Groups {
		take(k.index.groups[g])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// missing names a role that is bound to a subject where the question is about,
// and that a cluster of which not everything was read may have.
func (k *cluster) missing(who Who, a *Attributes) string {
	if len(k.gaps) == 0 {
		return ""
	}
	for _, n := range k.dangling {
		b := &k.index.bindings[n]
		if (b.Namespace == "" || b.Namespace == a.Namespace) && b.names(who) {
			r := Role{Namespace: b.RoleNamespace, Name: b.RoleName}
			return r.Title()
		}
	}
	return ""
}

func (b *Binding) names(who Who) bool {
	return slices.ContainsFunc(b.Subjects, func(s Subject) bool {
		if s.Kind == Group {
			return slices.Contains(who.Groups, s.Name)
		}
		return s.UserName() == who.User
	})
}

// somewhere answers where a verb may be used at all.
func (k *cluster) somewhere(who Who, a *Attributes) access.Decision {
	all := *a
	all.APIGroup, all.Resource = "*", "*"
	if _, ok := k.index.Can(who, &all); ok {
		d := k.index.Decide(who, &all)
		if all.admitted() {
			d.Unread = []string{Admission}
		}
		return d
	}
	d := access.Decision{Outcome: access.Conditional}
	where := access.Condition{Key: "resource", Operator: "is one of"}
	for _, g := range k.index.Grants(who) {
		if !slices.Contains(g.Rule.Verbs, a.Verb) && !slices.Contains(g.Rule.Verbs, "*") || len(d.Because) == maxReasons {
			continue
		}
		where.Values = append(where.Values, g.resources()...)
		by := via{Allowing{Binding: g.Binding, Role: g.Role, Rule: g.place()}, g.Through}
		d.Because = append(d.Because, by.reason())
	}
	if len(d.Because) == 0 {
		return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: "role binding", Effect: "none",
			Text: "no rule that is bound to it or its groups has the verb " + a.Verb}}}
	}
	slices.Sort(where.Values)
	where.Values = slices.Compact(where.Values)
	where.Text = "it is done to " + words(where.Values, "")
	d.Remains = []access.Condition{where}
	if a.admitted() {
		d.Unread = []string{Admission}
	}
	return d
}

// WhoCan lists the accounts, users and groups that may do something. Of those
// that may through a group, the group stands beside them.
func (e *Engine) WhoCan(realm retinue.Realm, action, resource string) []access.Holder {
	a, ok := asked(action, resource)
	if !ok {
		return nil
	}
	var sure, rest []access.Holder
	for _, k := range e.clusters {
		if realm != "" && k.realm != realm {
			continue
		}
		for _, ref := range k.known {
			s := k.subjects[ref]
			if k.surelyNot(s, &a) {
				continue
			}
			d := k.can(s, &a)
			h := access.Holder{Subject: ref, Name: s.String(), Decision: d}
			switch d.Outcome {
			case access.Allowed:
				sure = append(sure, h)
			case access.Conditional, access.Unknown:
				rest = append(rest, h)
			}
		}
	}
	return append(sure, rest...)
}

// surelyNot is a quick no.
func (k *cluster) surelyNot(s Subject, a *Attributes) bool {
	if a.Resource == "" && a.Path == "" {
		return false
	}
	who := k.whoOf(s)
	if _, ok := k.index.Can(who, a); ok {
		return false
	}
	return k.missing(who, a) == ""
}
