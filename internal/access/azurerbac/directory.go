package azurerbac

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// graphAppID is Microsoft Graph's application id ("First-party Microsoft
// applications in sign-in reports").
const graphAppID = "00000003-0000-0000-c000-000000000000"

// DecideDirectory asks whether a principal may do something in the directory,
// such as "microsoft.directory/applications/credentials/update", to an object
// (its id in Question.Scope, or "/" for the tenant), by a directory role or as
// its owner. Directory roles have no denials ("Overview of role-based access
// control in Microsoft Entra ID").
func (x *Index) DecideDirectory(q Question) access.Decision {
	d, _ := x.decideDirectory(q)
	return d
}

func (x *Index) decideDirectory(q Question) (access.Decision, about) {
	w := &weighing{x: x, q: &q, directory: true, who: x.resolve(q.Principal), action: canonical(q.Action), scope: strings.TrimPrefix(canonical(q.Scope), "/")}
	for _, id := range w.who.ids {
		for _, a := range x.directed[id] {
			w.directoryRole(a, yes)
			if w.granted != nil {
				return w.result(w.directoryAnswer())
			}
		}
	}
	if w.owner() {
		return w.result(w.directoryAnswer())
	}
	if !w.who.complete {
		for id, list := range x.directed {
			for _, a := range list {
				if !w.who.is[id] && x.among(w.who, id, a.PrincipalType) == maybe {
					w.directoryRole(a, maybe)
				}
			}
		}
	}
	return w.result(w.directoryAnswer())
}

func (w *weighing) directoryAnswer() access.Decision {
	d := w.answer()
	d.Unread = nil // deny assignments are about Azure resources
	if d.Outcome == access.ImplicitlyDenied {
		d.Because = []access.Reason{{Layer: layerDirectory, Effect: "none", Text: "no directory role and no ownership grants " + w.q.Action + " to " + w.q.Principal.ID}}
	}
	return d
}

func (w *weighing) directoryRole(a *DirectoryAssignment, held truth) {
	at, place := w.inDirectoryScope(a.Scope)
	if at == no {
		return
	}
	reason := access.Reason{Layer: layerDirectory, Document: a.ID, Effect: "allow"}
	def := w.x.directory[canonical(a.DefinitionID)]
	if def == nil {
		w.about |= aboutRole
		reason.Effect, reason.Text = "none", "the definition of directory role "+a.DefinitionID+" is not known"
		w.doubts = append(w.doubts, reason)
		return
	}
	best := no
	for i := range def.Permissions {
		p := &def.Permissions[i]
		for _, granted := range p.AllowedResourceActions {
			if matchDirectory(canonical(granted), w.action) {
				best = max(best, w.directoryCondition(p.Condition))
			}
		}
	}
	if best == no {
		return
	}
	reason.Statement, reason.Text = def.Name, def.Name+place+" grants "+w.q.Action
	switch {
	case min(held, at, best) == maybe:
		if held == maybe {
			w.about |= aboutMember
		}
		if min(at, best) == maybe {
			w.about |= aboutPlace
		}
		reason.Effect, reason.Text = "none", "whether "+def.Name+place+" applies to "+w.q.Principal.ID+" and "+w.q.Scope+" is not known; it would grant "+w.q.Action
		w.doubts = append(w.doubts, reason)
	case a.Eligible && w.q.Open:
		w.conditional = append(w.conditional, reason)
		w.remains = append(w.remains, access.Condition{Key: "activation", Operator: "PIM", Text: "the eligible assignment is activated in Privileged Identity Management"})
	case !a.Eligible:
		w.granted = &reason
	}
}

// inDirectoryScope reports whether the object asked about lies in a directory
// scope ("Scope in Microsoft Entra role assignments").
func (w *weighing) inDirectoryScope(scope string) (truth, string) {
	scope = canonical(scope)
	if scope == "/" || scope == "" {
		return yes, ""
	}
	if unit, ok := strings.CutPrefix(scope, "/administrativeunits/"); ok {
		members, known := w.x.units[unit]
		switch {
		case w.scope == "":
			return no, ""
		case !known:
			return maybe, " in administrative unit " + unit
		}
		return truthOf(members[w.scope]), " in administrative unit " + unit
	}
	return truthOf(strings.TrimPrefix(scope, "/") == w.scope && w.scope != ""), " on " + scope
}

// directoryCondition evaluates the two conditions that built-in roles have.
func (w *weighing) directoryCondition(text string) truth {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "":
		return yes
	case "$resourceisself":
		return truthOf(w.scope == w.who.id)
	case "$subjectisowner":
		return truthOf(w.x.isOwner(w.who, w.scope))
	}
	return maybe
}

func (x *Index) isOwner(a *asker, object string) bool {
	for _, id := range a.ids {
		for _, o := range x.owns[id] {
			if o == object {
				return true
			}
		}
	}
	return false
}

// owner grants what owners of applications, service principals and groups can
// do to what they own ("Default user permissions in Microsoft Entra ID",
// section on owned objects).
func (w *weighing) owner() bool {
	if w.scope == "" || !w.x.isOwner(w.who, w.scope) {
		return false
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(w.action, "microsoft.directory/"), "/")
	switch kind {
	case "applications", "serviceprincipals", "groups":
	default:
		return false
	}
	if strings.HasSuffix(w.action, "/create") || strings.Contains(w.action, "/restore") {
		return false
	}
	w.granted = &access.Reason{Layer: layerOwner, Document: w.q.Scope, Effect: "allow", Text: w.q.Principal.ID + " owns " + w.q.Scope}
	return true
}

// matchDirectory reports whether an action that a role allows covers one that
// is asked for. Actions are namespace/entity/properties/task; allProperties
// stands for every set of properties, allTasks for every task, and
// allEntities for every entity ("Microsoft Entra built-in roles").
func matchDirectory(granted, action string) bool {
	if granted == action {
		return true
	}
	g, a := strings.Split(granted, "/"), strings.Split(action, "/")
	if len(g) < 2 || len(a) < 2 || g[0] != a[0] || g[1] != "allentities" && g[1] != a[1] {
		return false
	}
	task := g[len(g)-1]
	if task != "alltasks" && task != a[len(a)-1] {
		return false
	}
	middle := strings.Join(g[2:len(g)-1], "/")
	asked := strings.Join(a[2:len(a)-1], "/")
	return middle == "allproperties" || middle == asked || middle == "" && task == "alltasks"
}

// DecideAppRole asks whether a principal holds an application permission, by
// its name or id, on an API (its application id; empty for Microsoft Graph).
func (x *Index) DecideAppRole(p Principal, permission, api string) access.Decision {
	d, _ := x.decideAppRole(p, permission, api)
	return d
}

func (x *Index) decideAppRole(p Principal, permission, api string) (access.Decision, about) {
	who := x.resolve(p)
	var doubts []access.Reason
	for _, id := range who.ids {
		for _, g := range x.appRoles[id] {
			if !x.sameAPI(g.ResourceAppID, api) {
				continue
			}
			r := access.Reason{Layer: layerAppRole, Document: g.ResourceAppID, Statement: g.Value, Effect: "allow", Text: g.Value + " was granted to " + p.ID}
			name := g.Value
			if name == "" {
				name = knownPermissions()[canonical(g.RoleID)]
			}
			switch {
			case strings.EqualFold(name, permission), canonical(g.RoleID) == canonical(permission) && g.RoleID != "":
				return access.Decision{Outcome: access.Allowed, Because: []access.Reason{r}}, 0
			case name == "":
				r.Effect, r.Text = "none", "the name of application permission "+g.RoleID+" is not known"
				doubts = append(doubts, r)
			}
		}
	}
	if len(doubts) > 0 {
		return unknownBecause(doubts...), aboutRole
	}
	if x.state.Read != nil && !x.state.Read.Directory["app-role-assignments"] {
		return unknownBecause(access.Reason{Layer: layerAppRole, Effect: "none", Text: "which application permissions were granted was not listed"}), aboutUnread
	}
	return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: layerAppRole, Effect: "none", Text: permission + " was not granted to " + p.ID}}}, 0
}

func (x *Index) sameAPI(have, want string) bool {
	have, want = canonical(have), canonical(want)
	if want == "" || want == graphAppID {
		return x.graphIDs[have]
	}
	if p := x.principals[have]; p != nil && canonical(p.AppID) == want {
		return true
	}
	return have == want
}

// knownPermissions names application permissions of Microsoft Graph that lead
// to others' rights, by their ids ("Microsoft Graph permissions reference").
func knownPermissions() map[string]string {
	return map[string]string{
		"9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8": "RoleManagement.ReadWrite.Directory",
		"06b708a9-e830-4db3-a914-8e69da51d44f": "AppRoleAssignment.ReadWrite.All",
		"1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
		"18a4783c-866b-4cc7-a460-3d5e5662c884": "Application.ReadWrite.OwnedBy",
		"19dbc75e-c2e2-444c-a770-ec69d8559fc7": "Directory.ReadWrite.All",
		"dbaae8cf-10b5-4b86-a4a1-f871c94c6695": "GroupMember.ReadWrite.All",
		"62a82d76-70ea-41e2-9197-370581804d09": "Group.ReadWrite.All",
		"50483e42-d915-4231-9639-7fdb7fd190e5": "UserAuthenticationMethod.ReadWrite.All",
		"2f6817f8-7b12-4f0f-bc18-eeaf60705a9e": "PrivilegedAccess.ReadWrite.AzureADGroup",
		"dd199f4a-f148-40a4-a2ec-f0069cc799ec": "RoleAssignmentSchedule.ReadWrite.Directory",
		"fee28b28-e1f3-4841-818e-2704dc62245f": "RoleEligibilitySchedule.ReadWrite.Directory",
	}
}
