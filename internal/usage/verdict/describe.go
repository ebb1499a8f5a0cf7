package verdict

import (
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// verdict makes the verdict of a finding, without its words.
func (j *judge) verdict(f finding) Verdict {
	v := Verdict{Status: f.status, Grade: f.grade, SilentSince: f.silent.From, SilentUntil: f.silent.To}
	v.Window = j.window(f)
	if f.confidence.Known && f.status != StatusActive {
		v.Confidence = f.confidence.Level
	}
	short := !j.uses.last.IsZero() && f.why != whyField && (!f.confidence.Known || f.confidence.Limit < j.Limits.Confidence)
	if short && f.grade != retinue.GradeD {
		v.WindowTooShort, v.Needs = true, f.confidence.Needs
	}
	v.BlindSpots, v.Untouched = j.spots(f)
	v.Reason = j.reason(&f)
	v.Raises = j.raises(&f)
	v.NextChange = j.nextChange(&f)
	v.DormantOn, v.DormantConfidence = j.dormantOn(&f)
	return v
}

// describe adds what holds whatever was found.
func (j *judge) describe(v *Verdict) {
	u := &j.uses
	v.LastUsed, v.Basis, v.LastDenied = u.last, u.basis, u.denied
	v.Caveats = u.caveats
	if u.basis == BasisField {
		v.Meaning = u.field.Meaning
	}
	if v.Grade == retinue.GradeC {
		v.BlindSpots = append(v.BlindSpots, u.fieldSpots()...)
	}
	v.Rhythm = Rhythm{Class: j.rhythm.Class, Zone: j.rhythm.Zone, ZonesAlike: j.rhythm.Alike, Words: j.rhythm.String()}
	if !u.last.IsZero() {
		v.Rhythm.Due, v.Rhythm.Latest = j.rhythm.Next(u.last)
	}
	if v.Grade == retinue.GradeD {
		f := finding{grade: retinue.GradeD}
		v.Reason = j.reason(&f)
		v.Raises = j.raises(&f)
	}
}

// window is the stretch on which a finding rests: the silence, and before it what
// is known without a gap.
func (j *judge) window(f finding) Window {
	w := Window{From: f.silent.From, To: f.silent.To}
	for _, s := range j.cover.known[f.level] {
		if s.From.Before(w.From) && !s.To.Before(w.From) {
			w.From = s.From
		}
	}
	for _, g := range f.gaps {
		if !g.From.Before(w.From) {
			w.Gaps = append(w.Gaps, g)
		}
	}
	return w
}

// spots returns the blind spots of the stretch on which a finding rests.
func (j *judge) spots(f finding) (applying, unaffected []retinue.BlindSpot) {
	seen := map[string]bool{}
	add := func(to []retinue.BlindSpot, from []retinue.BlindSpot) []retinue.BlindSpot {
		for _, b := range from {
			if key := b.Code + "\x00" + b.Text; !seen[key] {
				seen[key] = true
				to = append(to, b)
			}
		}
		return to
	}
	for _, p := range j.cover.flaws(f.stretch(), good) {
		applying = add(applying, p.applying)
	}
	for _, p := range j.cover.flaws(f.stretch(), complete) {
		unaffected = add(unaffected, p.untouched)
	}
	return applying, unaffected
}

// stretch is the silence, or an instant where there is none.
func (f *finding) stretch() rhythm.Span {
	s := f.silent
	if s.Empty() {
		s = rhythm.Span{From: s.To.Add(-time.Hour), To: s.To}
	}
	return s
}

// reason is the verdict in one sentence.
func (j *judge) reason(f *finding) string {
	text := j.claim(f)
	if f.grade == retinue.GradeD {
		return text
	}
	if j.uses.last.IsZero() && !j.uses.denied.IsZero() {
		text += fmt.Sprintf("; it was only refused, last on %s, which is no use", day(j.uses.denied))
	}
	switch j.Subject.State {
	case retinue.StateDisabled, retinue.StateExpired, retinue.StateRetired, retinue.StateGone:
		text += fmt.Sprintf(" (it is %s now)", j.Subject.State)
	}
	return text + "."
}

func (j *judge) claim(f *finding) string {
	last, until := day(j.uses.last), day(f.silent.To)
	c := f.confidence
	switch f.why {
	case whyRhythm:
		return j.rhythmClaim(f)
	case whyNever:
		return fmt.Sprintf("Not used since it was made on %s, by a log that shows all of it up to %s",
			day(j.Subject.CreatedAt), until)
	case whyNeverSeen:
		return "Never used by its source's own field, and no log proves it"
	case whyNew:
		return fmt.Sprintf("Made on %s and not used yet: too early to say", day(j.Subject.CreatedAt))
	case whyEnded:
		return fmt.Sprintf("Last used on %s, and what is known ends on %s: whether it is still used is not known", last, until)
	case whyField:
		return fmt.Sprintf("Last used on %s by its source's own field, and no log tells more", last)
	case whyLimit:
		switch {
		case j.uses.last.IsZero():
			return fmt.Sprintf("No use is seen from %s to %s, and when it was used before is not known",
				day(f.silent.From), until)
		case f.status == StatusActive:
			return fmt.Sprintf("Last used on %s, too few times to know its rhythm", last)
		default:
			return fmt.Sprintf("Last used on %s and silent for %s up to %s; it was used too few times to know its rhythm",
				last, days(c.Silence), until)
		}
	}
	return "Nothing says whether it is used: no log is connected and its source has no last-used field."
}

func (j *judge) rhythmClaim(f *finding) string {
	last, c := day(j.uses.last), f.confidence
	switch f.status {
	case StatusActive:
		return fmt.Sprintf("Acts %s, last on %s, which is within its rhythm", j.rhythm, last)
	case StatusIdle:
		if c.Level < 0.5 {
			return fmt.Sprintf("Acts %s, and has been silent since %s: past its rhythm, and not for long enough to say that it has stopped",
				j.rhythm, day(f.silent.From))
		}
		return fmt.Sprintf("Acts %s, and has been silent since %s: past its rhythm, and by %.3g %% sure that it has stopped",
			j.rhythm, day(f.silent.From), 100*c.Level)
	}
	missed := ""
	if c.Missed > 0 {
		missed = fmt.Sprintf(", missing %d times", c.Missed)
	}
	return fmt.Sprintf("Acted %s, and has been silent from %s to %s%s: by %.4g %% sure that it has stopped",
		j.rhythm, day(f.silent.From), day(f.silent.To), missed, 100*c.Level)
}

func day(t time.Time) string {
	if t.IsZero() {
		return "an unknown day"
	}
	return t.UTC().Format("2006-01-02")
}

func days(d time.Duration) string {
	n := int(d.Hours() / 24)
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
