// Package spread puts what grants give over a hierarchy into the graph, without
// the product of those who hold them and what they reach: one permission on a
// folder covers every target below it, and is one step to a set.
//
// Targets of one sort (service accounts, key vaults, …) lie in places (projects,
// resource groups, …), and places in places. An answer that holds at a place
// holds for everything below it, unless something below is denied, or an answer
// hangs on which resource is asked: only then are places and targets asked one by
// one. So the number of steps grows with what was granted.
//
// It has no input or output of its own. A Tree is used by one goroutine.
package spread

import (
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Target is one thing that is reached.
type Target struct {
	// Resource is what is asked about.
	Resource string
	To       graph.NodeID
	// Second is another resource that is asked about, where a way needs two.
	Second string
	// Through is what is used to reach it.
	Through string
	// Alone says that it has grants of its own, so that the answer for its place
	// may not be all.
	Alone bool
}

// Answer is a yes, with what it rests on.
type Answer struct {
	// Sure says that it has no conditions.
	Sure    bool
	Remains []access.Condition
	Unread  []string
	Because []access.Reason
	Needs   [][]graph.GrantID
	Assumes string
}

// Asker answers for one principal and one way to reach targets.
type Asker interface {
	// At answers for a place: for everything in it that is like the place. Where
	// the answer hangs on which resource is asked, varies is true, and the
	// targets below it are asked one by one.
	At(place string) (a Answer, ok, varies bool)
	// Of answers for one target.
	Of(t *Target) (Answer, bool)
	// Near reports whether the principal holds anything at the place or below.
	Near(place string) bool
	// Step takes what was found.
	Step(to graph.NodeID, a Answer)
}

// Tree is a hierarchy with the targets of one sort.
type Tree struct {
	b      *graph.Builder
	set    func(place string) graph.Node
	places map[string]*place
	roots  []*place
}

type place struct {
	name          string
	parent        *place
	children      []*place
	targets       []Target
	denied        bool // something below it is denied
	count         int  // targets in it and below it
	whole, direct graph.NodeID
}

// New makes an empty tree. set says how the node is called that stands for all
// targets in a place.
func New(b *graph.Builder, set func(place string) graph.Node) *Tree {
	return &Tree{b: b, set: set, places: map[string]*place{}}
}

// Place is a place with whether anything is denied below it.
type Place struct {
	Name   string
	Denied bool
}

// Add puts a target into the last place of a path from the top down.
func (t *Tree) Add(path []Place, target Target) {
	var at *place
	for _, p := range path {
		next := t.places[p.Name]
		if next == nil {
			next = &place{name: p.Name, parent: at, denied: p.Denied, whole: graph.None, direct: graph.None}
			t.places[p.Name] = next
			if at == nil {
				t.roots = append(t.roots, next)
			} else {
				at.children = append(at.children, next)
			}
		}
		at = next
	}
	if at == nil {
		return
	}
	at.targets = append(at.targets, target)
	for p := at; p != nil; p = p.parent {
		p.count++
	}
}

// Walk asks for one principal, from the top down, and hands over a step for
// what it reaches.
func (t *Tree) Walk(a Asker) {
	for _, p := range t.roots {
		t.walk(p, a, false)
	}
}

// Each calls fn for every place with the nodes that stand for what lies directly
// in it.
func (t *Tree) Each(fn func(place string, to graph.NodeID)) {
	for _, name := range slices.Sorted(maps.Keys(t.places)) {
		p := t.places[name]
		if p.plain() > 0 {
			fn(name, t.directOf(p))
		}
		for i := range p.targets {
			if p.targets[i].Alone {
				fn(name, p.targets[i].To)
			}
		}
	}
}

// walk visits a place. over says that what holds above may not hold here.
func (t *Tree) walk(p *place, a Asker, over bool) {
	if !over && !a.Near(p.name) {
		return
	}
	got, ok, varies := a.At(p.name)
	ok = ok && !varies
	if ok && !p.denied {
		a.Step(t.wholeOf(p), got)
		if got.Sure {
			return
		}
	}
	if ok && p.denied && p.plain() > 0 {
		a.Step(t.directOf(p), got)
	}
	for _, c := range p.children {
		t.walk(c, a, varies || ok && p.denied)
	}
	for i := range p.targets {
		target := &p.targets[i]
		if !varies && (!target.Alone || ok && got.Sure && !p.denied) {
			continue
		}
		if one, ok := a.Of(target); ok {
			a.Step(target.To, one)
		}
	}
}

// plain counts the targets for which the answer of the place is all.
func (p *place) plain() int {
	n := 0
	for i := range p.targets {
		if !p.targets[i].Alone {
			n++
		}
	}
	return n
}

// wholeOf is the node for everything in a place and below it: the thing itself
// where there is one only.
func (t *Tree) wholeOf(p *place) graph.NodeID {
	if p.whole != graph.None {
		return p.whole
	}
	if len(p.targets) == 0 && len(p.children) == 1 {
		p.whole = t.wholeOf(p.children[0])
		return p.whole
	}
	if p.count == p.plain() {
		p.whole = t.directOf(p)
		return p.whole
	}
	p.whole = t.b.Node(t.set(p.name))
	if p.plain() > 0 {
		t.contains(p.whole, t.directOf(p), "")
	}
	for i := range p.targets {
		if p.targets[i].Alone {
			t.contains(p.whole, p.targets[i].To, p.targets[i].Through)
		}
	}
	for _, c := range p.children {
		t.contains(p.whole, t.wholeOf(c), "")
	}
	return p.whole
}

// only is the one target in a place that has nothing of its own and is reached
// without anything between.
func (p *place) only() (graph.NodeID, bool) {
	if p.plain() != 1 {
		return graph.None, false
	}
	i := slices.IndexFunc(p.targets, func(t Target) bool { return !t.Alone })
	return p.targets[i].To, p.targets[i].Through == ""
}

// directOf is the node for the targets in a place that have nothing of their
// own.
func (t *Tree) directOf(p *place) graph.NodeID {
	if p.direct != graph.None {
		return p.direct
	}
	if only, one := p.only(); one {
		p.direct = only
		return p.direct
	}
	n := t.set(p.name)
	if p.count != p.plain() {
		n.Ref.Kind += "_directly"
	}
	p.direct = t.b.Node(n)
	for i := range p.targets {
		if !p.targets[i].Alone {
			t.contains(p.direct, p.targets[i].To, p.targets[i].Through)
		}
	}
	return p.direct
}

func (t *Tree) contains(set, what graph.NodeID, through string) {
	t.b.Step(graph.Step{From: []graph.NodeID{set}, To: what, Verb: graph.Contains, Through: through})
}

// Set makes the node that stands for targets of a kind in a place. The kind is
// a word in lower snake case; it must be none that the inventory has.
func Set(realm retinue.Realm, kind, place, name string) graph.Node {
	return graph.Node{Ref: retinue.NewRef(realm, kind, place), Kind: graph.Set, Name: name}
}

// Seen tells steps apart, so that one of several ways that rest on the same
// grants is enough. The zero Seen is ready.
type Seen struct{ have map[graph.NodeID][]Answer }

// Add reports whether nothing that was added before leads to the same node by
// the same grants and under the same conditions.
func (s *Seen) Add(to graph.NodeID, a Answer) bool {
	if s.have == nil {
		s.have = map[graph.NodeID][]Answer{}
	}
	for _, o := range s.have[to] {
		if o.Sure == a.Sure && o.Assumes == a.Assumes && sameNeeds(o.Needs, a.Needs) && sameRemains(o.Remains, a.Remains) {
			return false
		}
	}
	s.have[to] = append(s.have[to], a)
	return true
}

// sameNeeds compares what several calls need; calls that need the same are one.
func sameNeeds(a, b [][]graph.GrantID) bool {
	within := func(a, b [][]graph.GrantID) bool {
		for _, n := range a {
			if !slices.ContainsFunc(b, func(o []graph.GrantID) bool { return slices.Equal(n, o) }) {
				return false
			}
		}
		return true
	}
	return within(a, b) && within(b, a)
}

func sameRemains(a, b []access.Condition) bool {
	return slices.EqualFunc(a, b, func(x, y access.Condition) bool { return x.String() == y.String() })
}
