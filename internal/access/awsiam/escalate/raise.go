package escalate

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// subjects are the principals that may be given more: those that are held since
// an earlier round.
func (r *run) subjects() []*node {
	if r.members != nil {
		return r.members
	}
	return r.active()
}

// near reports whether all calls of a technique may be made in an account.
func (r *run) near(t *Technique, h *home) bool {
	at := r.places[h]
	return at != nil && at.can.holds(&t.set)
}

// stale reports whether nothing of what a technique could give to somebody
// came with the last round.
func (r *run) stale(t *Technique, n *node) bool {
	return n.round < r.round-1 && !r.moved(t, r.places[r.homeOf(n.Principal)])
}

// raise gives held users or roles everything, or takes their boundary away.
func (r *run) raise(t *Technique) {
	roles := t.gain == raiseRole || t.gain == unbindRole
	for _, n := range r.subjects() {
		if n.Role != roles || n.all || !r.near(t, r.homeOf(n.Principal)) || r.stale(t, n) {
			continue
		}
		if t.gain == unbindUser || t.gain == unbindRole {
			if len(n.Boundary) == 0 || n.free {
				continue
			}
			if p, ok := r.calls(t, n.ARN, about(n.Principal)); ok {
				r.take(t, n.unbound(), p, "", "", n)
			}
			continue
		}
		if p, ok := r.calls(t, n.ARN, about(n.Principal)); ok {
			r.take(t, n.raised(), p, "", "", n)
			continue
		}
		r.attachOther(t, n.ARN, about(n.Principal), n)
	}
}

// attachOther tries to attach the account's own policies, where the one that
// allows everything cannot be.
func (r *run) attachOther(t *Technique, arn string, about target, n *node) {
	if !strings.HasPrefix(t.ID, "iam:Attach") {
		return
	}
	for _, policy := range r.homeOf(n.Principal).policies {
		if policy.Document == nil || slices.Contains(n.Attached, policy.ARN) || !r.gains(n.variant, policy.ARN, policy.Document) {
			continue
		}
		if p, ok := r.calls(r.attaching(t, policy), arn, about); ok {
			r.take(t, n.with(policy.ARN, policy.Document), p, policy.ARN, "", n)
		}
	}
}

// attaching is a technique that attaches one policy, as another attaches that
// which allows everything.
func (a *asker) attaching(t *Technique, policy *ManagedPolicy) *Technique {
	key := attachment{t.ID, policy}
	one := a.attach[key]
	if one == nil {
		one = &Technique{ID: t.ID, calls: attaching(t.calls[0].action, policy.ARN)}
		a.attach[key] = one
	}
	return one
}

// groups raises the groups of held users, or puts held users into groups.
func (r *run) groups(t *Technique) {
	for _, h := range r.homes {
		if !r.near(t, h) {
			continue
		}
		for _, group := range h.groups {
			for _, n := range r.subjects() {
				if !n.Role && !n.all && r.homeOf(n.Principal) == h && !r.stale(t, n) {
					r.group(t, group, n)
				}
			}
		}
	}
}

func (r *run) group(t *Technique, group *Group, n *node) {
	member := slices.Contains(n.Groups, group.ARN)
	where := target{account: n.Account, known: true}
	switch {
	case t.gain == raiseGroup && member:
		if p, ok := r.calls(t, group.ARN, where); ok {
			r.take(t, n.raised(), p, group.ARN, "", n)
		} else {
			r.attachOther(t, group.ARN, where, n)
		}
	case t.gain == joinGroup && !member && n.name == "" && r.gains(n.variant, group.ARN, group.Policies...):
		if p, ok := r.calls(t, group.ARN, where); ok {
			r.take(t, n.with(group.ARN, group.Policies...), p, group.ARN, "", n)
		}
	}
}

// managed changes managed policies that held principals have.
func (r *run) managed(t *Technique) {
	for _, h := range r.homes {
		if !r.near(t, h) {
			continue
		}
		have := make(map[string][]*node)
		for _, n := range r.subjects() {
			if n.all || r.homeOf(n.Principal) != h || r.stale(t, n) {
				continue
			}
			for _, policy := range r.attached(n.Principal) {
				have[policy] = append(have[policy], n)
			}
		}
		for _, policy := range h.policies {
			if list := have[policy.ARN]; len(list) > 0 && (t.gain != switchPolicy || len(policy.Others) > 0) {
				r.change(t, h, policy, list)
			}
		}
	}
}

func (r *run) change(t *Technique, h *home, policy *ManagedPolicy, have []*node) {
	p, ok := r.calls(t, policy.ARN, target{account: h.account, known: true})
	if !ok {
		return
	}
	for _, n := range have {
		if t.gain == raisePolicy {
			r.take(t, n.raised(), p, policy.ARN, "", n)
			continue
		}
		for _, version := range slices.Sorted(maps.Keys(policy.Others)) {
			if name := policy.ARN + "@" + version; r.gains(n.variant, name, policy.Others[version]) {
				r.take(t, n.with(name, policy.Others[version]), p, policy.ARN+" version "+version, "", n)
			}
		}
	}
}

// attached are the managed policies of a principal and of its groups, each once.
func (r *run) attached(p *Principal) []string {
	out := slices.Clip(p.Attached)
	for _, arn := range p.Groups {
		if g := r.Groups[arn]; g != nil {
			for _, policy := range g.Attached {
				if !slices.Contains(out, policy) {
					out = append(out, policy)
				}
			}
		}
	}
	return out
}

// makeNew makes a user or a role with every permission that the organisation
// leaves, in every account where that can be done.
func (r *run) makeNew(t *Technique) {
	r.within(t, func(h *home) {
		p, ok := r.calls(t, "", target{account: h.account})
		if !ok {
			return
		}
		kind := "user/"
		if strings.Contains(t.ID, "Role") {
			kind = "role/"
		}
		owner := p.by[0]
		arn := "arn:" + partition(owner.ARN) + ":iam::" + owner.Account + ":" + kind + unheard
		made := r.fresh[arn]
		if made == nil {
			if _, err := awsiam.ParsePrincipal(arn); err != nil {
				return
			}
			made = &Principal{ARN: arn, Account: owner.Account, Role: kind == "role/", ServiceControl: owner.ServiceControl}
			r.fresh[arn] = made
		}
		r.take(t, variant{Principal: made, all: true}, p, "", "")
	})
}
