package graph

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Backward is the inverse of [Reach]: who comes, each alone, to one of some
// targets, and by which way. It may be asked from several goroutines, but not
// while [Backward.Again] runs.
//
// Where no step towards the targets has several sources, this is one search
// against the direction of the steps. Where some have, that search is made
// twice, without such steps and with each of their sources taken to be enough.
// A node for which both agree is answered, for no way is shorter than the
// second says, and so is one from which no step with several sources can be
// taken. From each other a search is made forward, among the nodes that the
// second found; nodes from which the same steps lead on share one. So the
// answer is exact, and the cost is that of the plain searches, of one back from
// each source of a step with several as far as that goes within a few times the
// graph, and of one forward for each different beginning that needs one.
type Backward struct {
	filter filter
	plain  approach // without steps that have several sources, or there are none
	loose  approach // with them
	check  *Reach
	joins  meeting
	// late are the nodes whose way takes a step with several sources.
	late map[NodeID]lateWay
	// joint is true where some node may take a step with several sources.
	joint bool
	order []NodeID
}

// lateWay is a way that was searched forward from another node, from which the
// same steps lead on.
type lateWay struct {
	from NodeID
	path Path
	hops int32
}

// Backward searches who comes to the targets. The targets themselves come to
// them by no step.
func (g *Graph) Backward(opt Options, targets ...NodeID) *Backward {
	b := &Backward{}
	b.filter.g = g
	b.Again(opt, targets...)
	return b
}

// Again makes b the answer to another question about the same graph, in the same
// memory. What b returned before is no longer valid.
func (b *Backward) Again(opt Options, targets ...NodeID) {
	b.filter.set(b.filter.g, opt)
	b.run(targets)
}

// run searches with the filter that is set.
func (b *Backward) run(targets []NodeID) {
	clear(b.late)
	b.joint, b.joins.looked = false, 0
	if len(b.filter.g.steps.joint) == 0 {
		b.plain.run(&b.filter, targets, false)
		b.order = b.plain.order
		return
	}
	b.loose.run(&b.filter, targets, true)
	b.plain.run(&b.filter, targets, false)
	b.order = b.plain.order
	if b.loose.met {
		b.verify(targets)
	}
}

// verify searches forward from the nodes whose answer is not settled by both
// searches back.
func (b *Backward) verify(targets []NodeID) {
	if b.late == nil {
		b.late = make(map[NodeID]lateWay)
	}
	if b.check == nil {
		b.check = &Reach{}
	}
	within := b.check
	within.filter = b.filter
	within.filter.only = &b.loose.seen
	within.aim(targets)
	same := make(map[string]lateWay)
	var key []byte
	some := b.joins.run(&b.filter, b.loose.order)
	if b.joint = !some || b.joins.any; !b.joint {
		return
	}
	for _, n := range b.loose.order {
		if b.plain.seen.has(int32(n)) && b.plain.hops[n] == b.loose.hops[n] || some && !b.joins.found.has(int32(n)) {
			continue
		}
		key = b.beginning(key[:0], n)
		way, known := same[string(key)]
		if !known {
			within.run([]NodeID{n})
			way = lateWay{from: n, hops: unlimited}
			if goal := within.Goal(); goal != None {
				way.hops, way.path = within.hops[goal], within.Path(goal)
			}
			same[string(key)] = way
		}
		if way.path != nil && (!b.plain.seen.has(int32(n)) || way.hops < b.plain.hops[n]) {
			b.late[n] = way
		}
	}
	b.sort()
}

// beginning encodes where the steps that leave a node lead, so that nodes from
// which the same follows have the same. One that is a source of a step with
// several has its own.
func (b *Backward) beginning(key []byte, n NodeID) []byte {
	g := b.filter.g
	if len(g.jointFrom(n)) > 0 {
		return binary.AppendVarint(append(key, 1), int64(n))
	}
	var ends []NodeID
	for s := g.leaveAt[n]; s < g.leaveAt[n+1]; s++ {
		if to := g.steps.to[s]; b.filter.there(to) && b.filter.stands(StepID(s)) {
			ends = append(ends, to)
		}
	}
	slices.Sort(ends)
	key = append(key, 0)
	for _, to := range slices.Compact(ends) {
		key = binary.AppendVarint(key, int64(to))
	}
	return key
}

// sort puts the nodes with late ways among the others.
func (b *Backward) sort() {
	if len(b.late) == 0 {
		return
	}
	b.order = slices.Clone(b.plain.order)
	for _, n := range b.loose.order {
		if _, ok := b.late[n]; ok && !b.plain.seen.has(int32(n)) {
			b.order = append(b.order, n)
		}
	}
	slices.SortStableFunc(b.order, func(x, y NodeID) int { return cmp.Compare(b.length(x), b.length(y)) })
}

// Nodes lists who comes to a target, nearest first, the targets included. The
// caller must not change the list.
func (b *Backward) Nodes() []NodeID { return b.order }

// Reaches reports whether a node comes to a target.
func (b *Backward) Reaches(n NodeID) bool {
	_, late := b.late[n]
	return late || b.plain.seen.has(int32(n))
}

// Hops is the number of steps from a node to the nearest target, as
// [Reach.Hops] counts them, or None.
func (b *Backward) Hops(n NodeID) int {
	if !b.Reaches(n) {
		return None
	}
	return int(b.length(n))
}

func (b *Backward) length(n NodeID) int32 {
	if way, ok := b.late[n]; ok {
		return way.hops
	}
	return b.plain.hops[n]
}

// Path is the way with the fewest hops from a node to a target. It is nil for a
// node that comes to none and empty for a target.
func (b *Backward) Path(n NodeID) Path {
	way, late := b.late[n]
	switch {
	case late && way.from == n:
		return way.path
	case late:
		return b.instead(way, n)
	case b.plain.seen.has(int32(n)):
		return b.plain.path(n)
	}
	return nil
}

// Target is the target to which [Backward.Path] leads, or None.
func (b *Backward) Target(n NodeID) NodeID {
	path := b.Path(n)
	switch {
	case path == nil:
		return None
	case len(path) == 0:
		return n
	}
	return b.filter.g.steps.to[path[len(path)-1]]
}

// instead is another node's way with the steps that leave it replaced by those
// of n that lead to the same.
func (b *Backward) instead(way lateWay, n NodeID) Path {
	g := b.filter.g
	out := slices.Clone(way.path)
	for i, s := range out {
		if int(s) >= g.single || g.steps.from[s] != way.from {
			continue
		}
		for own := g.leaveAt[n]; own < g.leaveAt[n+1]; own++ {
			if g.steps.to[own] == g.steps.to[s] && b.filter.stands(StepID(own)) {
				out[i] = StepID(own)
				break
			}
		}
	}
	return out
}

// looked is the number of steps that were looked at, a measure of work.
func (b *Backward) looked() int { return b.plain.looked + b.loose.looked + b.joins.looked }
