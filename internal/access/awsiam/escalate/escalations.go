package escalate

import (
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
	side(len(x.list), func(i int) { found[i] = s.escalationsOf(x.list[i]) })
	if out := slices.Concat(found...); out != nil {
		return out
	}
	return []Escalation{}
}

// side calls fn for the numbers below n, several at once.
func side(n int, fn func(int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				fn(i)
			}
		})
	}
	wait.Wait()
}

// escalationsOf searches from the principals of an account, once for all that
// are alike where nothing is found.
func (s *State) escalationsOf(h *home) []Escalation {
	var out []Escalation
	a := newAsker(s)
	dead := make(map[int32]bool)
	for _, p := range ordered(h.users, h.roles) {
		if p.admin {
			out = append(out, Escalation{Identity: p.ARN, Already: true, Hops: []Hop{}})
			continue
		}
		if p.idle() || dead[p.alike] {
			continue
		}
		r := &run{asker: a, goal: a.admin, prune: true}
		r.search(a.as(p))
		switch {
		case r.found != nil:
			out = append(out, Escalation{Identity: p.ARN, Target: r.found.ARN, Hops: r.path(r.found)})
		case p.alike != 0:
			dead[p.alike] = true
		}
	}
	return out
}
