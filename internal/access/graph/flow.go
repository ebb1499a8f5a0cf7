package graph

import "slices"

// flow is a network in which every arc carries one way at most, for the largest
// number of ways that have no arc in common (Dinic's algorithm).
type flow struct {
	first []int32 // by vertex: its first arc, or None
	arcs  []arc   // in pairs: an arc and its reverse
	level []int32
	at    []int32 // by vertex: the arc to try next
}

type arc struct {
	to, next int32
	open     bool
	step     StepID // the step that it is, or None
}

func (f *flow) vertex() int32 {
	f.first = append(f.first, None)
	return int32(len(f.first)) - 1
}

// connect adds an arc that one way can take.
func (f *flow) connect(from, to int32, step StepID) {
	n := int32(len(f.arcs))
	f.arcs = append(f.arcs, arc{to, f.first[from], true, step}, arc{from, f.first[to], false, None})
	f.first[from], f.first[to] = n, n+1
}

// most sends as many ways as there are and returns their number.
func (f *flow) most(from, to int32) int {
	ways := 0
	for f.levels(from, to) {
		f.at = append(f.at[:0], f.first...)
		for f.send(from, to) {
			ways++
		}
	}
	return ways
}

// levels numbers the vertices by their distance over open arcs.
func (f *flow) levels(from, to int32) bool {
	f.level = slices.Grow(f.level[:0], len(f.first))[:len(f.first)]
	for i := range f.level {
		f.level[i] = None
	}
	f.level[from] = 0
	queue := []int32{from}
	for i := 0; i < len(queue) && f.level[to] == None; i++ {
		v := queue[i]
		for a := f.first[v]; a != None; a = f.arcs[a].next {
			if w := f.arcs[a].to; f.arcs[a].open && f.level[w] == None {
				f.level[w] = f.level[v] + 1
				queue = append(queue, w)
			}
		}
	}
	return f.level[to] != None
}

// send opens and closes the arcs of one more way.
func (f *flow) send(from, to int32) bool {
	var way []int32
	for v := from; v != to; {
		a := f.at[v]
		switch {
		case a != None && f.arcs[a].open && f.level[f.arcs[a].to] == f.level[v]+1:
			way = append(way, a)
			v = f.arcs[a].to
		case a != None:
			f.at[v] = f.arcs[a].next
		case len(way) == 0:
			return false
		default: // back by one arc, which leads nowhere
			last := way[len(way)-1]
			way = way[:len(way)-1]
			v = f.arcs[last^1].to
			f.at[v] = f.arcs[last].next
		}
	}
	for _, a := range way {
		f.arcs[a].open, f.arcs[a^1].open = false, true
	}
	return true
}

// take removes one way from what was sent and returns its steps, without the
// circles that it may have.
func (f *flow) take(from, to int32) Path {
	path := Path{}
	length := map[int32]int{from: 0} // of the path where it comes to a vertex
	trail := []int32{from}
	for v := from; v != to; {
		a := f.first[v]
		for f.arcs[a].open || a&1 == 1 {
			a = f.arcs[a].next
		}
		f.arcs[a].open = true // it is used up
		v = f.arcs[a].to
		if at, been := length[v]; been {
			path = path[:at]
			for trail[len(trail)-1] != v {
				delete(length, trail[len(trail)-1])
				trail = trail[:len(trail)-1]
			}
			continue
		}
		if f.arcs[a].step != None {
			path = append(path, f.arcs[a].step)
		}
		length[v] = len(path)
		trail = append(trail, v)
	}
	return path
}
