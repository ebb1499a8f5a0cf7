package verdict

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// Judge says whether the subject of the evidence is used. It asks f for the
// rhythm.
func Judge(f *rhythm.Fitter, e Evidence) Verdict {
	e.Limits = e.Limits.withDefaults()
	if e.FieldsAt.IsZero() || e.FieldsAt.After(e.Now) {
		e.FieldsAt = e.Now
	}
	if e.Subject.CreatedAt.After(e.Now) {
		e.Subject.CreatedAt = e.Now
	}
	j := &judge{Evidence: e, cover: newCover(&e)}
	j.uses = j.gather(j.cover)
	if first, _ := e.Uses.Ends(); !first.IsZero() && first.Before(j.Subject.CreatedAt.Truncate(time.Hour)) {
		j.uses.caveats = append(j.uses.caveats, "It was used before "+day(j.Subject.CreatedAt)+
			", when it was made: an earlier one of the same name may have acted.")
		j.Subject.CreatedAt = time.Time{}
	}
	j.learn(f)
	v := j.decide()
	j.describe(&v)
	return v
}

// judge is one judgement under way.
type judge struct {
	Evidence
	cover  *cover
	uses   uses
	rhythm rhythm.Rhythm
}

// finding is what the evidence of one level says.
type finding struct {
	status Status
	grade  retinue.Grade
	level  level
	// known is the stretch of the logs that was asked, the last one for the weakest.
	known rhythm.Span
	// silent is the stretch of which it is known that nothing was done.
	silent     rhythm.Span
	gaps       []rhythm.Span
	confidence rhythm.Confidence
	why        why
}

// why is the reason of a status, for the sentence.
type why uint8

const (
	whyNothing   why = iota // no evidence at all
	whyRhythm               // by the rhythm
	whyLimit                // by the installation's limits
	whyNever                // no use since it was made
	whyField                // by a field alone
	whyNeverSeen            // by a field that says never
	whyNew                  // made too lately
	whyEnded                // the log ended
)

// Pauses says how often a subject went on that seemed to have stopped, by what its
// logs show. It is what [Limits.Pauses] is learned from.
func Pauses(f *rhythm.Fitter, e Evidence) rhythm.Estate {
	e.Limits = e.Limits.withDefaults()
	j := &judge{Evidence: e, cover: newCover(&e)}
	s, ok := j.series()
	if !ok {
		return rhythm.Estate{}
	}
	return f.Pauses(s)
}

// learn fits the rhythm to what the logs show.
func (j *judge) learn(f *rhythm.Fitter) {
	j.rhythm = rhythm.Rhythm{Class: rhythm.ClassNone}
	if s, ok := j.series(); ok {
		j.rhythm = f.Fit(s)
	}
}

// series is what the logs show of its uses, with what they cover.
func (j *judge) series() (s rhythm.Series, ok bool) {
	s = j.Uses
	first, last := s.Ends()
	if first.IsZero() {
		return s, false
	}
	s.Window = rhythm.Span{From: first, To: last.Add(time.Hour)}
	if until := j.cover.until(); until.After(s.Window.To) {
		s.Window.To = until
	}
	s.Gaps = nil
	if known := j.cover.known[weak]; len(known) > 0 {
		// Uses before and after the coverage are known without it.
		s.Gaps = j.cover.gaps(rhythm.Span{From: known[0].From, To: known[len(known)-1].To})
	}
	return s, true
}

// decide asks each level, and gives what the weakest says at the best grade that
// says the same.
func (j *judge) decide() Verdict {
	base, ok := j.weakest()
	if !ok {
		return Verdict{Status: StatusUnknown, Grade: retinue.GradeD}
	}
	best := base
	if !j.uses.doubt {
		best = j.best(base)
	}
	v := j.verdict(best)
	if base.status == StatusActive {
		// The worse logs reach further and change first.
		v.NextChange = j.nextChange(&base)
		v.DormantOn, v.DormantConfidence = j.dormantOn(&base)
	}
	return v
}

// best returns what the best logs say that bear out the base.
func (j *judge) best(base finding) finding {
	for l := complete; l > weak; l-- {
		known := j.cover.known[l]
		for i := len(known) - 1; i >= 0 && j.Now.Sub(known[i].To) <= j.Limits.Fresh; i-- {
			if f := j.ask(l, known[i]); agrees(f.status, base.status) {
				return f
			}
		}
	}
	return base
}

// agrees reports whether a better log bears out what all of them say. Of two ways
// of being dormant the one that is proven is told. A better log that shows too
// little to be as sure, and is merely idle, takes nothing from what all say.
func agrees(better, all Status) bool {
	switch better {
	case all:
		return true
	case StatusDormant, StatusNeverUsed:
		return all.Inactive() || all == StatusUnknown
	case StatusIdle:
		return all == StatusUnknown
	}
	return false
}

// weakest judges by all that there is, whatever its quality.
func (j *judge) weakest() (finding, bool) {
	var f finding
	known := j.cover.known[weak]
	switch n := len(known); {
	case n > 0:
		f = j.ask(weak, known[n-1])
	case j.uses.fields:
		f = j.byField()
	case !j.uses.last.IsZero():
		f = j.byEvents()
	default:
		return f, false
	}
	f.grade = retinue.GradeC
	return f, true
}

// ask judges by a stretch that logs of a level or better cover; the weakest by
// all that there is before it as well, with its gaps.
func (j *judge) ask(l level, s rhythm.Span) finding {
	f := finding{grade: l.grade(), level: l, known: s}
	from := j.uses.last
	if l == weak {
		if from.IsZero() {
			from = later(j.cover.known[weak][0].From, j.Subject.CreatedAt)
		}
		f.silent = rhythm.Span{From: from, To: later(s.To, from)}
		f.gaps = j.cover.gaps(f.silent)
		j.judgeSilence(&f)
		return f
	}
	f.silent = rhythm.Span{From: later(later(from, s.From), j.Subject.CreatedAt)}
	f.silent.To = later(s.To, f.silent.From)
	if from.Before(f.silent.From) && !from.IsZero() {
		f.gaps = []rhythm.Span{{From: from, To: f.silent.From}}
	}
	j.judgeSilence(&f)
	f.gaps = nil // they lie before the silence that is stated
	return f
}

// judgeSilence gives a finding its status.
func (j *judge) judgeSilence(f *finding) {
	made := j.Subject.CreatedAt
	stale := j.Now.Sub(f.known.To) > j.Limits.Fresh
	if j.uses.last.IsZero() {
		covered := f.level > weak && !made.IsZero() && !f.known.From.After(made)
		switch {
		case !made.IsZero() && j.Now.Sub(made) < j.Limits.New:
			f.status, f.why = StatusUnknown, whyNew
		case covered:
			f.status, f.why = StatusNeverUsed, whyNever
		case f.level == weak && j.uses.never != nil:
			f.status, f.why = StatusNeverUsed, whyNeverSeen
		default:
			f.status, f.why = j.byLimits(f.silent.Length()-lengthOf(f.gaps)), whyLimit
			if f.status == StatusActive {
				f.status = StatusUnknown
			}
		}
		return
	}
	f.confidence = rhythm.Silence(j.rhythm, j.uses.last, f.silent.To, f.gaps).In(j.Limits.Pauses)
	c := f.confidence
	switch {
	case !c.Known:
		f.status, f.why = j.byLimits(c.Silence), whyLimit
	case c.Within:
		f.status, f.why = StatusActive, whyRhythm
	case j.stopped(c):
		f.status, f.why = StatusDormant, whyRhythm
	default:
		f.status, f.why = StatusIdle, whyRhythm
	}
	if stale && f.status != StatusDormant && (f.status != StatusActive || !j.withinStill(f)) {
		f.status, f.why = StatusUnknown, whyEnded
	}
}

// withinStill reports whether the silence would be within the rhythm now,
// although the log ended before.
func (j *judge) withinStill(f *finding) bool {
	if !f.confidence.Known {
		return j.Now.Sub(j.uses.last) < j.Limits.Idle
	}
	_, latest := j.rhythm.Next(j.uses.last)
	return j.Now.Before(latest)
}

// byLimits judges a silence of which no rhythm is known.
func (j *judge) byLimits(silence time.Duration) Status {
	switch {
	case silence >= j.Limits.Dormant:
		return StatusDormant
	case silence >= j.Limits.Idle:
		return StatusIdle
	}
	return StatusActive
}

// byField judges by the source's own fields, where no log tells anything.
func (j *judge) byField() finding {
	f := finding{why: whyField}
	made := j.Subject.CreatedAt
	if j.uses.last.IsZero() {
		f.status, f.why = StatusNeverUsed, whyNeverSeen
		f.silent = rhythm.Span{From: made, To: j.FieldsAt}
		if !made.IsZero() && j.Now.Sub(made) < j.Limits.New {
			f.status, f.why = StatusUnknown, whyNew
		}
		return f
	}
	f.silent = rhythm.Span{From: j.uses.last, To: later(j.FieldsAt, j.uses.last)}
	f.status = j.byLimits(f.silent.Length())
	if f.status == StatusActive && j.Now.Sub(j.uses.last) >= j.Limits.Idle {
		f.status, f.why = StatusUnknown, whyEnded
	}
	return f
}

// byEvents judges by single events, of which no log says what it covers.
func (j *judge) byEvents() finding {
	f := finding{status: StatusActive, why: whyLimit, silent: rhythm.Span{From: j.uses.last, To: j.uses.last}}
	if !j.withinStill(&f) {
		f.status, f.why = StatusUnknown, whyEnded
	}
	return f
}

func lengthOf(spans []rhythm.Span) time.Duration {
	var total time.Duration
	for _, s := range spans {
		total += s.Length()
	}
	return total
}
