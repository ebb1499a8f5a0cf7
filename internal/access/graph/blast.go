package graph

import "github.com/retinue-id/retinue"

// Blast is how far some nodes reach. The lists are nearest first and without the
// nodes it was asked from; Sets are in none of them.
type Blast struct {
	// Reach has the way to each node.
	Reach *Reach
	// Nodes is how many are reached.
	Nodes         int
	ByKind        map[Kind][]NodeID
	ByEnvironment map[retinue.Environment][]NodeID // where it is known
	ByDataClass   map[string][]NodeID              // where it is known
	// Admins are the administrators that are reached, by realm.
	Admins map[retinue.Realm][]NodeID
	// ByVerb are the resources that are reached, by everything that is done to
	// them (Reads, Writes, Administers, …) and not only by the nearest.
	ByVerb map[Verb][]NodeID
}

// BlastRadius says how far the holders of some nodes together reach.
func (g *Graph) BlastRadius(opt Options, from ...NodeID) Blast {
	r := g.Reach(opt, from...)
	b := Blast{
		Reach: r, ByKind: map[Kind][]NodeID{}, ByEnvironment: map[retinue.Environment][]NodeID{},
		ByDataClass: map[string][]NodeID{}, Admins: map[retinue.Realm][]NodeID{}, ByVerb: map[Verb][]NodeID{},
	}
	for _, id := range r.Nodes() {
		n := g.Node(id)
		if n.Kind == Set || r.via[id] == None {
			continue
		}
		b.Nodes++
		b.ByKind[n.Kind] = append(b.ByKind[n.Kind], id)
		if n.Environment != "" {
			b.ByEnvironment[n.Environment] = append(b.ByEnvironment[n.Environment], id)
		}
		if n.DataClass != "" {
			b.ByDataClass[n.DataClass] = append(b.ByDataClass[n.DataClass], id)
		}
		if n.Admin {
			b.Admins[n.Ref.Realm] = append(b.Admins[n.Ref.Realm], id)
		}
	}
	for verb, nodes := range r.direct() {
		if all := r.inherited(nodes); len(all) > 0 {
			b.ByVerb[verb] = all
		}
	}
	return b
}

// direct lists by verb the resources and Sets to which a step that is taken does
// it. The steps by which one of them contains another are left out: that has
// done to it what is done to the first.
func (r *Reach) direct() map[Verb][]NodeID {
	g := r.filter.g
	out := make(map[Verb][]NodeID)
	for _, n := range r.order {
		if !g.holds(n) {
			continue
		}
		for _, s := range g.To(n) {
			if !r.Taken(s) || r.contains(s) {
				continue
			}
			verb := g.Verb(s)
			if list := out[verb]; len(list) == 0 || list[len(list)-1] != n {
				out[verb] = append(list, n)
			}
		}
	}
	return out
}

// inherited returns the resources among some nodes and all that they contain.
func (r *Reach) inherited(nodes []NodeID) []NodeID {
	g := r.filter.g
	in := make(map[NodeID]bool, len(nodes))
	for _, n := range nodes {
		in[n] = true
	}
	for queue := nodes; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		for s := g.leaveAt[n]; s < g.leaveAt[n+1]; s++ {
			to := g.steps.to[s]
			if !in[to] && g.holds(to) && r.Taken(StepID(s)) && r.contains(StepID(s)) {
				in[to] = true
				queue = append(queue, to)
			}
		}
	}
	var out []NodeID
	for _, n := range r.order {
		if in[n] && g.nodes[n].kind == Resource && r.via[n] != None {
			out = append(out, n)
		}
	}
	return out
}

// contains reports whether a step leads from a resource or a Set that was come
// to, to what it contains.
func (r *Reach) contains(s StepID) bool {
	g := r.filter.g
	return int(s) < g.single && g.Verb(s) == Contains && g.holds(g.steps.from[s]) && r.via[g.steps.from[s]] != None
}

// holds reports whether a node is one that contains resources.
func (g *Graph) holds(n NodeID) bool { return g.nodes[n].kind == Set || g.nodes[n].kind == Resource }
