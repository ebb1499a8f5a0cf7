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

// patterns are the resource patterns that bear on an action.
type patterns struct {
	// allowed are those of the allowing statements, all those of any.
	allowed, all []string
	// key names the rules that they are of.
	key string
}

// anywhere answers for an action on any resource: the best answer there is, and
// on which patterns it is given.
func (a *asker) anywhere(action string) access.Decision {
	named := a.named(action)
	o, resource := a.search(action, named)
	d := a.decide(action, resource)
	if o != access.Allowed && o != access.Conditional {
		return d
	}
	var on []string
	for _, r := range named.allowed {
		if len(on) == maxPatterns {
			break
		}
		if got, _ := a.search(action, patterns{[]string{r}, named.all, named.key}); rank(got) <= rank(o) {
			on = append(on, r)
		}
	}
	text := "asked for " + resource
	if len(on) > 0 {
		text = "on " + strings.Join(on, ", ") + "; " + text
	}
	d.Because = append(d.Because, access.Reason{Effect: "none", Text: text})
	return d
}

// search finds a resource on which the answer is best, among those that the
// allowed patterns name.
func (a *asker) search(action string, named patterns) (access.Outcome, string) {
	best, on := access.ImplicitlyDenied, "*"
	for i, resource := range a.candidates(action, named) {
		o := a.outcome(action, resource)
		if i == 0 || rank(o) < rank(best) {
			best, on = o, resource
		}
		if best == access.Allowed {
			return best, on
		}
	}
	for _, resource := range a.listedFor(action, named.allowed) {
		if o := a.outcome(action, resource); rank(o) < rank(best) {
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

// named are the patterns that a statement is about.
func named(st *awsiam.Statement) []string {
	if st.NotResources != nil {
		return []string{"*"}
	}
	return st.Resources
}

func union(list, more []string) []string {
	for _, r := range more {
		if !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

// candidates are resources among which there is one with the best answer: one of
// each class that the patterns tell apart. Those that are most likely to have it
// come first.
func (a *asker) candidates(action string, named patterns) []string {
	known, ok := a.data.Action(action)
	if ok && len(known.Resources) == 0 {
		return []string{"*"} // it cannot be allowed on a resource
	}
	templates := a.templates(action)
	key := named.key + strings.Join(slices.Concat(named.allowed, []string{""}, templates), "\x00")
	out, ok := a.found[key]
	if !ok {
		out = a.witnesses(named, templates)
		a.found[key] = out
	}
	return out
}

func (a *asker) witnesses(named patterns, templates []string) []string {
	var out []string
	for _, r := range named.allowed {
		out = union(out, []string{a.concrete(r, templates)})
	}
	var list []glob.Pattern
	for _, r := range named.all {
		if r != "*" {
			list = append(list, glob.Text(a.p.substituted(r)))
		}
	}
	if len(list) == 0 {
		return out
	}
	for _, t := range templates {
		list = append(list, glob.Pattern{}.Part(t))
	}
	var fits []glob.Pattern
	for _, r := range named.allowed {
		fits = append(fits, glob.Text(a.p.substituted(r)))
	}
	classes, err := glob.Classes(list, glob.AnyText(), maxClasses)
	if err != nil {
		return out // what is named is asked for as it stands
	}
	// Those that are names of what the action is for come first.
	var others []string
	for _, c := range classes {
		typed := false
		for i := range c.Matches.All {
			typed = typed || i >= len(list)-len(templates)
		}
		switch {
		case !slices.ContainsFunc(fits, func(g glob.Pattern) bool { return g.Match(c.Witness) }):
		case typed:
			out = union(out, []string{c.Witness})
		default:
			others = append(others, c.Witness)
		}
	}
	return union(out, others)
}

// concrete is a resource that fits a pattern and that as few others as possible
// fit.
func (a *asker) concrete(pattern string, templates []string) string {
	if strings.Trim(pattern, "*") != "" {
		return fill(a.p.substituted(pattern))
	}
	if len(templates) > 0 {
		return fill(templates[0])
	}
	return "*"
}

// substituted is a pattern with the policy variables that are known of a
// principal put in; others stand for any text.
func (p *principal) substituted(pattern string) string {
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

// fits reports whether a pattern names resources of the types that an action is
// for: AWS never asks for the action on others. Of an action that is not known
// anything may be.
func (a *asker) fits(action, pattern string, templates []string) bool {
	if strings.Trim(pattern, "*") == "" || len(templates) == 0 {
		return true
	}
	substituted := a.p.substituted(pattern)
	parts := strings.SplitN(substituted, ":", 6)
	return len(parts) < 6 || slices.ContainsFunc(templates, func(t string) bool {
		own := strings.SplitN(t, ":", 6)
		if len(own) < 6 || own[2] != parts[2] && !strings.ContainsAny(parts[2], "*?") {
			return len(own) < 6
		}
		if own[4] != "" {
			own[4] = "*" // of whatever account
			t = strings.Join(own, ":")
		}
		key := [2]string{substituted, t}
		known, ok := a.meets[key]
		if !ok {
			known = meet(t, substituted)
			a.meets[key] = known
		}
		return known
	})
}

// meet reports whether some resource fits both the form of an ARN and a
// pattern.
func meet(template, pattern string) bool {
	form := glob.Pattern{}.Part(template)
	if !strings.ContainsAny(pattern, "*?") {
		return form.Match(pattern)
	}
	const few = 8
	classes, err := glob.Classes([]glob.Pattern{form, glob.Text(pattern)}, glob.AnyText(), few)
	return err != nil || slices.ContainsFunc(classes, func(c glob.Class) bool { return c.Matches.Len() == 2 })
}

// listedFor are resources of the inventory that an allowed pattern names, or
// whose own policies may allow the action. A role is one.
func (a *asker) listedFor(action string, allowed []string) []string {
	patterns := make([]glob.Pattern, len(allowed))
	for i, r := range allowed {
		patterns[i] = glob.Text(a.p.substituted(r))
	}
	var out []string
	for _, arn := range a.index.withPolicies(action) {
		if len(out) == maxListed {
			break
		}
		asked := a.part(action, arn)
		fits := slices.ContainsFunc(patterns, func(g glob.Pattern) bool { return g.Match(asked) })
		if fits {
			out = union(out, []string{asked})
		}
		if a.index.grantsTo(arn, a.p) {
			out = union(union(out, []string{asked}), a.index.parts(arn, action))
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
