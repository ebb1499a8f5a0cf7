package azure

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// vendor answers in the form of Microsoft's documentation: a token endpoint,
// Graph's pages with @odata.nextLink, and Resource Manager's with nextLink, newest
// first.
type vendor struct {
	*httptest.Server
	secret  string
	filters []string
	crowded time.Duration // stretches longer than this have more pages than are held
}

func newVendor(t *testing.T) *vendor {
	v := &vendor{secret: "not" + "-a-secret"}
	v.Server = httptest.NewServer(http.HandlerFunc(v.answer))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) clouds() clouds {
	return clouds{login: v.URL + "/", graph: v.URL + "/", management: v.URL + "/"}
}

func (v *vendor) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/"+tenant+"/oauth2/v2.0/token" {
		_ = r.ParseForm()
		_, basic, _ := r.BasicAuth()
		if basic, _ = url.QueryUnescape(basic); basic != v.secret && r.Form.Get("client_secret") != v.secret {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"you sent %s"}`, r.Form.Get("client_secret"))
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"made-by-the-test","token_type":"Bearer","expires_in":3600}`))
		return
	}
	if r.Header.Get("Authorization") != "Bearer made-by-the-test" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	filter := r.URL.Query().Get("$filter")
	if filter != "" {
		v.filters = append(v.filters, filter)
	}
	page := len(r.URL.Query().Get("page"))
	switch {
	case strings.HasSuffix(r.URL.Path, "/beta/auditLogs/signIns"):
		next := ""
		if page < 2 {
			next = fmt.Sprintf(`"@odata.nextLink":"%s/beta/auditLogs/signIns?page=%s",`, v.URL, strings.Repeat("x", page+1))
		}
		_, _ = fmt.Fprintf(w, `{%s"value":[{"id":"s%d","createdDateTime":"2026-11-2%dT00:00:00Z","appId":"%s","resourceId":"r","servicePrincipalId":"%s","status":{"errorCode":0}}]}`, next, page, page, app, sp)
	case strings.HasSuffix(r.URL.Path, "/v1.0/auditLogs/directoryAudits"):
		w.WriteHeader(http.StatusForbidden)
	case strings.HasSuffix(r.URL.Path, "/eventtypes/management/values"):
		v.activity(w, filter, page)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// activity answers a stretch with an entry at its beginning and one a minute
// later, newest first.
func (v *vendor) activity(w http.ResponseWriter, filter string, page int) {
	var from, to time.Time
	if parts := strings.Split(filter, "'"); len(parts) > 3 {
		from, _ = time.Parse(time.RFC3339Nano, parts[1])
		to, _ = time.Parse(time.RFC3339Nano, parts[3])
	}
	if page > 0 || v.crowded > 0 && to.Sub(from) > v.crowded {
		_, _ = fmt.Fprintf(w, `{"nextLink":"%s/subscriptions/x/providers/Microsoft.Insights/eventtypes/management/values?page=%s","value":[]}`, v.URL, strings.Repeat("x", page+1))
		return
	}
	entry := func(at time.Time) string {
		return fmt.Sprintf(`{"eventDataId":"e%d","eventTimestamp":%q,"caller":%q,"category":{"value":"Administrative"},"operationName":{"value":"a/b/write"},"status":{"value":"Succeeded"},"resourceId":"/subscriptions/x"}`, at.Unix(), at.Format(time.RFC3339), sp)
	}
	_, _ = fmt.Fprintf(w, `{"value":[%s,%s]}`, entry(from.Add(time.Minute)), entry(from))
}

func (v *vendor) open(t *testing.T, target, secret string) connector.ActivityReader {
	t.Helper()
	cfg := connector.Config{Target: target, Options: map[string]string{"client-id": app, "tenant": tenant}, Secrets: map[string]retinue.Secret{"client-secret": retinue.NewSecret(secret)}}
	r, err := openLive(cfg, connectortest.Env(t), v.clouds())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLiveTenant(t *testing.T) {
	v := newVendor(t)
	got := connectortest.Read(t, v.open(t, "tenant:"+tenant, v.secret), nil)
	if len(got.Events) != 3 || got.Events[2].ID != "s2" || got.Events[0].Realm != realm {
		t.Fatalf("%d events", len(got.Events))
	}
	now := connectortest.Epoch()
	if want := "createdDateTime ge " + now.Add(-entraRetention).Format(time.RFC3339) + " and createdDateTime lt " + now.Format(time.RFC3339); !strings.HasPrefix(v.filters[0], want) {
		t.Errorf("filter %q", v.filters[0])
	}
	// The audit log is refused, for want of a right of the application: its fault is
	// told and the sign-ins are covered.
	if len(got.Faults) != 1 || !errors.Is(got.Faults[0].Err, retinue.ErrDenied) || len(got.Coverage) != 1 {
		t.Fatalf("faults %v, coverage %v", got.Faults, got.Coverage)
	}
	if c := got.Coverage[0]; c.Log != LogSignIn || c.Proof == "" || !c.To.Equal(now.Add(-entraLate)) || !c.From.Equal(now.Add(-entraRetention)) {
		t.Errorf("coverage %+v", c)
	}
}

// since reads from some hours ago.
func since(t *testing.T, r connector.ActivityReader, ago time.Duration) *connectortest.Reading {
	t.Helper()
	now := connectortest.Epoch()
	got := &connectortest.Reading{Positions: map[string]connector.Position{}}
	req := connector.ActivityRequest{Now: now, Since: now.Add(-ago), Position: func(string) (connector.Position, error) { return connector.Position{}, nil }}
	if err := r.Activity(t.Context(), req, got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestLiveSubscription(t *testing.T) {
	v := newVendor(t)
	got := since(t, v.open(t, "subscription:"+keyGUID, v.secret), 5*24*time.Hour)
	if len(got.Events) != 10 || len(v.filters) != 5 {
		t.Fatalf("%d events in %d stretches", len(got.Events), len(v.filters))
	}
	for i := range got.Events[1:] {
		if got.Events[i+1].At.Before(got.Events[i].At) {
			t.Fatalf("event %d is older than the one before it", i+1)
		}
	}
	if c := got.Coverage[0]; c.Log != LogActivity || !c.To.Equal(connectortest.Epoch().Add(-activityLate)) {
		t.Errorf("coverage %+v", c)
	}
}

func TestLiveSubscriptionHalvesWhatIsMuch(t *testing.T) {
	v := newVendor(t)
	v.crowded = 13 * time.Hour
	if got := since(t, v.open(t, "subscription:"+keyGUID, v.secret), 24*time.Hour); len(got.Events) != 4 || len(v.filters) != 3 {
		t.Errorf("%d events in %d stretches", len(got.Events), len(v.filters))
	}
}

// TestLiveRefused: a wrong secret is a denial, whose text repeats nothing of it.
func TestLiveRefused(t *testing.T) {
	v := newVendor(t)
	wrong := "another" + "-secret"
	r := v.open(t, "tenant:"+tenant, wrong)
	err := r.Activity(t.Context(), connector.ActivityRequest{Now: connectortest.Epoch(), Position: func(string) (connector.Position, error) { return connector.Position{}, nil }}, &connectortest.Reading{})
	if !errors.Is(err, retinue.ErrDenied) || strings.Contains(err.Error(), wrong) {
		t.Errorf("a wrong secret: %v", err)
	}
	env := connectortest.Env(t)
	env.Getenv = func(string) string { return "" }
	for _, target := range []string{"tenant:" + tenant, "tenant:x", "subscription:" + keyGUID} {
		if _, err := openActivity(t.Context(), connector.Config{Target: target}, env); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%s: %v", target, err)
		}
	}
}
