package rhythm

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// What a series without a calendar must show to have a rhythm.
const (
	leastSilences   = 4    // silences of more than a day
	leastDays       = 10   // or active days
	intervalSpread  = 0.2  // of the median
	intervalLate    = 0.25 // of the median
	intervalLeast   = 36   // hours
	recentSilences  = 12   // from how many on the later half is judged by itself as well
	burstDays       = 4
	burstQuietTimes = 10
)

// renewal learns the silences of what acts without a calendar.
func (t *fit) renewal() {
	s := make([]float64, len(t.silences))
	for i, h := range t.silences {
		s[i] = float64(h)
	}
	years := t.observed() / hoursPerYear
	m := model{kind: modelRenewal, outShape: outageShape, outRate: outageRate,
		outages: outageCount / (years + outageYears)}
	if n := len(s); n >= recentSilences {
		late := slices.Clone(s[n/2:])
		slices.Sort(late)
		m.tails = append(m.tails, learnTail(late))
	}
	slices.Sort(s)
	regular, missed := regularly(s)
	switch {
	case regular:
		m.regular, m.inRow[0] = true, missed
	case len(s) >= leastSilences:
		m.tails = append(m.tails, learnTail(s))
	case len(t.utc) < leastDays:
		t.tooFew()
		return
	}
	m.misses, m.hits = float64(missed)+missPriorFree, float64(len(s))
	m.silences = s
	m.perYear = max(float64(len(s))/years, 1)
	t.r.Class, t.r.Zone, t.r.Alike = ClassIrregular, "", nil
	if regular {
		t.r.Class = ClassInterval
	}
	m.usual = 24
	if len(s) > 0 {
		m.usual = s[len(s)/2]
	}
	t.r.Every = time.Duration(m.usual) * time.Hour
	t.r.model = m
}

// regularly reports whether silences, ascending, are all of about their median or
// a multiple of it, and how many times were missed in the multiples.
func regularly(s []float64) (regular bool, missed int) {
	n := len(s)
	if n < 2 || s[n/2] < intervalLeast {
		return false, 0
	}
	median, odd, single := s[n/2], 0, 0
	for _, g := range s {
		k := max(math.Round(g/median), 1)
		if math.Abs(g-k*median) > intervalSpread*median {
			odd++
		}
		if k == 1 {
			single++
		}
		missed += int(k) - 1
	}
	if n < 4 {
		return s[n-1]-s[0] <= 0.1*median, 0
	}
	if odd*10 > n || single*10 < 7*n {
		return false, 0
	}
	return true, missed
}

// tooFew sets apart what was done at once from what is only not known yet.
func (t *fit) tooFew() {
	t.r.Class, t.r.Zone, t.r.Alike = ClassUnknown, "", nil
	n := len(t.utc)
	first, last := t.utc[0].day, t.utc[n-1].day
	if last-first < burstDays && (n > 1 || bits.OnesCount32(t.utc[0].mask) > 1) {
		quiet := t.window.To.Sub(t.r.Last)
		if quiet > burstQuietTimes*time.Duration(last-first+1)*24*time.Hour {
			t.r.Class = ClassBurst
		}
	}
}
