package graph

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// minimal lists the sets of steps, as masks, that lead to a node and of which no
// part does.
func (d drawn) minimal(opt Options, to NodeID, from ...NodeID) []uint {
	var out []uint
	for mask := range uint(1) << d.Steps() {
		if slices.ContainsFunc(out, func(m uint) bool { return m&mask == m }) || !d.leads(opt, mask, to, from) {
			continue
		}
		out = append(out, mask)
	}
	return out
}

func (d drawn) leads(opt Options, mask uint, to NodeID, from []NodeID) bool {
	have := make(map[NodeID]bool)
	for _, n := range from {
		have[n] = !slices.Contains(opt.Avoid, n)
	}
	for changed := true; changed; {
		changed = false
		for i := range d.Steps() {
			s := d.Step(StepID(i))
			if mask>>i&1 == 1 && !have[s.To] && standing(opt, s) &&
				!slices.ContainsFunc(s.From, func(n NodeID) bool { return !have[n] }) {
				have[s.To], changed = true, true
			}
		}
	}
	return have[to]
}

// grantsOf are the grants that the steps of a mask name.
func (d drawn) grantsOf(mask uint) (grants uint) {
	for i := range d.Steps() {
		if mask>>i&1 == 1 {
			for _, need := range d.Step(StepID(i)).Needs {
				for _, id := range need {
					grants |= 1 << id
				}
			}
		}
	}
	return grants
}

// mostApart tries every choice of ways.
func (d drawn) mostApart(ways []uint, apart Apart, steps, grants uint) int {
	most := 0
	for i, w := range ways {
		g := d.grantsOf(w)
		if w&steps != 0 || apart == ByGrant && g&grants != 0 {
			continue
		}
		most = max(most, 1+d.mostApart(ways[i+1:], apart, steps|w, grants|g))
	}
	return most
}

func TestDisjointIsTheMost(t *testing.T) {
	var plain, met int
	rapid.Check(t, func(t *rapid.T) {
		joint := rapid.Bool().Draw(t, "joint")
		d := draw(t, shape{nodes: 5, steps: 12, grants: 10, joint: joint})
		opt, ends := drawOptions(t, d.Graph), random(t).Perm(d.Len())
		opt.Within = 0
		to, from := NodeID(ends[0]), []NodeID{NodeID(ends[1])}
		apart := rapid.SampledFrom([]Apart{ByStep, ByGrant}).Draw(t, "apart")
		got := d.Disjoint(opt, apart, to, from...)
		want := d.mostApart(d.minimal(opt, to, from...), apart, 0, 0)
		var steps, grants uint
		for _, p := range got.Paths {
			d.checkPath(t, opt, p, to, from...)
			var mask uint
			for _, s := range p {
				mask |= 1 << s
			}
			if mask&steps != 0 || apart == ByGrant && d.grantsOf(mask)&grants != 0 {
				t.Fatalf("%v has something in common with another of %v", p, got.Paths)
			}
			steps, grants = steps|mask, grants|d.grantsOf(mask)
		}
		if len(got.Paths) > want || got.AtMost < want || got.Exact != (len(got.Paths) == got.AtMost) {
			t.Fatalf("%d ways, at most %d, exact %t; there are %d", len(got.Paths), got.AtMost, got.Exact, want)
		}
		if apart == ByStep && len(d.Graph.steps.joint) == 0 && !got.Exact {
			t.Fatalf("%d ways of at most %d are not exact without joint steps", len(got.Paths), got.AtMost)
		}
		if want > 1 {
			plain++
			if got.Exact {
				met++
			}
		}
	})
	t.Logf("the bound was met in %d of %d with several ways", met, plain)
}

// What one grant gives at one end is one way: the bound says so too.
func TestDisjointByGrantsOfOneEnd(t *testing.T) {
	for name, at := range map[string]struct{ leave, enter bool }{"leaving": {true, false}, "entering": {false, true}, "neither": {}} {
		var b Builder
		start, left, right, end := b.Node(Node{Ref: ref(0)}), b.Node(Node{Ref: ref(1)}), b.Node(Node{Ref: ref(2)}), b.Node(Node{Ref: ref(3)})
		var grants [][]GrantID
		for i := range 4 {
			grants = append(grants, []GrantID{b.Grant(Grant{Subject: ref(i)})})
		}
		pick := func(same bool, i, j int) [][]GrantID {
			if same {
				i = j
			}
			return grants[i : i+1]
		}
		b.Step(Step{From: []NodeID{start}, To: left, Needs: grants[:1]})
		b.Step(Step{From: []NodeID{start}, To: right, Needs: pick(at.leave, 1, 0)})
		b.Step(Step{From: []NodeID{left}, To: end, Needs: grants[2:3]})
		b.Step(Step{From: []NodeID{right}, To: end, Needs: pick(at.enter, 3, 2)})
		g := b.Build()
		want := 1
		if name == "neither" {
			want = 2
		}
		if got := g.Disjoint(Options{}, ByGrant, end, start); len(got.Paths) != want || got.AtMost != want || !got.Exact {
			t.Errorf("%s: ways are %+v", name, got)
		}
		if got := g.Disjoint(Options{}, ByStep, end, start); len(got.Paths) != 2 || !got.Exact {
			t.Errorf("%s: ways by steps are %+v", name, got)
		}
	}
}
