package escalate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// admin reports whether a principal is an administrator: every action on "*"
// is allowed without a condition, with boundary, organisation policies and
// denies in force.
func (a *asker) admin(v *variant) bool {
	if !v.judged {
		wide := v.wide || v.all || slices.ContainsFunc(v.more, func(m addition) bool {
			return slices.ContainsFunc(m.policies, func(p *awsiam.Policy) bool { return a.document(p).wide })
		})
		v.judged, v.isAdmin = true, wide && a.adminOnce(v)
	}
	return v.isAdmin
}

// adminOnce asks once for all of a class.
func (a *asker) adminOnce(v *variant) bool {
	if len(v.Boundary) > 0 && !v.free && !slices.ContainsFunc(v.Boundary, func(p *awsiam.Policy) bool { return a.document(p).wide }) {
		return false
	}
	key := patternedClass{v.class(), v.name}
	if key.class == 0 {
		return a.isAdmin(v)
	}
	known, ok := a.admins[key]
	if !ok {
		known = a.isAdmin(v)
		a.admins[key] = known
	}
	return known
}

// unheard is a name that no policy has.
const unheard = "0q0"

func (a *asker) isAdmin(v *variant) bool {
	layers := a.layers(v)
	r := &awsiam.Request{Resource: "*", ResourceAccount: v.Account, Principal: v.principal, Absent: []string{"aws:PrincipalTag/*"}}
	r.Context.Set("aws:SecureTransport", "true")
	for k, value := range v.Tags {
		r.Context.Set("aws:PrincipalTag/"+k, value)
	}
	r.Prepare()
	may := func(action string) bool {
		r.Action = action
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
			if d := a.document(p); !d.wide && !d.denies {
				continue // it only adds to what is allowed anyhow
			}
			list := p.Statements()
			for i := range list {
				for _, patterns := range [][]string{list[i].Actions, list[i].NotActions} {
					for _, pattern := range patterns {
						if pattern == "*" || seen[pattern] {
							continue
						}
						seen[pattern] = true
						if !may(strings.ReplaceAll(strings.ReplaceAll(pattern, "?", "q"), "*", unheard)) {
							return false
						}
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
func (a *asker) patterns(v *variant, action string) []string {
	key := patterned{v.held(), action}
	if known, ok := a.patterned[key]; ok {
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
	layers := a.layers(v)
	add(layers.Identity)
	add(layers.Boundary)
	for _, level := range layers.ServiceControl {
		add(level.Policies)
	}
	a.patterned[key] = out
	return out
}

// fitting returns a string that fits all of the patterns, if there is one. In
// the first, a star stands for a name, which holds no colon.
func (a *asker) fitting(patterns ...string) (string, bool) {
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
