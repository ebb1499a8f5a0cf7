package graph

// meeting finds the nodes from which some step with several sources can be taken:
// whoever takes one takes a first one, all of whose sources are then reached by
// steps with one source. It goes back from each source of each such step.
type meeting struct {
	found stamps  // the nodes
	any   bool    // whether there are any
	seen  stamps  // during one step: nodes from which some of its sources is reached
	count []int32 // how many of them
	here  stamps  // during one source: nodes from which it is reached
	queue []NodeID
	// looked is the number of steps that were looked at. Beyond limit it gives up.
	looked, limit int
}

// run reports whether the nodes were found; else every node may be one. Ends are
// the nodes whose steps with several sources matter.
func (m *meeting) run(f *filter, ends []NodeID) bool {
	g := f.g
	m.found.clear(g.Len())
	if len(m.count) < g.Len() {
		m.count = make([]int32, g.Len())
	}
	m.any = false
	m.looked, m.limit = 0, 8*(g.Len()+g.Steps())
	for _, n := range ends {
		for _, s := range g.To(n) {
			if int(s) < g.single || !f.stands(s) {
				continue
			}
			m.seen.clear(g.Len())
			sources := g.sources(s)
			for i, from := range sources {
				if !f.there(from) || !m.back(f, from, int32(i), int32(len(sources))) {
					break
				}
			}
			if m.looked > m.limit {
				return false
			}
		}
	}
	return true
}

// back goes back from the i-th of so many sources, and notes the nodes that come
// to all of them.
func (m *meeting) back(f *filter, source NodeID, i, of int32) bool {
	g := f.g
	m.here.clear(g.Len())
	m.here.add(int32(source))
	m.queue = append(m.queue[:0], source)
	for next := 0; next < len(m.queue) && m.looked <= m.limit; next++ {
		n := m.queue[next]
		m.met(n, i, of)
		m.looked += 1 + len(g.To(n))
		for _, s := range g.To(n) {
			if int(s) >= g.single {
				continue
			}
			if from := g.steps.from[s]; !m.here.has(int32(from)) && f.there(from) && f.stands(s) {
				m.here.add(int32(from))
				m.queue = append(m.queue, from)
			}
		}
	}
	return m.looked <= m.limit
}

func (m *meeting) met(n NodeID, i, of int32) {
	if !m.seen.has(int32(n)) {
		if i > 0 {
			return // it does not come to the first
		}
		m.seen.add(int32(n))
		m.count[n] = 0
	}
	if m.count[n] == i {
		m.count[n]++
	}
	if m.count[n] == of {
		m.found.add(int32(n))
		m.any = true
	}
}
