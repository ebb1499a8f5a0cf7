package cli_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

// single is a system with one bot; it tells of each reading.
type single struct{ read chan string }

func (single) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: "test:single"}, nil
}
func (single) Close() error { return nil }
func (s single) Discover(_ context.Context, req connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope("test:single", "bots")
	if err := sink.Emit(scope, retinue.Identity{Ref: retinue.NewRef("test:single", "bot", "b"), Name: "bot-b", Kind: retinue.IdentityBot, Class: retinue.ClassNonHuman}); err != nil {
		return err
	}
	s.read <- "read"
	return sink.Complete(scope, connector.Completion{ObservedAt: req.Now, Basis: "everything"})
}

// nobody is who sends a webhook: its signature is all that counts.
type nobody struct{}

// Authenticate implements api.Authenticator.
func (nobody) Authenticate(*http.Request) (auth.Caller, error) { return auth.Caller{}, nil }

// TestReplicasAreOne serves one PostgreSQL by two servers: a session of one is
// good at the other and ends at both, what changes at one is told by the other,
// tokens hold at both, a scan is carried out once whether it was due or asked
// for, a webhook that a server took before it went away is carried out by
// another, and failures to sign in are counted together.
func TestReplicasAreOne(t *testing.T) {
	dir := t.TempDir()
	cfg := configOf(testkit.Postgres(t).Database(t), dir)
	system := single{read: make(chan string, 100)}
	opt := app.Options{Specs: []connector.Spec{{Kind: "test", TargetOptional: true, Remote: func(connector.Config) error { return nil }, Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
		return system, nil
	}}}}
	// All follow the schedule of a source that was never read, so that it is due
	// at once.
	cfg.Sources = []app.SourceConfig{{Name: "due", Kind: "test", Interval: 6 * time.Hour, Jitter: time.Millisecond}}
	one := serveSite(t, cfg, opt)
	two, three := one.join(cfg, opt), one.join(cfg, opt)
	<-system.read
	// The session that began at the first makes a token at the second, and that
	// token holds at the first.
	token := two.token("inventory.read", "inventory.edit", "sources.read", "scans.run")
	at := func(s *site) *client.Client {
		c, err := client.New(s.url, client.Options{Token: retinue.NewSecret(token)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if me, err := at(one).Me(t.Context()); err != nil || me.Name != "Ada" {
		t.Fatalf("%+v, %v", me, err)
	}
	// A change at one is told by the other.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard := make(chan client.Event, 100)
	go func() {
		defer close(heard)
		for e, err := range at(two).Events(ctx, "") {
			if err != nil {
				return
			}
			heard <- e
		}
	}()
	one.post("/sources", obj{"name": "bots", "kind": "test"})
	one.post("/sources/bots/scan", nil)
	topics := map[string]bool{}
	for !topics["scans"] || !topics["inventory"] {
		e, ok := <-heard
		if !ok {
			t.Fatalf("heard only of %v", topics)
		}
		topics[e.Topic] = true
	}
	cancel()
	<-system.read
	for _, s := range []*site{one, two} {
		names := ""
		for x, err := range at(s).Identities(t.Context(), client.ListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			names += x.Name + " "
		}
		if !strings.Contains(names, "bot-b") {
			t.Errorf("%s lists %s", s.url, names)
		}
	}
	// A server takes a webhook and goes away before it does anything.
	hook := one.post("/sources/bots/hook", nil)
	path, _ := hook["path"].(string)
	secret, _ := hook["secret"].(string)
	gone, err := app.Open(t.Context(), cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	front, err := gone.API(nobody{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"deployed":1}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Retinue-Signature", app.SignHook(secret, time.Now(), []byte(`{"deployed":1}`)))
	w := httptest.NewRecorder()
	front.ServeHTTP(w, r.WithContext(t.Context()))
	if w.Code != http.StatusAccepted {
		t.Fatalf("the webhook: %d %s", w.Code, w.Body)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-system.read:
	case <-time.After(time.Minute):
		t.Error("the webhook was lost with the server that took it")
	}
	scannedOnce(t, three)
	failuresAreShared(t, two, three)
	// Signing out at one ends the session at the other.
	one.post("/auth/sign-out", nil)
	resp, err := two.browser.Get(two.url + "/api/v1/me")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session that ended at one is answered %s at the other", resp.Status)
	}
}

// failuresAreShared fails to sign in at two servers in turn, until one refuses
// to look: no more attempts are free than one server gives.
func failuresAreShared(t *testing.T, one, two *site) {
	t.Helper()
	free := auth.PacePair(false).Free
	for i := range free + 1 {
		s := []*site{one, two}[i%2]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/auth/sign-in/password", strings.NewReader(`{"login":"bo@example.org","password":"it is not this one"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		want := http.StatusUnauthorized
		if i == free {
			want = http.StatusTooManyRequests
		}
		if resp.StatusCode != want {
			t.Errorf("failure %d is answered %s, want %d", i+1, resp.Status, want)
		}
	}
}

// scannedOnce looks for the scans of a site: one that was due, and one each for
// the button and the webhook.
func scannedOnce(t *testing.T, s *site) {
	t.Helper()
	got := map[string]int{}
	err := s.app.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		scans, err := tx.Scans(store.ScanQuery{})
		for _, x := range scans {
			got[x.Source.Name]++
		}
		return err
	})
	if want := map[string]int{"due": 1, "bots": 2}; err != nil || !maps.Equal(got, want) {
		t.Errorf("scans by source are %v, want %v: %v", got, want, err)
	}
}
