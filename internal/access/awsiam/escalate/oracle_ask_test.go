package escalate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// oracleAsker puts calls to the engine and keeps the answers.
type oracleAsker struct {
	*State
	answers  map[oracleQuestion]oracleAnswer
	covers   map[[2]string]bool
	admins   map[string]bool
	named    map[[2]string][]string
	fits     map[string]string
	services map[[2]string]bool
}

type oracleQuestion struct {
	who, action, resource, policyARN, passedTo string
	untagged                                   bool
}

type oracleAnswer struct {
	ok      bool
	because []access.Reason
}

func newOracleAsker(s *State) *oracleAsker {
	return &oracleAsker{State: s, answers: make(map[oracleQuestion]oracleAnswer), covers: make(map[[2]string]bool), admins: make(map[string]bool),
		named: make(map[[2]string][]string), fits: make(map[string]string), services: make(map[[2]string]bool)}
}

// mayCall reports whether some statement of the identity's own policies covers
// the action at all, which most do not.
func (a *oracleAsker) mayCall(v *oracleVariant, action string) bool {
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

// allowed asks whether a principal may make one call. A condition on something
// that the caller chooses, such as a region, is no obstacle; one on where the
// call comes from, or on what is not known, is.
func (a *oracleAsker) allowed(v *oracleVariant, c call, resource string, t target) oracleAnswer {
	if !a.mayCall(v, c.action) && t.policy == nil {
		return oracleAnswer{}
	}
	key := oracleQuestion{v.id(), c.action, resource, c.context[keyPolicyARN], c.context[keyPassedTo], t.untagged}
	if known, ok := a.answers[key]; ok {
		return known
	}
	layers := *a.policies(v)
	layers.Resource = t.policy
	r := &awsiam.Request{Action: c.action, Resource: resource, ResourceAccount: t.account, Principal: v.who(),
		Absent: append([]string{"aws:PrincipalTag/*", "aws:CalledVia*", "aws:ViaAWSService", "aws:PrincipalServiceName*"}, c.absent...)}
	if v.Role {
		r.Absent = append(r.Absent, "aws:username")
	}
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
	out := oracleAnswer{}
	switch awsiam.Outcome(&layers, r, awsiam.Open) {
	case access.Allowed:
		out.ok = true
	case access.Conditional:
		d := awsiam.Decide(&layers, r, awsiam.Open)
		out.ok = every(d.Remains, chosen)
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

// admin reports whether a principal is an administrator: every action on "*"
// is allowed without a condition, with boundary, organisation policies and
// denies in force.
func (a *oracleAsker) admin(v *oracleVariant) bool {
	known, ok := a.admins[v.id()]
	if !ok {
		known = a.isAdmin(v)
		a.admins[v.id()] = known
	}
	return known
}

func (a *oracleAsker) isAdmin(v *oracleVariant) bool {
	layers := a.policies(v)
	may := func(action string) bool {
		r := &awsiam.Request{Action: action, Resource: "*", ResourceAccount: v.Account, Principal: v.who()}
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

// patterns lists the resource patterns of the statements that bear on an
// action of a principal.
func (a *oracleAsker) patterns(v *oracleVariant, action string) []string {
	key := [2]string{v.id(), action}
	if known, ok := a.named[key]; ok {
		return known
	}
	var out []string
	add := func(policies []*awsiam.Policy) {
		for _, p := range policies {
			list := p.Statements()
			for i := range list {
				if !list[i].AppliesTo(action) {
					continue
				}
				for _, r := range append(slices.Clone(list[i].Resources), list[i].NotResources...) {
					if r != "*" && !slices.Contains(out, r) {
						out = append(out, r)
					}
				}
			}
		}
	}
	layers := a.policies(v)
	add(layers.Identity)
	add(layers.Boundary)
	for _, level := range layers.ServiceControl {
		add(level.Policies)
	}
	a.named[key] = out
	return out
}

// fitting returns a string that fits all of the patterns, if there is one. In
// the first, a star stands for a name, which holds no colon.
func (a *oracleAsker) fitting(patterns ...string) (string, bool) {
	key := strings.Join(patterns, "\x00")
	known, ok := a.fits[key]
	if !ok {
		const few = 32
		list := make([]glob.Pattern, len(patterns))
		for i, p := range patterns {
			list[i] = glob.Text(p)
		}
		list[0] = glob.Pattern{}.Part(patterns[0])
		if classes, err := glob.Classes(list, glob.AnyText(), few); err == nil {
			for _, c := range classes {
				if c.Matches.Len() == len(patterns) {
					known = c.Witness
				}
			}
		}
		a.fits[key] = known
	}
	return known, known != ""
}

// trusts reports whether a role lets a service act as it.
func (a *oracleAsker) trusts(role *Principal, service string) bool {
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
			known = every(d.Remains, func(key string) bool {
				k := strings.ToLower(key)
				return k == "aws:sourceaccount" || k == "aws:sourcearn" || k == "aws:sourceorgid" || chosen(key)
			})
		}
		a.services[key] = known
	}
	return known
}
