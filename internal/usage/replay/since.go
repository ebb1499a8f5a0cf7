package replay

import (
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// Date says of what is unused since when it has been granted. What was granted at
// or after enough had no time to be used: it moves from Unused to Recent. Since
// returns from when on an action on resources (none: all) has been held, with zero
// for as long as the uses reach back, or for as long as is known. Of a grant whose
// actions came at different times each time is an entry of its own.
func (u *UnusedGrants) Date(since func(h access.Held, action string, resources []string) time.Time, enough time.Time) {
	unused := u.Unused
	u.Unused = []UnusedGrant{}
	for _, g := range unused {
		for _, part := range g.byDate(since) {
			if !part.GrantedSince.Before(enough) && !part.GrantedSince.IsZero() {
				u.Recent = append(u.Recent, part)
			} else {
				u.Unused = append(u.Unused, part)
			}
		}
	}
}

// byDate takes a grant apart by when its parts were granted, the oldest first.
func (g UnusedGrant) byDate(since func(h access.Held, action string, resources []string) time.Time) []UnusedGrant {
	var parts []UnusedGrant
	at := func(t time.Time) *UnusedGrant {
		i := slices.IndexFunc(parts, func(p UnusedGrant) bool { return p.GrantedSince.Equal(t) })
		if i < 0 {
			i = len(parts)
			p := g
			p.Actions, p.Used, p.Resources, p.GrantedSince = nil, nil, nil, t
			parts = append(parts, p)
		}
		return &parts[i]
	}
	for _, a := range g.Actions {
		p := at(since(g.held, a, g.held.Resources))
		p.Actions = append(p.Actions, a)
		for _, did := range g.Used {
			if glob.MatchFold(a, did) && !slices.Contains(p.Used, did) {
				p.Used = append(p.Used, did)
			}
		}
	}
	for _, r := range g.Resources {
		var last time.Time
		for _, a := range g.held.Actions {
			if t := since(g.held, a, []string{r}); t.After(last) {
				last = t
			}
		}
		p := at(last)
		p.Resources = append(p.Resources, r)
	}
	slices.SortStableFunc(parts, func(a, b UnusedGrant) int { return a.GrantedSince.Compare(b.GrantedSince) })
	return parts
}

// Granted are all actions of the grant, used or not.
func (g UnusedGrant) Granted() []string { return g.held.Actions }

// Gives reports whether what was held gave all of an action on resources (none:
// all), within the same bounds as a grant of now. The grant that gave it may have
// been another.
func Gives(held []access.Held, now access.Held, action string, resources []string) bool {
	gives := func(resource string) bool {
		return slices.ContainsFunc(held, func(h access.Held) bool {
			return (h.Within == "" || h.Within == now.Within) && covered(h.Actions, action, glob.MatchFold) &&
				(len(h.Resources) == 0 || resource != "" && covered(h.Resources, resource, glob.Match))
		})
	}
	if len(resources) == 0 {
		return gives("")
	}
	return !slices.ContainsFunc(resources, func(r string) bool { return !gives(r) })
}

// covered reports whether one of the patterns takes in all that a name with
// wildcards means: a wildcard of the name is a letter to a pattern's star. One
// letter of a pattern takes in no star.
func covered(patterns []string, name string, match func(pattern, text string) bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return match(p, name) && (p == name || !strings.Contains(p, "?") || !strings.Contains(name, "*"))
	})
}
