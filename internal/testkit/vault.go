package testkit

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// VaultServer is a Vault server for tests, in memory and without TLS.
type VaultServer struct {
	URL string
	// Token is the root token.
	Token string
	dir   string
}

// Vault starts a server that ends with the test. Without the program the test is
// skipped, and fails under RETINUE_REQUIRE_ALL=1.
func Vault(t testing.TB) *VaultServer {
	t.Helper()
	program := liveProgram(t, "vault", "vault")
	var b [12]byte
	_, _ = rand.Read(b[:])
	address := fmt.Sprintf("127.0.0.1:%d", loopbackPort(t))
	v := &VaultServer{URL: "http://" + address, Token: hex.EncodeToString(b[:]), dir: t.TempDir()}
	startLive(t, filepath.Join(v.dir, "vault.log"), []string{"HOME=" + v.dir, "VAULT_DISABLE_USER_LOCKOUT=1"}, program,
		"server", "-dev", "-dev-no-store-token", "-dev-root-token-id="+v.Token, "-dev-listen-address="+address)
	if err := awaitHTTP(t.Context(), v.URL+"/v1/sys/health", time.Minute); err != nil {
		t.Fatalf("start vault: %v", err)
	}
	return v
}

// Call sends a request with a token, the root token where it is empty, and
// returns status and answer.
func (v *VaultServer) Call(t testing.TB, token, method, path string, body any) (int, map[string]any) {
	t.Helper()
	enc, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, v.URL+"/v1/"+path, bytes.NewReader(enc))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if token == "" {
		token = v.Token
	}
	req.Header.Set("X-Vault-Token", token)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil && err != io.EOF { //nolint:errorlint // Decode returns it bare
		t.Fatalf("%s %s: status %d: %v", method, path, resp.StatusCode, err)
	}
	return resp.StatusCode, out
}
