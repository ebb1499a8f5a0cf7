package k8srbac

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// actor is who makes the calls of techniques: a subject with its groups, or
// whoever holds a role somewhere.
type actor struct {
	ref  retinue.Ref
	node graph.NodeID
	who  Who
	// own names the actor's own bindings, others the groups it is in besides.
	own    *holdings
	others []string
	// role, unless it is nil, is all that the actor holds, in a namespace or
	// with an empty one in the cluster.
	role int32
	in   string
	// whole is true for administrators, everything lists the namespaces in which
	// the actor may do everything.
	whole      bool
	everything map[string]bool
	// namespaces are where the actor has rules of a namespace, sorted.
	namespaces []string
}

const noRole = -1

// subjectActor makes the actor of a subject.
func (k *cluster) subjectActor(ref retinue.Ref, s Subject) *actor {
	a := &actor{ref: ref, who: k.whoOf(s), role: noRole}
	if s.Kind == Group {
		a.own, a.others = k.index.groups[s.Name], a.who.Groups[1:]
	} else {
		a.own, a.others = k.index.users[a.who.User], a.who.Groups
	}
	a.weigh(k)
	return a
}

// roleActor makes the actor that holds a role in a namespace.
func (k *cluster) roleActor(ref retinue.Ref, role int32, in string) *actor {
	a := &actor{ref: ref, role: role, in: in}
	a.weigh(k)
	return a
}

// weigh finds out where the actor may do everything.
func (a *actor) weigh(k *cluster) {
	all := Attributes{Verb: "\x00", APIGroup: "\x00", Resource: "\x00"}
	paths := Attributes{Verb: "\x00", Path: "\x00"}
	a.whole = slices.Contains(a.who.Groups, mastersGroup) || a.may(k, &all) && a.may(k, &paths)
	a.everything = map[string]bool{}
	switch {
	case a.role == noRole:
		a.namespaces = k.namespacesOf(a.who)
	case a.in != "":
		a.namespaces = []string{a.in}
	}
	for _, ns := range a.namespaces {
		if all.Namespace = ns; a.may(k, &all) {
			a.everything[ns] = true
		}
	}
}

func (a *actor) may(k *cluster, at *Attributes) bool {
	if a.role == noRole {
		_, ok := k.index.Can(a.who, at)
		return ok
	}
	if a.in != "" && at.Namespace != a.in {
		return false
	}
	q := k.index.ask(at)
	return k.index.compiled[a.role].match(&q) >= 0
}

// maxHolds bounds what allows one call.
const maxHolds = 1000

// hold is what allows a call, and whose grant it is.
type hold struct {
	subject retinue.Ref
	group   string // empty where it is the actor's own
	fixed   bool
	reason  access.Reason
}

// holds lists what allows the actor a request, its own first.
func (a *actor) holds(k *cluster, at *Attributes) []hold {
	q := k.index.ask(at)
	if a.role != noRole {
		return a.byRole(k, at, &q)
	}
	out := k.holdsOf(nil, a.own, at, &q, hold{subject: a.ref})
	for _, g := range a.others {
		out = k.holdsOf(out, k.index.groups[g], at, &q, hold{subject: retinue.NewRef(k.realm, refGroup, g), group: g})
	}
	return out
}

func (a *actor) byRole(k *cluster, at *Attributes, q *request) []hold {
	if a.in != "" && at.Namespace != a.in {
		return nil
	}
	n := k.index.compiled[a.role].match(q)
	if n < 0 {
		return nil
	}
	by := Allowing{Binding: &Binding{}, Role: &k.index.roles[a.role], Rule: int(n)}
	r := by.reason()
	r.Layer, r.Document, r.Text = "role", by.Role.Title(), by.Role.Title()+" gives it: "+by.Role.Rules[n].String()
	return []hold{{subject: a.ref, reason: r}}
}

func (k *cluster) holdsOf(out []hold, h *holdings, at *Attributes, q *request, as hold) []hold {
	if h == nil {
		return out
	}
	lists := [][]int32{h.cluster}
	if at.Namespace != "" {
		lists = append(lists, h.in(at.Namespace))
	}
	for _, list := range lists {
		for _, n := range list {
			by, ok := k.index.first([]int32{n}, q)
			if !ok || len(out) >= maxHolds {
				continue
			}
			as.reason, as.fixed = by.reason(), providers(by.Binding)
			out = append(out, as)
		}
	}
	return out
}

// providers reports the bindings that the server makes and repairs: Kubernetes
// documentation, "Using RBAC Authorization", section "Auto-reconciliation".
func providers(b *Binding) bool {
	return b.Namespace == "" && (len(b.Name) > 7 && b.Name[:7] == "system:" || b.Name == "cluster-admin")
}

// sufficient reports whether one of the actor's groups alone allows every call,
// so that the step is the group's.
func (a *actor) sufficient(calls [][]hold) bool {
	if slices.ContainsFunc(calls, func(c []hold) bool { return slices.ContainsFunc(c, func(h hold) bool { return h.group == "" }) }) {
		return false
	}
	return slices.ContainsFunc(a.others, func(g string) bool {
		has := groupsOfGroup(g)
		return !slices.ContainsFunc(calls, func(c []hold) bool {
			return !slices.ContainsFunc(c, func(h hold) bool { return slices.Contains(has, h.group) })
		})
	})
}

// named lists the names that rules of the actor limit a call to, in a namespace
// or with an empty one in the cluster.
func (a *actor) named(k *cluster, namespace string, c *Call) []string {
	var out []string
	look := func(role int32) {
		for i := range k.index.roles[role].Rules {
			r := &k.index.roles[role].Rules[i]
			if len(r.ResourceNames) == 0 || len(out) >= maxNamed || !r.reaches(c) {
				continue
			}
			out = append(out, r.ResourceNames...)
		}
	}
	if a.role != noRole {
		if a.in == "" || a.in == namespace {
			look(a.role)
		}
	} else {
		for _, h := range append([]*holdings{a.own}, k.groupHoldings(a.others)...) {
			if h == nil {
				continue
			}
			list := h.cluster
			if namespace != "" {
				list = h.in(namespace)
			}
			for _, n := range list {
				look(k.index.roleOf[n])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (k *cluster) groupHoldings(groups []string) []*holdings {
	out := make([]*holdings, 0, len(groups))
	for _, g := range groups {
		out = append(out, k.index.groups[g])
	}
	return out
}

// reaches reports whether a rule allows a call on some name.
func (r *Rule) reaches(c *Call) bool {
	return slices.ContainsFunc(r.Verbs, func(v string) bool {
		return slices.ContainsFunc(r.APIGroups, func(g string) bool {
			return slices.ContainsFunc(r.Resources, func(res string) bool { return c.within(g, res, v) })
		})
	})
}
