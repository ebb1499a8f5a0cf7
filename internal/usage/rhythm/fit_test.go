package rhythm

import (
	"math"
	"math/bits"
	"slices"
	"testing"
	"time"
)

var fitter = NewFitter(DefaultZones()...) //nolint:gochecknoglobals // read only

// at is a series of moments in a zone.
func at(moments ...time.Time) Series {
	var hours []int64
	for _, m := range moments {
		hours = append(hours, floorDiv(m.Unix(), 3600))
	}
	slices.Sort(hours)
	s := Series{}
	for _, h := range slices.Compact(hours) {
		s.Hours = append(s.Hours, HourCount{h, 1})
	}
	return s
}

// on are the moments at which a rule names a day, at an hour of a zone.
func on(rule DayRule, zone string, hour, days int) []time.Time {
	z, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	var out []time.Time
	base := dayOf(2024, 1, 1)
	for d, ok := rule.next(base); ok && d < base+int64(days); d, ok = rule.next(d + 1) {
		y, m, dom := civil(d)
		out = append(out, time.Date(y, time.Month(m), dom, hour, 20, 0, 0, z))
	}
	return out
}

func TestWords(t *testing.T) {
	every := DayRule{Kind: DaysEvery}
	tests := []struct {
		words string
		class Class
		s     Series
	}{
		{"never seen to act", ClassNone, Series{}},
		{"seen too few times to know a rhythm", ClassUnknown, at(on(every, "UTC", 2, 1)...)},
		{"every day from 02:00 UTC", ClassDaily, at(on(every, "UTC", 2, 300)...)},
		{"every day from 02:00 Europe/Berlin", ClassDaily, at(on(every, "Europe/Berlin", 2, 300)...)},
		{"every day from 23:00 America/New_York", ClassDaily, at(on(every, "America/New_York", 23, 365)...)},
		{"every day from 05:00 Australia/Sydney", ClassDaily, at(on(every, "Australia/Sydney", 5, 365)...)},
		{"every day from 06:00 and 18:00 Europe/Berlin", ClassSeveral,
			at(append(on(every, "Europe/Berlin", 6, 300), on(every, "Europe/Berlin", 18, 300)...)...)},
		{"from Monday to Friday from 07:00 Europe/Berlin", ClassWeekdays,
			at(on(DayRule{Kind: DaysWeek, Weekdays: mondayToFriday}, "Europe/Berlin", 7, 300)...)},
		{"every Monday and Thursday from 12:00 UTC", ClassWeekly,
			at(on(DayRule{Kind: DaysWeek, Weekdays: 1<<1 | 1<<4}, "UTC", 12, 200)...)},
		{"every Sunday from 03:00 UTC", ClassWeekly, at(on(DayRule{Kind: DaysWeek, Weekdays: 1}, "UTC", 3, 90)...)},
		{"on the 1st day of the month from 04:00 UTC", ClassMonthly, at(on(DayRule{Kind: DaysOfMonth, N: 1}, "UTC", 4, 365)...)},
		{"on the 15th day of the month from 04:00 UTC", ClassMonthly, at(on(DayRule{Kind: DaysOfMonth, N: 15}, "UTC", 4, 365)...)},
		{"on the last day of the month from 22:00 UTC", ClassMonthEnd, at(on(DayRule{Kind: DaysOfMonth, N: -1}, "UTC", 22, 365)...)},
		{"on the last working day of the month from 17:00 UTC", ClassMonthEnd,
			at(on(DayRule{Kind: DaysWorking, N: -1}, "UTC", 17, 365)...)},
		{"on the 2nd Tuesday of the month from 17:00 UTC", ClassMonthly,
			at(on(DayRule{Kind: DaysNth, Weekdays: 1 << 2, N: 2}, "UTC", 17, 365)...)},
		{"on the last day of the quarter from 20:00 UTC", ClassQuarterly,
			at(on(DayRule{Kind: DaysOfMonth, N: -1, Months: quarterEnd}, "UTC", 20, 800)...)},
		{"on the 3rd day of June from 20:00 UTC", ClassYearly,
			at(on(DayRule{Kind: DaysOfMonth, N: 3, Months: 1 << 5}, "UTC", 20, 1200)...)},
	}
	for _, c := range tests {
		r := fitter.Fit(c.s)
		words := r.String()
		if r.Class == ClassSeveral {
			words = r.Days.String() + r.clockWords()
		}
		if words != c.words || r.Class != c.class {
			t.Errorf("got %s: %q, want %s: %q (alike %v)", r.Class, words, c.class, c.words, r.Alike)
		}
	}
}

// TestContinuous takes a year of every hour.
func TestContinuous(t *testing.T) {
	var moments []time.Time
	for h := range 5000 {
		moments = append(moments, epoch.Add(time.Duration(h)*time.Hour))
	}
	r := fitter.Fit(at(moments...))
	if r.Class != ClassContinuous || r.String() != "all the time" || r.Missed != 0 {
		t.Errorf("got %+v", r)
	}
	last := moments[len(moments)-1]
	if due, latest := r.Next(last.Add(30 * time.Minute)); !due.Equal(last.Add(time.Hour)) || latest.Before(last.Add(24*time.Hour)) {
		t.Errorf("due %s, latest %s", due, latest)
	}
}

// TestBurst sets work that was done at once apart.
func TestBurst(t *testing.T) {
	s := at(epoch, epoch.Add(time.Hour), epoch.Add(30*time.Hour))
	s.Window = Span{epoch, epoch.AddDate(0, 6, 0)}
	r := fitter.Fit(s)
	c := Silence(r, r.Last, s.Window.To, nil)
	if r.Class != ClassBurst || c.Known || c.Needs < 365*24*time.Hour {
		t.Errorf("got %s, %+v", r.Class, c)
	}
}

// TestAlike names the zones that a log cannot tell apart: without a clock change
// in it, all.
func TestAlike(t *testing.T) {
	r := fitter.Fit(at(on(DayRule{Kind: DaysEvery}, "UTC", 12, 60)...))
	if r.Zone != "UTC" || !slices.Contains(r.Alike, "Europe/Berlin") {
		t.Errorf("zone %s, alike %v", r.Zone, r.Alike)
	}
	r = fitter.Fit(at(on(DayRule{Kind: DaysEvery}, "Europe/London", 12, 365)...))
	if r.Zone != "Europe/Berlin" || !slices.Contains(r.Alike, "Europe/London") || slices.Contains(r.Alike, "America/New_York") {
		t.Errorf("zone %s, alike %v", r.Zone, r.Alike)
	}
	own := NewFitter(mustZone("Europe/London"), mustZone("Europe/Berlin"))
	if r := own.Fit(at(on(DayRule{Kind: DaysEvery}, "Europe/London", 12, 365)...)); r.Zone != "Europe/London" {
		t.Errorf("zone %s, want the caller's first", r.Zone)
	}
}

// TestNext follows a clock change: 02:30 in Berlin is 01:30 UTC in winter and
// 00:30 in summer.
func TestNext(t *testing.T) {
	r := fitter.Fit(at(on(DayRule{Kind: DaysEvery}, "Europe/Berlin", 4, 365)...))
	for _, c := range []struct{ after, due string }{
		{"2025-01-10T03:20:00Z", "2025-01-11T03:00:00Z"},
		{"2025-03-29T03:20:00Z", "2025-03-30T02:00:00Z"},
		{"2025-10-25T02:20:00Z", "2025-10-26T03:00:00Z"},
	} {
		after, _ := time.Parse(time.RFC3339, c.after)
		due, latest := r.Next(after)
		if due.Format(time.RFC3339) != c.due || !latest.After(due) {
			t.Errorf("after %s: due %s, latest %s, want %s", c.after, due.Format(time.RFC3339), latest, c.due)
		}
	}
}

// TestNextIsWithin holds that Silence leaves the rhythm where Next says.
func TestNextIsWithin(t *testing.T) {
	for k, g := range generators() {
		for i := range 10 {
			days := g.days[i%len(g.days)]
			r := fitter.Fit(g.live(5, 100*k+i, days).series(epoch.AddDate(0, 0, days)))
			due, latest := r.Next(r.Last)
			if latest.IsZero() {
				continue
			}
			before := Silence(r, r.Last, latest.Add(-2*time.Hour), nil)
			after := Silence(r, r.Last, latest.Add(2*time.Hour), nil)
			if !before.Within || after.Within || due.After(latest) {
				t.Errorf("%s: %s: last %s, due %s, latest %s: within %v before and %v after", g.name, r, r.Last, due, latest,
					before.Within, after.Within)
			}
		}
	}
}

// TestGapsAreNoSilence: what a gap hides is neither missed nor silent.
func TestGapsAreNoSilence(t *testing.T) {
	moments := on(DayRule{Kind: DaysEvery}, "UTC", 2, 300)
	hole := Span{moments[100].Add(-time.Hour), moments[140].Add(time.Hour)}
	s := at(slices.DeleteFunc(slices.Clone(moments), hole.Contains)...)
	with, without := s, s
	with.Gaps = []Span{hole}
	known, blind := fitter.Fit(without), fitter.Fit(with)
	if blind.Missed != 0 || known.Missed < 40 || blind.Longest > 48*time.Hour {
		t.Errorf("missed %d with the gap and %d without, longest silence %s", blind.Missed, known.Missed, blind.Longest)
	}
	last := blind.Last
	after := Span{last.Add(time.Hour), last.AddDate(0, 0, 50)}
	c := Silence(blind, last, last.AddDate(0, 0, 51), []Span{after})
	if c.Missed > 1 || c.Silence > 26*time.Hour || c.Level > 0 {
		t.Errorf("in a gap: %+v", c)
	}
}

// TestShortHistory: what was seen for a fortnight is never surely stopped.
func TestShortHistory(t *testing.T) {
	r := fitter.Fit(at(on(DayRule{Kind: DaysEvery}, "UTC", 2, 14)...))
	c := Silence(r, r.Last, r.Last.AddDate(2, 0, 0), nil)
	if !c.Known || c.Level >= 0.95 || c.Limit >= 0.95 || c.Needs == 0 {
		t.Errorf("got %+v", c)
	}
}

// TestChange follows the rhythm that holds now.
func TestChange(t *testing.T) {
	before := on(DayRule{Kind: DaysEvery}, "UTC", 2, 200)
	weekly := on(DayRule{Kind: DaysWeek, Weekdays: 1 << 3}, "UTC", 2, 400)
	moved := slices.DeleteFunc(weekly, func(m time.Time) bool { return m.Before(before[199]) })
	r := fitter.Fit(at(append(before, moved...)...))
	if r.Class != ClassWeekly || !r.Since.After(before[150]) {
		t.Errorf("got %s since %s: %s", r.Class, r.Since, r)
	}
}

// TestGrains: days keep all that hours do, and months the days.
func TestGrains(t *testing.T) {
	moments := on(DayRule{Kind: DaysWeek, Weekdays: mondayToFriday}, "Europe/Berlin", 7, 366)
	hours := at(moments...)
	var byDay, byMonth Series
	for _, d := range expand(hours) {
		dc := DayCount{Day: d.day}
		y, m, dom := civil(d.day)
		if n := len(byMonth.Months); n == 0 || byMonth.Months[n-1].Month != time.Month(m) {
			byMonth.Months = append(byMonth.Months, MonthCount{Year: y, Month: time.Month(m)})
		}
		mc := &byMonth.Months[len(byMonth.Months)-1]
		mc.Days |= 1 << (dom - 1)
		for b := d.mask; b != 0; b &= b - 1 {
			dc.Hours[bits.TrailingZeros32(b)]++
			mc.HourOfWeek[weekday(d.day)*24+bits.TrailingZeros32(b)]++
		}
		byDay.Days = append(byDay.Days, dc)
	}
	want := fitter.Fit(hours)
	if got := fitter.Fit(byDay); got.String() != want.String() || got.Slots != want.Slots || got.First != want.First {
		t.Errorf("by day %s, by hour %s", got, want)
	}
	if got := fitter.Fit(byMonth); got.Class != want.Class || got.Slots != want.Slots {
		t.Errorf("by month %s, by hour %s", got, want)
	}
	first, last := byDay.Ends()
	if a, b := hours.Ends(); !a.Equal(first) || !b.Equal(last) {
		t.Errorf("ends %s %s, want %s %s", first, last, a, b)
	}
	half := Series{Months: byMonth.Months[:6], Hours: slices.DeleteFunc(slices.Clone(hours.Hours), func(h HourCount) bool {
		return hourTime(h.Hour).Month() < time.July
	})}
	if got := fitter.Fit(half); got.Class != want.Class || got.Slots != want.Slots {
		t.Errorf("half by month %s, by hour %s", got, want)
	}
}

// TestAbsurdTimes leaves out what no log can have seen.
func TestAbsurdTimes(t *testing.T) {
	s := Series{Hours: []HourCount{{math.MinInt64, 1}, {-5, 1}, {24 * 20000, 1}, {24 * farDay, 1}, {math.MaxInt64, 1}}}
	if r := fitter.Fit(s); !r.First.Equal(r.Last) || !r.First.Equal(time.Unix(86400*20000, 0)) {
		t.Errorf("from %s to %s", r.First, r.Last)
	}
	if dayOf(2100, 1, 1) != farDay {
		t.Errorf("2100 begins on day %d", dayOf(2100, 1, 1))
	}
}

// FuzzFit holds that no series makes a fit fail, and that what comes out is sane.
func FuzzFit(f *testing.F) {
	f.Add([]byte{1, 24, 24, 24, 24}, int64(480000), uint16(90), uint16(3))
	f.Add([]byte{200, 0, 7, 7}, int64(300000), uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, steps []byte, start int64, gapAt, gapLength uint16) {
		s := Series{}
		h := start
		for _, step := range steps {
			h += int64(step) * int64(step) / 8
			s.Hours = append(s.Hours, HourCount{h, 1})
		}
		from := hourTime(start % (farDay * 24)).Add(time.Duration(gapAt) * time.Hour)
		s.Gaps = []Span{{from, from.Add(time.Duration(gapLength) * time.Hour)}}
		r := fitter.Fit(s)
		if r.Missed > r.Slots || r.Last.Before(r.First) || r.String() == "" {
			t.Fatalf("%+v", r)
		}
		before := 0.0
		for _, d := range []int{0, 1, 5, 30, 400, 4000} {
			c := Silence(r, r.Last, r.Last.AddDate(0, 0, d), s.Gaps)
			if c.Level < before || c.Level < 0 || c.Level > 1 || math.IsNaN(c.Level) || math.Abs(c.Level+c.Error-1) > 1e-9 {
				t.Fatalf("after %d days %+v, before that %g; %s", d, c, before, r)
			}
			before = c.Level
		}
		if due, latest := r.Next(r.Last); latest.Before(due) {
			t.Fatalf("due %s, latest %s", due, latest)
		}
	})
}

// TestCalendar compares the day arithmetic with the library's.
func TestCalendar(t *testing.T) {
	for d := dayOf(1968, 1, 1); d < dayOf(2101, 1, 1); d++ {
		at := time.Unix(d*86400, 0).UTC()
		y, m, dom := civil(d)
		if y != at.Year() || time.Month(m) != at.Month() || dom != at.Day() || weekday(d) != int(at.Weekday()) || dayOf(y, m, dom) != d {
			t.Fatalf("day %d: %d-%d-%d weekday %d, want %s", d, y, m, dom, weekday(d), at)
		}
	}
}

// TestZones compares the laid out clocks with the library's.
func TestZones(t *testing.T) {
	for _, l := range DefaultZones() {
		z := layOut(l)
		for at := time.Date(1995, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() < 2060; at = at.Add(37 * time.Hour) {
			if _, off := at.In(l).Zone(); z.offset[z.at(at.Unix())] != int64(off) {
				t.Fatalf("%s at %s: %d, want %d", l, at, z.offset[z.at(at.Unix())], off)
			}
		}
	}
	if n := len(DefaultZones()); n != 13 {
		t.Errorf("%d zones, want 13", n)
	}
}
