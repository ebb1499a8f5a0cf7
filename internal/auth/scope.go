package auth

import (
	"slices"

	"github.com/retinue-id/retinue/internal/store"
)

// Contains reports whether a scope sees all that another sees, as far as their
// words tell: it may answer no where a look into the inventory would answer
// yes, never the other way round.
func Contains(s, o store.RowScope) bool {
	if s.All {
		return true
	}
	return !o.All && subset(o.Sources, s.Sources) && subset(o.Units, s.Units) && subset(o.Tags, s.Tags) &&
		subset(o.Teams, s.Teams) && subset(o.Owners, s.Owners)
}

// Intersect returns a scope that sees nothing that not both see. A scope is a
// union of criteria, and the intersection of two unions is not one; so only
// criteria that both name are kept, which sees less at worst.
func Intersect(s, o store.RowScope) store.RowScope {
	switch {
	case s.All:
		return o
	case o.All:
		return s
	}
	return store.RowScope{Sources: common(s.Sources, o.Sources), Units: common(s.Units, o.Units), Tags: common(s.Tags, o.Tags),
		Teams: common(s.Teams, o.Teams), Owners: common(s.Owners, o.Owners)}
}

func subset(a, of []string) bool {
	return !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(of, x) })
}

func common(a, b []string) []string {
	var out []string
	for _, x := range a {
		if slices.Contains(b, x) && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
