package spread

import (
	"fmt"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// asks answers by fixed lists.
type asks struct {
	near, yes, varies []string
	single            []string
	calls             int
	steps             Steps
}

func (a *asks) Near(place string) bool { return slices.Contains(a.near, place) }

func (a *asks) At(place string) (Answer, bool, bool) {
	a.calls++
	return Answer{Sure: true}, slices.Contains(a.yes, place), slices.Contains(a.varies, place)
}

func (a *asks) Of(t *Target) (Answer, bool) {
	a.calls++
	return Answer{Sure: true}, slices.Contains(a.single, t.Resource)
}

func (a *asks) Step(to graph.NodeID, got Answer) { a.steps.Add(to, graph.Reads, "", got) }

func TestWalk(t *testing.T) {
	ref := func(key string) retinue.Ref { return retinue.NewRef("x:x", "thing", key) }
	for name, c := range map[string]struct {
		asks   asks
		denied bool
		want   []string
		calls  int
	}{
		"all below":                          {asks: asks{near: []string{"top"}, yes: []string{"top"}}, want: []string{"a1", "a2", "b1"}, calls: 1},
		"one place":                          {asks: asks{near: []string{"top", "a"}, yes: []string{"a"}}, want: []string{"a1", "a2"}, calls: 2},
		"one with a grant of its own":        {asks: asks{near: []string{"top", "a"}, single: []string{"a2"}}, want: []string{"a2"}, calls: 3},
		"one that is not asked for alone":    {asks: asks{near: []string{"top", "a"}, single: []string{"a1"}}, calls: 3},
		"nothing near":                       {asks: asks{yes: []string{"top", "a", "b"}}},
		"denied below":                       {asks: asks{near: []string{"top"}, yes: []string{"top", "b"}}, denied: true, want: []string{"b1"}, calls: 4},
		"an answer that hangs on each":       {asks: asks{near: []string{"top"}, varies: []string{"top", "a", "b"}, single: []string{"a1", "b1"}}, want: []string{"a1", "b1"}, calls: 6},
		"an answer above that holds nowhere": {asks: asks{near: []string{"top"}, varies: []string{"top", "a", "b"}}, calls: 6},
	} {
		t.Run(name, func(t *testing.T) {
			var b graph.Builder
			tree := New(&b, func(place string) graph.Node { return Set("x:x", "set", place, place) })
			for _, target := range []struct {
				place, name string
				alone       bool
			}{{"a", "a1", false}, {"a", "a2", true}, {"b", "b1", false}} {
				to := b.Node(graph.Node{Ref: ref(target.name), Kind: graph.Resource})
				tree.Add([]Place{{Name: "top", Denied: c.denied}, {Name: target.place}}, Target{Resource: target.name, To: to, Alone: target.alone})
			}
			c.asks.steps = Steps{B: &b, Key: "who", From: b.Node(graph.Node{Ref: ref("who")}), Reached: &Reached{}}
			tree.Walk(&c.asks)
			g := b.Build()
			if got := below(g, g.Find(ref("who"))); !slices.Equal(got, c.want) || c.asks.calls != c.calls {
				t.Errorf("reaches %v by %d questions, want %v by %d", got, c.asks.calls, c.want, c.calls)
			}
		})
	}
}

func below(g *graph.Graph, from graph.NodeID) []string {
	var out []string
	for _, id := range g.From(from) {
		to := g.Step(id).To
		if n := g.Node(to); n.Kind != graph.Set {
			out = append(out, n.Ref.Key)
		}
		out = append(out, below(g, to)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestSteps: of ways that rest on the same grants one is enough, and what a group
// reaches is not said again.
func TestSteps(t *testing.T) {
	var b graph.Builder
	node := func(i int) graph.NodeID {
		return b.Node(graph.Node{Ref: retinue.NewRef("x:x", "thing", fmt.Sprint(i))})
	}
	var reached Reached
	group := Steps{B: &b, Key: "group", From: node(0), Reached: &reached}
	who := Steps{B: &b, Key: "who", From: node(1), Groups: []string{"group"}, Reached: &reached}
	needs := func(ids ...graph.GrantID) Answer { return Answer{Sure: true, Needs: [][]graph.GrantID{ids}} }
	add := func(s *Steps, to int, a Answer, want bool) {
		t.Helper()
		if _, got := s.Add(node(to), graph.Mints, "", a); got != want {
			t.Errorf("step to %d: added %t", to, got)
		}
	}
	add(&group, 2, needs(1), true)
	add(&group, 2, needs(1), false)
	add(&group, 2, needs(2), true)
	add(&group, 3, Answer{Needs: [][]graph.GrantID{{1}}}, true)
	add(&who, 2, needs(3), false)
	add(&who, 3, needs(3), true) // the group's is not sure
}
