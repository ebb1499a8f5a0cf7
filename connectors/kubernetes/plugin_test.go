package kubernetes

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestCredentialPlugin authenticates by a program that the kubeconfig names.
func TestCredentialPlugin(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the plugin of this test is a shell script")
	}
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	token := strings.Join([]string{"plugin", "gave", "this"}, "-")
	plugin := filepath.Join(dir, "plugin")
	text := "#!/bin/sh\n: >'" + ran + "'\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"" + token + "\"}}'\n"
	if err := os.WriteFile(plugin, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{objects: smallCluster(), seen: map[string]int{}}
	f.Server = httptest.NewTLSServer(f) // client-go sends no credentials without TLS
	t.Cleanup(f.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	var refused atomic.Int32
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Header.Get("Authorization") == "Bearer "+token {
			return false
		}
		refused.Add(1)
		status(w, http.StatusUnauthorized, "Unauthorized")
		return true
	}
	enc, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{"server": f.URL, "certificate-authority-data": ca}}},
		"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "u"}}},
		"users": []any{map[string]any{"name": "u", "user": map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "interactiveMode": "Never"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, enc, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Spec().Open(t.Context(), config(file, nil), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	dry := connectortest.DiscoverWith(t.Context(), t, c, connector.Request{Now: connectortest.Epoch(), DryRun: true})
	if _, err := os.Stat(ran); err == nil || len(f.calls) > 0 {
		t.Errorf("a dry run ran the plugin or called the server")
	}
	if !strings.Contains(dry.Dump(), "run the credential plugin") {
		t.Errorf("the dry run does not name the plugin: %v", dry.Notes)
	}
	r := connectortest.Discover(t, c)
	if len(r.Problems) > 0 || len(r.Emitted) == 0 || refused.Load() > 0 {
		t.Errorf("%d facts, %d refusals, problems %v", len(r.Emitted), refused.Load(), r.Problems)
	}
}
