package graph

import (
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue/internal/access"
)

// sourcesLeft are the sources that come to a target without some grants, each
// alone.
func (d drawn) sourcesLeft(opt Options, sources, targets []NodeID, without ...GrantID) []NodeID {
	opt.Without = append(slices.Clone(opt.Without), without...)
	var out []NodeID
	for _, n := range sources {
		lengths := d.lengths(opt, n)
		if slices.ContainsFunc(targets, func(to NodeID) bool { return lengths[to] < far }) {
			out = append(out, n)
		}
	}
	return out
}

func TestCutsAreTheSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, shape{nodes: 9, steps: 24, grants: 9, joint: rapid.Bool().Draw(t, "joint")})
		opt := CutOptions{Options: drawOptions(t, d.Graph)}
		targets := drawNodes(t, d.Graph)
		if rapid.Bool().Draw(t, "keep?") {
			opt.Keep = []GrantID{GrantID(rapid.IntRange(0, d.Grants()-1).Draw(t, "keep"))}
		}
		sources := d.Sources(targets)
		if rapid.Bool().Draw(t, "sources?") {
			opt.Sources = slices.DeleteFunc(drawNodes(t, d.Graph), func(n NodeID) bool { return slices.Contains(targets, n) })
			sources = opt.Sources
		}
		cut := d.Cuts(targets, opt)
		wantOpen, best := d.smallest(opt, sources, targets)
		if got := len(d.sourcesLeft(opt.Options, sources, targets)); got != cut.Before {
			t.Fatalf("%d sources had a way, not %d", got, cut.Before)
		}
		var open []NodeID
		for _, w := range cut.Open {
			open = append(open, w.Source)
			all := opt.Options
			all.Without = append(slices.Clone(all.Without), removable(d.Graph, opt)...)
			d.checkPath(t, all, w.Path, d.Step(w.Path[len(w.Path)-1]).To, w.Source)
		}
		slices.Sort(open)
		if !slices.Equal(open, slices.Sorted(slices.Values(wantOpen))) {
			t.Fatalf("open are %v, not %v", open, wantOpen)
		}
		if left := d.sourcesLeft(opt.Options, sources, targets, cut.Grants...); len(left) != len(open) {
			t.Fatalf("%v come to %v without %v", left, targets, cut.Grants)
		}
		if got := weigh(d.Graph, cut.Grants); got != best || !cut.Exact {
			t.Fatalf("%v costs %d (exact %t), the cheapest %d", cut.Grants, got, cut.Exact, best)
		}
		if cut.AtLeast != len(cut.Grants) {
			t.Fatalf("at least %d of %d", cut.AtLeast, len(cut.Grants))
		}
		for i, id := range cut.Grants {
			want := cut.Before - len(d.sourcesLeft(opt.Options, sources, targets, id))
			if cut.Alone[i] != want {
				t.Fatalf("%d does %d alone, not %d", id, want, cut.Alone[i])
			}
		}
	})
}

func removable(g *Graph, opt CutOptions) []GrantID {
	var out []GrantID
	for id := range GrantID(g.Grants()) {
		if !g.Grant(id).Fixed && !slices.Contains(opt.Keep, id) {
			out = append(out, id)
		}
	}
	return out
}

// weigh counts grants, then prefers the unused.
func weigh(g *Graph, grants []GrantID) int {
	sum := 0
	for _, id := range grants {
		sum += 1000
		switch used := g.Grant(id).Used; {
		case used == nil:
			sum++
		case *used:
			sum += 2
		}
	}
	return sum
}

// smallest tries every set of grants.
func (d drawn) smallest(opt CutOptions, sources, targets []NodeID) (open []NodeID, cost int) {
	can := removable(d.Graph, opt)
	open = d.sourcesLeft(opt.Options, sources, targets, can...)
	cost = -1
	for mask := range uint(1) << len(can) {
		var set []GrantID
		for i, id := range can {
			if mask>>i&1 == 1 {
				set = append(set, id)
			}
		}
		if cost >= 0 && (bits.OnesCount(mask))*1000 > cost {
			continue
		}
		if c := weigh(d.Graph, set); (cost < 0 || c < cost) && len(d.sourcesLeft(opt.Options, sources, targets, set...)) == len(open) {
			cost = c
		}
	}
	return open, cost
}

// Without work left a cut still cuts, and says that it may not be the smallest.
func TestCutsWithoutWork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, shape{nodes: 9, steps: 24, grants: 9, joint: true})
		targets := drawNodes(t, d.Graph)
		sources := d.Sources(targets)
		opt := CutOptions{Work: rapid.IntRange(1, 200).Draw(t, "work")}
		cut := d.Cuts(targets, opt)
		open, best := d.smallest(opt, sources, targets)
		if left := d.sourcesLeft(opt.Options, sources, targets, cut.Grants...); len(left) != len(open) {
			t.Fatalf("%v come to %v without %v", left, targets, cut.Grants)
		}
		if cost := weigh(d.Graph, cut.Grants); cut.Exact && cost != best || cut.AtLeast*1000 > best+999 {
			t.Fatalf("%+v is not exact or has too high a bound: %d against %d", cut, cost, best)
		}
	})
}

// Where every step has a grant of its own, the smallest cut is as large as the
// largest number of ways without a common step (Menger), here found one after
// the other in a plain way. The graph is too large to try every set.
func TestCutsAreAsManyAsDisjointWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := random(t)
		var b Builder
		nodes := rapid.IntRange(10, 40).Draw(t, "nodes")
		for i := range nodes {
			b.Node(Node{Ref: ref(i)})
		}
		for i := range 3 * nodes {
			id := b.Grant(Grant{Subject: ref(i), Reason: access.Reason{Document: "p"}})
			b.Step(Step{From: []NodeID{NodeID(rng.IntN(nodes))}, To: NodeID(rng.IntN(nodes)), Needs: [][]GrantID{{id}}})
		}
		g := b.Build()
		targets, sources := []NodeID{0, 1}, []NodeID{2, 3}
		cut := g.Cuts(targets, CutOptions{Sources: sources})
		want := plainFlow(g, sources, targets)
		if !cut.Exact || len(cut.Grants) != want {
			t.Fatalf("%d grants (exact %t) where %d ways are disjoint", len(cut.Grants), cut.Exact, want)
		}
		left := g.Backward(Options{Without: cut.Grants}, targets...)
		if left.Reaches(2) || left.Reaches(3) {
			t.Fatalf("a source comes to a target without %v", cut.Grants)
		}
	})
}

// plainFlow sends one way after the other over steps not used, or back over used
// ones.
func plainFlow(g *Graph, sources, targets []NodeID) int {
	used := make([]bool, g.Steps())
	var push func(NodeID, map[NodeID]bool) bool
	push = func(n NodeID, seen map[NodeID]bool) bool {
		if seen[n] {
			return false
		}
		seen[n] = true
		if slices.Contains(targets, n) {
			return true
		}
		for i := range g.Steps() {
			s := g.Step(StepID(i))
			next := s.To
			if used[i] {
				next = s.From[0]
			}
			if n != s.From[0] && !used[i] || n != s.To && used[i] {
				continue
			}
			used[i] = !used[i]
			if push(next, seen) {
				return true
			}
			used[i] = !used[i]
		}
		return false
	}
	ways := 0
	for progress := true; progress; {
		progress = false
		for _, n := range sources {
			for push(n, map[NodeID]bool{}) {
				ways++
				progress = true
			}
		}
	}
	return ways
}

// TestCutsAskWhatWasUsed: of two grants that would both do, the one without a
// recorded use is taken, also where the caller and not the graph knows of it.
func TestCutsAskWhatWasUsed(t *testing.T) {
	var b Builder
	source, middle, target := b.Node(Node{Ref: ref(0), Kind: Identity}), b.Node(Node{Ref: ref(1), Kind: Identity}), b.Node(Node{Ref: ref(2), Kind: Identity})
	near, far := b.Grant(Grant{Subject: ref(0)}), b.Grant(Grant{Subject: ref(1)})
	b.Step(Step{From: []NodeID{source}, To: middle, Needs: [][]GrantID{{near}}})
	b.Step(Step{From: []NodeID{middle}, To: target, Needs: [][]GrantID{{far}}})
	g := b.Build()
	for _, want := range []GrantID{near, far} {
		cut := g.Cuts([]NodeID{target}, CutOptions{Used: func(x Grant) *bool {
			used := x.Subject != g.Grant(want).Subject
			return &used
		}, Sources: []NodeID{source}})
		if !slices.Equal(cut.Grants, []GrantID{want}) {
			t.Errorf("cut %v, want %d, which was not used", cut.Grants, want)
		}
	}
}
