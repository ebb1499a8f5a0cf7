package k8srbac

import (
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Steps puts into a graph who of every cluster can come to act as whom, by the
// techniques of the catalogue, with the administrators marked. Groups are nodes
// as their members are.
//
// What runs as whom, and what lies in a Secret, is put in from the facts of all
// systems together and not here; what pods of a workload that mounts no token
// still have of other clouds' identities is.
func (e *Engine) Steps(b *graph.Builder) {
	for _, k := range e.clusters {
		newWalker(k, b).walk()
	}
}

func (w *walker) walk() {
	var groups, others []*actor
	for _, ref := range w.known {
		a := w.subjectActor(ref, w.subjects[ref])
		a.node = w.b.Node(graph.Node{Ref: ref, Kind: graph.Identity, Admin: a.whole})
		if ref.Kind == refGroup {
			groups = append(groups, a)
		} else {
			others = append(others, a)
		}
	}
	for _, a := range groups { // before it is asked who is in one that leads somewhere
		if a.own != nil && w.act(a) || a.whole {
			w.active[a.ref.Key] = true
		}
	}
	for _, a := range groups {
		w.memberships(a)
	}
	for _, a := range others {
		w.memberships(a)
		if a.own != nil || len(w.groups[a.ref]) > 0 { // else its groups can do all that it can
			w.act(a)
		}
	}
	w.administrators()
	w.privileged()
	w.federated()
	for len(w.roles) > 0 {
		a := w.roles[0]
		w.roles = w.roles[1:]
		a.node = w.b.Node(graph.Node{Ref: a.ref, Kind: graph.Set, Admin: a.whole})
		w.act(a)
	}
}

// memberships leads from a subject to the groups that lead somewhere.
func (w *walker) memberships(a *actor) {
	for _, g := range a.others {
		if !w.active[g] {
			continue
		}
		reason := access.Reason{Layer: "group", Document: g, Effect: "allow", Text: "the API server puts it into " + g}
		technique := "group of the server"
		if slices.Contains(w.groups[a.ref], g) {
			reason = access.Reason{Layer: "client certificate", Document: a.ref.Key, Statement: g, Effect: "allow", Text: "a client certificate names the group " + g}
			technique = "group of a client certificate"
		}
		grant := w.b.Grant(graph.Grant{Subject: a.ref, Reason: reason, Fixed: true})
		w.b.Step(graph.Step{From: []graph.NodeID{a.node}, To: w.b.Node(graph.Node{Ref: retinue.NewRef(w.realm, refGroup, g), Kind: graph.Identity}),
			Verb: graph.MemberOf, Technique: technique, Needs: [][]graph.GrantID{{grant}}, Because: []access.Reason{reason}})
	}
}

// administrators leads from the cluster's administrators to everything in it.
func (w *walker) administrators() {
	id := w.b.Node(graph.Node{Ref: retinue.NewRef(w.realm, refCluster, w.realm.ID()), Kind: graph.Place})
	w.b.Step(graph.Step{From: []graph.NodeID{w.masters()}, To: id, Verb: graph.Administers, Technique: "administrator of the cluster"})
	for _, kind := range []string{setAccounts, setSecrets, setPods, setNodes, setPrincipals} {
		w.contains(id, w.set(kind, ""))
	}
}

// privileged leads from what runs privileged on every node to the nodes.
func (w *walker) privileged() {
	for _, ns := range w.names {
		for _, ref := range w.in[ns].workloads {
			load := w.workloads[ref]
			if !load.privileged || load.kind != "daemon_set" {
				continue
			}
			w.b.Step(graph.Step{From: []graph.NodeID{w.b.Node(graph.Node{Ref: ref, Kind: graph.Resource})}, To: w.set(setNodes, ""), Verb: graph.ExecsInto,
				Technique: "privileged container", Assumes: "the DaemonSet runs on every node",
				Because: []access.Reason{{Layer: "pod", Document: ref.Key, Effect: "allow", Text: "its containers are privileged, which makes them root of their node"}}})
		}
	}
}

// federated leads from pods without a token of the cluster to the identities of
// clouds that take tokens which are mounted all the same.
func (w *walker) federated() {
	for _, ns := range w.names {
		for _, ref := range w.in[ns].workloads {
			load := w.workloads[ref]
			if load.token {
				continue
			}
			for _, cloud := range w.clouds[retinue.NewRef(w.realm, refAccount, load.namespace+"/"+load.account)] {
				w.b.Step(graph.Step{From: []graph.NodeID{w.b.Node(graph.Node{Ref: ref, Kind: graph.Resource})}, To: w.b.Node(graph.Node{Ref: cloud, Kind: graph.Outside}),
					Verb: graph.Federates, Technique: "use of the workload's token", Assumes: "it trusts the issuer, as the annotation of the service account says"})
			}
		}
	}
}

// act puts in the steps of an actor; it reports whether there are any.
func (w *walker) act(a *actor) bool {
	if a.whole {
		if a.node != w.masters() {
			w.take(a, &taking{technique: "administrator of the cluster", verb: graph.Administers, calls: w.wholeHolds(a)}, w.masters())
		}
		return true
	}
	some := false
	for _, ns := range slices.Sorted(maps.Keys(a.everything)) {
		all := Attributes{Verb: "*", APIGroup: "*", Resource: "*", Namespace: ns}
		some = w.take(a, &taking{technique: "everything in a namespace", verb: graph.Administers, calls: [][]hold{a.holds(w.cluster, &all)}}, w.all(ns)) || some
	}
	for i := range w.techniques {
		if t := &w.techniques[i]; w.works(t) {
			some = w.apply(a, t) || some
		}
	}
	return some
}

// wholeHolds is what makes an administrator one.
func (w *walker) wholeHolds(a *actor) [][]hold {
	var out [][]hold
	for _, at := range []Attributes{{Verb: "*", APIGroup: "*", Resource: "*"}, {Verb: "*", Path: "*"}} {
		if h := a.holds(w.cluster, &at); len(h) > 0 {
			out = append(out, h)
		}
	}
	return out
}

// taking is one use of a technique.
type taking struct {
	technique string
	verb      graph.Verb
	calls     [][]hold
	through   string
	assumes   string
	remains   string
	unread    bool
}

// take adds a step, unless one of the actor's groups takes the same.
func (w *walker) take(a *actor, t *taking, to graph.NodeID) bool {
	if a.role == noRole && len(t.calls) > 0 && a.sufficient(t.calls) {
		return false
	}
	s := graph.Step{From: []graph.NodeID{a.node}, To: to, Verb: t.verb, Technique: t.technique, Through: t.through, Assumes: t.assumes}
	for _, c := range t.calls {
		need := make([]graph.GrantID, 0, len(c))
		for _, h := range c {
			need = append(need, w.b.Grant(graph.Grant{Subject: h.subject, Reason: h.reason, Fixed: h.fixed}))
		}
		s.Needs = append(s.Needs, need)
		if len(c) > 0 && !slices.Contains(s.Because, c[0].reason) {
			s.Because = append(s.Because, c[0].reason)
		}
	}
	if t.remains != "" {
		s.Remains = []access.Condition{{Key: "circumstances", Operator: "are", Values: []string{t.remains}, Text: t.remains}}
	}
	if t.unread {
		s.Unread = []string{Admission}
	}
	w.b.Step(s)
	return true
}
