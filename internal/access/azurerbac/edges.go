package azurerbac

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Edge says that one principal can gain what another has.
type Edge struct {
	Technique string `json:"technique"`
	From      string `json:"from"`
	// To is who or what is gained: an object id, a scope, a role definition, or
	// "tenant".
	To string `json:"to"`
	// Via is the workload through which a managed identity is reached.
	Via     string             `json:"via,omitempty"`
	Outcome access.Outcome     `json:"outcome"`
	Remains []access.Condition `json:"remains,omitempty"`
	Because []access.Reason    `json:"because"`
	Limited string             `json:"limited,omitempty"`
}

// Tenant is what an edge of GainTenant leads to.
const Tenant = "tenant"

// Principals are all ids that assignments, directory roles, application
// permissions and ownership name, sorted.
func (x *Index) Principals() []string {
	seen := map[string]bool{}
	for id := range x.holders {
		seen[id] = true
	}
	for id := range x.directed {
		seen[id] = true
	}
	for id := range x.appRoles {
		seen[id] = true
	}
	for id := range x.owns {
		seen[id] = true
	}
	for id := range x.principals {
		seen[id] = true
	}
	out := make([]string, 0, len(seen))
	for id := range seen {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Edges returns every edge that starts at a principal. It costs about one
// question for each technique and each target.
func (x *Index) Edges(p Principal) []Edge {
	h := &hunter{x: x, p: p, who: x.resolve(p), cache: map[question]access.Decision{}}
	for _, t := range Techniques() {
		h.apply(&t)
	}
	return h.edges
}

type question struct {
	action, scope string
	data          bool
}

// hunter collects the edges of one principal.
type hunter struct {
	x     *Index
	p     Principal
	who   *asker
	cache map[question]access.Decision
	edges []Edge
}

func (h *hunter) ask(action, scope string, data bool) access.Decision {
	k := question{action, scope, data}
	if d, ok := h.cache[k]; ok {
		return d
	}
	d, _ := h.x.decide(&Question{Principal: h.p, Action: action, Scope: scope, Data: data, Open: true}, h.who)
	h.cache[k] = d
	return d
}

func (h *hunter) apply(t *Technique) {
	switch t.Gain {
	case GainScope:
		for _, s := range h.x.scopes() {
			h.onScope(t, s, s, "")
		}
	case GainWorkload:
		for i := range h.x.state.Workloads {
			w := &h.x.state.Workloads[i]
			if !strings.EqualFold(w.Type, t.Workload) {
				continue
			}
			for _, id := range w.Principals {
				h.onScope(t, canonical(w.ID), canonical(id), w.ID)
			}
		}
	case GainManagedIdentity:
		for i := range h.x.state.ServicePrincipals {
			if p := &h.x.state.ServicePrincipals[i]; strings.Contains(canonical(p.ManagedIdentity), "/userassignedidentities/") {
				h.onScope(t, canonical(p.ManagedIdentity), canonical(p.ObjectID), "")
			}
		}
	case GainRole:
		h.customRoles(t)
	default:
		h.directory(t)
	}
}

// scopes are the root, management groups and subscriptions that the state
// names, and the scopes of its assignments above single resources, sorted.
func (x *Index) scopes() []string {
	seen := map[string]bool{"/": true}
	add := func(s string) {
		if parts := strings.Split(s, "/"); len(parts) <= 5 {
			seen[s] = true
		}
	}
	for s := range x.parents {
		add(s)
	}
	for _, list := range x.holders {
		for _, a := range list {
			add(a.scope)
		}
	}
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// onScope asks for everything that a technique needs on a resource.
func (h *hunter) onScope(t *Technique, scope, to, via string) {
	if to == h.who.id {
		return
	}
	e := Edge{Technique: t.ID, From: h.p.ID, To: to, Via: via, Outcome: access.Allowed, Limited: t.Limited}
	for _, a := range t.Actions {
		if !e.add(h.ask(a, scope, false)) {
			return
		}
	}
	for _, a := range t.DataActions {
		if !e.add(h.ask(a, scope, true)) {
			return
		}
	}
	for _, a := range t.Elsewhere {
		if !h.elsewhere(a, &e) {
			return
		}
	}
	h.edges = append(h.edges, e)
}

// elsewhere looks for a place where the principal has an action: the scopes of
// its own assignments are where it could.
func (h *hunter) elsewhere(action string, e *Edge) bool {
	var best access.Decision
	for _, id := range h.who.ids {
		for _, a := range h.x.holders[id] {
			d := h.ask(action, a.scope, false)
			if d.Outcome == access.Allowed {
				return e.add(d)
			}
			if d.Outcome == access.Conditional || d.Outcome == access.Unknown && best.Outcome == "" {
				best = d
			}
		}
	}
	return best.Outcome != "" && e.add(best)
}

// limited reports whether an edge by an application permission gives less than
// one by a directory role would.
func (e *Edge) limited() bool {
	return e.Limited != "" && !slices.ContainsFunc(e.Because, func(r access.Reason) bool { return r.Layer == layerDirectory })
}

// add takes one more decision into an edge; it reports whether the edge still
// stands.
func (e *Edge) add(d access.Decision) bool {
	switch d.Outcome {
	case access.Allowed:
	case access.Conditional:
		if e.Outcome == access.Allowed {
			e.Outcome = access.Conditional
		}
		e.Remains = append(e.Remains, d.Remains...)
	case access.Unknown:
		e.Outcome = access.Unknown
	default:
		return false
	}
	e.Because = append(e.Because, d.Because...)
	return true
}

func (h *hunter) customRoles(t *Technique) {
	for _, id := range h.who.ids {
		for _, a := range h.x.holders[id] {
			if a.role != nil && a.role.role.Custom && !a.a.Eligible {
				h.onScope(t, a.scope, canonical(a.role.role.ID), "")
			}
		}
	}
}

func (h *hunter) directory(t *Technique) {
	switch t.Gain {
	case GainTenant:
		if e, ok := h.byDirectory(t, ""); ok {
			e.To = Tenant
			h.edges = append(h.edges, e)
		}
	case GainServicePrincipal:
		h.applications(t)
	case GainGroup:
		for i := range h.x.state.Groups {
			g := &h.x.state.Groups[i]
			id := canonical(g.ID)
			if h.who.is[id] || g.RoleAssignable && t.ID == "add-group-member" && !h.x.isOwner(h.who, id) {
				continue
			}
			if e, ok := h.byDirectory(t, id); ok {
				e.To = id
				h.edges = append(h.edges, e)
			}
		}
	}
}

// applications are reached through their registration or their service
// principal; a lock on the instance leaves the registration.
func (h *hunter) applications(t *Technique) {
	registered := map[string][]string{}
	for _, a := range h.x.state.Applications {
		registered[canonical(a.AppID)] = append(registered[canonical(a.AppID)], canonical(a.ObjectID))
	}
	for i := range h.x.state.ServicePrincipals {
		sp := &h.x.state.ServicePrincipals[i]
		id := canonical(sp.ObjectID)
		if sp.ManagedIdentity != "" || sp.Disabled || id == h.who.id {
			continue
		}
		objects := registered[canonical(sp.AppID)]
		if !sp.Locked {
			objects = append([]string{id}, objects...)
		}
		for _, object := range objects {
			if e, ok := h.byDirectory(t, object); ok {
				e.To = id
				h.edges = append(h.edges, e)
				break
			}
		}
	}
}

// byDirectory finds a directory role, application permission or ownership that
// gives a technique on an object; empty for the whole tenant.
func (h *hunter) byDirectory(t *Technique, object string) (Edge, bool) {
	e := Edge{Technique: t.ID, From: h.p.ID, Outcome: access.Allowed, Limited: t.Limited}
	if t.Owner && h.x.isOwner(h.who, object) {
		e.Because = []access.Reason{{Layer: layerOwner, Document: object, Effect: "allow", Text: h.p.ID + " owns " + object}}
		return e, true
	}
	if t.OwnedOnly && !h.x.isOwner(h.who, object) {
		return e, false
	}
	for _, name := range t.AppPermissions {
		if d := h.x.DecideAppRole(h.p, name, ""); d.Outcome == access.Allowed {
			e.Because = d.Because
			return e, true
		}
	}
	var best Edge
	for _, id := range h.who.ids {
		for _, a := range h.x.directed[id] {
			if one, ok := h.byRole(t, a, object, e); ok {
				if one.Outcome == access.Allowed {
					return one, true
				}
				best = one
			}
		}
	}
	return best, best.Outcome != ""
}

func (h *hunter) byRole(t *Technique, a *DirectoryAssignment, object string, e Edge) (Edge, bool) {
	if !slices.ContainsFunc(t.Roles, func(id string) bool { return h.isRole(a.DefinitionID, id) }) {
		return e, false
	}
	w := &weighing{x: h.x, q: &Question{}, who: h.who, scope: object}
	at, place := w.inDirectoryScope(a.Scope)
	if at == no || object == "" && place != "" {
		return e, false
	}
	e.Because = []access.Reason{{Layer: layerDirectory, Document: a.ID, Statement: a.DefinitionID, Effect: "allow", Text: "holds directory role " + h.roleName(a.DefinitionID) + place}}
	switch {
	case at == maybe:
		e.Outcome = access.Unknown
	case a.Eligible:
		e.Outcome = access.Conditional
		e.Remains = []access.Condition{{Key: "activation", Operator: "PIM", Text: "the eligible assignment is activated in Privileged Identity Management"}}
	}
	return e, true
}

// isRole compares a role's id with a template's; older tenants have ids of their
// own, for which the name decides.
func (h *hunter) isRole(id, template string) bool {
	if canonical(id) == template {
		return true
	}
	have, want := h.x.directory[canonical(id)], h.x.directory[template]
	return have != nil && want != nil && have.Name == want.Name && have.Name != ""
}

func (h *hunter) roleName(id string) string {
	if d := h.x.directory[canonical(id)]; d != nil && d.Name != "" {
		return d.Name
	}
	return id
}

// Administrator reports whether a principal can grant itself anything at a
// scope: Microsoft.Authorization/roleAssignments/write there without a
// condition, which Owner, User Access Administrator and Role Based Access
// Control Administrator hold. At "/" and at a subscription that is the
// administrator of everything below.
func (x *Index) Administrator(p Principal, scope string) access.Decision {
	return x.Decide(Question{Principal: p, Action: "Microsoft.Authorization/roleAssignments/write", Scope: scope, Open: true})
}

// TenantAdministrator reports whether a principal is Global Administrator, or
// can make itself one at once: Privileged Role Administrator, or the
// application permissions that grant roles or permissions.
func (x *Index) TenantAdministrator(p Principal) access.Decision {
	best := access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: layerDirectory, Effect: "none",
		Text: p.ID + " holds no directory role and no application permission of an administrator"}}}
	for _, e := range x.Edges(p) {
		if e.To != Tenant || e.limited() {
			continue
		}
		d := access.Decision{Outcome: e.Outcome, Because: e.Because, Remains: e.Remains}
		if d.Outcome == access.Allowed {
			return d
		}
		best = d
	}
	return best
}
