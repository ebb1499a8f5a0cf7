package rhythm

import (
	"math"
	"slices"
	"time"
)

// model is what is believed of a living identity's silences. docs/usage-rhythm.md
// explains it; the figures in it were set there against generated histories.
type model struct {
	kind modelKind

	// Of a calendar: the working day, the rule of its days, the hours from the cut
	// at which something begins and by which it is late.
	zone     *zone
	cut      int64
	shift    int64
	rule     DayRule
	windows  []int64
	deadline int64
	// pauses is true where nothing is expected around the turn of the year.
	pauses bool
	// misses and hits are the parameters of the Beta distribution of the chance
	// that a slot is missed by itself.
	misses float64
	hits   float64
	// inRow[k] counts how many times more than k slots were missed in a row.
	inRow [8]int

	// Of a renewal: the silences.
	silences []float64 // hours, ascending
	tails    []tail
	usual    float64 // the median
	// regular is true where they are all of about the usual length, or a multiple
	// of it where times were missed.
	regular bool

	// perYear is how many slots or silences a year has.
	perYear float64
	// Outages: how many a year, and the Gamma distribution of the exponent of
	// their lengths' power law.
	outages  float64
	outShape float64
	outRate  float64
	// phased is the chance that all that was seen is one phase of something
	// longer.
	phased float64
}

type modelKind uint8

const (
	modelNone modelKind = iota
	modelCalendar
	modelRenewal
)

// Beliefs before anything was seen.
const (
	hoursPerYear = 8766.0
	// Nine tenths of an outage in half a year, weakly held.
	outageCount = 0.9
	outageYears = 0.5
	// Lengths of outages: the chance to last longer than t is (1+t/day)^-a, a
	// about 2.
	outageShape = 12.0
	outageRate  = 6.0
	// Chance that a slot is missed by itself: half a miss, weakly held; of what
	// keeps an interval and no calendar, a whole one.
	missPrior     = 0.5
	missPriorFree = 1.0
	// What changed its rhythm once is more likely to do so again.
	changedOutages = 2.5
	// What was seen for a week is with a chance of 15 in a hundred a phase of
	// something longer; for two months, of well under one.
	phaseChance = 0.6
	phaseDays   = 7.0
)

// withinShare is how rare, among silences, one is that leaves the rhythm, and
// leastSilence the shortest one that does.
const (
	withinShare  = 0.05
	leastSilence = 24 * time.Hour
)

// calendarModel learns from the slots of a view how often they are missed, and
// in what runs.
func calendarModel(c *clock, v view, fitted ruled, deadline int64) model {
	m := model{kind: modelCalendar, zone: c.zone, cut: c.cut, shift: c.shift, rule: fitted.rule, deadline: deadline,
		outShape: outageShape, outRate: outageRate}
	end := v.base + int64(len(v.status))
	run, since, until, misses, outages := 0, int64(0), int64(0), 0, 0
	finish := func() {
		for k := range min(run, len(m.inRow)) {
			m.inRow[k]++
		}
		misses += min(run, 2)
		if run >= 2 {
			outages++
			m.outShape++
			m.outRate += math.Log1p(float64(until - since))
		}
		run = 0
	}
	for day, ok := m.rule.next(v.base); ok && day < end; day, ok = m.rule.next(day + 1) {
		if v.status[day-v.base] != quiet {
			finish()
			continue
		}
		if run == 0 {
			since = day
		}
		until = day
		run++
	}
	finish()
	acted, silent := v.counts()
	years := float64(acted+silent) * 24 / hoursPerYear
	m.misses, m.hits = float64(misses)+missPrior, float64(fitted.hits)
	m.perYear = max(float64(fitted.slots)/years, 1)
	m.outages = (float64(outages) + outageCount) / (years + outageYears)
	return m
}

// phase says how much of a longer pattern the history may be part of, which had
// silences of a length before.
func (m *model) phase(history, before time.Duration) {
	scale := max(phaseDays*24, before.Hours()/2)
	m.phased = phaseChance / math.Pow(1+history.Hours()/scale, 2)
}

// missAll is the chance that k slots in a row are missed, each by itself.
func (m *model) missAll(k int) float64 {
	p := 1.0
	for i := range min(k, 64) {
		p *= (m.misses + float64(i)) / (m.misses + m.hits + float64(i))
	}
	return p
}

// lasts is the chance that an outage lasts for so many hours.
func (m *model) lasts(hours float64) float64 {
	return math.Pow(m.outRate/(m.outRate+math.Log1p(max(hours, 0)/24)), m.outShape)
}

// usually reports whether it is no rarity that k slots in a row are missed.
func (m *model) usually(k int) bool {
	return k == 0 || k <= len(m.inRow) && float64(m.inRow[k-1]) > withinShare*m.hits
}

// slotSilence returns how often a year k slots in a row are missed, the last of
// them hours after the first.
func (m *model) slotSilence(k int, hours float64) (yearly float64) {
	return m.perYear*m.missAll(k) + m.outages*m.lasts(hours)
}

// renewalSilence is the same for a silence of so many hours, and what share of
// the silences is as long.
func (m *model) renewalSilence(hours float64) (yearly, share float64) {
	if m.regular {
		k := int(hours/m.usual - intervalLate)
		if k < 1 {
			return 1, 1
		}
		yearly = m.slotSilence(k, float64(k-1)*m.usual)
		if m.usually(k) {
			return yearly, 1
		}
		return yearly, 0
	}
	longest := 24.0
	if n := len(m.silences); n > 0 {
		longest = m.silences[n-1]
	}
	for _, t := range m.tails {
		share = max(share, t.beyond(hours))
	}
	if len(m.silences) >= leastSilences {
		// Twice the longest silence is one occasion missed, whatever the tail says.
		share = max(share, m.missAll(int(hours/longest)))
	}
	out := m.outages * m.lasts(hours-longest)
	return m.perYear*share + out, share + out/m.perYear
}

// The turn of the year, when offices and their jobs may pause: from 20 December
// to 6 January.
func turnOfYear(day int64) bool {
	_, month, dom := civil(day)
	return month == 12 && dom >= 20 || month == 1 && dom <= 6
}

// learnYearEnd says whether something is to be expected around the turn of the
// year: only what was seen to act then is.
func (m *model) learnYearEnd(v view) {
	slots, hits := 0, 0
	end := v.base + int64(len(v.status))
	for day, ok := m.rule.next(v.base); ok && day < end; day, ok = m.rule.next(day + 1) {
		if !turnOfYear(day) {
			continue
		}
		switch v.status[day-v.base] {
		case active:
			slots++
			hits++
		case quiet:
			slots++
		}
	}
	m.pauses = slots < 5 || hits*2 < slots
}

// tail is the distribution of the longest silences: what share of them reaches a
// threshold, and by how much they exceed it, in two ways between which the data
// choose.
type tail struct {
	silences  []float64
	threshold float64
	top       float64 // share of silences at the threshold or over it
	// The excess is exponential of a rate, or the ratio a power of an exponent;
	// both of a Gamma distribution.
	expShape, expRate float64
	parShape, parRate float64
	power             float64 // weight of the power law
}

// Beliefs about the tail before anything was seen, and how much of the silences
// it is.
const (
	tailShare    = 3 // a third
	tailLeast    = 3
	tailMost     = 50
	tailExpShape = 1.0
	tailExpUnits = 0.3 // of the median
	tailParShape = 2.0
	tailParRate  = 1.0
	// The odds of a power law before anything was seen.
	tailPowerOdds = 0.25
)

// learnTail takes silences in hours, ascending.
func learnTail(silences []float64) tail {
	n := len(silences)
	k := min(max(n/tailShare, tailLeast), tailMost, n)
	t := tail{silences: silences, threshold: silences[n-k], top: (float64(k) + 0.5) / float64(n+1)}
	median := silences[n/2]
	rate0 := tailExpUnits * median
	sum, logs, jacobian := 0.0, 0.0, 0.0
	for _, g := range silences[n-k:] {
		sum += g - t.threshold
		logs += math.Log(g / t.threshold)
		jacobian += math.Log(g)
	}
	t.expShape, t.expRate = tailExpShape+float64(k), rate0+sum
	t.parShape, t.parRate = tailParShape+float64(k), tailParRate+logs
	exponential := gammaMarginal(tailExpShape, rate0, float64(k), sum)
	power := gammaMarginal(tailParShape, tailParRate, float64(k), logs) - jacobian
	t.power = 1 / (1 + math.Exp(exponential-power)/tailPowerOdds)
	return t
}

// gammaMarginal is the logarithm of the likelihood of n exponential values of a
// sum, their rate being of a Gamma distribution.
func gammaMarginal(shape, rate, n, sum float64) float64 {
	a, _ := math.Lgamma(shape + n)
	b, _ := math.Lgamma(shape)
	return a - b + shape*math.Log(rate) - (shape+n)*math.Log(rate+sum)
}

// beyond is the chance that a silence reaches so many hours.
func (t *tail) beyond(hours float64) float64 {
	if hours <= t.threshold {
		i, _ := slices.BinarySearch(t.silences, hours)
		n := len(t.silences)
		return min(float64(n-i+1)/float64(n+1), 1)
	}
	exponential := math.Pow(t.expRate/(t.expRate+hours-t.threshold), t.expShape)
	power := math.Pow(t.parRate/(t.parRate+math.Log(hours/t.threshold)), t.parShape)
	return t.top * (t.power*power + (1-t.power)*exponential)
}
