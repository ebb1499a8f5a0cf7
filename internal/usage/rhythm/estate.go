package rhythm

import (
	"math"
	"time"
)

// Estate is what is known of pauses among the identities of an installation: how
// often one that seemed to have stopped went on. By it the chance that a history is
// one phase of something longer is held against what was seen there.
type Estate struct {
	// Years are for how long identities were followed, together, after the first
	// fortnight of each.
	Years float64 `json:"years"`
	// Pauses counts identities that went on after a silence by which they would
	// have been taken to have stopped with a confidence of 0.9.
	Pauses int `json:"pauses"`
}

const (
	// pauseLeast is how long an identity is watched before its silences count.
	pauseLeast = 14 * 24 * time.Hour
	// pauseShort is the shortest silence that is looked at.
	pauseShort = 5 * 24 * time.Hour
	// pauseError is the error that is stated of a silence that counts: of
	// identities in use so many pause so in a year, at most.
	pauseError = 0.1
	// pauseWeight is how many pauses those assumed before anything was seen weigh.
	pauseWeight = 1.0
	// pauseStep is the grain of the factor: it is rounded up, so that a verdict
	// does not change with each day.
	pauseStep = 1.25
	// pauseLeastFactor and pauseMostFactor bound it.
	pauseLeastFactor = 0.25
	pauseMostFactor  = 10
)

// Add adds what is known of others.
func (e *Estate) Add(o Estate) { e.Years, e.Pauses = e.Years+o.Years, e.Pauses+o.Pauses }

// Factor is how much likelier it is here than is assumed that an identity pauses
// and goes on: pauses that were seen to those that were to be expected, both with
// one more that weighs as what is assumed. Without anything known it is 1.
func (e Estate) Factor() float64 {
	f := (float64(e.Pauses) + pauseWeight) / (pauseError*e.Years + pauseWeight)
	f = math.Pow(pauseStep, math.Ceil(math.Log(f)/math.Log(pauseStep)-1e-9))
	return min(max(f, pauseLeastFactor), pauseMostFactor)
}

// Pauses looks back at the silences of an identity that it went on after: what
// would have been said of them at their end, by what was known at their beginning.
// Hours alone are looked at, since coarser grains have no silences of days.
func (f *Fitter) Pauses(s Series) Estate {
	if len(s.Hours) == 0 {
		return Estate{}
	}
	first, last := hourTime(s.Hours[0].Hour), hourTime(s.Hours[len(s.Hours)-1].Hour)
	e := Estate{Years: max((last.Sub(first)-pauseLeast).Hours(), 0) / hoursPerYear}
	for k := 1; k < len(s.Hours); k++ {
		from, to := hourTime(s.Hours[k-1].Hour), hourTime(s.Hours[k].Hour)
		if to.Sub(from) < pauseShort || from.Sub(first) < pauseLeast {
			continue
		}
		before := Series{Window: Span{From: s.Window.From, To: to}, Gaps: s.Gaps, Hours: s.Hours[:k]}
		if c := Silence(f.Fit(before), from, to, s.Gaps); c.Known && !c.Within && c.Error <= pauseError {
			e.Pauses = 1
			break
		}
	}
	return e
}

// In is the confidence in an estate where pauses are by a factor likelier than is
// assumed. Outages are left as they are: they can strike all at once, and of that
// a quiet time tells nothing.
func (c Confidence) In(factor float64) Confidence {
	if !c.Known || factor <= 0 {
		return c
	}
	phased := 1 - c.Limit
	then := min(phased*factor, 1)
	c.Limit = 1 - then
	if !c.Within {
		c.Error = min(max(c.Error-phased, 0)+then, 1)
		c.Level = 1 - c.Error
	}
	if c.Needs = 0; c.Limit < sureLevel {
		c.Needs = needsHistory(factor)
	}
	return c
}

// needsHistory is about how long a history it takes to be sure.
func needsHistory(factor float64) time.Duration {
	return time.Duration(phaseDays*24*(math.Sqrt(phaseChance*factor/(1-sureLevel)*2)-1)) * time.Hour
}
