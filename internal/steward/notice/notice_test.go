package notice

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/testkit"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

func target(ch string, address ...string) Target {
	t := Target{Channel: retinue.ChannelID(ch)}
	if len(address) > 0 {
		t.Address = address[0]
	}
	return t
}

func directory() Directory {
	return Directory{
		Address: func(o string) string { return map[string]string{"ada": "ada@example.com", "eve": "eve@example.com"}[o] },
		Lead:    func(o string) string { return map[string]string{"ada": "eve"}[o] },
	}
}

func receivers(tells []Tell) []string {
	out := []string{}
	for _, t := range tells {
		out = append(out, string(t.Channel)+":"+t.Address)
	}
	return out
}

func TestPlan(t *testing.T) {
	high := Subject{Kind: FindingOpened, Severity: retinue.SeverityHigh, Owner: "ada", Source: "aws", Tags: []string{"team=pay"}, Environment: retinue.EnvironmentProduction, News: true}
	route := func(id string, m Match, to ...Target) Route {
		return Route{ID: retinue.RouteID(id), Enabled: true, Match: m, To: to}
	}
	goOn := func(r Route) Route { r.Continue = true; return r }
	off := func(r Route) Route { r.Enabled = false; return r }
	for _, c := range []struct {
		name   string
		routes []Route
		s      Subject
		want   []string
	}{
		{"first match only", []Route{route("1", Match{}, target("a")), route("2", Match{}, target("b"))}, high, []string{"a:"}},
		{"all that match", []Route{goOn(route("1", Match{}, target("a"))), route("2", Match{}, target("b"))}, high, []string{"a:", "b:"}},
		{"one receiver once", []Route{goOn(route("1", Match{}, target("a"))), route("2", Match{}, target("a"))}, high, []string{"a:"}},
		{"disabled", []Route{off(route("1", Match{}, target("a"))), route("2", Match{}, target("b"))}, high, []string{"b:"}},
		{"severity at least", []Route{route("1", Match{Severity: retinue.SeverityCritical}, target("a")), route("2", Match{Severity: retinue.SeverityMedium}, target("b"))}, high, []string{"b:"}},
		{"kind", []Route{route("1", Match{Kinds: []Kind{ScanFailed}}, target("a"))}, high, []string{}},
		{"owner, folded", []Route{route("1", Match{Owners: []string{"@ADA"}}, target("a"))}, high, []string{"a:"}},
		{"unowned", []Route{route("1", Match{Unowned: true}, target("a"))}, high, []string{}},
		{"tag", []Route{route("1", Match{Tags: []string{"team=pay"}}, target("a"))}, high, []string{"a:"}},
		{"tag key", []Route{route("1", Match{Tags: []string{"team"}}, target("a"))}, high, []string{"a:"}},
		{"not a prefix of a tag key", []Route{route("1", Match{Tags: []string{"tea"}}, target("a"))}, high, []string{}},
		{"source and environment", []Route{route("1", Match{Sources: []string{"aws"}, Environments: []retinue.Environment{retinue.EnvironmentTest}}, target("a"))}, high, []string{}},
		{"owner's address", []Route{route("1", Match{}, target("mail", ToOwner))}, high, []string{"mail:ada@example.com"}},
		{"lead", []Route{route("1", Match{}, target("mail", ToTeamLead))}, high, []string{"mail:eve@example.com"}},
		{"owner that is an address", []Route{route("1", Match{}, target("mail", ToOwner))}, Subject{Kind: ScanFailed, Owner: "x@example.com"}, []string{"mail:x@example.com"}},
		{"nobody: the next route is asked", []Route{route("1", Match{}, target("mail", ToBackupOwner)), route("2", Match{}, target("b"))}, high, []string{"b:"}},
	} {
		got := receivers(Plan(c.routes, c.s, directory(), nil, noon).Tells)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: told %v, want %v", c.name, got, c.want)
		}
	}
}

func TestASecondTimeIsMutedWithinTheWindow(t *testing.T) {
	routes := []Route{{ID: "1", Enabled: true, To: []Target{target("a")}, WindowMinutes: 60}}
	told := map[Receiver]time.Time{{Channel: "a"}: noon}
	for _, c := range []struct {
		after time.Duration
		news  bool
		tells int
	}{{59 * time.Minute, false, 0}, {60 * time.Minute, false, 1}, {time.Minute, true, 1}} {
		out := Plan(routes, Subject{Kind: ScanFailed, News: c.news}, Directory{}, told, noon.Add(c.after))
		if len(out.Tells) != c.tells || len(out.Tells)+len(out.Muted) != 1 {
			t.Errorf("after %v, news %v: %+v", c.after, c.news, out)
		}
	}
}

func TestClimb(t *testing.T) {
	r := Route{ID: "1", Enabled: true, To: []Target{target("a")}, Escalate: []Step{
		{AfterMinutes: 30, To: []Target{target("mail", ToBackupOwner)}}, {AfterMinutes: 60, To: []Target{target("mail", ToTeamLead)}}, {AfterMinutes: 120, To: []Target{target("fallback")}}}}
	ladder := Plan([]Route{r}, Subject{Kind: ScanFailed, Owner: "ada", BackupOwner: "eve", News: true}, directory(), nil, noon).Ladder
	for _, c := range []struct {
		step    int
		after   int
		want    []string
		climbed int
		next    time.Time
	}{
		{0, 29, []string{}, 0, noon.Add(30 * time.Minute)},
		{0, 30, []string{"mail:eve@example.com"}, 1, noon.Add(time.Hour)},
		{1, 45, []string{}, 1, noon.Add(time.Hour)},
		{1, 60, []string{"mail:eve@example.com"}, 2, noon.Add(2 * time.Hour)},
		{0, 500, []string{"mail:eve@example.com", "fallback:"}, 3, time.Time{}},
		{3, 900, []string{}, 3, time.Time{}},
	} {
		tells, climbed, next := Climb(ladder, noon, c.step, noon.Add(time.Duration(c.after)*time.Minute))
		if got := receivers(tells); !slices.Equal(got, c.want) || climbed != c.climbed || !next.Equal(c.next) {
			t.Errorf("step %d after %d minutes: %v, %d, %v", c.step, c.after, got, climbed, next)
		}
	}
}

func TestDue(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		testkit.Absent(t, "time zones: install the Debian package tzdata")
	}
	night := Timetable{Zone: "Europe/Berlin", Quiet: []Quiet{{From: "20:00", To: "07:00"}, {Days: []string{"sat", "sun"}, From: "00:00", To: "00:00"}}}
	at := func(day, h, m int) time.Time { return time.Date(2026, 3, day, h, m, 0, 0, berlin) }
	for _, c := range []struct {
		name string
		t    Timetable
		sev  retinue.Severity
		at   time.Time
		want time.Time
	}{
		{"by day", night, retinue.SeverityHigh, at(2, 12, 0), at(2, 12, 0)},
		{"evening", night, retinue.SeverityHigh, at(2, 20, 0), at(3, 7, 0)},
		{"before dawn", night, retinue.SeverityHigh, at(3, 6, 59), at(3, 7, 0)},
		{"friday night to monday", night, retinue.SeverityHigh, at(6, 21, 0), at(9, 7, 0)},
		{"over the change to summer time", night, retinue.SeverityHigh, at(28, 23, 0), at(30, 7, 0)},
		{"critical held too", night, retinue.SeverityCritical, at(2, 23, 0), at(3, 7, 0)},
		{"critical passes", Timetable{Zone: night.Zone, Quiet: night.Quiet, CriticalPasses: true}, retinue.SeverityCritical, at(2, 23, 0), at(2, 23, 0)},
		{"hourly", Timetable{Digest: "hourly"}, retinue.SeverityLow, noon.Add(time.Minute), noon.Add(time.Hour)},
		{"hourly on the hour", Timetable{Digest: "hourly"}, retinue.SeverityLow, noon, noon},
		{"daily", Timetable{Digest: "daily", Zone: "Europe/Berlin"}, retinue.SeverityLow, at(2, 9, 1), at(3, 9, 0)},
		{"daily at a quiet hour", Timetable{Digest: "daily", DigestAt: "03:00", Zone: "Europe/Berlin", Quiet: night.Quiet}, retinue.SeverityLow, at(2, 12, 0), at(3, 7, 0)},
	} {
		if got := c.t.Due(c.sev, c.at); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got.In(berlin), c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	known := func(id retinue.ChannelID) bool { return id == "a" }
	for name, r := range map[string]Route{
		"no target":       {},
		"unknown channel": {To: []Target{target("b")}},
		"unknown kind":    {Match: Match{Kinds: []Kind{"x"}}, To: []Target{target("a")}},
		"steps backwards": {To: []Target{target("a")}, Escalate: []Step{{AfterMinutes: 5, To: []Target{target("a")}}, {AfterMinutes: 5, To: []Target{target("a")}}}},
		"control address": {To: []Target{target("a", "x\ny")}},
		"owned unowned":   {Match: Match{Unowned: true, Owners: []string{"x"}}, To: []Target{target("a")}},
	} {
		if r.Validate(known) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (Route{To: []Target{target("a")}}).Validate(known); err != nil {
		t.Error(err)
	}
	for name, tt := range map[string]Timetable{
		"zone":         {Zone: "Mars/Base"},
		"digest":       {Digest: "weekly"},
		"clock":        {Quiet: []Quiet{{From: "25:00", To: "07:00"}}},
		"no clock":     {Quiet: []Quiet{{}}},
		"day":          {Quiet: []Quiet{{Days: []string{"caturday"}, From: "01:00", To: "02:00"}}},
		"always quiet": {Quiet: []Quiet{{From: "00:00", To: "00:00"}}},
		"two halves":   {Quiet: []Quiet{{From: "00:00", To: "12:00"}, {From: "12:00", To: "00:00"}}},
	} {
		if tt.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (Timetable{Zone: "Europe/Berlin", Quiet: []Quiet{{From: "20:00", To: "07:00"}}}).Validate(); err != nil {
		t.Error(err)
	}
}

// drawRoutes makes routes over a few channels.
func drawRoutes(t *rapid.T) []Route {
	targets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Target {
		return Target{Channel: rapid.SampledFrom([]retinue.ChannelID{"a", "b", "c"}).Draw(t, "channel"),
			Address: rapid.SampledFrom([]string{"", ToOwner, ToBackupOwner, ToTeamLead, "x@example.com"}).Draw(t, "address")}
	}), 1, 3)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Route {
		r := Route{ID: retinue.RouteID(rapid.StringMatching("[a-z]{6}").Draw(t, "id")), Enabled: rapid.Bool().Draw(t, "enabled"), To: targets.Draw(t, "to"),
			Continue: rapid.Bool().Draw(t, "continue"), WindowMinutes: rapid.IntRange(0, 300).Draw(t, "window")}
		if rapid.Bool().Draw(t, "severity?") {
			r.Match.Severity = rapid.SampledFrom(retinue.Severities()).Draw(t, "severity")
		}
		after := 0
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			after += rapid.IntRange(1, 100).Draw(t, "after")
			r.Escalate = append(r.Escalate, Step{AfterMinutes: after, To: targets.Draw(t, "step")})
		}
		return r
	}), 0, 5).Draw(t, "routes")
}

// TestNothingIsLostAndNothingTwice plays a cause that comes again and again:
// with a last route that takes everything, every occasion is told, or lies
// within the window after a telling; and no receiver is told of one occasion
// twice.
func TestNothingIsLostAndNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		routes := append(drawRoutes(t), Route{ID: "last", Enabled: true, To: []Target{{Channel: "fallback"}}, WindowMinutes: 60})
		s := Subject{Kind: FindingOpened, Severity: rapid.SampledFrom(retinue.Severities()).Draw(t, "sev"), Owner: rapid.SampledFrom([]string{"", "ada", "nobody"}).Draw(t, "owner")}
		told := map[Receiver]time.Time{}
		now := noon
		for i := range rapid.IntRange(1, 8).Draw(t, "occasions") {
			s.News = i == 0 || rapid.Bool().Draw(t, "news")
			out := Plan(routes, s, directory(), told, now)
			if len(out.Tells)+len(out.Muted) == 0 {
				t.Fatalf("occasion %d is lost", i)
			}
			if s.News && len(out.Muted) > 0 {
				t.Fatalf("news was muted")
			}
			seen := map[Receiver]bool{}
			for _, x := range slices.Concat(out.Tells, out.Muted) {
				if seen[x.Receiver] {
					t.Fatalf("%v is told twice", x.Receiver)
				}
				seen[x.Receiver] = true
			}
			for _, x := range out.Muted {
				if now.Sub(told[x.Receiver]) >= 24*time.Hour {
					t.Fatalf("muted although never told, or long ago")
				}
			}
			for _, x := range out.Tells {
				told[x.Receiver] = now
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "pause")) * time.Minute)
		}
	})
}

// TestTheLadderIsClimbedOnce looks at an escalation at times of its own
// choosing: every receiver of every rung is told once for the rung, in order.
func TestTheLadderIsClimbedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Subject{Kind: FindingOpened, Severity: retinue.SeverityCritical, Owner: "ada", BackupOwner: "eve", News: true}
		ladder := Plan(drawRoutes(t), s, directory(), nil, noon).Ladder
		for i := 1; i < len(ladder); i++ {
			if ladder[i].After <= ladder[i-1].After {
				t.Fatalf("rungs out of order: %v", ladder)
			}
		}
		step, now := 0, noon
		for step < len(ladder) {
			before := step
			var tells []Tell
			var next time.Time
			tells, step, next = Climb(ladder, noon, step, now)
			want := map[Receiver]bool{}
			for _, r := range ladder[before:step] {
				for _, x := range r.Tells {
					want[x.Receiver] = true
				}
			}
			if len(want) != len(tells) {
				t.Fatalf("rungs %d to %d: told %v", before, step, tells)
			}
			if step < len(ladder) && (!next.After(now) || next.IsZero()) {
				t.Fatalf("next step at %v, now %v", next, now)
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "pause")) * time.Minute)
		}
		if tells, _, next := Climb(ladder, noon, step, now.Add(1000*time.Hour)); len(tells) > 0 || !next.IsZero() {
			t.Fatalf("the ladder goes on: %v", tells)
		}
	})
}

// TestDueKeepsOrder checks that a timetable never sends early, never in quiet
// hours, and never a later notice before an earlier one.
func TestDueKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clockTime := rapid.StringMatching("([01][0-9]|2[0-3]):[0-5][0-9]")
		tt := Timetable{Zone: rapid.SampledFrom([]string{"", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}).Draw(t, "zone"),
			Digest: rapid.SampledFrom([]string{"", "hourly", "daily"}).Draw(t, "digest"), CriticalPasses: rapid.Bool().Draw(t, "passes"),
			DigestAt: clockTime.Draw(t, "digestAt")}
		for range rapid.IntRange(0, 2).Draw(t, "quiets") {
			tt.Quiet = append(tt.Quiet, Quiet{From: clockTime.Draw(t, "from"), To: clockTime.Draw(t, "to"),
				Days: rapid.SliceOfNDistinct(rapid.SampledFrom(weekdays()), 0, 3, rapid.ID[string]).Draw(t, "days")})
		}
		if tt.Validate() != nil {
			t.Skip("never sends")
		}
		sev := rapid.SampledFrom(retinue.Severities()).Draw(t, "sev")
		a := noon.Add(time.Duration(rapid.IntRange(0, 400*24*60).Draw(t, "a")) * time.Minute)
		b := a.Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "b")) * time.Minute)
		dueA, dueB := tt.Due(sev, a), tt.Due(sev, b)
		if dueA.Before(a) {
			t.Fatalf("due %v before %v", dueA, a)
		}
		if dueB.Before(dueA) {
			t.Fatalf("%v is due %v, but %v already %v", a, dueA, b, dueB)
		}
		if dueA.Sub(a) > 9*24*time.Hour {
			t.Fatalf("due %v, days after %v", dueA, a)
		}
		if sev == retinue.SeverityCritical && tt.CriticalPasses {
			return
		}
		zone, _ := time.LoadLocation(tt.Zone)
		for _, q := range tt.Quiet {
			if e := q.end(dueA, zone); e.After(dueA) {
				t.Fatalf("due %v within quiet hours until %v", dueA, e)
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	var sum time.Duration
	for i := 1; i <= MaxAttempts; i++ {
		d := Backoff(i)
		if d < Backoff(i-1) || d > time.Hour {
			t.Errorf("after %d failures: %v", i, d)
		}
		sum += d
	}
	if sum < 6*time.Hour || sum > 9*time.Hour {
		t.Errorf("given up after %v", sum)
	}
}
