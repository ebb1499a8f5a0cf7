package azurerbac

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/spread"
)

// pursuit is one principal on its ways. It is a spread.Asker.
type pursuit struct {
	s           *stepper
	who         *asker
	way         *way
	assignments []*assignment
	hot         map[string]bool // places where it holds something, and those above
	cache       map[question]found
	steps       spread.Steps
}

// found is an answer for one action at one scope.
type found struct {
	ok      bool
	outcome access.Outcome
	remains []access.Condition
	unread  []string
	because []access.Reason
	need    []graph.GrantID
}

// collect finds what the principal holds.
func (p *pursuit) collect() {
	for _, id := range p.who.ids {
		for _, a := range p.s.t.x.holders[id] {
			if a.role == nil {
				continue
			}
			p.assignments = append(p.assignments, a)
			for _, place := range p.s.t.x.path(a.scope) {
				p.hot[place] = true
			}
		}
	}
}

// may reports whether its roles hold all that the way needs.
func (p *pursuit) may() bool {
	for _, a := range slices.Concat(p.way.actions, p.way.elsewhere) {
		if !p.anywhere(a, false) {
			return false
		}
	}
	for _, a := range p.way.data {
		if !p.anywhere(a, true) {
			return false
		}
	}
	return true
}

func (p *pursuit) anywhere(action string, data bool) bool {
	return slices.ContainsFunc(p.assignments, func(a *assignment) bool { return a.covers(canonical(action), data) })
}

func (a *assignment) covers(action string, data bool) bool {
	return slices.ContainsFunc(a.role.blocks, func(b block) bool { return b.covers(action, data) })
}

// Near implements spread.Asker.
func (p *pursuit) Near(place string) bool { return p.hot[place] }

// At implements spread.Asker.
func (p *pursuit) At(place string) (spread.Answer, bool, bool) {
	for _, a := range p.assignments {
		if a.condition != nil && strings.Contains(strings.ToLower(a.condition.text), "@resource") && p.s.t.x.covers(a.scope, place) != no {
			return spread.Answer{}, false, true
		}
	}
	for i := range p.s.t.x.denies {
		if d := &p.s.t.x.denies[i]; (d.condition != nil || d.d.OnlyHere) && p.s.t.x.covers(d.scope, place) != no {
			return spread.Answer{}, false, true
		}
	}
	a, ok := p.all(place)
	return a, ok, false
}

// Of implements spread.Asker.
func (p *pursuit) Of(t *spread.Target) (spread.Answer, bool) { return p.all(t.Resource) }

// Step implements spread.Asker.
func (p *pursuit) Step(to graph.NodeID, a spread.Answer) {
	p.steps.Add(to, p.way.verb, p.way.technique(), a)
}

// administrator marks the principal where it administers a subscription, a
// management group or the root.
func (p *pursuit) administrator() {
	for place := range p.hot {
		if administered(kindOf(place)) && p.ask("Microsoft.Authorization/roleAssignments/write", place, false).outcome == access.Allowed {
			p.s.b.Node(graph.Node{Ref: p.s.ref(p.steps.Key), Admin: true})
			return
		}
	}
}

// all asks for everything that the way needs at a scope.
func (p *pursuit) all(scope string) (spread.Answer, bool) {
	a := spread.Answer{Sure: true, Assumes: p.way.assumes}
	for _, action := range p.way.actions {
		if !p.take(&a, p.ask(action, scope, false)) {
			return a, false
		}
	}
	for _, action := range p.way.data {
		if !p.take(&a, p.ask(action, scope, true)) {
			return a, false
		}
	}
	for _, action := range p.way.elsewhere {
		if !p.take(&a, p.elsewhere(action)) {
			return a, false
		}
	}
	return a, true
}

func (*pursuit) take(a *spread.Answer, f found) bool {
	if !f.ok {
		return false
	}
	a.Take(f.outcome == access.Allowed, f.remains, f.unread, f.because, f.need)
	return true
}

// elsewhere looks for a place where the principal has an action: the scopes of
// its own assignments are where it could.
func (p *pursuit) elsewhere(action string) found {
	var best found
	for _, a := range p.assignments {
		if !a.covers(canonical(action), false) {
			continue
		}
		f := p.ask(action, a.scope, false)
		if f.ok && (!best.ok || best.outcome != access.Allowed) {
			best = f
		}
	}
	return best
}

func (p *pursuit) ask(action, scope string, data bool) found {
	k := question{action, scope, data}
	if f, ok := p.cache[k]; ok {
		return f
	}
	d, _ := p.s.t.x.decide(&Question{Principal: Principal{ID: p.who.id}, Action: action, Scope: scope, Data: data, Open: true}, p.who)
	f := found{ok: d.Outcome == access.Allowed || d.Outcome == access.Conditional, outcome: d.Outcome, remains: d.Remains, unread: d.Unread, because: d.Because}
	if f.ok {
		f.need = p.need(canonical(action), canonical(scope), data, d.Outcome)
	}
	p.cache[k] = f
	return f
}

// need are the assignments of which any gives an action.
func (p *pursuit) need(action, scope string, data bool, outcome access.Outcome) []graph.GrantID {
	var out []graph.GrantID
	for _, a := range p.assignments {
		if p.s.t.x.covers(a.scope, scope) != yes || !a.covers(action, data) || outcome == access.Allowed && (a.condition != nil || a.a.Eligible) {
			continue
		}
		out = append(out, p.s.b.Grant(graph.Grant{Subject: p.s.ref(canonical(a.a.PrincipalID)), Reason: access.Reason{Layer: layerAssignment, Document: a.a.ID,
			Statement: a.role.role.Name, Effect: "allow", Text: a.role.role.Name + " at " + a.scope}}))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// roles finds the custom roles that the principal both holds and may change: it
// can put anything into them, and so administers where it holds them.
func (p *pursuit) roles() {
	p.way = &way{id: "role-definition-write", actions: []string{"Microsoft.Authorization/roleDefinitions/write"}, verb: graph.Attaches}
	for _, a := range p.assignments {
		if !a.role.role.Custom || a.a.Eligible || a.condition != nil || !p.may() {
			continue
		}
		if answer, ok := p.all(a.scope); ok {
			p.Step(p.s.scope(a.scope), answer)
		}
	}
}

// directory goes the ways through the directory: roles, application permissions
// and ownership.
func (p *pursuit) directory() {
	h := &hunter{x: p.s.t.x, p: Principal{ID: p.who.id}, who: p.who}
	for _, t := range Techniques() {
		if len(t.Roles)+len(t.AppPermissions) == 0 && !t.Owner {
			continue
		}
		p.way = &way{id: t.ID, verb: verbOf(&t)}
		if e, ok := h.byDirectory(&t, ""); ok && !t.OwnedOnly {
			p.everything(&t, &e)
			continue
		}
		for _, object := range p.objects() {
			if to := p.s.reachedBy(&t, object); to != graph.None {
				if e, ok := h.byDirectory(&t, object); ok {
					p.found(to, &e)
				}
			}
		}
	}
}

// objects are what the principal owns or holds a directory role on.
func (p *pursuit) objects() []string {
	var out []string
	for _, id := range p.who.ids {
		out = append(out, p.s.t.x.owns[id]...)
		for _, a := range p.s.t.x.directed[id] {
			scope := canonical(a.Scope)
			if unit, ok := strings.CutPrefix(scope, "/administrativeunits/"); ok {
				for m := range p.s.t.x.units[unit] {
					out = append(out, m)
				}
			} else if scope != "/" {
				out = append(out, strings.TrimPrefix(scope, "/"))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// everything adds the step of a technique that works on all of the tenant.
func (p *pursuit) everything(t *Technique, e *Edge) {
	switch t.Gain {
	case GainTenant:
		p.found(p.s.directoryNode(), e)
		if e.Outcome == access.Allowed && !e.limited() {
			p.s.b.Node(graph.Node{Ref: p.s.ref(p.steps.Key), Admin: true})
		}
	case GainServicePrincipal:
		p.found(p.s.appsSet, e)
	case GainGroup:
		p.found(p.s.groupSet[t.ID == "add-role-group-member"], e)
	}
}

// found adds a step for an edge; one that is Unknown makes none.
func (p *pursuit) found(to graph.NodeID, e *Edge) {
	if e.Outcome == access.Unknown || to == graph.None {
		return
	}
	a := spread.Answer{Sure: e.Outcome == access.Allowed, Remains: e.Remains, Because: e.Because}
	if e.limited() {
		a.Assumes = "not limited: " + e.Limited
	}
	holder := p.s.ref(p.who.id)
	for _, r := range e.Because {
		if id := p.s.holderOf(r, p.who); id != "" {
			holder = p.s.ref(id)
		}
	}
	a.Needs = [][]graph.GrantID{p.s.b.GrantsOf(holder, e.Because)}
	p.Step(to, a)
}
