//go:build live

package kubernetes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// secretWord is planted as the value of a Secret; it is built so that no
// scanner of this repository takes it for one.
func secretWord() string { return strings.Join([]string{"planted", "value", "4711", "xyzzy"}, "-") }

// fill makes one of everything that the connector reads.
func fill(t *testing.T, c *testkit.Cluster) {
	t.Helper()
	post := func(path, body string) { t.Helper(); c.Do(t, http.MethodPost, path, body) }
	post("/api/v1/namespaces", `{"metadata":{"name":"pay","labels":{"team":"payments"}}}`)
	post("/api/v1/namespaces", `{"metadata":{"name":"empty"}}`)
	post("/api/v1/namespaces/pay/serviceaccounts", `{"metadata":{"name":"api","annotations":{
		"eks.amazonaws.com/role-arn":"arn:aws:iam::111122223333:role/pay-api"}},"automountServiceAccountToken":false,
		"imagePullSecrets":[{"name":"registry"}]}`)
	post("/apis/rbac.authorization.k8s.io/v1/namespaces/pay/roles", `{"metadata":{"name":"reader"},"rules":[
		{"apiGroups":[""],"resources":["secrets"],"resourceNames":["db"],"verbs":["get"]}]}`)
	post("/apis/rbac.authorization.k8s.io/v1/namespaces/pay/rolebindings", `{"metadata":{"name":"readers"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"reader"},"subjects":[
		{"kind":"ServiceAccount","name":"api","namespace":"pay"},{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"ann@example.com"}]}`)
	post("/api/v1/namespaces/pay/secrets", `{"metadata":{"name":"db","labels":{"team":"payments"}},"stringData":{"password":"`+secretWord()+`","user":"app"}}`)
	post("/api/v1/namespaces/pay/secrets", `{"metadata":{"name":"api-token","labels":{"kubernetes.io/legacy-token-last-used":"2026-03-04"},
		"annotations":{"kubernetes.io/service-account.name":"api"}},"type":"kubernetes.io/service-account-token"}`)
	template := `{"metadata":{"labels":{"app":"x"}},"spec":{"serviceAccountName":"api","containers":[{"name":"c","image":"i",
		"env":[{"name":"PASS","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}]}]}}`
	post("/apis/apps/v1/namespaces/pay/deployments", `{"metadata":{"name":"web"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"x"}},"template":`+template+`}}`)
	post("/apis/batch/v1/namespaces/pay/cronjobs", `{"metadata":{"name":"nightly"},"spec":{"schedule":"0 3 * * *","suspend":true,"jobTemplate":{"spec":{"template":{
		"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}}}`)
	post("/api/v1/namespaces/pay/pods", `{"metadata":{"name":"bare"},"spec":{"containers":[{"name":"c","image":"i"}]}}`)
	sign(t, c, "jane", "ops")
	c.Wait(t, "the deployment has a pod and the token Secret a token", func() bool {
		_, pods := c.Call(t, http.MethodGet, "/api/v1/namespaces/pay/pods", nil)
		_, token := c.Call(t, http.MethodGet, "/api/v1/namespaces/pay/secrets/api-token", nil)
		return strings.Contains(string(pods), `"pod-template-hash"`) && strings.Contains(string(token), `"token":`)
	})
}

// sign has the cluster issue a client certificate.
func sign(t *testing.T, c *testkit.Cluster, user, group string) {
	t.Helper()
	const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
	c.Do(t, http.MethodPost, path, map[string]any{"metadata": map[string]any{"name": user}, "spec": map[string]any{
		"request":    base64.StdEncoding.EncodeToString(c.SigningRequest(t, user, group)),
		"signerName": signerClient, "usages": []string{"client auth"}, "expirationSeconds": 7200,
	}})
	c.Do(t, http.MethodPatch, path+"/"+user+"/approval", `{"status":{"conditions":[{"type":"Approved","status":"True","reason":"test","message":"test"}]}}`)
	c.Wait(t, "the certificate is issued", func() bool {
		return strings.Contains(string(c.Do(t, http.MethodGet, path+"/"+user, nil)), `"certificate":`)
	})
}

func TestLive(t *testing.T) {
	c := testkit.Kubernetes(t)
	fill(t, c)
	t.Run("conformance", func(t *testing.T) { liveConformance(t, c) })
	t.Run("facts", func(t *testing.T) { liveFacts(t, c) })
	t.Run("least privilege", func(t *testing.T) { livePrivileges(t, c) })
	t.Run("one namespace only", func(t *testing.T) { liveRestricted(t, c) })
	t.Run("a deleted namespace ends", func(t *testing.T) { liveDeleted(t, c) })
}

// liveConformance runs the suite on the live cluster, with an export by the
// connector's own script as the other way to read it.
func liveConformance(t *testing.T, c *testkit.Cluster) {
	testkit.Need(t, "kubectl", "kubernetes-client")
	cfg := config(c.Kubeconfig, map[string]string{"secrets": "metadata", "page-size": "7"})
	text, err := Spec().Script(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "export.sh")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	export := filepath.Join(dir, "export")
	if out, err := exec.Command("sh", file, export).CombinedOutput(); err != nil {
		t.Fatalf("export script: %v\n%s", err, out)
	}
	connectortest.Run(t, connectortest.Subject{
		Spec: Spec(), Open: connectortest.OpenSpec(Spec(), cfg), Named: connectortest.NameSpec(Spec(), cfg),
		Same:    connectortest.OpenSpec(Spec(), config(export, nil)),
		Secrets: []string{secretWord()},
	})
}

func liveFacts(t *testing.T, c *testkit.Cluster) {
	r := discover(t, config(c.Kubeconfig, map[string]string{"secrets": "fingerprint"}))
	for s, p := range r.Problems {
		t.Errorf("scope %s: %v", s, p)
	}
	web := one[retinue.Resource](t, r, retinue.FactResource, "deployment/pay/web")
	if web.RunsAs[0].Key != "pay/api" || web.Attrs["automount"] != false || web.Attrs["automountFrom"] != "service account" {
		t.Errorf("deployment: %+v", web)
	}
	if got := find(r, retinue.FactResource, "/pod/pay/"); len(got) != 1 {
		t.Errorf("pods: %v: want the bare one only", got)
	}
	bare := one[retinue.Resource](t, r, retinue.FactResource, "pod/pay/bare")
	if bare.Attrs["defaultServiceAccount"] != true || bare.Attrs["automount"] != true {
		t.Errorf("bare pod: %+v", bare)
	}
	trust := one[retinue.Trust](t, r, retinue.FactTrust, "pay-api")
	if trust.Trustee.Key != "pay/api" || trust.Federation.Issuer != c.URL || trust.Federation.Subject != "system:serviceaccount:pay:api" {
		t.Errorf("trust: %+v", trust)
	}
	use := one[retinue.Use](t, r, retinue.FactUse, "api-token")
	if !use.At.Equal(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)) || use.Precision != day || use.Grade != retinue.GradeC {
		t.Errorf("use: %+v", use)
	}
	token := secretOf(t, r, "pay/api-token")
	if token.Identity.Key != "pay/api" || len(token.Fingerprints) != 1 || token.Token == nil || token.Token.Subject != "system:serviceaccount:pay:api" {
		t.Errorf("legacy token: %+v", token)
	}
	key := one[retinue.Credential](t, r, retinue.FactCredential, "pay/db#password")
	if want := connectortest.Key(t).Fingerprint(retinue.NewSecret(secretWord())); !slices.Contains(key.Fingerprints, want) {
		t.Errorf("key of a Secret: %+v, want the fingerprint %s", key, want.MAC)
	}
	certs := find(r, retinue.FactCredential, "/certificate/")
	if len(certs) != 1 || certs[0].(retinue.Credential).Identity.Key != "jane" {
		t.Errorf("client certificates: %+v", certs)
	}
	ann := one[retinue.Identity](t, r, retinue.FactIdentity, "user/ann@example.com")
	if ann.Class != retinue.ClassPerson {
		t.Errorf("user: %+v", ann)
	}
}

// secretOf returns the credential of a Secret that the system's own listing
// states.
func secretOf(t *testing.T, r *connectortest.Result, key string) retinue.Credential {
	t.Helper()
	for _, e := range r.Emitted {
		if c, ok := e.Fact.(retinue.Credential); ok && c.Ref.Kind == "secret" && c.Ref.Key == key && strings.HasSuffix(e.Scope.Path, "/secret") {
			return c
		}
	}
	t.Fatalf("no Secret %s", key)
	return retinue.Credential{}
}

// livePrivileges applies the documents that the Spec ships and scans with
// nothing else.
func livePrivileges(t *testing.T, c *testkit.Cluster) {
	apply(t, c, readRole)
	file := c.TokenKubeconfig(t, "retinue", "retinue")
	alone, admin := settled(t, c, config(file, nil))
	if only := without(admin, alone); len(only) > 0 {
		t.Errorf("stated to the administrator, not with the ClusterRole alone: %v", only)
	}
	if only := without(alone, admin); len(only) > 0 {
		t.Errorf("stated with the ClusterRole alone, not to the administrator: %v", only)
	}
	check := func() connector.Access {
		conn, err := Spec().Open(t.Context(), config(file, map[string]string{"secrets": "metadata"}), connectortest.Env(t))
		if err != nil {
			t.Fatal(err)
		}
		a, err := conn.Check(t.Context())
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := check()
	if a.Principal != "system:serviceaccount:retinue:retinue" || len(a.Missing) != 1 || !strings.Contains(a.Missing[0].Permission, "secrets") || len(a.CouldRead) != 0 {
		t.Errorf("access with the first role: %+v", a)
	}
	apply(t, c, secretsRole)
	c.Wait(t, "the second role is in force", func() bool { return len(check().Missing) == 0 })
	if a := check(); len(a.CouldRead) != 1 {
		t.Errorf("access with both roles: %+v", a)
	}
}

// settled reads the cluster with cfg and as the administrator, until two
// reads as the administrator, one before and one after, state the same facts:
// the cluster's own controllers go on making objects for a while.
func settled(t *testing.T, c *testkit.Cluster, cfg connector.Config) (alone, admin []string) {
	t.Helper()
	names := func(cfg connector.Config) []string {
		r := discover(t, cfg)
		for s, p := range r.Problems {
			t.Errorf("scope %s: %v", s, p)
		}
		out := make([]string, len(r.Emitted))
		for i, e := range r.Emitted {
			out[i] = fmt.Sprintf("%s %s %v", e.Scope, e.Fact.FactType(), e.Fact.FactRef())
		}
		slices.Sort(out)
		return out
	}
	all := config(c.Kubeconfig, nil)
	admin = names(all)
	c.Wait(t, "nothing changes while the cluster is read", func() bool {
		before := admin
		alone, admin = names(cfg), names(all)
		return slices.Equal(before, admin)
	})
	return alone, admin
}

// without returns what all has and some has not.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// apply posts the objects of a YAML text with kubectl.
func apply(t *testing.T, c *testkit.Cluster, text string) {
	t.Helper()
	kubectl := testkit.Need(t, "kubectl", "kubernetes-client")
	cmd := exec.Command(kubectl, "--kubeconfig", c.Kubeconfig, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
}

// liveRestricted scans as an account that may read one namespace only.
func liveRestricted(t *testing.T, c *testkit.Cluster) {
	c.Do(t, http.MethodPost, "/api/v1/namespaces/pay/serviceaccounts", `{"metadata":{"name":"narrow"}}`)
	c.Do(t, http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/namespaces/pay/rolebindings", `{"metadata":{"name":"narrow"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"kind":"ServiceAccount","name":"narrow","namespace":"pay"}]}`)
	file := c.TokenKubeconfig(t, "pay", "narrow")
	conn, err := Spec().Open(t.Context(), config(file, nil), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cluster-uid") {
		t.Errorf("check without the right to see kube-system: %v, want advice to give cluster-uid=", err)
	}
	_ = conn.Close()
	r := discover(t, config(file, map[string]string{"namespaces": "pay", "cluster-uid": "1234"}))
	done := retinue.NewScope("kubernetes:1234", "namespace", "pay", "deployment")
	if _, ok := r.Completed[done]; !ok {
		t.Errorf("scope %s is not complete: %v", done, r.Problems[done])
	}
	refused := retinue.NewScope("kubernetes:1234", "cluster_role")
	if _, ok := r.Completed[refused]; ok || len(r.Problems[refused]) == 0 {
		t.Errorf("scope %s is complete although it may not be read", refused)
	}
}

// liveDeleted deletes a namespace and scans again: its scope is no child any
// more.
func liveDeleted(t *testing.T, c *testkit.Cluster) {
	cfg := config(c.Kubeconfig, nil)
	children := func() []retinue.Scope {
		r := discover(t, cfg)
		for s, done := range r.Completed {
			if s.Path == "namespace" {
				return done.Children
			}
		}
		t.Fatal("the scope namespace is not complete")
		return nil
	}
	before := children()
	c.Do(t, http.MethodDelete, "/api/v1/namespaces/empty", nil)
	c.Wait(t, "the namespace is gone", func() bool {
		code, _ := c.Call(t, http.MethodGet, "/api/v1/namespaces/empty", nil)
		return code == http.StatusNotFound
	})
	after := children()
	gone := slices.DeleteFunc(slices.Clone(before), func(s retinue.Scope) bool { return slices.Contains(after, s) })
	if len(gone) != 1 || gone[0].Path != "namespace/empty" {
		t.Errorf("ended: %v, want namespace/empty", gone)
	}
}
