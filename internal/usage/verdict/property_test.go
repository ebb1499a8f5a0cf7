package verdict

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// strength orders the grades, the strongest last.
func strength(g retinue.Grade) int {
	return slices.Index([]retinue.Grade{retinue.GradeD, retinue.GradeC, retinue.GradeB, retinue.GradeA}, g)
}

func drawSpan(t *rapid.T, label string) (from, to time.Time) {
	a := rapid.IntRange(0, 500*24).Draw(t, label+" from")
	b := rapid.IntRange(0, 500*24).Draw(t, label+" to")
	return noon.Add(-time.Duration(max(a, b)) * time.Hour), noon.Add(-time.Duration(min(a, b)) * time.Hour)
}

func drawSpot(t *rapid.T) retinue.BlindSpot {
	b := retinue.BlindSpot{Code: rapid.SampledFrom([]string{"a.one", "a.two", "b.three"}).Draw(t, "code"), Raise: "Mend it."}
	if rapid.Bool().Draw(t, "actions") {
		b.Actions = []string{rapid.SampledFrom([]string{"s3:*", "sqs:Send*", "kms:Decrypt"}).Draw(t, "action")}
	}
	if rapid.Bool().Draw(t, "bounded") {
		b.From, b.To = drawSpan(t, "spot")
	}
	return b
}

func drawCoverage(t *rapid.T) retinue.Coverage {
	from, to := drawSpan(t, "coverage")
	if rapid.Bool().Draw(t, "recent") {
		to = noon
	}
	c := full(from)
	c.To = to
	c.Log = rapid.SampledFrom([]string{"one", "two"}).Draw(t, "log")
	c.Authenticated = rapid.IntRange(0, 9).Draw(t, "authenticated") > 0
	if rapid.IntRange(0, 4).Draw(t, "proof") == 0 {
		c.Proof = ""
	}
	for range rapid.IntRange(0, 2).Draw(t, "spots") {
		c.BlindSpots = append(c.BlindSpots, drawSpot(t))
	}
	return c
}

// drawHours makes uses of some rhythm that end somewhere.
func drawHours(t *rapid.T) []rhythm.HourCount {
	n := rapid.IntRange(0, 60).Draw(t, "uses")
	step := rapid.SampledFrom([]int{1, 6, 24, 24, 24 * 7, 24 * 14, 24 * 30}).Draw(t, "step")
	jitter := rapid.IntRange(0, step).Draw(t, "jitter")
	end := noon.Unix()/3600 - int64(rapid.IntRange(1, 300*24).Draw(t, "end"))
	var out []rhythm.HourCount
	for i := n; i > 0; i-- {
		h := end - int64(i*step)
		if jitter > 0 {
			h += int64(rapid.IntRange(0, jitter).Draw(t, "by"))
		}
		if k := len(out); k == 0 || h > out[k-1].Hour {
			out = append(out, rhythm.HourCount{Hour: h, Count: 1})
		}
	}
	return out
}

func drawEvidence(t *rapid.T) Evidence {
	e := given(rhythm.Series{Hours: drawHours(t)}, nil)
	for range rapid.IntRange(0, 4).Draw(t, "coverages") {
		e.Coverage = append(e.Coverage, drawCoverage(t))
	}
	e.GrantsKnown = rapid.Bool().Draw(t, "grants known")
	if rapid.Bool().Draw(t, "gap") {
		from, to := drawSpan(t, "gap")
		e.Gaps = []rhythm.Span{{From: from, To: to}}
	}
	if rapid.Bool().Draw(t, "young") {
		e.Subject.CreatedAt = noon.Add(-time.Duration(rapid.IntRange(1, 400*24).Draw(t, "age")) * time.Hour)
	}
	if rapid.IntRange(0, 3).Draw(t, "field") == 0 {
		e.Fields = []retinue.Use{{Meaning: rapid.SampledFrom([]string{"last_used", "last_denied_or_used"}).Draw(t, "meaning"),
			At: noon.Add(-time.Duration(rapid.IntRange(1, 400*24).Draw(t, "field at")) * time.Hour), Precision: 3600}}
	}
	return e
}

func fitter() *rhythm.Fitter { return rhythm.NewFitter() }

// TestCoverageOnlyAdds: a verdict on all logs is of no lower grade than one on
// some of them that says the same, and what is silent is silent.
func TestCoverageOnlyAdds(t *testing.T) {
	f := fitter()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		e.Coverage = append(e.Coverage, drawCoverage(t))
		all := Judge(f, e)
		i := rapid.IntRange(0, len(e.Coverage)-1).Draw(t, "left out")
		some := e
		some.Coverage = slices.Delete(slices.Clone(e.Coverage), i, i+1)
		less := Judge(f, some)
		if less.Status == all.Status && len(e.Fields) == 0 && strength(less.Grade) > strength(all.Grade) {
			t.Fatalf("%s %s of all logs, %s %s without %v", all.Status, all.Grade, less.Status, less.Grade, e.Coverage[i])
		}
		if less.Grade == all.Grade && less.Status == all.Status && all.Grade != retinue.GradeC && less.SilentSince.Before(all.SilentSince) &&
			less.SilentUntil.After(all.SilentUntil) {
			t.Fatalf("silent from %s to %s of all logs, from %s to %s of some", all.SilentSince, all.SilentUntil,
				less.SilentSince, less.SilentUntil)
		}
	})
}

// TestBlindSpotsOnlyTakeAway: another blind spot raises no grade and changes no
// status to a surer one.
func TestBlindSpotsOnlyTakeAway(t *testing.T) {
	f := fitter()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		e.Coverage = append(e.Coverage, drawCoverage(t))
		e.Fields = nil
		before := Judge(f, e)
		i := rapid.IntRange(0, len(e.Coverage)-1).Draw(t, "where")
		e.Coverage[i].BlindSpots = append(slices.Clone(e.Coverage[i].BlindSpots), drawSpot(t))
		after := Judge(f, e)
		if after.Status == before.Status && strength(after.Grade) > strength(before.Grade) {
			t.Fatalf("%s %s became %s by a blind spot", before.Status, before.Grade, after.Grade)
		}
		if after.Status == StatusNeverUsed && before.Status != StatusNeverUsed {
			t.Fatalf("%s became %s by a blind spot", before.Status, after.Status)
		}
	})
}

// TestUseRevives: a use just now makes whatever it was active, and no use makes
// the known silence begin earlier or a subject never used.
func TestUseRevives(t *testing.T) {
	f := fitter()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		e.Fields = nil
		before := Judge(f, e)
		hours := e.Uses.Hours
		last := noon.Unix()/3600 - 400*24
		if n := len(hours); n > 0 {
			last = hours[n-1].Hour
		}
		at := rapid.Int64Range(last, max(last, noon.Unix()/3600-1)).Draw(t, "use")
		e.Uses.Hours = used(hours, at)
		after := Judge(f, e)
		if after.Status == StatusNeverUsed {
			t.Fatal("never used, with a use")
		}
		if after.LastUsed.Before(before.LastUsed) || after.SilentSince.Before(time.Unix(at*3600, 0)) {
			t.Fatalf("silent since %s, with a use at %s", after.SilentSince, time.Unix(at*3600, 0))
		}
		e.Uses.Hours = used(hours, noon.Unix()/3600-1)
		e.Coverage = append(e.Coverage, full(ago(2)))
		if v := Judge(f, e); v.Status != StatusActive {
			t.Fatalf("%s, with a use an hour ago: %s", v.Status, v.Reason)
		}
	})
}

// used is hours with one more at the end.
func used(hours []rhythm.HourCount, at int64) []rhythm.HourCount {
	if n := len(hours); n > 0 && hours[n-1].Hour == at {
		return hours
	}
	return append(slices.Clone(hours), rhythm.HourCount{Hour: at, Count: 1})
}

// TestLaterUseIsLessDormant: of one rhythm, what acted later is not surer to have
// stopped.
func TestLaterUseIsLessDormant(t *testing.T) {
	f := fitter()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		r := f.Fit(e.Uses)
		a := rapid.IntRange(0, 300*24).Draw(t, "silence")
		b := rapid.IntRange(0, a).Draw(t, "shorter")
		long := rhythm.Silence(r, noon.Add(-time.Duration(a)*time.Hour), noon, e.Gaps)
		short := rhythm.Silence(r, noon.Add(-time.Duration(b)*time.Hour), noon, e.Gaps)
		if short.Level > long.Level+1e-9 || long.Within && !short.Within {
			t.Fatalf("%v after %d h, %v after %d h", short, b, long, a)
		}
	})
}

// TestShift: 28 years later, when the calendar is the same again, the verdict is
// the same.
func TestShift(t *testing.T) {
	f := rhythm.NewFitter(rhythm.DefaultZones()...)
	const days = 10227
	by := func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return at.AddDate(0, 0, days)
	}
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		before := Judge(f, e)
		e.Now, e.Subject.CreatedAt = by(e.Now), by(e.Subject.CreatedAt)
		for i := range e.Uses.Hours {
			e.Uses.Hours[i].Hour += days * 24
		}
		for i := range e.Coverage {
			c := &e.Coverage[i]
			c.From, c.To = by(c.From), by(c.To)
			for k := range c.BlindSpots {
				c.BlindSpots[k].From, c.BlindSpots[k].To = by(c.BlindSpots[k].From), by(c.BlindSpots[k].To)
			}
		}
		for i := range e.Gaps {
			e.Gaps[i] = rhythm.Span{From: by(e.Gaps[i].From), To: by(e.Gaps[i].To)}
		}
		for i := range e.Fields {
			e.Fields[i].At = by(e.Fields[i].At)
		}
		after := Judge(f, e)
		if after.Status != before.Status || after.Grade != before.Grade || !after.SilentSince.Equal(by(before.SilentSince)) ||
			!after.SilentUntil.Equal(by(before.SilentUntil)) || !after.NextChange.Equal(by(before.NextChange)) ||
			after.Confidence != before.Confidence || after.Rhythm.Class != before.Rhythm.Class {
			t.Fatalf("before %+v\nafter %+v", before, after)
		}
	})
}

// TestSilenceIsTrue: of grade A and B, no use lies in the silence that is stated,
// and all of it is covered by logs of that grade.
func TestSilenceIsTrue(t *testing.T) {
	f := fitter()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		v := Judge(f, e)
		if v.Grade != retinue.GradeA && v.Grade != retinue.GradeB {
			return
		}
		for _, h := range e.Uses.Hours {
			// A use is somewhere in its hour; the silence must begin after all of it.
			if end := time.Unix(h.Hour*3600+3599, 0); end.After(v.SilentSince) && end.Before(v.SilentUntil) {
				t.Fatalf("silent from %s to %s, with a use until %s", v.SilentSince, v.SilentUntil, end)
			}
		}
		for at := v.SilentSince; at.Before(v.SilentUntil); at = at.Add(time.Hour) {
			if !coveredAt(&e, at, v.Grade) {
				t.Fatalf("silent of grade %s at %s, which no log of that grade covers", v.Grade, at)
			}
		}
		if len(v.Window.Gaps) > 0 {
			t.Fatalf("grade %s with gaps %v", v.Grade, v.Window.Gaps)
		}
	})
}

// TestClockAhead: what is said to happen later than now is taken to be now.
func TestClockAhead(t *testing.T) {
	f := fitter()
	e := given(nightly(300, -3), logs(full(ago(365))))
	e.Subject.CreatedAt = ago(-2)
	e.Coverage[0].To = ago(-5)
	if v := Judge(f, e); v.Status != StatusActive || v.LastUsed.After(noon) || v.SilentUntil.After(noon) || v.Window.To.After(noon) {
		t.Errorf("%s, last used %s, silent until %s: %s", v.Status, v.LastUsed, v.SilentUntil, v.Reason)
	}
	e.Uses = rhythm.Series{}
	if v := Judge(f, e); v.Status != StatusUnknown || v.SilentUntil.After(noon) {
		t.Errorf("%s, silent until %s: %s", v.Status, v.SilentUntil, v.Reason)
	}
}

// coveredAt is the rule of the grades, said once more for one moment.
func coveredAt(e *Evidence, at time.Time, grade retinue.Grade) bool {
	for _, g := range e.Gaps {
		if g.Contains(at) {
			return false
		}
	}
	for i := range e.Coverage {
		c := &e.Coverage[i]
		if at.Before(c.From) || !at.Before(c.To) || c.Proof == "" || !c.Authenticated {
			continue
		}
		ok := true
		for k := range c.BlindSpots {
			b := &c.BlindSpots[k]
			if !b.From.IsZero() && at.Before(b.From) || !b.To.IsZero() && !at.Before(b.To) {
				continue
			}
			ok = ok && (grade == retinue.GradeB && len(b.Actions) > 0 && e.GrantsKnown && !meetAny(b.Actions, e.Grants))
		}
		if ok {
			return true
		}
	}
	return false
}

// TestNextChange: nothing changes before the moment that is named, if the logs
// go on and show nothing, and then it does.
func TestNextChange(t *testing.T) {
	f := fitter()
	rapid.Check(t, func(t *rapid.T) {
		e := given(rhythm.Series{Hours: drawHours(t)}, logs(full(ago(500))))
		e.Coverage[0].To = noon
		e.Subject.CreatedAt = noon.Add(-time.Duration(rapid.IntRange(1, 600*24).Draw(t, "age")) * time.Hour)
		v := Judge(f, e)
		at := func(now time.Time) Status {
			e.Now, e.Coverage[0].To = now, now
			return Judge(f, e).Status
		}
		if v.NextChange.IsZero() {
			if s := at(noon.AddDate(3, 0, 0)); s != v.Status && v.Confidence == 0 {
				t.Fatalf("%s becomes %s, and no time is named: %s", v.Status, s, v.Reason)
			}
			return
		}
		between := noon.Add(time.Duration(rapid.Float64Range(0, 0.99).Draw(t, "between") * float64(v.NextChange.Sub(noon))))
		if s := at(between); s != v.Status && v.NextChange.Sub(between) > 2*time.Hour {
			t.Fatalf("%s becomes %s at %s, before %s", v.Status, s, between, v.NextChange)
		}
		if s := at(v.NextChange.Add(2 * time.Hour)); s == v.Status {
			t.Fatalf("still %s after %s: %s", s, v.NextChange, v.Reason)
		}
	})
}

// TestDormantOn: if the logs go on and show nothing, it is called dormant on the
// day that is named, as sure as is said, and not before.
func TestDormantOn(t *testing.T) {
	f := fitter()
	rapid.Check(t, func(t *rapid.T) {
		e := given(rhythm.Series{Hours: drawHours(t)}, logs(full(ago(500))))
		e.Coverage[0].To = noon
		v := Judge(f, e)
		at := func(now time.Time) Verdict {
			e.Now, e.Coverage[0].To = now, now
			return Judge(f, e)
		}
		if v.Status != StatusActive && v.Status != StatusIdle {
			if !v.DormantOn.IsZero() || v.DormantConfidence != 0 {
				t.Fatalf("%s, and dormant on %s", v.Status, v.DormantOn)
			}
			return
		}
		if v.DormantOn.IsZero() {
			if s := at(noon.AddDate(3, 0, 0)).Status; s == StatusDormant {
				t.Fatalf("%s becomes dormant, and no day is named: %s", v.Status, v.Reason)
			}
			return
		}
		between := noon.Add(time.Duration(rapid.Float64Range(0, 0.99).Draw(t, "between") * float64(v.DormantOn.Sub(noon))))
		if s := at(between).Status; s == StatusDormant && v.DormantOn.Sub(between) > 2*time.Hour {
			t.Fatalf("dormant at %s, before %s", between, v.DormantOn)
		}
		then := at(v.DormantOn.Add(2 * time.Hour))
		if then.Status != StatusDormant || then.Confidence < v.DormantConfidence {
			t.Fatalf("%s and %.4f sure after %s, which said %.4f: %s", then.Status, then.Confidence, v.DormantOn, v.DormantConfidence, v.Reason)
		}
	})
}

// TestPatterns compares meeting patterns with trying words.
func TestPatterns(t *testing.T) {
	word := rapid.StringMatching(`[ab:]{0,4}`)
	pattern := rapid.StringMatching(`[ab:*?]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, w := pattern.Draw(t, "a"), pattern.Draw(t, "b"), word.Draw(t, "word")
		if meet(a, w) && meet(b, w) && !meet(a, b) {
			t.Fatalf("%q and %q both have %q and do not meet", a, b, w)
		}
		if meet(a, b) != meet(b, a) {
			t.Fatalf("%q and %q meet one way only", a, b)
		}
	})
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"s3:*", "s3:GetObject", true}, {"s3:Get*", "s3:Put*", false}, {"*", "kms:Decrypt", true},
		{"s3:*Object", "s3:Get*", true}, {"S3:getobject", "s3:GetObject", true}, {"s3:Get?bject", "s3:GetObject", true},
		{"", "", true}, {"", "a", false}, {"a*c", "*b*", true}, {"a?", "a", false},
	} {
		if got := meet(c.a, c.b); got != c.want {
			t.Errorf("meet(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
