package account

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// The bounds of what is listed of one identity.
const (
	maxHeld        = 300
	maxHeldActions = 100
	// severalServices is how many services a statement may speak of for each to
	// be listed by itself.
	severalServices = 6
	// severalSteps is how many ways to more rights a statement may give for
	// each to be listed by itself.
	severalSteps = 6
)

// Held lists what an identity can do by its own policies, those of its groups
// and those of resources that name it, worst first: for each allowing statement
// and each consequence what is left of it when the engine is asked for every
// known action of it. Of an administrator only that is listed. At most 300
// grants are listed, the worst.
//
// Grants to everybody, in policies of resources, are not listed of each
// identity.
func (e *Engine) Held(identity retinue.Ref) []access.Held {
	p := e.byRef[identity]
	if p == nil {
		return nil
	}
	a := e.asker(p)
	if a.administrator() {
		return []access.Held{a.everything()}
	}
	h := holding{asker: a, grants: make(map[string]*grant), answers: make(map[string]answer)}
	p.statements(func(d *policy, st *awsiam.Statement) bool {
		if st.Effect != awsiam.Deny {
			h.statement(d, st, nil)
		}
		return true
	})
	for _, arn := range e.index.grants[p.ref.Key] {
		for _, d := range e.index.guards[arn].policies {
			sts := d.Statements()
			for i := range sts {
				st := &sts[i]
				if st.Effect == awsiam.Allow && st.Principals != nil && slices.Contains(st.Principals.AWS, p.ref.Key) {
					h.statement(d, st, []string{arn})
				}
			}
		}
	}
	return h.list()
}

// everything is what an administrator holds.
func (a *asker) everything() access.Held {
	d := a.decide(unheard+":"+unheard, "*")
	h := access.Held{Consequence: access.Administers, Sentence: "may do everything in the account " + a.p.account.id,
		Actions: []string{"*"}, Expands: len(a.data.Expand("*")), Outcome: access.Allowed}
	for _, r := range d.Because {
		if r.Layer == awsiam.LayerIdentity.String() && r.Effect == "allow" {
			r.Text = "allows every action" + a.through(r.Document)
			h.Because = append(h.Because, r)
		}
	}
	return h
}

// through says how a document comes to the principal, where it is by a group.
func (a *asker) through(document string) string {
	has := func(list []*policy) bool {
		return slices.ContainsFunc(list, func(d *policy) bool { return d.ref.Key == document })
	}
	if has(a.p.own) {
		return ""
	}
	for _, g := range a.p.groups {
		if has(g.own) {
			return ", through the group " + g.ref.Key
		}
	}
	return ""
}

// holding gathers what one principal holds.
type holding struct {
	*asker
	grants map[string]*grant
	// answers keeps the outcomes of actions between which nothing tells apart.
	answers map[string]answer
}

type answer struct {
	outcome  access.Outcome
	resource string
	// elsewhere is true where only a policy of the resource that was not read
	// could allow it.
	elsewhere bool
}

// grant is a Held under work.
type grant struct {
	consequence access.Consequence
	outcome     access.Outcome
	sentence    string
	patterns    map[string]bool
	actions     map[string]bool
	resources   []string
	because     []access.Reason
	remains     []access.Condition
}

// class is what the actions of a statement are grouped by.
type class struct {
	consequence access.Consequence
	outcome     access.Outcome
	// part is the service, or the action where each is listed by itself.
	part string
}

// statement adds what is left of an allowing statement. on is the resource that
// its policy is attached to, for one that has one.
func (h *holding) statement(d *policy, st *awsiam.Statement, on []string) {
	about := on
	if len(st.Resources) > 0 || st.NotResources != nil || on == nil {
		about = named(st)
	}
	groups := make(map[class][]string)
	answers := make(map[class]answer)
	services := make(map[string]bool)
	for _, action := range h.covered(st) {
		got := h.ask(st, action, about)
		if got.outcome == access.ImplicitlyDenied || got.outcome == access.ExplicitlyDenied || got.elsewhere {
			continue
		}
		service, _, _ := strings.Cut(action, ":")
		services[service] = true
		c := class{h.consequence(action, about), got.outcome, service}
		groups[c] = append(groups[c], action)
		if _, ok := answers[c]; !ok {
			answers[c] = got
		}
	}
	for c, actions := range h.regroup(groups, answers, len(services)) {
		h.add(d, st, c, actions, answers[c].resource, about)
	}
}

// regroup joins the services of a class where there are many, and takes ways to
// more rights apart where there are few.
func (h *holding) regroup(groups map[class][]string, answers map[class]answer, services int) map[class][]string {
	out := make(map[class][]string)
	for _, c := range slices.SortedFunc(maps.Keys(groups), func(a, b class) int { return cmp.Compare(a.part, b.part) }) {
		to := c
		if c.consequence == access.Escalates && len(groups[c]) <= severalSteps {
			for _, action := range groups[c] {
				to.part = action
				out[to], answers[to] = []string{action}, answers[c]
			}
			continue
		}
		if services > severalServices && c.consequence != access.Escalates {
			to.part = ""
		}
		out[to] = append(out[to], groups[c]...)
		if _, ok := answers[to]; !ok {
			answers[to] = answers[c]
		}
	}
	return out
}

// covered lists the known actions of a statement, and those that it names and
// that are not known.
func (h *holding) covered(st *awsiam.Statement) []string {
	if st.NotActions != nil {
		return slices.DeleteFunc(h.data.Expand("*"), func(a string) bool { return !st.AppliesTo(a) })
	}
	var out []string
	seen := make(map[string]bool)
	for _, pattern := range st.Actions {
		list := h.data.Expand(pattern)
		if len(list) == 0 && !strings.ContainsAny(pattern, "*?") {
			list = []string{pattern}
		}
		for _, a := range list {
			if key := strings.ToLower(a); !seen[key] {
				seen[key] = true
				out = append(out, a)
			}
		}
	}
	return out
}

// ask answers for an action on the best of some resources. Actions of a service
// that the same statements bear on and that are for the same resources have the
// same answer.
func (h *holding) ask(st *awsiam.Statement, action string, about []string) answer {
	named := h.named(action)
	templates := h.templates(action)
	service, _, _ := strings.Cut(strings.ToLower(action), ":")
	guards, few := h.index.bearing(service, action)
	key := ""
	if few && service != "sts" && !strings.EqualFold(action, "s3:ListAllMyBuckets") {
		key = strings.Join(slices.Concat([]string{service, named.key, guards}, about, []string{h.kindOf(action)}, templates), "\x00")
		if got, ok := h.answers[key]; ok {
			return got
		}
	}
	if len(st.Unclear) > 0 {
		about = []string{"*"}
	} else if about = slices.DeleteFunc(slices.Clone(about), func(r string) bool { return !h.fits(action, r, templates) }); len(about) == 0 {
		return answer{outcome: access.ImplicitlyDenied}
	}
	o, resource := h.search(action, patterns{about, union(slices.Clone(named.all), about), named.key})
	got := answer{outcome: o, resource: resource}
	if o == access.Unknown {
		d := h.decide(action, resource)
		got.elsewhere = hangsOnResource(&d)
	}
	if key != "" {
		h.answers[key] = got
	}
	return got
}

// kindOf tells apart actions that can be allowed on no resource, on some, and
// those of which that is not known.
func (h *holding) kindOf(action string) string {
	a, ok := h.data.Action(action)
	switch {
	case !ok:
		return "unknown"
	case len(a.Resources) == 0:
		return "none"
	case slices.ContainsFunc(a.Resources, func(r awsdata.ActionResource) bool { return r.Type == "bucket" }):
		return "bucket"
	}
	return "some"
}

// consequence is what follows from an action on some resources: a user's own
// key or password is not another's.
func (h *holding) consequence(action string, about []string) access.Consequence {
	c := h.kinds.Of(action)
	switch strings.ToLower(action) {
	case "iam:createaccesskey", "iam:createloginprofile", "iam:updateloginprofile":
		if len(about) > 0 && !slices.ContainsFunc(about, func(r string) bool { return h.p.substituted(r) != h.p.ref.Key }) {
			return access.Changes
		}
	}
	return c
}

// add puts one class of a statement's actions into the list.
func (h *holding) add(d *policy, st *awsiam.Statement, c class, actions []string, resource string, about []string) {
	s := h.sentence(c, actions, about, st)
	key := string(c.consequence) + "\x00" + string(c.outcome) + "\x00" + s
	g := h.grants[key]
	if g == nil {
		g = &grant{consequence: c.consequence, outcome: c.outcome, sentence: s, patterns: make(map[string]bool), actions: make(map[string]bool)}
		h.grants[key] = g
	}
	for _, a := range actions {
		g.actions[a] = true
	}
	for _, p := range written(st, actions) {
		g.patterns[p] = true
	}
	if !slices.Contains(about, "*") {
		g.resources = union(g.resources, about)
	}
	layer := awsiam.LayerIdentity
	if st.Principals != nil {
		layer = awsiam.LayerResource
	}
	reason := access.Reason{Layer: layer.String(), Document: d.ref.Key, Statement: st.Place(), Effect: "allow", Text: "allows it" + h.through(d.ref.Key)}
	if layer == awsiam.LayerResource {
		reason.Text = "allows it to the identity itself"
	}
	if !slices.Contains(g.because, reason) {
		g.because = append(g.because, reason)
	}
	if c.outcome == access.Conditional && g.remains == nil {
		g.remains = h.decide(actions[0], resource).Remains
	}
}

// written lists the patterns of a statement that cover some of the actions.
func written(st *awsiam.Statement, actions []string) []string {
	if st.NotActions != nil {
		return []string{"*"}
	}
	byService := make(map[string][]string)
	for _, a := range actions {
		a = strings.ToLower(a)
		service, _, _ := strings.Cut(a, ":")
		byService[service] = append(byService[service], a)
	}
	var out []string
	for _, p := range st.Actions {
		service, _, ok := strings.Cut(strings.ToLower(p), ":")
		among := actions
		if ok && !strings.Contains(service, "*") {
			among = byService[service]
		}
		if compiled, understood := awsiam.CompileAction(p); !understood || slices.ContainsFunc(among, compiled.Covers) {
			out = append(out, p)
		}
	}
	return out
}

// list puts the grants into their form, worst first.
func (h *holding) list() []access.Held {
	order := access.Consequences()
	place := func(g *grant) int { return slices.Index(order, g.consequence) }
	all := slices.SortedFunc(maps.Values(h.grants), func(a, b *grant) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(rank(a.outcome), rank(b.outcome)), cmp.Compare(a.sentence, b.sentence))
	})
	out := make([]access.Held, 0, min(len(all), maxHeld))
	for _, g := range all[:min(len(all), maxHeld)] {
		actions := slices.Sorted(maps.Keys(g.patterns))
		held := access.Held{Consequence: g.consequence, Sentence: g.sentence, Actions: actions[:min(len(actions), maxHeldActions)],
			Expands: len(g.actions), Resources: g.resources, Outcome: g.outcome, Remains: g.remains, Because: g.because}
		out = append(out, held)
	}
	return out
}
