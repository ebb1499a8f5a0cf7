package escalate

import (
	"slices"
	"strings"
)

// try applies a technique to everything that it could be applied to.
func (r *run) try(t *Technique) {
	switch t.gain {
	case takeUser:
		r.takeUsers(t)
	case takeRole:
		r.takeRoles(t)
	case passRole:
		r.passRoles(t)
	case useCompute:
		r.useComputes(t)
	case raiseUser, raiseRole, unbindUser, unbindRole:
		r.raise(t)
	case raiseGroup, joinGroup:
		r.groups(t)
	case raisePolicy, switchPolicy:
		r.managed(t)
	case newAdmin:
		r.makeNew(t)
	}
}

// within yields the accounts in which all calls of a technique may be made, and
// in which the last round added to that. Nobody may make calls of techniques in
// another account.
func (r *run) within(t *Technique, yield func(*home)) {
	for _, h := range r.homes {
		if at := r.places[h]; at.can.holds(&t.set) && r.moved(t, at) {
			yield(h)
		}
	}
}

// moved reports whether what the last round found may make one of the calls.
func (r *run) moved(t *Technique, at *place) bool {
	return at.new.meets(&t.set) || at.new.has(r.actions[actionDeleteKey]) || at.new.has(r.actions[actionDeleteTags])
}

// take lets the attacker act as a principal.
func (r *run) take(t *Technique, to variant, p proof, through, assumes string, also ...*node) {
	if len(p.by) == 0 {
		return
	}
	if r.report != nil {
		r.report(taking{t, to, p, through, assumes, also})
		return
	}
	v := r.variant(to)
	if r.held[v] != nil {
		return
	}
	n := r.node(v)
	n.proof, n.parents = p, append(slices.Clip(p.by), also...)
	n.hop = Hop{Technique: t.ID, From: p.by[0].ARN, To: to.ARN, Through: through, Assumes: assumes}
	r.hold(n)
}

func about(p *Principal) target {
	return target{account: p.Account, tags: p.Tags, known: true, principal: p}
}

// passed reports whether a principal is not worth looking at: it is held as it
// is, or of no use, or not who is asked about.
func (r *run) passed(p *Principal) bool {
	return r.held[r.plain[p]] != nil || r.prune && p.useless() || r.only != nil && r.only != p
}

// useless reports whether nothing can come of acting as a principal beside
// acting as it: it is no administrator, it comes to nobody by itself, and nobody
// could give it more. What is so can stand in no way to an administrator.
func (p *Principal) useless() bool { return !p.admin && p.idle() && !p.raisable && !p.home.varies }

// idle reports whether a principal by itself comes to nobody: nothing that
// techniques call is allowed to it, and no trust policy admits it without that.
func (p *Principal) idle() bool { return p.allows.empty() && !p.named && !p.home.open }

func (r *run) takeUsers(t *Technique) {
	const maxKeys = 2 // "You can create a maximum of two access keys for a user"
	r.within(t, func(h *home) {
		for _, user := range h.users {
			if r.passed(user) {
				continue
			}
			var extra []call
			if user.KeysRead {
				switch {
				case t.ID == "iam:CreateAccessKey" && user.Keys >= maxKeys:
					extra = on(targetPattern, actionDeleteKey)
				case t.ID == "iam:CreateLoginProfile" && user.Login, t.ID == "iam:UpdateLoginProfile" && !user.Login:
					continue
				}
			}
			if p, ok := r.calls(t, user.ARN, about(user), extra...); ok {
				r.take(t, variant{Principal: user}, p, "", "")
			}
		}
	})
}

func (r *run) takeRoles(t *Technique) {
	if len(t.calls) == 0 {
		r.assume(t)
		return
	}
	r.within(t, func(h *home) {
		for _, role := range h.roles {
			if r.passed(role) {
				continue
			}
			// A trust policy can be made to name anybody.
			if p, ok := r.calls(t, role.ARN, about(role)); ok {
				r.take(t, variant{Principal: role}, p, "", "")
			}
		}
	})
}

// assume assumes roles. Those who were held before the last round could not.
func (r *run) assume(t *Technique) {
	for _, role := range r.trusting(r.last) {
		if r.passed(role) {
			continue
		}
		where := about(role)
		where.policy = role.Trust
		for _, n := range r.last {
			assume := call{action: actionAssume}
			if r.allowed(n.variant, assume, role.ARN, where) {
				var p proof
				p.add(allowance{n, assume, role.ARN, where})
				r.take(t, variant{Principal: role}, p, "", "")
				break
			}
		}
	}
}

// trusting are the roles whose trust policies may admit one of the nodes, by
// ARN: as one of its account, by its name, or as anybody.
func (r *run) trusting(nodes []*node) []*Principal {
	var lists [][]*Principal
	seen := make(map[*home]bool)
	open := false
	for _, n := range nodes {
		h := r.homeOf(n.Principal)
		open = open || h.open
		if r.can(n.variant).has(r.actions[actionAssume]) && !seen[h] {
			seen[h], open = true, true
			lists = append(lists, h.trusting)
		}
		if n.Principal.named {
			lists = append(lists, r.named[n.ARN])
		}
	}
	if open {
		lists = append(lists, r.open)
	}
	if len(lists) == 1 {
		return slices.Compact(lists[0])
	}
	return ordered(lists...)
}

func (r *run) passRoles(t *Technique) {
	assumes := ""
	if t.exists != "" {
		if r.Read[t.exists] && !r.kinds[t.exists] {
			return
		}
		if !r.Read[t.exists] {
			assumes = "a " + words(t.exists) + " exists: those were not read"
		}
	}
	pass := &Technique{calls: t.pass}
	r.within(t, func(h *home) {
		var rest proof // that of the calls that are not about the role
		known, can := false, false
		for _, role := range h.serving(t.service) {
			if r.passed(role) || t.profile && !role.Profile || !r.trusts(role, t.service) {
				continue
			}
			p, ok := r.calls(pass, role.ARN, about(role))
			if !ok {
				continue
			}
			if !known {
				rest, can = r.calls(t, role.ARN, about(role))
				known = true
			}
			if !can {
				return
			}
			r.take(t, variant{Principal: role}, p.and(rest), "", assumes)
		}
	})
}

func words(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

func (r *run) useComputes(t *Technique) {
	suits := func(role *Principal) bool {
		v := r.as(role)
		return !slices.ContainsFunc(t.needs, func(action string) bool {
			return !r.allowed(v, call{action: action}, "*", target{account: role.Account, known: true})
		})
	}
	r.within(t, func(h *home) {
		for _, c := range h.computes {
			if role := r.Principals[c.Role]; c.Kind == t.kind && !r.passed(role) && suits(role) {
				r.useCompute(t, c, role)
			}
		}
	})
	if r.Read[t.kind] {
		return
	}
	// Which there are is not known: one for each role that could have one.
	r.within(t, func(h *home) {
		for _, role := range h.serving(t.service) {
			if r.passed(role) || t.profile && !role.Profile || !r.trusts(role, t.service) || !suits(role) {
				continue
			}
			if p, ok := r.calls(t, someARN(t, role), target{account: role.Account}); ok {
				r.take(t, variant{Principal: role}, p, "", "a "+words(t.kind)+" that acts as the role exists: those were not read")
			}
		}
	})
}

func (r *run) useCompute(t *Technique, c *Compute, role *Principal) {
	if p, ok := r.calls(t, c.ARN, target{account: role.Account, tags: c.Tags, known: true}); ok {
		r.take(t, variant{Principal: role}, p, c.ARN, "")
		return
	}
	// Tags that stand in the way may be taken away first.
	if service, _, _ := strings.Cut(t.calls[0].action, ":"); service != "ec2" || len(c.Tags) == 0 {
		return
	}
	first, ok := r.calls(&Technique{calls: on(targetPattern, actionDeleteTags)}, c.ARN, target{account: role.Account, tags: c.Tags, known: true})
	if !ok {
		return
	}
	if p, ok := r.calls(t, c.ARN, target{account: role.Account, known: true, untagged: true}); ok {
		after := *t
		after.ID = actionDeleteTags + " + " + t.ID
		r.take(&after, variant{Principal: role}, first.and(p), c.ARN, "")
	}
}

// someARN is a resource of the kind that no policy names.
func someARN(t *Technique, role *Principal) string {
	service, _, _ := strings.Cut(t.service, ".")
	if service == "ecs-tasks" {
		service = "ecs"
	}
	_, kind, _ := strings.Cut(t.kind, "_")
	return "arn:" + partition(role.ARN) + ":" + service + ":us-east-1:" + role.Account + ":" + strings.ReplaceAll(kind, "_", "-") + "/" + unheard
}
