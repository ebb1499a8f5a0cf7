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
		silence := j.silence(f)
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
	switch f.status {
	case StatusDormant:
		return time.Time{}
	case StatusActive:
		return j.whenSilent(f, lag, func(c rhythm.Confidence) bool { return !c.Within })
	}
	return j.whenSilent(f, lag, j.stopped)
}

// stopped reports whether a silence is long enough to be called dormant.
func (j *judge) stopped(c rhythm.Confidence) bool {
	return !c.Within && (c.Level >= j.Limits.Confidence || c.Limit < j.Limits.Confidence && c.Silence >= j.Limits.Dormant)
}

// whenSilent looks for the moment from which on something holds of a silence that
// goes on; zero: not in ten years.
func (j *judge) whenSilent(f *finding, lag time.Duration, holds func(rhythm.Confidence) bool) time.Time {
	then := func(ahead time.Duration) bool {
		return holds(rhythm.Silence(j.rhythm, j.uses.last, f.silent.To.Add(ahead), f.before(j.uses.last)).In(j.Limits.Pauses))
	}
	low, high := time.Duration(0), 24*time.Hour
	for !then(high) {
		if low, high = high, 2*high; high > farthest {
			return time.Time{}
		}
	}
	for high-low > time.Hour {
		mid := (low + high) / 2
		if then(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return f.silent.To.Add(high + lag)
}

// dormantOn is when what is active or idle is called dormant, if it stays silent,
// and how sure that is then.
func (j *judge) dormantOn(f *finding) (time.Time, float64) {
	if f.status != StatusActive && f.status != StatusIdle {
		return time.Time{}, 0
	}
	lag := max(j.Now.Sub(f.silent.To), 0)
	var at time.Time
	var sure float64
	switch f.why {
	case whyRhythm:
		if f.confidence.Limit >= j.Limits.Confidence {
			sure = j.Limits.Confidence
		}
		at = j.whenSilent(f, lag, j.stopped)
	case whyLimit, whyField:
		at = f.silent.To.Add(j.Limits.Dormant - j.silence(f) + lag)
	default:
		return time.Time{}, 0
	}
	if at.IsZero() {
		return at, 0
	}
	return later(at, j.Now.Add(time.Hour)).UTC(), sure
}

// silence is how long the silence is that the installation's limits are about.
func (j *judge) silence(f *finding) time.Duration {
	if f.why == whyLimit && !j.uses.last.IsZero() {
		return f.confidence.Silence
	}
	return f.silent.Length() - lengthOf(f.gaps)
}

// before returns what of the time since the last use does not count as silence.
func (f *finding) before(last time.Time) []rhythm.Span {
	if f.gaps != nil || !last.Before(f.silent.From) {
		return f.gaps
	}
	return []rhythm.Span{{From: last, To: f.silent.From}}
}
