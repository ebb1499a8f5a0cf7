package rhythm

import (
	"math"
	"time"
)

// mostSlots is how many missed slots are counted before it is enough.
const mostSlots = 128

// sureLevel is the confidence that Needs is about.
const sureLevel = 0.99

// slot is an expected time.
type slot struct {
	due, late time.Time
}

// slotOn returns the slot of a date.
func (m *model) slotOn(date int64) slot {
	day := date - m.shift
	begin := int64(0)
	if len(m.windows) > 0 {
		begin = m.windows[0]
	}
	return slot{due: m.zone.wall(day, int(m.cut+begin)), late: m.zone.wall(day, int(m.cut+m.deadline))}
}

// dateOf returns the date to whose working day a moment belongs.
func (m *model) dateOf(at time.Time) int64 {
	sec := at.Unix()
	return floorDiv(floorDiv(sec, 3600)+m.zone.hours(sec)-m.cut, 24) + m.shift
}

// expect returns the first slot on date or after.
func (m *model) expect(date int64) (slot, int64, bool) {
	for range 40 {
		d, ok := m.rule.next(date)
		if !ok {
			break
		}
		if !m.pauses || !turnOfYear(d) {
			return m.slotOn(d), d, true
		}
		date = d + 1
	}
	return slot{}, 0, false
}

// Next returns when the identity should act again after it acted at after, and
// by when its silence would leave the rhythm. Both are zero where the rhythm is
// not known.
func (r Rhythm) Next(after time.Time) (due, latest time.Time) {
	m := &r.model
	switch m.kind {
	case modelCalendar:
		return m.nextSlot(after, r.Class == ClassContinuous)
	case modelRenewal:
		return after.Add(r.Every).UTC(), after.Add(m.latest()).UTC()
	}
	return time.Time{}, time.Time{}
}

func (m *model) nextSlot(after time.Time, continuous bool) (due, latest time.Time) {
	date := m.dateOf(after)
	first, at, ok := m.expect(date + 1)
	if !ok {
		return time.Time{}, time.Time{}
	}
	due = first.due
	if continuous {
		due = after.Add(time.Hour).Truncate(time.Hour)
	} else if d, ok := m.rule.next(date); ok && d == date {
		for _, w := range m.windows {
			if t := m.zone.wall(date-m.shift, int(m.cut+w)); t.After(after) {
				due = t
				break
			}
		}
	}
	s := first
	for k := 1; k < mostSlots; k++ {
		if !m.usually(k) {
			break
		}
		next, d, ok := m.expect(at + 1)
		if !ok {
			break
		}
		s, at = next, d
	}
	return due, later(s.late, after.Add(leastSilence)).UTC()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// latest is how long a silence stays within the rhythm.
func (m *model) latest() time.Duration {
	low, high := leastSilence.Hours(), 20*hoursPerYear
	for high-low > 0.5 {
		mid := (low + high) / 2
		if _, share := m.renewalSilence(mid); share > withinShare {
			low = mid
		} else {
			high = mid
		}
	}
	return time.Duration(math.Ceil(high)) * time.Hour
}

// Silence says how sure it is that an identity of rhythm r has stopped, which
// acted last at last, when the log is known up to now but for gaps.
func Silence(r Rhythm, last, now time.Time, gaps []Span) Confidence {
	gaps = orderly(gaps)
	c := Confidence{Silence: known(Span{From: last, To: now}, gaps), Error: 1}
	m := &r.model
	var yearly float64
	switch m.kind {
	case modelNone:
		c.Needs = r.needs(c.Silence)
		return c
	case modelCalendar:
		var hours float64
		c.Missed, hours = m.missed(last, now, gaps)
		yearly = m.slotSilence(c.Missed, hours)
		c.Within = m.usually(c.Missed)
	case modelRenewal:
		var share float64
		yearly, share = m.renewalSilence(c.Silence.Hours())
		c.Within = share > withinShare
	}
	c.Known = true
	c.Within = c.Within || c.Silence < leastSilence
	c.Limit = 1 - m.phased
	if !c.Within {
		c.Error = min(yearly+m.phased, 1)
		c.Level = 1 - c.Error
	}
	if c.Limit < sureLevel {
		c.Needs = needsHistory(1)
	}
	return c
}

// missed counts the slots between last and now of which all is known, and the
// known hours from the first to the last of them.
func (m *model) missed(last, now time.Time, gaps []Span) (count int, hours float64) {
	date := m.dateOf(last)
	var first, latest time.Time
	for count < mostSlots {
		s, d, ok := m.expect(date + 1)
		if !ok || s.late.After(now) {
			break
		}
		date = d
		if touches(gaps, s) {
			continue
		}
		if count == 0 {
			first = s.due
		}
		latest = s.due
		count++
	}
	return count, known(Span{From: first, To: latest}, gaps).Hours()
}

func touches(gaps []Span, s slot) bool {
	for _, g := range gaps {
		if g.From.Before(s.late) && g.To.After(s.due) {
			return true
		}
	}
	return false
}

// needs is how long a log it takes to know a rhythm that has such silences: three
// of them, and between two months and three years.
func (r Rhythm) needs(silence time.Duration) time.Duration {
	const day = 24 * time.Hour
	return min(max(3*max(r.Longest, silence), 60*day), 3*365*day)
}

// known is how much of a span lies outside of gaps, which are sorted and do not
// overlap.
func known(s Span, gaps []Span) time.Duration {
	total := s.Length()
	for _, g := range gaps {
		if g.From.Before(s.From) {
			g.From = s.From
		}
		if g.To.After(s.To) {
			g.To = s.To
		}
		total -= g.Length()
	}
	return max(total, 0)
}
