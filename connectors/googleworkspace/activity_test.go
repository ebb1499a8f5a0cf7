package googleworkspace

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

func decoded(t *testing.T, record string) []retinue.Event {
	t.Helper()
	evs, err := decoder{domain: "example.com"}.decode([]byte(record))
	if err != nil {
		t.Fatal(err)
	}
	for i := range evs {
		check(t, &evs[i])
	}
	return evs
}

func record(report, actor, events string) string {
	return `{"kind":"admin#reports#activity","id":{"time":"2026-03-01T10:00:00.123Z","uniqueQualifier":"-7","applicationName":"` + report + `","customerId":"C1"},"actor":` + actor + `,"ipAddress":"192.0.2.8","events":[` + events + `]}`
}

const (
	ada    = `{"callerType":"USER","email":"Ada@example.com","profileId":"100"}`
	client = `{"name":"client_id","value":"42.apps.googleusercontent.com"},{"name":"app_name","value":"Sync"},{"name":"scope","multiValue":["https://www.googleapis.com/auth/drive"]}`
	realm  = "google:example.com"
)

func TestTokens(t *testing.T) {
	evs := decoded(t, record("token", ada, `{"type":"auth","name":"authorize","parameters":[`+client+`]},{"type":"auth","name":"activity","parameters":[`+client+`,{"name":"method_name","value":"drive.files.list"}]}`))
	if len(evs) != 2 || evs[0].ID == evs[1].ID {
		t.Fatalf("%d events, %q", len(evs), evs[0].ID)
	}
	app, user := realm+"/oauth_client/42.apps.googleusercontent.com", realm+"/user/ada@example.com"
	grant, use := evs[0], evs[1]
	if grant.Identity.String() != user || !grant.Person || fmt.Sprint(grant.Touches) != "[{issue "+app+"}]" || grant.Class != retinue.EventSignIn {
		t.Errorf("grant: %+v", grant)
	}
	if use.Identity.String() != app || use.Person || use.OnBehalfOf.String() != user || use.Class != retinue.EventData || use.Origin.Application != "Sync" {
		t.Errorf("use: %+v", use)
	}
	want := []retinue.ContextValue{{Key: "scope", Value: "https://www.googleapis.com/auth/drive"}}
	if !slices.Equal(use.Context, want) {
		t.Errorf("context %v", use.Context)
	}
}

func TestWho(t *testing.T) {
	for name, c := range map[string]struct{ report, actor, want string }{
		"an administrator":   {"admin", ada, realm + "/user/ada@example.com true [] "},
		"delegation":         {"drive", `{"email":"ada@example.com","applicationInfo":{"oauthClientId":"1042","applicationName":"backup","impersonation":true}}`, realm + "/oauth_client/1042 false [] " + realm + "/user/ada@example.com"},
		"through a client":   {"drive", `{"email":"ada@example.com","applicationInfo":{"oauthClientId":"9","impersonation":false}}`, realm + "/user/ada@example.com true [" + realm + "/oauth_client/9] "},
		"a service account":  {"drive", `{"email":"job@pay.iam.gserviceaccount.com"}`, "gcp:pay/service_account/job@pay.iam.gserviceaccount.com false [] "},
		"a service agent":    {"drive", `{"email":"service-7@x.iam.gserviceaccount.com"}`, "gcp:7/service_account/service-7@x.iam.gserviceaccount.com false [] "},
		"a default account":  {"drive", `{"email":"7-compute@developer.gserviceaccount.com"}`, "gcp:7/service_account/7-compute@developer.gserviceaccount.com false [] "},
		"without an address": {"admin", `{"callerType":"USER","profileId":"100"}`, realm + "/user/100 true [] "},
		"a key":              {"admin", `{"callerType":"KEY","key":"k1"}`, realm + "/oauth_client/k1 false [] "},
		"nobody":             {"admin", `{}`, " false [] "},
	} {
		ev := decoded(t, record(c.report, c.actor, `{"type":"x","name":"y"}`))[0]
		if got := fmt.Sprint(ev.Identity, " ", ev.Person, " ", ev.Via, " ", ev.OnBehalfOf); got != c.want {
			t.Errorf("%s: %s\nwant %s", name, got, c.want)
		}
	}
}

func TestOutcomesAndTouches(t *testing.T) {
	for _, c := range []struct{ report, event, outcome, touches string }{
		{"login", `{"type":"login","name":"login_success"}`, "success", "[]"},
		{"login", `{"type":"login","name":"login_failure","parameters":[{"name":"login_failure_type","value":"login_failure_invalid_password"}]}`, "denied login_failure_invalid_password", "[]"},
		{"login", `{"type":"login","name":"login_challenge","parameters":[{"name":"login_challenge_status","value":"Challenge Failed"}]}`, "denied Challenge Failed", "[]"},
		{"admin", `{"type":"DOMAIN_SETTINGS","name":"AUTHORIZE_API_CLIENT_ACCESS","parameters":[{"name":"API_CLIENT_NAME","value":"1042"},{"name":"API_SCOPES","multiValue":["a"]}]}`, "success", "[{edit " + realm + "/oauth_client/1042}]"},
		{"admin", `{"type":"USER_SETTINGS","name":"CREATE_USER","parameters":[{"name":"USER_EMAIL","value":"new@example.com"}]}`, "success", "[{create " + realm + "/user/new@example.com}]"},
		{"admin", `{"type":"GROUP_SETTINGS","name":"ADD_GROUP_MEMBER","parameters":[{"name":"GROUP_EMAIL","value":"ops@example.com"},{"name":"USER_EMAIL","value":"job@pay.iam.gserviceaccount.com"}]}`, "success",
			"[{edit " + realm + "/group/ops@example.com} {edit gcp:pay/service_account/job@pay.iam.gserviceaccount.com}]"},
		{"token", `{"type":"auth","name":"revoke","parameters":[` + client + `]}`, "success", "[{delete " + realm + "/oauth_client/42.apps.googleusercontent.com}]"},
	} {
		ev := decoded(t, record(c.report, ada, c.event))[0]
		if got := strings.TrimSpace(string(ev.Outcome) + " " + ev.Reason); got != c.outcome || fmt.Sprint(ev.Touches) != c.touches {
			t.Errorf("%s: %s %v", c.event, got, ev.Touches)
		}
	}
}

func TestOthers(t *testing.T) {
	for _, bad := range []string{"", "[]", `{"id":{}}`, `{"id":{"applicationName":"admin"}}`, `{"id":{"applicationName":"admin","time":"2026-03-01T10:00:00Z"},"events":[{"name":"x"}]}`} {
		if _, err := (decoder{}).decode([]byte(bad)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	if ev := decoded(t, record("admin", ada, `{"type":"x"}`))[0]; ev.Class != retinue.EventUnknown || ev.Raw == nil {
		t.Errorf("an event without a name: %+v", ev)
	}
	for _, domain := range []string{"", "example", "ada@example.com"} {
		if _, err := open(t.Context(), connector.Config{Target: "x", Options: map[string]string{"domain": domain}}, connectortest.Env(t)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("domain=%q: %v", domain, err)
		}
	}
	// Two events without an id of their own are two.
	evs := decoded(t, strings.Replace(record("admin", ada, `{"name":"A"},{"name":"A"}`), `"uniqueQualifier":"-7",`, "", 1))
	if len(evs) != 2 || evs[0].Digest == evs[1].Digest {
		t.Errorf("%d events, digests %x %x", len(evs), evs[0].Digest, evs[1].Digest)
	}
}

// TestSamples: what is expected of events that a detection product collected.
// Those that have no time cannot be counted anywhere.
func TestSamples(t *testing.T) {
	want := map[int]string{
		8:  "google:acme.com/user/example@acme.com|drive.change_user_access|success|invalid IP|data",
		14: "google:example.io/user/example@example.io|admin.CHANGE_CALENDAR_SETTING|success|12.12.12.12|management",
		42: "google:somedomain.com/user/some.user@somedomain.com|saml.login_success|success|10.10.10.10|sign_in",
		61: "google:example.com/user/user@example.com|token.authorize|success|192.0.2.1|sign_in",
	}
	f, err := os.Open(testkit.Data(t, "cloudtrail/events-by-source/GSuite.ActivityEvent.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n, timeless := 0, 0
	for ; lines.Scan(); n++ {
		var sample struct{ Event json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &sample); err != nil {
			t.Fatal(err)
		}
		evs, err := decoder{domain: "example.com"}.decode(sample.Event)
		if err != nil {
			if !strings.Contains(err.Error(), "no time") {
				t.Errorf("sample %d: %v", n, err)
			}
			timeless++
			continue
		}
		ev := evs[0]
		check(t, &ev)
		got := strings.Join([]string{ev.Identity.String(), ev.Operation, string(ev.Outcome), ev.Origin.Address.String(), string(ev.Class)}, "|")
		if want[n] != "" && got != want[n] {
			t.Errorf("sample %d: %s\nwant %s", n, got, want[n])
		}
	}
	if n != 79 || timeless != 32 {
		t.Errorf("%d samples, %d without a time", n, timeless)
	}
}

// check fails where an event breaks the bounds or names something wrongly.
func check(t testing.TB, ev *retinue.Event) {
	t.Helper()
	refs := append([]retinue.Ref{ev.Identity, ev.OnBehalfOf, ev.Resource}, ev.Via...)
	for _, touch := range ev.Touches {
		refs = append(refs, touch.Target)
	}
	for _, r := range refs {
		if !r.IsZero() && r.Validate() != nil {
			t.Errorf("ref %v: %v", r, r.Validate())
		}
	}
	for _, s := range []string{ev.Operation, ev.Reason, ev.Origin.Agent, ev.Origin.Application} {
		if len(s) > retinue.MaxEventText || retinue.CleanName(s) != s {
			t.Errorf("text %q", s)
		}
	}
	if ev.Realm.Validate() != nil || ev.At.IsZero() || (ev.ID == "") != (ev.Digest != [16]byte{}) || len(ev.ID) > retinue.MaxEventIDLength || len(ev.Via) > retinue.MaxEventVia ||
		len(ev.Touches) > retinue.MaxEventTouches || len(ev.Context) > retinue.MaxEventContext || (ev.Raw != nil) != (ev.Class == retinue.EventUnknown) {
		t.Errorf("event %+v", ev)
	}
}

func TestPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/connectors/googleworkspace.md")
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
	f.Add([]byte(record("token", ada, `{"name":"activity","parameters":[`+client+`]}`)))
	f.Add([]byte(record("admin", `{"email":"@x.gserviceaccount.com"}`, `{"name":"ADD_GROUP_MEMBER","parameters":{"USER_EMAIL":"a@b","GROUP_EMAIL":["c@d"]}}`)))
	f.Add([]byte(`{"id":{"applicationName":"rules","time":1772359200},"actor":null}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		evs, err := decoder{domain: "example.com"}.decode(record)
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error of another kind: %v", err)
		}
		for i := range evs {
			check(t, &evs[i])
		}
	})
}
