package graph

import "slices"

// Path is a way: steps in an order in which each has all that it needs before
// it. A step that two later ones need is named once.
type Path []StepID

// Hop is a step as people count them: what passes a Set, or several of them one
// after the other, is one hop from those before to the one behind.
type Hop struct {
	// From and To are no Sets, but where the path begins or ends with one.
	From []NodeID
	To   NodeID
	// Steps are the steps of the hop in their order.
	Steps []StepID
	// Main is the one that says what is done: the first that is not about
	// belonging to something (MemberOf, Contains), else the first.
	Main StepID
}

// Hops makes hops of a path.
func (g *Graph) Hops(path Path) []Hop {
	into := make(map[NodeID]StepID) // the steps into Sets
	for _, s := range path {
		if to := g.steps.to[s]; g.nodes[to].kind == Set {
			into[to] = s
		}
	}
	var hops []Hop
	for i, s := range path {
		to := g.steps.to[s]
		if g.nodes[to].kind == Set && i < len(path)-1 {
			continue
		}
		var h Hop
		h.To = to
		g.unfold(s, into, &h)
		h.Main = h.Steps[0]
		for _, part := range h.Steps {
			if v := g.Verb(part); v != MemberOf && v != Contains {
				h.Main = part
				break
			}
		}
		hops = append(hops, h)
	}
	return hops
}

// unfold adds a step to a hop behind the steps into the Sets from which it
// leaves.
func (g *Graph) unfold(s StepID, into map[NodeID]StepID, h *Hop) {
	for _, n := range g.sources(s) {
		by, ok := into[n]
		if !ok {
			if !slices.Contains(h.From, n) {
				h.From = append(h.From, n)
			}
			continue
		}
		if !slices.Contains(h.Steps, by) {
			g.unfold(by, into, h)
		}
	}
	h.Steps = append(h.Steps, s)
}

// Path returns the way with the fewest hops from nodes that are held together to
// a node, as [Reach.Hops] counts them, or nil where there is none.
func (g *Graph) Path(opt Options, to NodeID, from ...NodeID) Path {
	opt.Goals = []NodeID{to}
	return g.Reach(opt, from...).Path(to)
}
