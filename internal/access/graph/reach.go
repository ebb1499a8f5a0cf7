package graph

// Reach is what some nodes come to, and by which way each. A Reach may be asked
// from several goroutines, but not while [Reach.Again] runs.
//
// Its memory is of the size of the graph and is used again by Again, so that
// asking for each of a million nodes costs no more than what they reach.
type Reach struct {
	filter filter
	seen   stamps   // nodes that have a length
	hops   []int32  // by node
	via    []StepID // by node: the step that came to it, or None
	order  []NodeID // as they were reached
	later  []NodeID // those of the next length
	goals  stamps
	goal   NodeID
	joints joints
}

// Reach searches forward from nodes that are held all together: a step is taken
// when all its sources are reached. It takes time linear in the steps that leave
// what is reached, and a logarithm more for those that have several sources.
func (g *Graph) Reach(opt Options, from ...NodeID) *Reach {
	r := &Reach{}
	r.filter.g = g
	r.Again(opt, from...)
	return r
}

// Again makes r the answer to another question about the same graph, in the same
// memory. What r returned before is no longer valid.
func (r *Reach) Again(opt Options, from ...NodeID) {
	r.filter.set(r.filter.g, opt)
	r.aim(opt.Goals)
	r.run(from)
}

// aim sets the nodes of which the first that is reached ends the search.
func (r *Reach) aim(goals []NodeID) {
	r.goals.clear(r.filter.g.Len())
	for _, n := range goals {
		r.goals.add(int32(n))
	}
}

// run searches with the filter and the goals that are set. All nodes of one
// length are settled before those of the next; a step with several sources waits
// in a heap until its length is due.
func (r *Reach) run(from []NodeID) {
	g := r.filter.g
	r.begin(g)
	for _, n := range from {
		if r.filter.there(n) && !r.seen.has(int32(n)) {
			r.come(n, None, 0)
			r.settle(n)
		}
	}
	for next, length := 0, int32(0); r.goal == None; {
		if step, ok := r.joints.due(length); ok {
			if n := g.steps.to[step]; !r.seen.has(int32(n)) {
				r.come(n, step, length)
				r.settle(n)
			}
			continue
		}
		if next < len(r.order) {
			n := r.order[next]
			next++
			for s := g.leaveAt[n]; s < g.leaveAt[n+1]; s++ {
				r.take(StepID(s), length)
			}
			for _, s := range g.jointFrom(n) {
				r.join(s, length)
			}
			continue
		}
		var more bool
		if length, more = r.advance(length); !more {
			return
		}
	}
}

// begin forgets the last search.
func (r *Reach) begin(g *Graph) {
	n := g.Len()
	r.seen.clear(n)
	if len(r.hops) < n {
		r.hops, r.via = make([]int32, n), make([]StepID, n)
	}
	r.order, r.later, r.goal = r.order[:0], r.later[:0], None
	r.joints.begin(len(g.steps.joint))
}

// come notes the length of a node and the step that came to it.
func (r *Reach) come(n NodeID, by StepID, length int32) {
	r.seen.add(int32(n))
	r.hops[n], r.via[n] = length, by
}

// settle puts a node among those whose steps are taken.
func (r *Reach) settle(n NodeID) {
	r.order = append(r.order, n)
	if r.goal == None && r.goals.has(int32(n)) {
		r.goal = n
	}
}

// take comes to the end of a step with one source, which is reached.
func (r *Reach) take(s StepID, length int32) {
	g := r.filter.g
	n := g.steps.to[s]
	if r.seen.has(int32(n)) || !r.filter.there(n) || !r.filter.stands(s) {
		return
	}
	if g.nodes[n].kind == Set || length == unlimited {
		r.come(n, s, length)
		r.settle(n)
		return
	}
	if length < r.filter.within {
		r.come(n, s, length+1)
		r.later = append(r.later, n)
	}
}

// join notes that one more source of a step is reached.
func (r *Reach) join(s StepID, length int32) {
	g := r.filter.g
	n := g.steps.to[s]
	i := int(s) - g.single
	sum, all := r.joints.count(i, len(g.steps.joint[i]), length)
	if !all || r.seen.has(int32(n)) || !r.filter.there(n) || !r.filter.stands(s) {
		return
	}
	if g.nodes[n].kind != Set && sum < unlimited {
		sum++
	}
	if sum <= r.filter.within {
		r.joints.push(arrival{sum, s})
	}
}

// advance goes to the next length at which there is something.
func (r *Reach) advance(length int32) (int32, bool) {
	if len(r.later) > 0 {
		length++
		for _, n := range r.later {
			r.settle(n)
		}
		r.later = r.later[:0]
		return length, true
	}
	if len(r.joints.heap) > 0 {
		return r.joints.heap[0].hops, true
	}
	return length, false
}

// Nodes lists what is reached, nearest first and those it was asked from before
// all others. The caller must not change the list.
func (r *Reach) Nodes() []NodeID { return r.order }

// Reached reports whether a node is reached.
func (r *Reach) Reached(n NodeID) bool {
	return r.seen.has(int32(n)) && (r.goal == None || r.settled(n))
}

// settled reports whether a node was settled before the search ended at a goal.
func (r *Reach) settled(n NodeID) bool { return r.hops[n] <= r.hops[r.goal] }

// Goal is the first goal that was reached, or None.
func (r *Reach) Goal() NodeID { return r.goal }

// Hops is the number of steps by which a node is reached, or None. Steps into a
// Set do not count. Where a step has several sources, those of all its sources
// count, so that what two of them share counts twice; it is the smallest such
// number.
func (r *Reach) Hops(n NodeID) int {
	if !r.Reached(n) {
		return None
	}
	return int(r.hops[n])
}

// Taken reports whether all sources of a step are reached, so that its holder
// can take it.
func (r *Reach) Taken(s StepID) bool {
	for _, n := range r.filter.g.sources(s) {
		if !r.Reached(n) {
			return false
		}
	}
	return r.filter.stands(s) && r.filter.there(r.filter.g.steps.to[s])
}

// Path is the way to a node: its steps in an order in which each has all that it
// needs before it, none twice. It is nil for what is not reached and empty for
// what it was asked from.
func (r *Reach) Path(to NodeID) Path {
	if !r.Reached(to) {
		return nil
	}
	return r.way(to, map[NodeID]bool{}, Path{})
}

// way adds the steps to n that are not in the path yet. A way is at most as deep
// as the graph has nodes, and each node is come to once.
func (r *Reach) way(to NodeID, done map[NodeID]bool, path Path) Path {
	type visit struct {
		node NodeID
		next int // the source to look at
	}
	stack := []visit{{node: to}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		by := r.via[top.node]
		if done[top.node] || by == None {
			done[top.node] = true
			stack = stack[:len(stack)-1]
			continue
		}
		if sources := r.filter.g.sources(by); top.next < len(sources) {
			top.next++
			stack = append(stack, visit{node: sources[top.next-1]})
			continue
		}
		done[top.node] = true
		path = append(path, by)
		stack = stack[:len(stack)-1]
	}
	return path
}
