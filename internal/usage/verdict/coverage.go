package verdict

import (
	"cmp"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// level is how good a log is for a subject at a moment: the higher the better.
type level int

const (
	weak     level = iota // grade C
	good                  // grade B
	complete              // grade A
)

func (l level) grade() retinue.Grade {
	return [...]retinue.Grade{retinue.GradeC, retinue.GradeB, retinue.GradeA}[l]
}

// piece is a stretch of one coverage in which the same blind spots hold.
type piece struct {
	rhythm.Span
	level     level
	proven    bool
	authentic bool
	applying  []retinue.BlindSpot
	untouched []retinue.BlindSpot
}

// cover is what all logs together show of a subject.
type cover struct {
	pieces []piece
	// known[l] are the stretches that some single log covers at a level or better,
	// in order, without the gaps.
	known [3][]rhythm.Span
}

// newCover divides the coverage of e at the bounds of its blind spots.
func newCover(e *Evidence) *cover { return e.cover(e.bears) }

// cover divides the coverage at the bounds of its blind spots, which mean what
// bears says.
func (e *Evidence) cover(bears func(*retinue.BlindSpot) bearing) *cover {
	c := &cover{}
	for i := range e.Coverage {
		c.pieces = e.divide(c.pieces, &e.Coverage[i], bears)
	}
	gaps := join(slices.Clone(e.Gaps))
	for l := weak; l <= complete; l++ {
		var spans []rhythm.Span
		for i := range c.pieces {
			if c.pieces[i].level >= l {
				spans = append(spans, c.pieces[i].Span)
			}
		}
		c.known[l] = without(join(spans), gaps)
	}
	return c
}

// divide appends the pieces of a coverage.
func (e *Evidence) divide(out []piece, c *retinue.Coverage, bears func(*retinue.BlindSpot) bearing) []piece {
	whole := rhythm.Span{From: c.From, To: c.To}
	if whole.To.After(e.Now) {
		whole.To = e.Now
	}
	if whole.Empty() {
		return out
	}
	spots := c.BlindSpots
	if own := ownSpots(c); len(own) > 0 {
		spots = append(slices.Clone(spots), own...)
	}
	cuts := []time.Time{whole.From, whole.To}
	for i := range spots {
		for _, t := range []time.Time{spots[i].From, spots[i].To} {
			if t.After(whole.From) && t.Before(whole.To) {
				cuts = append(cuts, t)
			}
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	for i := range len(cuts) - 1 {
		if p := (piece{Span: rhythm.Span{From: cuts[i], To: cuts[i+1]}}); !p.Empty() {
			p.grade(c, spots, bears)
			out = append(out, p)
		}
	}
	return out
}

// grade says how good a piece is.
func (p *piece) grade(c *retinue.Coverage, spots []retinue.BlindSpot, bears func(*retinue.BlindSpot) bearing) {
	p.proven, p.authentic = c.Proof != "", c.Authenticated
	for i := range spots {
		b := &spots[i]
		if !b.From.IsZero() && b.From.After(p.From) || !b.To.IsZero() && b.To.Before(p.To) {
			continue
		}
		switch bears(b) {
		case applies:
			p.applying = append(p.applying, *b)
		case untouched:
			p.untouched = append(p.untouched, *b)
		case elsewhere:
		}
	}
	switch {
	case !p.proven || !p.authentic || len(p.applying) > 0:
		p.level = weak
	case len(p.untouched) > 0:
		p.level = good
	default:
		p.level = complete
	}
}

// until is where all knowledge ends; zero: there is none.
func (c *cover) until() time.Time {
	if n := len(c.known[weak]); n > 0 {
		return c.known[weak][n-1].To
	}
	return time.Time{}
}

// gaps returns the stretches of s of which nothing is known.
func (c *cover) gaps(s rhythm.Span) []rhythm.Span {
	if s.Empty() {
		return nil
	}
	return without([]rhythm.Span{s}, c.known[weak])
}

// shows reports whether all of a span lies in one stretch of a level or better.
func (c *cover) shows(span rhythm.Span, l level) bool {
	return slices.ContainsFunc(c.known[l], func(s rhythm.Span) bool {
		return !span.From.Before(s.From) && !span.To.After(s.To)
	})
}

// flaws returns the pieces that keep s from being complete: those where no better
// log covers what they cover.
func (c *cover) flaws(s rhythm.Span, better level) []*piece {
	rest := []rhythm.Span{s}
	if s.Empty() {
		return nil
	}
	rest = without(rest, c.known[better])
	var out []*piece
	for i := range c.pieces {
		p := &c.pieces[i]
		overlaps := func(r rhythm.Span) bool { return r.From.Before(p.To) && p.From.Before(r.To) }
		if p.level < better && slices.ContainsFunc(rest, overlaps) {
			out = append(out, p)
		}
	}
	return out
}

// join sorts spans and joins those that touch. It writes over its argument.
func join(spans []rhythm.Span) []rhythm.Span {
	spans = slices.DeleteFunc(spans, rhythm.Span.Empty)
	slices.SortFunc(spans, func(a, b rhythm.Span) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To))
	})
	n := 0
	for _, s := range spans {
		if n > 0 && !s.From.After(spans[n-1].To) {
			if s.To.After(spans[n-1].To) {
				spans[n-1].To = s.To
			}
			continue
		}
		spans[n] = s
		n++
	}
	return spans[:n]
}

// without returns what of spans is outside of holes; both are joined.
func without(spans, holes []rhythm.Span) []rhythm.Span {
	if len(holes) == 0 {
		return spans
	}
	var out []rhythm.Span
	for _, s := range spans {
		i, _ := slices.BinarySearchFunc(holes, s.From, func(h rhythm.Span, t time.Time) int {
			if h.To.After(t) {
				return 1
			}
			return -1
		})
		for ; i < len(holes) && holes[i].From.Before(s.To); i++ {
			if holes[i].From.After(s.From) {
				out = append(out, rhythm.Span{From: s.From, To: holes[i].From})
			}
			s.From = holes[i].To
		}
		if !s.Empty() {
			out = append(out, s)
		}
	}
	return out
}

// MergeCoverage joins coverages that say the same of stretches which touch, so
// that a realm whose log was read in a thousand parts is judged as fast as one
// read in one. It leaves its argument as it is.
func MergeCoverage(all []retinue.Coverage) []retinue.Coverage {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b retinue.Coverage) int {
		return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Realm, b.Realm), a.From.Compare(b.From))
	})
	n := 0
	for _, c := range out {
		if n > 0 && sameWord(&out[n-1], &c) && !c.From.After(out[n-1].To) {
			if c.To.After(out[n-1].To) {
				out[n-1].To = c.To
			}
			continue
		}
		out[n] = c
		n++
	}
	return out[:n]
}

func sameWord(a, b *retinue.Coverage) bool {
	return a.Log == b.Log && a.Realm == b.Realm && (a.Proof == "") == (b.Proof == "") &&
		a.Authenticated == b.Authenticated && slices.Equal(a.Classes, b.Classes) &&
		slices.EqualFunc(a.BlindSpots, b.BlindSpots, sameSpot)
}

func sameSpot(a, b retinue.BlindSpot) bool {
	return a.Code == b.Code && a.Text == b.Text && a.Raise == b.Raise && a.Cost == b.Cost && a.From.Equal(b.From) &&
		a.To.Equal(b.To) && slices.Equal(a.Actions, b.Actions) && slices.Equal(a.Credentials, b.Credentials) &&
		slices.Equal(a.Kinds, b.Kinds) && a.Elsewhere == b.Elsewhere
}
