package awsiam

import (
	"slices"
	"strings"
)

// Prospect is what an open question can come to before it is known on what it
// acts. A no is certain, so that who asks about many resources need put few of
// them to [Outcome]. It may be asked by several goroutines.
type Prospect struct {
	none bool
	// grants are the statements of the identity that may allow; limits those of
	// the boundary and of each of the organisation's levels, of each of which one
	// must.
	grants []*Statement
	limits [][]*Statement
	q      question
}

// NewProspect looks at what a principal may do with an action by what the
// identity, its boundary and its organisation have. The request leaves out the
// resource, and of its keys those that follow from the resource or from the
// call; free says of the keys that the request leaves open, in lower case,
// whether they may come to have whatever value is needed. What depends on
// another open key is not allowed.
func NewProspect(layers *Layers, request *Request, free func(key string) bool) *Prospect {
	p := &Prospect{q: newQuestion(&Layers{}, request, Open)}
	p.grants = p.look(layers.Identity, free)
	p.none = p.none || len(p.grants) == 0
	if len(layers.Boundary) > 0 {
		p.limit(layers.Boundary, free)
	}
	if !request.Principal.serviceLinked() {
		for i := range layers.ServiceControl {
			p.limit(layers.ServiceControl[i].Policies, free)
		}
	}
	return p
}

func (p *Prospect) limit(policies []*Policy, free func(key string) bool) {
	list := p.look(policies, free)
	p.none = p.none || len(list) == 0
	for _, st := range list {
		if st.onAll() {
			return // it limits nothing
		}
	}
	p.limits = append(p.limits, list)
}

// look returns the statements that may allow, and notes what denies on every
// resource.
func (p *Prospect) look(policies []*Policy, free func(key string) bool) []*Statement {
	var out []*Statement
	for _, policy := range policies {
		if policy.doc.unclear != "" {
			p.none = true // it may deny everything
			continue
		}
		for i := range policy.doc.statements {
			st := &policy.doc.statements[i]
			switch {
			case !st.actions.covers(p.q.action) && len(st.Unclear) == 0:
			case st.Effect == Deny:
				p.none = p.none || p.denies(st, free)
			case len(st.Unclear) > 0 || p.mayHold(st, free):
				out = append(out, st)
			}
		}
	}
	return out
}

func (st *Statement) onAll() bool {
	for i := range st.resources {
		if st.Resources != nil && st.resources[i].form == resourceAll {
			return len(st.Unclear) == 0
		}
	}
	return false
}

// mayHold reports whether all conditions of an allowing statement may hold.
func (p *Prospect) mayHold(st *Statement, free func(key string) bool) bool {
	for i := range st.Conditions {
		c := &st.Conditions[i]
		switch c.test.holds(&p.q) {
		case no:
			return false
		case open:
			if !c.follows() && !free(lower(c.test.key)) {
				return false
			}
		}
	}
	return true
}

// denies reports whether a statement denies whatever the resource is, or hangs
// on nothing but keys that are not free.
func (p *Prospect) denies(st *Statement, free func(key string) bool) bool {
	if !st.onAll() || st.Principals != nil || st.NotPrincipals != nil {
		return false
	}
	for i := range st.Conditions {
		c := &st.Conditions[i]
		switch c.test.holds(&p.q) {
		case no, unclear:
			return false
		case open:
			if c.follows() || free(lower(c.test.key)) {
				return false
			}
		}
	}
	return true
}

// follows reports whether the values of the condition hang on other keys.
func (c *Condition) follows() bool {
	return slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(v, "${") })
}

// None reports whether the action is allowed on nothing.
func (p *Prospect) None() bool { return p.none }

// On reports whether the action may be allowed on a resource.
func (p *Prospect) On(resource string) bool {
	if p.none {
		return false
	}
	q := p.q
	q.resource = resource
	if !q.some(p.grants) {
		return false
	}
	for _, list := range p.limits {
		if !q.some(list) {
			return false
		}
	}
	return true
}

func (q *question) some(list []*Statement) bool {
	for _, st := range list {
		if len(st.Unclear) > 0 || q.names(LayerIdentity, st) != no {
			return true
		}
	}
	return false
}
