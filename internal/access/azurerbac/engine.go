package azurerbac

import (
	"regexp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// Engine answers for the tenants of Microsoft Entra and their Azure
// subscriptions. It is safe for concurrent use.
//
// An action is one of three:
//
//   - an operation of Azure, "Microsoft.Compute/virtualMachines/start/action", on
//     a scope: "/", "/subscriptions/…" down to a resource, or a management group.
//     Operations on data are told by the role definitions that name them; where
//     none does, "data:" before the action says so;
//   - one of the directory, "microsoft.directory/applications/credentials/update",
//     on an object's id, or on none for the tenant;
//   - an application permission, "Application.ReadWrite.All", on the application id
//     of an API, or on none for Microsoft Graph.
//
// An empty resource means any that something is assigned at.
//
// # Administrators
//
// An administrator of a scope is allowed
// Microsoft.Authorization/roleAssignments/write there without a condition, after
// deny assignments: it can grant itself any role there and below
// ([Index.Administrator]). Owner, User Access Administrator and Role Based Access
// Control Administrator hold that. An administrator of the tenant is Global
// Administrator or can make itself one at once ([Index.TenantAdministrator]).
type Engine struct {
	tenants map[retinue.Realm]*tenant
	order   []retinue.Realm
}

// tenant is one tenant made ready for questions.
type tenant struct {
	x          *Index
	realm      retinue.Realm
	subjects   map[string]subject
	order      []string // keys of subjects, sorted
	targets    map[string]retinue.Resource
	federation []Federated
	gaps       []string
}

// Language names the language as the command line does.
func (*Engine) Language() string { return "azure" }

// Realms are the tenants that are known, with what was not read of each.
func (e *Engine) Realms() []access.Known {
	out := make([]access.Known, 0, len(e.order))
	for _, realm := range e.order {
		t := e.tenants[realm]
		out = append(out, access.Known{Realm: realm, Gaps: slices.Concat(t.gaps, t.unread())})
	}
	return out
}

// unread says what of the tenant was not listed.
func (t *tenant) unread() []string {
	var out []string
	read := t.x.state.Read
	for _, s := range t.x.state.Scopes {
		if t.x.unlisted(canonical(s.ID)) != "" {
			out = append(out, "role assignments of "+s.ID+" were not listed: add `az role assignment list --all --include-inherited`")
		}
		if !read.Denies[place(canonical(s.ID))] && strings.HasPrefix(canonical(s.ID), "/subscriptions/") {
			out = append(out, "deny assignments of "+s.ID+" were not listed and may forbid more")
		}
	}
	if !read.Directory["role-assignments"] {
		out = append(out, "the assignments of directory roles were not listed")
	}
	if !read.Directory["app-role-assignments"] {
		out = append(out, "application permissions were not listed")
	}
	return out
}

var (
	operationForm  = regexp.MustCompile(`^(data:)?[A-Za-z0-9]+(\.[A-Za-z0-9]+)+/[A-Za-z0-9._/-]+$`)
	permissionForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9-]*(\.[A-Za-z0-9]+)+$`)
	guidForm       = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// The sorts of question.
type sort int

const (
	notAsked sort = iota
	ofResources
	ofDirectory
	ofPermissions
)

func sortOf(action string) sort {
	switch {
	case permissionForm.MatchString(action):
		return ofPermissions
	case !operationForm.MatchString(action) || strings.Contains(action, ".googleapis.com/"):
		return notAsked
	case strings.HasPrefix(strings.ToLower(action), "microsoft.directory/"):
		return ofDirectory
	}
	return ofResources
}

// Asks reports whether an action and a resource are words of Azure or Entra.
func (*Engine) Asks(action, resource string) bool {
	switch sortOf(action) {
	case ofResources:
		scope := canonical(resource)
		return resource == "" || scope == "/" || strings.HasPrefix(scope, "/subscriptions/") || strings.HasPrefix(scope, "/providers/")
	case ofDirectory:
		return resource == "" || resource == "/" || guidForm.MatchString(strings.TrimPrefix(resource, "/"))
	case ofPermissions:
		return resource == "" || guidForm.MatchString(resource)
	}
	return false
}

// Can answers whether a principal may do something. What holds for a group holds
// for everyone in it.
func (e *Engine) Can(identity retinue.Ref, action, resource string) access.Decision {
	t := e.tenants[identity.Realm]
	if t == nil || t.subjects[identity.Key].ref.IsZero() {
		return unknownBecause(access.Reason{Layer: "principal", Effect: "none", Text: "no assignment that was read and no list of principals names " + identity.Key})
	}
	d, _ := t.can(identity.Key, action, resource)
	return d
}

// can answers for a principal, at the best of its own places where no resource
// is named.
func (t *tenant) can(key, action, resource string) (access.Decision, about) {
	who, s := Principal{ID: key}, t.subjects[key]
	var best access.Decision
	var open about
	try := func(d access.Decision, a about) bool {
		if best.Outcome == "" || wording.Surer(d.Outcome, best.Outcome) {
			best, open = d, a
		}
		return best.Outcome == access.Allowed
	}
	switch sortOf(action) {
	case ofPermissions:
		try(t.x.decideAppRole(who, action, resource))
	case ofDirectory:
		for _, object := range t.objects(key, resource) {
			if try(t.x.decideDirectory(Question{Principal: who, Action: action, Scope: object, Open: true})) {
				break
			}
		}
	case ofResources:
		plain, data := t.x.data(action)
		asker := t.x.resolve(who)
		for _, scope := range t.scopes(asker, resource) {
			if try(t.x.decide(&Question{Principal: who, Action: plain, Data: data, Scope: scope, Open: true}, asker)) {
				break
			}
		}
	default:
		try(unknownBecause(access.Reason{Layer: "question", Effect: "none", Text: "the action " + action + " is none of Azure's"}), aboutCondition)
	}
	return s.limit(best), open
}

// scopes are the scopes that a question is about.
func (t *tenant) scopes(who *asker, resource string) []string {
	if resource != "" {
		return []string{resource}
	}
	out := []string{"/"}
	for _, id := range who.ids {
		for _, a := range t.x.holders[id] {
			out = append(out, a.scope)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// objects are the objects of the directory that a question is about.
func (t *tenant) objects(key, resource string) []string {
	if resource != "" {
		return []string{resource}
	}
	out := []string{"/"}
	for _, id := range t.x.resolve(Principal{ID: key}).ids {
		for _, a := range t.x.directed[id] {
			unit, ok := strings.CutPrefix(canonical(a.Scope), "/administrativeunits/")
			if !ok {
				out = append(out, canonical(a.Scope))
			}
			for member := range t.x.units[unit] {
				out = append(out, member)
			}
		}
		out = append(out, t.x.owns[id]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// limit adds what keeps a disabled principal from acting: it cannot sign in.
func (s *subject) limit(d access.Decision) access.Decision {
	if s.disabled {
		return wording.Disabled(d, "its sign-in is enabled again")
	}
	return d
}

// WhoCan lists who may do something, surest first. A principal that may belong
// to a group whose members are not known is not listed for it: the group is.
// What was not read at all is told by Realms, not by everybody's answer.
func (e *Engine) WhoCan(realm retinue.Realm, action, resource string) []access.Holder {
	var out []access.Holder
	for _, r := range e.order {
		t := e.tenants[r]
		if realm != "" && realm != r {
			continue
		}
		for _, key := range t.order {
			if d, open := t.can(key, action, resource); listed(d.Outcome, open) {
				s := t.subjects[key]
				out = append(out, access.Holder{Subject: s.ref, Name: s.title(), Decision: d})
			}
		}
	}
	wording.SortHolders(out)
	return out
}

// listed reports whether an answer says something of the one that it is about.
func listed(o access.Outcome, open about) bool {
	switch o {
	case access.Allowed, access.Conditional:
		return true
	case access.Unknown:
		return open&^(aboutMember|aboutUnread) != 0
	}
	return false
}

func (s subject) title() string {
	if s.name != "" {
		return s.name
	}
	return s.ref.Key
}

// Index is what the engine answers from for a tenant, for questions that name
// principals by their object ids; nil for a tenant that is not known.
func (e *Engine) Index(tenant retinue.Realm) *Index {
	if t := e.tenants[tenant]; t != nil {
		return t.x
	}
	return nil
}
