package rhythm

import "time"

type model struct{}

// Next returns when the identity should act again after it acted at after, and
// by when its silence would leave the rhythm. Both are zero where the rhythm is
// not known.
func (r Rhythm) Next(after time.Time) (due, latest time.Time) {
	return time.Time{}, time.Time{}
}

// Silence says how sure it is that an identity of rhythm r has stopped, which
// acted last at last, when the log is known up to now but for gaps.
func Silence(r Rhythm, last, now time.Time, gaps []Span) Confidence {
	return Confidence{Silence: known(Span{From: last, To: now}, gaps), Error: 1}
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
