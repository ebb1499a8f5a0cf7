package awsiam

// policy evaluates the statements of a policy and calls found for those that
// apply or may; a nil statement stands for a document that is not understood.
func (q *question) policy(layer Layer, level int, p *Policy, found func(*Statement, truth, grant)) {
	d := p.doc
	if d.unclear != "" {
		q.hit(hit{layer: layer, level: level, policy: p, truth: unclear, grant: unsure, why: d.unclear})
		found(nil, unclear, unsure)
		return
	}
	one := func(st *Statement) {
		t, g := q.statement(layer, d, st)
		if t != no {
			q.hit(hit{layer: layer, level: level, policy: p, statement: st, truth: t, grant: g})
			found(st, t, g)
		}
	}
	if d.index == nil {
		for i := range d.statements {
			one(&d.statements[i])
		}
		return
	}
	named, general := d.index.services[serviceOf(q.action)], d.index.general
	for len(named) > 0 || len(general) > 0 {
		if len(general) == 0 || len(named) > 0 && named[0] < general[0] {
			one(&d.statements[named[0]])
			named = named[1:]
		} else {
			one(&d.statements[general[0]])
			general = general[1:]
		}
	}
}

func serviceOf(action string) string {
	for i := range len(action) {
		if action[i] == ':' {
			return action[:i]
		}
	}
	return action
}

func (q *question) hit(h hit) {
	if q.collect {
		q.hits = append(q.hits, h)
	}
}

// statement says whether a statement applies to the request: its action,
// resource, principal and all conditions must match.
func (q *question) statement(layer Layer, d *compiled, st *Statement) (truth, grant) {
	if !st.actions.covers(q.action) && len(st.Unclear) == 0 {
		return no, unnamed
	}
	if !st.targets {
		st.prepareTargets(d.memory, d.version)
	}
	t := yes
	if len(st.Unclear) > 0 {
		if (st.Actions != nil) != (st.NotActions != nil) && !st.mayCover(q.action) {
			return no, unnamed
		}
		t = unclear
	}
	if t = and(t, q.names(layer, st)); t == no {
		return no, unnamed
	}
	named, g := q.to(layer, st)
	if t = and(t, named); t == no {
		return no, unnamed
	}
	if !st.tests {
		if st.prepareTests(d.memory, d.version); len(st.Unclear) > 0 {
			t = unclear
		}
	}
	for i := range st.Conditions {
		if t = and(t, st.Conditions[i].test.holds(q)); t == no {
			return no, unnamed
		}
	}
	return t, g
}

// to says whether a statement is about the principal, and how it names it.
func (q *question) to(layer Layer, st *Statement) (truth, grant) {
	switch layer {
	case LayerIdentity, LayerBoundary, LayerSession, LayerServiceControl:
		if st.Principals != nil || st.NotPrincipals != nil {
			return unclear, directly // "You cannot use the Principal element in an identity-based policy."
		}
		return yes, directly
	}
	switch g := q.grantOf(layer, st); g {
	case unnamed:
		return no, g
	case unsure:
		return unclear, g
	default:
		return yes, g
	}
}

// mayCover is covers for a statement that is not wholly understood: an action
// that AWS would not accept may be the reason.
func (st *Statement) mayCover(action string) bool {
	if st.actions.covers(action) {
		return true
	}
	n := len(st.Actions) + len(st.NotActions)
	return !st.actions.all && st.actions.understood() < n
}

// names decides the Resource or NotResource element. In a policy that is
// attached to a resource it may be absent: the trust policy of a role has none,
// nor has that of a container repository.
func (q *question) names(layer Layer, st *Statement) truth {
	if st.Resources == nil && st.NotResources == nil {
		if layer == LayerResource {
			return yes
		}
		return unclear // "Statements must include either a Resource or a NotResource element."
	}
	out := no
	for i := range st.resources {
		if out = or(out, st.resources[i].match(q)); out == yes {
			break
		}
	}
	if st.Resources == nil {
		return not(out)
	}
	return out
}

// grantOf decides the Principal or NotPrincipal element of a policy that has
// one.
func (q *question) grantOf(layer Layer, st *Statement) grant {
	if st.Principals == nil && st.NotPrincipals == nil {
		if layer == LayerEndpoint {
			return directly
		}
		return unsure // "You must use the Principal element in resource-based policies."
	}
	best := unnamed
	for i := range st.named {
		best = max(best, st.named[i].names(q))
	}
	if st.Principals != nil {
		return best
	}
	return q.excepted(st, best)
}

// excepted decides NotPrincipal from how its list names the principal.
func (q *question) excepted(st *Statement, best grant) grant {
	if st.Effect == Deny && len(q.layers.Boundary) > 0 && q.request.Principal.signed() {
		// "The NotPrincipal element with a Deny effect will always deny any IAM
		// principal that has a permissions boundary policy attached, regardless
		// of the values specified in the NotPrincipal element."
		return directly
	}
	switch best {
	case unnamed:
		return directly
	case unsure:
		return unsure
	}
	return unnamed
}
