// Package web serves an installation over HTTP: the interface (package api),
// the console (package ui), and what an operator watches.
//
// The server faces hostile clients. It speaks only to the host names that it
// was given, so that a name that is made to lead to this machine reaches
// nothing; it bounds how long a client may take to send its head and its body
// and to take the answer; and every answer tells the browser to run no script
// but the server's own, to sniff no types, and to let no other site frame or
// read it.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"github.com/retinue-id/retinue"
)

// The bounds of a connection.
const (
	headTime  = 10 * time.Second // for the head of a request
	readTime  = time.Minute      // for the whole of a request, unless the operation says otherwise
	writeTime = 30 * time.Second // for each piece of an answer
	idleTime  = 2 * time.Minute  // between requests
	headBytes = 32 << 10
	maxConns  = 4096
	stopTime  = 15 * time.Second // for requests to end when the server stops
	readyTime = 5 * time.Second
)

// Config says how an installation is served.
type Config struct {
	// Listen is host:port.
	Listen string
	// PublicURL is how people reach the server, such as
	// https://retinue.example.com; empty: as Listen says.
	PublicURL string
	// TLSCert and TLSKey are files of the server's own certificate.
	TLSCert, TLSKey string
	// ACMEDomain has the server get its certificate by ACME (TLS-ALPN-01, on
	// port 443), ACMECache is the folder that keeps it. ACMEDirectory is the
	// authority's directory; empty: that of Let's Encrypt.
	ACMEDomain, ACMECache, ACMEDirectory string
	// TrustedProxies are the addresses of reverse proxies that terminate TLS
	// and whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Metrics is host:port where /metrics is served, apart; empty: nowhere.
	Metrics string
	// Collectors are what is told there beside the server's own.
	Collectors []prometheus.Collector

	API http.Handler
	// Raw are further handlers by pattern, such as the callbacks of sign-in.
	Raw map[string]http.Handler
	// Ready reports whether the server can do its work.
	Ready func(context.Context) error
	Log   *slog.Logger
	Now   func() time.Time
	// Stopping is closed when the server begins to stop: streams end then.
	Stopping chan struct{}
}

// Server serves an installation.
type Server struct {
	cfg     Config
	public  *url.URL
	hosts   map[string]bool
	secure  bool // reached by https, by itself or through a proxy
	acme    *acmeCerts
	metrics *metrics
	handler http.Handler
}

// New checks the configuration and prepares a server. ErrInvalid says what is
// wrong with it.
func New(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg, metrics: newMetrics(cfg.Collectors)}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("serve on %s: %w", cfg.Listen, err)
	}
	if cfg.ACMEDomain != "" {
		s.acme = newACME(s.cfg)
	}
	s.handler = s.routes()
	return s, nil
}

// PublicURL is how people reach the server.
func (s *Server) PublicURL() string { return s.public.String() }

// Secure reports whether people reach the server by https.
func (s *Server) Secure() bool { return s.secure }

func (s *Server) tls() bool { return s.cfg.TLSCert != "" || s.cfg.ACMEDomain != "" }

func (s *Server) check() error {
	c := s.cfg
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("%w: --listen %q: want host:port", retinue.ErrInvalid, c.Listen)
	}
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return fmt.Errorf("%w: give both --tls-cert and --tls-key", retinue.ErrInvalid)
	case c.TLSCert != "" && c.ACMEDomain != "":
		return fmt.Errorf("%w: give a certificate, or --acme-domain", retinue.ErrInvalid)
	case !s.tls() && len(c.TrustedProxies) == 0 && !IsLoopback(host):
		return fmt.Errorf("%w: it can be reached from other machines, and passwords would cross the network in clear: "+
			"give --tls-cert and --tls-key, or --acme-domain, or --behind-proxy with the addresses of a proxy that terminates TLS", retinue.ErrInvalid)
	case len(c.TrustedProxies) > 0 && c.PublicURL == "":
		return fmt.Errorf("%w: with --behind-proxy give --public-url", retinue.ErrInvalid)
	}
	if err := checkACME(c); err != nil {
		return err
	}
	if c.PublicURL == "" {
		c.PublicURL = defaultURL(host, port, c.ACMEDomain, s.tls())
	}
	if s.public, err = url.Parse(c.PublicURL); err != nil || s.public.Host == "" || (s.public.Scheme != "http" && s.public.Scheme != "https") ||
		(s.public.Path != "" && s.public.Path != "/") || s.public.RawQuery != "" {
		return fmt.Errorf("%w: --public-url %q: want a scheme and a host, such as https://retinue.example.com", retinue.ErrInvalid, c.PublicURL)
	}
	if s.secure = s.public.Scheme == "https"; !s.secure && !IsLoopback(s.public.Hostname()) {
		return fmt.Errorf("%w: --public-url %q: want https", retinue.ErrInvalid, c.PublicURL)
	}
	s.hosts = allowedHosts(s.public, host, port, c.ACMEDomain)
	return nil
}

func defaultURL(host, port, domain string, secure bool) string {
	scheme, name := "http", host
	if secure {
		scheme = "https"
	}
	if domain != "" {
		name = domain
	}
	if ip, err := netip.ParseAddr(name); name == "" || (err == nil && (ip.IsUnspecified() || ip.IsLoopback())) {
		name = "localhost"
	}
	if (scheme == "https" && port == "443") || (scheme == "http" && port == "80") {
		return scheme + "://" + name
	}
	return scheme + "://" + net.JoinHostPort(name, port)
}

// allowedHosts are the values of Host that are answered.
func allowedHosts(public *url.URL, host, port, domain string) map[string]bool {
	out := map[string]bool{public.Host: true}
	if IsLoopback(host) {
		for _, h := range []string{"localhost", "127.0.0.1", "::1", host} {
			out[net.JoinHostPort(h, port)] = true
		}
	}
	if domain != "" {
		out[domain], out[net.JoinHostPort(domain, port)] = true, true
	}
	return out
}

// IsLoopback reports whether a host name or address is this machine alone.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Handler is the whole of the server, for tests.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx ends, then lets requests end. Started is called with
// the address once the server listens.
func (s *Server) Run(ctx context.Context, started func(net.Addr)) error {
	conf, err := s.tlsConfig(ctx)
	if err != nil {
		return fmt.Errorf("serve on %s: %w", s.cfg.Listen, err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("%w: serve on %s: %v", retinue.ErrConflict, s.cfg.Listen, err)
	}
	ln = netutil.LimitListener(ln, maxConns)
	srv := s.server(s.handler, conf)
	ends := make(chan error, 2)
	if s.cfg.Metrics != "" {
		m, err := s.serveMetrics(ctx, ends)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		defer func() { _ = m.Close() }()
	}
	go func() {
		if conf != nil {
			ends <- srv.ServeTLS(ln, "", "")
		} else {
			ends <- srv.Serve(ln)
		}
	}()
	if s.acme != nil {
		go s.acme.obtain(ctx)
	}
	if started != nil {
		started(ln.Addr())
	}
	select {
	case err := <-ends:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	if s.cfg.Stopping != nil {
		close(s.cfg.Stopping)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("stop serving: %w", err), srv.Close())
	}
	return nil
}

func (s *Server) server(h http.Handler, conf *tls.Config) *http.Server {
	return &http.Server{Handler: h, TLSConfig: conf, ReadHeaderTimeout: headTime, ReadTimeout: readTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headBytes, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug)}
}

func (s *Server) serveMetrics(ctx context.Context, ends chan<- error) (*http.Server, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("%w: serve metrics on %s: %v", retinue.ErrConflict, s.cfg.Metrics, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.handler())
	srv := s.server(mux, nil)
	srv.WriteTimeout = writeTime
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			ends <- err
		}
	}()
	return srv, nil
}
