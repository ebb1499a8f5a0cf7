// The search as it first was: each principal by itself, everything looked at.
// What is faster must answer the same.

package escalate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// oracle searches from every principal by itself, and looks at everything.
func oracle(s *State) []Escalation {
	a := newOracleAsker(s)
	out := []Escalation{}
	for _, arn := range slices.Sorted(maps.Keys(s.Principals)) {
		p := s.Principals[arn]
		start := &oracleVariant{Principal: p}
		if a.admin(start) {
			out = append(out, Escalation{Identity: p.ARN, Already: true, Hops: []Hop{}})
			continue
		}
		r := a.run(start, a.admin)
		if r.found != nil {
			out = append(out, Escalation{Identity: p.ARN, Target: r.found.ARN, Hops: r.path(r.found)})
		}
	}
	return out
}

// oracleVariant is a principal as it is after some steps: with more policies, or
// without its boundary.
type oracleVariant struct {
	*Principal
	// all is true where the attacker has given it every permission.
	all bool
	// more are policies it gained, names what they came with.
	more  []*awsiam.Policy
	names []string
	free  bool // without its boundary

	layers *awsiam.Layers
}

func (v *oracleVariant) id() string {
	return fmt.Sprintf("%s %t %t %q", v.ARN, v.all, v.free, v.names)
}

// policies returns the layers of a oracleVariant.
func (s *State) policies(v *oracleVariant) *awsiam.Layers {
	if v.layers != nil {
		return v.layers
	}
	l := &awsiam.Layers{ServiceControl: v.ServiceControl, Unread: s.Unread}
	l.Identity = append(slices.Clone(v.Own), v.more...)
	for _, g := range v.Groups {
		if group := s.Groups[g]; group != nil {
			l.Identity = append(l.Identity, group.Policies...)
		}
	}
	if v.all {
		l.Identity = append(l.Identity, everything)
	}
	if !v.free {
		l.Boundary = v.Boundary
	}
	v.layers = l
	return l
}

func (v *oracleVariant) who() awsiam.Principal {
	p, err := awsiam.ParsePrincipal(v.ARN)
	if err != nil {
		panic(err)
	}
	return p
}

// oracleNode is a principal, in one of its variants, that the attacker acts as.
type oracleNode struct {
	*oracleVariant
	round   int
	place   int // in the order of finding
	hop     Hop
	parents []*oracleNode
}

// oracleRun is one search.
type oracleRun struct {
	*oracleAsker
	held  map[string]*oracleNode
	order []*oracleNode
	round int
	goal  func(*oracleVariant) bool
	found *oracleNode
}

// oracleRun searches in rounds, so that what it finds first has the fewest steps. It
// ends with the first principal that is the goal, or when nothing can be added.
func (a *oracleAsker) run(start *oracleVariant, goal func(*oracleVariant) bool) *oracleRun {
	r := &oracleRun{oracleAsker: a, held: make(map[string]*oracleNode), goal: goal}
	r.hold(&oracleNode{oracleVariant: start})
	techniques := Techniques()
	for before := 0; before < len(r.order) && r.found == nil; {
		before = len(r.order)
		r.round++
		for i := range techniques {
			r.try(&techniques[i])
			if r.found != nil {
				break
			}
		}
	}
	return r
}

// hold adds a oracleNode unless it is held. What is found in this round is used from
// the next on.
func (r *oracleRun) hold(n *oracleNode) {
	if r.held[n.id()] != nil || r.found != nil {
		return
	}
	n.round, n.place = r.round, len(r.order)
	r.held[n.id()] = n
	r.order = append(r.order, n)
	if n.place > 0 && r.goal(n.oracleVariant) {
		r.found = n
	}
}

// active are the nodes of earlier rounds.
func (r *oracleRun) active(yield func(*oracleNode) bool) {
	for _, n := range r.order {
		if n.round >= r.round || !yield(n) {
			return
		}
	}
}

// path is what leads to a oracleNode, in order.
func (r *oracleRun) path(n *oracleNode) []Hop {
	needed := make(map[*oracleNode]bool)
	var need func(*oracleNode)
	need = func(n *oracleNode) {
		if n.place > 0 && !needed[n] {
			needed[n] = true
			for _, p := range n.parents {
				need(p)
			}
		}
	}
	need(n)
	hops := []Hop{}
	for _, n := range slices.SortedFunc(maps.Keys(needed), func(a, b *oracleNode) int { return cmp.Compare(a.place, b.place) }) {
		hops = append(hops, n.hop)
	}
	return hops
}

// oracleProof is who makes the calls of a technique, and what allows them.
type oracleProof struct {
	by      []*oracleNode
	because []access.Reason
}

func (p *oracleProof) add(n *oracleNode, because []access.Reason) {
	if !slices.Contains(p.by, n) {
		p.by = append(p.by, n)
	}
	p.because = append(p.because, because...)
}

// calls reports whether the held principals can make all calls of a technique
// on a target. Calls on the same template that the attacker fills in are on the
// same resource.
func (r *oracleRun) calls(t *Technique, arn string, about target, extra ...call) (oracleProof, bool) {
	var p oracleProof
	all := append(slices.Clone(extra), t.calls...)
	// No use looking closer where nobody may make one of the calls.
	for _, c := range all {
		if !r.anyone(c.action) {
			return p, false
		}
	}
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].on == all[i].on && strings.Contains(all[i].on, "*") && all[end].action != all[i].action {
			end++
		}
		if !r.together(all[i:end], arn, about, &p) {
			return p, false
		}
		i = end
	}
	return p, true
}

func (r *oracleRun) anyone(action string) bool {
	for n := range r.active {
		if r.mayCall(n.oracleVariant, action) {
			return true
		}
	}
	return false
}

// together finds one resource on which all of the calls can be made.
func (r *oracleRun) together(calls []call, arn string, about target, p *oracleProof) bool {
	template := calls[0].on
	if template == targetPattern {
		return r.each(calls, arn, about, p)
	}
	account := about.account
	if account == "" {
		account = r.order[0].Account
	}
	template = strings.NewReplacer("{partition}", partition(r.order[0].ARN), "{account}", account).Replace(template)
	where := target{account: account, known: true}
	if template == "*" || r.each(calls, strings.ReplaceAll(template, "*", unheard), where, p) {
		return template != "*" || r.each(calls, template, where, p)
	}
	// The patterns that each call could be allowed by.
	patterns := make([][]string, len(calls))
	for i, c := range calls {
		for n := range r.active {
			for _, pattern := range r.patterns(n.oracleVariant, c.action) {
				if !slices.Contains(patterns[i], pattern) {
					patterns[i] = append(patterns[i], pattern)
				}
			}
		}
	}
	const most = 500 // combinations that are tried
	left := most
	var choose func(chosen []string) bool
	choose = func(chosen []string) bool {
		if left--; left < 0 {
			return false
		}
		resource, ok := r.fitting(chosen...)
		if !ok {
			return false
		}
		if len(chosen) > 1 && r.each(calls, resource, where, p) {
			return true
		}
		if i := len(chosen) - 1; i < len(calls) {
			for _, pattern := range patterns[i] {
				if choose(append(slices.Clone(chosen), pattern)) {
					return true
				}
			}
			// This call may be allowed on everything.
			return len(chosen) <= len(calls) && choose(append(slices.Clone(chosen), "*"))
		}
		return false
	}
	return choose([]string{template})
}

// each finds for every call a held principal that may make it on a resource.
func (r *oracleRun) each(calls []call, resource string, about target, p *oracleProof) bool {
	found := oracleProof{by: slices.Clone(p.by), because: slices.Clone(p.because)}
next:
	for _, c := range calls {
		for n := range r.active {
			if got := r.allowed(n.oracleVariant, c, resource, about); got.ok {
				found.add(n, got.because)
				continue next
			}
		}
		return false
	}
	*p = found
	return true
}
