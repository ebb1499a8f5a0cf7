package graph

// dominators finds, for the nodes from which targets are reached, the nearest
// node that every way to a target leads through (the immediate dominator, seen
// from the targets), by the algorithm of semidominators (Georgiadis, "Linear-Time
// Algorithms for Dominators and Related Problems", 2005). It holds where no step
// has several sources.
type dominators struct {
	order  []NodeID // in the order of a search in depth from the targets
	number []int32  // by node: its place in order plus one; 0 is the root before all targets
	parent []int32  // by number, as are those below
	semi   []int32
	label  []int32
	above  []int32 // towards the root, made short while semidominators are found
	idom   []int32
}

// dominatorsOf finds them among the nodes that an approach found.
func dominatorsOf(a *approach, targets []NodeID) *dominators {
	d := &dominators{number: make([]int32, a.filter.g.Len()), parent: []int32{0}, order: []NodeID{None}}
	isTarget := make([]bool, a.filter.g.Len())
	for _, n := range targets {
		if a.seen.has(int32(n)) {
			isTarget[n] = true
			d.descend(a, n)
		}
	}
	size := len(d.order)
	d.semi, d.label = make([]int32, size), make([]int32, size)
	d.above, d.idom = make([]int32, size), make([]int32, size)
	copy(d.above, d.parent)
	for v := range d.semi {
		d.semi[v], d.label[v] = int32(v), int32(v)
	}
	g := a.filter.g
	for v := int32(size) - 1; v > 0; v-- {
		n := d.order[v]
		d.idom[v] = d.parent[v]
		if isTarget[n] {
			d.semi[v] = 0
			continue
		}
		for s := g.leaveAt[n]; s < g.leaveAt[n+1]; s++ {
			to := g.steps.to[s]
			if !a.seen.has(int32(to)) || !a.filter.stands(StepID(s)) {
				continue
			}
			d.semi[v] = min(d.semi[v], d.semi[d.eval(d.number[to], v)])
		}
	}
	for v := int32(1); v < int32(size); v++ {
		for d.idom[v] > d.semi[v] {
			d.idom[v] = d.idom[d.idom[v]]
		}
	}
	return d
}

// descend numbers what is found in depth from a target, whose parent is the root.
func (d *dominators) descend(a *approach, target NodeID) {
	type visit struct {
		node NodeID
		next int
	}
	g := a.filter.g
	enter := func(n NodeID, parent int32) visit {
		d.order = append(d.order, n)
		d.parent = append(d.parent, parent)
		d.number[n] = int32(len(d.order)) - 1
		return visit{node: n}
	}
	if d.number[target] != 0 {
		return
	}
	stack := []visit{enter(target, 0)}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		steps := g.To(top.node)
		if top.next == len(steps) {
			stack = stack[:len(stack)-1]
			continue
		}
		s := steps[top.next]
		top.next++
		if int(s) >= g.single {
			continue
		}
		if from := g.steps.from[s]; d.number[from] == 0 && a.seen.has(int32(from)) && a.filter.stands(s) {
			stack = append(stack, enter(from, d.number[top.node]))
		}
	}
}

// eval returns the vertex with the least semidominator on the way up from v to
// the last vertex that is done, which is greater than limit.
func (d *dominators) eval(v, limit int32) int32 {
	if v <= limit {
		return v
	}
	var way []int32
	for u := v; d.above[u] > limit; u = d.above[u] {
		way = append(way, u)
	}
	for i := len(way) - 1; i >= 0; i-- {
		u := way[i]
		up := d.above[u]
		if d.semi[d.label[up]] < d.semi[d.label[u]] {
			d.label[u] = d.label[up]
		}
		d.above[u] = d.above[up]
	}
	return d.label[v]
}
