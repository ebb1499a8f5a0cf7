package rhythm

import "time"

// Span is a stretch of time from From up to, not including, To.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Empty reports whether nothing lies in the span.
func (s Span) Empty() bool { return !s.From.Before(s.To) }

// Length is how long the span is.
func (s Span) Length() time.Duration {
	if s.Empty() {
		return 0
	}
	return s.To.Sub(s.From)
}

// Contains reports whether t lies in the span.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// HourCount says how often something was done in an hour, counted in hours since
// 1970-01-01T00:00Z.
type HourCount struct {
	Hour  int64
	Count uint64
}

// DayCount says how often something was done in each hour of a day (UTC), counted
// in days since 1970-01-01.
type DayCount struct {
	Day   int64
	Hours [24]uint32
}

// MonthCount is what is kept of a month (UTC) long after.
type MonthCount struct {
	Year  int
	Month time.Month
	// Days has bit 0 set where something was done on the first of the month, bit
	// 30 for the 31st.
	Days uint32
	// HourOfWeek counts by time.Weekday times 24 plus the hour.
	HourOfWeek [168]uint32
}

// Series is when an identity or credential acted, as far as is known. The three
// grains must not overlap in time; each is sorted and holds no entry twice.
type Series struct {
	// Window is what the log covers, and Gaps are the stretches in it of which
	// nothing is known. They are never taken for silence.
	Window Span
	Gaps   []Span
	Hours  []HourCount
	Days   []DayCount
	// Months keep no hours of single days: of each active day the hours are taken
	// that are usual for its weekday in that month.
	Months []MonthCount
}

// Ends returns the first and the last hour in which something was done; both are
// zero where nothing was.
func (s Series) Ends() (first, last time.Time) {
	mark := func(from, to int64) {
		if a := hourTime(from); first.IsZero() || a.Before(first) {
			first = a
		}
		if b := hourTime(to); last.IsZero() || b.After(last) {
			last = b
		}
	}
	if n := len(s.Hours); n > 0 {
		mark(s.Hours[0].Hour, s.Hours[n-1].Hour)
	}
	if len(s.Days) > 0 || len(s.Months) > 0 {
		if days := expand(Series{Days: s.Days, Months: s.Months}); len(days) > 0 {
			a, b := ends(days)
			mark(floorDiv(a.Unix(), 3600), floorDiv(b.Unix(), 3600))
		}
	}
	return first, last
}
