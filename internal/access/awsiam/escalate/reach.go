package escalate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Hop is one step of a path.
type Hop struct {
	// Technique is the calls that make the step.
	Technique string `json:"technique"`
	// From makes the first call; To is who acts after it, or who has more.
	From string `json:"from"`
	To   string `json:"to"`
	// Because are the statements that allow the calls.
	Because []access.Reason `json:"because"`
	// Through is the thing that is used or made, where it is one that exists.
	Through string `json:"through,omitempty"`
	// Assumes says what was not read and is taken to be there.
	Assumes string `json:"assumes,omitempty"`
}

// Reached is a principal that another one can come to act as.
type Reached struct {
	ARN string `json:"identity"`
	// Admin is true where it is then an administrator.
	Admin bool  `json:"admin,omitempty"`
	Hops  []Hop `json:"hops"`
}

// From returns every principal that one can come to act as, nearest first, and
// false if it is not in the state.
func (s *State) From(arn string) ([]Reached, bool) {
	a := newAsker(s)
	p, ok := s.Principals[arn]
	if !ok {
		return nil, false
	}
	r := a.run(a.as(p), func(*variant) bool { return false })
	out := []Reached{}
	for _, n := range r.order[1:] {
		out = append(out, Reached{ARN: n.ARN, Admin: a.admin(n.variant), Hops: r.path(n)})
	}
	return out, true
}

// node is a principal, in one of its variants, that the attacker acts as.
type node struct {
	*variant
	round   int
	place   int // in the order of finding
	hop     Hop // without its reasons
	proof   proof
	parents []*node
	caller  bool // no other of its class was held before
}

// held names a variant of a principal.
type held struct{ arn, name string }

func (v *variant) held() held { return held{v.ARN, v.name} }

// run is one search.
type run struct {
	*asker
	held  map[*variant]*node
	order []*node
	round int
	goal  func(*variant) bool
	found *node
	// prune leaves out principals that can be of no use: see [run.useless].
	prune bool
	// before is how many nodes earlier rounds found, old how many those before
	// the last one did.
	before, old int
	// places are the accounts in which nodes of earlier rounds are, homes the
	// same in order.
	places map[*home]*place
	homes  []*home
	// last are the nodes that the last round found, without those like others.
	last []*node
	// report, where it is set, takes what can be taken in place of the search.
	report func(taking)
	// members are whom it may give more to; nil for those that are held.
	members []*node
	// only is whom alone it looks at, where it is set.
	only *Principal
}

// place is an account in which somebody is held since an earlier round.
type place struct {
	// can are the actions that somebody may call, new those of whom the last
	// round found.
	can, new actionSet
	// callers are who is held, each class once: the others may call the same,
	// but for calls about themselves.
	callers []*node
	classes map[int32]bool
}

// taking is what a technique gives.
type taking struct {
	technique *Technique
	to        variant
	proof     proof
	through   string
	assumes   string
	also      []*node // who is held beside those that call
}

// run searches in rounds, so that what it finds first has the fewest steps. It
// ends with the first principal that is the goal, or when nothing can be added.
func (a *asker) run(start *variant, goal func(*variant) bool) *run {
	r := &run{asker: a, goal: goal}
	r.search(start)
	return r
}

// single is a run that is in its first round, from one principal, which may give
// more to the members.
func (a *asker) single(v *variant, members []*node) *run {
	r := &run{asker: a, held: make(map[*variant]*node), places: make(map[*home]*place), goal: func(*variant) bool { return false }, members: members}
	r.hold(r.node(v))
	r.begin()
	return r
}

func (r *run) search(start *variant) {
	r.held, r.places = make(map[*variant]*node), make(map[*home]*place)
	r.hold(r.node(start))
	for r.before < len(r.order) && r.found == nil {
		r.begin()
		for i := range r.techniques {
			r.try(&r.techniques[i])
			if r.found != nil {
				break
			}
		}
	}
}

// begin begins a round.
func (r *run) begin() {
	r.round++
	r.old, r.before, r.last = r.before, len(r.order), r.last[:0]
	for _, h := range r.homes {
		r.places[h].new = actionSet{}
	}
	for _, n := range r.order[r.old:r.before] {
		h := r.homeOf(n.Principal)
		at := r.places[h]
		if at == nil {
			at = r.spots.next()
			at.classes = make(map[int32]bool)
			r.places[h] = at
			i, _ := slices.BinarySearchFunc(r.homes, h, func(a, b *home) int { return cmp.Compare(a.prefix, b.prefix) })
			r.homes = slices.Insert(r.homes, i, h)
		}
		can := r.can(n.variant)
		at.can.join(*can)
		at.new.join(*can)
		class := n.class()
		if class == 0 || !at.classes[class] {
			at.classes[class] = true
			n.caller = true
			at.callers = append(at.callers, n)
			r.last = append(r.last, n)
		}
	}
}

// homeOf is a principal's account; those that were made on the way have one as
// well.
func (x *index) homeOf(p *Principal) *home {
	if p.home != nil {
		return p.home
	}
	return x.homes[p.Account]
}

// hold adds a node unless it is held. What is found in this round is used from
// the next on.
func (r *run) hold(n *node) {
	if r.held[n.variant] != nil || r.found != nil {
		return
	}
	n.round, n.place = r.round, len(r.order)
	r.held[n.variant] = n
	r.order = append(r.order, n)
	if n.place > 0 && r.goal(n.variant) {
		r.found = n
	}
}

// active are the nodes of earlier rounds.
func (r *run) active() []*node { return r.order[:r.before] }

// path is what leads to a node, in order.
func (r *run) path(n *node) []Hop {
	needed := make(map[*node]bool)
	var need func(*node)
	need = func(n *node) {
		if n.place > 0 && !needed[n] {
			needed[n] = true
			for _, p := range n.parents {
				need(p)
			}
		}
	}
	need(n)
	hops := []Hop{}
	for _, n := range slices.SortedFunc(maps.Keys(needed), func(a, b *node) int { return cmp.Compare(a.place, b.place) }) {
		hop := n.hop
		hop.Because = r.because(n.proof)
		hops = append(hops, hop)
	}
	return hops
}

// proof is who makes the calls of a technique.
type proof struct {
	by    []*node
	calls []allowance // one of each call
}

// allowance is a call that somebody may make.
type allowance struct {
	by       *node
	call     call
	resource string
	about    target
}

func (p *proof) add(c allowance) {
	if !slices.Contains(p.by, c.by) {
		p.by = append(p.by, c.by)
	}
	p.calls = append(p.calls, c)
}

// and is both proofs in one.
func (p proof) and(o proof) proof {
	out := proof{by: slices.Clone(p.by), calls: slices.Concat(p.calls, o.calls)}
	for _, n := range o.by {
		if !slices.Contains(out.by, n) {
			out.by = append(out.by, n)
		}
	}
	return out
}

// because is what allows the calls.
func (a *asker) because(p proof) []access.Reason {
	var out []access.Reason
	for _, c := range p.calls {
		out = append(out, a.reasons(c.by.variant, c.call, c.resource, c.about)...)
	}
	return out
}

// calls reports whether the held principals can make all calls of a technique
// on a target. Calls on the same template that the attacker fills in are on the
// same resource.
func (r *run) calls(t *Technique, arn string, about target, extra ...call) (proof, bool) {
	var p proof
	all := t.calls
	if len(extra) > 0 {
		all = slices.Concat(extra, all)
	}
	at := r.places[r.index.homes[about.account]]
	if at == nil {
		return p, false
	}
	// No use looking closer where nobody may make one of the calls.
	for _, c := range all {
		if !at.can.has(r.actions[c.action]) {
			return p, false
		}
	}
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].on == all[i].on && strings.Contains(all[i].on, "*") && all[end].action != all[i].action {
			end++
		}
		if !r.together(at, all[i:end], arn, about, &p) {
			return p, false
		}
		i = end
	}
	return p, true
}

// together finds one resource on which all of the calls can be made.
func (r *run) together(at *place, calls []call, arn string, about target, p *proof) bool {
	template := calls[0].on
	if template == targetPattern {
		return r.each(at, calls, arn, about, p)
	}
	template = strings.ReplaceAll(template, "{partition}", partition(r.order[0].ARN))
	template = strings.ReplaceAll(template, "{account}", about.account)
	where := target{account: about.account, known: true}
	if template == "*" || r.each(at, calls, strings.ReplaceAll(template, "*", unheard), where, p) {
		return template != "*" || r.each(at, calls, template, where, p)
	}
	// The patterns that each call could be allowed by.
	patterns := make([][]string, len(calls))
	for i, c := range calls {
		for _, n := range at.callers {
			if !r.can(n.variant).has(r.actions[c.action]) {
				continue
			}
			for _, pattern := range r.patterns(n.variant, c.action) {
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
		if len(chosen) > 1 && r.each(at, calls, resource, where, p) {
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

// each finds for every call a held principal that may make it on a resource:
// of several that which was found first.
func (r *run) each(at *place, calls []call, resource string, about target, p *proof) bool {
	var room [4]*node
	by := room[:0]
	for _, c := range calls {
		n := r.first(at, c, resource, about)
		if n == nil {
			return false
		}
		by = append(by, n)
	}
	p.by, p.calls = slices.Grow(p.by, len(by)), slices.Grow(p.calls, len(by))
	for i, n := range by {
		p.add(allowance{n, calls[i], resource, about})
	}
	return true
}

func (r *run) first(at *place, c call, resource string, about target) *node {
	number := r.actions[c.action]
	var self *node // who the call is about, unless it is among the callers
	if about.principal != nil {
		if n := r.held[r.plain[about.principal]]; n != nil && n.round < r.round && !n.caller && r.can(n.variant).has(number) {
			self = n
		}
	}
	for _, n := range at.callers {
		if self != nil && self.place < n.place {
			if r.allowed(self.variant, c, resource, about) {
				return self
			}
			self = nil
		}
		if !r.can(n.variant).has(number) {
			continue
		}
		if r.allowed(n.variant, c, resource, about) {
			return n
		}
	}
	if self != nil {
		if r.allowed(self.variant, c, resource, about) {
			return self
		}
	}
	return nil
}
