package account

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// Can answers whether an identity may do something.
func (e *Engine) Can(identity retinue.Ref, action, resource string) access.Decision {
	p := e.byRef[identity]
	if p == nil {
		return unknown("no AWS account of the inventory has the identity " + identity.Key)
	}
	if why := unanswerable(action, resource); why != "" {
		return unknown(why)
	}
	if strings.ContainsAny(action, "*?") {
		return e.every(p, action, resource)
	}
	return e.can(p, action, resource)
}

// unanswerable says why a question is none.
func unanswerable(action, resource string) string {
	switch {
	case action != "*" && !strings.Contains(action, ":"):
		return fmt.Sprintf("%.200q is no action of AWS, which have the form service:Name", action)
	case resource != "*" && strings.ContainsAny(resource, "*?"):
		return fmt.Sprintf("%.200q is a pattern: ask for one resource, or leave it out to ask for any", resource)
	}
	return ""
}

func (e *Engine) can(p *principal, action, resource string) access.Decision {
	if resource == "" {
		return e.anywhere(p, action)
	}
	return e.decide(p, action, resource)
}

func unknown(text string) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Effect: "none", Text: retinue.CleanName(text)}}}
}

// decide answers for one action on one resource.
func (e *Engine) decide(p *principal, action, resource string) access.Decision {
	l, r := e.question(p, action, resource)
	return awsiam.Decide(&l, &r, awsiam.Open)
}

// outcome is decide without the reasons.
func (e *Engine) outcome(p *principal, action, resource string) access.Outcome {
	l, r := e.question(p, action, resource)
	return awsiam.Outcome(&l, &r, awsiam.Open)
}

func (e *Engine) question(p *principal, action, resource string) (awsiam.Layers, awsiam.Request) {
	t := e.thing(action, resource, p.account)
	l := p.layers()
	e.on(&l, &t)
	r := awsiam.Request{Action: action, Resource: resource, ResourceAccount: t.account.id, Principal: p.as}
	settle(&r, p.account, &t)
	for k, v := range p.tags {
		r.Context.Set("aws:PrincipalTag/"+k, v)
	}
	r.Absent = append(r.Absent, "aws:PrincipalTag/*")
	return l, r
}

// settle puts into a request what is known of it, and what it is taken to be;
// see the package comment.
func settle(r *awsiam.Request, from *account, t *thing) {
	r.Context.Set("aws:SecureTransport", "true")
	r.Absent = append(r.Absent, "aws:CalledVia*", "aws:ViaAWSService", "aws:PrincipalServiceName*")
	if from != nil && from.organization != "" {
		r.Context.Set("aws:PrincipalOrgID", from.organization)
		r.Context.SetList("aws:PrincipalOrgPaths", from.path)
	}
	if t.account.organization != "" && t.listed {
		r.Context.Set("aws:ResourceOrgID", t.account.organization)
		r.Context.SetList("aws:ResourceOrgPaths", t.account.path)
	}
	for k, v := range t.tags {
		r.Context.Set("aws:ResourceTag/"+k, v)
		r.Context.Set(t.service+":ResourceTag/"+k, v)
	}
	if t.tagged {
		r.Absent = append(r.Absent, "aws:ResourceTag/*", t.service+":ResourceTag/*")
	}
}

// layers are the policies that limit or allow what a principal does, without
// those of the resource.
func (p *principal) layers() awsiam.Layers {
	l := awsiam.Layers{ServiceControl: p.account.service, Unread: p.unread()}
	add := func(to []*awsiam.Policy, list []*policy) []*awsiam.Policy {
		for _, d := range list {
			if d.Policy != nil {
				to = append(to, d.Policy)
			}
		}
		return to
	}
	l.Identity = add(nil, p.own)
	for _, g := range p.groups {
		l.Identity = add(l.Identity, g.own)
	}
	l.Boundary = add(nil, p.boundary)
	return l
}

// unheard is a name that no policy and no inventory has.
const unheard = "0q0"

// fill is a name that fits a pattern and that nothing else names.
func fill(pattern string) string { return strings.NewReplacer("*", unheard, "?", "q").Replace(pattern) }

// actions lists the known actions that a pattern covers, and one that AWS may
// add.
func (e *Engine) actions(pattern string) []string {
	future := fill(pattern)
	if pattern == "*" {
		future = unheard + ":" + unheard
	}
	return append(e.data.Expand(pattern), future)
}

// every answers for all actions of a pattern: the worst answer of any.
func (e *Engine) every(p *principal, pattern, resource string) access.Decision {
	all := e.actions(pattern)
	counts := make(map[access.Outcome]int)
	examples := make(map[access.Outcome][]string)
	var first access.Decision
	for _, action := range all {
		o := e.best(p, action, resource)
		counts[o]++
		if len(examples[o]) < maxExamples {
			examples[o] = append(examples[o], action)
		}
	}
	out := access.Allowed
	switch {
	case counts[access.ExplicitlyDenied] == len(all):
		out = access.ExplicitlyDenied
	case counts[access.ExplicitlyDenied]+counts[access.ImplicitlyDenied] > 0:
		out = access.ImplicitlyDenied
	case counts[access.Unknown] > 0:
		out = access.Unknown
	case counts[access.Conditional] > 0:
		out = access.Conditional
	}
	for _, o := range []access.Outcome{out, access.ExplicitlyDenied} {
		if len(examples[o]) > 0 {
			first = e.can(p, examples[o][0], resource)
			break
		}
	}
	first.Outcome = out
	if out == access.Conditional {
		first.Remains = e.remains(p, all, resource)
	}
	text := fmt.Sprintf("of the %d known actions that %s covers, and those that AWS may add", len(all)-1, pattern)
	for _, o := range []access.Outcome{access.Allowed, access.Conditional, access.Unknown, access.ImplicitlyDenied, access.ExplicitlyDenied} {
		if n := counts[o]; n > 0 {
			text += fmt.Sprintf(", %d are %s (%s)", n, o, strings.Join(shown(examples[o]), ", "))
		}
	}
	first.Because = slices.Insert(first.Because, 0, access.Reason{Effect: "none", Text: text})
	return first
}

// maxExamples is how many actions of an answer about many are named.
const maxExamples = 3

func shown(actions []string) []string {
	out := slices.Clone(actions)
	for i, a := range out {
		if strings.Contains(a, unheard) {
			out[i] = "future ones"
		}
	}
	return out
}

// remains are the conditions of all actions that have some.
func (e *Engine) remains(p *principal, actions []string, resource string) []access.Condition {
	var out []access.Condition
	seen := make(map[string]bool)
	for _, a := range actions {
		if e.best(p, a, resource) != access.Conditional {
			continue
		}
		for _, c := range e.can(p, a, resource).Remains {
			if key := c.String(); !seen[key] && len(out) < maxRemains {
				seen[key] = true
				out = append(out, c)
			}
		}
	}
	return out
}

const maxRemains = 50

// best is the outcome on a resource, or on the best one.
func (e *Engine) best(p *principal, action, resource string) access.Outcome {
	if resource == "" {
		o, _ := e.search(p, action)
		return o
	}
	return e.outcome(p, action, resource)
}
