package escalate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// variant is a principal as it is after some steps: with more policies, or
// without its boundary.
type variant struct {
	*Principal
	// all is true where the attacker has given it every permission.
	all bool
	// more is what it gained, by name, each once.
	more []addition
	free bool // without its boundary
	// name tells variants of a principal apart; the plain one has none.
	name string

	principal awsiam.Principal
	allows    actionSet
	applies   *awsiam.Layers
	// able are the actions that it may call on something, once that was weighed;
	// bears its policies without those that bear on no technique; base what its
	// calls have in common.
	able    actionSet
	weighed bool
	bears   *awsiam.Layers
	base    *awsiam.Request
	judged  bool
	isAdmin bool
}

// addition is something that a principal gains: a policy that is attached, a
// group that it joins, another version of a policy that it has.
type addition struct {
	name     string
	policies []*awsiam.Policy
}

// mostMore is how many policies are added to a principal one after the other.
// Each choice of them is a variant of its own, so that their number must be
// bounded; what does not open a call of a technique is not added.
const mostMore = 2

// raisedName is the name of a variant with every permission.
const raisedName = "all"

// label is the name of a variant.
func (v *variant) label() string {
	if !v.all && !v.free && len(v.more) == 0 {
		return ""
	}
	var b strings.Builder
	if v.all {
		b.WriteString(raisedName)
	}
	if v.free {
		b.WriteString("free")
	}
	for _, m := range v.more {
		b.WriteString("+" + m.name)
	}
	return b.String()
}

// variant completes a variant.
func (a *asker) variant(v variant) *variant {
	v.name = v.label()
	if v.name == "" {
		if known := a.plain[v.Principal]; known != nil {
			return known
		}
	} else if known := a.varied[v.held()]; known != nil {
		return known
	}
	if parsed, err := awsiam.ParsePrincipal(v.ARN); err == nil {
		v.principal = parsed
	}
	v.allows = v.Principal.allows
	if v.all {
		v.allows = a.every
	}
	for _, m := range v.more {
		for _, p := range m.policies {
			v.allows.join(a.document(p).allows)
		}
	}
	kept := a.variants.next()
	*kept = v
	if v.name == "" {
		a.plain[v.Principal] = kept
	} else {
		a.varied[v.held()] = kept
	}
	return kept
}

// node is a new node.
func (a *asker) node(v *variant) *node {
	n := a.nodes.next()
	n.variant = v
	return n
}

// as is the principal as it is.
func (a *asker) as(p *Principal) *variant { return a.variant(variant{Principal: p}) }

// raised is the principal with every permission.
func (v *variant) raised() variant {
	return variant{Principal: v.Principal, all: true, free: v.free}
}

// unbound is the principal without its boundary.
func (v *variant) unbound() variant {
	return variant{Principal: v.Principal, all: v.all, more: v.more, free: true}
}

// gains reports whether policies would open anything that techniques use.
func (a *asker) gains(v *variant, name string, policies ...*awsiam.Policy) bool {
	if len(v.more) >= mostMore || slices.ContainsFunc(v.more, func(m addition) bool { return m.name == name }) {
		return false
	}
	return slices.ContainsFunc(policies, func(p *awsiam.Policy) bool {
		d := a.document(p)
		return d.wide || !d.allows.empty()
	})
}

// with is the principal with more policies.
func (v *variant) with(name string, policies ...*awsiam.Policy) variant {
	more := append(slices.Clone(v.more), addition{name, policies})
	slices.SortFunc(more, func(a, b addition) int { return cmp.Compare(a.name, b.name) })
	return variant{Principal: v.Principal, all: v.all, more: more, free: v.free}
}

// class is whom a variant is like in what it may call, 0 for one that nobody is sure to be like.
func (v *variant) class() int32 {
	switch v.name {
	case "":
		return v.Principal.calls
	case raisedName:
		return v.Principal.raisedCalls
	}
	return 0
}

// layers are the policies of a variant.
func (s *State) layers(v *variant) *awsiam.Layers {
	if v.applies != nil {
		return v.applies
	}
	l := &awsiam.Layers{ServiceControl: v.ServiceControl, Unread: s.Unread}
	l.Identity = slices.Clone(v.Own)
	for _, m := range v.more {
		l.Identity = append(l.Identity, m.policies...)
	}
	for _, g := range v.Groups {
		if group := s.Groups[g]; group != nil {
			l.Identity = append(l.Identity, group.Policies...)
		}
	}
	if v.all {
		l.Identity = append(l.Identity, everything)
	}
	if !v.free {
		l.Boundary = v.Boundary
	}
	v.applies = l
	return l
}

// bearing are the policies of a variant that bear on techniques.
func (a *asker) bearing(v *variant) *awsiam.Layers {
	if v.bears != nil {
		return v.bears
	}
	l := *a.layers(v)
	l.Identity = make([]*awsiam.Policy, 0, 4)
	for _, p := range a.layers(v).Identity {
		if a.document(p).number != 0 {
			l.Identity = append(l.Identity, p)
		}
	}
	v.bears = &l
	return v.bears
}
