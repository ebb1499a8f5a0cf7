package rightsize

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// keepUnshown keeps what the old policies grant of actions whose use the record
// cannot show. One that has uses on record may have others that it lacks.
func (s *shrinker) keepUnshown() {
	s.keepAll(s.Unshown, "the log that the uses are from does not show it")
	s.keepAll(s.Recent, "it was granted too lately to have been used")
}

// keepAll keeps what the old policies grant of actions, with the reason.
func (s *shrinker) keepAll(patterns []string, why string) {
	for _, g := range s.old.allow {
		for _, a := range s.matching(g, patterns) {
			if !g.AppliesTo(a) {
				continue
			}
			p := s.part(a, g)
			if p.whole[g] {
				continue // it is kept already, for another reason
			}
			p.whole[g] = true
			s.result.Kept = appendKept(s.result.Kept, s.catalog.name(a), g, why)
		}
	}
}

// matching are the actions of some patterns that a grant may give.
func (s *shrinker) matching(g *grant, patterns []string) []string {
	var out []string
	for _, pattern := range patterns {
		pattern = strings.ToLower(pattern)
		service, _, _ := strings.Cut(pattern, ":")
		switch {
		case !strings.ContainsAny(pattern, "*?"):
			out = append(out, pattern)
		case s.catalog.data != nil:
			for _, a := range s.catalog.data.Expand(pattern) {
				if a = strings.ToLower(a); g.AppliesTo(a) {
					out = append(out, a)
				}
			}
		default:
			out = append(out, s.catalog.expand(service, func(a string) bool { return glob.Match(pattern, a) })...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
