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
	// heads and generalHeads find the same by the resource.
	heads        map[string]heads
	generalHeads heads
	// always are the principals that no document leads to: root users, and
	// those of whom not every policy was read.
	always []*principal
	// guarded are the resources with policies, roles included, by the services
	// that their policies are about; guardedBy has them all.
	guarded  map[string][]guard
	guardAny []guard
	// about are the distinct statements of the policies in guarded and
	// guardAny, as far as they are worth telling apart.
	about  map[string][]*awsiam.Statement
	guards map[string]*guard
	// grants are the resources whose policies name a principal, by its ARN.
	grants map[string][]string
}

// guard is a resource with its policies.
type guard struct {
	arn      string
	policies []*policy
}

func newIndex(principals []*principal, distinct []*text) *index {
	x := &index{services: make(map[string][]*text), heads: make(map[string]heads), guarded: make(map[string][]guard), guards: make(map[string]*guard),
		grants: make(map[string][]string)}
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
	x.generalHeads = headed(x.general, "")
	for service, list := range x.services {
		x.heads[service] = make(heads)
		of := func(st *awsiam.Statement) bool {
			services, _ := st.Services()
			return slices.Contains(services, service)
		}
		for _, t := range list {
			x.heads[service].put(t, of)
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
		list, every := sts[i].Services()
		if every {
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
		list, every := allows(p.Policy)
		all = all || every
		services = append(services, list...)
	}
	if len(g.policies) == 0 {
		return
	}
	x.guards[arn] = &g
	for _, name := range g.named() {
		x.grants[name] = append(x.grants[name], arn)
	}
	if all {
		x.guardAny = append(x.guardAny, g)
		return
	}
	slices.Sort(services)
	for _, s := range slices.Compact(services) {
		x.guarded[s] = append(x.guarded[s], g)
	}
}

// named lists the principals that the allowing statements name, each once.
func (g *guard) named() []string {
	var out []string
	for _, d := range g.policies {
		sts := d.Statements()
		for i := range sts {
			if sts[i].Effect == awsiam.Allow && sts[i].Principals != nil {
				out = append(out, sts[i].Principals.AWS...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// closed sorts what was put in.
func (x *index) closed() {
	byARN := func(a, b guard) int { return cmp.Compare(a.arn, b.arn) }
	slices.SortFunc(x.guardAny, byARN)
	for _, list := range x.guarded {
		slices.SortFunc(list, byARN)
	}
	for _, list := range x.grants {
		slices.Sort(list)
	}
	x.about = map[string][]*awsiam.Statement{"": statementsOf(x.guardAny)}
	for service, list := range x.guarded {
		x.about[service] = statementsOf(list, x.guardAny)
	}
}

// texts lists the documents that may allow an action on a resource, or on any
// where that is empty.
func (x *index) texts(action, resource string) []*text {
	service, _, _ := strings.Cut(strings.ToLower(action), ":")
	var out []*text
	possible := awsiam.NewPossible(action, resource)
	if resource != "" {
		return append(x.heads[service].on(possible.Resource()), x.generalHeads.on(possible.Resource())...)
	}
	for _, list := range [][]*text{x.services[service], x.general} {
		for _, t := range list {
			if possible.By(t.policy) {
				out = append(out, t)
			}
		}
	}
	return out
}

// mayAllow lists the principals whose policies may allow an action on a
// resource, or on any where that is empty; each once. texts are those of the
// action.
func (x *index) mayAllow(texts []*text, action, resource string) []*principal {
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
	possible := awsiam.NewPossible(action, resource)
	for _, t := range texts {
		if resource != "" && !possible.By(t.policy) {
			continue
		}
		add(t.principals)
		for _, g := range t.groups {
			add(g.members)
		}
	}
	add(x.always)
	return out
}

// heads finds documents by what the names of resources begin with that they
// allow an action on.
type heads map[string][]*text

// headed makes heads of documents, for one action or, with "", for all.
func headed(texts []*text, action string) heads {
	h := make(heads)
	for _, t := range texts {
		h.put(t, func(st *awsiam.Statement) bool { return action == "" || st.MayApplyTo(action) })
	}
	return h
}

// put adds the allowing statements of a document that are wanted.
func (h heads) put(t *text, want func(*awsiam.Statement) bool) {
	add := func(head string) {
		if list := h[head]; len(list) == 0 || list[len(list)-1] != t {
			h[head] = append(list, t)
		}
	}
	sts := t.policy.Statements()
	if len(sts) == 0 {
		add("") // it is not understood
	}
	for i := range sts {
		st := &sts[i]
		if st.Effect == awsiam.Deny || !want(st) {
			continue
		}
		if len(st.Unclear) > 0 || len(st.Resources) == 0 {
			add("")
		}
		for _, r := range st.Resources {
			if end := strings.IndexAny(r, "*?$"); end >= 0 {
				r = r[:end]
			}
			add(r)
		}
	}
}

// on lists the documents that may allow the action on a resource.
func (h heads) on(resource string) []*text {
	var out []*text
	seen := make(map[*text]bool)
	for end := range len(resource) + 1 {
		for _, t := range h[resource[:end]] {
			if !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	return out
}

// maxBearing bounds the statements of resource policies by which actions are
// told apart.
const maxBearing = 4000

// bearing names the statements of the policies of resources that bear on an
// action of a service; few is false where there are too many to tell.
func (x *index) bearing(service, action string) (key string, few bool) {
	list := x.about[service]
	if list == nil {
		list = x.about[""]
	}
	if len(list) > maxBearing {
		return "", false
	}
	bits := make([]byte, (len(list)+7)/8)
	for i, st := range list {
		if st.MayApplyTo(action) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return string(bits), true
}

// statementsOf lists the statements of distinct policies.
func statementsOf(lists ...[]guard) []*awsiam.Statement {
	seen := make(map[*text]bool)
	out := []*awsiam.Statement{}
	for _, guards := range lists {
		for _, g := range guards {
			for _, d := range g.policies {
				if seen[d.text] || len(out) > maxBearing {
					continue
				}
				seen[d.text] = true
				sts := d.Statements()
				for i := range sts {
					out = append(out, &sts[i])
				}
			}
		}
	}
	return out
}

// withPolicies lists the resources whose policies may allow an action, and the
// services' own.
func (x *index) withPolicies(action string) []string {
	service, _, _ := strings.Cut(strings.ToLower(action), ":")
	var out []string
	possible := awsiam.NewPossible(action, "")
	for _, list := range [][]guard{x.guarded[service], x.guardAny} {
		for i := range list {
			if list[i].mayAllow(possible) {
				out = append(out, list[i].arn)
			}
		}
	}
	return out
}

// parts are resources that the policies of one name for an action, such as
// objects of a bucket.
func (x *index) parts(arn, action string) []string {
	var out []string
	for _, d := range x.guards[arn].policies {
		sts := d.Statements()
		for i := range sts {
			if sts[i].Effect == awsiam.Deny || !sts[i].MayApplyTo(action) {
				continue
			}
			for _, r := range sts[i].Resources {
				if strings.HasPrefix(r, arn) {
					out = union(out, []string{fill(r)})
				}
			}
		}
	}
	return out
}

func (g *guard) mayAllow(possible *awsiam.Possible) bool {
	return slices.ContainsFunc(g.policies, func(p *policy) bool { return possible.By(p.Policy) })
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
