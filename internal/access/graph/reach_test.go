package graph

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestReachIsWhatStepsLeadTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, shape{nodes: 8, steps: 16, grants: 4, joint: rapid.Bool().Draw(t, "joint")})
		r := d.Reach(Options{})
		for range 3 { // the second and third use the memory of the first
			opt, from := drawOptions(t, d.Graph), drawNodes(t, d.Graph)
			r.Again(opt, from...)
			want := d.lengths(opt, from...)
			last, count := 0, 0
			for _, n := range r.Nodes() {
				if r.Hops(n) < last {
					t.Fatalf("%v is not nearest first", r.Nodes())
				}
				last = r.Hops(n)
			}
			for n := range NodeID(d.Len()) {
				if want[n] == far {
					if r.Reached(n) || r.Path(n) != nil || r.Hops(n) != None {
						t.Fatalf("%d is reached", n)
					}
					continue
				}
				count++
				if r.Hops(n) != want[n] {
					t.Fatalf("%d is %d away, not %d", n, want[n], r.Hops(n))
				}
				path := r.Path(n)
				d.checkPath(t, opt, path, n, from...)
				if h := d.hopsOf(path); h > want[n] || h != want[n] && len(d.Graph.steps.joint) == 0 {
					t.Fatalf("%v has %d hops, not %d", path, h, want[n])
				}
			}
			if count != len(r.Nodes()) {
				t.Fatalf("%d of %d nodes are listed", len(r.Nodes()), count)
			}
		}
	})
}

func TestReachEndsAtTheNearestGoal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, shape{nodes: 8, steps: 16, grants: 4, joint: true})
		opt, from := drawOptions(t, d.Graph), drawNodes(t, d.Graph)
		goals := drawNodes(t, d.Graph)
		want := d.lengths(opt, from...)
		nearest := far
		for _, n := range goals {
			nearest = min(nearest, want[n])
		}
		opt.Goals = goals
		r := d.Reach(opt, from...)
		if nearest == far {
			if r.Goal() != None {
				t.Fatalf("goal %d is reached", r.Goal())
			}
			return
		}
		if r.Goal() == None || want[r.Goal()] != nearest || !slices.Contains(goals, r.Goal()) {
			t.Fatalf("goal is %d; one is %d away", r.Goal(), nearest)
		}
		d.checkPath(t, opt, r.Path(r.Goal()), r.Goal(), from...)
		d.checkPath(t, opt, d.Path(opt, r.Goal(), from...), r.Goal(), from...)
		for n := range NodeID(d.Len()) {
			if r.Reached(n) && r.Hops(n) != want[n] {
				t.Fatalf("%d is %d away, not %d", n, want[n], r.Hops(n))
			}
		}
	})
}

func TestBackwardIsReachOfEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, shape{nodes: 8, steps: 16, grants: 4, joint: rapid.Bool().Draw(t, "joint")})
		b := d.Backward(Options{})
		for range 2 {
			opt, targets := drawOptions(t, d.Graph), drawNodes(t, d.Graph)
			b.Again(opt, targets...)
			count, last := 0, 0
			for n := range NodeID(d.Len()) {
				want := far
				for target, length := range d.lengths(opt, n) {
					if slices.Contains(targets, NodeID(target)) {
						want = min(want, length)
					}
				}
				if want == far {
					if b.Reaches(n) || b.Hops(n) != None || b.Path(n) != nil || b.Target(n) != None {
						t.Fatalf("%d comes to a target", n)
					}
					continue
				}
				count++
				if b.Hops(n) != want {
					t.Fatalf("%d is %d away, not %d", n, want, b.Hops(n))
				}
				d.checkPath(t, opt, b.Path(n), b.Target(n), n)
				if !slices.Contains(targets, b.Target(n)) {
					t.Fatalf("%d is no target", b.Target(n))
				}
			}
			for _, n := range b.Nodes() {
				if b.Hops(n) < last {
					t.Fatalf("%v is not nearest first", b.Nodes())
				}
				last = b.Hops(n)
			}
			if count != len(b.Nodes()) {
				t.Fatalf("%d of %d nodes are listed", len(b.Nodes()), count)
			}
		}
	})
}

// Nodes from which the same steps lead on share one search, each by steps of its
// own.
func TestBackwardSharesSearches(t *testing.T) {
	var b Builder
	node := func() NodeID { return b.Node(Node{Ref: ref(len(b.nodes))}) }
	left, right, admin := node(), node(), node()
	b.Step(Step{From: []NodeID{left, right}, To: admin})
	var users []NodeID
	for range 5 {
		u := node()
		users = append(users, u)
		b.Step(Step{From: []NodeID{u}, To: right})
		b.Step(Step{From: []NodeID{u}, To: left, Assumes: "a function"})
		b.Step(Step{From: []NodeID{u}, To: left})
	}
	b.Step(Step{From: []NodeID{node()}, To: left})
	g := b.Build()
	for _, opt := range []Options{{}, {Certain: true}} {
		back := g.Backward(opt, admin)
		if got := len(back.Nodes()); got != len(users)+1 {
			t.Errorf("%d nodes come to the administrator", got)
		}
		for _, u := range users {
			path := back.Path(u)
			if len(path) != 3 || back.Hops(u) != 3 || back.Target(u) != admin {
				t.Fatalf("way of %d is %v", u, path)
			}
			for _, s := range path[:2] {
				if step := g.Step(s); step.From[0] != u || opt.Certain && step.Possible() {
					t.Errorf("step of %d is %+v", u, step)
				}
			}
		}
	}
}

// A step with several sources can be the shorter way of a node that has another
// too, and is that of a source of it alone though others have the same steps.
func TestBackwardPrefersTheShorterWay(t *testing.T) {
	var b Builder
	node := func() NodeID { return b.Node(Node{Ref: ref(len(b.nodes))}) }
	admin, helper, first, second := node(), node(), node(), node()
	source, twin := node(), node()
	for _, n := range []NodeID{source, twin} {
		b.Step(Step{From: []NodeID{n}, To: helper})
		b.Step(Step{From: []NodeID{n}, To: first})
	}
	b.Step(Step{From: []NodeID{first}, To: second})
	b.Step(Step{From: []NodeID{second}, To: admin})
	b.Step(Step{From: []NodeID{source, helper}, To: admin})
	other, alone := node(), node() // these have no other way
	for _, n := range []NodeID{other, alone} {
		b.Step(Step{From: []NodeID{n}, To: helper})
	}
	b.Step(Step{From: []NodeID{helper, other}, To: admin})
	g := b.Build()
	back := g.Backward(Options{}, admin)
	for n, want := range map[NodeID]int{source: 2, twin: 3, other: 2, alone: None, helper: None} {
		if got := back.Hops(n); got != want {
			t.Errorf("%d is %d away, not %d", n, got, want)
		}
	}
	if want := []NodeID{admin, second, first, source, other, twin}; !slices.Equal(slices.Sorted(slices.Values(back.Nodes())), slices.Sorted(slices.Values(want))) {
		t.Errorf("nodes are %v", back.Nodes())
	}
}

func TestHopsJoinTheStepsOfASet(t *testing.T) {
	var b Builder
	node := func(i int, k Kind) NodeID { return b.Node(Node{Ref: ref(i), Kind: k}) }
	alice, group, roles, role, bob, both := node(0, Identity), node(1, Set), node(2, Set), node(3, Identity), node(4, Identity), node(5, Set)
	end := node(6, Resource)
	b.Step(Step{From: []NodeID{alice}, To: group, Verb: MemberOf})
	b.Step(Step{From: []NodeID{group}, To: roles, Verb: Assumes})
	b.Step(Step{From: []NodeID{roles}, To: role, Verb: Contains})
	b.Step(Step{From: []NodeID{roles}, To: bob, Verb: Contains})
	b.Step(Step{From: []NodeID{role, bob}, To: both, Verb: Writes})
	b.Step(Step{From: []NodeID{both}, To: end, Verb: Contains})
	g := b.Build()
	r := g.Reach(Options{}, alice)
	hops := g.Hops(r.Path(end))
	if len(hops) != 3 || r.Hops(end) != 3 || r.Hops(role) != 1 || r.Hops(group) != 0 {
		t.Fatalf("%d hops, counted %d: %v", len(hops), r.Hops(end), hops)
	}
	first, last := hops[0], hops[2]
	if !slices.Equal(first.From, []NodeID{alice}) || first.To != role || len(first.Steps) != 3 || g.Step(first.Main).Verb != Assumes {
		t.Errorf("first hop is %+v", first)
	}
	if !slices.Equal(last.From, []NodeID{role, bob}) || last.To != end || g.Step(last.Main).Verb != Writes {
		t.Errorf("last hop is %+v", last)
	}
	if h := g.Hops(r.Path(roles)); len(h) != 1 || h[0].To != roles || len(h[0].Steps) != 2 {
		t.Errorf("a path to a set is %+v", h)
	}
	if h := g.Hops(Path{}); h != nil {
		t.Errorf("an empty path has hops %+v", h)
	}
}

// Lengths of steps with several sources can double with each: they end at the
// largest number, and what lies behind is still reached.
func TestReachOfDoublingLengths(t *testing.T) {
	var b Builder
	last := b.Node(Node{Ref: ref(0)})
	start := last
	for i := range 100 {
		left, right, next := b.Node(Node{Ref: ref(3*i + 1)}), b.Node(Node{Ref: ref(3*i + 2)}), b.Node(Node{Ref: ref(3*i + 3)})
		b.Step(Step{From: []NodeID{last}, To: left})
		b.Step(Step{From: []NodeID{last}, To: right})
		b.Step(Step{From: []NodeID{left, right}, To: next})
		last = next
	}
	g := b.Build()
	r := g.Reach(Options{}, start)
	if path := r.Path(last); len(path) != 300 || r.Hops(last) != far {
		t.Errorf("%d steps, %d hops", len(path), r.Hops(last))
	}
	if back := g.Backward(Options{}, last); len(back.Path(start)) != 300 {
		t.Errorf("%d steps back", len(back.Path(start)))
	}
}

func TestEmptyGraph(t *testing.T) {
	var b Builder
	g := b.Build()
	if r := g.Reach(Options{}); len(r.Nodes()) != 0 || g.Find(ref(1)) != None {
		t.Error("something is in an empty graph")
	}
	if c := g.Cuts(nil, CutOptions{}); len(c.Grants) != 0 || !c.Exact {
		t.Errorf("cut of an empty graph is %+v", c)
	}
}
