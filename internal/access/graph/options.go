package graph

import "slices"

// Options say which part of the graph a question is about. The zero Options
// are the whole of it.
type Options struct {
	// Certain leaves out the steps that are only possible; see [Step.Possible].
	Certain bool
	// Except leaves out the steps with these verbs.
	Except []Verb
	// Without are grants that are taken away: a step of which one need has no
	// other grant falls.
	Without []GrantID
	// Avoid are nodes that are not there.
	Avoid []NodeID
	// Within is the largest number of hops; 0 is no limit.
	Within int
	// Goals end a search forward at the first of them that is reached. Searches
	// that are given targets do not heed it.
	Goals []NodeID
}

// filter is Options made ready for many questions. It is used by one goroutine.
type filter struct {
	g       *Graph
	within  int32
	labels  []bool            // by label: left out
	without stamps            // grants
	avoid   stamps            // nodes
	only    *stamps           // nodes, where only they are there
	free    func(StepID) bool // where only such steps are there
	// someWithout and someAvoid save the look-ups where there are none.
	someWithout, someAvoid bool
}

// stamps is a set of small numbers that is emptied in one step: those of the
// present round are in it.
type stamps struct {
	round uint32
	at    []uint32
}

// clear empties the set and makes room for n numbers.
func (s *stamps) clear(n int) {
	s.round++
	if len(s.at) < n || s.round == 0 {
		s.at, s.round = make([]uint32, n), 1
	}
}

func (s *stamps) add(i int32)      { s.at[i] = s.round }
func (s *stamps) has(i int32) bool { return s.at[i] == s.round }

const unlimited = 1<<31 - 1

// set makes the filter that of opt.
func (f *filter) set(g *Graph, opt Options) {
	f.g = g
	f.within = unlimited
	if opt.Within > 0 {
		f.within = int32(min(opt.Within, unlimited)) //nolint:gosec // bounded
	}
	f.labels = nil
	if opt.Certain || len(opt.Except) > 0 {
		f.labels = make([]bool, len(g.steps.labels.values)+1)
		for i, l := range g.steps.labels.values {
			possible := l.remains != 0 || l.assumes != ""
			f.labels[i+1] = opt.Certain && possible || slices.Contains(opt.Except, l.verb)
		}
	}
	f.remove(opt.Without)
	f.hide(opt.Avoid)
}

// remove makes the grants that are taken away others.
func (f *filter) remove(grants []GrantID) {
	f.someWithout = len(grants) > 0
	if !f.someWithout {
		return
	}
	f.without.clear(f.g.Grants())
	for _, id := range grants {
		f.without.add(int32(id))
	}
}

// hide makes the nodes that are not there others.
func (f *filter) hide(nodes []NodeID) {
	f.someAvoid = len(nodes) > 0
	if !f.someAvoid {
		return
	}
	f.avoid.clear(f.g.Len())
	for _, n := range nodes {
		f.avoid.add(int32(n))
	}
}

// stands reports whether a step is there. Its ends are the caller's.
func (f *filter) stands(s StepID) bool {
	if f.labels != nil && f.labels[f.g.steps.labelled[s]] || f.free != nil && !f.free(s) {
		return false
	}
	if !f.someWithout {
		return true
	}
	for _, need := range f.g.needs(s) {
		if f.lost(need) {
			return false
		}
	}
	return true
}

// lost reports whether all grants of a need are taken away.
func (f *filter) lost(need []GrantID) bool {
	for _, id := range need {
		if !f.without.has(int32(id)) {
			return false
		}
	}
	return true
}

// there reports whether a node is not avoided.
func (f *filter) there(n NodeID) bool {
	return (!f.someAvoid || !f.avoid.has(int32(n))) && (f.only == nil || f.only.has(int32(n)))
}
