package graph

import (
	"cmp"
	"slices"
)

// Apart says what disjoint ways must not have in common.
type Apart uint8

// What ways must not have in common.
const (
	// ByStep: no step.
	ByStep Apart = iota
	// ByGrant: no step, and no grant that a step of both needs.
	ByGrant
)

// Ways are disjoint ways between two ends.
type Ways struct {
	// Paths are ways of which no two have anything in common, shortest first.
	Paths []Path
	// AtMost is a number that cannot be exceeded; Exact is true where it is
	// that of Paths.
	AtMost int
	Exact  bool
}

// Disjoint finds as many ways as possible from nodes that are held together to a
// node, no two of which have a step, or a grant, in common. What passes a Set by
// one step is one way, however many nodes the Set leads to.
//
// By steps, where each has one source, the answer is a largest flow and exact.
// A step with several sources makes that flow an upper bound, for it takes each
// source as enough; the ways found are then those of the flow without such
// steps, and more that are found one after the other. By grants the flow has the
// bound that of the steps that leave one node by a grant, and of those that
// enter one by it, one way takes one; the ways are found one after the other,
// beginning with those of the flow. In both cases Exact says whether the bound
// was met. Options.Within is heeded by no part of it.
func (g *Graph) Disjoint(opt Options, apart Apart, to NodeID, from ...NodeID) Ways {
	opt.Goals, opt.Within = nil, 0
	if slices.Contains(from, to) {
		return Ways{Exact: true}
	}
	d := &disjoint{g: g, reach: g.Reach(opt, from...), apart: apart, from: from, to: to}
	d.filter = d.reach.filter
	if !d.reach.Reached(to) {
		return Ways{Exact: true}
	}
	d.toward.run(&d.filter, []NodeID{to}, true)
	loose := d.network(true)
	out := Ways{AtMost: int(loose.most(0, 1))}
	plain, sent := loose, out.AtMost
	if d.toward.met {
		plain = d.network(false)
		sent = int(plain.most(0, 1))
	}
	var ways []Path
	for range sent {
		ways = append(ways, plain.take(0, 1))
	}
	slices.SortStableFunc(ways, func(a, b Path) int { return cmp.Compare(len(a), len(b)) })
	out.Paths = d.choose(ways, opt)
	if len(out.Paths) < out.AtMost {
		if greedy := d.choose(nil, opt); len(greedy) > len(out.Paths) {
			out.Paths = greedy
		}
	}
	slices.SortStableFunc(out.Paths, func(a, b Path) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), slices.Compare(a, b))
	})
	out.Exact = len(out.Paths) == out.AtMost
	return out
}

// disjoint searches ways that have nothing in common.
type disjoint struct {
	g      *Graph
	filter filter
	reach  *Reach
	toward approach
	apart  Apart
	from   []NodeID
	to     NodeID
}

// gate is where the steps of one grant leave or enter a node.
type gate struct {
	node  NodeID
	grant GrantID
	enter bool
}

// network makes the flow of the steps between the ends, from vertex 0 to 1. A
// step with several sources is one that any of them takes, or is left out.
func (d *disjoint) network(joint bool) *flow {
	f := &flow{}
	start, end := f.vertex(), f.vertex()
	vertex := map[NodeID]int32{d.to: end}
	at := func(n NodeID) int32 {
		v, ok := vertex[n]
		if !ok {
			v = f.vertex()
			vertex[n] = v
		}
		return v
	}
	for _, n := range d.from {
		vertex[n] = start
	}
	gates := make(map[gate]int32)
	pass := func(gt gate, v int32) int32 { // the far side of a gate at v
		side, ok := gates[gt]
		if !ok {
			side = f.vertex()
			gates[gt] = side
			if gt.enter {
				f.connect(side, v, None, 1)
			} else {
				f.connect(v, side, None, 1)
			}
		}
		return side
	}
	for _, n := range d.toward.order {
		if v, ok := vertex[n]; ok && v == start {
			continue // nothing needs to come to where it begins
		}
		for _, s := range d.g.To(n) {
			if !d.reach.Taken(s) || !joint && int(s) >= d.g.single {
				continue
			}
			into := at(n)
			grant, some := d.grant(s)
			if some {
				into = pass(gate{n, grant, true}, into)
			}
			sources := d.g.sources(s)
			if len(sources) > 1 {
				one := f.vertex()
				f.connect(one, into, s, 1)
				into = one
			}
			for _, from := range sources {
				out := at(from)
				if some {
					out = pass(gate{from, grant, false}, out)
				}
				step := s
				if len(sources) > 1 {
					step = None
				}
				f.connect(out, into, step, 1)
			}
		}
	}
	return f
}

// grant is one that a step cannot do without, where ways are told apart by
// grants.
func (d *disjoint) grant(s StepID) (GrantID, bool) {
	if d.apart == ByGrant {
		for _, need := range d.g.needs(s) {
			return need[0], true
		}
	}
	return None, false
}

// choose takes of some ways those that have nothing in common with those before,
// and then searches for more.
func (d *disjoint) choose(ways []Path, opt Options) []Path {
	usedStep, usedGrant := make(map[StepID]bool), make(map[GrantID]bool)
	free := func(s StepID) bool {
		if usedStep[s] {
			return false
		}
		if d.apart == ByGrant {
			for _, need := range d.g.needs(s) {
				if slices.ContainsFunc(need, func(id GrantID) bool { return usedGrant[id] }) {
					return false
				}
			}
		}
		return true
	}
	var out []Path
	add := func(p Path) {
		out = append(out, p)
		for _, s := range p {
			usedStep[s] = true
			for _, need := range d.g.needs(s) {
				for _, id := range need {
					usedGrant[id] = true
				}
			}
		}
	}
	for _, p := range ways {
		if !slices.ContainsFunc(p, func(s StepID) bool { return !free(s) }) {
			add(p)
		}
	}
	opt.Goals = []NodeID{d.to}
	more := d.g.Reach(Options{})
	for {
		more.filter.set(d.g, opt)
		more.filter.free = free
		more.aim(opt.Goals)
		more.run(d.from)
		if more.Goal() == None {
			return out
		}
		add(more.Path(d.to))
	}
}
