package escalate

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
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

// take lets the attacker act as a principal.
func (r *run) take(t *Technique, to *variant, p proof, through, assumes string, also ...*node) {
	if len(p.by) == 0 {
		return
	}
	r.hold(&node{variant: to, parents: append(slices.Clone(p.by), also...),
		hop: Hop{Technique: t.ID, From: p.by[0].ARN, To: to.ARN, Because: p.because, Through: through, Assumes: assumes}})
}

func about(p *Principal) target { return target{account: p.Account, tags: p.Tags, known: true} }

// others are the principals of one kind that are not held as they are.
func (r *run) others(roles bool) []*Principal {
	var out []*Principal
	for _, arn := range slices.Sorted(maps.Keys(r.Principals)) {
		p := r.Principals[arn]
		if p.Role == roles && r.held[(&variant{Principal: p}).id()] == nil {
			out = append(out, p)
		}
	}
	return out
}

func (r *run) takeUsers(t *Technique) {
	const maxKeys = 2 // "You can create a maximum of two access keys for a user"
	if !r.anyone(t.calls[0].action) {
		return
	}
	for _, user := range r.others(false) {
		var extra []call
		if user.KeysRead {
			switch {
			case t.ID == "iam:CreateAccessKey" && user.Keys >= maxKeys:
				extra = on(targetPattern, "iam:DeleteAccessKey")
			case t.ID == "iam:CreateLoginProfile" && user.Login, t.ID == "iam:UpdateLoginProfile" && !user.Login:
				continue
			}
		}
		if p, ok := r.calls(t, user.ARN, about(user), extra...); ok {
			r.take(t, &variant{Principal: user}, p, "", "")
		}
	}
}

func (r *run) takeRoles(t *Technique) {
	if len(t.calls) > 0 && !r.anyone(t.calls[0].action) {
		return
	}
	for _, role := range r.others(true) {
		if len(t.calls) > 0 {
			// A trust policy can be made to name anybody.
			if p, ok := r.calls(t, role.ARN, about(role)); ok {
				r.take(t, &variant{Principal: role}, p, "", "")
			}
			continue
		}
		if len(role.Trust) == 0 {
			continue
		}
		where := about(role)
		where.policy = role.Trust
		for n := range r.active {
			if got := r.allowed(n.variant, call{action: "sts:AssumeRole"}, role.ARN, where); got.ok {
				r.take(t, &variant{Principal: role}, proof{by: []*node{n}, because: got.because}, "", "")
				break
			}
		}
	}
}

func (r *run) passRoles(t *Technique) {
	if !r.anyone("iam:PassRole") || !r.anyone(t.calls[0].action) {
		return
	}
	if t.exists != "" && r.Read[t.exists] && !slices.ContainsFunc(r.Computes, func(c *Compute) bool { return c.Kind == t.exists }) {
		return
	}
	assumes := ""
	if t.exists != "" && !r.Read[t.exists] {
		assumes = "a " + words(t.exists) + " exists: those were not read"
	}
	pass := call{action: "iam:PassRole", on: targetPattern, context: map[string]string{keyPassedTo: t.service}}
	for _, role := range r.others(true) {
		if t.profile && !role.Profile || !r.trusts(role, t.service) {
			continue
		}
		if p, ok := r.calls(t, role.ARN, about(role), pass); ok {
			r.take(t, &variant{Principal: role}, p, "", assumes)
		}
	}
}

func words(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

func (r *run) useComputes(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	suits := func(role *Principal) bool {
		v := &variant{Principal: role}
		return !slices.ContainsFunc(t.needs, func(action string) bool {
			return !r.allowed(v, call{action: action}, "*", target{account: role.Account, known: true}).ok
		})
	}
	for _, c := range r.Computes {
		role := r.Principals[c.Role]
		if c.Kind != t.kind || role == nil || r.held[(&variant{Principal: role}).id()] != nil || !suits(role) {
			continue
		}
		if p, ok := r.calls(t, c.ARN, target{account: role.Account, tags: c.Tags, known: true}); ok {
			r.take(t, &variant{Principal: role}, p, c.ARN, "")
			continue
		}
		// Tags that stand in the way may be taken away first.
		if service, _, _ := strings.Cut(t.calls[0].action, ":"); service == "ec2" && len(c.Tags) > 0 {
			first, ok := r.calls(&Technique{calls: on(targetPattern, "ec2:DeleteTags")}, c.ARN, target{account: role.Account, tags: c.Tags, known: true})
			if !ok {
				continue
			}
			if p, ok := r.calls(t, c.ARN, target{account: role.Account, known: true, untagged: true}); ok {
				after := *t
				after.ID = "ec2:DeleteTags + " + t.ID
				first.by, first.because = append(first.by, p.by...), append(first.because, p.because...)
				r.take(&after, &variant{Principal: role}, first, c.ARN, "")
			}
		}
	}
	if r.Read[t.kind] {
		return
	}
	// Which there are is not known: one for each role that could have one.
	for _, role := range r.others(true) {
		if t.profile && !role.Profile || !r.trusts(role, t.service) || !suits(role) {
			continue
		}
		if p, ok := r.calls(t, someARN(t, role), target{account: role.Account}); ok {
			r.take(t, &variant{Principal: role}, p, "", "a "+words(t.kind)+" that acts as the role exists: those were not read")
		}
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

// raise gives held users or roles everything, or takes their boundary away.
func (r *run) raise(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	roles := t.gain == raiseRole || t.gain == unbindRole
	for _, n := range slices.Clone(r.order) {
		if n.round >= r.round || n.Role != roles || n.all {
			continue
		}
		if t.gain == unbindUser || t.gain == unbindRole {
			if len(n.Boundary) == 0 || n.free {
				continue
			}
			if p, ok := r.calls(t, n.ARN, about(n.Principal)); ok {
				r.take(t, &variant{Principal: n.Principal, all: n.all, more: n.more, free: true, name: n.name + "free"}, p, "", "", n)
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

// raised is the principal with every permission.
func (n *node) raised() *variant {
	return &variant{Principal: n.Principal, all: true, free: n.free, name: n.name + "all"}
}

// attachOther tries to attach the managed policies that are there, where the
// one that allows everything cannot be.
func (r *run) attachOther(t *Technique, arn string, about target, n *node) {
	if !strings.HasPrefix(t.ID, "iam:Attach") {
		return
	}
	for _, policy := range slices.Sorted(maps.Keys(r.Policies)) {
		one := Technique{ID: t.ID, calls: []call{{action: t.calls[0].action, on: targetPattern, context: map[string]string{keyPolicyARN: policy}}}}
		if r.Policies[policy].Document == nil || slices.Contains(n.Attached, policy) {
			continue
		}
		if p, ok := r.calls(&one, arn, about); ok {
			r.take(t, n.with(policy, r.Policies[policy].Document), p, policy, "", n)
		}
	}
}

// with is the principal with more policies.
func (n *node) with(name string, policies ...*awsiam.Policy) *variant {
	return &variant{Principal: n.Principal, all: n.all, more: append(slices.Clone(n.more), policies...), free: n.free, name: n.name + "+" + name}
}

// groups raises the groups of held users, or puts held users into groups.
func (r *run) groups(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	for _, arn := range slices.Sorted(maps.Keys(r.Groups)) {
		group := r.Groups[arn]
		for _, n := range slices.Clone(r.order) {
			if n.round >= r.round || n.Role || n.all {
				continue
			}
			member := slices.Contains(n.Groups, arn)
			where := target{account: n.Account, known: true}
			switch {
			case t.gain == raiseGroup && member:
				if p, ok := r.calls(t, arn, where); ok {
					r.take(t, n.raised(), p, arn, "", n)
				} else {
					r.attachOther(t, arn, where, n)
				}
			case t.gain == joinGroup && !member && n.name == "" && len(group.Policies) > 0:
				if p, ok := r.calls(t, arn, where); ok {
					r.take(t, n.with(arn, group.Policies...), p, arn, "", n)
				}
			}
		}
	}
}

// managed changes managed policies that held principals have.
func (r *run) managed(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	for _, arn := range slices.Sorted(maps.Keys(r.Policies)) {
		policy := r.Policies[arn]
		var have []*node
		for n := range r.active {
			if !n.all && r.has(n, arn) {
				have = append(have, n)
			}
		}
		if len(have) == 0 || t.gain == switchPolicy && len(policy.Others) == 0 {
			continue
		}
		p, ok := r.calls(t, arn, target{account: have[0].Account, known: true})
		if !ok {
			continue
		}
		for _, n := range have {
			if t.gain == raisePolicy {
				r.take(t, n.raised(), p, arn, "", n)
				continue
			}
			for _, version := range slices.Sorted(maps.Keys(policy.Others)) {
				r.take(t, n.with(arn+"@"+version, policy.Others[version]), p, arn+" version "+version, "", n)
			}
		}
	}
}

func (r *run) has(n *node, policy string) bool {
	return slices.Contains(n.Attached, policy) || slices.ContainsFunc(n.Groups, func(g string) bool {
		return r.Groups[g] != nil && slices.Contains(r.Groups[g].Attached, policy)
	})
}

// makeNew makes a user or a role with every permission that the organisation
// leaves.
func (r *run) makeNew(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	p, ok := r.calls(t, "", target{})
	if !ok {
		return
	}
	owner := p.by[0]
	kind := "user/"
	if strings.Contains(t.ID, "Role") {
		kind = "role/"
	}
	arn := "arn:" + partition(owner.ARN) + ":iam::" + owner.Account + ":" + kind + unheard
	parsed, err := awsiam.ParsePrincipal(arn)
	if err != nil {
		return
	}
	made := &Principal{ARN: arn, Account: owner.Account, Role: kind == "role/", ServiceControl: owner.ServiceControl, principal: parsed}
	r.take(t, &variant{Principal: made, all: true, name: "new"}, p, "", "")
}
