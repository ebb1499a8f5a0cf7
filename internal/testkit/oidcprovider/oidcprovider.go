// Package oidcprovider starts a real provider of OpenID Connect for tests:
// oidc-provider of the npm registry.
package oidcprovider

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/testkit"
)

// Version is the version of oidc-provider that tests run against. It is
// installed by
//
//	npm install --prefix "${XDG_CACHE_HOME:-$HOME/.cache}/retinue-testkit/oidc-provider" oidc-provider@9.13.3
const Version = "9.13.3"

// ClientID is the client that the provider knows.
const ClientID = "retinue"

// ClientSecret returns the secret of the client.
func ClientSecret() string { return "for-tests-" + "only-0123456789abcdef" }

// Start starts the provider for a redirect address and returns its issuer. The
// test is skipped, or fails under RETINUE_REQUIRE_ALL=1, where node or the
// provider is absent.
func Start(t testing.TB, redirect string) string {
	t.Helper()
	node := testkit.Need(t, "node", "nodejs")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "retinue-testkit", "oidc-provider")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "oidc-provider", "package.json")); err != nil {
		testkit.Absent(t, "oidc-provider is not installed: npm install --prefix "+folder+" oidc-provider@"+Version)
	}
	cmd := exec.CommandContext(t.Context(), node, script(t), folder, redirect)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("oidc-provider did not start: %v", err)
	}
	return strings.TrimSpace(line)
}

// script finds the provider's script beside this file, from any package of the
// repository.
func script(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "internal", "testkit", "oidcprovider", "provider.mjs")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("the script of oidc-provider is not found above the working folder")
		}
		dir = up
	}
}
