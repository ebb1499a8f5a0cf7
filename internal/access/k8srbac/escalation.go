package k8srbac

import (
	"github.com/retinue-id/retinue/internal/access"
)

const rbacGroup = "rbac.authorization.k8s.io"

// RulesFor returns every rule that a user holds in a namespace, or with an
// empty one in the whole cluster.
func (x *Index) RulesFor(who Who, namespace string) []Rule {
	var out []Rule
	take := func(h *holdings) {
		if h == nil {
			return
		}
		for _, n := range h.cluster {
			out = append(out, x.roles[x.roleOf[n]].Rules...)
		}
		if namespace == "" {
			return
		}
		for _, n := range h.in(namespace) {
			out = append(out, x.roles[x.roleOf[n]].Rules...)
		}
	}
	take(x.users[who.User])
	for _, g := range who.Groups {
		take(x.groups[g])
	}
	return out
}

// MayWriteRules reports whether the server lets a user put rules into the role
// namespace/name, or with an empty namespace into a ClusterRole: it may
// "escalate" that role, or holds the rules itself. The right to create or
// update the role is a question of its own.
//
// Kubernetes documentation, "Using RBAC Authorization", section "Restrictions
// on role creation or update".
func (x *Index) MayWriteRules(who Who, namespace, name string, rules []Rule) access.Decision {
	resource := "roles"
	if namespace == "" {
		resource = "clusterroles"
	}
	return x.verbOrCovers(who, &Attributes{Verb: "escalate", APIGroup: rbacGroup, Resource: resource, Name: name, Namespace: namespace}, rules)
}

// MayBind reports whether the server lets a user bind a role in a namespace, or
// with an empty one in the whole cluster: it may "bind" that role there, or
// holds the role's rules itself there. The right to create or update the
// binding is a question of its own.
//
// Kubernetes documentation, "Using RBAC Authorization", section "Restrictions
// on role binding creation or update".
func (x *Index) MayBind(who Who, namespace string, role *Role) access.Decision {
	resource := "roles"
	if role.Namespace == "" {
		resource = "clusterroles"
	}
	return x.verbOrCovers(who, &Attributes{Verb: "bind", APIGroup: rbacGroup, Resource: resource, Name: role.Name, Namespace: namespace}, role.Rules)
}

func (x *Index) verbOrCovers(who Who, a *Attributes, rules []Rule) access.Decision {
	d := x.Decide(who, a)
	if d.Outcome == access.Allowed {
		return d
	}
	ok, missing, err := Covers(x.RulesFor(who, a.Namespace), rules)
	switch {
	case err != nil:
		return access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: "escalation check", Effect: "none", Text: err.Error()}}}
	case ok:
		return access.Decision{Outcome: access.Allowed, Because: []access.Reason{{Layer: "escalation check", Effect: "allow",
			Text: who.User + " holds every permission of it already"}}}
	}
	d.Because = append(d.Because, access.Reason{Layer: "escalation check", Effect: "none",
		Text: who.User + " does not hold all of it: it may not " + missing.String()})
	return d
}

// MayImpersonate reports whether a user may act as a subject with the
// impersonation headers. To act as a user in certain groups it needs each of
// them as well.
//
// Kubernetes documentation, "User Impersonation".
func (x *Index) MayImpersonate(who Who, target Subject) access.Decision {
	a := Attributes{Verb: "impersonate", Name: target.Name}
	switch target.Kind {
	case Group:
		a.Resource = "groups"
	case ServiceAccount:
		a.Resource, a.Namespace = "serviceaccounts", target.Namespace
	default:
		a.Resource = "users"
	}
	return x.Decide(who, &a)
}
