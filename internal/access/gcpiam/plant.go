package gcpiam

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/spread"
)

const (
	layerMembership = "group membership"
	// refDelegation is the kind of the node that stands for having a service
	// account mint tokens of others, without acting as it.
	refDelegation = "delegation"
)

func trailing(word uint64) int { return bits.TrailingZeros64(word) }

// plant makes the trees of targets.
func (s *stepper) plant() {
	x, delegates := s.e.x, s.delegates()
	for i := range x.state.ServiceAccounts {
		a := &x.state.ServiceAccounts[i]
		if a.Disabled {
			continue
		}
		name := a.name()
		s.add(sortAccounts, "service_accounts", spread.Target{Resource: name, To: s.account(a.Email), Alone: s.alone(name)})
		if !delegates {
			continue
		}
		s.add(sortDelegation, "delegations", spread.Target{Resource: name, To: s.delegation(a.Email), Alone: s.alone(name)})
	}
	for i := range x.state.Workloads {
		w := &x.state.Workloads[i]
		for _, email := range w.RunsAs {
			on := x.accountName(email, w.Name)
			s.add(w.Type, "runs", spread.Target{Resource: w.Name, Second: on, To: s.account(email), Through: w.Name,
				Alone: s.alone(w.Name) || s.alone(on) || projectIn(on) != projectIn(w.Name)})
		}
	}
	for i := range s.e.resources {
		s.data(&s.e.resources[i])
	}
	for _, kind := range []string{"projects", "folders", "organizations"} {
		for _, n := range x.nodesOf(kind) {
			s.hierarchy(n, kind)
		}
	}
	s.within()
}

// alone reports whether a resource has grants of its own.
func (s *stepper) alone(name string) bool {
	n := s.e.x.nodes[CanonicalName(name)]
	if n == nil {
		return false
	}
	if len(n.bindings) > 0 {
		return true
	}
	chain, _ := s.e.x.chain(name)
	for _, n := range chain {
		if inside(n.name) && len(n.bindings) > 0 {
			return true // what it lies in, such as a dataset
		}
	}
	return false
}

// add puts a target into the tree of its sort.
func (s *stepper) add(sort, kind string, t spread.Target) {
	tree := s.trees[sort]
	if tree == nil {
		tree = spread.New(s.b, func(place string) graph.Node {
			return spread.Set(s.realmOf(place), kind, sort+" in "+place, what(sort)+" in "+place)
		})
		s.trees[sort] = tree
	}
	chain, _ := s.e.x.chain(t.Resource)
	var path []spread.Place
	for _, n := range slices.Backward(chain) {
		if !inside(n.name) {
			path = append(path, spread.Place{Name: n.name, Denied: s.below[n.name]})
		}
	}
	if path == nil {
		path = []spread.Place{{Name: CanonicalName(t.Resource)}}
	}
	tree.Add(path, t)
}

func what(sort string) string {
	switch sort {
	case sortAccounts:
		return "service accounts"
	case sortDelegation:
		return "delegation through service accounts"
	}
	if _, name, ok := strings.Cut(sort, "/"); ok {
		return "every " + name
	}
	return sort
}

// realmOf is the realm of a node of the hierarchy or a resource.
func (s *stepper) realmOf(place string) retinue.Realm {
	if ref := s.e.targets[place]; !ref.IsZero() {
		return ref.Realm
	}
	if id, ok := strings.CutPrefix(place, "projects/"); ok {
		return retinue.NewRealm(realmKind, id)
	}
	return retinue.NewRealm(realmKind, retinue.CleanName(place))
}

// data makes a target of a resource that holds data or secrets.
func (s *stepper) data(r *retinue.Resource) {
	asset, _ := r.Attrs["assetType"].(string)
	if !slices.ContainsFunc(holdings(), func(h holding) bool { return h.asset == asset }) {
		return
	}
	to := s.b.Node(graph.Node{Ref: r.Ref, Kind: graph.Resource, Name: r.Name, DataClass: r.DataClass})
	s.add(asset, "data", spread.Target{Resource: r.Ref.Key, To: to, Alone: s.alone(r.Ref.Key)})
}

// nodeOf is the graph's node for a project, folder or organisation. Who reaches
// it administers it, and so all that lies in it.
func (s *stepper) nodeOf(name string) graph.NodeID {
	ref := s.e.targets[name]
	if ref.IsZero() {
		kind, _, _ := strings.Cut(name, "/")
		ref = retinue.NewRef(s.realmOf(name), strings.TrimSuffix(kind, "s"), name)
	}
	return s.b.Node(graph.Node{Ref: ref, Kind: graph.Resource, Name: name, Admin: true})
}

// hierarchy puts a node and what it leads to into the graph, and the accounts
// that a project has by itself.
func (s *stepper) hierarchy(n *node, kind string) {
	to := s.nodeOf(n.name)
	s.add(kind, kind, spread.Target{Resource: n.name, To: to})
	if n.parent != nil && !inside(n.parent.name) {
		s.b.Step(graph.Step{From: []graph.NodeID{s.nodeOf(n.parent.name)}, To: to, Verb: graph.Contains})
	}
	number := strings.TrimPrefix(n.number, "projects/")
	if number == "" {
		return
	}
	seen := map[string]bool{}
	for _, t := range Techniques() {
		if t.Gain == GainProjectAccount && !seen[t.Account] {
			seen[t.Account] = true
			email := strings.Replace(t.Account, "NUMBER", number, 1)
			own := s.b.Node(graph.Node{Ref: retinue.NewRef(s.realmOf(n.name), refAccount, email)})
			if have, ok := s.e.subjects["serviceAccount:"+email]; ok {
				own = s.b.Node(graph.Node{Ref: have.ref, Name: have.name})
			}
			s.add(t.Account, "own_accounts", spread.Target{Resource: n.name, To: own})
		}
	}
}

func (s *stepper) delegation(email string) graph.NodeID {
	have := s.e.subjects["serviceAccount:"+strings.ToLower(email)]
	return s.b.Node(graph.Node{Ref: retinue.NewRef(have.ref.Realm, refDelegation, have.ref.Key), Kind: graph.Set, Name: "delegation through " + have.ref.Key})
}

// delegated adds a step of a service account that mints tokens of others for
// whoever may delegate through it as well.
func (s *stepper) delegated(key string, w *way, step graph.Step) {
	email, ok := strings.CutPrefix(key, "serviceAccount:")
	if ok && s.trees[sortDelegation] != nil && (w.id == "sa-access-token" || w.id == "sa-implicit-delegation") {
		step.From = []graph.NodeID{s.delegation(email)}
		s.b.Step(step)
	}
}

// within leads from the nodes of the hierarchy to what lies in them.
func (s *stepper) within() {
	sorts := []string{sortAccounts}
	for _, h := range holdings() {
		sorts = append(sorts, h.asset)
	}
	denied := len(s.e.x.state.Denies) > 0
	for _, sort := range sorts {
		if s.trees[sort] == nil {
			continue
		}
		s.trees[sort].Each(func(place string, to graph.NodeID) {
			if inside(place) {
				return
			}
			step := graph.Step{From: []graph.NodeID{s.nodeOf(place)}, To: to, Verb: graph.Contains}
			if denied {
				step.Assumes = "deny policies leave it to who administers " + place
			}
			s.b.Step(step)
		})
	}
}

// delegates reports whether a role is bound that lets an account mint tokens of
// others without letting act as it.
func (s *stepper) delegates() bool {
	x := s.e.x
	id, known := x.perms["iam.serviceAccounts.implicitDelegation"]
	token, tokens := x.perms["iam.serviceAccounts.getAccessToken"]
	for _, n := range x.nodes {
		for i := range n.bindings {
			if r := n.bindings[i].role; known && r != nil && r.has(id) && !(tokens && r.has(token)) {
				return true
			}
		}
	}
	return false
}
