package escalate

import (
	"strings"
	"sync/atomic"
)

// judge finds who is an administrator and who may be given more, on which what
// is worth looking at depends, and who is like whom.
func (s *State) judge() *index {
	x := s.ready()
	s.judged.Do(func() {
		var classes atomic.Int32
		s.accounts(x, func(a *asker, i int) {
			h := x.list[i]
			h.each(func(p *Principal) { p.admin = p.wide && a.admin(a.as(p)) })
			newSorter(s, x, h, true).number(&classes)
			if a.raises(h) {
				newSorter(s, x, h, true).number(&classes)
			}
		})
	})
	return x
}

// each calls yield for the principals of an account.
func (h *home) each(yield func(*Principal)) {
	for _, p := range h.users {
		yield(p)
	}
	for _, p := range h.roles {
		yield(p)
	}
}

// number gives the principals of an account their classes.
func (so *sorter) number(classes *atomic.Int32) {
	of := func(class func(*Principal) ([]byte, bool)) func(*Principal) int32 {
		numbers := make(map[string]int32)
		return func(p *Principal) int32 {
			key, shared := class(p)
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
	}
	class, caller, raised, likeness := of(so.class), of(so.caller), of(so.raised), of(so.likeness)
	so.home.each(func(p *Principal) {
		p.alike, p.calls, p.raisedCalls, p.likeness = 0, 0, 0, likeness(p)
		if !p.admin {
			p.alike, p.calls, p.raisedCalls = class(p), caller(p), raised(p)
		}
	})
}

// raises finds who may be given more by somebody who is no administrator, and
// by what, and reports whether there is anybody. One of each class is asked: the
// others may give the same to others, and as much to themselves.
func (a *asker) raises(h *home) bool {
	h.changes = make(map[string]bool)
	var members []*node
	h.each(func(p *Principal) {
		if !p.admin {
			members = append(members, a.node(a.as(p)))
		}
	})
	p := &probe{asker: a, home: h, members: members, asked: make(map[held]bool), classes: make(map[int32]bool)}
	for _, n := range members {
		p.then(n.variant)
	}
	for len(p.waiting) > 0 && !h.varies {
		v := p.waiting[len(p.waiting)-1]
		p.waiting = p.waiting[:len(p.waiting)-1]
		p.ask(v)
	}
	return p.some
}

// probe finds what principals of an account may give each other.
type probe struct {
	*asker
	home    *home
	members []*node
	asked   map[held]bool
	classes map[int32]bool
	waiting []*variant // with more than they have, who may give more in turn
	// some and frees are true where somebody may be given more, and where it
	// may lose its boundary.
	some, frees bool
}

// maxProbes bounds how many are asked: each costs about as much as a search.
const maxProbes = 24

func (p *probe) ask(v *variant) {
	r := p.single(v, p.members)
	r.report = p.given
	for i := range r.techniques {
		if t := &r.techniques[i]; t.raises() {
			r.try(t)
		}
	}
}

func (p *probe) given(t taking) {
	p.some = true
	t.to.raisable = true
	if t.through != "" {
		arn, _, _ := strings.Cut(t.through, " version ")
		p.home.changes[arn] = true
	}
	p.home.adds, p.frees = p.home.adds || len(t.to.more) > 0, p.frees || t.to.free
	// Who lost its boundary may then be given things one after the other.
	p.home.varies = p.home.varies || p.home.adds && p.frees
	p.then(p.variant(t.to))
	if t.to.free {
		p.then(p.variant(t.to.raised()))
	}
}

// then has a principal asked in turn, unless that is an administrator, can give
// nobody anything, or is like one that was.
func (p *probe) then(v *variant) {
	class := v.class()
	if !v.allows.meets(&p.raising) || p.asked[v.held()] || p.classes[class] || p.admin(v) || !p.can(v).meets(&p.raising) {
		return
	}
	p.asked[v.held()] = true
	p.classes[class] = class != 0
	if p.waiting = append(p.waiting, v); len(p.asked) > maxProbes {
		p.home.varies = true
	}
}
