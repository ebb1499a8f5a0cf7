package escalate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// index is a State put in order for searches. It is made once and not changed.
type index struct {
	*library
	homes map[string]*home
	list  []*home // by the ARNs of what is in them
	// named are the roles whose trust policies name a principal, by its ARN;
	// open those that may admit anybody.
	named map[string][]*Principal
	open  []*Principal
	// kinds are the kinds of Compute of which there is one.
	kinds map[string]bool
}

// home is an account: what calls of its own principals can be about.
type home struct {
	account, prefix string
	users, roles    []*Principal // by ARN
	groups          []*Group
	policies        []*ManagedPolicy
	computes        []*Compute
	// trusting are the roles, here and elsewhere, that name the account.
	trusting []*Principal
	// services are its roles by the services that they may trust; "" for any.
	services map[string][]*Principal
	// control is what the organisation's policies say of principals.
	control []*document
	// trusts are the trust policies that may admit its principals.
	trusts map[*document]bool
	// open is true where a role admits anybody.
	open bool
	// changes are the policies that somebody who is no administrator may change,
	// and the groups that such may change or put somebody into, by ARN.
	changes map[string]bool
	// adds is true where such may give somebody policies that are there; varies
	// where in so many ways that what comes of it was not looked at.
	adds, varies bool
}

// traits are what is derived of a principal.
type traits struct {
	allows actionSet
	wide   bool
	admin  bool
	named  bool // a trust policy names it
	// raisable is true where somebody who is no administrator may give it more.
	raisable bool
	home     *home
	// alike is its class, calls that of who may call the same, raised that which
	// it has once it was given every permission, and likeness whom it is like as
	// a target; 0 where nobody else is sure to be like it: see [sorter]. They are
	// known once the state was judged.
	alike, calls, raisedCalls, likeness int32
}

// ready makes the index. It is not known yet who is an administrator.
func (s *State) ready() *index {
	s.once.Do(func() {
		x := &index{library: newLibrary(newBook()), homes: make(map[string]*home), named: make(map[string][]*Principal), kinds: make(map[string]bool)}
		for _, p := range s.Principals {
			h := x.home(p.ARN)
			p.traits = traits{home: h}
			if p.Role {
				h.roles = append(h.roles, p)
			} else {
				h.users = append(h.users, p)
			}
		}
		for _, arn := range slices.Sorted(maps.Keys(s.Groups)) {
			h := x.home(arn)
			h.groups = append(h.groups, s.Groups[arn])
		}
		for _, arn := range slices.Sorted(maps.Keys(s.Policies)) {
			h := x.home(arn)
			h.policies = append(h.policies, s.Policies[arn])
		}
		for _, c := range s.Computes {
			x.kinds[c.Kind] = true
			if role := s.Principals[c.Role]; role != nil {
				role.home.computes = append(role.home.computes, c)
			}
		}
		x.list = slices.SortedFunc(maps.Values(x.homes), func(a, b *home) int { return cmp.Compare(a.prefix, b.prefix) })
		x.read(s)
		side(len(x.list), func() func(int) { return func(i int) { x.settle(s, x.list[i]) } })
		x.order(s)
		s.made = x
	})
	return s.made
}

// read takes all documents apart.
func (x *index) read(s *State) {
	found := make([]map[*awsiam.Statement]*awsiam.Policy, len(x.list))
	side(len(x.list), func() func(int) {
		seen := make(map[*awsiam.Statement]bool)
		return func(i int) {
			found[i] = make(map[*awsiam.Statement]*awsiam.Policy)
			x.list[i].documents(s, func(list []*awsiam.Policy) {
				for _, p := range list {
					if at := placeOf(p); at != nil && !seen[at] {
						seen[at], found[i][at] = true, p
					}
				}
			})
		}
	})
	all := map[*awsiam.Statement]*awsiam.Policy{placeOf(everything): everything}
	for _, some := range found {
		maps.Copy(all, some)
	}
	x.add(slices.Collect(maps.Values(all)))
}

// documents yields the documents of an account, most of them several times.
func (h *home) documents(s *State, yield func([]*awsiam.Policy)) {
	var levels []awsiam.Level
	h.each(func(p *Principal) {
		yield(p.Own)
		yield(p.Boundary)
		yield(p.Trust)
		if len(p.ServiceControl) == 0 || len(levels) == len(p.ServiceControl) && &levels[0] == &p.ServiceControl[0] {
			return
		}
		levels = p.ServiceControl
		for _, level := range levels {
			yield(level.Policies)
		}
	})
	for _, g := range h.groups {
		yield(g.Policies)
	}
	for _, m := range h.policies {
		if m.Document != nil {
			yield([]*awsiam.Policy{m.Document})
		}
		yield(slices.Collect(maps.Values(m.Others)))
	}
}

// home is the account of an ARN.
func (x *index) home(arn string) *home {
	id := account(arn)
	h := x.homes[id]
	if h == nil {
		h = &home{account: id, services: make(map[string][]*Principal), trusts: make(map[*document]bool)}
		x.homes[id] = h
	}
	if at := strings.LastIndexByte(arn, ':') + 1; h.prefix == "" {
		h.prefix = arn[:at]
	}
	return h
}

// settle derives the traits of an account's principals.
func (x *index) settle(s *State, h *home) {
	byARN := func(a, b *Principal) int { return cmp.Compare(a.ARN, b.ARN) }
	slices.SortFunc(h.users, byARN)
	slices.SortFunc(h.roles, byARN)
	h.each(func(p *Principal) {
		take := func(list []*awsiam.Policy) {
			for _, policy := range list {
				d := x.document(policy)
				p.allows.join(d.allows)
				p.wide = p.wide || d.wide
			}
		}
		take(p.Own)
		for _, g := range p.Groups {
			if group := s.Groups[g]; group != nil {
				take(group.Policies)
			}
		}
		if h.control == nil {
			for _, level := range p.ServiceControl {
				for _, policy := range level.Policies {
					h.control = append(h.control, x.document(policy))
				}
			}
		}
	})
}

// order joins the trust policies to whom they name.
func (x *index) order(s *State) {
	for _, h := range x.list {
		for _, role := range h.roles {
			for _, policy := range role.Trust {
				x.admits(s, role, x.document(policy))
			}
		}
	}
}

// admits notes whom one trust policy of a role may admit. A role may come to
// stand in a list twice.
func (x *index) admits(s *State, role *Principal, d *document) {
	if d.trust.open {
		x.open = append(x.open, role)
		role.home.open = true
	}
	for _, id := range d.trust.accounts {
		if h := x.homes[id]; h != nil {
			h.trusting = append(h.trusting, role)
			h.trusts[d] = true
		}
	}
	for _, arn := range d.trust.named {
		if p := s.Principals[arn]; p != nil {
			x.named[arn] = append(x.named[arn], role)
			p.named = true
		}
	}
	for _, service := range d.trust.services {
		role.home.services[service] = append(role.home.services[service], role)
	}
	if d.trust.any {
		role.home.services[""] = append(role.home.services[""], role)
	}
}

// serving are the roles of an account that may trust a service, by ARN.
func (h *home) serving(service string) []*Principal {
	return ordered(h.services[service], h.services[""])
}

// ordered puts lists of principals together, by ARN and each once.
func ordered(lists ...[]*Principal) []*Principal {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b *Principal) int { return cmp.Compare(a.ARN, b.ARN) })
	return slices.Compact(all)
}
