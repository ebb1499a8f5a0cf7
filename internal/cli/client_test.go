package cli_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
)

// TestClientAtAServer calls every method of the Go client at a real server, by
// way of a proxy that breaks down when it is told to.
func TestClientAtAServer(t *testing.T) {
	dir := t.TempDir()
	cfg := configOf(filepath.Join(dir, "r.db"), dir)
	makeEstate(t, cfg)
	s := serveSite(t, cfg, app.Options{})
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	var requests, broken atomic.Int64
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if broken.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	dial := func(token string) *client.Client {
		c, err := client.New(front.URL, client.Options{Token: retinue.NewSecret(token)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := dial(s.token())
	ctx := t.Context()
	if me, err := c.Me(ctx); err != nil || me.Name != "Ada" || me.Kind != "token" || len(me.Roles) == 0 || c.Address() != front.URL {
		t.Errorf("Me: %+v, %v", me, err)
	}
	before := requests.Load()
	things := 0
	for x, err := range c.Credentials(ctx, client.ListOptions{Sort: "-created"}) {
		if err != nil || x.ID == "" {
			t.Fatal(x, err)
		}
		things++
	}
	names := map[retinue.EntityID]bool{}
	for x, err := range client.List[client.Thing](ctx, c, "/identities", client.ListOptions{Limit: 510}) {
		if err != nil {
			t.Fatal(err)
		}
		names[x.ID] = true
	}
	records := 0
	for r, err := range c.Records(ctx, client.ListOptions{Sort: "seq"}) {
		if records++; err != nil || r.Seq != int64(records) {
			t.Fatal(r.Seq, err)
		}
	}
	if things < 50 || len(names) < 100 || records <= 500 || requests.Load()-before < 4 {
		t.Errorf("%d credentials, %d identities, %d records in %d requests: want more than one page of records", things, len(names), records, requests.Load()-before)
	}
	var first client.Finding
	for f, err := range c.Findings(ctx, client.ListOptions{Filter: url.Values{"severity": {"critical", "high"}}, Limit: 1}) {
		if first = f; err != nil {
			t.Fatal(err)
		}
	}
	if f, err := c.Finding(ctx, first.ID); err != nil || f.Rule != first.Rule || f.State != retinue.FindingOpen {
		t.Errorf("Finding: %+v, %v", f, err)
	}
	// A server that breaks down twice still takes a decision once.
	broken.Store(2)
	d, err := c.Decide(ctx, client.Decision{IDs: []retinue.FindingID{first.ID}, State: retinue.FindingAcknowledged})
	if err != nil || d.Changed != 1 || d.Undo == "" {
		t.Fatalf("Decide: %+v, %v", d, err)
	}
	if err := c.Undo(ctx, d.Undo); err != nil {
		t.Error(err)
	}
	if err := c.Undo(ctx, d.Undo); !errors.Is(err, retinue.ErrNotFound) {
		t.Errorf("Undo again: %v", err)
	}
	if f, err := c.Finding(ctx, first.ID); err != nil || f.State != retinue.FindingOpen {
		t.Errorf("after the undo: %+v, %v", f, err)
	}
	clientErrors(t, c, dial, s)
	clientEvents(t, c, first.ID, front)
}

// clientErrors asks for what is refused: each error is of its kind.
func clientErrors(t *testing.T, c *client.Client, dial func(string) *client.Client, s *site) {
	t.Helper()
	ctx := t.Context()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	post := func(c *client.Client, path string, body any, match string) error {
		_, err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: path, Body: body, IfMatch: match}, nil)
		return err
	}
	list := func(o client.ListOptions) error {
		for _, err := range c.Identities(ctx, o) {
			return err
		}
		return nil
	}
	_, notFound := c.Finding(ctx, "fnd_00000000000000000000000000")
	_, denied := dial("rtn_" + "nobody").Me(ctx)
	_, cancelled := c.Me(ended)
	_, changed := c.Do(ctx, client.Request{Method: http.MethodPut, Path: "/ownership-rules", Body: obj{"rules": []any{}}, IfMatch: `"other"`}, nil)
	_, enroll := c.Enroll(ctx, "age1")
	_, handIn := c.AwaitHandIn(ctx, "hnd_none")
	viewer := dial(s.token("inventory.read"))
	_, unsupported := c.Do(ctx, client.Request{Method: http.MethodDelete, Path: "/identities"}, nil)
	for _, x := range []struct {
		what string
		err  error
		kind error
	}{{"no such finding", notFound, retinue.ErrNotFound}, {"no such token", denied, retinue.ErrDenied}, {"a context that ended", cancelled, context.Canceled},
		{"another ETag", changed, retinue.ErrConflict}, {"a wrong sort", list(client.ListOptions{Sort: "colour"}), retinue.ErrInvalid},
		{"a wrong filter", list(client.ListOptions{Filter: url.Values{"colour": {"red"}}}), retinue.ErrInvalid},
		{"without the permission", post(viewer, "/findings/decisions", obj{"ids": []string{"fnd_00000000000000000000000000"}, "state": "open"}, ""), retinue.ErrDenied},
		{"a factor that a token has not", post(c, "/collectors", obj{"name": "x", "realms": []string{"a:b"}}, ""), retinue.ErrDenied},
		{"not a collector", enroll, retinue.ErrDenied}, {"not its hand-in", handIn, retinue.ErrDenied},
		{"no such method", unsupported, retinue.ErrUnsupported}, {"no such token to revoke", c.RevokeToken(ctx, "tok_none"), retinue.ErrNotFound}} {
		if !errors.Is(x.err, x.kind) {
			t.Errorf("%s: %v, want %v", x.what, x.err, x.kind)
		}
	}
}

// clientEvents listens to what changes, over a connection that breaks.
func clientEvents(t *testing.T, c *client.Client, finding retinue.FindingID, front *httptest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard := make(chan client.Event, 100)
	go func() {
		defer close(heard)
		for e, err := range c.Events(ctx, "") {
			if err != nil {
				return
			}
			heard <- e
		}
	}()
	change := func() client.Event {
		t.Helper()
		tick := time.NewTicker(500 * time.Millisecond) // until it listens
		defer tick.Stop()
		for {
			d, err := c.Decide(ctx, client.Decision{IDs: []retinue.FindingID{finding}, State: retinue.FindingAcknowledged})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Undo(ctx, d.Undo); err != nil {
				t.Fatal(err)
			}
			select {
			case e, open := <-heard:
				if !open {
					t.Fatal("the events ended")
				}
				return e
			case <-tick.C:
			}
		}
	}
	if e := change(); e.ID == "" || e.Topic == "" {
		t.Errorf("event %+v", e)
	}
	front.CloseClientConnections()
	for len(heard) > 0 {
		<-heard
	}
	if e := change(); e.ID == "" || e.Topic == "" {
		t.Errorf("after the connection broke: %+v", e)
	}
	cancel()
	for range heard { //nolint:revive // it ends with its context
	}
}
