package web

import (
	"cmp"
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/retinue-id/retinue/internal/web/api"
)

// identify gives a request its id and finds out where it came from.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		w.Header().Set("X-Request-Id", id)
		ctx := api.WithRequestID(r.Context(), id)
		ctx = api.WithOrigin(ctx, api.Origin{Addr: s.clientAddr(r), Secure: s.secure, PublicURL: s.PublicURL()})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// clientAddr is the address of the client: behind trusted proxies the last
// address in X-Forwarded-For that is not one of theirs.
func (s *Server) clientAddr(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !s.trusted(addr) {
		return addr.Unmap()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if addr = hop; !s.trusted(hop) {
			break
		}
	}
	return addr.Unmap()
}

func (s *Server) trusted(a netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// guard refuses what must not reach a handler, and tells browsers how to
// handle every answer.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy(""))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		probe := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		if !probe && !s.hosts[strings.ToLower(r.Host)] {
			api.WriteProblem(w, r, http.StatusMisdirectedRequest, "this server does not answer to that host name; its own is "+s.public.Host)
			return
		}
		defer func() {
			if v := recover(); v != nil {
				s.recovered(w, r, v)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) recovered(w http.ResponseWriter, r *http.Request, v any) {
	if v == http.ErrAbortHandler { //nolint:errorlint // the value itself is the sign
		panic(v)
	}
	s.cfg.Log.ErrorContext(r.Context(), "handler panicked", "request_id", api.RequestID(r.Context()), "panic", v, "stack", string(debug.Stack()))
	if sw, ok := w.(*statusWriter); ok && sw.status != 0 {
		panic(http.ErrAbortHandler) // too late for another answer
	}
	api.WriteProblem(w, r, http.StatusInternalServerError, "something went wrong here; the log of the server says what, under the id of this request")
}

// policy is the content security policy: nothing but the server's own files,
// no inline script, and inline style only with the nonce of this answer, which
// the console's component library needs.
func policy(nonce string) string {
	style := "style-src 'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	return "default-src 'none'; script-src 'self'; " + style + "; img-src 'self'; font-src 'self'; connect-src 'self'; worker-src 'self'; " +
		"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// statusWriter notes what was answered, and gives the client a time for each
// piece of the answer.
type statusWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int
	bytes   int64
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(writeTime)) // recorders of tests have none
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets response controllers reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observe writes the access log and counts. Query values are left out: they
// may say what somebody looks for.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w, control: http.NewResponseController(w)}
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			took := time.Since(start)
			s.metrics.observe(r.Method, cmp.Or(r.Pattern, "none"), sw.status, took) // the routers filled it in
			s.cfg.Log.InfoContext(r.Context(), "request", "request_id", api.RequestID(r.Context()), "method", r.Method, "path", r.URL.Path,
				"query", queryNames(r), "status", sw.status, "bytes", sw.bytes, "duration_ms", took.Milliseconds(),
				"client", api.OriginOf(r.Context()).Addr.String())
		}()
		next.ServeHTTP(sw, r)
	})
}

func queryNames(r *http.Request) []string {
	var out []string
	for name := range r.URL.Query() {
		if out = append(out, name); len(out) == 40 {
			break
		}
	}
	return out
}
