package verdict

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// Stretch is for how long logs prove how much.
type Stretch struct {
	Grade retinue.Grade // A, B or C
	rhythm.Span
}

// Proven says how well the logs of one system show whether anybody of it did
// anything, until now: the last stretch without a gap of the best grade that they
// reach, and after it what goes on longer at a lower one. It is A where nothing stays
// unseen, B where only blind spots for some actions, credentials or kinds of identity
// stand, and C where it is not proven that nothing is missing, anybody could have
// written the log, or a blind spot may concern everybody. Somebody whom a limited
// blind spot concerns is judged on less. Nothing is covered where it is empty.
func Proven(coverage []retinue.Coverage, now time.Time) []Stretch {
	e := Evidence{Coverage: MergeCoverage(coverage), Now: now}
	c := e.cover(func(b *retinue.BlindSpot) bearing {
		if len(b.Actions)+len(b.Credentials)+len(b.Kinds) > 0 {
			return untouched
		}
		return applies
	})
	var out []Stretch
	for l := complete; l >= weak; l-- {
		n := len(c.known[l])
		if n == 0 {
			continue
		}
		last := c.known[l][n-1]
		if len(out) > 0 {
			before := out[len(out)-1].To
			if !last.To.After(before) {
				continue
			}
			if last.From.Before(before) {
				last.From = before
			}
		}
		out = append(out, Stretch{l.grade(), last})
	}
	return out
}
