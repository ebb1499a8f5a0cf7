package graph

// approach is a search against the direction of the steps: how far each node is
// from the nearest target. With joint it takes a step with several sources from
// each of them as if that were enough; without it it leaves such steps out.
type approach struct {
	filter *filter
	joint  bool
	seen   stamps
	hops   []int32
	next   []StepID // by node: the step towards the target, or None
	order  []NodeID // nearest first
	later  []NodeID
	// met is true where a step with several sources was met.
	met bool
	// looked is the number of steps that were looked at, a measure of work.
	looked int
}

func (a *approach) run(f *filter, targets []NodeID, joint bool) {
	g := f.g
	a.filter, a.joint, a.met = f, joint, false
	a.looked = 0
	a.seen.clear(g.Len())
	if len(a.hops) < g.Len() {
		a.hops, a.next = make([]int32, g.Len()), make([]StepID, g.Len())
	}
	a.order, a.later = a.order[:0], a.later[:0]
	for _, n := range targets {
		if f.there(n) && !a.seen.has(int32(n)) {
			a.come(n, None, 0)
			a.order = append(a.order, n)
		}
	}
	for next, length := 0, int32(0); ; length++ {
		for ; next < len(a.order); next++ {
			a.look(a.order[next], length)
		}
		if len(a.later) == 0 {
			return
		}
		for _, n := range a.later {
			if a.hops[n] == length+1 { // else it came by a Set meanwhile
				a.order = append(a.order, n)
			}
		}
		a.later = a.later[:0]
	}
}

// look goes back over the steps that enter a node.
func (a *approach) look(n NodeID, length int32) {
	g := a.filter.g
	further := length + 1
	if g.nodes[n].kind == Set {
		further = length
	}
	if further > a.filter.within {
		return
	}
	a.looked += len(g.To(n))
	for _, s := range g.To(n) {
		if int(s) < g.single {
			a.back(g.steps.from[s], s, length, further)
			continue
		}
		if !a.joint {
			continue
		}
		a.met = a.met || a.filter.stands(s)
		for _, from := range g.sources(s) {
			a.back(from, s, length, further)
		}
	}
}

// back comes to a source of a step.
func (a *approach) back(n NodeID, s StepID, length, further int32) {
	if a.seen.has(int32(n)) && a.hops[n] <= further || !a.filter.there(n) || !a.filter.stands(s) {
		return
	}
	a.come(n, s, further)
	if further == length {
		a.order = append(a.order, n)
	} else {
		a.later = append(a.later, n)
	}
}

func (a *approach) come(n NodeID, by StepID, hops int32) {
	a.seen.add(int32(n))
	a.hops[n], a.next[n] = hops, by
}

// path is the way from a node to the nearest target.
func (a *approach) path(n NodeID) Path {
	out := Path{}
	for s := a.next[n]; s != None; s = a.next[a.filter.g.steps.to[s]] {
		out = append(out, s)
	}
	return out
}
