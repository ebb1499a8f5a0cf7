package escalate

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Escalation is how a principal reaches an administrator.
type Escalation struct {
	Identity string `json:"identity"`
	// Target is the administrator that it acts as in the end, which may be the
	// identity itself with more permissions.
	Target string `json:"target,omitempty"`
	// Already is true for an administrator; it needs no hops.
	Already bool  `json:"already,omitempty"`
	Hops    []Hop `json:"hops"`
}

// Escalations returns every principal that is an administrator or can reach
// one, by its ARN, with a path of the fewest steps. It uses every processor, an
// account on each at a time.
func (s *State) Escalations() []Escalation {
	x := s.judge()
	found := make([][]Escalation, len(x.list))
	s.accounts(x, func(a *asker, i int) { found[i] = a.escalationsOf(x.list[i]) })
	if out := slices.Concat(found...); out != nil {
		return out
	}
	return []Escalation{}
}

// side calls functions for the numbers below n, several at once, each of which
// begin makes.
func side(n int, begin func() func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			fn := begin()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	wait.Wait()
}

// accounts calls fn for every account, each with an asker that knows nothing
// yet.
func (s *State) accounts(x *index, fn func(a *asker, i int)) {
	side(len(x.list), func() func(int) {
		a := newAsker(s)
		return func(i int) {
			fn(a, i)
			a.reset()
		}
	})
}

// escalationsOf searches from the principals of an account. Where nothing is
// found from one, nothing is from those that are like it, nor from those that it
// came to act as, which hold no more than it does: so those who may do most go
// first.
func (a *asker) escalationsOf(h *home) []Escalation {
	var out []Escalation
	var starts []*Principal
	h.each(func(p *Principal) {
		switch {
		case p.admin:
			out = append(out, Escalation{Identity: p.ARN, Already: true, Hops: []Hop{}})
		case !p.idle() && (p.named || h.open || !a.can(a.as(p)).empty()):
			starts = append(starts, p)
		}
	})
	slices.SortFunc(starts, func(a, b *Principal) int {
		return cmp.Or(cmp.Compare(b.allows.size(), a.allows.size()), cmp.Compare(a.ARN, b.ARN))
	})
	lost, dead := make(map[int32]bool), make(map[*Principal]bool)
	for _, p := range starts {
		if lost[p.alike] || dead[p] {
			continue
		}
		r := &run{asker: a, goal: a.admin, prune: true}
		r.search(a.as(p))
		if r.found != nil {
			out = append(out, Escalation{Identity: p.ARN, Target: r.found.ARN, Hops: r.path(r.found)})
			continue
		}
		for _, n := range r.order {
			if n.name == "" && n.home == h {
				dead[n.Principal] = true
				lost[n.alike] = n.alike != 0
			}
		}
	}
	slices.SortFunc(out, func(a, b Escalation) int { return cmp.Compare(a.Identity, b.Identity) })
	return out
}
