package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// drawn is a small random graph with what it was made of.
type drawn struct {
	*Graph
	steps []Step
}

// shape bounds what is drawn.
type shape struct {
	nodes, steps, grants int
	joint                bool // steps with several sources
}

func ref(i int) retinue.Ref {
	return retinue.NewRef(retinue.Realm("test:1"), "thing", fmt.Sprint(i))
}

// draw makes a graph of few nodes and many steps, so that cycles, several ways
// and shared grants are the rule. The sizes are drawn, and shrink; the rest comes
// from a drawn seed, for what rapid draws itself is mostly small and so mostly
// about the first few nodes.
func draw(t *rapid.T, s shape) drawn {
	rng := random(t)
	var b Builder
	kinds := []Kind{Identity, Identity, Identity, Credential, Resource, Outside, Set, Set}
	nodes := rapid.IntRange(s.nodes/2, s.nodes).Draw(t, "nodes")
	for i := range nodes {
		b.Node(Node{Ref: ref(i), Kind: kinds[rng.IntN(len(kinds))], Admin: rng.IntN(6) == 0})
	}
	grants := rapid.IntRange(s.grants/2, s.grants).Draw(t, "grants")
	for i := range grants {
		b.Grant(someGrant(rng, i))
	}
	var out drawn
	for range rapid.IntRange(s.steps/2, s.steps).Draw(t, "steps") {
		step := someStep(rng, s, nodes, grants)
		b.Step(step)
		if !slices.Contains(step.From, step.To) {
			out.steps = append(out.steps, step)
		}
	}
	out.Graph = b.Build()
	return out
}

func random(t *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)) //nolint:gosec // a test's
}

func someStep(rng *rand.Rand, s shape, nodes, grants int) Step {
	step := Step{To: NodeID(rng.IntN(nodes)), Verb: []Verb{Assumes, Contains, Reads}[rng.IntN(3)]}
	sources := 1
	if s.joint && rng.IntN(3) == 0 {
		sources = 2 + rng.IntN(2)
	}
	for range sources {
		step.From = append(step.From, NodeID(rng.IntN(nodes)))
	}
	for range s.needs(rng) {
		need := make([]GrantID, 1+rng.IntN(4)/3)
		for i := range need {
			need[i] = GrantID(rng.IntN(grants))
		}
		step.Needs = append(step.Needs, need)
	}
	if rng.IntN(5) == 0 {
		step.Assumes = "a function"
	}
	return step
}

// needs is how many needs a step has, mostly one.
func (s shape) needs(rng *rand.Rand) int { return []int{0, 1, 1, 1, 1, 1, 1, 2}[rng.IntN(8)] }

func someGrant(rng *rand.Rand, i int) Grant {
	g := Grant{Subject: ref(0), Reason: access.Reason{Layer: "identity policy", Document: fmt.Sprint("p", i), Effect: "allow"}}
	g.Fixed = rng.IntN(16) == 0
	if n := rng.IntN(3); n > 0 {
		used := n == 1
		g.Used = &used
	}
	return g
}

func drawOptions(t *rapid.T, g *Graph) Options {
	rng := random(t)
	var opt Options
	opt.Certain = rng.IntN(4) == 0
	if rng.IntN(4) == 0 {
		opt.Except = []Verb{Reads}
	}
	for range rng.IntN(4) - 1 {
		opt.Without = append(opt.Without, GrantID(rng.IntN(g.Grants())))
	}
	if rng.IntN(3) == 0 {
		opt.Avoid = []NodeID{NodeID(rng.IntN(g.Len()))}
	}
	if rng.IntN(4) == 0 {
		opt.Within = 1 + rng.IntN(4)
	}
	return opt
}

func drawNodes(t *rapid.T, g *Graph) []NodeID {
	rng := random(t)
	all := rng.Perm(g.Len())
	var out []NodeID
	for _, n := range all[:1+rng.IntN(min(2, g.Len()))] {
		out = append(out, NodeID(n))
	}
	return out
}

// standing is the plain reading of Options: whether a step is there.
func standing(opt Options, s Step) bool {
	if opt.Certain && s.Possible() || slices.Contains(opt.Except, s.Verb) || slices.Contains(opt.Avoid, s.To) {
		return false
	}
	for _, need := range s.Needs {
		if !slices.ContainsFunc(need, func(id GrantID) bool { return !slices.Contains(opt.Without, id) }) {
			return false
		}
	}
	return true
}

const far = math.MaxInt32

// lengths is the plain reading of Reach: the smallest solution of "the length of
// a node is one more than those of a step's sources together", by going over all
// steps until nothing changes.
func (d drawn) lengths(opt Options, from ...NodeID) []int {
	out := make([]int, d.Len())
	for i := range out {
		out[i] = far
	}
	for _, n := range from {
		if !slices.Contains(opt.Avoid, n) {
			out[n] = 0
		}
	}
	for changed := true; changed; {
		changed = false
		for _, s := range d.steps {
			if !standing(opt, s) {
				continue
			}
			sum := 1
			if d.Kind(s.To) == Set {
				sum = 0
			}
			for i, n := range s.From {
				if !slices.Contains(s.From[:i], n) {
					sum = min(far, sum+out[n])
				}
			}
			if sum < out[s.To] && (opt.Within == 0 || sum <= opt.Within) {
				out[s.To] = sum
				changed = true
			}
		}
	}
	return out
}

// checkPath fails where a path does not lead from nodes to a node by steps that
// are there.
func (d drawn) checkPath(t *rapid.T, opt Options, path Path, to NodeID, from ...NodeID) {
	t.Helper()
	have := make(map[NodeID]bool)
	for _, n := range from {
		have[n] = true
	}
	var seen []StepID
	for _, id := range path {
		s := d.Step(id)
		if slices.Contains(seen, id) {
			t.Fatalf("step %d stands twice in %v", id, path)
		}
		seen = append(seen, id)
		if !standing(opt, s) {
			t.Fatalf("step %d is not there", id)
		}
		for _, n := range s.From {
			if !have[n] {
				t.Fatalf("step %d of %v needs %d before it", id, path, n)
			}
		}
		have[s.To] = true
	}
	if !have[to] {
		t.Fatalf("%v does not lead to %d", path, to)
	}
}

// hopsOf counts the steps of a path that do not enter a Set.
func (d drawn) hopsOf(path Path) int {
	n := 0
	for _, id := range path {
		if d.Kind(d.Step(id).To) != Set {
			n++
		}
	}
	return n
}

func TestBuildKeepsSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, shape{nodes: 8, steps: 12, grants: 4, joint: true})
		text := func(s Step) string {
			var needs [][]GrantID
			for _, need := range s.Needs {
				needs = append(needs, slices.Compact(slices.Sorted(slices.Values(need))))
			}
			return fmt.Sprint(slices.Compact(slices.Sorted(slices.Values(s.From))), s.To, s.Verb, s.Assumes, needs)
		}
		var want, got []string
		for _, s := range d.steps {
			want = append(want, text(s))
		}
		leave, enter := 0, 0
		for i := range d.Steps() {
			s := d.Step(StepID(i))
			got = append(got, text(s))
			if !slices.Contains(d.To(s.To), StepID(i)) {
				t.Fatalf("step %d does not enter %d", i, s.To)
			}
			for _, n := range s.From {
				if !slices.Contains(d.From(n), StepID(i)) {
					t.Fatalf("step %d does not leave %d", i, n)
				}
				leave++
			}
			enter++
		}
		for n := range d.Len() {
			leave -= len(d.From(NodeID(n)))
			enter -= len(d.To(NodeID(n)))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) || leave != 0 || enter != 0 {
			t.Fatalf("got %v (%d, %d)\nwant %v", got, leave, enter, want)
		}
	})
}
