package k8srbac

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Attributes are what is asked about: a verb on a resource, or with a Path on a
// URL that is no resource.
type Attributes struct {
	Verb        string `json:"verb"`
	APIGroup    string `json:"apiGroup"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource,omitempty"`
	Name        string `json:"name,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Path        string `json:"path,omitempty"`
}

func (a *Attributes) isPath() bool { return a.Path != "" }

// String says what is asked about in words.
func (a *Attributes) String() string {
	if a.isPath() {
		return a.Verb + " " + a.Path
	}
	what := a.Resource
	if a.Subresource != "" {
		what += "/" + a.Subresource
	}
	if a.APIGroup != "" {
		what += "." + a.APIGroup
	}
	if a.Name != "" {
		what += " " + a.Name
	}
	if a.Namespace != "" {
		what += " in namespace " + a.Namespace
	}
	return a.Verb + " " + what
}

// Who asks: a user with the groups that the API server sees.
type Who struct {
	User   string
	Groups []string
}

// Account is a service account as the API server sees it.
func Account(namespace, name string) Who {
	return Who{User: accountPrefix + namespace + ":" + name, Groups: AccountGroups(namespace)}
}

// Allowing is the binding and the rule that allow something. The zero Allowing
// of a member of system:masters has neither.
type Allowing struct {
	Binding *Binding
	Role    *Role
	Rule    int // place in Role.Rules
}

// Can reports whether a user may do something, and by what. It answers as the
// RBAC authorizer does behind the one for system:masters
// (k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac): bindings of the cluster
// count everywhere, those of a namespace for requests in it. It allocates
// nothing.
func (x *Index) Can(who Who, a *Attributes) (Allowing, bool) {
	if slices.Contains(who.Groups, mastersGroup) {
		return Allowing{}, true
	}
	q := x.ask(a)
	if by, ok := x.held(x.users[who.User], a.Namespace, &q); ok {
		return by, true
	}
	for _, g := range who.Groups {
		if by, ok := x.held(x.groups[g], a.Namespace, &q); ok {
			return by, true
		}
	}
	return Allowing{}, false
}

func (x *Index) held(h *holdings, namespace string, q *request) (Allowing, bool) {
	if h == nil {
		return Allowing{}, false
	}
	if by, ok := x.first(h.cluster, q); ok || namespace == "" {
		return by, ok
	}
	return x.first(h.in(namespace), q)
}

func (x *Index) first(bindings []int32, q *request) (Allowing, bool) {
	for _, n := range bindings {
		role := x.roleOf[n]
		if rule := x.compiled[role].match(q); rule >= 0 {
			return Allowing{Binding: &x.bindings[n], Role: &x.roles[role], Rule: int(rule)}, true
		}
	}
	return Allowing{}, false
}

// maxReasons bounds the reasons of one decision.
const maxReasons = 50

// Every lists the bindings that allow something, each with the first of its
// rules that does, at most maxReasons of them.
func (x *Index) Every(who Who, a *Attributes) []Allowing {
	q := x.ask(a)
	var out []Allowing
	add := func(bindings []int32) {
		for _, n := range bindings {
			role := x.roleOf[n]
			rule := x.compiled[role].match(&q)
			if rule < 0 || len(out) == maxReasons {
				continue
			}
			by := Allowing{Binding: &x.bindings[n], Role: &x.roles[role], Rule: int(rule)}
			if !slices.Contains(out, by) {
				out = append(out, by)
			}
		}
	}
	take := func(h *holdings) {
		if h == nil {
			return
		}
		add(h.cluster)
		if a.Namespace != "" {
			add(h.in(a.Namespace))
		}
	}
	take(x.users[who.User])
	for _, g := range who.Groups {
		take(x.groups[g])
	}
	return out
}

// Decide answers a question with the bindings and rules that allow it. RBAC
// denies nothing explicitly.
func (x *Index) Decide(who Who, a *Attributes) access.Decision {
	if slices.Contains(who.Groups, mastersGroup) {
		return access.Decision{Outcome: access.Allowed, Because: []access.Reason{{Layer: "privileged group", Document: mastersGroup,
			Effect: "allow", Text: "members of " + mastersGroup + " are let through before RBAC is asked"}}}
	}
	all := x.Every(who, a)
	if len(all) == 0 {
		return x.denied(who, a)
	}
	d := access.Decision{Outcome: access.Allowed}
	for _, by := range all {
		d.Because = append(d.Because, by.reason())
	}
	return d
}

func (x *Index) denied(who Who, a *Attributes) access.Decision {
	d := access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: "role binding", Effect: "none",
		Text: "no role that is bound to " + who.User + " or its groups has a rule for " + a.String()}}}
	if slices.Contains(who.Groups, "system:nodes") {
		d.Because = append(d.Because, access.Reason{Layer: "node authorizer", Effect: "none",
			Text: "kubelets are also authorized by the node authorizer, which is not part of RBAC and was not asked"})
	}
	return d
}

func (by *Allowing) reason() access.Reason {
	return access.Reason{Layer: "role binding", Document: by.Binding.Title(), Statement: fmt.Sprintf("%s #%d", by.Role.Title(), by.Rule+1),
		Effect: "allow", Text: by.Binding.Title() + " gives " + by.Role.Title() + ": " + by.Role.Rules[by.Rule].String()}
}

// String says in words what a rule allows.
func (r *Rule) String() string {
	verbs := words(r.Verbs, "every verb")
	if len(r.NonResourceURLs) > 0 {
		return verbs + " on " + words(r.NonResourceURLs, "every path")
	}
	what := words(r.Resources, "every resource")
	if len(r.APIGroups) > 0 && !slices.Equal(r.APIGroups, []string{""}) {
		what += " of " + words(named(r.APIGroups), "every API group")
	}
	if len(r.ResourceNames) > 0 {
		what += " named " + words(r.ResourceNames, "*")
	}
	return verbs + " on " + what
}

func named(groups []string) []string {
	out := slices.Clone(groups)
	for i := range out {
		if out[i] == "" {
			out[i] = "core"
		}
	}
	return out
}

// maxWords bounds what a sentence lists.
const maxWords = 20

func words(list []string, all string) string {
	switch {
	case slices.Contains(list, "*"):
		return all
	case len(list) > maxWords:
		return strings.Join(list[:maxWords], ", ") + fmt.Sprintf(" and %d more", len(list)-maxWords)
	}
	return strings.Join(list, ", ")
}
