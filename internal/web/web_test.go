package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/web"
	"github.com/retinue-id/retinue/internal/web/api"
)

// backend stands for the interface.
func backend() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/origin", func(w http.ResponseWriter, r *http.Request) {
		o := api.OriginOf(r.Context())
		_, _ = fmt.Fprintf(w, "%s %v %s %s", o.Addr, o.Secure, o.PublicURL, api.RequestID(r.Context()))
	})
	mux.HandleFunc("GET /api/v1/panic", func(http.ResponseWriter, *http.Request) { panic("boom with a secret") })
	mux.HandleFunc("GET /api/v1/json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", `"x"`)
		_, _ = io.WriteString(w, strings.Repeat(`{"a":1}`, 1000))
	})
	mux.HandleFunc("GET /api/v1/stream", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
	})
	return mux
}

func newServer(t *testing.T, cfg web.Config) *web.Server {
	t.Helper()
	cfg.API = backend()
	s, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s *web.Server, host, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// TestConfig: a server that would speak in clear to the network does not start.
func TestConfig(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.4/32")}
	for _, c := range []struct {
		cfg web.Config
		url string // empty: refused
	}{
		{web.Config{Listen: "127.0.0.1:8420"}, "http://localhost:8420"},
		{web.Config{Listen: "localhost:8420"}, "http://localhost:8420"},
		{web.Config{Listen: "[::1]:8420"}, "http://localhost:8420"},
		{web.Config{Listen: "0.0.0.0:8420"}, ""},
		{web.Config{Listen: ":8420"}, ""},
		{web.Config{Listen: "10.0.0.5:8420"}, ""},
		{web.Config{Listen: "10.0.0.5:8420", TrustedProxies: proxies}, ""},
		{web.Config{Listen: "10.0.0.5:8420", TrustedProxies: proxies, PublicURL: "http://retinue.example.com"}, ""},
		{web.Config{Listen: "10.0.0.5:8420", TrustedProxies: proxies, PublicURL: "https://retinue.example.com"}, "https://retinue.example.com"},
		{web.Config{Listen: ":443", TLSCert: "c.pem"}, ""},
		{web.Config{Listen: ":443", TLSCert: "c.pem", TLSKey: "k.pem", PublicURL: "https://r.example.com"}, "https://r.example.com"},
		{web.Config{Listen: ":443", ACMEDomain: "r.example.com"}, "https://r.example.com"},
		{web.Config{Listen: ":443", ACMEDomain: "r.example.com", TLSCert: "c", TLSKey: "k"}, ""},
		{web.Config{Listen: ":443", ACMEDomain: "r.example.com", ACMEDirectory: "https://ca.example.com/directory"}, "https://r.example.com"},
		{web.Config{Listen: ":443", ACMEDomain: "r.example.com", ACMEDirectory: "http://ca.example.com/directory"}, ""},
		{web.Config{Listen: ":443", TLSCert: "c", TLSKey: "k", ACMEDirectory: "https://ca.example.com/directory"}, ""},
		{web.Config{Listen: ":443", ACMEDomain: "*.example.com"}, ""},
		{web.Config{Listen: ":443", ACMEDomain: "localhost"}, ""},
		{web.Config{Listen: "127.0.0.1:8420", PublicURL: "https://r.example.com/path"}, ""},
		{web.Config{Listen: "here"}, ""},
	} {
		c.cfg.API = backend()
		s, err := web.New(c.cfg)
		switch {
		case c.url == "" && !errors.Is(err, retinue.ErrInvalid):
			t.Errorf("%+v: %v, want it refused", c.cfg, err)
		case c.url != "" && (err != nil || s.PublicURL() != c.url):
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.url)
		}
	}
}

// TestHosts: a name that somebody made to lead here reaches nothing.
func TestHosts(t *testing.T) {
	s := newServer(t, web.Config{Listen: "127.0.0.1:8420"})
	for host, want := range map[string]int{"localhost:8420": 200, "127.0.0.1:8420": 200, "LOCALHOST:8420": 200, "localhost": 421, "localhost:80": 421,
		"evil.example:8420": 421, "127.0.0.1.evil.example:8420": 421, "": 421, "localhost:8420.evil.example": 421} {
		if w := ask(s, host, "/api/v1/origin"); w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
		if w := ask(s, host, "/"); w.Code != want {
			t.Errorf("host %q: console %d, want %d", host, w.Code, want)
		}
	}
	if w := ask(s, "10.1.2.3:8420", "/healthz"); w.Code != 200 {
		t.Errorf("health by address: %d", w.Code)
	}
}

// TestHeaders: every answer, errors included, tells the browser what it may do.
func TestHeaders(t *testing.T) {
	s := newServer(t, web.Config{Listen: "127.0.0.1:8420"})
	for _, path := range []string{"/", "/api/v1/origin", "/api/v1/none", "/api/v1/panic", "/assets/none.js", "/healthz"} {
		h := ask(s, "localhost:8420", path).Header()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS without TLS", path)
		}
		if h.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", path)
		}
	}
	tls := newServer(t, web.Config{Listen: "127.0.0.1:8420", PublicURL: "https://r.example.com", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	if ask(tls, "r.example.com", "/api/v1/origin").Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS behind a proxy that terminates TLS")
	}
}

// TestOrigin: X-Forwarded-For is believed of trusted proxies alone, from its
// end on.
func TestOrigin(t *testing.T) {
	trusted := newServer(t, web.Config{Listen: "127.0.0.1:8420", PublicURL: "https://r.example.com", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	direct := newServer(t, web.Config{Listen: "127.0.0.1:8420"})
	for _, c := range []struct {
		s          *web.Server
		host, xff  string
		wantPrefix string
	}{
		{trusted, "r.example.com", "203.0.113.9", "203.0.113.9 true https://r.example.com"},
		{trusted, "r.example.com", "198.51.100.1, 203.0.113.9", "203.0.113.9 "},
		{trusted, "r.example.com", "203.0.113.9, 192.0.2.77", "203.0.113.9 "},
		{trusted, "r.example.com", "nonsense", "192.0.2.1 "},
		{direct, "localhost:8420", "203.0.113.9", "192.0.2.1 false"},
	} {
		if got := ask(c.s, c.host, "/api/v1/origin", "X-Forwarded-For", c.xff).Body.String(); !strings.HasPrefix(got, c.wantPrefix) {
			t.Errorf("X-Forwarded-For %q: %q, want %q", c.xff, got, c.wantPrefix)
		}
	}
}

// TestPanic: a panic is an error with an id; what it said stays in the log.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, web.Config{Listen: "127.0.0.1:8420", Log: slog.New(slog.NewTextHandler(&log, nil))})
	w := ask(s, "localhost:8420", "/api/v1/panic?token=leak")
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), "urn:retinue:request:") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "boom") || strings.Contains(log.String(), "leak") || !strings.Contains(log.String(), "[token]") {
		t.Errorf("log: %s", log.String())
	}
}

// TestCompress: text is packed for who takes it, streams never.
func TestCompress(t *testing.T) {
	s := newServer(t, web.Config{Listen: "127.0.0.1:8420"})
	w := ask(s, "localhost:8420", "/api/v1/json", "Accept-Encoding", "br, gzip")
	z, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("ETag") != `W/"x"` {
		t.Fatalf("%v %v", err, w.Header())
	}
	if b, err := io.ReadAll(z); err != nil || len(b) != 7000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for _, c := range [][2]string{{"/api/v1/json", "gzip;q=0"}, {"/api/v1/json", ""}, {"/api/v1/stream", "gzip"}} {
		if w := ask(s, "localhost:8420", c[0], "Accept-Encoding", c[1]); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s with %q is packed", c[0], c[1])
		}
	}
}

// TestSlowAndLarge runs a real server: a client that does not send its head is
// cut off, a head that is too large refused, and requests end before the
// server does.
func TestSlowAndLarge(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	s := newServer(t, web.Config{Listen: addr})
	ctx, cancel := context.WithCancel(t.Context())
	started, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() { done <- s.Run(ctx, func(a net.Addr) { started <- a }) }()
	select {
	case <-started:
	case err := <-done:
		t.Fatal(err)
	}
	large := send(t, addr, "GET /healthz HTTP/1.1\r\nHost: "+addr+"\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
	if !strings.Contains(large, " 431 ") {
		t.Errorf("a head of 64 KiB: %q", large)
	}
	if two := send(t, addr, "GET /healthz HTTP/1.1\r\nHost: "+addr+"\r\nHost: evil.example\r\n\r\n"); !strings.Contains(two, " 400 ") {
		t.Errorf("two hosts: %q", two)
	}
	if !testing.Short() {
		conn := dial(t, addr)
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHo")
		start := time.Now()
		_ = conn.SetReadDeadline(start.Add(20 * time.Second))
		_, err := bufio.NewReader(conn).ReadString('\n')
		if took := time.Since(start); err == nil && took > 15*time.Second || took > 15*time.Second {
			t.Errorf("a client that sends half a head is kept for %s", took)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, addr, text string) string {
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, text)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return line
}
