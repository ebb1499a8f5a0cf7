package gcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestLive reads from a server that answers in the form of entries:list, with a
// page token in the body.
func TestLive(t *testing.T) {
	type asked struct {
		ResourceNames []string
		Filter        string
		OrderBy       string
		PageToken     string
	}
	var calls []asked
	token := "not" + "-a-token"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v2/entries:list" || r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var a asked
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		calls = append(calls, a)
		log, next := "activity", ""
		if strings.Contains(a.Filter, "data_access") {
			log = "data_access"
		}
		if a.PageToken == "" {
			next = `,"nextPageToken":"p2"`
		}
		_, _ = fmt.Fprintf(w, `{"entries":[{"insertId":"i%s","logName":"projects/pay/logs/cloudaudit.googleapis.com%%2F%s","timestamp":"2026-11-21T0%d:00:00Z","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog",`+
			`"serviceName":"storage.googleapis.com","methodName":"m","authenticationInfo":{"principalEmail":"job@pay.iam.gserviceaccount.com"},"authorizationInfo":[{"permission":"storage.objects.get","granted":true}]}}]%s}`, a.PageToken, log, 1+len(a.PageToken), next)
	}))
	defer server.Close()
	open := func(token string) connector.ActivityReader {
		cfg := connector.Config{Target: "projects/pay", Secrets: map[string]retinue.Secret{"token": retinue.NewSecret(token)}}
		r, err := openLive(cfg, connectortest.Env(t), auditDecoder{}, server.URL+"/")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got := connectortest.Read(t, open(token), nil)
	if len(got.Events) != 4 || len(calls) != 4 || calls[0].ResourceNames[0] != "projects/pay" || calls[0].OrderBy != "timestamp asc" {
		t.Fatalf("%d events after %d calls: %+v", len(got.Events), len(calls), calls)
	}
	now := connectortest.Epoch()
	if want := `timestamp>="` + now.Add(-requiredRetention).Format(time.RFC3339) + `" AND timestamp<"` + now.Format(time.RFC3339) + `"`; !strings.HasSuffix(calls[0].Filter, want) {
		t.Errorf("filter %s\nwant %s", calls[0].Filter, want)
	}
	if len(got.Coverage) != 2 {
		t.Fatalf("coverage %v", got.Coverage)
	}
	spot := func(c retinue.Coverage, code string) bool {
		for _, b := range c.BlindSpots {
			if b.Code == code {
				return true
			}
		}
		return false
	}
	always, data := got.Coverage[0], got.Coverage[1]
	if !always.From.Equal(now.Add(-requiredRetention)) || !always.To.Equal(now.Add(-auditLate)) || always.Proof == "" || always.Realm != "gcp:pay" || !spot(always, codeDataOff) {
		t.Errorf("admin activity: %+v", always)
	}
	if !data.From.Equal(now.Add(-defaultRetention)) || spot(data, codeDataOff) || !spot(data, codeDataPartial) {
		t.Errorf("data access: %+v", data)
	}
	err := open("another").Activity(t.Context(), connector.ActivityRequest{Now: now, Position: func(string) (connector.Position, error) { return connector.Position{}, nil }}, &connectortest.Reading{})
	if !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("a wrong token: %v", err)
	}
}

func TestOpenLive(t *testing.T) {
	env := connectortest.Env(t)
	vars := map[string]string{}
	env.Getenv = func(name string) string { return vars[name] }
	live := func(cfg connector.Config) error {
		cfg.Target = "projects/pay"
		_, err := openActivity(t.Context(), cfg, env)
		return err
	}
	if err := live(connector.Config{}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("without a credential: %v", err)
	}
	vars["GOOGLE_APPLICATION_CREDENTIALS"] = filepath.Join(t.TempDir(), "absent.json")
	if err := live(connector.Config{}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a file that is not there: %v", err)
	}
	vars["GOOGLE_APPLICATION_CREDENTIALS"] = connectortest.LogFile(t, "user.json", `{"type":"authorized_user"}`)
	if err := live(connector.Config{}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("another kind of credential: %v", err)
	}
	vars["GOOGLE_OAUTH_ACCESS_TOKEN"] = "x"
	if err := live(connector.Config{}); err != nil {
		t.Error(err)
	}
	if err := live(connector.Config{Remote: true}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a variable of the machine was used: %v", err)
	}
	for target, want := range map[string]bool{"projects/pay": true, "organizations/1": true, "./projects/pay": false, "projects/pay/logs": false, "audit.json": false, "projects/": false} {
		if liveTarget(target) != want {
			t.Errorf("%s: live %v", target, !want)
		}
	}
}
