package k8srbac

import (
	"slices"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// works reports whether a technique is one of the server's version. Where that
// is not known, the newest is taken to be there.
func (w *walker) works(t *Technique) bool {
	switch {
	case t.Platform != "" && !strings.Contains(w.version, t.Platform):
		return false
	case w.minor == 0:
		return t.Before == 0
	}
	return (t.Before == 0 || w.minor < t.Before) && w.minor >= t.Since
}

// apply looks for every place where an actor can use a technique: in the whole
// cluster, else in namespaces, else on what rules name. It reports whether there
// is one.
func (w *walker) apply(a *actor, t *Technique) bool {
	switch t.Gain {
	case GainRole:
		return w.binds(a, t)
	case GainNamespace:
		return w.escalates(a, t)
	case GainUser, GainGroup:
		return w.impersonates(a, t)
	}
	if calls, ok := w.calls(a, t, "", ""); ok {
		return w.gain(a, t, "", calls)
	}
	some := w.byName(a, t, "")
	for _, ns := range a.namespaces {
		if a.everything[ns] {
			continue // said once for all techniques
		}
		if calls, ok := w.calls(a, t, ns, ""); ok {
			some = w.gain(a, t, ns, calls) || some
			continue
		}
		some = w.byName(a, t, ns) || some
	}
	return some
}

// calls asks for everything that a technique needs, the first call on a named
// object where there is a name.
func (w *walker) calls(a *actor, t *Technique, ns, name string) ([][]hold, bool) {
	out := make([][]hold, 0, len(t.Calls))
	for i := range t.Calls {
		c := &t.Calls[i]
		on := ""
		if i == 0 {
			on = name
		}
		h := w.call(a, c, ns, on)
		if len(h) == 0 {
			return nil, false
		}
		out = append(out, h)
	}
	return out, true
}

// call asks for one call, by any of its verbs.
func (w *walker) call(a *actor, c *Call, ns, name string) []hold {
	at := Attributes{APIGroup: c.APIGroup, Resource: c.Resource, Subresource: c.Subresource, Namespace: ns, Name: name}
	switch {
	case c.Cluster:
		at.Namespace = ""
	case c.Namespace != "":
		at.Namespace = c.Namespace
	}
	names := c.Names
	if len(names) == 0 {
		names = []string{name}
	}
	var out []hold
	for _, verb := range c.Verbs {
		for _, n := range names {
			at.Verb, at.Name = verb, n
			out = union(out, a.holds(w.cluster, &at))
		}
	}
	return out
}

// uses starts the use of a technique.
func (t *Technique) uses(calls [][]hold) *taking {
	u := &taking{technique: t.ID, verb: t.Verb, calls: calls, assumes: t.Assumes, remains: t.Remains}
	for _, c := range t.Calls {
		at := Attributes{Verb: c.Verbs[0], Resource: c.Resource, Subresource: c.Subresource}
		u.unread = u.unread || at.admitted()
	}
	return u
}

// gain puts in what a technique takes in a namespace, or everywhere.
func (w *walker) gain(a *actor, t *Technique, ns string, calls [][]hold) bool {
	u := t.uses(calls)
	switch t.Gain {
	case GainPods:
		return w.take(a, u, w.set(setPods, ns))
	case GainRunning:
		return w.take(a, u, w.set(setPods, ""))
	case GainTokens:
		return w.take(a, u, w.set(setAccounts, ns))
	case GainSecrets:
		return w.take(a, u, w.set(setSecrets, ns))
	case GainPrincipals:
		return w.take(a, u, w.set(setPrincipals, ""))
	case GainAdministrator:
		return w.take(a, u, w.masters())
	case GainNodes:
		if t.Baseline && ns != "" && w.realmFacts.namespaces[ns].enforce == "restricted" {
			return false // its pods are not root, to whom alone most files are open
		}
		u.through = where(ns)
		return w.take(a, u, w.set(setNodes, ""))
	case GainWorkload:
		return w.newPods(a, t, u, ns)
	}
	return false
}

// newPods puts in a technique that makes pods, or changes what makes them.
func (w *walker) newPods(a *actor, t *Technique, u *taking, ns string) bool {
	if t.Object != "" {
		if u.through = w.object(t.Object, ns); u.through == "" {
			return false
		}
	}
	some := w.take(a, u, w.set(setWorkload, ns))
	if ns == "" || !w.enforced(ns) {
		return some
	}
	// The label that would keep the pods from the nodes' files is a matter of
	// who may change the namespace.
	label := Call{Verbs: []string{"patch", "update"}, Resource: "namespaces"}
	if h := w.call(a, &label, ns, ns); len(h) > 0 {
		more := *u
		more.technique, more.verb, more.calls = t.ID+" after patch namespaces", graph.Writes, append(slices.Clone(u.calls), h)
		some = w.take(a, &more, w.set(setNodes, "")) || some
	}
	return some
}

// object names the first object of a kind in a namespace, or anywhere.
func (w *walker) object(kind, ns string) string {
	if ns != "" {
		return w.objects[[2]string{kind, ns}]
	}
	return w.objects[[2]string{kind, everywhere}]
}

// byName puts in what a technique takes of the things that rules name.
func (w *walker) byName(a *actor, t *Technique, ns string) bool {
	c := &t.Calls[0]
	if len(c.Names) > 0 || c.Cluster {
		return false
	}
	some := false
	for _, name := range a.named(w.cluster, ns, c) {
		targets := w.targets(t, ns, name)
		if len(targets) == 0 {
			continue
		}
		calls, ok := w.calls(a, t, ns, name)
		if !ok {
			continue
		}
		for _, to := range targets {
			u := t.uses(calls)
			u.through = to.through
			some = w.take(a, u, to.node) || some
		}
	}
	return some
}

// target is something that a rule names.
type target struct {
	node    graph.NodeID
	through string
}

// targets lists what a name stands for in a namespace, or in all.
func (w *walker) targets(t *Technique, ns, name string) []target {
	in := w.named[name] // namespaces that have something of that name
	if ns != "" {
		in = []string{ns}
	}
	var out []target
	for _, ns := range in {
		key := ns + "/" + name
		switch t.Gain {
		case GainSecrets:
			if ref := retinue.NewRef(w.realm, refSecret, key); w.secrets[ref].name != "" {
				out = append(out, target{node: w.b.Node(graph.Node{Ref: ref, Kind: graph.Credential})})
			}
		case GainTokens:
			if ref := retinue.NewRef(w.realm, refAccount, key); w.subjects[ref].Name != "" {
				out = append(out, target{node: w.b.Node(graph.Node{Ref: ref, Kind: graph.Identity})})
			}
		case GainPods:
			for _, kind := range []string{kindPod, kindStatefulSet} {
				ref := retinue.NewRef(w.realm, kind, ns+"/"+podOf(kind, name))
				if load, ok := w.workloads[ref]; ok && !load.suspended {
					out = append(out, target{node: w.b.Node(graph.Node{Ref: ref, Kind: graph.Resource})})
				}
			}
		case GainWorkload:
			if ref := retinue.NewRef(w.realm, t.Object, key); t.Object != "" && w.workloads[ref].name != "" {
				out = append(out, target{node: w.set(setWorkload, ns), through: key})
			}
		}
	}
	return out
}

// The kinds of workloads whose pods have names that are known.
const (
	kindPod         = "pod"
	kindStatefulSet = "stateful_set"
)

// podOf is the name of the workload that a pod of a name belongs to. Those of a
// StatefulSet are numbered; names of others are made up.
func podOf(kind, pod string) string {
	if kind == kindPod {
		return pod
	}
	i := strings.LastIndexByte(pod, '-')
	if i < 0 {
		return ""
	}
	if _, err := strconv.ParseUint(pod[i+1:], 10, 32); err != nil {
		return ""
	}
	return pod[:i]
}

// impersonates puts in who is acted as by name. A group is taken on together
// with some user: Kubernetes documentation, "User Impersonation".
func (w *walker) impersonates(a *actor, t *Technique) bool {
	c := &t.Calls[0]
	var also [][]hold
	if t.Gain == GainGroup {
		user := w.anyUser(a)
		if user == nil {
			return false
		}
		also = [][]hold{user}
	}
	kind, all := refUser, setUsers
	if t.Gain == GainGroup {
		kind, all = refGroup, setGroups
	}
	if h := w.call(a, c, "", ""); len(h) > 0 {
		return w.take(a, t.uses(append([][]hold{h}, also...)), w.set(all, ""))
	}
	some := false
	for _, name := range a.named(w.cluster, "", c) {
		ref := retinue.NewRef(w.realm, kind, name)
		h := w.call(a, c, "", name)
		if _, known := w.subjects[ref]; !known || len(h) == 0 {
			continue
		}
		to := w.b.Node(graph.Node{Ref: ref, Kind: graph.Identity})
		if kind == refUser {
			to = w.userNode(ref)
		}
		some = w.take(a, t.uses(append([][]hold{h}, also...)), to) || some
	}
	return some
}

// anyUser is what lets an actor impersonate some user or service account, by any
// way: whoever takes one of them away leaves the others.
func (w *walker) anyUser(a *actor) []hold {
	users := Call{Verbs: []string{"impersonate"}, Resource: "users", Cluster: true}
	accounts := Call{Verbs: []string{"impersonate"}, Resource: "serviceaccounts"}
	out := w.anyOf(a, &users, "")
	for _, ns := range append([]string{""}, a.namespaces...) {
		out = union(out, w.anyOf(a, &accounts, ns))
	}
	return out
}

// anyOf is what lets an actor make a call on some object.
func (w *walker) anyOf(a *actor, c *Call, ns string) []hold {
	out := w.call(a, c, ns, "")
	for _, name := range a.named(w.cluster, ns, c) {
		if len(out) >= maxHolds {
			break
		}
		out = union(out, w.call(a, c, ns, name))
	}
	return out
}
