package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/retinue-id/retinue"
)

// answers is a transport that plays a list of answers and notes when it was
// asked.
type answers struct {
	play  []func(*http.Request) (*http.Response, error)
	asked []time.Time
	reqs  []*http.Request
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, time.Now())
	a.reqs = append(a.reqs, req)
	i := min(len(a.asked), len(a.play)) - 1
	return a.play[i](req)
}

func status(code int, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Request: req, Body: io.NopCloser(strings.NewReader(`{"n":1}`))}, nil
	}
}

func broken(req *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func newTestClient(t *testing.T, rt http.RoundTripper, opt Options) *Client {
	t.Helper()
	opt.Transport = rt
	c, err := New("https://api.example/v1/", opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRepeats(t *testing.T) {
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where a bubble's clock begins
	for _, c := range []struct {
		name   string
		method string
		play   []func(*http.Request) (*http.Response, error)
		opt    Options
		asked  int
		least  time.Duration // before the last attempt
		want   error
	}{
		{"success", "GET", []func(*http.Request) (*http.Response, error){status(200)}, Options{}, 1, 0, nil},
		{"after a break", "GET", []func(*http.Request) (*http.Response, error){broken, status(200)}, Options{}, 2, 250 * time.Millisecond, nil},
		{"after 503", "GET", []func(*http.Request) (*http.Response, error){status(503), status(503), status(200)}, Options{}, 3, 750 * time.Millisecond, nil},
		{"retry after seconds", "GET", []func(*http.Request) (*http.Response, error){status(429, "Retry-After", "7"), status(200)}, Options{}, 2, 7 * time.Second, nil},
		{"retry after date", "GET", []func(*http.Request) (*http.Response, error){
			status(429, "Retry-After", epoch.Add(9*time.Second).Format(http.TimeFormat)), status(200)}, Options{}, 2, 8 * time.Second, nil},
		{"reset epoch", "GET", []func(*http.Request) (*http.Response, error){
			status(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", fmt.Sprint(epoch.Add(30*time.Second).Unix())), status(200)}, Options{}, 2, 30 * time.Second, nil},
		{"reset by the server's clock", "GET", []func(*http.Request) (*http.Response, error){
			status(429, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "2000000030", "Date", time.Unix(2000000000, 0).UTC().Format(http.TimeFormat)), status(200)},
			Options{}, 2, 30 * time.Second, nil},
		{"reset relative", "GET", []func(*http.Request) (*http.Response, error){
			status(429, "RateLimit-Remaining", "0", "RateLimit-Reset", "12"), status(200)}, Options{}, 2, 12 * time.Second, nil},
		{"too long a wait", "GET", []func(*http.Request) (*http.Response, error){status(429, "Retry-After", "3600")}, Options{}, 1, 0, retinue.ErrUnavailable},
		{"gives up", "GET", []func(*http.Request) (*http.Response, error){status(502)}, Options{Attempts: 3}, 3, 0, retinue.ErrUnavailable},
		{"post once", "POST", []func(*http.Request) (*http.Response, error){status(503)}, Options{}, 1, 0, retinue.ErrUnavailable},
		{"put with its body", "PUT", []func(*http.Request) (*http.Response, error){status(503), status(200)}, Options{}, 2, 0, nil},
		{"denied", "GET", []func(*http.Request) (*http.Response, error){status(403)}, Options{}, 1, 0, retinue.ErrDenied},
		{"not found", "GET", []func(*http.Request) (*http.Response, error){status(404)}, Options{}, 1, 0, retinue.ErrNotFound},
		{"conflict", "GET", []func(*http.Request) (*http.Response, error){status(409)}, Options{}, 1, 0, retinue.ErrConflict},
		{"bad request", "GET", []func(*http.Request) (*http.Response, error){status(422)}, Options{}, 1, 0, retinue.ErrInvalid},
		{"budget", "GET", []func(*http.Request) (*http.Response, error){status(503)}, Options{MaxRequests: 2}, 2, 0, retinue.ErrUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := &answers{play: c.play}
				var in any
				if c.method != "GET" {
					in = map[string]int{"a": 1}
				}
				start := time.Now()
				_, err := newTestClient(t, rt, c.opt).JSON(t.Context(), c.method, "things", in, nil)
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("%v, want %v", err, c.want)
				}
				if len(rt.asked) != c.asked {
					t.Fatalf("asked %d times, want %d", len(rt.asked), c.asked)
				}
				if took := rt.asked[len(rt.asked)-1].Sub(start); took < c.least || took > c.least+5*time.Minute {
					t.Errorf("last attempt after %s, want at least %s", took, c.least)
				}
				for _, r := range rt.reqs {
					if in != nil {
						if b, _ := io.ReadAll(r.Body); string(b) != `{"a":1}` {
							t.Errorf("body %q", b)
						}
					}
				}
			})
		})
	}
}

func TestPacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &answers{play: []func(*http.Request) (*http.Response, error){status(200)}}
		c := newTestClient(t, rt, Options{PerSecond: 2, Burst: 3})
		start := time.Now()
		for range 7 {
			if _, err := c.Get(t.Context(), "x", nil); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("7 requests, 3 at once and 2 a second, took %s, want 2s", took)
		}
		if c.Requests() != 7 {
			t.Errorf("%d requests counted", c.Requests())
		}
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &answers{play: []func(*http.Request) (*http.Response, error){status(429, "Retry-After", "60")}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := newTestClient(t, rt, Options{}).Get(ctx, "x", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's error", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// TestTimeout lets a server never answer.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &answers{play: []func(*http.Request) (*http.Response, error){func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}}
		_, err := newTestClient(t, rt, Options{Attempts: 2, Timeout: time.Second}).Get(t.Context(), "x", nil)
		if !errors.Is(err, retinue.ErrUnavailable) || len(rt.asked) != 2 || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%v after %d attempts", err, len(rt.asked))
		}
	})
}

func TestErrorsHoldNoSecret(t *testing.T) {
	secret := "planted-" + strings.Repeat("x", 20)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/away":
			http.Redirect(w, r, "http://other.example/?token="+secret, http.StatusFound)
		case "/v1/closed":
			panic(http.ErrAbortHandler)
		case "/v1/text":
			_, _ = io.WriteString(w, `"`+secret+`"`)
		case "/v1/html":
			_, _ = io.WriteString(w, "<"+secret)
		case "/v1/large":
			_, _ = io.WriteString(w, `{"a":"`+strings.Repeat(secret, 1000)+`"}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, secret)
		}
	}))
	defer srv.Close()
	c, err := New(srv.URL+"/v1/", Options{Attempts: 1, MaxBody: 1000, Authorize: func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+secret)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{"away": retinue.ErrUnsupported, "closed": retinue.ErrUnavailable, "text": retinue.ErrInvalid,
		"html": retinue.ErrInvalid, "large": retinue.ErrUnsupported, "refused": retinue.ErrDenied} {
		var out struct{ A string }
		_, err := c.Get(t.Context(), path+"?token="+secret, &out)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: the error holds the secret: %v", path, err)
		}
	}
	var se *StatusError
	if _, err := c.Get(t.Context(), "refused", nil); !errors.As(err, &se) || se.Status != 403 || string(se.Body) != secret {
		t.Errorf("status error %+v", se)
	}
	if _, err := c.Get(t.Context(), "http://other.example/", nil); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("another host: %v", err)
	}
	srv.Close()
	if _, err := c.Get(t.Context(), "x?token="+secret, nil); !errors.Is(err, retinue.ErrUnavailable) || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}

func TestNewRefusesBadBase(t *testing.T) {
	for _, base := range []string{"", "api.example", "ftp://api.example/", "https://me:" + "pw@api.example/", "https://\x00"} {
		if _, err := New(base, Options{}); !errors.Is(err, retinue.ErrInvalid) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestPages(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("page") {
		case "":
			w.Header().Set("Link", `</v1/list?page=0>; rel="prev", </v1/list?page=2>; title="x"; rel="next last"`)
			_, _ = io.WriteString(w, `{"items":[1,2]}`)
		case "2":
			w.Header().Set("Link", `</v1/list?page=`+r.URL.Query().Get("page")+`>; rel="first"`)
			_, _ = io.WriteString(w, `{"items":[3]}`)
		case "loop":
			w.Header().Set("Link", `</v1/list?page=loop>; rel=next`)
			_, _ = io.WriteString(w, `{"items":[9]}`)
		case "away":
			w.Header().Set("Link", `<http://other.example/>; rel=next`)
			_, _ = io.WriteString(w, `{"items":[9]}`)
		}
	}))
	defer srv.Close()
	c, err := New(srv.URL+"/v1/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	type page struct{ Items []int }
	read := func(ref string) (items []int, err error) {
		for p, perr := range Pages(t.Context(), c, ref, func(_ *page, h http.Header) (string, error) { return NextLink(h), nil }) {
			if perr != nil {
				return items, perr
			}
			items = append(items, p.Items...)
		}
		return items, nil
	}
	if items, err := read("list"); err != nil || fmt.Sprint(items) != "[1 2 3]" {
		t.Errorf("%v, %v", items, err)
	}
	if items, err := read("list?page=loop"); !errors.Is(err, retinue.ErrUnavailable) || len(items) != 1 {
		t.Errorf("a loop: %v, %v", items, err)
	}
	if _, err := read("list?page=away"); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("another host: %v", err)
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<https://a/?p=2>; rel="next", <https://a/?p=9>; rel="last"`)
	f.Add(`<a>; rel=prev next, <`)
	f.Fuzz(func(t *testing.T, s string) {
		next := NextLink(http.Header{"Link": {s}})
		if next != "" && !strings.Contains(s, "<"+next+">") {
			t.Errorf("%q is no target in %q", next, s)
		}
	})
}
