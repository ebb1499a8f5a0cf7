package k8srbac

import (
	"cmp"
	"slices"
	"strings"
)

// Holder is a subject that may do something, and the binding and rule by which
// it may.
type Holder struct {
	Subject Subject
	By      Allowing
}

// WhoCan lists the subjects of bindings that may do something, each once,
// sorted. Who belongs to a group is not known to the cluster; the members of
// system:masters may do everything and are not listed unless a binding names
// them.
func (x *Index) WhoCan(a *Attributes) []Holder {
	q := x.ask(a)
	rules := make(map[int32]int32)
	seen := make(map[Subject]bool)
	var out []Holder
	look := func(bindings []int32) {
		for _, n := range bindings {
			role := x.roleOf[n]
			rule, known := rules[role]
			if !known {
				rule = x.compiled[role].match(&q)
				rules[role] = rule
			}
			if rule < 0 {
				continue
			}
			by := Allowing{Binding: &x.bindings[n], Role: &x.roles[role], Rule: int(rule)}
			for _, s := range x.bindings[n].Subjects {
				s = s.plain()
				if s.Name != "" && !seen[s] {
					seen[s] = true
					out = append(out, Holder{Subject: s, By: by})
				}
			}
		}
	}
	look(x.byNamespace[""])
	if a.Namespace != "" {
		look(x.byNamespace[a.Namespace])
	}
	slices.SortFunc(out, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.Namespace, b.Subject.Namespace),
			cmp.Compare(a.Subject.Name, b.Subject.Name))
	})
	return out
}

// plain drops what does not name anybody.
func (s Subject) plain() Subject {
	switch s.Kind {
	case User, Group:
		s.Namespace = ""
		return s
	case ServiceAccount:
		if s.Namespace != "" {
			return s
		}
	}
	return Subject{}
}

// Grant is one rule that a user holds, and where.
type Grant struct {
	// Namespace limits the rule; empty means the whole cluster.
	Namespace string
	Binding   *Binding
	Role      *Role
	Rule      *Rule
	// Through is the group that the binding names, empty where it names the
	// user.
	Through string
}

// String says in a sentence what a grant allows.
func (g *Grant) String() string {
	where := " in the whole cluster"
	if g.Namespace != "" {
		where = " in namespace " + g.Namespace
	}
	text := "may " + g.Rule.String()
	if len(g.Rule.NonResourceURLs) == 0 {
		text += where
	}
	return text + ", by " + g.Binding.Title()
}

// Grants lists every rule that a user holds by itself or through its groups:
// those of the whole cluster first, then by namespace. Non-resource URLs in the
// role of a RoleBinding are left out: the server grants none there.
func (x *Index) Grants(who Who) []Grant {
	var out []Grant
	take := func(h *holdings, through string) {
		if h == nil {
			return
		}
		out = x.grants(out, h.cluster, through)
		for _, bindings := range h.namespaces {
			out = x.grants(out, bindings, through)
		}
	}
	take(x.users[who.User], "")
	for i, g := range who.Groups {
		if !slices.Contains(who.Groups[:i], g) {
			take(x.groups[g], g)
		}
	}
	slices.SortStableFunc(out, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Binding.Name, b.Binding.Name), cmp.Compare(a.Through, b.Through))
	})
	return out
}

func (x *Index) grants(out []Grant, bindings []int32, through string) []Grant {
	for _, n := range bindings {
		b, role := &x.bindings[n], &x.roles[x.roleOf[n]]
		for i := range role.Rules {
			if b.Namespace != "" && len(role.Rules[i].Resources) == 0 {
				continue
			}
			out = append(out, Grant{Namespace: b.Namespace, Binding: b, Role: role, Rule: &role.Rules[i], Through: through})
		}
	}
	return out
}

// place is the rule's place in its role.
func (g *Grant) place() int {
	for i := range g.Role.Rules {
		if &g.Role.Rules[i] == g.Rule {
			return i
		}
	}
	return 0
}

// resources writes what a grant is about as people ask for it.
func (g *Grant) resources() []string {
	if len(g.Rule.NonResourceURLs) > 0 {
		return slices.Clone(g.Rule.NonResourceURLs)
	}
	var out []string
	for _, r := range g.Rule.Resources {
		out = append(out, resourceNames(g.Namespace, g.Rule, r)...)
	}
	return out
}

// resourceNames writes one resource of a rule for each of its groups and names.
func resourceNames(namespace string, r *Rule, resource string) []string {
	names := r.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	groups := r.APIGroups
	if slices.Contains(groups, "*") {
		groups = []string{"*"}
	}
	var out []string
	for _, group := range groups {
		for _, name := range names {
			a := Attributes{APIGroup: group, Resource: resource, Namespace: namespace, Name: name}
			if resource == "*" && group == "*" {
				a.APIGroup = ""
			}
			if main, sub, ok := strings.Cut(resource, "/"); ok {
				a.Resource, a.Subresource = main, sub
			}
			if out = append(out, a.name()); len(out) == maxNamed {
				return out
			}
		}
	}
	return out
}

// maxNamed bounds what is listed of one rule's resources.
const maxNamed = 1000
