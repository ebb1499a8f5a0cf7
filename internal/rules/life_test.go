package rules

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
)

func TestNext(t *testing.T) {
	day := func(n int) time.Time { return CaseNow().AddDate(0, 0, n) }
	hit := &Hit{Finding: retinue.Finding{Rule: "a-b", Fingerprint: "f", Message: "m", Severity: retinue.SeverityHigh}}
	other := &Hit{Finding: retinue.Finding{Rule: "a-b", Fingerprint: "f", Message: "another", Severity: retinue.SeverityHigh}}
	aged := func(message string) *Hit {
		return &Hit{Finding: retinue.Finding{Rule: "a-b", Fingerprint: "f", Message: message, Severity: retinue.SeverityHigh}}
	}
	older, _ := Next(nil, aged("99 days old, in 2 places"), day(-1))
	prev := func(s retinue.FindingState, until time.Time) *retinue.Finding {
		f := hit.Finding
		f.ID, f.State, f.FirstSeen, f.LastSeen = "fnd_1", s, day(-9), day(-1)
		if s == retinue.FindingAccepted {
			f.Accepted = &retinue.Acceptance{By: "ada", Reason: "lab", At: day(-8), Until: until}
		}
		if s == retinue.FindingResolved {
			f.ResolvedAt = day(-2)
		}
		return &f
	}
	tests := []struct {
		name  string
		prev  *retinue.Finding
		hit   *Hit
		state retinue.FindingState
		want  Transition
	}{
		{"first", nil, hit, retinue.FindingOpen, TransitionOpened},
		{"again", prev(retinue.FindingOpen, time.Time{}), hit, retinue.FindingOpen, TransitionNone},
		{"says something else", prev(retinue.FindingOpen, time.Time{}), other, retinue.FindingOpen, TransitionChanged},
		{"a day older", older, aged("100 days old, in 2 places"), retinue.FindingOpen, TransitionNone},
		{"a place more", older, aged("100 days old, in 3 places"), retinue.FindingOpen, TransitionChanged},
		{"acknowledged stays", prev(retinue.FindingAcknowledged, time.Time{}), hit, retinue.FindingAcknowledged, TransitionNone},
		{"accepted stays", prev(retinue.FindingAccepted, day(1)), hit, retinue.FindingAccepted, TransitionNone},
		{"acceptance ends this moment", prev(retinue.FindingAccepted, day(0)), hit, retinue.FindingReopened, TransitionExpired},
		{"accepted and gone", prev(retinue.FindingAccepted, day(1)), nil, retinue.FindingResolved, TransitionResolved},
		{"gone", prev(retinue.FindingOpen, time.Time{}), nil, retinue.FindingResolved, TransitionResolved},
		{"still gone", prev(retinue.FindingResolved, time.Time{}), nil, retinue.FindingResolved, TransitionNone},
		{"back", prev(retinue.FindingResolved, time.Time{}), hit, retinue.FindingReopened, TransitionReopened},
		{"reopened stays", prev(retinue.FindingReopened, time.Time{}), hit, retinue.FindingReopened, TransitionNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, got := Next(tt.prev, tt.hit, day(0))
			if got != tt.want || f.State != tt.state {
				t.Errorf("state %s, transition %q: want %s, %q", f.State, got, tt.state, tt.want)
			}
		})
	}
	if f, tr := Next(nil, nil, day(0)); f != nil || tr != TransitionNone {
		t.Error("nothing became something")
	}
}

// TestLifeProperties runs random lives: judgements, and decisions of people
// between them.
func TestLifeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := CaseNow()
		var f *retinue.Finding
		var id retinue.FindingID
		var firstSeen time.Time
		opened, resolved := 0, 0
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 72).Draw(t, "hours")) * time.Hour)
			decide(t, f, now)
			var hit *Hit
			if rapid.Bool().Draw(t, "holds") {
				hit = &Hit{Finding: retinue.Finding{Rule: "a-b", Fingerprint: "f", Message: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "says")}}
			}
			before := f
			next, tr := Next(f, hit, now)
			if before == nil && hit == nil {
				if next != nil {
					t.Fatal("a finding from nothing")
				}
				continue
			}
			f = next
			switch tr {
			case TransitionOpened:
				opened++
				id, firstSeen = f.ID, f.FirstSeen
			case TransitionResolved:
				resolved++
			case TransitionReopened, TransitionExpired:
				if f.State != retinue.FindingReopened {
					t.Fatalf("%s gave %s", tr, f.State)
				}
			}
			check(t, f, hit, now)
			if f.ID != id || !f.FirstSeen.Equal(firstSeen) || opened != 1 {
				t.Fatal("id or first sight changed")
			}
			again, tr := Next(f, hit, now)
			if tr != TransitionNone || again.State != f.State {
				t.Fatalf("judging the same twice gave %q", tr)
			}
		}
		if f != nil && f.State == retinue.FindingResolved && resolved == 0 {
			t.Fatal("resolved without a transition")
		}
	})
}

// decide is what a person may do to a finding.
func decide(t *rapid.T, f *retinue.Finding, now time.Time) {
	if f == nil || f.State == retinue.FindingResolved {
		return
	}
	switch rapid.IntRange(0, 4).Draw(t, "decision") {
	case 0:
		f.State, f.Accepted = retinue.FindingAcknowledged, nil
	case 1:
		f.State = retinue.FindingAccepted
		f.Accepted = &retinue.Acceptance{By: "ada", Reason: "r", At: now, Until: now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "until")) * time.Hour)}
	}
}

func check(t *rapid.T, f *retinue.Finding, hit *Hit, now time.Time) {
	if (hit == nil) != (f.State == retinue.FindingResolved) {
		t.Fatalf("holds %t, state %s", hit != nil, f.State)
	}
	if (f.State == retinue.FindingResolved) == f.ResolvedAt.IsZero() {
		t.Fatalf("state %s, resolved at %v", f.State, f.ResolvedAt)
	}
	if (f.State == retinue.FindingAccepted) != (f.Accepted != nil) {
		t.Fatalf("state %s, accepted %v", f.State, f.Accepted)
	}
	if f.Accepted != nil && !now.Before(f.Accepted.Until) {
		t.Fatal("an acceptance outlived its end")
	}
	if f.LastSeen.Before(f.FirstSeen) || hit != nil && !f.LastSeen.Equal(now) {
		t.Fatal("last sight is wrong")
	}
}
