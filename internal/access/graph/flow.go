package graph

import "slices"

// flow is a network of arcs that carry so much each, for the most that can be
// sent through all of it (Dinic's algorithm). With arcs that carry one it finds
// the largest number of ways that have no arc in common.
type flow struct {
	first []int32 // by vertex: its first arc, or None
	arcs  []arc   // in pairs: an arc and its reverse
	level []int32
	at    []int32 // by vertex: the arc to try next
}

type arc struct {
	to, next int32
	step     StepID // the step that it is, or None
	room     int64  // what it can still carry; that of a reverse arc is what is sent
}

// endless is what an arc carries that nothing limits.
const endless = 1 << 60

func (f *flow) vertex() int32 {
	f.first = append(f.first, None)
	return int32(len(f.first)) - 1
}

// connect adds an arc.
func (f *flow) connect(from, to int32, step StepID, room int64) {
	n := int32(len(f.arcs))
	f.arcs = append(f.arcs, arc{to, f.first[from], step, room}, arc{from, f.first[to], None, 0})
	f.first[from], f.first[to] = n, n+1
}

// most sends as much as there is room for and returns it.
func (f *flow) most(from, to int32) (sum int64) {
	for f.levels(from, to) {
		f.at = append(f.at[:0], f.first...)
		for {
			sent := f.send(from, to)
			if sent == 0 {
				break
			}
			sum += sent
		}
	}
	return sum
}

// levels numbers the vertices by their distance over arcs with room.
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
			if w := f.arcs[a].to; f.arcs[a].room > 0 && f.level[w] == None {
				f.level[w] = f.level[v] + 1
				queue = append(queue, w)
			}
		}
	}
	return f.level[to] != None
}

// send fills one more way and returns what it carries.
func (f *flow) send(from, to int32) int64 {
	var way []int32
	for v := from; v != to; {
		a := f.at[v]
		switch {
		case a != None && f.arcs[a].room > 0 && f.level[f.arcs[a].to] == f.level[v]+1:
			way = append(way, a)
			v = f.arcs[a].to
		case a != None:
			f.at[v] = f.arcs[a].next
		case len(way) == 0:
			return 0
		default: // back by one arc, which leads nowhere
			last := way[len(way)-1]
			way = way[:len(way)-1]
			v = f.arcs[last^1].to
			f.at[v] = f.arcs[last].next
		}
	}
	sent := int64(endless)
	for _, a := range way {
		sent = min(sent, f.arcs[a].room)
	}
	for _, a := range way {
		f.arcs[a].room -= sent
		f.arcs[a^1].room += sent
	}
	return sent
}

// take removes one way from what was sent, all of it by ones, and returns its
// steps, without the circles that it may have.
func (f *flow) take(from, to int32) Path {
	path := Path{}
	length := map[int32]int{from: 0} // of the path where it comes to a vertex
	trail := []int32{from}
	for v := from; v != to; {
		a := f.first[v]
		for a&1 == 1 || f.arcs[a^1].room == 0 {
			a = f.arcs[a].next
		}
		f.arcs[a^1].room--
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
