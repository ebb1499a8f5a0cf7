package account

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// The bounds of a question about any resource.
const (
	// maxClasses bounds the classes of resources that the patterns of a
	// principal's statements tell apart.
	maxClasses = 64
	// maxListed bounds the resources of the inventory that are asked for.
	maxListed = 200
	// maxPatterns bounds the patterns that are named in an answer.
	maxPatterns = 20
)

// anywhere answers for an action on any resource: the best answer there is, and
// on which patterns it is given.
func (e *Engine) anywhere(p *principal, action string) access.Decision {
	o, resource := e.search(p, action)
	d := e.decide(p, action, resource)
	if o != access.Allowed && o != access.Conditional {
		return d
	}
	if patterns := e.patternsOf(p, action, o); len(patterns) > 0 {
		d.Because = append(d.Because, access.Reason{Effect: "none", Text: "on " + strings.Join(patterns, ", ") + "; asked for " + resource})
	}
	return d
}

// search finds a resource on which the answer is best.
func (e *Engine) search(p *principal, action string) (access.Outcome, string) {
	best, on := access.ImplicitlyDenied, "*"
	for i, resource := range e.candidates(p, action) {
		o := e.outcome(p, action, resource)
		if i == 0 || rank(o) < rank(best) {
			best, on = o, resource
		}
		if best == access.Allowed {
			break
		}
	}
	return best, on
}

// rank orders outcomes, the surest yes first.
func rank(o access.Outcome) int {
	return slices.Index([]access.Outcome{access.Allowed, access.Conditional, access.Unknown, access.ImplicitlyDenied, access.ExplicitlyDenied}, o)
}

// patternsOf lists the resource patterns of the allowing statements that hold
// for an action, as they are written.
func (e *Engine) patternsOf(p *principal, action string, as access.Outcome) []string {
	var out []string
	p.statements(func(_ *policy, st *awsiam.Statement) bool {
		if st.Effect != awsiam.Allow || !st.AppliesTo(action) {
			return true
		}
		for _, r := range st.Resources {
			if !slices.Contains(out, r) && len(out) < maxPatterns && rank(e.outcome(p, action, e.concrete(p, action, r))) <= rank(as) {
				out = append(out, r)
			}
		}
		if st.NotResources != nil && len(out) < maxPatterns {
			out = append(out, "everything but "+strings.Join(st.NotResources, ", "))
		}
		return true
	})
	return out
}

// statements walks the statements of a principal's own policies and its
// groups'.
func (p *principal) statements(yield func(*policy, *awsiam.Statement) bool) {
	walk := func(list []*policy) bool {
		for _, d := range list {
			if d.Policy == nil {
				continue
			}
			sts := d.Statements()
			for i := range sts {
				if !yield(d, &sts[i]) {
					return false
				}
			}
		}
		return true
	}
	if !walk(p.own) {
		return
	}
	for _, g := range p.groups {
		if !walk(g.own) {
			return
		}
	}
}

// candidates are resources among which there is one with the best answer: one of
// each class that the patterns of the layers tell apart and that an allowing
// statement names, and those of the inventory that such a statement names or
// whose own policy may allow it.
func (e *Engine) candidates(p *principal, action string) []string {
	if a, ok := e.data.Action(action); ok && len(a.Resources) == 0 {
		return []string{"*"} // it cannot be allowed on a resource
	}
	var allowed, all []string
	anything := false
	add := func(list []string, more []string) []string {
		for _, r := range more {
			if !slices.Contains(list, r) {
				list = append(list, r)
			}
		}
		return list
	}
	p.statements(func(_ *policy, st *awsiam.Statement) bool {
		if st.MayApplyTo(action) {
			if st.Effect != awsiam.Deny {
				allowed = add(allowed, st.Resources)
				anything = anything || st.NotResources != nil
			}
			all = add(add(all, st.Resources), st.NotResources)
		}
		return true
	})
	if anything {
		allowed = add(allowed, []string{"*"})
	}
	for _, pol := range e.limits(p) {
		sts := pol.Statements()
		for i := range sts {
			if sts[i].MayApplyTo(action) {
				all = add(add(all, sts[i].Resources), sts[i].NotResources)
			}
		}
	}
	out := e.witnesses(p, action, allowed, all)
	return add(out, e.listedFor(p, action, allowed))
}

// limits are the policies that limit a principal beside its own.
func (e *Engine) limits(p *principal) []*awsiam.Policy {
	l := p.layers()
	out := slices.Clone(l.Boundary)
	for _, level := range slices.Concat(l.ServiceControl, p.account.control) {
		out = append(out, level.Policies...)
	}
	return out
}

// witnesses are one resource of each class that the patterns tell apart, of
// those that an allowed pattern fits.
func (e *Engine) witnesses(p *principal, action string, allowed, all []string) []string {
	var out []string
	for _, r := range allowed {
		if c := e.concrete(p, action, r); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	var patterns []glob.Pattern
	for _, r := range all {
		if r != "*" {
			patterns = append(patterns, glob.Text(e.substituted(p, r)))
		}
	}
	for _, t := range e.templates(p, action) {
		patterns = append(patterns, glob.Pattern{}.Part(t))
	}
	classes, err := glob.Classes(patterns, glob.AnyText(), maxClasses)
	if err != nil {
		return out // what is named is asked for as it stands
	}
	// Those that are names of what the action is for come first.
	templates := len(e.templates(p, action))
	for _, typed := range []bool{true, false} {
		for _, c := range classes {
			is := false
			for i := range c.Matches.All {
				is = is || i >= len(patterns)-templates
			}
			if is == typed && !slices.Contains(out, c.Witness) {
				out = append(out, c.Witness)
			}
		}
	}
	return out
}

// concrete is a resource that fits a pattern and that as few others as possible
// fit.
func (e *Engine) concrete(p *principal, action, pattern string) string {
	if strings.Trim(pattern, "*") != "" {
		return fill(e.substituted(p, pattern))
	}
	if t := e.templates(p, action); len(t) > 0 {
		return fill(t[0])
	}
	return "*"
}

// substituted is a pattern with the policy variables that are known of a
// principal put in; others stand for any text.
func (e *Engine) substituted(p *principal, pattern string) string {
	if !strings.Contains(pattern, "${") {
		return pattern
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(pattern, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			b.WriteString("${" + rest)
			return b.String()
		}
		name, fallback, _ := strings.Cut(name, ",")
		b.WriteString(p.variable(strings.ToLower(strings.TrimSpace(name)), fallback))
		pattern = after
	}
}

func (p *principal) variable(name, fallback string) string {
	switch name {
	case "*", "?", "$":
		return name
	case "aws:username":
		if _, user, ok := strings.Cut(p.as.String(), ":user/"); ok {
			return user[strings.LastIndexByte(user, '/')+1:]
		}
	case "aws:principalaccount":
		return p.account.id
	}
	if tag, ok := strings.CutPrefix(name, "aws:principaltag/"); ok {
		for k, v := range p.tags {
			if strings.EqualFold(k, tag) {
				return v
			}
		}
		return strings.Trim(strings.TrimSpace(fallback), "'")
	}
	return "*"
}

// templates are the forms of the resources that an action is for, with a star
// for what is not fixed; required types first.
func (e *Engine) templates(p *principal, action string) []string {
	a, ok := e.data.Action(action)
	if !ok {
		return nil
	}
	s, ok := e.data.Service(a.Service)
	if !ok {
		return nil
	}
	var out []string
	for _, required := range []bool{true, false} {
		for _, r := range a.Resources {
			if r.Required != required {
				continue
			}
			for _, t := range s.Resources {
				if t.Name == r.Type && t.ARN != "" {
					out = append(out, e.template(p, t.ARN))
				}
			}
		}
	}
	return out
}

// template puts the principal's partition and account into the form of an ARN.
func (e *Engine) template(p *principal, form string) string {
	partition := "aws"
	if parts := strings.SplitN(p.as.String(), ":", 3); len(parts) == 3 {
		partition = parts[1]
	}
	form = strings.NewReplacer("${Partition}", partition, "${Account}", p.account.id).Replace(form)
	for {
		before, rest, ok := strings.Cut(form, "${")
		if !ok {
			return form
		}
		_, after, ok := strings.Cut(rest, "}")
		if !ok {
			return form
		}
		form = before + "*" + after
	}
}

// listedFor are resources of the inventory that an allowed pattern names, or
// whose own policies may allow the action. A role is one.
func (e *Engine) listedFor(p *principal, action string, allowed []string) []string {
	patterns := make([]glob.Pattern, len(allowed))
	for i, r := range allowed {
		patterns[i] = glob.Text(e.substituted(p, r))
	}
	var out []string
	for _, arn := range e.index.withPolicies(action) {
		if len(out) == maxListed {
			break
		}
		asked := e.part(action, arn)
		fits := slices.ContainsFunc(patterns, func(g glob.Pattern) bool { return g.Match(asked) })
		if fits || e.index.grantsTo(arn, p) {
			out = append(out, asked)
		}
	}
	return out
}

// part is what of a resource of the inventory an action is asked for: an object
// of a bucket, where the action is for objects.
func (e *Engine) part(action, arn string) string {
	if !strings.Contains(arn, ":s3:::") || strings.Contains(arn, "/") {
		return arn
	}
	a, ok := e.data.Action(action)
	if ok && len(a.Resources) > 0 && !slices.ContainsFunc(a.Resources, func(r awsdata.ActionResource) bool { return r.Type == "bucket" }) {
		return arn + "/" + unheard
	}
	return arn
}
