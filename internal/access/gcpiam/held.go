package gcpiam

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// maxActions is how many permissions of a role are named one by one; of more,
// the role is named.
const maxActions = 24

// Held lists what an identity, a group or a set can do, worst first: for each
// binding that it holds for certain, what follows from the permissions of its
// role that no deny policy takes away. A binding to a group of which it is not
// known who belongs to it stands with the group.
func (e *Engine) Held(identity retinue.Ref) []access.Held {
	key, ok := e.byRef[identity]
	if !ok {
		return nil
	}
	h := &holds{e: e, s: e.subjects[key], escalates: escalating()}
	h.who = e.x.resolve(Principal{ID: h.s.id})
	for name, n := range e.x.nodes {
		if name != n.name {
			continue
		}
		for i := range n.bindings {
			if t, by := e.x.holds(h.who, &n.bindings[i]); t == yes {
				h.binding(&n.bindings[i], by)
			}
		}
	}
	wording.Sort(h.list)
	return h.list
}

// holds collects what one principal holds.
type holds struct {
	e         *Engine
	s         subject
	who       *asker
	escalates map[string]string
	list      []access.Held
}

// binding adds what a binding gives.
func (h *holds) binding(b *compiledBinding, by string) {
	held := access.Held{Outcome: access.Allowed, Resources: []string{b.at.name}, Actions: []string{b.roleName},
		Because: []access.Reason{{Layer: layerAllow, Document: b.at.name, Statement: ordinal(b.n) + " " + b.roleName, Effect: "allow", Text: b.roleName + " for " + by + " on " + b.at.name}}}
	if b.role == nil {
		held.Outcome, held.Consequence = access.Unknown, access.Changes
		held.Sentence = "holds " + b.roleName + ", whose permissions are not known, in " + placeIn(b.at.name)
		h.list = append(h.list, held)
		return
	}
	if !b.role.role.inForce() || !h.condition(b, &held) {
		return
	}
	if h.s.disabled {
		d := h.s.limit(access.Decision{Outcome: held.Outcome, Remains: held.Remains})
		held.Outcome, held.Remains = d.Outcome, d.Remains
	}
	sure, open, remains := h.left(b)
	h.classes(held, sure, b)
	switch {
	case remains == nil:
		held.Outcome = access.Unknown // whether a deny rule is about it is not known
	case held.Outcome == access.Allowed:
		held.Outcome = access.Conditional
	}
	held.Remains = slices.Concat(held.Remains, remains)
	h.classes(held, open, b)
}

// classes adds what follows from permissions of a binding.
func (h *holds) classes(held access.Held, permissions []string, b *compiledBinding) {
	classes := map[access.Consequence][]string{}
	for _, p := range permissions {
		c := consequence(p, h.escalates)
		if c == access.Administers && inside(b.at.name) {
			c = access.Changes // nothing lies below a resource
		}
		classes[c] = append(classes[c], p)
	}
	for _, c := range access.Consequences() {
		if list := classes[c]; len(list) > 0 {
			h.list = append(h.list, h.of(held, c, list, b))
		}
	}
}

// condition adds what a binding's condition leaves open; it reports whether the
// binding can hold at all. A condition on the resource may hold for some of what
// lies below.
func (h *holds) condition(b *compiledBinding, held *access.Held) bool {
	if b.condition == nil {
		return true
	}
	w := &weighing{x: h.e.x, q: &Question{Resource: b.at.name, Open: true}}
	v := b.condition.eval(w.context())
	switch {
	case v.text != "":
		held.Outcome, held.Because[0].Text = access.Unknown, v.text
	case speaksOfResource(b.text) || v.value == maybe:
		held.Outcome, held.Remains = access.Conditional, []access.Condition{remaining(b.text, false)}
	case v.value == no:
		return false
	}
	return true
}

// left are the permissions of a binding's role that no deny rule takes away for
// certain: those that none is about, and those that hang on a deny rule, with
// what must not hold; remains is nil where it is not known whether the rule is
// about the principal.
func (h *holds) left(b *compiledBinding) (sure, open []string, remains []access.Condition) {
	chain, _ := h.e.x.chain(b.at.name)
	var denying, doubtful []*compiledDeny
	remains = []access.Condition{}
	w := &weighing{x: h.e.x, q: &Question{Principal: Principal{ID: h.s.id}, Resource: b.at.name, Open: true}, who: h.who}
	for _, n := range chain {
		for i := range n.denies {
			r := &n.denies[i]
			holds := yes
			if r.condition != nil {
				// One that cannot be evaluated applies.
				if v := r.condition.eval(w.context()); !v.failed {
					holds = v.value
				}
				if speaksOfResource(r.text) {
					holds = maybe
				}
			}
			hit, _ := w.among(r.principals)
			out, _ := w.among(r.except)
			switch {
			case hit == no || out == yes || holds == no:
			case hit == maybe || out == maybe:
				doubtful, remains = append(doubtful, r), nil
			case holds == maybe:
				if doubtful = append(doubtful, r); remains != nil {
					remains = append(remains, remaining(r.text, true))
				}
			default:
				denying = append(denying, r)
			}
		}
	}
	about := func(rules []*compiledDeny, p pattern) bool {
		return slices.ContainsFunc(rules, func(r *compiledDeny) bool {
			return anyMatches(r.permissions, p) && !anyMatches(r.exceptPermissions, p)
		})
	}
	for _, p := range b.role.role.Permissions {
		p = plainPermission(p)
		switch split := splitPermission(p); {
		case about(denying, split):
		case about(doubtful, split):
			open = append(open, p)
		default:
			sure = append(sure, p)
		}
	}
	slices.Sort(sure)
	slices.Sort(open)
	return slices.Compact(sure), slices.Compact(open), remains
}

// of says one consequence of a binding.
func (h *holds) of(held access.Held, c access.Consequence, list []string, b *compiledBinding) access.Held {
	held.Consequence, held.Expands = c, len(list)
	if len(list) <= maxActions {
		held.Actions, held.Expands = list, 0
	}
	place := placeIn(b.at.name)
	var kinds []string
	switch c {
	case access.Administers:
		held.Sentence = "grants itself anything in " + place
		return held
	case access.Escalates:
		for _, p := range list {
			if text := h.escalates[p]; !slices.Contains(kinds, text) {
				kinds = append(kinds, text)
			}
		}
		if n := len(kinds) - 4; n > 0 {
			kinds = append(kinds[:3], "has more ways to act as")
		}
		if !inside(b.at.name) {
			place = "what lies in " + place
		}
		held.Sentence = wording.All(kinds) + " " + place
		return held
	}
	for _, p := range list {
		kinds = append(kinds, kindIn(p))
	}
	held.Sentence = wording.Sentence(c, kinds, place)
	return held
}
