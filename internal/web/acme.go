package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/retinue-id/retinue"
)

// The times of getting a certificate.
const (
	acmeCall  = time.Minute      // for one call of the authority
	acmeReach = 20 * time.Second // for its directory, when the server starts
	acmeOrder = 5 * time.Minute  // for the whole of getting a certificate
	acmeSay   = time.Minute      // between two lines of the log about the same trouble
)

// acmeCerts gets the server's certificate from an authority by ACME (RFC 8555),
// by the challenge TLS-ALPN-01 (RFC 8737), and renews it when a third of its
// life is left.
type acmeCerts struct {
	domain, directory string
	manager           *autocert.Manager
	client            *acme.Client
	log               *slog.Logger
	now               func() time.Time

	mu   sync.Mutex
	said time.Time
}

func newACME(cfg Config) *acmeCerts {
	c := &acmeCerts{domain: cfg.ACMEDomain, directory: cfg.ACMEDirectory, log: cfg.Log, now: cfg.Now}
	if c.directory == "" {
		c.directory = acme.LetsEncryptURL
	}
	c.client = &acme.Client{DirectoryURL: c.directory, HTTPClient: &http.Client{Timeout: acmeCall}, UserAgent: "retinue"}
	c.manager = &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(c.domain), Cache: autocert.DirCache(cfg.ACMECache),
		Client: c.client}
	return c
}

func (c *acmeCerts) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1", acme.ALPNProto}}
}

// check reports whether the authority answers, where a certificate is yet to
// be got. A server that has one starts without the authority.
func (c *acmeCerts) check(ctx context.Context) error {
	if _, err := c.manager.Cache.Get(ctx, c.domain); err == nil {
		return nil
	} else if !errors.Is(err, autocert.ErrCacheMiss) {
		return fmt.Errorf("%w: read the certificate of %s: %w", retinue.ErrInvalid, c.domain, err)
	}
	ctx, cancel := context.WithTimeout(ctx, acmeReach)
	defer cancel()
	// A client of its own: what it learns here must not outlive a changed directory.
	probe := &acme.Client{DirectoryURL: c.directory, HTTPClient: c.client.HTTPClient, UserAgent: c.client.UserAgent}
	d, err := probe.Discover(ctx)
	if err == nil && d.OrderURL == "" {
		err = errors.New("it offers no orders")
	}
	if err != nil {
		return fmt.Errorf("%w: get a certificate for %s: %s is no directory of an ACME authority, or cannot be reached from here "+
			"(--acme-directory): %v", retinue.ErrUnavailable, c.domain, c.directory, err)
	}
	return nil
}

// obtain gets the certificate before anyone asks for it, so that what is wrong
// stands in the log at the start, and not behind the first visitor's error.
func (c *acmeCerts) obtain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, acmeOrder)
	defer cancel()
	ends := make(chan *tls.Certificate, 1)
	go func() {
		cert, _ := c.get(&tls.ClientHelloInfo{ServerName: c.domain, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
		ends <- cert
	}()
	select {
	case cert := <-ends:
		if cert != nil {
			c.log.Info("the server has its certificate", "domain", c.domain, "authority", c.directory, "ends", cert.Leaf.NotAfter)
		}
	case <-ctx.Done():
	}
}

func (c *acmeCerts) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := c.manager.GetCertificate(hello)
	if !strings.EqualFold(strings.TrimSuffix(hello.ServerName, "."), c.domain) {
		return cert, err // somebody who looks for something else
	}
	switch {
	case err != nil:
		c.say("no certificate could be got: the authority must reach this server on port 443 of the domain", "error", err)
	case cert.Leaf != nil && cert.Leaf.NotAfter.Sub(c.now()) < cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)/6:
		// Renewal begins at a third, and is tried again every half hour.
		c.say("the certificate is not renewed yet, and ends soon", "ends", cert.Leaf.NotAfter)
	}
	return cert, err
}

// say writes a trouble to the log, and not once for every visitor.
func (c *acmeCerts) say(text string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.said) >= acmeSay {
		c.said = now
		c.log.Error(text, append([]any{"domain", c.domain, "authority", c.directory}, args...)...)
	}
}

// checkACME reports what is wrong with the configuration of ACME.
func checkACME(c Config) error {
	if c.ACMEDomain == "" {
		if c.ACMEDirectory != "" {
			return fmt.Errorf("%w: --acme-directory goes with --acme-domain", retinue.ErrInvalid)
		}
		return nil
	}
	if strings.ContainsAny(c.ACMEDomain, "*:/ ") || !strings.Contains(strings.Trim(c.ACMEDomain, "."), ".") {
		return fmt.Errorf("%w: --acme-domain %q: want one host name, such as retinue.example.com", retinue.ErrInvalid, c.ACMEDomain)
	}
	if c.ACMEDirectory != "" {
		if u, err := url.Parse(c.ACMEDirectory); err != nil || u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%w: --acme-directory %q: want the https address of an authority's directory", retinue.ErrInvalid, c.ACMEDirectory)
		}
	}
	return nil
}
