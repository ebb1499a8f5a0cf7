package awsiam

// Possible asks policies whether they could allow something. It is used by one
// goroutine.
type Possible struct{ q question }

// NewPossible asks for an action on a resource, for some principal and some
// context; an empty resource means any.
func NewPossible(action, resource string) *Possible {
	q := newQuestion(&Layers{}, &Request{Action: action, Resource: resource}, Open)
	q.context = &Context{} // nothing is known, not even that there is no principal
	return &Possible{q}
}

// Resource is the resource that is asked for.
func (m *Possible) Resource() string { return m.q.resource }

// By reports whether an allowing statement of the policy could apply. A no is
// certain, so that who asks of many policies need look no closer at most.
func (m *Possible) By(p *Policy) bool {
	d, q := p.doc, &m.q
	if d.unclear != "" {
		return true
	}
	if d.index == nil {
		for i := range d.statements {
			if d.statements[i].mayAllow(q) {
				return true
			}
		}
		return false
	}
	for _, list := range [...][]int32{d.index.services[serviceOf(q.action)], d.index.general} {
		for _, i := range list {
			if d.statements[i].mayAllow(q) {
				return true
			}
		}
	}
	return false
}

func (st *Statement) mayAllow(q *question) bool {
	if st.Effect == Deny || !st.MayApplyTo(q.action) {
		return false
	}
	return q.resource == "" || len(st.Unclear) > 0 || st.Resources == nil && st.NotResources == nil || q.names(LayerIdentity, st) != no
}

// MayApplyTo is AppliesTo, and true also where the statement is not wholly
// understood and that may be why it does not.
func (st *Statement) MayApplyTo(action string) bool {
	if action = lower(action); st.actions.covers(action) {
		return true
	}
	return len(st.Unclear) > 0 && ((st.Actions != nil) == (st.NotActions != nil) || st.mayCover(action))
}

// Services lists the service prefixes that the statement's actions are of; all
// is true where they may be of any service.
func (st *Statement) Services() (services []string, all bool) {
	s := &st.actions
	if s.not || s.all || len(st.Unclear) > 0 {
		return nil, true
	}
	seen := make(map[string]bool)
	add := func(service string) {
		if !seen[service] {
			seen[service] = true
			services = append(services, service)
		}
	}
	s.services(add)
	return services, false
}

// IsRoot reports whether the principal is the root user of an account, which
// also stands for all of it where a policy names it.
func (p Principal) IsRoot() bool { return p.kind == principalRoot }
