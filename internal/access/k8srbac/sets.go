package k8srbac

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// The kinds of the nodes that stand for many things of a namespace, by which
// they are also named in refs; the key is the namespace, or "*" for all.
const (
	setPods       = "running_pods"
	setWorkload   = "new_pods"
	setAccounts   = "service_accounts"
	setSecrets    = "secrets"
	setUsers      = "users"
	setGroups     = "groups"
	setPrincipals = "principals"
	setNodes      = "nodes"
	setNamespaces = "namespaces"
	setUserAlone  = "user_without_groups"
	setHolder     = "holder_of_role"
)

const everywhere = "*"

// members are the things of one namespace, sorted.
type members struct{ accounts, secrets, workloads []retinue.Ref }

// walker puts the steps of one cluster into a graph.
type walker struct {
	*cluster
	b     *graph.Builder
	minor int // of the server's version 1.x; 0 where it is not known
	made  map[retinue.Ref]bool
	in    map[string]*members
	names []string // of namespaces, sorted
	// objects names the first workload of a kind in a namespace, or in all, also
	// where it is suspended.
	objects map[[2]string]string
	// named lists the namespaces that have something of a name, sorted.
	named map[string][]string
	// roles are those that somebody can come to hold, yet to be walked.
	roles []*actor
	// active are the groups that lead somewhere.
	active     map[string]bool
	techniques []Technique
}

func newWalker(k *cluster, b *graph.Builder) *walker {
	w := &walker{cluster: k, b: b, made: map[retinue.Ref]bool{}, in: map[string]*members{},
		active: map[string]bool{}, objects: map[[2]string]string{}, named: map[string][]string{}, techniques: Techniques(), minor: minorOf(k.version)}
	of := func(ns string) *members {
		if w.in[ns] == nil {
			w.in[ns] = &members{}
		}
		return w.in[ns]
	}
	for ns := range k.realmFacts.namespaces {
		of(ns)
	}
	for _, ns := range k.index.Namespaces() {
		of(ns)
	}
	for ref, s := range k.subjects {
		if s.Kind == ServiceAccount {
			of(s.Namespace).accounts = append(of(s.Namespace).accounts, ref)
			w.note(s.Namespace, s.Name)
		}
	}
	for ref, s := range k.secrets {
		of(s.namespace).secrets = append(of(s.namespace).secrets, ref)
		w.note(s.namespace, s.name)
	}
	for ref, load := range k.workloads {
		w.workload(load)
		if !load.suspended {
			of(load.namespace).workloads = append(of(load.namespace).workloads, ref)
		}
	}
	for _, m := range w.in {
		for _, list := range [][]retinue.Ref{m.accounts, m.secrets, m.workloads} {
			slices.SortFunc(list, retinue.Ref.Compare)
		}
	}
	for name, list := range w.named {
		slices.Sort(list)
		w.named[name] = slices.Compact(list)
	}
	w.names = slices.Sorted(maps.Keys(w.in))
	return w
}

// note remembers where something of a name is.
func (w *walker) note(namespace, name string) {
	w.named[name] = append(w.named[name], namespace)
}

// workload remembers a workload, under the names of pods too that it may have.
func (w *walker) workload(load workload) {
	w.note(load.namespace, load.name)
	if load.kind == kindStatefulSet {
		for i := range 10 { // a rule that names a pod for all namespaces is rare, one past the tenth more so
			w.note(load.namespace, load.name+"-"+strconv.Itoa(i))
		}
	}
	for _, at := range []string{load.namespace, everywhere} {
		key := [2]string{load.kind, at}
		if first, ok := w.objects[key]; !ok || load.ref.Key < first {
			w.objects[key] = load.ref.Key
		}
	}
}

// minorOf reads the version of a server, such as v1.36.3 or v1.31.2-eks-1.
func minorOf(version string) int {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(version, "v"), "1.")
	if !ok {
		return 0
	}
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// set is the node of many things; it is filled when it is first asked for.
func (w *walker) set(kind, namespace string) graph.NodeID {
	key := cmp.Or(namespace, everywhere)
	ref := retinue.NewRef(w.realm, kind, key)
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Set, Name: setName(kind, namespace)})
	if w.made[ref] {
		return id
	}
	w.made[ref] = true
	if namespace == "" {
		w.fillCluster(id, kind)
	} else {
		w.fill(id, kind, namespace)
	}
	return id
}

func setName(kind, namespace string) string {
	return strings.ReplaceAll(kind, "_", " ") + " of " + where(namespace)
}

func (w *walker) fill(id graph.NodeID, kind, namespace string) {
	m := w.in[namespace]
	if m == nil {
		m = &members{}
	}
	switch kind {
	case setPods:
		for _, ref := range m.workloads {
			w.contains(id, w.b.Node(graph.Node{Ref: ref, Kind: graph.Resource}))
		}
	case setAccounts:
		for _, ref := range m.accounts {
			w.contains(id, w.b.Node(graph.Node{Ref: ref, Kind: graph.Identity}))
		}
	case setSecrets:
		for _, ref := range m.secrets {
			w.contains(id, w.b.Node(graph.Node{Ref: ref, Kind: graph.Credential}))
		}
	case setWorkload:
		w.contains(id, w.set(setAccounts, namespace))
		w.contains(id, w.set(setSecrets, namespace))
		if !w.enforced(namespace) {
			w.onto(id, "pod with a node's files")
		}
	}
}

// fillCluster fills a set of the whole cluster with those of namespaces.
func (w *walker) fillCluster(id graph.NodeID, kind string) {
	switch kind {
	case setWorkload:
		w.contains(id, w.set(setAccounts, ""))
		w.contains(id, w.set(setSecrets, ""))
		w.onto(id, "pod with a node's files")
	case setUsers, setGroups:
		w.fillSubjects(id, kind)
	case setPrincipals:
		w.contains(id, w.set(setAccounts, ""))
		for _, ref := range w.known {
			if ref.Kind != refAccount && ref.Key != mastersGroup {
				w.contains(id, w.b.Node(graph.Node{Ref: ref, Kind: graph.Identity}))
			}
		}
	case setNodes:
		w.fillNodes(id)
	default:
		for _, ns := range w.names {
			m := w.in[ns]
			if kind == setPods && len(m.workloads) > 0 || kind == setAccounts && len(m.accounts) > 0 || kind == setSecrets && len(m.secrets) > 0 {
				w.contains(id, w.set(kind, ns))
			}
		}
	}
}

func (w *walker) fillSubjects(id graph.NodeID, kind string) {
	for _, ref := range w.known {
		switch {
		case kind == setUsers && ref.Kind == refUser:
			w.contains(id, w.userNode(ref))
		case kind == setGroups && ref.Kind == refGroup:
			w.contains(id, w.b.Node(graph.Node{Ref: ref, Kind: graph.Identity}))
		}
	}
}

// fillNodes: who holds the nodes has what runs on them, and where the control
// plane runs there as pods, its keys.
func (w *walker) fillNodes(id graph.NodeID) {
	w.contains(id, w.set(setPods, ""))
	for _, ref := range slices.SortedFunc(maps.Keys(w.workloads), retinue.Ref.Compare) {
		load := w.workloads[ref]
		if !load.static || load.namespace != "kube-system" || !strings.HasPrefix(load.name, "kube-apiserver") {
			continue
		}
		w.b.Step(graph.Step{From: []graph.NodeID{id}, To: w.masters(), Verb: graph.Administers, Technique: "files of the control plane",
			Through: load.namespace + "/" + load.name, Because: []access.Reason{{Layer: "static pod", Document: ref.Key, Effect: "allow",
				Text: "the API server runs on a node as " + ref.Key + ", with the keys of the cluster's certificate authority beside it"}}})
		return
	}
}

func (w *walker) contains(from, to graph.NodeID) {
	w.b.Step(graph.Step{From: []graph.NodeID{from}, To: to, Verb: graph.Contains, Technique: "part of the whole"})
}

// onto leads from pods that somebody makes to the nodes that they run on:
// Kubernetes documentation, "Pod Security Standards", policy Privileged.
func (w *walker) onto(from graph.NodeID, technique string) {
	w.b.Step(graph.Step{From: []graph.NodeID{from}, To: w.set(setNodes, ""), Verb: graph.Writes, Technique: technique, Unread: []string{Admission}})
}

// enforced reports whether Pod Security admission keeps pods of a namespace from
// the files of their nodes.
func (w *walker) enforced(namespace string) bool {
	level := w.realmFacts.namespaces[namespace].enforce
	return level == "baseline" || level == "restricted"
}

// masters is the node of the cluster's administrators.
func (w *walker) masters() graph.NodeID {
	return w.b.Node(graph.Node{Ref: retinue.NewRef(w.realm, refGroup, mastersGroup), Kind: graph.Identity, Admin: true})
}

// all is the node of everything in a namespace, or the cluster's
// administrators.
func (w *walker) all(namespace string) graph.NodeID {
	if namespace == "" {
		return w.masters()
	}
	ref := retinue.NewRef(w.realm, refNamespace, namespace)
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Place, Name: "namespace " + namespace})
	if w.made[ref] {
		return id
	}
	w.made[ref] = true
	for _, kind := range []string{setAccounts, setSecrets, setPods, setWorkload} {
		w.b.Step(graph.Step{From: []graph.NodeID{id}, To: w.set(kind, namespace), Verb: graph.Contains, Technique: "everything in a namespace"})
	}
	if w.enforced(namespace) { // who may do everything may also take the label away
		w.onto(id, "pod with a node's files, after the namespace's label is changed")
	}
	return id
}

// everyNamespace is the node of everything in each of the namespaces, which is
// less than the cluster.
func (w *walker) everyNamespace() graph.NodeID {
	ref := retinue.NewRef(w.realm, setNamespaces, everywhere)
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Set, Name: "every namespace"})
	if !w.made[ref] {
		w.made[ref] = true
		for _, ns := range w.names {
			w.contains(id, w.all(ns))
		}
	}
	return id
}

// userNode is the node of a user whom somebody becomes by name alone: what
// stands in its certificate's groups is not among it.
func (w *walker) userNode(ref retinue.Ref) graph.NodeID {
	if len(w.groups[ref]) == 0 {
		return w.b.Node(graph.Node{Ref: ref, Kind: graph.Identity})
	}
	alone := retinue.NewRef(w.realm, setUserAlone, ref.Key)
	id := w.b.Node(graph.Node{Ref: alone, Kind: graph.Set, Name: "user " + ref.Key + " without the groups of its certificate"})
	if !w.made[alone] {
		w.made[alone] = true
		a := &actor{ref: alone, who: Who{User: ref.Key, Groups: []string{authenticated}}, role: noRole}
		a.own, a.others = w.index.users[ref.Key], a.who.Groups
		a.weigh(w.cluster)
		w.roles = append(w.roles, a)
	}
	return id
}

// holder is the node of whoever holds a role in a namespace or the cluster.
func (w *walker) holder(role int32, in string) graph.NodeID {
	r := &w.index.roles[role]
	ref := retinue.NewRef(w.realm, setHolder, r.Title()+" in "+where(in))
	id := w.b.Node(graph.Node{Ref: ref, Kind: graph.Set, Name: "holder of " + r.Title() + " in " + where(in)})
	if !w.made[ref] {
		w.made[ref] = true
		w.roles = append(w.roles, w.roleActor(ref, role, in))
	}
	return id
}
