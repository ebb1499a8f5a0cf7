//go:build live

package vault

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// must is Call that fails the test on any status but success.
func must(t *testing.T, v *testkit.VaultServer, token, method, path string, body any) map[string]any {
	t.Helper()
	code, out := v.Call(t, token, method, path, body)
	if code > 299 {
		t.Fatalf("%s %s: status %d: %v", method, path, code, out)
	}
	return out
}

func field(out map[string]any, names ...string) string {
	for _, n := range names[:len(names)-1] {
		out, _ = out[n].(map[string]any)
	}
	s, _ := out[names[len(names)-1]].(string)
	return s
}

// TestActivityLive has a real server log what a pipeline does by AppRole.
func TestActivityLive(t *testing.T) {
	v := testkit.Vault(t)
	file := filepath.Join(t.TempDir(), "audit.log")
	enable := map[string]any{"type": "file", "options": map[string]string{"file_path": file}}
	must(t, v, "", http.MethodPut, "sys/audit/file", enable)
	must(t, v, "", http.MethodPut, "sys/policies/acl/ci", map[string]string{"policy": `path "secret/data/db" { capabilities = ["read","create","update"] }`})
	must(t, v, "", http.MethodPost, "sys/auth/approle", map[string]string{"type": "approle"})
	must(t, v, "", http.MethodPost, "auth/approle/role/ci", map[string]any{"token_policies": []string{"ci"}, "token_ttl": "20m"})
	role := field(must(t, v, "", http.MethodGet, "auth/approle/role/ci/role-id", nil), "data", "role_id")
	secret := field(must(t, v, "", http.MethodPut, "auth/approle/role/ci/secret-id", nil), "data", "secret_id")
	login := must(t, v, "none", http.MethodPut, "auth/approle/login", map[string]string{"role_id": role, "secret_id": secret})
	token, entity := field(login, "auth", "client_token"), field(login, "auth", "entity_id")
	must(t, v, token, http.MethodPut, "secret/data/db", map[string]any{"data": map[string]string{"password": planted()}})
	must(t, v, token, http.MethodPut, "secret/data/db", map[string]any{"data": map[string]string{"password": planted()}})
	must(t, v, token, http.MethodGet, "secret/data/db", nil)
	if code, _ := v.Call(t, token, http.MethodGet, "secret/data/other", nil); code != http.StatusForbidden {
		t.Fatalf("another secret: status %d", code)
	}
	if code, _ := v.Call(t, "none", http.MethodPut, "auth/approle/login", map[string]string{"role_id": role, "secret_id": "wrong"}); code < 400 {
		t.Fatalf("a wrong secret id: status %d", code)
	}
	if code, _ := v.Call(t, "none", http.MethodGet, "secret/data/db", nil); code != http.StatusForbidden {
		t.Fatalf("without a token: status %d", code)
	}
	made := must(t, v, "", http.MethodPut, "auth/token/create", map[string]any{"policies": []string{"ci"}, "display_name": "nightly"})
	must(t, v, field(made, "auth", "client_token"), http.MethodGet, "secret/data/db", nil)
	must(t, v, "", http.MethodDelete, "sys/audit/file", nil)
	must(t, v, "", http.MethodPut, "sys/audit/file", enable)
	must(t, v, "", http.MethodGet, "sys/mounts", nil)

	cluster := field(must(t, v, "", http.MethodGet, "sys/health", nil), "cluster_id")
	r := connectortest.ReadAt(t, connectortest.OpenActivity(Spec(), map[string]string{"cluster": cluster})(t, connectortest.Env(t), file), nil, time.Now())
	var got []string
	ids := map[string]int{}
	for _, e := range r.Events {
		// Of the keyed hash only that it is one is known here.
		text := brief(e)
		if e.Credential.Key != "" {
			text = strings.Replace(text, e.Credential.Key, "TOKEN", 1)
		}
		if i := strings.Index(text, "issue=token:"+hashed); i >= 0 {
			text = text[:i] + "issue=token:HASH"
		}
		got = append(got, text)
		ids[e.ID]++
		if err := connectortest.CheckEvent(Spec(), e); err != nil {
			t.Error(err)
		}
		if e.Class == retinue.EventUnknown {
			t.Errorf("unknown: %s", e.Raw)
		}
	}
	who := "entity:" + entity
	for _, want := range []string{
		"sign_in " + who + " update auth/approle/login success issue=token:HASH",
		"sign_in : update auth/approle/login denied reason=sign-in refused",
		"data " + who + " create secret/data/db success with=TOKEN issue=path:secret/data/db",
		"data " + who + " update secret/data/db success with=TOKEN rotate=path:secret/data/db",
		"data " + who + " read secret/data/db success with=TOKEN read=path:secret/data/db",
		"data " + who + " read secret/data/other denied reason=permission denied with=TOKEN",
		"management client:token update auth/approle/role/ci/secret-id success with=TOKEN issue=path:auth/approle/role/ci/secret-id",
		"management client:token update auth/token/create success with=TOKEN issue=token:HASH",
		"data client:token-nightly read secret/data/db success with=TOKEN read=path:secret/data/db",
		"management client:token update sys/policies/acl/ci success with=TOKEN edit=policy:ci",
		"management client:token delete sys/audit/file unknown with=TOKEN silence=path:sys/audit/file",
		"management client:token read sys/mounts success with=TOKEN",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no event %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("request %q counts %d times", id, n)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(got, "\n")+string(text), planted()) || len(r.Faults) > 0 {
		t.Errorf("a value was logged, or faults: %v", r.Faults)
	}
	if !slices.Contains(codes(r), "vault.audit_disabled") {
		t.Errorf("no gap behind the end of the device: %v", codes(r))
	}
	t.Logf("%d entries, %d events; codes %v", strings.Count(string(text), "\n"), len(got), codes(r))
}

func codes(r *connectortest.Reading) []string {
	var out []string
	for _, c := range r.Coverage {
		for _, s := range c.BlindSpots {
			out = append(out, s.Code)
		}
	}
	return out
}
