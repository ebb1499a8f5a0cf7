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

// judge finds who is an administrator, on which what is worth looking at
// depends, and who is like whom.
func (s *State) judge() *index {
	x := s.ready()
	s.judged.Do(func() {
		var classes atomic.Int32
		side(len(x.list), func(i int) { s.judgeHome(x, x.list[i], &classes) })
	})
	return x
}

func (s *State) judgeHome(x *index, h *home, classes *atomic.Int32) {
	a := newAsker(s)
	lists := [][]*Principal{h.users, h.roles}
	for _, list := range lists {
		for _, p := range list {
			p.admin = p.wide && a.admin(a.as(p))
			if !p.admin {
				h.raisesUsers = h.raisesUsers || p.allows.meets(&x.raisingUsers)
				h.raisesRoles = h.raisesRoles || p.allows.meets(&x.raisingRoles)
			}
		}
	}
	so := newSorter(s, x, h)
	numbers := make(map[string]int32)
	number := func(key []byte, shared bool) int32 {
		if !shared {
			return 0
		}
		n, ok := numbers[string(key)]
		if !ok {
			n = classes.Add(1)
			numbers[string(key)] = n
		}
		return n
	}
	for _, list := range lists {
		for _, p := range list {
			if !p.admin && !p.idle() {
				p.alike = number(so.class(p))
			}
		}
	}
	clear(numbers)
	for _, list := range lists {
		for _, p := range list {
			p.likeness = number(so.likeness(p))
		}
	}
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
