package rhythm

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// history is a generated identity: the hours in which it acts for as long as it
// lives, and what the log does not show.
type history struct {
	hours []int64
	gaps  []Span
	zone  string
	rule  DayRule
}

var epoch = time.Date(2023, 3, 11, 0, 0, 0, 0, time.UTC)

// generator makes histories of one class.
type generator struct {
	name string
	// days are the lengths of log that it is judged on.
	days []int
	// want are the classes that count as recognised.
	want []Class
	make func(g *source, days int) []float64 // hours since epoch, in any order
}

// source is the randomness of one identity, with its habits.
type source struct {
	*rand.Rand
	zone   *time.Location
	hour   float64 // of its clock
	jitter float64 // hours
	miss   float64
	rule   DayRule
}

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func newSource(seed uint64, i int) *source {
	s := &source{Rand: rand.New(rand.NewPCG(seed, uint64(i)))} //nolint:gosec // a test's own randomness
	zones := []string{"UTC", "UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney"}
	s.zone = mustZone(zones[s.IntN(len(zones))])
	s.hour = float64(s.IntN(24)) + s.Float64()
	s.jitter = []float64{0.01, 0.1, 0.5}[s.IntN(3)]
	switch u := s.Float64(); {
	case u < 0.6:
	case u < 0.9:
		s.miss = 0.03 * s.Float64()
	default:
		s.miss = 0.03 + 0.07*s.Float64()
	}
	return s
}

// at returns the hour since epoch at which the zone's clock shows an hour of a
// day.
func (s *source) at(day int64, hour float64) float64 {
	t := time.Unix(day*86400, 0).UTC()
	local := time.Date(t.Year(), t.Month(), t.Day(), int(hour), int(60*(hour-math.Floor(hour))), 0, 0, s.zone)
	return local.Sub(epoch).Hours() + s.jitter*s.NormFloat64()
}

// on makes the times of a day rule.
func (s *source) on(rule DayRule, days int, hours ...float64) []float64 {
	s.rule = rule
	var out []float64
	base := epoch.Unix() / 86400
	for d, ok := rule.next(base + 1); ok && d < base+int64(days); d, ok = rule.next(d + 1) {
		for _, h := range hours {
			if s.Float64() >= s.miss {
				out = append(out, s.at(d, h))
			}
		}
	}
	return out
}

func every(step float64) func(*source, int) []float64 {
	return func(s *source, days int) []float64 {
		var out []float64
		for h := 1 + s.Float64()*step; h < float64(days)*24; h += step {
			if s.Float64() >= s.miss {
				out = append(out, h+min(s.jitter, 0.2)*s.NormFloat64())
			}
		}
		return out
	}
}

// renewal makes times at random distances of a mean number of days.
func renewal(mean float64, draw func(*source) float64) func(*source, int) []float64 {
	return func(s *source, days int) []float64 {
		var out []float64
		m := mean * (0.5 + s.Float64())
		for h := 24.0; h < float64(days)*24; h += 24 * m * draw(s) {
			out = append(out, h)
		}
		return out
	}
}

func exponential(s *source) float64 { return s.ExpFloat64() }

// heavy is log-normal with mean one.
func heavy(s *source) float64 { return math.Exp(s.NormFloat64() - 0.5) }

func monthly(rules ...DayRule) func(*source, int) []float64 {
	return func(s *source, days int) []float64 { return s.on(rules[s.IntN(len(rules))], days, s.hour) }
}

const quarterEnd = 0b100100100100

// generators are the classes on which the confidence is calibrated.
func generators() []generator {
	all := DayRule{Kind: DaysEvery}
	office := DayRule{Kind: DaysWeek, Weekdays: mondayToFriday}
	return []generator{
		{"hourly", []int{60, 180, 365}, []Class{ClassContinuous}, every(1)},
		{"every six hours", []int{60, 180, 365}, []Class{ClassSeveral}, every(6)},
		{"three times a day", []int{60, 180, 365}, []Class{ClassSeveral}, func(s *source, days int) []float64 {
			return s.on(all, days, 6, 12, 18.5)
		}},
		{"nightly", []int{60, 180, 365, 730}, []Class{ClassDaily}, func(s *source, days int) []float64 {
			return s.on(all, days, s.hour)
		}},
		{"nightly, changed", []int{180, 365, 730}, []Class{ClassDaily, ClassWeekdays}, func(s *source, days int) []float64 {
			cut := (0.2 + 0.5*s.Float64()) * float64(days) * 24
			before, after := s.on(all, days, s.hour), s.on([]DayRule{all, office}[s.IntN(2)], days, math.Mod(s.hour+3, 24))
			return append(slices.DeleteFunc(before, func(h float64) bool { return h >= cut }),
				slices.DeleteFunc(after, func(h float64) bool { return h < cut })...)
		}},
		{"working days, once", []int{90, 180, 365, 730}, []Class{ClassWeekdays}, func(s *source, days int) []float64 {
			return s.pause(s.on(office, days, s.hour))
		}},
		{"working hours", []int{90, 180, 365, 730}, []Class{ClassWeekdays}, func(s *source, days int) []float64 {
			s.miss = max(s.miss, 0.3)
			return s.pause(s.on(office, days, 9, 10, 11, 12, 13, 14, 15, 16, 17))
		}},
		{"weekly", []int{120, 365, 730}, []Class{ClassWeekly}, func(s *source, days int) []float64 {
			return s.on(DayRule{Kind: DaysWeek, Weekdays: 1 << s.IntN(7)}, days, s.hour)
		}},
		{"every two weeks", []int{180, 365, 730}, []Class{ClassInterval}, every(14 * 24)},
		{"monthly", []int{365, 730}, []Class{ClassMonthly}, monthly(DayRule{Kind: DaysOfMonth, N: 1},
			DayRule{Kind: DaysOfMonth, N: 15}, DayRule{Kind: DaysNth, Weekdays: 1 << 2, N: 2},
			DayRule{Kind: DaysWorking, N: 1}, DayRule{Kind: DaysOfMonthMoved, N: 10})},
		{"month-end", []int{365, 730}, []Class{ClassMonthEnd}, monthly(DayRule{Kind: DaysOfMonth, N: -1},
			DayRule{Kind: DaysWorking, N: -1})},
		{"quarter-end", []int{730, 1096}, []Class{ClassQuarterly}, monthly(
			DayRule{Kind: DaysOfMonth, N: -1, Months: quarterEnd}, DayRule{Kind: DaysWorking, N: -1, Months: quarterEnd})},
		{"yearly", []int{1500, 2000}, []Class{ClassYearly, ClassInterval}, monthly(DayRule{Kind: DaysOfMonth, N: 3, Months: 1 << 5})},
		{"irregular, a week", []int{180, 365, 730}, []Class{ClassIrregular, ClassInterval}, renewal(7, exponential)},
		{"irregular, heavy", []int{365, 730}, []Class{ClassIrregular, ClassInterval}, renewal(9, heavy)},
		{"irregular, often", []int{180, 365, 730}, []Class{ClassIrregular, ClassDaily, ClassSeveral}, renewal(0.6, exponential)},
		{"phases", []int{365, 730}, []Class{ClassIrregular, ClassBurst, ClassUnknown, ClassQuarterly}, phases},
	}
}

// phases works hard for some days in each quarter and rests between.
func phases(s *source, days int) []float64 {
	var out []float64
	length := 2 + s.Float64()*10
	for d := 5 + s.Float64()*60; d < float64(days); d += 91 + 10*s.NormFloat64() {
		for h := 0.0; h < length*24; h += s.ExpFloat64() * 4 {
			out = append(out, d*24+h)
		}
	}
	return out
}

// pause leaves out public holidays, and for half of them the turn of the year.
func (s *source) pause(hours []float64) []float64 {
	off := map[int64]bool{}
	for range 30 {
		off[int64(s.IntN(4*365))] = true
	}
	turn := s.IntN(2) == 0
	return slices.DeleteFunc(hours, func(h float64) bool {
		t := epoch.Add(time.Duration(h * float64(time.Hour)))
		_, month, dom := t.Date()
		return off[int64(h/24)] || turn && (month == 12 && dom >= 23 || month == 1 && dom <= 3)
	})
}

// outages removes what a host or network that was down kept from happening.
func (s *source) outages(hours []float64, days int) []float64 {
	rate := []float64{0, 0, 0.3, 0.5, 1.5}[s.IntN(5)] / 365
	if rate == 0 {
		return hours
	}
	for d := s.ExpFloat64() / rate; d < float64(days); d += s.ExpFloat64() / rate {
		length := min(0.75*math.Exp(s.NormFloat64()), 14)
		hours = slices.DeleteFunc(hours, func(h float64) bool { return h >= d*24 && h < (d+length)*24 })
	}
	return hours
}

// live makes an identity that acts for days and stays in use.
func (g generator) live(seed uint64, i, days int) history {
	s := newSource(seed, i)
	times := s.outages(g.make(s, days), days)
	if rate := []float64{0, 0, 0, 0.2, 1}[s.IntN(5)]; rate > 0 { // runs by hand
		for d := s.ExpFloat64() * 30 / rate; d < float64(days); d += s.ExpFloat64() * 30 / rate {
			times = append(times, d*24)
		}
	}
	h := history{zone: s.zone.String(), rule: s.rule}
	for range []int{0, 0, 0, 1, 2}[s.IntN(5)] {
		from := epoch.Add(time.Duration(s.IntN(days*24)) * time.Hour)
		h.gaps = append(h.gaps, Span{from, from.Add(time.Duration(1+s.IntN(8*24)) * time.Hour)})
	}
	h.gaps = orderly(h.gaps)
	for _, x := range times {
		if x < 0 {
			continue
		}
		at := epoch.Add(time.Duration(x * float64(time.Hour)))
		if !slices.ContainsFunc(h.gaps, func(g Span) bool { return g.Contains(at) }) {
			h.hours = append(h.hours, floorDiv(at.Unix(), 3600))
		}
	}
	slices.Sort(h.hours)
	h.hours = slices.Compact(h.hours)
	return h
}

// series is the history up to a moment.
func (h history) series(until time.Time) Series {
	s := Series{Window: Span{epoch, until}}
	for _, x := range h.hours {
		if x*3600 >= until.Unix() {
			break
		}
		s.Hours = append(s.Hours, HourCount{x, 1})
	}
	for _, g := range h.gaps {
		if g.From.Before(until) {
			s.Gaps = append(s.Gaps, g)
		}
	}
	return s
}
