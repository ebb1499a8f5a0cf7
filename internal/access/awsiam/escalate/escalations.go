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
	side(len(x.list), func(i int) { found[i] = s.escalationsOf(x, x.list[i]) })
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

// judge finds who is an administrator, on which what is worth looking at
// depends.
func (s *State) judge() *index {
	x := s.ready()
	s.judged.Do(func() {
		side(len(x.list), func(i int) {
			h := x.list[i]
			a := newAsker(s)
			for _, list := range [][]*Principal{h.users, h.roles} {
				for _, p := range list {
					p.admin = p.wide && a.admin(a.as(p))
					h.raises = h.raises || !p.admin && p.allows.meets(&x.raising)
				}
			}
		})
	})
	return x
}

// escalationsOf searches from the principals of an account, once for all that
// are alike where nothing is found.
func (s *State) escalationsOf(x *index, h *home) []Escalation {
	var out []Escalation
	a := newAsker(s)
	var so *sorter
	dead := make(map[string]bool)
	for _, p := range ordered(h.users, h.roles) {
		if p.admin {
			out = append(out, Escalation{Identity: p.ARN, Already: true, Hops: []Hop{}})
			continue
		}
		if p.idle() {
			continue
		}
		if so == nil {
			so = newSorter(s, x, h)
		}
		key, shared := so.class(p)
		if shared && dead[string(key)] {
			continue
		}
		r := &run{asker: a, goal: a.admin, prune: true}
		r.search(a.as(p))
		switch {
		case r.found != nil:
			out = append(out, Escalation{Identity: p.ARN, Target: r.found.ARN, Hops: r.path(r.found)})
		case shared:
			dead[string(key)] = true
		}
	}
	return out
}
