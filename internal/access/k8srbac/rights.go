package k8srbac

import (
	"maps"
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

// bindsIn puts in the roles that an actor can bind in a namespace or the
// cluster: the greatest of them where there is one that allows everything, and
// otherwise each.
func (w *walker) bindsIn(a *actor, t *Technique, ns string) bool {
	bind, every := &t.Calls[0], [2][]hold{}
	greatest := int32(-1)
	some := false
	binds, makes := w.callOn(a, bind, ns), w.makesBinding(a, &t.Calls[1], ns)
	for _, role := range w.bindable(bind, ns, binds) {
		h, with := binds.on(w.index.roles[role].Name), makes(role)
		switch {
		case len(h) == 0 || len(with) == 0:
		case w.isEverything(role, ns):
			// Any of them will do, by any of the ways.
			if greatest < 0 {
				greatest = role
			}
			every = [2][]hold{union(every[0], h), union(every[1], with)}
		case greatest < 0 || len(binds.all) == 0:
			some = w.gainRole(a, t, role, ns, [][]hold{h, with}) || some
		}
	}
	if greatest < 0 {
		return some
	}
	return w.gainRole(a, t, greatest, ns, every[:]) || some
}

// allowed is what allows an actor a call: on everything, and on what rules name.
type allowed struct {
	all   []hold
	names map[string][]hold
}

// callOn asks for a call on everything and on each name.
func (w *walker) callOn(a *actor, c *Call, ns string) allowed {
	out := allowed{all: w.call(a, c, ns, ""), names: map[string][]hold{}}
	names := a.named(w.cluster, ns, c)
	if ns != "" {
		names = append(names, a.named(w.cluster, "", c)...)
	}
	for _, n := range names {
		if out.names[n] == nil {
			out.names[n] = w.call(a, c, ns, n)
		}
	}
	return out
}

// on is what allows the call on one of a name.
func (o *allowed) on(name string) []hold {
	if h, ok := o.names[name]; ok {
		return h
	}
	return o.all
}

// bindable lists the roles that an actor may bind: those that allow everything
// first, and of the others no more than maxNamed.
func (w *walker) bindable(bind *Call, ns string, may allowed) []int32 {
	var greatest, others []int32
	add := func(role int32) {
		switch {
		case w.isEverything(role, ns):
			greatest = append(greatest, role)
		case len(others) < maxNamed:
			others = append(others, role)
		}
	}
	if len(may.all) == 0 {
		for _, name := range slices.Sorted(maps.Keys(may.names)) {
			if role, ok := w.roleNamed(bind, ns, name); ok {
				add(role)
			}
		}
		return append(greatest, others...)
	}
	for i := range w.index.roles {
		if n, ok := w.roleNamed(bind, ns, w.index.roles[i].Name); ok && n == int32(i) {
			add(n)
		}
	}
	return append(greatest, others...)
}

// makesBinding tells by role what lets an actor bind it but for the right to
// bind: making a binding, or adding itself to one of the role that is there.
func (w *walker) makesBinding(a *actor, create *Call, ns string) func(role int32) []hold {
	makes := w.call(a, create, ns, "")
	change := *create
	change.Verbs = []string{"update", "patch"}
	changes := w.callOn(a, &change, ns)
	there := map[int32][]hold{}
	if len(changes.all) > 0 || len(changes.names) > 0 {
		for _, n := range w.index.byNamespace[ns] {
			role := w.index.roleOf[n]
			there[role] = union(there[role], changes.on(w.index.bindings[n].Name))
		}
	}
	return func(role int32) []hold { return union(makes, there[role]) }
}

// union is what is in one of two lists.
func union(a, b []hold) []hold {
	out := slices.Clone(a)
	for _, h := range b {
		if !slices.ContainsFunc(out, func(o hold) bool { return o.subject == h.subject && o.reason == h.reason }) {
			out = append(out, h)
		}
	}
	return out
}

// roleNamed finds the role that a name stands for.
func (w *walker) roleNamed(c *Call, ns, name string) (int32, bool) {
	if c.Resource == "clusterroles" {
		ns = ""
	}
	n, ok := w.index.byRole[roleKey(ns, name)]
	return n, ok
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
