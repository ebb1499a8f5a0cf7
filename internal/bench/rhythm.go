package bench

import (
	"fmt"
	"time"
)

// rhythm is when a consumer acts. A run is one piece of work: some events within
// some minutes.
type rhythm struct {
	class RhythmClass
	zone  *time.Location
	// minute is the minute of the civil day, weekday and date what their names say;
	// every is the mean of days between irregular runs.
	minute  int
	weekday time.Weekday
	month   time.Month
	day     int
	every   int
	once    time.Time
	// events is how many a run has at most, or an hour of continuous use.
	events int
	// words make the draws of this rhythm its own.
	words uint64
}

// shape draws the particulars of a rhythm.
func newRhythm(d dice, class RhythmClass, zone *time.Location, words uint64) rhythm {
	r := rhythm{class: class, zone: zone, minute: d.IntN(24 * 60), weekday: time.Weekday(d.IntN(7)), month: time.Month(1 + d.IntN(12)),
		day: 1 + d.IntN(28), every: 3 + d.IntN(12), events: 2 + d.IntN(5), words: words}
	switch class {
	case RhythmNightly, RhythmMonthEnd, RhythmQuarterEnd:
		r.minute = d.IntN(6 * 60) // of the night
		if d.chance(30) {
			r.minute = 2*60 + d.IntN(60) // the hour that clocks jump over
		}
	case RhythmContinuous:
		r.events = 1 + d.IntN(4)
	case RhythmWeekdays:
		r.events = 3 + d.IntN(6)
	}
	return r
}

// period is the longest ordinary time between two uses.
func (r *rhythm) period() time.Duration {
	const day = 24 * time.Hour
	switch r.class {
	case RhythmContinuous:
		return 2 * time.Hour
	case RhythmHourly:
		return time.Hour
	case RhythmNightly:
		return 25 * time.Hour
	case RhythmWeekdays:
		return 4 * day
	case RhythmWeekly:
		return 7 * day
	case RhythmMonthEnd:
		return 31 * day
	case RhythmQuarterEnd:
		return 92 * day
	case RhythmYearly:
		return 366 * day
	case RhythmIrregular:
		return time.Duration(r.every) * 5 * day // e^-5: less than one gap in a hundred is longer
	}
	return 0
}

// truth describes the rhythm.
func (r *rhythm) truth() Rhythm {
	t := Rhythm{Class: r.class, PeriodHours: r.period().Hours()}
	switch r.class {
	case RhythmNightly, RhythmWeekly, RhythmMonthEnd, RhythmQuarterEnd, RhythmYearly:
		t.Zone, t.At = r.zone.String(), fmt.Sprintf("%02d:%02d", r.minute/60, r.minute%60)
	case RhythmWeekdays:
		t.Zone, t.At = r.zone.String(), "08:00–18:00"
	case RhythmHourly:
		t.At = fmt.Sprintf(":%02d", r.minute%60)
	}
	switch r.class {
	case RhythmWeekly:
		t.Day = r.weekday.String()
	case RhythmYearly:
		t.Day = fmt.Sprintf("%02d-%02d", r.month, r.day)
	}
	return t
}

// dates calls fn for the civil dates that share time with a day in UTC.
func (r *rhythm) dates(day time.Time, fn func(date time.Time)) {
	for i := -1; i <= 1; i++ {
		fn(day.AddDate(0, 0, i))
	}
}

// times calls fn for the times of the events of a UTC day that begins at day.
func (r *rhythm) times(day time.Time, fn func(at time.Time)) {
	end := day.AddDate(0, 0, 1)
	within := func(at time.Time) {
		if !at.Before(day) && at.Before(end) {
			fn(at)
		}
	}
	switch r.class {
	case RhythmNever:
	case RhythmContinuous, RhythmHourly:
		for hour := range 24 {
			r.hour(day.Add(time.Duration(hour)*time.Hour), within)
		}
	case RhythmOneOff:
		if !r.once.Before(day) && r.once.Before(end) {
			r.run(r.once, newDice(r.words, 7), within)
		}
	default:
		r.dates(day, func(date time.Time) {
			d := newDice(r.words, uint64(date.Unix()))
			if r.falls(date, d) {
				r.work(date, d, within)
			}
		})
	}
}

// hour makes the events of one hour of a service that never rests.
func (r *rhythm) hour(hour time.Time, fn func(time.Time)) {
	d := newDice(r.words, uint64(hour.Unix()))
	if r.class == RhythmHourly {
		r.run(hour.Add(time.Duration(r.minute%60)*time.Minute+jitter(d, 90*time.Second)), d, fn)
		return
	}
	for range 1 + d.IntN(r.events) {
		fn(hour.Add(time.Duration(d.Int64N(int64(time.Hour)))))
	}
}

// falls reports whether there is work on a civil date. One nightly or weekly run
// in a hundred fails before it does anything.
func (r *rhythm) falls(date time.Time, d dice) bool {
	tomorrow := date.AddDate(0, 0, 1)
	switch r.class {
	case RhythmNightly:
		return !d.chance(1)
	case RhythmWeekdays:
		return date.Weekday() != time.Saturday && date.Weekday() != time.Sunday
	case RhythmWeekly:
		return date.Weekday() == r.weekday && !d.chance(1)
	case RhythmMonthEnd:
		return tomorrow.Day() == 1
	case RhythmQuarterEnd:
		return tomorrow.Day() == 1 && date.Month()%3 == 0
	case RhythmYearly:
		return date.Month() == r.month && date.Day() == r.day
	case RhythmIrregular:
		return d.IntN(r.every) == 0
	}
	return false
}

// work makes the events of one civil date.
func (r *rhythm) work(date time.Time, d dice, fn func(time.Time)) {
	at := func(minute int) time.Time {
		return time.Date(date.Year(), date.Month(), date.Day(), 0, minute, 0, 0, r.zone).UTC()
	}
	switch r.class {
	case RhythmWeekdays:
		for range 1 + d.IntN(r.events) {
			fn(at(8*60 + d.IntN(10*60)).Add(time.Duration(d.IntN(60_000)) * time.Millisecond))
		}
	case RhythmIrregular:
		r.run(at(d.IntN(24*60)), d, fn)
	default:
		r.run(at(r.minute).Add(jitter(d, 4*time.Minute)), d, fn)
	}
}

// run makes the events of one run.
func (r *rhythm) run(start time.Time, d dice, fn func(time.Time)) {
	for range 1 + d.IntN(r.events) {
		fn(start)
		start = start.Add(time.Duration(50+d.IntN(40_000)) * time.Millisecond)
	}
}

func jitter(d dice, most time.Duration) time.Duration { return time.Duration(d.Int64N(int64(most))) }

// firstAfter returns the first event after a time, zero where there is none up
// to the end.
func (r *rhythm) firstAfter(t, end time.Time) time.Time {
	var first time.Time
	for day := midnight(t); day.Before(end) && first.IsZero(); day = day.AddDate(0, 0, 1) {
		r.times(day, func(at time.Time) {
			if at.After(t) && at.Before(end) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		})
	}
	return first
}

// lastBefore returns the last event before a time and not before the start, zero
// where there is none.
func (r *rhythm) lastBefore(t, start time.Time) time.Time {
	var last time.Time
	for day := midnight(t); !day.AddDate(0, 0, 1).Before(start) && last.IsZero(); day = day.AddDate(0, 0, -1) {
		r.times(day, func(at time.Time) {
			if at.Before(t) && !at.Before(start) && at.After(last) {
				last = at
			}
		})
	}
	return last
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
