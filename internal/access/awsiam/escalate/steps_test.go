package escalate

import (
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/graph"
)

// TestStepsLeadWhereTheSearchDoes builds the graph of random accounts, and asks
// it who reaches an administrator.
func TestStepsLeadWhereTheSearchDoes(t *testing.T) {
	reached, missed, longer := 0, 0, 0
	for seed := range uint64(100) {
		s := world(seed)
		var b graph.Builder
		s.Steps(&b)
		g := b.Build()
		want := make(map[string]Escalation)
		for _, e := range s.Escalations() {
			want[e.Identity] = e
		}
		for arn, p := range s.Principals {
			e, ok := want[arn]
			from := g.Find(refOf(p))
			if from == graph.None {
				if ok {
					t.Errorf("seed %d: %s is not in the graph", seed, arn)
				}
				continue
			}
			if g.Node(from).Admin != (ok && e.Already) {
				t.Errorf("seed %d: %s: administrator %t, want %t", seed, arn, g.Node(from).Admin, e.Already)
			}
			if ok && e.Already {
				continue
			}
			r := g.Reach(graph.Options{}, from)
			hops := 0
			for _, n := range r.Nodes() {
				if g.Node(n).Admin && g.Node(n).Kind != graph.Set && (hops == 0 || r.Hops(n) < hops) {
					hops = r.Hops(n)
				}
			}
			switch {
			case hops > 0 && !ok:
				t.Errorf("seed %d: %s reaches an administrator in the graph only", seed, arn)
			case hops == 0 && ok:
				missed++
				t.Logf("seed %d: %s: missed %+v", seed, arn, e.Hops)
			case hops > 0:
				reached++
				if hops != len(e.Hops) {
					longer++
				}
			}
		}
	}
	t.Logf("%d reached, %d missed, %d of another length", reached, missed, longer)
	if reached == 0 || missed > reached/100 { // where calls of several principals meet
		t.Error("the graph misses what the search finds")
	}
}

// TestStepsRestOnGrants says what can be taken away for every step that is not
// of what somebody gained.
func TestStepsRestOnGrants(t *testing.T) {
	for seed := range uint64(50) {
		s := world(seed)
		var b graph.Builder
		s.Steps(&b)
		g := b.Build()
		for id := range graph.StepID(g.Steps()) {
			step := g.Step(id)
			if slices.Contains([]graph.Verb{graph.Contains, graph.MemberOf}, step.Verb) || step.Technique == "every action" {
				continue
			}
			gained := func(n graph.NodeID) bool { return strings.Contains(g.Node(n).Ref.Key, "#") }
			several := func(n graph.NodeID) bool { // of several who gained something
				return gained(n) || g.Kind(n) == graph.Set && slices.ContainsFunc(g.To(n), func(s graph.StepID) bool { return gained(g.Step(s).From[0]) })
			}
			if slices.ContainsFunc(step.From, several) {
				continue
			}
			if len(step.Needs) == 0 || len(step.Because) == 0 {
				t.Errorf("seed %d: %+v rests on nothing", seed, step)
			}
		}
	}
}
