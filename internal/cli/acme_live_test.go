//go:build live

package cli_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/testkit"
)

const acmeDomain = "retinue.example.org"

// acmeServer is `retinue serve` with a certificate by ACME.
type acmeServer struct {
	*testkit.Pebble
	home   string
	listen int
}

func newACMEServer(t *testing.T, life time.Duration) acmeServer {
	t.Helper()
	p := testkit.StartPebble(t, life)
	return acmeServer{Pebble: p, home: t.TempDir(), listen: p.TLSPort}
}

// start starts the program and returns how to stop it, which returns what it
// wrote.
func (s acmeServer) start(ctx context.Context, t *testing.T, directory string) (stop func() string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "retinue", "serve", "--db", filepath.Join(s.home, "r.db"), "--listen", fmt.Sprintf("127.0.0.1:%d", s.listen),
		"--acme-domain", acmeDomain, "--acme-directory", directory)
	cmd.Env = append(os.Environ(), "HOME="+s.home, "XDG_DATA_HOME="+filepath.Join(s.home, "data"), "XDG_CONFIG_HOME="+s.home, "SSL_CERT_FILE="+s.Trust)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	up, read, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&text, lines.Text())
			if strings.Contains(lines.Text(), "retinue serves") {
				close(up)
			}
		}
	}()
	go func() {
		defer close(done)
		_ = cmd.Wait()
		_ = in.Close()
		<-read
	}()
	select {
	case <-up:
	case <-done:
	}
	stop = func() string {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		return text.String()
	}
	t.Cleanup(func() { stop() })
	return stop
}

// leaf is the certificate that a client sees, verified against the authority.
func (s acmeServer) leaf(ctx context.Context) (*x509.Certificate, error) {
	d := tls.Dialer{Config: &tls.Config{ServerName: acmeDomain, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.listen))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

func (s acmeServer) mustLeaf(ctx context.Context, t *testing.T) *x509.Certificate {
	t.Helper()
	c, err := s.leaf(ctx)
	if err != nil {
		t.Fatalf("speak to the server: %v", err)
	}
	return c
}

// TestACMELive: the program gets its certificate from a real authority, serves the
// interface with it, renews it before it ends, and keeps it over a restart even
// while the authority is away.
func TestACMELive(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := newACMEServer(t, 30*time.Second)
	stop := s.start(ctx, t, s.Directory)
	first := s.mustLeaf(ctx, t)
	if err := first.VerifyHostname(acmeDomain); err != nil {
		t.Error(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", s.listen))
		}}}
	resp, err := client.Get(fmt.Sprintf("https://%s:%d/api/v1/auth/methods", acmeDomain, s.listen))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("the interface answers %s, Strict-Transport-Security %q", resp.Status, resp.Header.Get("Strict-Transport-Security"))
	}
	// A name that is not the server's gets nothing.
	if conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.listen), &tls.Config{ServerName: "other.example.org", RootCAs: s.Roots, MinVersion: tls.VersionTLS12}); err == nil {
		_ = conn.Close()
		t.Error("a certificate for another name was given")
	}
	renewed := first
	for renewed.SerialNumber.Cmp(first.SerialNumber) == 0 {
		select {
		case <-ctx.Done():
			t.Fatal("the certificate is not renewed")
		case <-time.After(time.Second): // the authority's clock is the real one
		}
		renewed = s.mustLeaf(ctx, t)
	}
	if !renewed.NotAfter.After(first.NotAfter) {
		t.Errorf("renewed until %s, the first until %s", renewed.NotAfter, first.NotAfter)
	}
	log := stop()
	for _, want := range []string{"the server has its certificate", acmeDomain} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// TestACMERestartLive: a certificate outlives its server, and is used while the
// authority is away.
func TestACMERestartLive(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s := newACMEServer(t, time.Hour)
	stop := s.start(ctx, t, s.Directory)
	first := s.mustLeaf(ctx, t)
	stop()
	stop = s.start(ctx, t, "https://127.0.0.1:1/dir")
	if again := s.mustLeaf(ctx, t); again.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("the restarted server has another certificate")
	}
	stop()
}

// TestACMEWrongDirectoryLive: what is wrong is said at once, in words that name the
// option.
func TestACMEWrongDirectoryLive(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s := newACMEServer(t, time.Hour)
	for _, directory := range []string{"https://127.0.0.1:1/dir", s.Directory + "/nothing-here"} {
		out := s.start(ctx, t, directory)()
		if !strings.Contains(out, directory+" is no directory of an ACME authority") || !strings.Contains(out, "--acme-directory") || strings.Contains(out, "retinue serves") {
			t.Errorf("with %s the server says:\n%s", directory, out)
		}
	}
}

// TestACMEUnreachableLive: a server that the authority cannot reach says so in its
// log before anyone comes.
func TestACMEUnreachableLive(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := newACMEServer(t, time.Hour)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listen = free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	stop := s.start(ctx, t, s.Directory)
	if _, err := s.leaf(ctx); err == nil { // waits for the same attempt
		t.Error("there is a certificate")
	}
	if out := stop(); !strings.Contains(out, "no certificate could be got: the authority must reach this server on port 443") {
		t.Errorf("the server says:\n%s", out)
	}
}
