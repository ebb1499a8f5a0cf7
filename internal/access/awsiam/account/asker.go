package account

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// asker puts many questions about one principal. It is used by one goroutine.
type asker struct {
	*Engine
	p      *principal
	layers awsiam.Layers
	// rules are the statements of all layers but those of resources.
	rules []rule
	// byRules keeps the patterns of actions that the same rules cover.
	byRules map[string]patterns
	// found keeps the resources that tell apart what lists of patterns do.
	found map[string][]string
	// filled keeps the forms of resources with the principal's account.
	filled map[string]string
	// meets keeps which patterns name resources of a form.
	meets map[[2]string]bool
}

// rule is a statement, of the principal's own policies and its groups' or of
// one that limits it.
type rule struct {
	*awsiam.Statement
	own bool
}

func (e *Engine) asker(p *principal) *asker {
	a := &asker{Engine: e, p: p, layers: p.layers(), found: make(map[string][]string), byRules: make(map[string]patterns),
		meets: make(map[[2]string]bool), filled: make(map[string]string)}
	add := func(policies []*awsiam.Policy, own bool) {
		for _, d := range policies {
			sts := d.Statements()
			for i := range sts {
				a.rules = append(a.rules, rule{&sts[i], own})
			}
		}
	}
	add(a.layers.Identity, true)
	add(a.layers.Boundary, false)
	for _, level := range slices.Concat(a.layers.ServiceControl, p.account.control) {
		add(level.Policies, false)
	}
	return a
}

// covering names the rules that bear on an action.
func (a *asker) covering(action string) string {
	bits := make([]byte, (len(a.rules)+7)/8)
	for i, r := range a.rules {
		if r.MayApplyTo(action) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return string(bits)
}

// named collects the resource patterns of the rules that bear on an action.
func (a *asker) named(action string) patterns {
	key := a.covering(action)
	n, ok := a.byRules[key]
	if ok {
		return n
	}
	for i, r := range a.rules {
		if key[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		if r.own && r.Effect != awsiam.Deny {
			n.allowed = union(n.allowed, named(r.Statement))
		}
		n.all = union(union(n.all, r.Resources), r.NotResources)
	}
	n.key = key
	a.byRules[key] = n
	return n
}

// decide answers for one action on one resource.
func (a *asker) decide(action, resource string) access.Decision {
	l, r := a.question(action, resource)
	return awsiam.Decide(&l, &r, awsiam.Open)
}

// outcome is decide without the reasons.
func (a *asker) outcome(action, resource string) access.Outcome {
	l, r := a.question(action, resource)
	return awsiam.Outcome(&l, &r, awsiam.Open)
}

func (a *asker) question(action, resource string) (awsiam.Layers, awsiam.Request) {
	t := a.thing(action, resource, a.p.account)
	l := a.layers
	l.Unread = slices.Clip(l.Unread)
	a.on(&l, &t)
	r := awsiam.Request{Action: action, Resource: resource, ResourceAccount: t.account.id, Principal: a.p.as}
	settle(&r, a.p.account, &t)
	for k, v := range a.p.tags {
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

// administrator is Engine.Administrator. As there, what the account of a
// resource limits is left aside.
func (a *asker) administrator() bool {
	may := func(action string) bool {
		r := awsiam.Request{Action: action, Resource: "*", ResourceAccount: a.p.account.id, Principal: a.p.as}
		settle(&r, a.p.account, &thing{account: &account{}})
		for k, v := range a.p.tags {
			r.Context.Set("aws:PrincipalTag/"+k, v)
		}
		r.Absent = append(r.Absent, "aws:PrincipalTag/*")
		return awsiam.Outcome(&a.layers, &r, awsiam.Open) == access.Allowed
	}
	// An action that no policy names stands for those that are only covered by
	// what covers everything.
	if slices.Contains(a.layers.Unread, awsiam.LayerBoundary) || !may(unheard+":"+unheard) {
		return false
	}
	seen := map[string]bool{"*": true}
	lists := [][]*awsiam.Policy{a.layers.Identity, a.layers.Boundary}
	for _, level := range a.layers.ServiceControl {
		lists = append(lists, level.Policies)
	}
	for _, policies := range lists {
		for _, p := range policies {
			sts := p.Statements()
			for i := range sts {
				for _, pattern := range slices.Concat(sts[i].Actions, sts[i].NotActions) {
					if !seen[pattern] && strings.Contains(pattern, ":") && !may(fill(pattern)) {
						return false
					}
					seen[pattern] = true
				}
			}
		}
	}
	return true
}
