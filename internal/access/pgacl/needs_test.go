package pgacl_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// FuzzAsk: what is no question is Unknown, and every answer says why.
func FuzzAsk(f *testing.F) {
	for _, q := range [][2]string{{"select", "table app.public.invoices"}, {"execute", "function app.public.f(int, \"x y\"[])"}, {"member of", "role boss"},
		{"usage", `schema app."Odd""one"`}, {"select with grant option", "column app.public.invoices.amount"}, {"create", "database app"}, {"select", ""}, {"set", "parameter work_mem"},
		{"select", "large_object app.17"}} {
		f.Add(q[0], q[1])
	}
	e := base(f, 17).member("reader", "bot", "").engine()
	f.Fuzz(func(t *testing.T, action, resource string) {
		d := e.Can(bot, action, resource)
		if len(d.Because) == 0 || !e.Asks(action, resource) && d.Outcome != access.Unknown {
			t.Fatalf("%+v", d)
		}
		for _, h := range e.WhoCan(testRealm, action, resource) {
			if h.Decision.Outcome == access.ImplicitlyDenied || len(h.Decision.Because) == 0 {
				t.Fatalf("%+v", h)
			}
		}
	})
}

// TestNeedsAreNeeded: without the memberships that one need of a step names,
// the step is gone.
func TestNeedsAreNeeded(t *testing.T) {
	tried := 0
	rapid.Check(t, func(r *rapid.T) {
		d := drawServer(r, 6)
		g := d.world(t).graph()
		for i := range g.Steps() {
			s := g.Step(graph.StepID(i))
			if s.Verb != graph.MemberOf && s.Verb != graph.Attaches || len(s.Needs) == 0 {
				continue
			}
			gone := map[[2]string]bool{}
			for _, id := range s.Needs[0] {
				reason := g.Grant(id).Reason
				member, _, _ := strings.Cut(reason.Statement, ",")
				gone[[2]string{strings.TrimPrefix(reason.Document, "role "), member}] = true
			}
			less := d
			less.memberships = slices.DeleteFunc(slices.Clone(d.memberships), func(m [3]string) bool { return gone[[2]string{m[0], m[1]}] })
			if len(less.memberships) == len(d.memberships) {
				continue // an attribute, not a membership
			}
			tried++
			from, to := g.Node(s.From[0]).Ref, g.Node(s.To).Ref
			if after := less.world(t).graph(); stands(after, from, to, s.Technique) {
				r.Fatalf("%s from %s to %s stands without %v", s.Technique, from, to, gone)
			}
		}
	})
	if tried < 20 {
		t.Errorf("only %d needs were tried", tried)
	}
}

func stands(g *graph.Graph, from, to retinue.Ref, technique string) bool {
	start := g.Find(from)
	return start != graph.None && slices.ContainsFunc(g.From(start), func(id graph.StepID) bool {
		s := g.Step(id)
		return s.Technique == technique && g.Node(s.To).Ref == to
	})
}
