package azurerbac

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// Held lists what a principal can do, worst first: what follows from each of its
// role assignments after deny assignments, its directory roles, its application
// permissions and what it owns. An assignment to a group of which it is not known
// who belongs to it stands with the group.
func (e *Engine) Held(identity retinue.Ref) []access.Held {
	t := e.tenants[identity.Realm]
	if t == nil || t.subjects[identity.Key].ref.IsZero() {
		return nil
	}
	h := &holds{t: t, s: t.subjects[identity.Key], who: t.x.resolve(Principal{ID: identity.Key})}
	for _, id := range h.who.ids {
		for _, a := range t.x.holders[id] {
			h.assignment(a)
		}
	}
	h.directory()
	for i := range h.list {
		d := h.s.limit(access.Decision{Outcome: h.list[i].Outcome, Remains: h.list[i].Remains})
		h.list[i].Outcome, h.list[i].Remains = d.Outcome, d.Remains
	}
	wording.Sort(h.list)
	return h.list
}

// holds collects what one principal holds.
type holds struct {
	t    *tenant
	s    subject
	who  *asker
	list []access.Held
}

// assignment adds what a role assignment gives. Each probe is asked as a question
// of its own, so that deny assignments and conditions count.
func (h *holds) assignment(a *assignment) {
	held := access.Held{Outcome: access.Allowed, Resources: []string{a.scope},
		Because: []access.Reason{{Layer: layerAssignment, Document: a.a.ID, Effect: "allow"}}}
	if a.role == nil {
		held.Outcome, held.Consequence, held.Actions = access.Unknown, access.Changes, []string{guid(a.a.DefinitionID)}
		held.Sentence = "holds role " + guid(a.a.DefinitionID) + ", whose definition is not known, in " + placeIn(a.scope)
		h.list = append(h.list, held)
		return
	}
	held.Because[0].Statement, held.Because[0].Text = a.role.role.Name, a.role.role.Name+" at "+a.scope
	found := map[access.Consequence]bool{}
	for _, p := range probes() {
		if !a.covers(p.action, p.data) || p.consequence == access.Changes && found[access.Changes] {
			continue
		}
		d, _ := h.t.x.decide(&Question{Principal: Principal{ID: h.who.id}, Action: p.action, Data: p.data, Scope: a.scope, Open: true}, h.who)
		if d.Outcome != access.Allowed && d.Outcome != access.Conditional && d.Outcome != access.Unknown {
			continue
		}
		one := held
		one.Consequence, one.Outcome, one.Remains = p.consequence, d.Outcome, d.Remains
		one.Actions, one.Sentence = []string{named(a, p.action, p.data)}, p.text+" in "+placeIn(a.scope)
		found[p.consequence] = true
		h.list = append(h.list, one)
	}
	h.rest(a, held, found)
}

// named is the action of a role that covers an operation, as the role has it.
func named(a *assignment, action string, data bool) string {
	for _, p := range a.role.role.Permissions {
		list := p.Actions
		if data {
			list = p.DataActions
		}
		for _, pattern := range list {
			if matchAction(canonical(pattern), action) {
				return pattern
			}
		}
	}
	return action
}

// rest adds what a role names that no probe spoke of. A pattern is asked about
// by an operation that it covers.
func (h *holds) rest(a *assignment, held access.Held, found map[access.Consequence]bool) {
	list := map[access.Consequence][]string{}
	answers := map[access.Consequence]access.Decision{}
	add := func(action string, data bool) {
		c := ofPattern(canonical(action))
		if found[c] || slices.ContainsFunc(probes(), func(p probe) bool { return p.data == data && p.action == canonical(action) }) {
			return
		}
		one := canonical(strings.ReplaceAll(action, "*", "any"))
		if !a.covers(one, data) {
			return // what the role itself takes out again
		}
		d, _ := h.t.x.decide(&Question{Principal: Principal{ID: h.who.id}, Action: one, Data: data, Scope: a.scope, Open: true}, h.who)
		if d.Outcome != access.Allowed && d.Outcome != access.Conditional && d.Outcome != access.Unknown {
			return
		}
		list[c] = append(list[c], action)
		if have, ok := answers[c]; !ok || wording.Surer(have.Outcome, d.Outcome) {
			answers[c] = d // the least sure of them
		}
	}
	for _, p := range a.role.role.Permissions {
		for _, action := range p.Actions {
			add(action, false)
		}
		for _, action := range p.DataActions {
			add(action, true)
		}
	}
	for _, c := range access.Consequences() {
		if len(list[c]) == 0 {
			continue
		}
		var kinds []string
		for _, action := range list[c] {
			kinds = append(kinds, kindIn(action))
		}
		one := held
		one.Consequence, one.Actions, one.Sentence = c, list[c], wording.Sentence(c, kinds, placeIn(a.scope))
		one.Outcome, one.Remains = answers[c].Outcome, answers[c].Remains
		h.list = append(h.list, one)
	}
}

// directory adds what the principal can do in the directory: what techniques
// there give, the roles that it holds, and its application permissions.
func (h *holds) directory() {
	gives := h.techniques()
	for _, id := range h.who.ids {
		for _, a := range h.t.x.directed[id] {
			h.role(a, gives)
		}
		for _, g := range h.t.x.appRoles[id] {
			name := g.Value
			if name == "" {
				name = knownPermissions()[canonical(g.RoleID)]
			}
			held := access.Held{Consequence: ofPermission(name), Sentence: "holds the application permission " + name, Actions: []string{name}, Outcome: access.Allowed,
				Because: []access.Reason{{Layer: layerAppRole, Document: g.ResourceAppID, Statement: name, Effect: "allow", Text: name + " was granted"}}}
			if t := gives[name]; t != nil {
				held.Consequence, held.Sentence = t.consequence(), t.Title+", by the application permission "+name
			}
			if name == "" {
				held.Outcome, held.Actions, held.Sentence = access.Unknown, []string{g.RoleID}, "holds an application permission whose name is not known"
			}
			h.list = append(h.list, held)
		}
		for _, object := range h.t.x.owns[id] {
			h.list = append(h.list, access.Held{Consequence: access.Escalates, Sentence: "owns " + h.called(object) + ", and so can add secrets or members to it", Actions: []string{"owner"}, Resources: []string{object},
				Outcome: access.Allowed, Because: []access.Reason{{Layer: layerOwner, Document: object, Effect: "allow", Text: h.who.id + " owns " + object}}})
		}
	}
}

func (h *holds) called(object string) string {
	if s, ok := h.t.subjects[object]; ok {
		return strings.ReplaceAll(s.ref.Kind, "_", " ") + " " + s.title()
	}
	return object
}

// techniques are those that a directory role or an application permission gives,
// by either.
func (h *holds) techniques() map[string]*Technique {
	out := map[string]*Technique{}
	for _, t := range Techniques() {
		for _, key := range slices.Concat(t.Roles, t.AppPermissions) {
			if out[key] == nil {
				out[key] = &t
			}
		}
	}
	return out
}

func (t *Technique) consequence() access.Consequence {
	if t.Gain == GainTenant {
		return access.Administers
	}
	return access.Escalates
}

// role adds a directory role.
func (h *holds) role(a *DirectoryAssignment, gives map[string]*Technique) {
	name, place := a.DefinitionID, ""
	if d := h.t.x.directory[canonical(a.DefinitionID)]; d != nil && d.Name != "" {
		name = d.Name
	}
	if scope := canonical(a.Scope); scope != "/" && scope != "" {
		place = " on " + h.called(strings.TrimPrefix(scope, "/"))
	}
	held := access.Held{Consequence: access.Changes, Sentence: "holds the directory role " + name + place, Actions: []string{name}, Outcome: access.Allowed,
		Because: []access.Reason{{Layer: layerDirectory, Document: a.ID, Statement: name, Effect: "allow", Text: "holds directory role " + name + place}}}
	if t := gives[canonical(a.DefinitionID)]; t != nil && (place == "" || t.Gain != GainTenant) {
		held.Consequence, held.Sentence = t.consequence(), t.Title+place+", by the directory role "+name
	} else if strings.Contains(name, "Reader") {
		held.Consequence = access.Looks
	}
	if a.Eligible {
		held.Outcome, held.Remains = access.Conditional, []access.Condition{{Key: "activation", Operator: "PIM", Text: "the eligible assignment is activated in Privileged Identity Management"}}
	}
	h.list = append(h.list, held)
}

// ofPermission says what follows from an application permission by its name
// ("Microsoft Graph permissions reference": the last words say how much).
func ofPermission(name string) access.Consequence {
	kind, rest, _ := strings.Cut(name, ".")
	data := slices.Contains([]string{"Mail", "Files", "Sites", "Chat", "ChannelMessage", "Calendars", "Notes", "OnlineMeetings", "AuditLog", "full_access_as_app"}, kind)
	switch {
	case strings.Contains(rest, "Write") || strings.HasPrefix(rest, "FullControl") || strings.HasPrefix(rest, "Manage") || strings.HasPrefix(rest, "Send"):
		return access.Changes
	case data:
		return access.ReadsData
	}
	return access.Looks
}
