package verdict

import (
	"time"

	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// nextChange is when a finding could change by the passing of time alone.
func (j *judge) nextChange(f *finding) time.Time {
	lag := max(j.Now.Sub(f.silent.To), 0)
	var at time.Time
	switch f.why {
	case whyNew:
		at = j.Subject.CreatedAt.Add(j.Limits.New)
	case whyRhythm:
		at = j.nextByRhythm(f, lag)
	case whyLimit, whyField:
		silence := f.silent.Length() - lengthOf(f.gaps)
		if f.why == whyLimit && !j.uses.last.IsZero() {
			silence = f.confidence.Silence
		}
		for _, limit := range []time.Duration{j.Limits.Idle, j.Limits.Dormant} {
			if silence < limit {
				at = f.silent.To.Add(limit - silence + lag)
				break
			}
		}
	}
	if !at.IsZero() && !at.After(j.Now) {
		at = j.Now.Add(time.Hour)
	}
	return at.UTC()
}

// farthest is how far ahead a change is looked for.
const farthest = 10 * 365 * 24 * time.Hour

// nextByRhythm looks for the moment at which a silence that goes on would have
// another status.
func (j *judge) nextByRhythm(f *finding, lag time.Duration) time.Time {
	if f.status == StatusDormant {
		return time.Time{}
	}
	other := func(ahead time.Duration) bool {
		c := rhythm.Silence(j.rhythm, j.uses.last, f.silent.To.Add(ahead), f.before(j.uses.last))
		if f.status == StatusActive {
			return !c.Within
		}
		return c.Level >= j.Limits.Confidence || c.Limit < j.Limits.Confidence && c.Silence >= j.Limits.Dormant
	}
	low, high := time.Duration(0), 24*time.Hour
	for !other(high) {
		if low, high = high, 2*high; high > farthest {
			return time.Time{}
		}
	}
	for high-low > time.Hour {
		mid := (low + high) / 2
		if other(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return f.silent.To.Add(high + lag)
}

// before returns what of the time since the last use does not count as silence.
func (f *finding) before(last time.Time) []rhythm.Span {
	if f.gaps != nil || !last.Before(f.silent.From) {
		return f.gaps
	}
	return []rhythm.Span{{From: last, To: f.silent.From}}
}
