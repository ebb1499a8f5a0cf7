package pipelines

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// crowd is an organisation of n repositories, each with a workflow and a role
// that trusts it, and a tenth as many roles that trust the whole organisation.
func crowd(t testing.TB, n int) *scene {
	s := newScene(t)
	for i := range n {
		realm := retinue.NewRealm("git", fmt.Sprintf("%040d", i))
		address := fmt.Sprintf("github.com/acme/app-%d", i)
		s.repository(realm, address)
		s.pipeline(realm, workflow(func(d *Definition) { d.Repository = address }), nil)
		s.role(fmt.Sprintf("app-%d", i), subjects("StringLike", fmt.Sprintf(`["repo:acme/app-%d:ref:refs/heads/main","repo:acme/app-%d:environment:*"]`, i, i)))
		if i%10 == 0 {
			s.role(fmt.Sprintf("all-%d", i), subjects("StringLike", `"repo:acme/*"`))
		}
	}
	return s
}

// TestCrowd finds each workflow's role among many.
func TestCrowd(t *testing.T) {
	const n = 60
	e := crowd(t, n).engine()
	for ref, p := range e.pipelines {
		if len(p.ways) != 1+n/10 {
			t.Errorf("%s reaches %d roles", ref, len(p.ways))
		}
		for _, w := range p.ways {
			if w.decision.Outcome != access.Allowed {
				t.Errorf("%s: %+v", ref, w.decision)
			}
		}
	}
	var b graph.Builder
	e.Steps(&b)
	if g := b.Build(); g.Steps() < n*(2+n/10) {
		t.Errorf("%d steps", g.Steps())
	}
}

// BenchmarkMatch is 300 workflows against 330 trusts.
func BenchmarkMatch(b *testing.B) {
	for b.Loop() {
		crowd(b, 300).engine()
	}
}
