package store

import "slices"

// RowScope says which rows a reader may see: separation inside one
// installation. The zero value sees nothing. A thing is visible when one
// criterion matches: a source in Sources states it; its container or one
// around that is in Units; it bears one of Tags; its registered owner is in
// Owners or Teams. A credential is visible with the identity that holds it,
// and a finding with what it is about.
//
// Everything is matched as written, bytewise.
type RowScope struct {
	// All sees everything; the other fields do not matter then.
	All bool `json:"all,omitempty"`
	// Sources are names or public ids (src_…) of sources.
	Sources []string `json:"sources,omitempty"`
	// Units are public ids of containers (ctn_…): accounts, projects,
	// namespaces, organisations, with all that is inside them.
	Units []string `json:"units,omitempty"`
	// Tags are labels that sources state, as key=value.
	Tags []string `json:"tags,omitempty"`
	// Teams are team owners, with or without the leading @.
	Teams []string `json:"teams,omitempty"`
	// Owners are registered owners.
	Owners []string `json:"owners,omitempty"`
}

// Everything sees all rows.
func Everything() RowScope { return RowScope{All: true} }

// Empty reports whether nothing can be seen.
func (s RowScope) Empty() bool {
	return !s.All && len(s.Sources)+len(s.Units)+len(s.Tags)+len(s.Teams)+len(s.Owners) == 0
}

// Union returns the scope that sees what either sees.
func (s RowScope) Union(o RowScope) RowScope {
	if s.All || o.All {
		return Everything()
	}
	join := func(a, b []string) []string {
		out := slices.Concat(a, b)
		slices.Sort(out)
		return slices.Compact(out)
	}
	return RowScope{Sources: join(s.Sources, o.Sources), Units: join(s.Units, o.Units), Tags: join(s.Tags, o.Tags),
		Teams: join(s.Teams, o.Teams), Owners: join(s.Owners, o.Owners)}
}
