package escalate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// asker puts calls to the engine and keeps the answers. It is used by one
// goroutine.
type asker struct {
	*State
	*index
	plain     map[*Principal]*variant
	varied    map[held]*variant
	fresh     map[string]*Principal // those that are made on the way, by ARN
	patterned map[patterned][]string
	answers   map[question]bool
	shared    map[sharedQuestion]bool
	reasoned  map[question][]access.Reason
	texts     map[string]int32 // resources and the like, numbered
	fits      map[string]string
	services  map[serving]bool
	admins    map[patternedClass]bool
	attach    map[attachment]*Technique
	prospects map[outlook]*awsiam.Prospect
	cans      map[int32]actionSet // by class
	// of the call in hand, so that its room is used again:
	layersNow awsiam.Layers
	now       awsiam.Request

	variants slab[variant]
	nodes    slab[node]
	spots    slab[place]
}

// question is one call; a variant is known by its plain form and its name, so
// that the same is asked once.
type question struct {
	who                       *Principal
	name                      string
	action, context, resource int32
	untagged                  bool
}

// sharedQuestion is one call of any principal of a class, on one resource or,
// where that is less than 0, on any principal of a likeness.
type sharedQuestion struct {
	class, action, context, resource int32
	untagged                         bool
}

// patterned is an action of a variant.
type patterned struct {
	held
	action string
}

// patternedClass is a variant of any principal of a class.
type patternedClass struct {
	class int32
	name  string
}

// outlook is an action of a variant or, where that is nil, of any of a class.
type outlook struct {
	class  int32
	who    *variant
	action int
}

// attachment is a technique with the policy that it attaches.
type attachment struct {
	technique string
	policy    *ManagedPolicy
}

// serving is a role and a service that may act as it.
type serving struct {
	role    *Principal
	service string
}

func newAsker(s *State) *asker {
	return &asker{State: s, index: s.ready(), plain: make(map[*Principal]*variant), varied: make(map[held]*variant), fresh: make(map[string]*Principal), patterned: make(map[patterned][]string),
		answers: make(map[question]bool), shared: make(map[sharedQuestion]bool),
		reasoned: make(map[question][]access.Reason), texts: make(map[string]int32), fits: make(map[string]string),
		services: make(map[serving]bool), admins: make(map[patternedClass]bool), prospects: make(map[outlook]*awsiam.Prospect), cans: make(map[int32]actionSet), attach: make(map[attachment]*Technique)}
}

// reset forgets all answers, and gives up all variants and nodes.
func (a *asker) reset() {
	clear(a.plain)
	clear(a.varied)
	clear(a.fresh)
	clear(a.patterned)
	clear(a.answers)
	clear(a.shared)
	clear(a.reasoned)
	clear(a.texts)
	clear(a.fits)
	clear(a.services)
	clear(a.admins)
	clear(a.attach)
	clear(a.prospects)
	clear(a.cans)
	a.variants.reset()
	a.nodes.reset()
	a.spots.reset()
}

// text numbers a text; the empty one is 0.
func (a *asker) text(text string) int32 {
	if text == "" {
		return 0
	}
	n, ok := a.texts[text]
	if !ok {
		n = int32(len(a.texts)) + 1
		a.texts[text] = n
	}
	return n
}

// target is what a call is about, as far as its policies and tags matter.
type target struct {
	account string
	tags    map[string]string
	known   bool // tags are known to be all
	// untagged is true where the attacker has taken the tags away first.
	untagged bool
	policy   []*awsiam.Policy
	// principal is the user or role that it is.
	principal *Principal
}

// can are the actions of techniques that a principal may call on something.
// Those that its own policies allow in some way are most often forbidden by
// something else, or hang on what no caller chooses.
func (a *asker) can(v *variant) *actionSet {
	if v.weighed {
		return &v.able
	}
	v.weighed = true
	if v.all {
		v.able = v.allows // most of it is
		return &v.able
	}
	class := v.class()
	if known, ok := a.cans[class]; ok {
		v.able = known
		return &v.able
	}
	for i := range a.lower {
		if v.allows.has(i) && !a.prospect(v, i).None() {
			v.able.add(i)
		}
	}
	if class != 0 {
		a.cans[class] = v.able
	}
	return &v.able
}

// prospect is what may come of an action of a principal.
func (a *asker) prospect(v *variant, action int) *awsiam.Prospect {
	key := outlook{class: v.class(), action: action}
	if key.class == 0 {
		key.who = v
	}
	p := a.prospects[key]
	if p == nil {
		r := *a.base(v)
		r.Action = a.lower[action]
		p = awsiam.NewProspect(a.bearing(v), &r, given)
		a.prospects[key] = p
	}
	return p
}

// given reports whether a condition key may have the value that is needed,
// before it is known what a call is about.
func given(key string) bool {
	return key == "aws:resourceaccount" || strings.Contains(key, ":resourcetag/") || chosen(key)
}

// allowed asks whether a principal may make one call. A condition on something
// that the caller chooses, such as a region, is no obstacle; one on where the
// call comes from, or on what is not known, is.
func (a *asker) allowed(v *variant, c call, resource string, t target) bool {
	number := a.actions[c.action]
	if t.policy == nil && !a.can(v).has(number) {
		return false
	}
	all := sharedQuestion{action: int32(number), context: a.text(c.with), untagged: t.untagged} //nolint:gosec // few actions
	if t.principal != v.Principal {
		all.class = v.class()
	}
	if all.class == 0 {
		key := question{v.Principal, v.name, all.action, all.context, a.text(resource), t.untagged}
		known, ok := a.answers[key]
		if !ok {
			known = a.ask(v, c, resource, t)
			a.answers[key] = known
		}
		return known
	}
	if to := t.principal; to != nil && to.home == v.home {
		all.resource = -to.likeness
	}
	if all.resource == 0 {
		all.resource = a.text(resource)
	}
	known, ok := a.shared[all]
	if !ok {
		known = a.ask(v, c, resource, t)
		a.shared[all] = known
	}
	return known
}

// reasons are the statements that allow a call which is allowed.
func (a *asker) reasons(v *variant, c call, resource string, t target) []access.Reason {
	key := question{v.Principal, v.name, int32(a.actions[c.action]), a.text(c.with), a.text(resource), t.untagged} //nolint:gosec // few actions
	known, ok := a.reasoned[key]
	if !ok {
		layers, r := a.request(v, c, resource, t)
		for _, reason := range awsiam.Decide(layers, r, awsiam.Open).Because {
			if reason.Effect == "allow" {
				known = append(known, reason)
			}
		}
		a.reasoned[key] = known
	}
	return known
}

func (a *asker) ask(v *variant, c call, resource string, t target) bool {
	if a.vain(v, c, resource, t) {
		return false
	}
	layers, r := a.request(v, c, resource, t)
	switch awsiam.Outcome(layers, r, awsiam.Open) {
	case access.Allowed:
		return true
	case access.Conditional:
		return every(awsiam.Decide(layers, r, awsiam.Open).Remains, chosen)
	}
	return false
}

// vain reports whether a call is sure not to be allowed, by what the caller's
// own policies say of the resource.
func (a *asker) vain(v *variant, c call, resource string, t target) bool {
	if t.principal == v.Principal && v.class() != 0 {
		return false // what says something of the caller's own is not its class's
	}
	if t.policy != nil && (v.named || t.principal.home.open) {
		return false // the other side may allow it by itself
	}
	return !a.prospect(v, a.actions[c.action]).On(resource)
}

// request is a call as the engine is asked about it. It is good until the next.
func (a *asker) request(v *variant, c call, resource string, t target) (*awsiam.Layers, *awsiam.Request) {
	a.layersNow = *a.bearing(v)
	a.layersNow.Resource = t.policy
	base, r := a.base(v), &a.now
	context, absent := r.Context, r.Absent
	*r = *base
	r.Action, r.Resource, r.ResourceAccount = c.action, resource, t.account
	r.Context = context
	r.Context.Copy(&base.Context)
	r.Absent = append(append(absent[:0], base.Absent...), c.absent...)
	if t.account != "" {
		r.Context.Set("aws:resourceaccount", t.account)
	}
	if t.known {
		service, _, _ := strings.Cut(c.action, ":")
		for k, value := range t.tags {
			r.Context.Set("aws:ResourceTag/"+k, value)
			r.Context.Set(service+":ResourceTag/"+k, value)
		}
		r.Absent = append(r.Absent, "aws:resourcetag/*", a.tagged[a.actions[c.action]])
	}
	for k, value := range c.context {
		r.Context.Set(k, strings.ReplaceAll(value, "{partition}", partition(v.ARN)))
	}
	return &a.layersNow, r
}

// base is what the calls of a principal have in common.
func (a *asker) base(v *variant) *awsiam.Request {
	if v.base != nil {
		return v.base
	}
	r := &awsiam.Request{Principal: v.principal, Absent: []string{"aws:PrincipalTag/*", "aws:CalledVia*", "aws:ViaAWSService", "aws:PrincipalServiceName*"}}
	if v.Role {
		// Only a user has the key ("AWS global condition context keys"): what is
		// about the caller's user name is about nothing for a role.
		r.Absent = append(r.Absent, "aws:username")
	}
	r.Context.Set("aws:SecureTransport", "true")
	for k, value := range v.Tags {
		r.Context.Set("aws:PrincipalTag/"+k, value)
	}
	r.Prepare()
	v.base = r
	return r
}

// every reports whether all conditions can be met by who may choose the keys of
// which free is true.
func every(list []access.Condition, free func(key string) bool) bool {
	return !slices.ContainsFunc(list, func(c access.Condition) bool { return !meets(c, free) })
}

// meets reports whether a condition can be met. One that is made of others has
// no key; where it is negated, all alternatives must be avoided, or one of what
// must hold together.
func meets(c access.Condition, free func(key string) bool) bool {
	switch {
	case len(c.AnyOf)+len(c.AllOf) == 0:
		return c.Key != "" && free(c.Key)
	case len(c.AnyOf) > 0 == !c.Negated:
		return slices.ContainsFunc(slices.Concat(c.AnyOf, c.AllOf), func(c access.Condition) bool { return meets(c, free) })
	}
	return every(c.AnyOf, free) && every(c.AllOf, free)
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

// trusts reports whether a role lets a service act as it.
func (a *asker) trusts(role *Principal, service string) bool {
	key := serving{role, service}
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
