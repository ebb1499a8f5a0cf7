package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// serve returns a client of a handler; pauses take no time and are noted.
func serve(t *testing.T, h http.HandlerFunc) (*Client, *[]time.Duration) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(s.URL, Options{Token: retinue.NewSecret("word")})
	if err != nil {
		t.Fatal(err)
	}
	var pauses []time.Duration
	c.pause = func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return nil
	}
	return c, &pauses
}

func TestNewRefuses(t *testing.T) {
	for _, address := range []string{"", "retinue", "ftp://host", "https://user:" + "word@host", "https://host/?a=b", "http://[::1"} {
		if _, err := New(address, Options{}); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("New(%q): %v", address, err)
		}
	}
	if _, err := New("http://retinue.example.com", Options{Token: retinue.NewSecret("word")}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a token would go over the network in clear: %v", err)
	}
	if _, err := New("http://localhost:8420/", Options{Token: retinue.NewSecret("word")}); err != nil {
		t.Error(err)
	}
}

func TestListReadsEveryPage(t *testing.T) {
	var asked []string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.RawQuery)
		if got := r.Header.Get("Authorization"); got != "Bearer word" {
			t.Errorf("Authorization %q", got)
		}
		p := Page[Thing]{Items: []Thing{{Name: "a"}, {Name: "b"}}, Next: "2"}
		if r.URL.Query().Get("cursor") == "2" {
			p = Page[Thing]{Items: []Thing{{Name: "c"}}}
		}
		_ = json.NewEncoder(w).Encode(p)
	})
	names := ""
	for x, err := range c.Identities(t.Context(), ListOptions{Filter: url.Values{"owner": {"none"}}, Sort: "-name", AsOf: time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)}) {
		if err != nil {
			t.Fatal(err)
		}
		names += x.Name
	}
	if names != "abc" || len(asked) != 2 {
		t.Errorf("read %q in %d requests", names, len(asked))
	}
	if want := "/api/v1/identities?as_of=2026-03-31T00%3A00%3A00Z&limit=500&owner=none&sort=-name"; asked[0] != want {
		t.Errorf("asked %s\nwant  %s", asked[0], want)
	}
	names = ""
	for x := range c.Identities(t.Context(), ListOptions{Limit: 2}) {
		names += x.Name
	}
	if names != "ab" || len(asked) != 3 || !strings.Contains(asked[2], "limit=2") {
		t.Errorf("with a limit: %q, %v", names, asked)
	}
}

func TestErrorsHaveTheirKind(t *testing.T) {
	for status, kind := range map[int]error{
		400: retinue.ErrInvalid, 401: retinue.ErrDenied, 403: retinue.ErrDenied, 404: retinue.ErrNotFound, 409: retinue.ErrConflict,
		412: retinue.ErrConflict, 422: retinue.ErrInvalid, 429: retinue.ErrUnavailable, 500: retinue.ErrUnavailable, 501: retinue.ErrUnsupported, 503: retinue.ErrUnavailable,
	} {
		c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("X-Request-Id", "req1")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"status":%d,"title":"T","detail":"what is wrong","type":"urn:x","errors":[{"location":"body.until","message":"a date is missing"}]}`, status)
		})
		_, err := c.Me(t.Context())
		var e *Error
		if !errors.Is(err, kind) || !errors.As(err, &e) || e.Type != "urn:x" || e.Status != status {
			t.Errorf("%d: %v", status, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, "what is wrong") || !strings.Contains(text, "body.until a date is missing") || strings.Contains(text, "word") {
			t.Errorf("%d: text %q", status, text)
		}
	}
}

func TestBusyServerIsAskedAgain(t *testing.T) {
	n := 0
	c, pauses := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n < 3 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"name":"ann"}`))
	})
	m, err := c.Me(t.Context())
	if err != nil || m.Name != "ann" || fmt.Sprint(*pauses) != "[7s 7s]" {
		t.Errorf("%+v, %v, pauses %v", m, err, *pauses)
	}
}

func TestWritesAreRepeatedOnlyWithAKey(t *testing.T) {
	keys := map[string]bool{}
	n := 0
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		keys[r.Header.Get("Idempotency-Key")] = true
		w.WriteHeader(http.StatusBadGateway)
	})
	if _, err := c.Decide(t.Context(), Decision{State: retinue.FindingAcknowledged}); err == nil || n != attempts || len(keys) != 1 || keys[""] {
		t.Errorf("a decision was sent %d times with the keys %v: %v", n, keys, err)
	}
	n = 0
	if err := c.Undo(t.Context(), "t"); err == nil || n != 1 {
		t.Errorf("a write without a key was sent %d times: %v", n, err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the token went elsewhere: %q", r.Header.Get("Authorization"))
	}))
	defer other.Close()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	if _, err := c.Me(t.Context()); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a redirect: %v", err)
	}
}

func TestUnreachableServer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := New(s.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(context.Context, time.Duration) error { return nil }
	if _, err := c.Me(t.Context()); !errors.Is(err, retinue.ErrUnavailable) {
		t.Errorf("unreachable: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Me(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDeviceWaitsForApproval(t *testing.T) {
	answers := []string{`{"error":"authorization_pending"}`, `{"error":"slow_down"}`, `{"token":"word2","id":"t1"}`}
	c, pauses := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/auth/device" {
			_, _ = w.Write([]byte(`{"deviceCode":"d","userCode":"ABCD-EFGH","verificationUri":"http://x/device","expiresIn":600,"interval":5}`))
			return
		}
		_, _ = w.Write([]byte(answers[0]))
		answers = answers[1:]
	})
	d, err := c.StartDevice(t.Context(), "test")
	if err != nil || d.UserCode != "ABCD-EFGH" {
		t.Fatal(d, err)
	}
	a, err := c.AwaitDevice(t.Context(), d)
	if err != nil || a.Token.Reveal() != "word2" || a.ID != "t1" || fmt.Sprint(*pauses) != "[5s 5s 10s]" {
		t.Errorf("token %+v, %v, pauses %v", a, err, *pauses)
	}
	for answer, kind := range map[string]error{`{"error":"access_denied"}`: retinue.ErrDenied, `{"error":"expired_token"}`: retinue.ErrDenied, `{}`: retinue.ErrUnsupported} {
		answers = []string{answer}
		if _, err := c.AwaitDevice(t.Context(), d); !errors.Is(err, kind) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
