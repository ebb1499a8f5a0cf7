package account

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// Attached is a policy that an identity has, by itself or by a group.
type Attached struct {
	Ref    retinue.Ref
	Group  retinue.Ref // zero where it is the identity's own
	Policy *awsiam.Policy
}

// Attached lists the policies of an identity and of its groups, as far as they
// were read; false where the engine does not know the identity.
func (e *Engine) Attached(identity retinue.Ref) ([]Attached, bool) {
	p := e.byRef[identity]
	if p == nil {
		return nil, false
	}
	var out []Attached
	add := func(group retinue.Ref, list []*policy) {
		for _, d := range list {
			if d.Policy != nil {
				out = append(out, Attached{d.ref, group, d.Policy})
			}
		}
	}
	add(retinue.Ref{}, p.own)
	for _, g := range p.groups {
		add(g.ref, g.own)
	}
	return out, true
}

// Consequence is what follows from an action by itself, whatever it is on.
func (e *Engine) Consequence(action string) access.Consequence { return e.kinds.Of(action) }

// Supposed answers about an identity as if it had other policies. Everything
// else stays in force: its boundary, the organisation's policies, those of
// resources, and what was not read. It is used by one goroutine.
type Supposed struct{ a *asker }

// Suppose lets an identity have these policies in place of its own and of those
// of its groups; false where the engine does not know the identity.
func (e *Engine) Suppose(identity retinue.Ref, policies []*awsiam.Policy) (*Supposed, bool) {
	p := e.byRef[identity]
	if p == nil {
		return nil, false
	}
	as := *p
	as.own, as.groups = nil, nil
	for _, d := range policies {
		as.own = append(as.own, &policy{Policy: d})
	}
	unread := func(list []*policy) {
		for _, d := range list {
			if d.Policy == nil {
				as.own = append(as.own, d)
			}
		}
	}
	unread(p.own)
	for _, g := range p.groups {
		unread(g.own)
		if !g.known {
			as.groups = append(as.groups, &group{ref: g.ref})
		}
	}
	return &Supposed{e.asker(&as)}, true
}

// Decide answers for an action on a resource, an ARN or "*", with what is known
// of the conditions of the request; the others stay open.
func (s *Supposed) Decide(action, resource string, context map[string]string) access.Decision {
	if strings.ContainsAny(action, "*?") || !strings.Contains(action, ":") || !understood(action) {
		return unknown("\"" + action + "\" is no action of AWS")
	}
	l, r := s.a.question(action, resource)
	for key, value := range context {
		r.Context.Set(key, value)
	}
	return awsiam.Decide(&l, &r, awsiam.Open)
}

// maxInstances bounds the resources that stand for a name with wildcards.
const maxInstances = 64

// Instances returns resources that stand for all that a name with wildcards may
// mean, and for any resource where it is empty: one of each class that the
// policies of either tell apart. False is returned where there are too many.
// An action without resource types is asked on "*", whatever a log shows beside
// it ("Actions, resources, and condition keys", Service Authorization Reference).
func (s *Supposed) Instances(other *Supposed, action, resource string) ([]string, bool) {
	if d, ok := s.a.data.Action(action); ok && len(d.Resources) == 0 {
		if strings.EqualFold(action, "s3:ListAllMyBuckets") {
			return []string{"*", "arn:aws:s3:::*"}, true // policies name it by either
		}
		return []string{"*"}, true
	}
	if resource != "" && !strings.ContainsAny(resource, "*?") {
		return []string{resource}, true
	}
	if resource == "" {
		resource = "*"
	}
	var named []string
	for _, a := range []*asker{s.a, other.a} {
		for _, r := range a.named(action).all {
			named = union(named, []string{a.p.substituted(r)})
		}
	}
	t := s.a.thing(action, resource, s.a.p.account)
	for _, d := range t.policies {
		if d.Policy != nil {
			for _, st := range d.Statements() {
				named = union(union(named, st.Resources), st.NotResources)
			}
		}
	}
	list := []glob.Pattern{glob.Text(resource)}
	for _, n := range named {
		list = append(list, glob.Text(n))
	}
	classes, err := glob.Classes(list, glob.AnyText(), maxInstances)
	if err != nil {
		return nil, false
	}
	var out []string
	for _, c := range classes {
		switch {
		case !glob.Match(resource, c.Witness):
		case c.Witness == "":
			out = append(out, "*")
		default:
			out = append(out, c.Witness)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), true
}
