package verdict

import (
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// SeeElsewhere bounds the blind spots that logs of other systems make good
// (BlindSpot.Elsewhere) to the stretches in which one of those is not known to be
// whole. systems lists all systems of a kind, the spot's own among them; none means
// that it is not known which there are, and the spot stays as it is. What a system's
// own log does not show of itself is the matter of its own blind spots.
func SeeElsewhere(coverage map[retinue.Realm][]retinue.Coverage, systems func(kind string) []retinue.Realm) {
	whole := map[string][]rhythm.Span{} // by kind and log
	for _, realm := range slices.Sorted(maps.Keys(coverage)) {
		list := slices.Clone(coverage[realm])
		for i := range list {
			c := &list[i]
			var spots []retinue.BlindSpot
			for _, b := range c.BlindSpots {
				if b.Elsewhere == "" {
					spots = append(spots, b)
					continue
				}
				key := b.Elsewhere + " " + c.Log
				if _, ok := whole[key]; !ok {
					whole[key] = wholeEverywhere(coverage, systems(b.Elsewhere), c.Log)
				}
				spots = append(spots, outside(b, c, whole[key])...)
			}
			c.BlindSpots = spots
		}
		coverage[realm] = list
	}
}

// wholeEverywhere are the stretches in which the log of every system is whole.
func wholeEverywhere(coverage map[retinue.Realm][]retinue.Coverage, systems []retinue.Realm, log string) []rhythm.Span {
	var out []rhythm.Span
	for i, realm := range systems {
		var own []rhythm.Span
		for _, c := range coverage[realm] {
			if c.Log == log && c.Proof != "" && c.Authenticated {
				own = append(own, rhythm.Span{From: c.From, To: c.To})
			}
		}
		if own = join(own); i == 0 {
			out = own
			continue
		}
		out = without(out, without(out, own)) // what is in both
	}
	return out
}

// outside returns a blind spot as it holds outside of stretches.
func outside(b retinue.BlindSpot, c *retinue.Coverage, spans []rhythm.Span) []retinue.BlindSpot {
	at := rhythm.Span{From: c.From, To: c.To}
	if b.From.After(at.From) {
		at.From = b.From
	}
	if !b.To.IsZero() && b.To.Before(at.To) {
		at.To = b.To
	}
	rest := without([]rhythm.Span{at}, spans)
	if len(rest) == 1 && rest[0] == at {
		return []retinue.BlindSpot{b}
	}
	var out []retinue.BlindSpot
	for _, s := range rest {
		b.From, b.To = s.From, s.To
		out = append(out, b)
	}
	return out
}
