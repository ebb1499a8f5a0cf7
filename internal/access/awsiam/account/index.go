package account

import (
	"cmp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// index finds from an action the principals whose policies may allow it, and
// the resources whose policies may, so that a question about everybody looks at
// few.
type index struct {
	// services are the distinct documents with allowing statements on actions
	// of one service; general those that may allow any.
	services map[string][]*text
	general  []*text
	// always are the principals that no document leads to: root users, and
	// those of whom not every policy was read.
	always []*principal
	// guarded are the resources with policies, roles included, by the services
	// that their policies are about; guardedBy has them all.
	guarded  map[string][]guard
	guardAny []guard
	guards   map[string]*guard
}

// guard is a resource with its policies.
type guard struct {
	arn      string
	policies []*policy
}

func newIndex(principals []*principal, distinct []*text) *index {
	x := &index{services: make(map[string][]*text), guarded: make(map[string][]guard), guards: make(map[string]*guard)}
	for _, p := range principals {
		if p.as.IsRoot() || slices.Contains(p.unread(), awsiam.LayerIdentity) {
			x.always = append(x.always, p)
		}
		for _, d := range p.own {
			if d.text != nil {
				d.text.principals = append(d.text.principals, p)
			}
		}
		for _, g := range p.groups {
			for _, d := range g.own {
				if d.text != nil && !slices.Contains(d.text.groups, g) {
					d.text.groups = append(d.text.groups, g)
				}
			}
		}
	}
	for _, t := range distinct {
		if len(t.principals)+len(t.groups) > 0 {
			x.add(t)
		}
	}
	return x
}

// add puts a document under the services that it allows actions of.
func (x *index) add(t *text) {
	if len(t.policy.Statements()) == 0 {
		if len(t.policy.Problems()) > 0 {
			x.general = append(x.general, t)
		}
		return
	}
	services, all := allows(t.policy)
	if all {
		x.general = append(x.general, t)
		return
	}
	for _, s := range services {
		x.services[s] = append(x.services[s], t)
	}
}

// allows lists the services that a policy's allowing statements are about.
func allows(p *awsiam.Policy) (services []string, all bool) {
	sts := p.Statements()
	for i := range sts {
		if sts[i].Effect == awsiam.Deny {
			continue
		}
		list, any := sts[i].Services()
		if any {
			return nil, true
		}
		for _, s := range list {
			if !slices.Contains(services, s) {
				services = append(services, s)
			}
		}
	}
	return services, all
}

// guard puts a resource with its policies into the index.
func (x *index) guard(arn string, policies []*policy) {
	g := guard{arn: arn}
	var services []string
	all := false
	for _, p := range policies {
		if p.Policy == nil {
			continue
		}
		g.policies = append(g.policies, p)
		list, any := allows(p.Policy)
		all = all || any
		services = append(services, list...)
	}
	if len(g.policies) == 0 {
		return
	}
	x.guards[arn] = &g
	if all {
		x.guardAny = append(x.guardAny, g)
		return
	}
	slices.Sort(services)
	for _, s := range slices.Compact(services) {
		x.guarded[s] = append(x.guarded[s], g)
	}
}

// closed sorts what was put in.
func (x *index) closed() {
	byARN := func(a, b guard) int { return cmp.Compare(a.arn, b.arn) }
	slices.SortFunc(x.guardAny, byARN)
	for _, list := range x.guarded {
		slices.SortFunc(list, byARN)
	}
}

// mayAllow lists the principals whose policies may allow an action on a
// resource, or on any where that is empty; each once.
func (x *index) mayAllow(action, resource string) []*principal {
	service, _, _ := strings.Cut(strings.ToLower(action), ":")
	seen := make(map[*principal]bool)
	var out []*principal
	add := func(list []*principal) {
		for _, p := range list {
			if p.known && !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	for _, list := range [][]*text{x.services[service], x.general} {
		for _, t := range list {
			if !t.policy.MayAllow(action, resource) {
				continue
			}
			add(t.principals)
			for _, g := range t.groups {
				add(g.members)
			}
		}
	}
	add(x.always)
	return out
}

// withPolicies lists the resources whose policies may allow an action, and the
// services' own.
func (x *index) withPolicies(action string) []string {
	service, _, _ := strings.Cut(strings.ToLower(action), ":")
	var out []string
	for _, list := range [][]guard{x.guarded[service], x.guardAny} {
		for i := range list {
			if list[i].mayAllow(action) {
				out = append(out, list[i].arn)
			}
		}
	}
	return out
}

func (g *guard) mayAllow(action string) bool {
	return slices.ContainsFunc(g.policies, func(p *policy) bool { return p.MayAllow(action, "") })
}

// grantsTo reports whether the policies of a resource name a principal itself,
// or everybody.
func (x *index) grantsTo(arn string, p *principal) bool {
	g := x.guards[arn]
	if g == nil {
		return false
	}
	return slices.ContainsFunc(g.policies, func(d *policy) bool {
		sts := d.Statements()
		return slices.ContainsFunc(sts, func(st awsiam.Statement) bool {
			if st.Effect == awsiam.Deny {
				return false
			}
			names, certain := st.Names(p.as)
			return names || !certain
		})
	})
}
