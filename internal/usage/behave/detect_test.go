package behave

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

var (
	realm = retinue.NewRealm("aws", "111122223333")
	self  = retinue.Ref{Realm: realm, Kind: "user", Key: "nightly"}
	begin = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) // a Monday
)

const day = 24 * time.Hour

// use is n calls of a behaviour at a time after begin.
type use struct {
	b  store.Behaviour
	at time.Duration
	n  int64
}

func way(network, agent, action string, outcome retinue.Outcome) store.Behaviour {
	return store.Behaviour{Log: "aws.cloudtrail", Realm: realm, Class: retinue.EventManagement, Identity: self, Action: action, Region: "eu-central-1",
		Outcome: outcome, Consumer: store.Consumer{Kind: "network", Name: agent + " from " + network, Network: network, Agent: agent}}
}

var ordinary = way("10.1.2.0/24", "boto3", "s3:GetObject", retinue.OutcomeSuccess)

// hourly is a machine that acts every hour for so many days.
func hourly(days int) []use {
	var out []use
	for h := range days * 24 {
		out = append(out, use{ordinary, time.Duration(h) * time.Hour, 5})
	}
	return out
}

func fold(uses ...use) []store.Used {
	var out []store.Used
	for _, u := range uses {
		at := begin.Add(u.at).Unix()
		i := slices.IndexFunc(out, func(x store.Used) bool { return x.Behaviour == u.b })
		if i < 0 {
			i = len(out)
			out = append(out, store.Used{Behaviour: u.b})
		}
		m := store.Month{Month: store.UsageMonth(at), Grain: store.GrainHour, Hours: []store.Tally{{Hour: store.UsageHour(at), N: u.n, First: at, Last: at}}}
		m.Sum()
		if k := len(out[i].Months); k > 0 && out[i].Months[k-1].Month == m.Month {
			out[i].Months[k-1].Merge(m)
		} else {
			out[i].Months = append(out[i].Months, m)
		}
	}
	return out
}

func kindsOf(signals []Signal) string {
	var out []string
	for _, s := range signals {
		out = append(out, string(s.Kind))
		for _, k := range s.Also {
			out = append(out, "+"+string(k))
		}
	}
	return strings.Join(out, " ")
}

// burstOf are refusals of so many actions, so often each.
func burstOf(actions int, each int64) []use {
	var out []use
	for i := range actions {
		out = append(out, use{way("10.1.2.0/24", "boto3", fmt.Sprintf("iam:List%d", i), retinue.OutcomeDenied), 20*day + 3*time.Hour, each})
	}
	return out
}

func deedOf(kind retinue.TouchKind, b store.Behaviour, at time.Duration) Deed {
	return Deed{Kind: kind, Target: retinue.Ref{Realm: realm, Kind: "role", Key: "admin"}, Behaviour: b.Hash(), N: 1, First: begin.Add(at), Last: begin.Add(at)}
}

func TestDetect(t *testing.T) {
	const ok, no = retinue.OutcomeSuccess, retinue.OutcomeDenied
	late := 30*day + 12*time.Hour + 10*time.Minute // a Wednesday, 12:10
	attack := way("203.0.113.0/24", "curl", "s3:GetObject", ok)
	edit := way("10.1.2.0/24", "boto3", "iam:AttachRolePolicy", ok)
	refusedEdit := way("10.1.2.0/24", "boto3", "iam:AttachRolePolicy", no)
	stop := way("10.1.2.0/24", "boto3", "cloudtrail:StopLogging", ok)
	console := way("198.51.100.0/24", "browser", "s3:GetObject", ok)
	console.Interactive = true
	pod := ordinary
	pod.Consumer.Kind, pod.Consumer.Name = "workload", "pay/api-*"
	moved := pod
	moved.Consumer.Network, moved.Consumer.Agent = "10.9.9.0/24", "aws-sdk-go"
	exfiltrated := pod
	exfiltrated.Consumer.Network = "203.0.113.0/24"
	region := ordinary
	region.Region = "ap-south-1"
	with := func(s Subject) Subject { s.Ref = self; return s }
	for name, c := range map[string]struct {
		subject Subject
		uses    []use
		want    string
	}{
		"nothing new": {uses: hourly(40)},
		"stolen": {uses: append(hourly(40), use{attack, late, 3}),
			want: "two_places +first_network +first_agent"},
		"stolen while it sleeps":     {uses: append(hourly(30), use{attack, late, 3}), want: "first_network +first_agent"},
		"stolen while it is learned": {uses: append(hourly(40), use{attack, 5 * day, 3})},
		"refused from elsewhere":     {uses: append(hourly(40), use{way("203.0.113.0/24", "curl", "s3:GetObject", no), late, 3})},
		"a new action":               {uses: append(hourly(40), use{way("10.1.2.0/24", "boto3", "s3:DeleteBucket", ok), late, 1}), want: "first_action"},
		"a new service":              {uses: append(hourly(40), use{way("10.1.2.0/24", "boto3", "iam:ListUsers", ok), late, 1}), want: "first_service +first_action"},
		"a new region":               {uses: append(hourly(40), use{region, late, 1}), want: "first_region"},
		"a client":                   {uses: append(hourly(40), use{way("10.1.2.0/24", "curl", "s3:GetObject", ok), late, 1}), want: "first_agent"},
		"moved inside":               {uses: append(hourly(40), use{way("10.77.2.0/24", "boto3", "s3:GetObject", ok), late, 1})},
		"a workload rolled out":      {uses: append(slices.Repeat([]use{{pod, 0, 1}}, 1), append(podly(pod, 40), use{moved, late, 1})...)},
		"a workload's key carried off": {uses: append(podly(pod, 40), use{exfiltrated, late, 1}),
			want: "two_places +first_network"},
		"surge":               {uses: append(hourly(40), use{ordinary, 40 * day, 5000}), want: "volume"},
		"refused a lot":       {uses: append(hourly(40), burstOf(1, 50)...), want: "denied_burst"},
		"refused over many":   {uses: append(hourly(40), burstOf(6, 1)...), want: "denied_burst"},
		"refused a little":    {uses: append(hourly(40), burstOf(2, 3)...)},
		"a terminal":          {uses: append(hourly(30), use{console, late, 1}), want: "first_network +first_agent human_use"},
		"psql by day":         {uses: append(hourly(14), use{way("10.1.2.0/24", "psql", "s3:GetObject", ok), 15*day + 10*time.Hour, 1}, use{way("10.1.2.0/24", "psql", "s3:GetObject", ok), 16*day + 11*time.Hour, 1}), want: "first_agent human_use"},
		"psql of a script":    {uses: append(hourly(14), scripted("psql", 40)...), want: "first_agent"},
		"a person":            {subject: Subject{Person: true}, uses: append(hourly(30), use{console, late, 1}), want: "first_network +first_agent"},
		"revoked":             {subject: Subject{Credential: retinue.CredentialRevoked}, uses: append(hourly(30), use{way("10.1.2.0/24", "boto3", "s3:GetObject", no), late, 2}), want: "tombstone_use"},
		"retired but working": {subject: Subject{DeadSince: begin.Add(20 * day)}, uses: append(hourly(20), use{ordinary, 21 * day, 2}), want: "tombstone_use"},
		"disabled and quiet":  {subject: Subject{State: retinue.StateDisabled}, uses: hourly(30)},
		"widened":             {subject: Subject{Deeds: []Deed{deedOf(retinue.TouchEdit, edit, late)}}, uses: append(hourly(40), use{edit, late, 1}), want: "privilege_edit +first_action +first_service"},
		"tried to widen":      {subject: Subject{Deeds: []Deed{deedOf(retinue.TouchEdit, refusedEdit, late)}}, uses: append(hourly(40), use{refusedEdit, late, 1})},
		"its work": {subject: Subject{Deeds: []Deed{deedOf(retinue.TouchEdit, edit, day), deedOf(retinue.TouchEdit, edit, late)}},
			uses: append([]use{{edit, day, 1}}, append(hourly(40), use{edit, late, 1})...)},
		"silenced a log": {subject: Subject{Deeds: []Deed{deedOf(retinue.TouchSilence, stop, time.Hour)}}, uses: append(hourly(2), use{stop, time.Hour, 1}), want: "logging_disabled"},
		"opened":         {subject: Subject{Deeds: []Deed{deedOf(retinue.TouchExpose, edit, late)}}, uses: append(hourly(40), use{edit, late, 1}), want: "exposure +first_action +first_service"},
	} {
		got := Detect(with(c.subject), fold(c.uses...), Options{})
		if kindsOf(got) != c.want {
			t.Errorf("%s: %q, want %q", name, kindsOf(got), c.want)
		}
		for _, s := range got {
			if !strings.Contains(s.Sentence, "nightly") || s.Subject != self || len(s.Behaviours) == 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func podly(b store.Behaviour, days int) []use {
	out := hourly(days)
	for i := range out {
		out[i].b = b
	}
	return out
}

// scripted is a tool that runs at night and on weekends too.
func scripted(agent string, days int) []use {
	var out []use
	for d := 15; d < days; d++ {
		out = append(out, use{way("10.1.2.0/24", agent, "s3:GetObject", retinue.OutcomeSuccess), time.Duration(d)*day + 3*time.Hour, 1})
	}
	return out
}

// TestNamelessOfficeHours: a place that says nothing of itself, and is used in
// office hours of working days only.
func TestNamelessOfficeHours(t *testing.T) {
	uses := podly(way("10.1.2.0/24", "", "login", retinue.OutcomeSuccess), 40)
	for d := 21; d < 26; d++ { // Monday to Friday
		uses = append(uses, use{way("10.50.0.0/24", "", "login", retinue.OutcomeSuccess), time.Duration(d)*day + time.Duration(8+d%5*2)*time.Hour + 7*time.Minute, 1})
	}
	office := Options{Zones: []*time.Location{time.UTC}}
	if got := kindsOf(Detect(Subject{Ref: self, Rhythm: rhythm.ClassContinuous}, fold(uses...), office)); got != "human_use" {
		t.Errorf("a machine used in office hours: %q", got)
	}
	if got := kindsOf(Detect(Subject{Ref: self, Rhythm: rhythm.ClassWeekdays}, fold(uses...), office)); got != "" {
		t.Errorf("a machine that keeps office hours itself: %q", got)
	}
}

// TestBounds: signals of other times are not told, and asking for a part gives
// the same as the whole.
func TestBounds(t *testing.T) {
	used := fold(append(hourly(40), use{way("203.0.113.0/24", "curl", "s3:GetObject", retinue.OutcomeSuccess), 20*day + time.Minute, 1}, use{ordinary, 40 * day, 5000})...)
	all := Detect(Subject{Ref: self}, used, Options{})
	late := Detect(Subject{Ref: self}, used, Options{From: begin.Add(30 * day)})
	early := Detect(Subject{Ref: self}, used, Options{To: begin.Add(30 * day)})
	if len(all) != 2 || len(late) != 1 || len(early) != 1 || late[0].Fingerprint != all[1].Fingerprint || early[0].Fingerprint != all[0].Fingerprint {
		t.Errorf("%q, %q, %q", kindsOf(all), kindsOf(early), kindsOf(late))
	}
	if all[0].Fingerprint == all[1].Fingerprint {
		t.Error("two signals have one fingerprint")
	}
}

// TestMonthsTeach: what is kept by day or month is a baseline like hours.
func TestMonthsTeach(t *testing.T) {
	for _, grain := range []store.Grain{store.GrainHour, store.GrainDay, store.GrainMonth} {
		used := fold(append(hourly(75), use{way("10.1.2.0/24", "boto3", "iam:ListUsers", retinue.OutcomeSuccess), 74 * day, 1})...)
		for i := range used[0].Months[:2] {
			used[0].Months[i].Coarsen(grain)
		}
		if got := kindsOf(Detect(Subject{Ref: self}, used, Options{})); got != "first_service +first_action" {
			t.Errorf("%c: %q", grain, got)
		}
	}
}

func TestMask(t *testing.T) {
	used := fold(append(hourly(40), use{way("203.0.113.0/24", "curl", "s3:GetObject", retinue.OutcomeSuccess), 20*day + time.Minute, 1})...)
	for _, s := range Detect(Subject{Ref: self}, used, Options{Mask: func(dimension, _ string) string { return "<" + dimension + ">" }}) {
		if strings.Contains(s.Sentence, "203.0.113") || strings.Contains(s.Sentence, "nightly") || !strings.Contains(s.Sentence, "<network>") {
			t.Errorf("not masked: %s", s.Sentence)
		}
	}
}

// TestDismissals: what was dismissed is not told again, other things are.
func TestDismissals(t *testing.T) {
	vpn := way("198.51.100.0/24", "curl", "s3:GetObject", retinue.OutcomeSuccess)
	used := fold(append(hourly(30), use{vpn, 30*day + time.Hour, 1})...)
	first := Detect(Subject{Ref: self}, used, Options{})
	if kindsOf(first) != "first_network +first_agent" {
		t.Fatalf("%q", kindsOf(first))
	}
	learned := Options{Dismissed: []Dismissal{Learn(first[0])}}
	if got := Detect(Subject{Ref: self}, used, learned); len(got) > 0 {
		t.Errorf("told again: %q", kindsOf(got))
	}
	other := fold(append(hourly(30), use{way("203.0.113.0/24", "curl", "s3:GetObject", retinue.OutcomeSuccess), 30*day + time.Hour, 1})...)
	if got := Detect(Subject{Ref: self}, other, learned); len(got) != 1 {
		t.Errorf("another network: %q", kindsOf(got))
	}
	// What was dismissed of three is no news about a fourth, one of two is.
	fourth := retinue.Ref{Realm: realm, Kind: "user", Key: "nightly-4"}
	var many []Dismissal
	for i := range 3 {
		if got := Detect(Subject{Ref: fourth}, used, Options{Dismissed: many}); len(got) != 1 {
			t.Errorf("dismissed of %d: %q", i, kindsOf(got))
		}
		d := Learn(first[0])
		d.Subject.Key = fmt.Sprintf("nightly-%d", i)
		many = append(many, d)
	}
	if got := Detect(Subject{Ref: fourth}, used, Options{Dismissed: many}); len(got) > 0 {
		t.Errorf("dismissed of three: %q", kindsOf(got))
	}
	// A surge is dismissed for its own day.
	surges := fold(append(hourly(50), use{ordinary, 40 * day, 5000}, use{ordinary, 48 * day, 90_000})...)
	volume := Detect(Subject{Ref: self}, surges, Options{})
	if kindsOf(volume) != "volume volume" {
		t.Fatalf("%q", kindsOf(volume))
	}
	if got := Detect(Subject{Ref: self}, surges, Options{Dismissed: []Dismissal{Learn(volume[0])}}); len(got) != 1 || got[0].What != volume[1].What {
		t.Errorf("after the first surge was dismissed: %q", kindsOf(got))
	}
}

// TestPeers: what the group does every day is no news, but where one came from is.
func TestPeers(t *testing.T) {
	theirs := append(podly(way("10.1.2.0/24", "boto3", "sqs:ListQueues", retinue.OutcomeSuccess), 10), podly(way("192.0.2.0/24", "boto3", "s3:GetObject", retinue.OutcomeSuccess), 10)...)
	var peers Peers
	for i := range 3 {
		peers.Add(retinue.Ref{Realm: realm, Kind: "user", Key: fmt.Sprint("other", i)}, fold(theirs...))
	}
	used := fold(append(hourly(40), use{way("10.1.2.0/24", "boto3", "sqs:ListQueues", retinue.OutcomeSuccess), 30 * day, 1})...)
	if got := Detect(Subject{Ref: self}, used, Options{Peers: &peers}); len(got) > 0 {
		t.Errorf("what all do: %q", kindsOf(got))
	}
	used = fold(append(hourly(30), use{way("192.0.2.0/24", "boto3", "s3:GetObject", retinue.OutcomeSuccess), 31 * day, 1})...)
	alone := Detect(Subject{Ref: self}, used, Options{})
	among := Detect(Subject{Ref: self}, used, Options{Peers: &peers})
	if len(alone) != 1 || len(among) != 1 || alone[0].Severity != retinue.SeverityMedium || among[0].Severity != retinue.SeverityLow {
		t.Errorf("a network: alone %+v, among peers %+v", alone, among)
	}
}

// TestHostileWords: a caller that changes its name with each call makes no more
// than MaxSignals.
func TestHostileWords(t *testing.T) {
	uses := hourly(30)
	for i := range 3000 {
		b := way(fmt.Sprintf("203.%d.%d.0/24", i/250, i%250), fmt.Sprint("agent", i), fmt.Sprint("x:y", i), retinue.OutcomeSuccess)
		b.Interactive = true
		uses = append(uses, use{b, 30*day + time.Duration(i)*time.Minute, 1})
	}
	start := time.Now()
	got := Detect(Subject{Ref: self, DeadSince: begin.Add(29 * day)}, fold(uses...), Options{})
	if len(got) > MaxSignals || len(got) == 0 {
		t.Errorf("%d signals", len(got))
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %s", d)
	}
}

func BenchmarkDetect(b *testing.B) {
	used := fold(append(hourly(90), burstOf(6, 4)...)...)
	for b.Loop() {
		Detect(Subject{Ref: self}, used, Options{})
	}
}
