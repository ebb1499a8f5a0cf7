package testkit

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Pebble is an authority that gives certificates by ACME: Let's Encrypt's own
// for tests, with a name server by which every name is this machine.
type Pebble struct {
	// Directory is the address of its directory.
	Directory string
	// TLSPort is the port on which it looks for the answer to TLS-ALPN-01.
	TLSPort int
	// Trust is a file with the certificate by which its own address is trusted.
	Trust string
	// Roots are those of the certificates that it gives.
	Roots *x509.CertPool
}

// StartPebble starts an authority that ends with the test. Its certificates
// live as long as said. Without the programs the test is skipped, and fails
// under RETINUE_REQUIRE_ALL=1.
func StartPebble(t testing.TB, life time.Duration) *Pebble {
	t.Helper()
	program, names := liveProgram(t, "pebble", "pebble"), liveProgram(t, "pebble-challtestsrv", "pebble")
	dir := t.TempDir()
	ca, err := newAuthority()
	if err == nil {
		err = errors.Join(ca.write(filepath.Join(dir, "ca")), ca.issue(filepath.Join(dir, "server"), "pebble", ""))
	}
	if err != nil {
		t.Fatalf("start pebble: %v", err)
	}
	dns, manage := fmt.Sprintf("127.0.0.1:%d", loopbackPort(t)), fmt.Sprintf("127.0.0.1:%d", loopbackPort(t))
	listen := fmt.Sprintf("127.0.0.1:%d", loopbackPort(t))
	p := &Pebble{Directory: "https://" + listen + "/dir", TLSPort: loopbackPort(t), Trust: filepath.Join(dir, "ca.crt"), Roots: x509.NewCertPool()}
	conf, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "certificate": filepath.Join(dir, "server.crt"), "privateKey": filepath.Join(dir, "server.key"),
		"httpPort": loopbackPort(t), "tlsPort": p.TLSPort, "keyAlgorithm": "ecdsa", "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{"default": map[string]any{"description": "of the tests", "validityPeriod": int(life.Seconds())}}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "pebble.json"), conf, 0o600)
	}
	if err != nil {
		t.Fatalf("start pebble: %v", err)
	}
	startLive(t, filepath.Join(dir, "names.log"), nil, names, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dnsserver", dns,
		"-management", fmt.Sprintf("127.0.0.1:%d", loopbackPort(t)), "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	startLive(t, filepath.Join(dir, "pebble.log"), []string{"PEBBLE_VA_NOSLEEP=1"}, program, "-config", filepath.Join(dir, "pebble.json"), "-dnsserver", dns)
	p.waitRoots(t, ca, "https://"+manage+"/roots/0")
	return p
}

// waitRoots waits until the authority answers, and reads its root.
func (p *Pebble) waitRoots(t testing.TB, ca *authority, address string) {
	t.Helper()
	own := x509.NewCertPool()
	own.AddCert(ca.cert)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own, MinVersion: tls.VersionTLS12}}}
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) { // there is nothing to wait on
		if err = p.readRoots(client, address); err == nil {
			return
		}
	}
	t.Fatalf("pebble does not answer: %v", err)
}

func (p *Pebble) readRoots(client *http.Client, address string) error {
	resp, err := client.Get(address)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && !p.Roots.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s holds no certificate (%s)", address, resp.Status)
	}
	return err
}
