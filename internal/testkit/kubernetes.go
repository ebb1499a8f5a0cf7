package testkit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// kubernetesStart is how long an API server may take to be ready.
const kubernetesStart = 90 * time.Second

// Cluster is a Kubernetes control plane for tests: etcd, kube-apiserver and
// kube-controller-manager on loopback ports. It has no nodes, so pods stay
// pending.
type Cluster struct {
	// Kubeconfig is the path of the administrator's kubeconfig; its context is
	// named "admin".
	Kubeconfig string
	// URL is the server's address.
	URL string
	// AuditLog and AuditPolicy are the paths of the server's audit log and of the
	// policy that it is written by.
	AuditLog    string
	AuditPolicy string

	dir   string
	admin *http.Client

	server []string // the API server's program and flags
	kill   func()   // kills it
}

// Kubernetes starts a control plane that ends with the test. Without the
// programs the test is skipped, and fails under RETINUE_REQUIRE_ALL=1.
func Kubernetes(t testing.TB) *Cluster {
	t.Helper()
	etcd := Need(t, "etcd", "etcd-server")
	apiserver := liveProgram(t, "kube-apiserver", "kubernetes")
	manager := liveProgram(t, "kube-controller-manager", "kubernetes")
	c, err := newCluster(t.TempDir())
	if err != nil {
		t.Fatalf("start kubernetes: %v", err)
	}
	store := fmt.Sprintf("http://127.0.0.1:%d", loopbackPort(t))
	peer := fmt.Sprintf("http://127.0.0.1:%d", loopbackPort(t))
	port := loopbackPort(t)
	c.URL = fmt.Sprintf("https://127.0.0.1:%d", port)
	if err := errors.Join(c.writeKubeconfig("admin", nil), c.writeKubeconfig("manager", nil)); err != nil {
		t.Fatalf("start kubernetes: %v", err)
	}
	c.start(t, "etcd", etcd, "--data-dir", filepath.Join(c.dir, "etcd"), "--listen-client-urls", store, "--advertise-client-urls", store,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer,
		"--logger", "zap", "--log-level", "error", "--unsafe-no-fsync")
	c.server = append([]string{apiserver}, c.serverFlags(store, port)...)
	c.Restart(t)
	c.start(t, "kube-controller-manager", manager, c.managerFlags(loopbackPort(t))...)
	c.waitAccount(t)
	return c
}

func newCluster(dir string) (*Cluster, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, Kubeconfig: filepath.Join(dir, "admin.kubeconfig"), AuditLog: filepath.Join(dir, "audit.log"), AuditPolicy: filepath.Join(dir, "audit-policy.yaml")}
	if err := os.WriteFile(c.AuditPolicy, []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}
	if err := ca.write(filepath.Join(dir, "ca")); err != nil {
		return nil, err
	}
	for _, leaf := range []struct{ file, name, group string }{
		{"server", "kube-apiserver", ""}, {"admin", "admin", "system:masters"},
		{"manager", "system:kube-controller-manager", ""},
	} {
		if err := ca.issue(filepath.Join(dir, leaf.file), leaf.name, leaf.group); err != nil {
			return nil, err
		}
	}
	if err := writeKey(filepath.Join(dir, "accounts.key")); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "admin.crt"), filepath.Join(dir, "admin.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	c.admin = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	return c, nil
}

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }

// auditPolicy logs everything but the noise of the control plane.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: None
    nonResourceURLs: ["/readyz*", "/healthz*", "/livez*"]
  - level: None
    users: ["system:kube-controller-manager", "system:apiserver"]
  - level: Request
    resources: [{group: rbac.authorization.k8s.io}]
  - level: Metadata
`

func (c *Cluster) serverFlags(store string, port int) []string {
	return []string{
		"--etcd-servers=" + store, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port), "--cert-dir=" + c.path("certs"),
		"--tls-cert-file=" + c.path("server.crt"), "--tls-private-key-file=" + c.path("server.key"),
		"--client-ca-file=" + c.path("ca.crt"), "--service-account-key-file=" + c.path("accounts.key"),
		"--service-account-signing-key-file=" + c.path("accounts.key"), "--service-account-issuer=" + c.URL,
		"--api-audiences=" + c.URL, "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16",
		"--allow-privileged=true", "--endpoint-reconciler-type=none", "--shutdown-delay-duration=0s",
		"--audit-policy-file=" + c.AuditPolicy, "--audit-log-path=" + c.AuditLog,
	}
}

func (c *Cluster) managerFlags(port int) []string {
	config := c.path("manager.kubeconfig")
	return []string{
		"--kubeconfig=" + config, "--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port),
		"--cert-dir=" + c.path("certs"), "--service-account-private-key-file=" + c.path("accounts.key"),
		"--root-ca-file=" + c.path("ca.crt"), "--cluster-signing-cert-file=" + c.path("ca.crt"),
		"--cluster-signing-key-file=" + c.path("ca.key"), "--use-service-account-credentials=true",
		"--controllers=*,-nodeipam", "--leader-elect=false",
	}
}

// Restart kills the API server, if it runs, and starts it with further flags, of
// which the last of a name counts.
func (c *Cluster) Restart(t testing.TB, flags ...string) {
	t.Helper()
	if c.kill != nil {
		c.kill()
	}
	c.server = append(c.server, flags...)
	c.kill = c.start(t, "kube-apiserver", c.server[0], c.server[1:]...)
	c.waitReady(t)
}

func (c *Cluster) start(t testing.TB, name, program string, args ...string) (kill func()) {
	t.Helper()
	return startLive(t, c.path(name+".log"), nil, program, args...)
}

func (c *Cluster) waitReady(t testing.TB) {
	t.Helper()
	c.Wait(t, "the API server is ready", func() bool {
		resp, err := c.admin.Get(c.URL + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode == http.StatusOK
	})
}

// waitAccount waits for the account "default", which the controller manager
// makes and without which no pod is admitted.
func (c *Cluster) waitAccount(t testing.TB) {
	t.Helper()
	c.Wait(t, "the account default exists", func() bool {
		code, _ := c.Call(t, http.MethodGet, "/api/v1/namespaces/default/serviceaccounts/default", nil)
		return code == http.StatusOK
	})
}

// Wait polls until a condition holds, and fails the test when it does not.
func (c *Cluster) Wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(kubernetesStart)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", kubernetesStart, what)
		}
		time.Sleep(100 * time.Millisecond) // a real server: there is nothing to wait on
	}
}

// Call sends a request as the administrator and returns status and body. A
// body that is a string is sent as it is, another value as JSON.
func (c *Cluster) Call(t testing.TB, method, path string, body any) (int, []byte) {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = bytes.NewReader([]byte(b))
	default:
		enc, err := json.Marshal(b)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		in = bytes.NewReader(enc)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, c.URL+path, in)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	kind := "application/json"
	if method == http.MethodPatch {
		kind = "application/merge-patch+json"
	}
	req.Header.Set("Content-Type", kind)
	resp, err := c.admin.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, out
}

// Do is Call that fails the test on any status but success.
func (c *Cluster) Do(t testing.TB, method, path string, body any) []byte {
	t.Helper()
	code, out := c.Call(t, method, path, body)
	if code < 200 || code > 299 {
		t.Fatalf("%s %s: status %d: %s", method, path, code, out)
	}
	return out
}

// TokenKubeconfig writes a kubeconfig that acts as a service account, with a
// token of an hour, and returns its path. Its context is named as the account.
func (c *Cluster) TokenKubeconfig(t testing.TB, namespace, account string) string {
	t.Helper()
	out := c.Do(t, http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+account+"/token",
		`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}`)
	var answer struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Status.Token == "" {
		t.Fatalf("request a token of %s/%s: %v", namespace, account, err)
	}
	if err := c.writeKubeconfig(account, map[string]any{"token": answer.Status.Token}); err != nil {
		t.Fatalf("write kubeconfig: %v", err)
	}
	return c.path(account + ".kubeconfig")
}

// writeKubeconfig writes NAME.kubeconfig for a user: by default the one whose
// certificate is NAME.crt.
func (c *Cluster) writeKubeconfig(name string, user map[string]any) error {
	if user == nil {
		user = map[string]any{"client-certificate": c.path(name + ".crt"), "client-key": c.path(name + ".key")}
	}
	enc, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{"server": c.URL, "certificate-authority": c.path("ca.crt")}}},
		"users":    []any{map[string]any{"name": name, "user": user}},
		"contexts": []any{map[string]any{"name": name, "context": map[string]any{"cluster": "test", "user": name}}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(c.path(name+".kubeconfig"), enc, 0o600)
}

// SigningRequest returns a PEM certificate signing request for a user of a new
// key, as a CertificateSigningRequest object wants it.
func (c *Cluster) SigningRequest(t testing.TB, user string, groups ...string) []byte {
	t.Helper()
	out, err := signingRequest(user, groups)
	if err != nil {
		t.Fatalf("make a signing request: %v", err)
	}
	return out
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

func writePrivate(path string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return errors.Join(errors.New("encode key"), err)
	}
	return writePEM(path, "PRIVATE KEY", der, 0o600)
}
