//go:build live

package kubernetes

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
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

// boundToken asks for a token that is bound to a pod, and returns it with its id.
func boundToken(t *testing.T, c *testkit.Cluster, uid string) (token, id string) {
	t.Helper()
	out := c.Do(t, http.MethodPost, "/api/v1/namespaces/pay/serviceaccounts/api/token", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest",
		"spec":{"expirationSeconds":3600,"boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":"web-7d9f8c6b54-x2x4k","uid":"`+uid+`"}}}`)
	var answer struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.Status.Token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var c2 struct {
		ID string `json:"jti"`
	}
	if err := json.Unmarshal(claims, &c2); err != nil {
		t.Fatal(err)
	}
	return answer.Status.Token, c2.ID
}

// get sends a request with a token and returns the status.
func get(t *testing.T, c *testkit.Cluster, path, token string, headers ...string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the test's own server
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "nightly/1.0")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestActivityLive has a real API server log requests with a bound token and with
// a certificate, and finds them as a scan names them.
func TestActivityLive(t *testing.T) {
	c := testkit.Kubernetes(t)
	post := func(path, body string) []byte { t.Helper(); return c.Do(t, http.MethodPost, path, body) }
	post("/api/v1/namespaces", `{"metadata":{"name":"pay"}}`)
	post("/api/v1/nodes", `{"metadata":{"name":"node-1"}}`)
	post("/api/v1/namespaces/pay/serviceaccounts", `{"metadata":{"name":"api"}}`)
	post("/api/v1/namespaces/pay/secrets", `{"metadata":{"name":"db"},"stringData":{"password":"`+secretWord()+`"}}`)
	var pod struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(post("/api/v1/namespaces/pay/pods", `{"metadata":{"name":"web-7d9f8c6b54-x2x4k"},"spec":{"nodeName":"node-1","serviceAccountName":"api","containers":[{"name":"c","image":"i"}]}}`), &pod); err != nil {
		t.Fatal(err)
	}
	token, id := boundToken(t, c, pod.Metadata.UID)
	if code := get(t, c, "/api/v1/namespaces/pay/secrets/db", token); code != http.StatusForbidden {
		t.Fatalf("before the binding: status %d", code)
	}
	post("/apis/rbac.authorization.k8s.io/v1/namespaces/pay/roles", `{"metadata":{"name":"reader"},"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get","list"]},
		{"apiGroups":[""],"resources":["users"],"verbs":["impersonate"]}]}`)
	post("/apis/rbac.authorization.k8s.io/v1/namespaces/pay/rolebindings", `{"metadata":{"name":"readers"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"reader"},
		"subjects":[{"kind":"ServiceAccount","name":"api","namespace":"pay"}]}`)
	c.Wait(t, "the binding holds", func() bool {
		return get(t, c, "/api/v1/namespaces/pay/secrets/db", token, "Audit-ID", "chosen-by-the-caller") == http.StatusOK
	})
	for range 2 { // one audit id for several requests
		get(t, c, "/api/v1/namespaces/pay/secrets", token, "Audit-ID", "chosen-by-the-caller")
	}
	impersonate(t, c)

	opts := map[string]string{"cluster-uid": fakeUID, "audit-policy": c.AuditPolicy, "token-issuer": c.URL}
	r := connectortest.ReadAt(t, connectortest.OpenActivity(Spec(), opts)(t, connectortest.Env(t), c.AuditLog), nil, time.Now())
	var got []string
	for _, e := range r.Events {
		got = append(got, auditText(e))
		if err := connectortest.CheckEvent(Spec(), e); err != nil {
			t.Error(err)
		}
		if e.Class == retinue.EventUnknown {
			t.Errorf("unknown: %s", e.Raw)
		}
	}
	with := "with=token:" + id + " join=provider_id:" + c.URL + ":" + id + " via=user:system:node:node-1 from=127.0.0.1 workload=deployment:pay/web web-7d9f8c6b54-x2x4k"
	admin := adminCertificate(t, c)
	for _, want := range []string{
		"data service_account:pay/api get pay/secrets:db denied reason=Forbidden " + with,
		"data service_account:pay/api get pay/secrets:db success " + with + " read=secret:pay/db",
		"data service_account:pay/api list pay/secrets success " + with + " read=namespace:pay",
		"management user:admin create pay/serviceaccounts/token:api success " + admin + " from=127.0.0.1 groups=system:masters issue=service_account:pay/api issue=token:" + id,
		"management user:admin create pay/rolebindings.rbac.authorization.k8s.io success " + admin + " from=127.0.0.1 groups=system:masters edit=role_binding:pay/readers edit=service_account:pay/api",
		"management user:jane list pods denied reason=Forbidden " + admin + " via=user:admin from=127.0.0.1 groups=ops",
		"management user:admin impersonate-on:user-info:list pods success " + admin + " for=user:jane from=127.0.0.1 groups=system:masters",
		"management user:admin impersonate:user-info users.authentication.k8s.io:jane success " + admin + " for=user:jane from=127.0.0.1 groups=system:masters",
		"management user:admin impersonate:user-info groups.authentication.k8s.io:ops success " + admin + " for=user:jane from=127.0.0.1 groups=system:masters",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no event %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if strings.Contains(strings.Join(got, "\n"), secretWord()) {
		t.Error("the value of a Secret appears")
	}
	lists := map[string]bool{}
	for _, e := range r.Events {
		if e.Action == "list" && e.Resource.Key == "pay/secrets" {
			lists[e.ID] = true
		}
	}
	if len(lists) != 2 || len(r.Faults) > 0 {
		t.Errorf("%d ids of two requests with one audit id; faults %v", len(lists), r.Faults)
	}
	var codes []string
	for _, s := range r.Coverage[0].BlindSpots {
		codes = append(codes, s.Code)
	}
	if slices.Contains(codes, "kubernetes.audit_policy_unknown") || slices.Contains(codes, "kubernetes.audit_policy_rest") || !slices.Contains(codes, "kubernetes.audit_policy_none") {
		t.Errorf("blind spots: %v", codes)
	}
}

// impersonate asks as somebody else, with the administrator's certificate.
func impersonate(t *testing.T, c *testkit.Cluster) {
	t.Helper()
	dir := filepath.Dir(c.Kubeconfig)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "admin.crt"), filepath.Join(dir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}}} //nolint:gosec // the test's own server
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/api/v1/pods", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Impersonate-User", "jane")
	req.Header.Set("Impersonate-Group", "ops")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// adminCertificate is how an event names the administrator's certificate.
func adminCertificate(t *testing.T, c *testkit.Cluster) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(c.Kubeconfig), "admin.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(bytes.TrimSpace(text))
	if block == nil {
		t.Fatal("no certificate")
	}
	sum := sha256.Sum256(block.Bytes)
	name := hex.EncodeToString(sum[:])
	return "with=certificate:" + name + " join=certificate:" + name
}
