package okta

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

func one(t *testing.T, record string) retinue.Event {
	t.Helper()
	evs, err := decoder{org: "acme.okta.com"}.decode([]byte(record))
	if err != nil || len(evs) != 1 {
		t.Fatalf("decode: %d events, %v", len(evs), err)
	}
	check(t, &evs[0])
	return evs[0]
}

func logEvent(typ, rest string) string {
	return `{"uuid":"u1","published":"2026-03-01T10:00:00.000Z","eventType":"` + typ + `",` + rest + `}`
}

const (
	ada   = `"actor":{"id":"00u1","type":"User","alternateId":"ada@example.com"}`
	robot = `"actor":{"id":"0oa1","type":"PublicClientApp","displayName":"sync"}`
	okay  = `"outcome":{"result":"SUCCESS"}`
)

func TestWho(t *testing.T) {
	for name, c := range map[string]struct {
		record string
		want   string // identity, person, credential, via, on behalf of
	}{
		"a person":           {logEvent("user.session.start", ada+`,`+okay), "okta:acme.okta.com/user/00u1 true  [] "},
		"a token":            {logEvent("user.lifecycle.create", ada+`,"transaction":{"detail":{"requestApiTokenId":"00T1"}},`+okay), "okta:acme.okta.com/user/00u1 false okta:acme.okta.com/api_token/00T1 [] "},
		"a service":          {logEvent("app.oauth2.token.grant.access_token", robot+`,`+okay), "okta:acme.okta.com/app/0oa1 false  [] "},
		"for a user":         {logEvent("app.oauth2.as.token.grant.access_token", robot+`,"target":[{"type":"User","id":"00u1"}],`+okay), "okta:acme.okta.com/app/0oa1 false  [] okta:acme.okta.com/user/00u1"},
		"through a client":   {logEvent("group.user_membership.add", ada+`,"client":{"id":"0oa2"},`+okay), "okta:acme.okta.com/user/00u1 true  [okta:acme.okta.com/app/0oa2] "},
		"in another's place": {logEvent("user.lifecycle.update", ada+`,"debugContext":{"debugData":{"originalPrincipal":{"id":"00u9","type":"User"}}},`+okay), "okta:acme.okta.com/user/00u1 true  [okta:acme.okta.com/user/00u9] "},
		"Okta itself":        {logEvent("user.lifecycle.update", `"actor":{"id":"okta.1","type":"SystemPrincipal","displayName":"Okta System"},`+okay), " false  [] "},
	} {
		t.Run(name, func(t *testing.T) {
			ev := one(t, c.record)
			if got := fmt.Sprint(ev.Identity, " ", ev.Person, " ", ev.Credential, " ", ev.Via, " ", ev.OnBehalfOf); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	if ev := one(t, logEvent("user.lifecycle.create", ada+`,"transaction":{"detail":{"requestApiTokenId":"00T1"}}`)); len(ev.Joins) != 1 || ev.Joins[0].Value != "okta:00T1" {
		t.Errorf("joins %v", ev.Joins)
	}
}

func TestTouches(t *testing.T) {
	target := func(typ, id string) string { return `"target":[{"type":"` + typ + `","id":"` + id + `"}]` }
	const realm = "okta:acme.okta.com/"
	for _, c := range []struct{ typ, target, want string }{
		{"system.api_token.create", target("Token", "00T1"), "[{issue " + realm + "user/00u1} {issue " + realm + "api_token/00T1}]"},
		{"system.api_token.revoke", target("Token", "00T1"), "[{delete " + realm + "api_token/00T1}]"},
		{"app.oauth2.client.lifecycle.create", target("AppInstance", "0oa1"), "[{create " + realm + "app/0oa1}]"},
		{"app.oauth2.credentials.lifecycle.create", target("PublicClientApp", "0oa1"), "[{issue " + realm + "app/0oa1}]"},
		{"app.oauth2.client.read_client_secret", target("PublicClientApp", "0oa1"), "[{read " + realm + "app/0oa1}]"},
		{"app.oauth2.client.privilege.grant", target("PublicClientApp", "0oa1"), "[{edit " + realm + "app/0oa1}]"},
		{"application.lifecycle.deactivate", target("AppInstance", "0oa1"), "[{disable " + realm + "app/0oa1}]"},
		{"system.log_stream.lifecycle.deactivate", target("LogStream", "l1"), "[{silence " + realm + "log_stream/l1}]"},
		{"user.account.privilege.grant", target("User", "00u2"), "[{edit " + realm + "user/00u2}]"},
		{"user.session.start", target("User", "00u2"), "[]"},
		{"policy.evaluate_sign_on", target("PolicyEntity", "p"), "[]"},
	} {
		if got := fmt.Sprint(one(t, logEvent(c.typ, ada+`,`+okay+`,`+c.target)).Touches); got != c.want {
			t.Errorf("%s: %s, want %s", c.typ, got, c.want)
		}
	}
	if ev := one(t, logEvent("system.api_token.create", ada+`,"outcome":{"result":"FAILURE"},`+target("Token", "x"))); ev.Touches != nil {
		t.Errorf("a failure touched %v", ev.Touches)
	}
}

func TestOutcomesAndClasses(t *testing.T) {
	for _, c := range []struct {
		typ, outcome string
		want         retinue.Outcome
		class        retinue.EventClass
	}{
		{"user.session.start", `{"result":"FAILURE","reason":"INVALID_CREDENTIALS"}`, retinue.OutcomeDenied, retinue.EventSignIn},
		{"app.oauth2.token.grant.access_token", `{"result":"FAILURE","reason":"x"}`, retinue.OutcomeDenied, retinue.EventSignIn},
		{"policy.evaluate_sign_on", `{"result":"CHALLENGE"}`, retinue.OutcomeUnknown, retinue.EventSignIn},
		{"policy.evaluate_sign_on", `{"result":"ALLOW"}`, retinue.OutcomeSuccess, retinue.EventSignIn},
		{"application.lifecycle.update", `{"result":"FAILURE","reason":"conflict"}`, retinue.OutcomeError, retinue.EventManagement},
		{"system.operation.rate_limit.violation", `{"result":"DENY","reason":"Too many"}`, retinue.OutcomeError, retinue.EventInsight},
		{"security.threat.detected", `{"result":"ALLOW"}`, retinue.OutcomeSuccess, retinue.EventInsight},
	} {
		ev := one(t, logEvent(c.typ, ada+`,"outcome":`+c.outcome))
		if ev.Outcome != c.want || ev.Class != c.class {
			t.Errorf("%s %s: %s %s", c.typ, c.outcome, ev.Outcome, ev.Class)
		}
	}
}

// TestEnvelopes: the same entry has the same id whichever way it arrives.
func TestEnvelopes(t *testing.T) {
	record := logEvent("user.session.start", ada+`,`+okay)
	for name, envelope := range map[string]string{
		"event hook":  `{"eventType":"com.okta.event_hook","source":"https://acme.okta.com/api/v1/eventHooks/x","data":{"events":[` + record + `]}}`,
		"EventBridge": `{"version":"0","detail-type":"SystemLog","source":"aws.partner/okta.com/x","detail":` + record + `}`,
	} {
		ev := one(t, envelope)
		if ev.ID != "u1" || ev.Realm != "okta:acme.okta.com" {
			t.Errorf("%s: %+v", name, ev)
		}
	}
	evs, err := Spec().Activity.Decode([]byte(`{"source":"https://other.okta.com/api","data":{"events":[` + record + `]}}`))
	if err != nil || evs[0].Realm != "okta:other.okta.com" {
		t.Errorf("a hook names its organisation: %v, %v", evs, err)
	}
	for _, bad := range []string{"", "[]", `{"eventType":"x"}`, record} {
		if _, err := Spec().Activity.Decode([]byte(bad)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.30q: %v", bad, err)
		}
	}
}

// TestSamples: what is expected of entries that a detection product collected,
// some of them shortened by hand.
func TestSamples(t *testing.T) {
	want := map[int]string{
		0:  "00u99ped55av2JpGs5d7|00T1bjatrp6Nl1dOc5d7|system.org.rate_limit.warning|success|11.22.33.44",
		1:  "00ubewfku1EX0WCFk697||user.session.start|denied|99.108.5.25",
		6:  "00uu1uuuuIlllaaaa356||user.account.privilege.grant|success|136.24.229.58",
		21: "||security.threat.detected|error|1.2.3.4",
		25: "00u3q14ei6KUOm4Xi2p4||system.api_token.revoke|success|invalid IP",
		32: "00abc123||user.authentication.auth_via_mfa|denied|1.3.2.4",
	}
	noTime := []int{12, 14, 15, 20, 22}
	f, err := os.Open(testkit.Data(t, "cloudtrail/events-by-source/Okta.SystemLog.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var sample struct{ Event json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &sample); err != nil {
			t.Fatal(err)
		}
		evs, err := decoder{org: "acme.okta.com"}.decode(sample.Event)
		if (err != nil) != slices.Contains(noTime, n) {
			t.Errorf("sample %d: %v", n, err)
		}
		if err != nil {
			continue
		}
		ev := evs[0]
		check(t, &ev)
		got := strings.Join([]string{ev.Identity.Key, ev.Credential.Key, ev.Operation, string(ev.Outcome), ev.Origin.Address.String()}, "|")
		if want[n] != "" && got != want[n] {
			t.Errorf("sample %d: %s\nwant %s", n, got, want[n])
		}
	}
	if n != 33 {
		t.Errorf("%d samples", n)
	}
}

func TestOpen(t *testing.T) {
	for _, org := range []string{"", "acme", "acme okta.com", "../x.y", "a..b"} {
		if _, err := open(t.Context(), connector.Config{Target: "x", Options: map[string]string{"org": org}}, connectortest.Env(t)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("org=%q: %v", org, err)
		}
	}
	if got, ok := domain("https://ACME.okta.com/"); got != "acme.okta.com" || !ok {
		t.Errorf("domain %q", got)
	}
}

// check fails where an event breaks the bounds or names something wrongly.
func check(t testing.TB, ev *retinue.Event) {
	t.Helper()
	refs := append([]retinue.Ref{ev.Identity, ev.Credential, ev.OnBehalfOf, ev.Resource}, ev.Via...)
	for _, touch := range ev.Touches {
		refs = append(refs, touch.Target)
	}
	for _, r := range refs {
		if !r.IsZero() && r.Validate() != nil {
			t.Errorf("ref %v: %v", r, r.Validate())
		}
	}
	for _, s := range []string{ev.Operation, ev.Reason, ev.Origin.Agent, ev.Origin.Host, ev.Origin.Service} {
		if len(s) > retinue.MaxEventText || retinue.CleanName(s) != s {
			t.Errorf("text %q", s)
		}
	}
	if ev.Realm.Validate() != nil || ev.At.IsZero() || (ev.ID == "") != (ev.Digest != [16]byte{}) || len(ev.ID) > retinue.MaxEventIDLength || len(ev.Via) > retinue.MaxEventVia ||
		len(ev.Touches) > retinue.MaxEventTouches || len(ev.Context) > retinue.MaxEventContext || ev.Action != "" {
		t.Errorf("event %+v", ev)
	}
}

func TestPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/connectors/okta.md")
	if err != nil {
		t.Fatal(err)
	}
	s := Spec()
	texts := slices.Concat([]string{s.Summary}, s.Sees, s.BlindSpots, s.CouldRead)
	for _, d := range s.Privileges {
		texts = append(texts, d.Title, d.Body)
	}
	for _, o := range s.Options {
		texts = append(texts, "`"+o.Name+"`", o.Help)
	}
	for _, e := range s.Activity.Examples {
		texts = append(texts, e.Form, e.Help)
	}
	for _, b := range blindSpots() {
		texts = append(texts, "`"+b.Code+"`", b.Text, b.Raise, b.Cost)
	}
	for _, text := range texts {
		if !strings.Contains(string(raw), text) {
			t.Errorf("the page lacks: %s", text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(logEvent("system.api_token.create", ada+`,`+okay+`,"target":[{"type":"Token","id":"x"}]`)))
	f.Add([]byte(logEvent("app.oauth2.token.grant.access_token", robot+`,"transaction":{"detail":{"requestApiTokenId":3}},"request":{"ipChain":{"ip":"::1"}}`)))
	f.Add([]byte(`{"source":"https://a.b/","data":{"events":[{}]}}`))
	f.Add([]byte(`{"detail":{"uuid":"x"}}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		evs, err := decoder{org: "acme.okta.com"}.decode(record)
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error of another kind: %v", err)
		}
		for i := range evs {
			if evs[i].Class != retinue.EventUnknown {
				check(t, &evs[i])
			}
		}
	})
}
