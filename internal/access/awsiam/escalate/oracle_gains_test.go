package escalate

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// try applies a technique to everything that it could be applied to.
func (r *oracleRun) try(t *Technique) {
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
func (r *oracleRun) take(t *Technique, to *oracleVariant, p oracleProof, through, assumes string, also ...*oracleNode) {
	if len(p.by) == 0 {
		return
	}
	r.hold(&oracleNode{oracleVariant: to, parents: append(slices.Clone(p.by), also...),
		hop: Hop{Technique: t.ID, From: p.by[0].ARN, To: to.ARN, Because: p.because, Through: through, Assumes: assumes}})
}

// others are the principals of one kind that are not held as they are.
func (r *oracleRun) others(roles bool) []*Principal {
	var out []*Principal
	for _, arn := range slices.Sorted(maps.Keys(r.Principals)) {
		p := r.Principals[arn]
		if p.Role == roles && r.held[(&oracleVariant{Principal: p}).id()] == nil {
			out = append(out, p)
		}
	}
	return out
}

func (r *oracleRun) takeUsers(t *Technique) {
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
			r.take(t, &oracleVariant{Principal: user}, p, "", "")
		}
	}
}

func (r *oracleRun) takeRoles(t *Technique) {
	if len(t.calls) > 0 && !r.anyone(t.calls[0].action) {
		return
	}
	for _, role := range r.others(true) {
		if len(t.calls) > 0 {
			// A trust policy can be made to name anybody.
			if p, ok := r.calls(t, role.ARN, about(role)); ok {
				r.take(t, &oracleVariant{Principal: role}, p, "", "")
			}
			continue
		}
		if len(role.Trust) == 0 {
			continue
		}
		where := about(role)
		where.policy = role.Trust
		for n := range r.active {
			if got := r.allowed(n.oracleVariant, call{action: "sts:AssumeRole"}, role.ARN, where); got.ok {
				r.take(t, &oracleVariant{Principal: role}, oracleProof{by: []*oracleNode{n}, because: got.because}, "", "")
				break
			}
		}
	}
}

func (r *oracleRun) passRoles(t *Technique) {
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
			r.take(t, &oracleVariant{Principal: role}, p, "", assumes)
		}
	}
}

func (r *oracleRun) useComputes(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	suits := func(role *Principal) bool {
		v := &oracleVariant{Principal: role}
		return !slices.ContainsFunc(t.needs, func(action string) bool {
			return !r.allowed(v, call{action: action}, "*", target{account: role.Account, known: true}).ok
		})
	}
	for _, c := range r.Computes {
		role := r.Principals[c.Role]
		if c.Kind != t.kind || role == nil || r.held[(&oracleVariant{Principal: role}).id()] != nil || !suits(role) {
			continue
		}
		if p, ok := r.calls(t, c.ARN, target{account: role.Account, tags: c.Tags, known: true}); ok {
			r.take(t, &oracleVariant{Principal: role}, p, c.ARN, "")
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
				r.take(&after, &oracleVariant{Principal: role}, first, c.ARN, "")
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
			r.take(t, &oracleVariant{Principal: role}, p, "", "a "+words(t.kind)+" that acts as the role exists: those were not read")
		}
	}
}

// raise gives held users or roles everything, or takes their boundary away.
func (r *oracleRun) raise(t *Technique) {
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
				r.take(t, &oracleVariant{Principal: n.Principal, all: n.all, more: n.more, free: true, names: n.names}, p, "", "", n)
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
func (n *oracleNode) raised() *oracleVariant {
	return &oracleVariant{Principal: n.Principal, all: true, free: n.free, names: nil}
}

// attachOther tries to attach the managed policies that are there, where the
// one that allows everything cannot be.
func (r *oracleRun) attachOther(t *Technique, arn string, about target, n *oracleNode) {
	if !strings.HasPrefix(t.ID, "iam:Attach") {
		return
	}
	for _, policy := range slices.Sorted(maps.Keys(r.Policies)) {
		if account(policy) != n.Account || !n.gains(policy, r.Policies[policy].Document) {
			continue
		}
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
func (n *oracleNode) with(name string, policies ...*awsiam.Policy) *oracleVariant {
	names := append(slices.Clone(n.names), name)
	slices.Sort(names)
	return &oracleVariant{Principal: n.Principal, all: n.all, more: append(slices.Clone(n.more), policies...), free: n.free, names: names}
}

// gains reports whether policies open a call of a technique.
func (n *oracleNode) gains(name string, policies ...*awsiam.Policy) bool {
	if len(n.names) >= mostMore || slices.Contains(n.names, name) {
		return false
	}
	actions := []string{unheard + ":" + unheard, actionAssume, actionPass, actionDeleteKey, actionDeleteTags}
	for _, t := range Techniques() {
		actions = append(actions, t.needs...)
		for _, c := range t.calls {
			actions = append(actions, c.action)
		}
	}
	return slices.ContainsFunc(policies, func(p *awsiam.Policy) bool {
		return slices.ContainsFunc(actions, func(action string) bool {
			return slices.ContainsFunc(p.Statements(), func(st awsiam.Statement) bool { return st.Effect == awsiam.Allow && st.AppliesTo(action) })
		})
	})
}

// groups raises the groups of held users, or puts held users into groups.
func (r *oracleRun) groups(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	for _, arn := range slices.Sorted(maps.Keys(r.Groups)) {
		group := r.Groups[arn]
		for _, n := range slices.Clone(r.order) {
			if n.round >= r.round || n.Role || n.all || account(arn) != n.Account {
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
			case t.gain == joinGroup && !member && len(n.names) == 0 && n.gains(arn, group.Policies...):
				if p, ok := r.calls(t, arn, where); ok {
					r.take(t, n.with(arn, group.Policies...), p, arn, "", n)
				}
			}
		}
	}
}

// managed changes managed policies that held principals have.
func (r *oracleRun) managed(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	for _, arn := range slices.Sorted(maps.Keys(r.Policies)) {
		policy := r.Policies[arn]
		var have []*oracleNode
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
				if !n.gains(arn+"@"+version, policy.Others[version]) {
					continue
				}
				r.take(t, n.with(arn+"@"+version, policy.Others[version]), p, arn+" version "+version, "", n)
			}
		}
	}
}

func (r *oracleRun) has(n *oracleNode, policy string) bool {
	return slices.Contains(n.Attached, policy) || slices.ContainsFunc(n.Groups, func(g string) bool {
		return r.Groups[g] != nil && slices.Contains(r.Groups[g].Attached, policy)
	})
}

// makeNew makes a user or a role with every permission that the organisation
// leaves, in each account.
func (r *oracleRun) makeNew(t *Technique) {
	if !r.anyone(t.calls[0].action) {
		return
	}
	accounts := make(map[string]string)
	for n := range r.active {
		accounts[n.ARN[:strings.LastIndexByte(n.ARN, ':')]] = n.Account
	}
	for _, prefix := range slices.Sorted(maps.Keys(accounts)) {
		p, ok := r.calls(t, "", target{account: accounts[prefix]})
		if !ok {
			continue
		}
		owner := p.by[0]
		kind := "user/"
		if strings.Contains(t.ID, "Role") {
			kind = "role/"
		}
		arn := "arn:" + partition(owner.ARN) + ":iam::" + owner.Account + ":" + kind + unheard
		made := &Principal{ARN: arn, Account: owner.Account, Role: kind == "role/", ServiceControl: owner.ServiceControl}
		r.take(t, &oracleVariant{Principal: made, all: true}, p, "", "")
	}
}
