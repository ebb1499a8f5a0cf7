package azurerbac

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// maxLevels bounds the depth of management groups; Azure allows six.
const maxLevels = 32

// Index is a State made ready for questions. It is safe for concurrent use.
type Index struct {
	state       State
	definitions map[string]*definition
	holders     map[string][]*assignment // by principal id
	classic     map[string][]ClassicAdministrator
	denies      []deny
	parents     map[string]Scope
	groups      map[string]*Group
	memberOf    map[string][]string
	units       map[string]map[string]bool
	directory   map[string]*DirectoryDefinition
	directed    map[string][]*DirectoryAssignment
	appRoles    map[string][]AppRoleGrant
	owns        map[string][]string
	principals  map[string]*ServicePrincipal
	graphIDs    map[string]bool // ids under which Microsoft Graph is known
	sides       map[string]bool // action to whether it is on data, where a definition says
}

type definition struct {
	role   *RoleDefinition
	blocks []block
}

// block is a permission, compiled.
type block struct {
	actions, notActions, data, notData []string
	condition                          *condition
}

func (b *block) covers(action string, data bool) bool {
	in, out := b.actions, b.notActions
	if data {
		in, out = b.data, b.notData
	}
	return anyAction(in, action) && !anyAction(out, action)
}

func anyAction(patterns []string, action string) bool {
	for _, p := range patterns {
		if matchAction(p, action) {
			return true
		}
	}
	return false
}

func canonicals(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = canonical(s)
	}
	return out
}

func blocks(list []Permission) []block {
	out := make([]block, 0, len(list))
	for i := range list {
		p := &list[i]
		out = append(out, block{actions: canonicals(p.Actions), notActions: canonicals(p.NotActions), data: canonicals(p.DataActions),
			notData: canonicals(p.NotDataActions), condition: parseCondition(p.Condition)})
	}
	return out
}

type assignment struct {
	a         *Assignment
	scope     string
	role      *definition // nil where it is not known
	condition *condition
}

type deny struct {
	d                    *DenyAssignment
	scope                string
	blocks               []block
	principals, excluded []Subject
	condition            *condition
}

// New makes a State ready for questions. Errors wrap retinue.ErrInvalid: a
// circle in the management groups.
func New(s State) (*Index, error) {
	x := &Index{state: s, definitions: map[string]*definition{}, holders: map[string][]*assignment{}, classic: map[string][]ClassicAdministrator{},
		parents: map[string]Scope{}, groups: map[string]*Group{}, memberOf: map[string][]string{}, units: map[string]map[string]bool{},
		directory: map[string]*DirectoryDefinition{}, directed: map[string][]*DirectoryAssignment{}, appRoles: map[string][]AppRoleGrant{},
		owns: map[string][]string{}, principals: map[string]*ServicePrincipal{}, graphIDs: map[string]bool{graphAppID: true}}
	for i := range s.Definitions {
		d := &s.Definitions[i]
		x.definitions[guid(d.ID)] = &definition{role: d, blocks: blocks(d.Permissions)}
	}
	for i := range s.Assignments {
		a := &s.Assignments[i]
		id := canonical(a.PrincipalID)
		x.holders[id] = append(x.holders[id], &assignment{a: a, scope: canonical(a.Scope), role: x.definitions[guid(a.DefinitionID)], condition: parseCondition(a.Condition)})
	}
	for i := range s.Denies {
		d := &s.Denies[i]
		x.denies = append(x.denies, deny{d: d, scope: canonical(d.Scope), blocks: blocks(d.Permissions), principals: d.Principals,
			excluded: d.Excluded, condition: parseCondition(d.Condition)})
	}
	for _, c := range s.Classic {
		x.classic[canonical(c.PrincipalID)] = append(x.classic[canonical(c.PrincipalID)], c)
	}
	x.addDirectory()
	x.addSides()
	return x, x.addScopes()
}

func (x *Index) addScopes() error {
	for _, sc := range x.state.Scopes {
		sc.ID, sc.Parent = canonical(sc.ID), canonical(sc.Parent)
		x.parents[sc.ID] = sc
	}
	for id := range x.parents {
		at := id
		for level := 0; ; level++ {
			if level > maxLevels {
				return fmt.Errorf("%w: state: the management groups above %s have a circle or more than %d levels", retinue.ErrInvalid, id, maxLevels)
			}
			sc, ok := x.parents[at]
			if !ok || sc.Parent == "" {
				break
			}
			at = sc.Parent
		}
	}
	return nil
}

func (x *Index) addDirectory() {
	s := &x.state
	for i := range s.Groups {
		g := &s.Groups[i]
		x.groups[canonical(g.ID)] = g
		for _, m := range g.Members {
			x.memberOf[canonical(m)] = append(x.memberOf[canonical(m)], canonical(g.ID))
		}
	}
	for _, u := range s.Units {
		members := map[string]bool{}
		for _, m := range u.Members {
			members[canonical(m)] = true
		}
		x.units[canonical(u.ID)] = members
	}
	for i := range s.DirectoryDefinitions {
		x.directory[canonical(s.DirectoryDefinitions[i].TemplateID)] = &s.DirectoryDefinitions[i]
	}
	for i := range s.DirectoryAssignments {
		a := &s.DirectoryAssignments[i]
		x.directed[canonical(a.PrincipalID)] = append(x.directed[canonical(a.PrincipalID)], a)
	}
	for _, g := range s.AppRoles {
		x.appRoles[canonical(g.PrincipalID)] = append(x.appRoles[canonical(g.PrincipalID)], g)
	}
	for _, o := range s.Owners {
		x.owns[canonical(o.OwnerID)] = append(x.owns[canonical(o.OwnerID)], canonical(o.ObjectID))
	}
	for i := range s.ServicePrincipals {
		p := &s.ServicePrincipals[i]
		x.principals[canonical(p.ObjectID)] = p
		if canonical(p.AppID) == graphAppID {
			x.graphIDs[canonical(p.ObjectID)] = true
		}
	}
}

// covers reports whether what holds at a scope holds at another ("Understand
// scope for Azure RBAC").
func (x *Index) covers(scope, at string) truth {
	if scope == "/" || scope == at || strings.HasPrefix(at, scope+"/") {
		return yes
	}
	if !strings.HasPrefix(scope, managementGroup) {
		return no
	}
	cur := at
	if rest, ok := strings.CutPrefix(at, "/subscriptions/"); ok {
		id, _, _ := strings.Cut(rest, "/")
		cur = "/subscriptions/" + id
	} else if !strings.HasPrefix(at, managementGroup) {
		return no // the tenant's root and providers of the tenant
	}
	for {
		sc, known := x.parents[cur]
		switch {
		case !known || sc.Parent == "" && !sc.Root:
			return maybe
		case sc.Root && sc.Parent == "":
			return no
		case sc.Parent == scope:
			return yes
		}
		cur = sc.Parent
	}
}

// Principal is who asks.
type Principal struct {
	// ID is the object id of a user, group or service principal.
	ID string
	// Groups are groups that it belongs to beyond those of the State.
	// GroupsComplete says that with the State's they are all.
	Groups         []string
	GroupsComplete bool
}

// asker is a principal with the ids that it acts under.
type asker struct {
	id       string
	ids      []string // its own first, then its groups
	is       map[string]bool
	complete bool
}

func (x *Index) resolve(p Principal) *asker {
	a := &asker{id: canonical(p.ID), is: map[string]bool{}, complete: p.GroupsComplete}
	queue := append([]string{a.id}, canonicals(p.Groups)...)
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if a.is[id] {
			continue
		}
		a.is[id] = true
		a.ids = append(a.ids, id)
		queue = append(queue, x.memberOf[id]...)
	}
	return a
}

// among reports whether the asker is, or belongs to, the principal with an id.
func (x *Index) among(a *asker, id, kind string) truth {
	id = canonical(id)
	switch {
	case a.is[id] || id == Everyone:
		return yes
	case a.complete || x.groups[id] != nil && !x.groups[id].Partial || x.principals[id] != nil:
		return no
	case x.groups[id] != nil, strings.HasSuffix(strings.ToLower(kind), "group"):
		return maybe
	}
	return no
}
