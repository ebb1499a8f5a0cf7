package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// dated states the facts of the lab as they stand at its clock.
type dated struct {
	scripted
	now func() time.Time
}

func (d dated) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.Scope{Realm: "test:1", Path: "all"}
	if err := sink.Emit(scope, d.facts...); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: d.now(), Basis: "all of it"})
}

// timeline is an installation whose clock a test moves.
type timeline struct {
	*harness
	at    time.Time
	facts []retinue.Fact
}

func newTimeline(t *testing.T) *timeline {
	l := &timeline{at: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	now := func() time.Time { return l.at }
	spec := connector.Spec{Kind: "test", Title: "Test", Summary: "A scripted system.", TargetOptional: true,
		Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
			return dated{scripted{facts: l.facts}, now}, nil
		}}
	l.harness = openHarnessAt(t, []connector.Spec{spec}, now)
	return l
}

func (l *timeline) day(n int) time.Time { return time.Date(2026, 3, 1+n, 10, 0, 0, 0, time.UTC) }

func (l *timeline) scan(facts ...retinue.Fact) {
	l.t.Helper()
	l.facts = facts
	if _, err := l.app.Scan(l.t.Context(), []app.SourceConfig{{Name: "lab", Kind: "test"}}, app.ScanOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *timeline) record() {
	l.t.Helper()
	if err := l.app.WritePopulation(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *timeline) overview(query string) map[string]api.Metric {
	l.t.Helper()
	var o api.Overview
	l.get(l.t, "viewer", "/overview"+query, &o)
	out := map[string]api.Metric{}
	for _, m := range o.Metrics {
		out[m.Key] = m
	}
	if len(out) != 8 {
		l.t.Errorf("%d headline metrics", len(out))
	}
	return out
}

// points writes a trend: value of whole, with what is not known.
func points(m api.Metric) string {
	var out []string
	for _, p := range m.Trend {
		s := p.Day[8:] + ":"
		switch {
		case p.Missed:
			s += "missed"
		case p.Value == nil:
			s += fmt.Sprintf("?/%d", p.Of)
		default:
			s += fmt.Sprintf("%d/%d", *p.Value, p.Of)
		}
		if p.Unknown > 0 {
			s += fmt.Sprintf(" %d unknown", p.Unknown)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// TestTrends: each headline metric by day, with missed days as missed and what
// is not measured as unknown.
func TestTrends(t *testing.T) {
	l := newTimeline(t)
	ref := func(kind, key string) retinue.Ref { return retinue.NewRef("test:1", kind, key) }
	role := func(name string, kind retinue.IdentityKind) retinue.Identity {
		return retinue.Identity{Ref: ref("role", name), Name: name, Kind: kind, Class: retinue.ClassNonHuman, State: retinue.StateActive}
	}
	used := func(r retinue.Ref, daysBefore int) retinue.Use {
		return retinue.Use{Subject: r, Meaning: "last_used", At: l.at.AddDate(0, 0, -daysBefore), Grade: retinue.GradeC}
	}
	key := func(name string, holder retinue.Ref, age int) retinue.Credential {
		return retinue.Credential{Ref: ref("key", name), Name: name, Kind: retinue.CredentialAccessKey, Identity: holder, State: retinue.CredentialActive,
			CreatedAt: l.at.AddDate(0, 0, -age), NeverExpires: true}
	}
	a, b, w := role("a", retinue.IdentityRole), role("b", retinue.IdentityRole), role("w", retinue.IdentityWorkload)
	admin := []retinue.Fact{retinue.Policy{Ref: ref("policy", "p"), Name: "p", Language: retinue.LanguageAWSIAM,
		Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
		retinue.Attachment{Policy: ref("policy", "p"), Target: a.Ref, Role: retinue.AttachIdentity}}
	facts := append([]retinue.Fact{a, b, w, key("k", a.Ref, 200), key("l", b.Ref, 10), key("m", b.Ref, 0)}, admin...)
	l.scan(facts...)
	if _, err := l.app.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.record()
	l.at = l.day(2)
	l.scan(append(facts, used(a.Ref, 100), used(b.Ref, 3), used(ref("key", "k"), 95), used(w.Ref, 200))...)
	for _, e := range l.entities(t, store.EntityQuery{Type: retinue.FactIdentity, Text: "w"}) {
		change := app.RegistrationChange{Registration: retinue.Registration{Owner: "ann@example.com"}, Changed: func(f string) bool { return f == "owner" }}
		if err := l.app.Register(t.Context(), retinue.Actor{Kind: "system", Name: "test"}, e, change); err != nil {
			t.Fatal(err)
		}
	}
	l.record()
	got := l.overview("")
	for metric, want := range map[string]string{
		"unowned":                     "01:3/3, 02:missed, 03:2/3",
		"rotation_frequency":          "01:2/3, 02:missed, 03:2/3",
		"over_privileged":             "01:1/3, 02:missed, 03:1/3",
		"excessive_token_permissions": "01:1/3, 02:missed, 03:1/3",
		"inactive_identities":         "01:?/3 3 unknown, 02:missed, 03:2/3",
		"unused_tokens":               "01:?/3 3 unknown, 02:missed, 03:1/3 2 unknown",
		"dormant_workloads":           "01:?/1 1 unknown, 02:missed, 03:1/1",
		"failed_rotations":            "01:?/3 3 unknown, 02:missed, 03:?/3 3 unknown",
	} {
		m := got[metric]
		if p := points(m); p != want {
			t.Errorf("%s: %s\nwant %s", metric, p, want)
		}
		if last := m.Trend[len(m.Trend)-1]; fmt.Sprint(last.Value == nil, last.Of, last.Unknown) != fmt.Sprint(m.Value == nil, m.Of, m.Unknown) {
			t.Errorf("%s: the trend ends with %+v, now is %+v", metric, last, m)
		}
		if m.Unknown > 0 && m.Reason == "" {
			t.Errorf("%s: %d unknown without a reason", metric, m.Unknown)
		}
	}
	if then := l.overview("?as_of=2026-03-01T11:00:00Z"); points(then["unowned"]) != "01:3/3" || *then["unowned"].Value != 3 || then["unused_tokens"].Unknown != 3 {
		t.Errorf("as of the first day: %+v", then["unowned"])
	}
}

// TestOverviewAsOf: the overview and facets tell of a past date, and say what
// they cannot tell.
func TestOverviewAsOf(t *testing.T) {
	l := newTimeline(t)
	l.scan(labFacts()...)
	l.at = l.day(5)
	facts := labFacts()[:7*10] // Ben's are gone
	l.scan(facts...)
	const then = "as_of=2026-03-02T00:00:00Z"
	l.run([]scenario{
		{name: "now", as: "viewer", path: "/overview", status: 200, contains: []string{`"nonHuman":10`, `"notTold":[]`, `"name":"lab"`}},
		{name: "then", as: "viewer", path: "/overview?" + then, status: 200, contains: []string{`"nonHuman":20`, `"credentials":20`, `"identities":20`,
			`"at":"2026-03-02T00:00:00Z"`, `"part":"changed"`, `"part":"coverage"`}},
		{name: "before anything", as: "viewer", path: "/overview?as_of=2026-02-01T00:00:00Z", status: 200, contains: []string{`"nonHuman":0`}},
		{name: "an owner sees theirs only", as: "ann", path: "/overview?" + then, status: 200, contains: []string{`"nonHuman":0`}, lacks: []string{annWord, benWord}},
		{name: "facets now", as: "viewer", path: "/facets/identities?column=kind", status: 200, contains: []string{`"value":"role","count":10`}},
		{name: "facets then", as: "viewer", path: "/facets/identities?column=kind&" + then, status: 200, contains: []string{`"value":"role","count":20`}},
		{name: "facets of credentials then", as: "viewer", path: "/facets/credentials?column=source&" + then, status: 200, contains: []string{`"value":"lab","count":20`}},
		{name: "what was known then", as: "viewer", path: "/facets/identities?column=kind&known_at=2026-03-02T00:00:00Z&" + then, status: 422},
		{name: "no time", as: "viewer", path: "/overview?as_of=yesterday", status: 422, contains: []string{"query.as_of"}},
	})
}

// TestSampleOffer: with few identities the overview names the command that
// makes the sample company; it counts nothing of it, and goes when there is
// enough to see.
func TestSampleOffer(t *testing.T) {
	l := newTimeline(t)
	const offer = `"sample":"retinue demo --serve`
	l.scan(labFacts()...)
	l.run([]scenario{
		{name: "few", as: "viewer", path: "/overview", status: 200, contains: []string{offer, `"nonHuman":20`}},
		{name: "a past date", as: "viewer", path: "/overview?as_of=2026-03-01T11:00:00Z", status: 200, lacks: []string{offer}},
		{name: "one who sees a part", as: "ann", path: "/overview", status: 200, lacks: []string{offer}},
	})
	facts := labFacts()
	for i := range 5 {
		facts = append(facts, retinue.Identity{Ref: retinue.NewRef("test:1", "role", fmt.Sprint("more", i)), Kind: retinue.IdentityRole,
			Class: retinue.ClassNonHuman, State: retinue.StateActive})
	}
	l.at = l.day(1)
	l.scan(facts...)
	l.run([]scenario{{name: "enough", as: "viewer", path: "/overview", status: 200, contains: []string{`"nonHuman":25`}, lacks: []string{offer}}})
}
