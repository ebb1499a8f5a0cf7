package escalate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// asker puts calls to the engine and keeps the answers.
type asker struct {
	*State
	answers  map[question]answer
	covers   map[[2]string]bool
	admins   map[string]bool
	choices  map[[3]string][]string
	services map[[2]string]bool
}

type question struct{ who, action, resource, policyARN, passedTo string }

type answer struct {
	ok      bool
	because []access.Reason
}

func newAsker(s *State) *asker {
	return &asker{State: s, answers: make(map[question]answer), covers: make(map[[2]string]bool), admins: make(map[string]bool),
		choices: make(map[[3]string][]string), services: make(map[[2]string]bool)}
}

// mayCall reports whether some statement of the identity's own policies covers
// the action at all, which most do not.
func (a *asker) mayCall(v *variant, action string) bool {
	key := [2]string{v.id(), action}
	known, ok := a.covers[key]
	if !ok {
		known = slices.ContainsFunc(a.policies(v).Identity, func(p *awsiam.Policy) bool {
			list := p.Statements()
			for i := range list {
				if list[i].Effect == awsiam.Allow && list[i].AppliesTo(action) {
					return true
				}
			}
			return false
		})
		a.covers[key] = known
	}
	return known
}

// target is what a call is about, as far as its policies and tags matter.
type target struct {
	account string
	tags    map[string]string
	known   bool // tags are known to be all
	policy  []*awsiam.Policy
}

// allowed asks whether a principal may make one call. A condition on something
// that the caller chooses, such as a region, is no obstacle; one on where the
// call comes from, or on what is not known, is.
func (a *asker) allowed(v *variant, c call, resource string, t target) answer {
	if !a.mayCall(v, c.action) && t.policy == nil {
		return answer{}
	}
	key := question{v.id(), c.action, resource, c.context[keyPolicyARN], c.context[keyPassedTo]}
	if known, ok := a.answers[key]; ok {
		return known
	}
	layers := *a.policies(v)
	layers.Resource = t.policy
	r := &awsiam.Request{Action: c.action, Resource: resource, ResourceAccount: t.account, Principal: v.principal,
		Absent: append([]string{"aws:PrincipalTag/*", "aws:CalledVia*", "aws:ViaAWSService", "aws:PrincipalServiceName*"}, c.absent...)}
	r.Context.Set("aws:SecureTransport", "true")
	for k, value := range v.Tags {
		r.Context.Set("aws:PrincipalTag/"+k, value)
	}
	service, _, _ := strings.Cut(c.action, ":")
	if t.known {
		for k, value := range t.tags {
			r.Context.Set("aws:ResourceTag/"+k, value)
			r.Context.Set(service+":ResourceTag/"+k, value)
		}
		r.Absent = append(r.Absent, "aws:ResourceTag/*", service+":ResourceTag/*")
	}
	for k, value := range c.context {
		r.Context.Set(k, strings.ReplaceAll(value, "{partition}", partition(v.ARN)))
	}
	out := answer{}
	switch awsiam.Outcome(&layers, r, awsiam.Open) {
	case access.Allowed:
		out.ok = true
	case access.Conditional:
		d := awsiam.Decide(&layers, r, awsiam.Open)
		out.ok = !slices.ContainsFunc(d.Remains, func(c access.Condition) bool { return !chosen(c.Key) })
	}
	if out.ok {
		for _, reason := range awsiam.Decide(&layers, r, awsiam.Open).Because {
			if reason.Effect == "allow" {
				out.because = append(out.because, reason)
			}
		}
	}
	a.answers[key] = out
	return out
}

// chosen reports whether the caller of an action chooses the value of a
// condition key. What follows from who calls, from where and when, and what is
// there already, is not chosen ("AWS global condition context keys").
func chosen(key string) bool {
	key = strings.ToLower(key)
	if strings.Contains(key, ":resourcetag/") || strings.HasPrefix(key, "saml:") || strings.HasSuffix(key, ":sub") || strings.HasSuffix(key, ":aud") {
		return false
	}
	global, ok := strings.CutPrefix(key, "aws:")
	if !ok {
		return true
	}
	for _, prefix := range []string{"requestedregion", "requesttag/", "tagkeys", "useragent", "referer", "securetransport"} {
		if strings.HasPrefix(global, prefix) {
			return true
		}
	}
	return false
}

// admin reports whether a principal is an administrator: every action on "*"
// is allowed without a condition, with boundary, organisation policies and
// denies in force.
func (a *asker) admin(v *variant) bool {
	known, ok := a.admins[v.id()]
	if !ok {
		known = a.isAdmin(v)
		a.admins[v.id()] = known
	}
	return known
}

// unheard is a name that no policy has.
const unheard = "0q0"

func (a *asker) isAdmin(v *variant) bool {
	layers := a.policies(v)
	may := func(action string) bool {
		r := &awsiam.Request{Action: action, Resource: "*", ResourceAccount: v.Account, Principal: v.principal}
		r.Context.Set("aws:SecureTransport", "true")
		for k, value := range v.Tags {
			r.Context.Set("aws:PrincipalTag/"+k, value)
		}
		r.Absent = []string{"aws:PrincipalTag/*"}
		return awsiam.Outcome(layers, r, awsiam.Open) == access.Allowed
	}
	// An action that no policy names stands for those that are only covered by
	// what covers everything.
	if !may(unheard + ":" + unheard) {
		return false
	}
	seen := make(map[string]bool)
	check := func(policies []*awsiam.Policy) bool {
		for _, p := range policies {
			list := p.Statements()
			for i := range list {
				for _, pattern := range append(slices.Clone(list[i].Actions), list[i].NotActions...) {
					if pattern == "*" || seen[pattern] {
						continue
					}
					seen[pattern] = true
					if !may(strings.NewReplacer("*", unheard, "?", "q").Replace(pattern)) {
						return false
					}
				}
			}
		}
		return true
	}
	ok := check(layers.Identity) && check(layers.Boundary)
	for _, level := range layers.ServiceControl {
		ok = ok && check(level.Policies)
	}
	return ok
}

// resources lists the resources that are worth trying for a template with
// stars: one of each kind that the statements of the principal tell apart.
func (a *asker) resources(v *variant, action, template string) []string {
	if !strings.Contains(template, "*") || template == "*" {
		return []string{template}
	}
	key := [3]string{v.id(), action, template}
	if known, ok := a.choices[key]; ok {
		return known
	}
	plain := strings.ReplaceAll(template, "*", unheard)
	patterns := []glob.Pattern{glob.Text(template)}
	layers := a.policies(v)
	add := func(policies []*awsiam.Policy) {
		for _, p := range policies {
			list := p.Statements()
			for i := range list {
				if !list[i].AppliesTo(action) {
					continue
				}
				for _, r := range append(slices.Clone(list[i].Resources), list[i].NotResources...) {
					if r != "*" && strings.ContainsAny(r, ":*") {
						patterns = append(patterns, glob.Text(r))
					}
				}
			}
		}
	}
	add(layers.Identity)
	add(layers.Boundary)
	for _, level := range layers.ServiceControl {
		add(level.Policies)
	}
	out := []string{plain}
	if len(patterns) > 1 {
		const most = 300
		classes, err := glob.Classes(patterns, glob.AnyText(), most)
		if err == nil {
			for _, c := range classes {
				if c.Matches.Has(0) && !slices.Contains(out, c.Witness) {
					out = append(out, c.Witness)
				}
			}
		}
	}
	a.choices[key] = out
	return out
}

// trusts reports whether a role lets a service act as it.
func (a *asker) trusts(role *Principal, service string) bool {
	key := [2]string{role.ARN, service}
	known, ok := a.services[key]
	if !ok {
		r := &awsiam.Request{Action: "sts:AssumeRole", Resource: role.ARN, ResourceAccount: role.Account, Principal: awsiam.Service(service)}
		layers := &awsiam.Layers{Resource: role.Trust}
		switch awsiam.Outcome(layers, r, awsiam.Open) {
		case access.Allowed:
			known = true
		case access.Conditional:
			// What the service says of whom it acts for is so when it acts for
			// the role's own account.
			d := awsiam.Decide(layers, r, awsiam.Open)
			known = !slices.ContainsFunc(d.Remains, func(c access.Condition) bool {
				k := strings.ToLower(c.Key)
				return k != "aws:sourceaccount" && k != "aws:sourcearn" && k != "aws:sourceorgid" && !chosen(c.Key)
			})
		}
		a.services[key] = known
	}
	return known
}
