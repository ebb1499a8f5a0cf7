package verdict

import (
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// TestMergedOutlook: an identity is called dormant when the last of its credentials is.
func TestMergedOutlook(t *testing.T) {
	soon := Verdict{Status: StatusIdle, Grade: retinue.GradeB, DormantOn: noon.Add(oneDay), DormantConfidence: 0.99}
	last := Verdict{Status: StatusIdle, Grade: retinue.GradeB, DormantOn: noon.Add(9 * oneDay)}
	gone := Verdict{Status: StatusDormant, Grade: retinue.GradeA}
	open := Verdict{Status: StatusUnknown, Grade: retinue.GradeD}
	for _, c := range []struct {
		of   []Verdict
		on   time.Time
		sure float64
	}{{[]Verdict{soon, last}, last.DormantOn, 0}, {[]Verdict{last, soon, gone}, last.DormantOn, 0}, {[]Verdict{gone, soon}, soon.DormantOn, 0.99}, {[]Verdict{soon, open}, time.Time{}, 0},
		{[]Verdict{gone}, time.Time{}, 0}} {
		if v := Merge(c.of...); !v.DormantOn.Equal(c.on) || v.DormantConfidence != c.sure {
			t.Errorf("%v: dormant on %s by %.2f", c.of, v.DormantOn, v.DormantConfidence)
		}
	}
}

func TestMerge(t *testing.T) {
	f := rhythm.NewFitter()
	year := full(ago(365))
	active := Judge(f, given(nightly(300, 0), logs(year)))
	dormant := Judge(f, given(nightly(300, 60), logs(year)))
	weakly := Judge(f, given(nightly(300, 90), logs(with(year, func(c *retinue.Coverage) { c.Proof = "" }))))
	never := Judge(f, given(rhythm.Series{}, logs(year), made(100)))
	unknown := Judge(f, given(rhythm.Series{}, nil))
	for _, c := range []struct {
		name   string
		of     []Verdict
		status Status
		grade  retinue.Grade
	}{
		{"none", nil, StatusUnknown, retinue.GradeD},
		{"one active", []Verdict{never, unknown, dormant, active}, StatusActive, retinue.GradeA},
		{"one unknown", []Verdict{never, unknown, dormant}, StatusUnknown, retinue.GradeD},
		{"all silent", []Verdict{never, dormant, weakly}, StatusDormant, retinue.GradeC},
		{"all never used", []Verdict{never, never}, StatusNeverUsed, retinue.GradeA},
	} {
		v := Merge(c.of...)
		if v.Status != c.status || v.Grade != c.grade {
			t.Errorf("%s: %s %s, want %s %s", c.name, v.Status, v.Grade, c.status, c.grade)
		}
		for _, o := range c.of {
			if v.LastUsed.Before(o.LastUsed) || v.SilentSince.Before(o.SilentSince) && v.Status.Inactive() {
				t.Errorf("%s: last used %s, silent since %s, and one of them %s, %s", c.name, v.LastUsed, v.SilentSince,
					o.LastUsed, o.SilentSince)
			}
		}
	}
}

// TestMergeCoverage: what says the same of stretches that touch is one.
func TestMergeCoverage(t *testing.T) {
	part := func(from, to int, change func(*retinue.Coverage)) retinue.Coverage {
		return with(full(ago(from)), func(c *retinue.Coverage) {
			c.To = ago(to)
			if change != nil {
				change(c)
			}
		})
	}
	unproven := func(c *retinue.Coverage) { c.Proof = "" }
	spot := func(c *retinue.Coverage) { c.BlindSpots = []retinue.BlindSpot{dataEventsOff} }
	for _, c := range []struct {
		name string
		in   []retinue.Coverage
		want int
	}{
		{"touching", logs(part(2, 1, nil), part(3, 2, nil), part(1, 0, nil)), 1},
		{"apart", logs(part(3, 2, nil), part(1, 0, nil)), 2},
		{"within", logs(part(9, 0, nil), part(5, 4, nil)), 1},
		{"other proof", logs(part(2, 1, nil), part(1, 0, unproven)), 2},
		{"other blind spots", logs(part(2, 1, nil), part(1, 0, spot)), 2},
	} {
		got := MergeCoverage(c.in)
		if len(got) != c.want {
			t.Errorf("%s: %d stretches, want %d", c.name, len(got), c.want)
		}
	}
	if got := MergeCoverage(logs(part(9, 0, nil), part(5, 4, nil))); !got[0].To.Equal(ago(0)) {
		t.Errorf("ends at %s", got[0].To)
	}
}
