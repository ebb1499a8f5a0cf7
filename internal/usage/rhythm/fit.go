package rhythm

import (
	"math/bits"
	"slices"
	"sync"
	"time"
)

// Fitter learns rhythms. It holds the clocks of the zones that it was made with
// and is safe for concurrent use.
type Fitter struct {
	zones   []zone
	scratch sync.Pool
}

// NewFitter returns a fitter that tries UTC and the zones, which are the caller's
// in order of preference: of zones that fit alike the first is named.
func NewFitter(zones ...*time.Location) *Fitter {
	f := &Fitter{zones: []zone{layOut(time.UTC)}}
	for _, l := range zones {
		if l != nil && l != time.UTC && l.String() != "UTC" {
			f.zones = append(f.zones, layOut(l))
		}
	}
	f.scratch.New = func() any { return &scratch{clocks: make([]clock, len(f.zones))} }
	return f
}

// scratch is what a fit writes on and the next one writes over.
type scratch struct {
	clocks []clock
	view   view
	// seen are the views that were fitted already: most zones have the same dates.
	seen []seen
}

type seen struct {
	base int64
	sum  uint64
	n    int
	rule ruled
	ok   bool
}

// fitOnce fits a rule to a view, unless the same was seen on another clock.
func (s *scratch) fitOnce(v view) (ruled, bool) {
	sum := uint64(14695981039346656037)
	for _, d := range v.status {
		sum = (sum ^ uint64(d)) * 1099511628211
	}
	for i := range s.seen {
		if o := &s.seen[i]; o.base == v.base && o.sum == sum && o.n == len(v.status) {
			return o.rule, o.ok
		}
	}
	r, ok := fitRule(v)
	s.seen = append(s.seen, seen{v.base, sum, len(v.status), r, ok})
	return r, ok
}

// Fit learns the rhythm of a series. What lies outside of its Window is used as
// well; an empty Window means from the first to the last hour.
func (f *Fitter) Fit(s Series) Rhythm {
	utc := expand(s)
	if len(utc) == 0 {
		return Rhythm{Class: ClassNone}
	}
	sc := f.scratch.Get().(*scratch)
	defer f.scratch.Put(sc)
	t := &fit{Fitter: f, scratch: sc, utc: utc, gaps: orderly(s.Gaps), window: s.Window}
	t.r.First, t.r.Last = ends(utc)
	t.r.Since = t.r.First
	t.measure()
	if !t.continuous() && !t.calendar() {
		t.renewal()
	}
	t.r.model.phase(t.r.Last.Sub(t.r.Since), t.before)
	return t.r
}

// orderly sorts gaps, joins those that touch, and drops empty ones. It leaves
// its argument as it is.
func orderly(gaps []Span) []Span {
	if len(gaps) == 0 {
		return nil
	}
	out := slices.DeleteFunc(slices.Clone(gaps), Span.Empty)
	slices.SortFunc(out, func(a, b Span) int { return a.From.Compare(b.From) })
	n := 0
	for _, g := range out {
		if n > 0 && !g.From.After(out[n-1].To) {
			if g.To.After(out[n-1].To) {
				out[n-1].To = g.To
			}
			continue
		}
		out[n] = g
		n++
	}
	return out[:n]
}

// fit is one fit under way.
type fit struct {
	*Fitter
	scratch *scratch
	utc     []dayMask
	gaps    []Span
	window  Span
	r       Rhythm

	// before is the longest silence before the present rhythm was taken up.
	before time.Duration
	hours  int // active hours
	runs   int // runs of active hours that follow each other
	// silences are the hours between one active hour and the next, where more than
	// a day lies between and nothing of it is unknown.
	silences []int64
	// steps counts the distances of up to a day from one active hour to the next.
	steps [25]int
}

// measure goes through the hours once.
func (t *fit) measure() {
	prev := int64(-1 << 40)
	var longest int64
	for _, d := range t.utc {
		t.hours += bits.OnesCount32(d.mask)
		for m := d.mask; m != 0; m &= m - 1 {
			h := d.day*24 + int64(bits.TrailingZeros32(m))
			step := h - prev
			prev = h
			if step == 1 {
				t.steps[1]++
				continue
			}
			t.runs++
			if t.runs == 1 || t.blind(h-step, h) {
				continue
			}
			longest = max(longest, step)
			if step > 24 {
				t.silences = append(t.silences, step)
			} else {
				t.steps[step]++
			}
		}
	}
	t.r.Longest = time.Duration(max(longest-1, 0)) * time.Hour
}

// blind reports whether something between two hours is unknown.
func (t *fit) blind(from, to int64) bool {
	for _, g := range t.gaps {
		if g.From.Unix() < to*3600 && g.To.Unix() > (from+1)*3600 {
			return true
		}
	}
	return false
}

// observed is the time from the first hour to the last of which something is
// known, in hours.
func (t *fit) observed() float64 {
	return known(Span{From: t.r.First, To: t.r.Last.Add(time.Hour)}, t.gaps).Hours()
}

// What makes a series continuous: it acts in that share of the hours, and long
// enough that it is no single piece of work.
const (
	continuousShare = 0.75
	continuousHours = 72
)

// continuous recognises what acts in nearly every hour.
func (t *fit) continuous() bool {
	if t.hours < continuousHours || float64(t.hours) < continuousShare*t.observed() {
		return false
	}
	c := clock{zone: &t.zones[0], days: t.utc}
	v := look(&c, t.gaps, t.scratch.view)
	t.scratch.view = v
	r := DayRule{Kind: DaysEvery}
	fitted := v.measure(r)
	t.r.Class, t.r.Days, t.r.Every = ClassContinuous, r, time.Hour
	t.r.model = calendarModel(&c, v, fitted, 24)
	t.r.slotsOf(fitted)
	return true
}

func (r *Rhythm) slotsOf(f ruled) { r.Slots, r.Missed, r.Extra = f.slots, f.slots-f.hits, f.extra }

// denseHours is from how many hours a day on the hour of the first says nothing about
// the zone.
const denseHours = 16

// zoneGain is by how much another zone than UTC must be likelier to be named,
// and zoneAlike by how much less likely one is that fits as well.
const (
	zoneGain        = 3
	zoneGainByDates = 10 // where the hours say nothing
	zoneAlike       = 1
	tellingSlots    = 10 // from how many slots on the hours say something
)

// calendar recognises what acts on certain days.
func (t *fit) calendar() bool {
	if len(t.utc) < 2 {
		return false
	}
	ch := t.choose()
	c := &t.scratch.clocks[max(ch.best, 0)]
	v := look(c, t.gaps, t.scratch.view)
	t.scratch.view = v
	fitted := ch.fitted
	if ch.everyDay && ch.best > 0 {
		fitted, _ = fitRule(v)
	}
	if ch.best < 0 {
		// No rhythm over the whole; there may be one since a while.
		fitted = ruled{score: calm(v.counts())}
	}
	if v, fitted = t.sinceChange(v, fitted); fitted.rule.Kind == DaysNone {
		return false
	}
	t.nameZone(max(ch.best, 0), ch.scores)
	t.schedule(c, v, fitted)
	if t.r.Since.After(t.r.First) {
		t.r.model.outages *= changedOutages
	}
	return true
}

// choice is the clock on which a series is most likely.
type choice struct {
	best     int // -1: a rule fits on none
	fitted   ruled
	everyDay bool // it acts every day, on whichever clock
	scores   []float64
}

// choose looks at the series on each clock. Where it acts every day the dates say
// nothing, and where it keeps no hours they do not.
func (t *fit) choose() choice {
	clocks := t.scratch.clocks
	n := len(clocks)
	t.scratch.seen = t.scratch.seen[:0]
	if t.hours > denseHours*len(t.utc) {
		n = 1
	}
	ch := choice{best: -1, scores: make([]float64, n)}
	hours := false
	for i := range n {
		like := t.like(i)
		if like >= 0 && ch.everyDay {
			ch.scores[i] = ch.scores[like]
			continue
		}
		c := &clocks[i]
		*c = see(&t.zones[i], t.utc, c.days)
		if i == 0 {
			hours = c.keepsHours()
		} else if like >= 0 {
			c.score = clocks[like].score
		}
		if hours {
			ch.scores[i] = c.score
		}
		r, ok := ch.fitted, ch.everyDay
		if !ok {
			t.scratch.view = look(c, t.gaps, t.scratch.view)
			r, ok = t.scratch.fitOnce(t.scratch.view)
			ch.everyDay = i == 0 && ok && r.rule.Kind == DaysEvery
		}
		if !ok {
			ch.scores[i] = impossible
			continue
		}
		ch.scores[i] += r.score
		if ch.best < 0 || ch.scores[i] > ch.scores[ch.best]+gain(ch.best, hours && r.slots >= tellingSlots) {
			ch.best, ch.fitted = i, r
		}
	}
	return ch
}

// impossible is the score of a clock on which no rule fits.
const impossible = -1e9

// like returns the first zone before the i-th that ticks alike, and -1 if none
// does.
func (t *fit) like(i int) int {
	for k := range i {
		if tickAlike(&t.zones[k], &t.zones[i], t.utc) {
			return k
		}
	}
	return -1
}

// gain is by how much another zone must be likelier than the best before it, and
// hours whether the hours tell zones apart.
func gain(best int, hours bool) float64 {
	switch {
	case best != 0:
		return 1e-6 // the caller's order decides among equals
	case hours:
		return zoneGain
	}
	return zoneGainByDates
}

// nameZone names the zone that was chosen and those that fit alike.
func (t *fit) nameZone(best int, scores []float64) {
	t.r.Zone = t.zones[best].name
	for i, s := range scores {
		if i != best && s > scores[best]-zoneAlike {
			t.r.Alike = append(t.r.Alike, t.zones[i].name)
		}
	}
}

// leastRecent is how many active days a new rhythm must have to be one, and
// changeGain by how much two rhythms must be likelier than one.
const (
	leastRecent = 6
	changeGain  = 8
)

// sinceChange looks for a change of rhythm, and returns the view since then with
// the rule that fits it: none if what came after has no calendar.
func (t *fit) sinceChange(v view, whole ruled) (view, ruled) {
	if whole.hits*20 >= whole.slots*19 && whole.extra*20 <= whole.slots && whole.slots > 0 {
		return v, whole // too good to hide another
	}
	bestAt, best, bestScore := 0, whole, whole.score+changeGain
	for k := 1; k < 8; k++ {
		i := len(v.dates) * k / 8
		if i < leastRecent || len(v.dates)-i < leastRecent {
			continue
		}
		later, ok := fitRule(v.from(i))
		earlier, had := fitRule(v.upTo(i))
		if ok && had && later.rule == earlier.rule {
			continue // an outage or a better time, and the same rhythm
		}
		if !had {
			earlier.score = calm(v.upTo(i).counts())
		}
		if !ok {
			later = ruled{score: calm(v.from(i).counts())}
		}
		if s := earlier.score + later.score; s > bestScore {
			bestAt, best, bestScore = i, later, s
		}
	}
	if bestAt == 0 {
		return v, whole
	}
	since := v.from(bestAt)
	t.r.Since = time.Unix(since.base*86400, 0).UTC()
	t.forget()
	return since, best
}

// forget leaves out what was before the present rhythm.
func (t *fit) forget() {
	day := floorDiv(t.r.Since.Unix(), 86400) - 1
	i, _ := slices.BinarySearchFunc(t.utc, day, func(d dayMask, day int64) int { return int(d.day - day) })
	longest := t.r.Longest
	t.before = longest
	t.utc, t.hours, t.runs, t.silences, t.steps = t.utc[i:], 0, 0, nil, [25]int{}
	t.measure()
	t.r.Longest = max(longest, t.r.Longest)
}
