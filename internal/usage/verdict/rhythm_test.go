package verdict

import (
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// monthEnds acts on the last day of every step-th month before a month of 2026,
// count times.
func monthEnds(before time.Month, step, count int) rhythm.Series {
	var s rhythm.Series
	for i := count; i >= 1; i-- {
		at := time.Date(2026, before-time.Month((i-1)*step), 0, 21, 0, 0, 0, time.UTC)
		s.Hours = append(s.Hours, rhythm.HourCount{Hour: at.Unix() / 3600, Count: 1})
	}
	return s
}

// TestSlowJobs: jobs that act seldom are active for as long as their rhythm has
// it, whatever the limit for others, and dormant only long after.
func TestSlowJobs(t *testing.T) {
	f := rhythm.NewFitter(rhythm.DefaultZones()...)
	for _, c := range []struct {
		name   string
		uses   rhythm.Series
		logged int // days
		status Status
		reason string
	}{
		{"month-end, 17 days ago", monthEnds(time.June, 1, 14), 430, StatusActive, "on the last day of the month"},
		{"month-end, one missed", monthEnds(time.May, 1, 14), 460, StatusIdle, "on the last day of the month"},
		{"month-end, five missed", monthEnds(time.January, 1, 14), 600, StatusDormant, "missing 5 times"},
		{"quarter-end, 78 days ago", monthEnds(time.April, 3, 8), 800, StatusActive, "on the last day of the quarter"},
		{"quarter-end, one missed", monthEnds(time.January, 3, 8), 900, StatusIdle, "on the last day of the quarter"},
		{"month-end, three times only", monthEnds(time.January, 1, 3), 300, StatusIdle, ""},
	} {
		e := given(c.uses, logs(full(ago(c.logged))))
		e.Subject.CreatedAt = ago(2000)
		e.Limits.Idle = 45 * oneDay
		v := Judge(f, e)
		if v.Status != c.status || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %s %s: %s (confidence %.3f)", c.name, v.Status, v.Grade, v.Reason, v.Confidence)
		}
		if v.Status == StatusActive && (v.Rhythm.Due.Before(noon) || v.Rhythm.Latest.Before(v.Rhythm.Due)) {
			t.Errorf("%s: due %s, at the latest %s", c.name, v.Rhythm.Due, v.Rhythm.Latest)
		}
	}
}

// TestZoneIsPartOfTheVerdict: a job by Berlin's clock is known as one.
func TestZoneIsPartOfTheVerdict(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		testkit.Absent(t, "time zones: install the Debian package tzdata")
	}
	var s rhythm.Series
	for d := 300; d > 0; d-- {
		at := ago(d)
		at = time.Date(at.Year(), at.Month(), at.Day(), 2, 30, 0, 0, berlin)
		s.Hours = append(s.Hours, rhythm.HourCount{Hour: at.Unix() / 3600, Count: 1})
	}
	v := Judge(rhythm.NewFitter(rhythm.DefaultZones()...), given(s, logs(full(ago(365)))))
	if v.Rhythm.Zone != "Europe/Berlin" || v.Rhythm.Class != rhythm.ClassDaily || !strings.Contains(v.Reason, "Europe/Berlin") {
		t.Errorf("%+v: %s", v.Rhythm, v.Reason)
	}
}

// TestOutlook: an idle one says how sure it is now, and when it will be sure enough;
// one of too short a history goes by the limit.
func TestOutlook(t *testing.T) {
	f := rhythm.NewFitter()
	v := Judge(f, given(nightly(300, 6), logs(full(ago(300)))))
	if ahead := v.DormantOn.Sub(noon); v.Status != StatusIdle || v.Confidence <= 0.5 || v.Confidence >= 0.99 || v.DormantConfidence != 0.99 || ahead < oneDay || ahead > 30*oneDay {
		t.Errorf("%s, %.3f sure, dormant on %s by %.2f", v.Status, v.Confidence, v.DormantOn, v.DormantConfidence)
	}
	v = Judge(f, given(nightly(40, 20), logs(full(ago(40)))))
	if left := v.DormantOn.Sub(ago(20)); v.Status != StatusIdle || v.DormantConfidence != 0 || left < 399*oneDay || left > 401*oneDay {
		t.Errorf("%s, dormant on %s by %.2f", v.Status, v.DormantOn, v.DormantConfidence)
	}
	v = Judge(f, given(nightly(300, 0), logs(full(ago(300)))))
	if v.Status != StatusActive || v.DormantOn.Before(noon.Add(5*oneDay)) {
		t.Errorf("%s, dormant on %s", v.Status, v.DormantOn)
	}
	if v = Judge(f, given(nightly(300, 60), logs(full(ago(300))))); v.Status != StatusDormant || !v.DormantOn.IsZero() {
		t.Errorf("%s, dormant on %s", v.Status, v.DormantOn)
	}
}

// TestTooShort: what would be sure after a year of log is not after a month, and
// the verdict says how long a log it takes.
func TestTooShort(t *testing.T) {
	f := rhythm.NewFitter()
	v := Judge(f, given(nightly(60, 30), logs(full(ago(60)))))
	if v.Status != StatusIdle || !v.WindowTooShort || v.Needs < 30*oneDay || v.Confidence >= 0.99 {
		t.Errorf("%s, too short %v, needs %s, confidence %g", v.Status, v.WindowTooShort, v.Needs, v.Confidence)
	}
	if v := Judge(f, given(nightly(300, 30), logs(full(ago(300))))); v.Status != StatusDormant || v.WindowTooShort {
		t.Errorf("%s, too short %v: %s", v.Status, v.WindowTooShort, v.Reason)
	}
	v = Judge(f, given(nightly(200, 199), logs(full(ago(300)))))
	if !v.WindowTooShort || v.Needs < 365*oneDay || len(v.Raises) == 0 || v.Raises[0].Code != "log.earlier" {
		t.Errorf("too short %v, needs %s, raises %v", v.WindowTooShort, v.Needs, v.Raises)
	}
}
