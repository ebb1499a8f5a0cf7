package graph

import "slices"

// losses answers for one grant after the other how many sources lose every way
// to the targets without it, where no step has several sources and no length is
// asked for. Only the nodes whose shortest way needs the grant are looked at:
// the others keep theirs.
type losses struct {
	filter  *filter   // the question's, of which the grants taken away change
	base    *approach // the search with everything there
	counted []bool    // by node: a source
	without []GrantID // by the question
	gone    map[GrantID]bool
	// at and nodes list by grant the nodes whose next step falls with it alone.
	at      []int32
	nodes   []NodeID
	in      stamps // nodes whose shortest way is gone
	rescued stamps // of these, those that have another
	queue   []NodeID
	looked  int
}

// newLosses prepares it for the nodes that an approach found.
func newLosses(base *approach, counted []bool, without []GrantID) *losses {
	g := base.filter.g
	l := &losses{filter: base.filter, base: base, counted: counted, without: without, gone: setOf(without)}
	each := func(do func(GrantID, NodeID)) {
		var falls []GrantID
		for _, n := range base.order {
			if s := base.next[n]; s != None {
				falls = g.critical(falls[:0], s, l.gone)
				for _, id := range falls {
					do(id, n)
				}
			}
		}
	}
	l.at = make([]int32, g.Grants()+1)
	each(func(id GrantID, _ NodeID) { l.at[id+1]++ })
	for i := range g.Grants() {
		l.at[i+1] += l.at[i]
	}
	l.nodes = make([]NodeID, l.at[g.Grants()])
	next := slices.Clone(l.at)
	each(func(id GrantID, n NodeID) {
		l.nodes[next[id]] = n
		next[id]++
	})
	return l
}

// critical adds to a list the grants with each of which alone a step falls, where
// some are gone already.
func (g *Graph) critical(list []GrantID, s StepID, gone map[GrantID]bool) []GrantID {
	for _, need := range g.needs(s) {
		last, left := GrantID(None), 0
		for _, id := range need {
			if !gone[id] {
				last = id
				left++
			}
		}
		if left == 1 && !slices.Contains(list, last) {
			list = append(list, last)
		}
	}
	return list
}

func setOf[K comparable](list []K) map[K]bool {
	set := make(map[K]bool, len(list))
	for _, k := range list {
		set[k] = true
	}
	return set
}

// of is the number of counted sources that lose every way without a grant.
func (l *losses) of(id GrantID) int {
	l.looked = 0
	l.filter.remove(append(l.without[:len(l.without):len(l.without)], id))
	lost := l.fall(id)
	for _, n := range lost {
		if !l.rescued.has(int32(n)) && l.another(n) {
			l.rescue(n)
		}
	}
	count := 0
	for _, n := range lost {
		if l.counted[n] && !l.rescued.has(int32(n)) {
			count++
		}
	}
	l.filter.remove(l.without)
	return count
}

// fall lists the nodes whose shortest way is gone.
func (l *losses) fall(id GrantID) []NodeID {
	g := l.filter.g
	l.in.clear(g.Len())
	l.rescued.clear(g.Len())
	l.queue = l.queue[:0]
	for _, n := range l.nodes[l.at[id]:l.at[id+1]] {
		if !l.in.has(int32(n)) {
			l.in.add(int32(n))
			l.queue = append(l.queue, n)
		}
	}
	for i := 0; i < len(l.queue); i++ {
		l.looked += len(g.To(l.queue[i]))
		for _, s := range g.To(l.queue[i]) {
			if int(s) >= g.single {
				continue
			}
			if n := g.steps.from[s]; !l.in.has(int32(n)) && l.base.seen.has(int32(n)) && l.base.next[n] == s {
				l.in.add(int32(n))
				l.queue = append(l.queue, n)
			}
		}
	}
	return l.queue
}

// another reports whether a node has a step to one that keeps its shortest way.
// Those with steps to what is rescued are found by rescue.
func (l *losses) another(n NodeID) bool {
	g := l.filter.g
	for s := g.leaveAt[n]; s < g.leaveAt[n+1]; s++ {
		l.looked++
		to := int32(g.steps.to[s])
		if l.base.seen.has(to) && !l.in.has(to) && l.filter.stands(StepID(s)) {
			return true
		}
	}
	return false
}

// rescue notes that a node keeps a way, and with it those that come to it.
func (l *losses) rescue(n NodeID) {
	g := l.filter.g
	l.rescued.add(int32(n))
	for stack := []NodeID{n}; len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		l.looked += len(g.To(n))
		for _, s := range g.To(n) {
			if int(s) >= g.single {
				continue
			}
			from := g.steps.from[s]
			if l.in.has(int32(from)) && !l.rescued.has(int32(from)) && l.filter.stands(s) {
				l.rescued.add(int32(from))
				stack = append(stack, from)
			}
		}
	}
}
