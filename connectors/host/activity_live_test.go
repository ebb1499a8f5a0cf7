package host

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connector/keys"
	"github.com/retinue-id/retinue/internal/testkit"
)

// sshServer is a real sshd on a loopback port.
type sshServer struct {
	address string
	mu      sync.Mutex
	log     bytes.Buffer
}

// Write takes what sshd writes to its standard error.
func (s *sshServer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// lines returns what was logged, as syslog would write it.
func (s *sshServer) lines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for line := range strings.Lines(s.log.String()) {
		fmt.Fprintf(&b, "%s bastion sshd[1]: %s\n", sampleTime(0).Format(time.RFC3339), strings.TrimRight(line, "\r\n"))
	}
	return b.String()
}

func newKey(t testing.TB) (ssh.Signer, []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

// startSSHD runs sshd for the account that runs the test.
func startSSHD(t testing.TB, authorized, authority ssh.PublicKey) *sshServer {
	t.Helper()
	program := testkit.Need(t, "sshd", "openssh-server")
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where Debian's sshd confines itself
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	_, host := newKey(t)
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{address: l.Addr().String()}
	_ = l.Close()
	_, port, _ := net.SplitHostPort(s.address)
	config := write("sshd_config", fmt.Appendf(nil, "ListenAddress 127.0.0.1\nPort %s\nHostKey %s\nAuthorizedKeysFile %s\nTrustedUserCAKeys %s\nPidFile none\nUsePAM no\n"+
		"StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nLogLevel VERBOSE\n", port, write("host_key", host),
		write("authorized", ssh.MarshalAuthorizedKey(authorized)), write("ca.pub", ssh.MarshalAuthorizedKey(authority))))
	cmd := exec.Command(program, "-D", "-e", "-f", config)
	cmd.Stderr = s
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd logged:\n%s", s.lines())
		}
	})
	return s
}

// signIn opens a session and runs a command in it.
func (s *sshServer) signIn(t testing.TB, name string, signer ssh.Signer) error {
	t.Helper()
	cfg := &ssh.ClientConfig{User: name, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second} //nolint:gosec // the test's own server
	client, err := ssh.Dial("tcp", s.address, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	return session.Run("true " + planted())
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) { // a real server tells nobody
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestActivityLive signs in to a real sshd with a key and with a certificate, and
// finds both in its log as a scan of the files names them.
func TestActivityLive(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	key, _ := newKey(t)
	other, _ := newKey(t)
	ca, _ := newKey(t)
	certified, _ := newKey(t)
	cert := &ssh.Certificate{Key: certified.PublicKey(), Serial: 42, CertType: ssh.UserCert, KeyId: "run (serial 7) of nightly", ValidPrincipals: []string{me.Username},
		ValidBefore: ssh.CertTimeInfinity, Permissions: ssh.Permissions{Extensions: map[string]string{"permit-pty": ""}}}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	withCert, err := ssh.NewCertSigner(cert, certified)
	if err != nil {
		t.Fatal(err)
	}
	s := startSSHD(t, key.PublicKey(), ca.PublicKey())
	await(t, "sshd listens", func() bool { return strings.Contains(s.lines(), "Server listening") })
	for name, signer := range map[string]ssh.Signer{"key": key, "certificate": withCert} {
		if err := s.signIn(t, me.Username, signer); err != nil {
			t.Fatalf("sign in with a %s: %v", name, err)
		}
	}
	if s.signIn(t, me.Username, other) == nil || s.signIn(t, "nobody-of-that-name", key) == nil {
		t.Fatal("sshd let a stranger in")
	}
	await(t, "both sessions have ended", func() bool {
		return strings.Count(s.lines(), "Close session: user") == 2 && strings.Contains(s.lines(), "authenticating user")
	})

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "auth.log"), []byte(s.lines()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := connectortest.ReadAt(t, connectortest.OpenActivity(Spec(), map[string]string{"id": "bastion"})(t, connectortest.Env(t), dir), nil, time.Now())
	var got []string
	for _, e := range r.Events {
		got = append(got, brief(e))
		if err := connectortest.CheckEvent(Spec(), e); err != nil {
			t.Error(err)
		}
	}
	file, err := keys.Parse(ssh.MarshalAuthorizedKey(cert))
	if err != nil || len(file.Objects) != 1 {
		t.Fatalf("parse the certificate: %v", err)
	}
	scanned := file.Objects[0].Credential(retinue.Ref{}).Joins
	fingerprint := ssh.FingerprintSHA256(key.PublicKey())
	for _, want := range []string{
		"sign_in " + me.Username + " publickey success with=" + fingerprint + " join=openssh:" + fingerprint + " from=127.0.0.1",
		"sign_in " + me.Username + " publickey success join=" + scanned[1].Value + " from=127.0.0.1 certificate_authority=" + ssh.FingerprintSHA256(ca.PublicKey()) +
			" certificate_id=run (serial 7) of nightly certificate_serial=42",
		"data " + me.Username + " command success from=127.0.0.1",
		"sign_in " + me.Username + " disconnection success from=127.0.0.1",
		"sign_in " + me.Username + " publickey denied reason=authentication_failed with=" + ssh.FingerprintSHA256(other.PublicKey()) + " join=openssh:" + ssh.FingerprintSHA256(other.PublicKey()) + " from=127.0.0.1",
		"sign_in  sign-in denied reason=invalid_user from=127.0.0.1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no event %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if len(r.Faults) > 0 {
		t.Errorf("faults: %v", r.Faults)
	}
}
