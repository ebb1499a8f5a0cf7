package k8srbac

import (
	"slices"
	"strings"
)

// binds puts in the roles that an actor can bind to itself: with the verb bind
// on them, and the right to make a binding or to change one of the role. Roles
// whose rules it holds already give nothing new.
func (w *walker) binds(a *actor, t *Technique) bool {
	bind, create := &t.Calls[0], &t.Calls[1]
	if bind.Cluster {
		return w.bindsIn(a, t, "")
	}
	if h, makes := w.call(a, bind, "", ""), w.call(a, create, "", ""); len(h) > 0 && len(makes) > 0 && bind.Resource == "clusterroles" {
		for i := range w.index.roles {
			if r := &w.index.roles[i]; r.Namespace == "" && w.isEverything(int32(i), everywhere) {
				u := t.uses([][]hold{h, makes})
				u.through = r.Title()
				return w.take(a, u, w.everyNamespace())
			}
		}
	}
	names := a.namespaces
	if len(w.call(a, bind, "", "")) > 0 || len(a.named(w.cluster, "", bind)) > 0 {
		names = w.names // what holds in the cluster holds in every namespace of it
	}
	some := false
	for _, ns := range names {
		if !a.everything[ns] {
			some = w.bindsIn(a, t, ns) || some
		}
	}
	return some
}

func (w *walker) bindsIn(a *actor, t *Technique, ns string) bool {
	bind, create := &t.Calls[0], &t.Calls[1]
	makes := w.call(a, create, ns, "")
	if h := w.call(a, bind, ns, ""); len(h) > 0 {
		if len(makes) == 0 {
			return w.rebinds(a, t, ns, h)
		}
		return w.bindsAll(a, t, ns, [][]hold{h, makes})
	}
	names := a.named(w.cluster, ns, bind)
	if ns != "" {
		names = append(names, a.named(w.cluster, "", bind)...)
		slices.Sort(names)
		names = slices.Compact(names)
	}
	some := false
	for _, name := range names {
		role, ok := w.roleNamed(bind, ns, name)
		h := w.call(a, bind, ns, name)
		if !ok || len(h) == 0 {
			continue
		}
		with := makes
		if len(with) == 0 {
			if with = w.changes(a, create, ns, role); len(with) == 0 {
				continue
			}
		}
		some = w.gainRole(a, t, role, ns, [][]hold{h, with}) || some
	}
	return some
}

// roleNamed finds the role that a name stands for.
func (w *walker) roleNamed(c *Call, ns, name string) (int32, bool) {
	if c.Resource == "clusterroles" {
		ns = ""
	}
	n, ok := w.index.byRole[roleKey(ns, name)]
	return n, ok
}

// bindsAll puts in that an actor can bind every role: the greatest of them, or
// where none allows everything, each.
func (w *walker) bindsAll(a *actor, t *Technique, ns string, calls [][]hold) bool {
	var all []int32
	for i := range w.index.roles {
		r := &w.index.roles[i]
		if n, ok := w.roleNamed(&t.Calls[0], ns, r.Name); !ok || n != int32(i) || len(all) == maxNamed {
			continue
		}
		if w.isEverything(int32(i), ns) {
			return w.gainRole(a, t, int32(i), ns, calls)
		}
		all = append(all, int32(i))
	}
	some := false
	for _, role := range all {
		some = w.gainRole(a, t, role, ns, calls) || some
	}
	return some
}

// isEverything reports whether a role allows everything in a namespace, or
// makes an administrator of the cluster.
func (w *walker) isEverything(role int32, ns string) bool {
	c := &w.index.compiled[role]
	all := w.index.ask(&Attributes{Verb: "\x00", APIGroup: "\x00", Resource: "\x00"})
	paths := w.index.ask(&Attributes{Verb: "\x00", Path: "\x00"})
	return c.match(&all) >= 0 && (ns != "" || c.match(&paths) >= 0)
}

// gainRole puts in that an actor comes to hold a role in a namespace or the
// cluster.
func (w *walker) gainRole(a *actor, t *Technique, role int32, ns string, calls [][]hold) bool {
	r := &w.index.roles[role]
	if a.role == noRole {
		if ok, _, err := Covers(w.index.RulesFor(a.who, ns), r.Rules); ok && err == nil {
			return false
		}
	}
	u := t.uses(calls)
	u.through = r.Title()
	if w.isEverything(role, ns) {
		return w.take(a, u, w.all(ns))
	}
	if a.role == role && a.in == ns {
		return false
	}
	return w.take(a, u, w.holder(role, ns))
}

// changes is what lets an actor add itself to a binding that is there.
func (w *walker) changes(a *actor, create *Call, ns string, role int32) []hold {
	change := *create
	change.Verbs = []string{"update", "patch"}
	for _, n := range w.index.byNamespace[ns] {
		if w.index.roleOf[n] == role {
			if h := w.call(a, &change, ns, w.index.bindings[n].Name); len(h) > 0 {
				return h
			}
		}
	}
	return nil
}

// rebinds puts in the roles that an actor can bind by changing the bindings
// that are there.
func (w *walker) rebinds(a *actor, t *Technique, ns string, bind []hold) bool {
	some := false
	seen := map[int32]bool{}
	for _, n := range w.index.byNamespace[ns] {
		role := w.index.roleOf[n]
		if of, ok := w.roleNamed(&t.Calls[0], ns, w.index.roles[role].Name); !ok || of != role || seen[role] {
			continue
		}
		seen[role] = true
		if h := w.changes(a, &t.Calls[1], ns, role); len(h) > 0 {
			some = w.gainRole(a, t, role, ns, [][]hold{bind, h}) || some
		}
	}
	return some
}

// escalates puts in that an actor can give rules to a role that it holds, and
// with it everything where the role is bound to it.
func (w *walker) escalates(a *actor, t *Technique) bool {
	some := false
	for _, b := range w.boundTo(a) {
		r := &w.index.roles[b.role]
		cluster := r.Namespace == ""
		if cluster != t.Calls[0].Cluster || a.everything[b.in] {
			continue
		}
		name := r.Name
		if t.Calls[1].Verbs[0] == "create" { // of another role, whose labels the aggregated one looks for
			if !w.aggregates[r.Name] {
				continue
			}
			name = ""
		}
		first, second := w.call(a, &t.Calls[0], r.Namespace, name), w.call(a, &t.Calls[1], r.Namespace, name)
		if len(first) == 0 || len(second) == 0 {
			continue
		}
		u := t.uses([][]hold{first, second})
		u.through = r.Title()
		some = w.take(a, u, w.all(b.in)) || some
	}
	return some
}

// bound is a role that an actor holds somewhere.
type bound struct {
	role int32
	in   string
}

// boundTo lists the roles of an actor, in an order that depends on them alone.
func (w *walker) boundTo(a *actor) []bound {
	if a.role != noRole {
		return []bound{{a.role, a.in}}
	}
	var out []bound
	for _, h := range append([]*holdings{a.own}, w.groupHoldings(a.others)...) {
		if h == nil {
			continue
		}
		for _, n := range h.cluster {
			out = append(out, bound{w.index.roleOf[n], ""})
		}
		for ns, list := range h.namespaces {
			for _, n := range list {
				out = append(out, bound{w.index.roleOf[n], ns})
			}
		}
	}
	slices.SortFunc(out, func(x, y bound) int {
		if c := strings.Compare(x.in, y.in); c != 0 {
			return c
		}
		return int(x.role - y.role)
	})
	return slices.Compact(out)
}
