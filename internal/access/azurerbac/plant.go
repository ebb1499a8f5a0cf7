package azurerbac

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/spread"
)

const (
	layerMembership = "group membership"
	// refRoot is the kind of the node for the root of all subscriptions.
	refRoot = "root_scope"
)

// path is where a scope lies, from the root down, ending with the scope's
// resource group where it is a single resource.
func (x *Index) path(scope string) []string {
	out := []string{"/"}
	var above []string
	at := scope
	parts := strings.Split(scope, "/")
	if strings.HasPrefix(scope, "/subscriptions/") && len(parts) >= 3 {
		at = strings.Join(parts[:3], "/")
	} else if !strings.HasPrefix(scope, managementGroup) {
		return out
	}
	for up := at; up != "" && len(above) <= maxLevels; up = x.parents[up].Parent {
		above = append(above, up)
	}
	slices.Reverse(above)
	out = append(out, above...)
	if len(parts) >= 5 && parts[1] == "subscriptions" {
		out = append(out, strings.Join(parts[:5], "/"))
	}
	return out
}

// prepare marks what lies above denials, and which resources have assignments or
// denials of their own.
func (s *stepper) prepare() {
	mark := func(scope string, denied bool) {
		path := s.t.x.path(scope)
		single := path[len(path)-1] != scope
		if single {
			s.own[scope] = true
		}
		for _, p := range path {
			if denied && (single || p != scope) {
				s.below[p] = true
			}
		}
	}
	for _, list := range s.t.x.holders {
		for _, a := range list {
			mark(a.scope, false)
		}
	}
	for i := range s.t.x.denies {
		mark(s.t.x.denies[i].scope, true)
	}
}

// alone reports whether a resource, or what it lies in below its resource group,
// has assignments or denials of its own.
func (s *stepper) alone(id string) bool {
	for at := id; strings.Count(at, "/") > 4; at = at[:strings.LastIndexByte(at, '/')] {
		if s.own[at] {
			return true
		}
	}
	return false
}

// plant makes the trees of targets and the sets of the directory.
func (s *stepper) plant() {
	x := s.t.x
	scopes := map[string]bool{"/": true}
	for id := range x.parents {
		scopes[id] = true
	}
	for i := range x.state.Workloads {
		w := &x.state.Workloads[i]
		for _, id := range w.Principals {
			s.add(strings.ToLower(w.Type), "runs", spread.Target{Resource: canonical(w.ID), To: s.subject(canonical(id)), Through: w.ID, Alone: s.alone(canonical(w.ID))}, scopes)
		}
	}
	for i := range x.state.ServicePrincipals {
		p := &x.state.ServicePrincipals[i]
		if id := canonical(p.ManagedIdentity); strings.Contains(id, "/userassignedidentities/") && !p.Disabled {
			s.add(sortIdentities, "managed_identities", spread.Target{Resource: id, To: s.subject(canonical(p.ObjectID)), Alone: s.alone(id)}, scopes)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.t.targets)) {
		r := s.t.targets[id]
		kind, _ := r.Attrs["type"].(string)
		if kind = strings.ToLower(kind); holdsData(kind) {
			to := s.b.Node(graph.Node{Ref: r.Ref, Kind: graph.Resource, Name: r.Name, DataClass: r.DataClass})
			s.add(kind, "data", spread.Target{Resource: id, To: to, Alone: s.alone(id)}, scopes)
		}
	}
	for _, list := range x.holders {
		for _, a := range list {
			for _, p := range x.path(a.scope) {
				scopes[p] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(scopes)) {
		s.add(sortScopes, sortScopes, spread.Target{Resource: id, To: s.scope(id)}, nil)
		if path := x.path(id); len(path) > 1 {
			s.b.Step(graph.Step{From: []graph.NodeID{s.scope(path[len(path)-2])}, To: s.scope(id), Verb: graph.Contains})
		}
	}
	s.within()
	s.directorySets()
}

// add puts a target into the tree of its sort, and the places that it lies in
// among the scopes.
func (s *stepper) add(sort, kind string, t spread.Target, scopes map[string]bool) {
	tree := s.trees[sort]
	if tree == nil {
		tree = spread.New(s.b, func(place string) graph.Node {
			return spread.Set(s.t.realm, kind, sort+" in "+place, "every "+sort+" in "+place)
		})
		s.trees[sort] = tree
	}
	var path []spread.Place
	for _, p := range s.t.x.path(t.Resource) {
		if scopes != nil {
			scopes[p] = true
		}
		path = append(path, spread.Place{Name: p, Denied: s.below[p]})
	}
	tree.Add(path, t)
}

// scope is the graph's node for a scope. Who reaches it administers it, and so
// all that lies in it.
func (s *stepper) scope(id string) graph.NodeID {
	kind := kindOf(id)
	ref := retinue.NewRef(s.t.realm, kind, id)
	if have, ok := s.t.targets[id]; ok {
		ref = have.Ref
	}
	return s.b.Node(graph.Node{Ref: ref, Kind: graph.Resource, Admin: administered(kind)})
}

// kindOf is the kind of ref that the connector gives what stands at a scope.
func kindOf(scope string) string {
	switch {
	case scope == "/":
		return refRoot
	case strings.HasPrefix(scope, managementGroup):
		return refManagementGroup
	case strings.HasPrefix(scope, "/subscriptions/") && strings.Count(scope, "/") == 2:
		return refSubscription
	case strings.HasPrefix(scope, "/subscriptions/") && strings.Count(scope, "/") == 4:
		return "resource_group"
	}
	return "resource"
}

// administered reports the kinds of scope whose administrator counts as one.
func administered(kind string) bool {
	return kind == refRoot || kind == refManagementGroup || kind == refSubscription
}

// within leads from scopes to what lies in them.
func (s *stepper) within() {
	for _, sort := range slices.Sorted(maps.Keys(s.trees)) {
		if sort == sortScopes {
			continue
		}
		s.trees[sort].Each(func(place string, to graph.NodeID) {
			step := graph.Step{From: []graph.NodeID{s.scope(place)}, To: to, Verb: graph.Contains}
			if len(s.t.x.denies) > 0 {
				step.Assumes = "deny assignments leave it to who administers " + place
			}
			s.b.Step(step)
		})
	}
}

// directoryNode is the tenant. Who reaches it administers the directory, and can
// raise itself to the root of Azure ("Elevate access to manage all Azure
// subscriptions and management groups").
func (s *stepper) directoryNode() graph.NodeID {
	return s.b.Node(graph.Node{Ref: retinue.NewRef(s.t.realm, "tenant", s.t.realm.ID()), Kind: graph.Resource, Admin: true})
}

// directorySets makes the nodes that stand for all applications that take
// secrets and for all groups.
func (s *stepper) directorySets() {
	s.appsSet = graph.None
	s.groupSet[false], s.groupSet[true] = graph.None, graph.None
	directory, byApp := s.directoryNode(), map[string]string{}
	s.b.Step(graph.Step{From: []graph.NodeID{directory}, To: s.scope("/"), Verb: graph.Contains})
	for i := range s.t.x.state.ServicePrincipals {
		p := &s.t.x.state.ServicePrincipals[i]
		id := canonical(p.ObjectID)
		if p.ManagedIdentity != "" || p.Disabled || p.Managed {
			continue
		}
		s.holders[id], byApp[canonical(p.AppID)] = id, id
		if s.appsSet == graph.None {
			s.appsSet = s.b.Node(spread.Set(s.t.realm, "applications", "all", "every application"))
			s.b.Step(graph.Step{From: []graph.NodeID{directory}, To: s.appsSet, Verb: graph.Contains})
		}
		step := graph.Step{From: []graph.NodeID{s.appsSet}, To: s.subject(id), Verb: graph.Contains}
		if p.Foreign {
			step.Assumes = "the application's publisher has not locked it against new secrets"
		}
		s.b.Step(step)
	}
	for _, a := range s.t.x.state.Applications {
		if sp, ok := byApp[canonical(a.AppID)]; ok {
			s.holders[canonical(a.ObjectID)] = sp
		}
	}
	for i := range s.t.x.state.Groups {
		g := &s.t.x.state.Groups[i]
		set := s.groupSet[g.RoleAssignable]
		if set == graph.None {
			name := map[bool]string{true: "every group that roles can be assigned to", false: "every other group"}[g.RoleAssignable]
			set = s.b.Node(spread.Set(s.t.realm, "groups", name, name))
			s.groupSet[g.RoleAssignable] = set
			s.b.Step(graph.Step{From: []graph.NodeID{directory}, To: set, Verb: graph.Contains})
		}
		s.b.Step(graph.Step{From: []graph.NodeID{set}, To: s.subject(canonical(g.ID)), Verb: graph.Contains})
	}
}

// reachedBy is the node that a technique leads to from an object: an
// application's service principal, or a group.
func (s *stepper) reachedBy(t *Technique, object string) graph.NodeID {
	switch t.Gain {
	case GainServicePrincipal:
		if id, ok := s.holders[object]; ok {
			return s.subject(id)
		}
	case GainGroup:
		if g := s.t.x.groups[object]; g != nil && (t.ID != "add-role-group-member" || g.RoleAssignable) {
			return s.subject(object)
		}
	}
	return graph.None
}

// holderOf is the principal that a reason's assignment names: the asker itself,
// or one of its groups.
func (s *stepper) holderOf(r access.Reason, who *asker) string {
	for _, id := range who.ids {
		for _, a := range s.t.x.directed[id] {
			if a.ID == r.Document && r.Layer == layerDirectory {
				return id
			}
		}
	}
	return ""
}
