package okta

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestLive reads from a server that answers in the form of Okta's documentation:
// lists, and the next page in a Link header, also behind the last one.
func TestLive(t *testing.T) {
	var asked []url.Values
	token := "not" + "-a-token"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/logs" || r.Header.Get("Authorization") != "SSWS "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		q := r.URL.Query()
		asked = append(asked, q)
		page := q.Get("after")
		w.Header().Add("Link", fmt.Sprintf(`<http://%s/api/v1/logs?limit=1000>; rel="self"`, r.Host))
		w.Header().Add("Link", fmt.Sprintf(`<http://%s/api/v1/logs?after=%sx>; rel="next"`, r.Host, page))
		if page == "xx" {
			_, _ = w.Write([]byte(`[]`))
			return
		}
		_, _ = fmt.Fprintf(w, `[{"uuid":"u%s","published":"2026-11-21T0%d:00:00.000Z","eventType":"user.session.start","actor":{"id":"00u1","type":"User"},"outcome":{"result":"SUCCESS"}}]`, page, len(page)+1)
	}))
	defer server.Close()
	env := connectortest.Env(t)
	open := func(token string) connector.ActivityReader {
		r, err := live(server.URL+"/", "acme.okta.com", retinue.NewSecret(token), "SSWS", env)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := connectortest.Read(t, open(token), nil)
	if len(first.Events) != 2 || first.Events[0].ID != "u" || first.Events[1].ID != "ux" || len(asked) != 3 {
		t.Fatalf("%d events after %d requests", len(first.Events), len(asked))
	}
	now := connectortest.Epoch()
	if got := asked[0]; got.Get("since") != now.Add(-retention).Format(time.RFC3339) || got.Get("until") != now.Format(time.RFC3339) || got.Get("sortOrder") != "ASCENDING" {
		t.Errorf("asked for %v", got)
	}
	c := first.Coverage[0]
	if !c.From.Equal(now.Add(-retention)) || !c.To.Equal(now.Add(-late)) || c.Proof == "" || c.Authenticated || c.Realm != "okta:acme.okta.com" {
		t.Errorf("coverage %+v", c) // not authenticated: the test's server speaks plain HTTP
	}
	asked = nil
	connectortest.Read(t, open(token), first)
	if got := asked[0].Get("since"); got != now.Add(-2*late).Format(time.RFC3339) {
		t.Errorf("went on from %s", got)
	}
	refused := open("another")
	err := refused.Activity(t.Context(), connector.ActivityRequest{Now: now, Position: func(string) (connector.Position, error) { return connector.Position{}, nil }}, &connectortest.Reading{})
	if !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("a wrong token: %v", err)
	}
}

func TestOpenLive(t *testing.T) {
	env := connectortest.Env(t)
	env.Getenv = func(string) string { return "" }
	for _, target := range []string{"https://acme.okta.com", "https://acme", "https://user@acme.okta.com", "https://acme.okta.com:8443"} {
		if _, err := open(t.Context(), connector.Config{Target: target}, env); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%s without a token: %v", target, err)
		}
	}
	env.Getenv = func(string) string { return "x" }
	if _, err := open(t.Context(), connector.Config{Target: "https://acme.okta.com"}, env); err != nil {
		t.Error(err)
	}
	if _, err := open(t.Context(), connector.Config{Target: "https://acme.okta.com", Remote: true}, env); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a variable of the machine was used: %v", err)
	}
}
