//go:build live

package app_test

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestKubernetesSendsItsLogLive has a real API server send its audit log with the
// files that the connector's page has people paste, to a receiver whose answers get
// lost and which is down for a while. The history then says exactly what was done,
// and says the same as the log's file.
func TestKubernetesSendsItsLogLive(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "pushed.db"))
	gate := newPushGate(t, r)
	c := testkit.Kubernetes(t)
	uid := namespaceUID(t, c, "kube-system")
	sender := r.collector("cluster", "kubernetes:"+uid)
	paste := pasteWebhook(t, gate, sender.Token)
	// Five tries, of which the last comes 24 seconds after the first.
	c.Restart(t, "--audit-policy-file="+filepath.Join(paste, "policy.yaml"), "--audit-webhook-config-file="+filepath.Join(paste, "webhook.yaml"),
		"--audit-webhook-mode=batch", "--audit-webhook-batch-max-wait=1s", "--audit-webhook-initial-backoff=3s",
		"--audit-log-path="+filepath.Join(dir, "sent.log"))

	u := newKubeUsers(t, c)
	for range 4 { // so that it is sent in several batches
		u.work(1)
		before := gate.pushes.Load()
		c.Wait(t, "something was sent", func() bool { return gate.pushes.Load() > before })
	}
	gate.close()
	u.work(4)
	u.waitLogged(filepath.Join(dir, "sent.log"))
	time.Sleep(3 * time.Second) // the receiver is down for long enough to be missed
	gate.open()
	u.work(2)

	runs, err := r.Scan(t.Context(), []app.SourceConfig{{Name: "cluster", Kind: "kubernetes", Target: c.Kubeconfig}}, app.ScanOptions{Actor: operator().Actor})
	if err != nil || runs[0].State != store.RunComplete {
		t.Fatalf("%+v, %v", runs, err)
	}
	file := importer(t, filepath.Join(dir, "file.db"))
	source := app.SourceConfig{Name: "log", Kind: "kubernetes", Target: filepath.Join(dir, "sent.log"), Options: map[string]string{"cluster-uid": uid, "audit-policy": filepath.Join(paste, "policy.yaml")}}
	importLog := func(a *app.App) app.ActivityRead {
		t.Helper()
		read, err := a.ImportActivity(t.Context(), []app.SourceConfig{source}, app.ActivityOptions{Actor: operator().Actor, Getenv: func(string) string { return "" }})
		if err != nil || read[0].Error != "" || read[0].Faults > 0 || read[0].Unknown > 0 {
			t.Fatalf("%+v, %v", read, err)
		}
		return read[0]
	}
	// The cluster is never quite still: both are compared when nothing is on its way.
	var diff string
	c.Wait(t, "what was sent is what the file has", func() bool {
		importLog(file)
		diff = gocmp.Diff(usedIn(t, file.DB), usedIn(t, r.DB))
		return diff == "" || gate.failed()
	})
	if diff != "" {
		t.Fatalf("file (-) and what was sent (+): %s", diff)
	}
	if gate.lost.Load() < 2 {
		t.Errorf("%d answers were lost, want some", gate.lost.Load())
	}
	u.check(r)
	// The file, read where the events were pushed to.
	if read := importLog(r.App); read.New > read.Events/10 || read.Repeated < 20 {
		t.Errorf("%d of %d events of the file are new where they were sent", read.New, read.Events)
	}
	u.check(r)
}

// pushGate is the way to a receiver: it loses the answer to every second push, and
// can be shut.
type pushGate struct {
	t       *testing.T
	address string
	handler http.Handler
	server  *httptest.Server
	lost    atomic.Int64
	pushes  atomic.Int64
	refused atomic.Pointer[string]
}

func newPushGate(t *testing.T, r *receiver) *pushGate {
	t.Helper()
	handler, err := r.API(byToken{r.App})
	if err != nil {
		t.Fatal(err)
	}
	g := &pushGate{t: t, address: "127.0.0.1:0", handler: handler}
	g.open()
	g.address = g.server.Listener.Addr().String()
	t.Cleanup(func() { g.close() })
	return g
}

// open listens, at the same address as before.
func (g *pushGate) open() {
	g.t.Helper()
	l, err := net.Listen("tcp", g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	g.server = httptest.NewUnstartedServer(g)
	_ = g.server.Listener.Close()
	g.server.Listener = l
	g.server.StartTLS()
}

func (g *pushGate) close() {
	g.server.CloseClientConnections()
	g.server.Close()
}

// ServeHTTP passes a push on.
func (g *pushGate) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	answer := httptest.NewRecorder()
	g.handler.ServeHTTP(answer, req)
	if answer.Code != http.StatusOK {
		text := fmt.Sprintf("%s: %d %s", req.URL, answer.Code, answer.Body)
		g.refused.Store(&text)
	}
	if g.pushes.Add(1)%2 == 0 && answer.Code == http.StatusOK {
		g.lost.Add(1)
		panic(http.ErrAbortHandler) // it is counted, and the sender does not know
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// failed reports whether a push was refused.
func (g *pushGate) failed() bool {
	if text := g.refused.Load(); text != nil {
		g.t.Errorf("a push was refused: %s", *text)
		return true
	}
	return false
}

// pasteWebhook writes the files that the page has people paste, of which only the
// address and the folder are other ones.
func pasteWebhook(t *testing.T, g *pushGate, token string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "kubernetes.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{"token": token + "\n",
		"ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.server.Certificate().Raw}))}
	for _, name := range []string{"webhook.yaml", "policy.yaml"} {
		_, rest, found := strings.Cut(string(page), "`/etc/kubernetes/retinue/"+name+"`")
		_, rest, fence := strings.Cut(rest, "\n```yaml\n")
		text, _, end := strings.Cut(rest, "```\n")
		if !found || !fence || !end {
			t.Fatalf("the page has no %s", name)
		}
		text = strings.ReplaceAll(text, "/etc/kubernetes/retinue/", dir+"/")
		files[name] = strings.ReplaceAll(text, "retinue.example.com", g.address)
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text, 0o600)
	}
	return dir
}

func importer(t *testing.T, db string) *app.App {
	t.Helper()
	dir := t.TempDir()
	a, err := app.Open(t.Context(), app.Config{Database: db, KeyFile: filepath.Join(dir, "key"), SigningKeyFile: filepath.Join(dir, "sign")}, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func namespaceUID(t *testing.T, c *testkit.Cluster, name string) string {
	t.Helper()
	return objectUID(t, c.Do(t, http.MethodGet, "/api/v1/namespaces/"+name, nil))
}

func objectUID(t *testing.T, object []byte) string {
	t.Helper()
	var o struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(object, &o); err != nil || o.Metadata.UID == "" {
		t.Fatalf("no uid: %v", err)
	}
	return o.Metadata.UID
}

// kubeUsers are who uses the cluster in the test, and what they have done.
type kubeUsers struct {
	t     *testing.T
	c     *testkit.Cluster
	pod   *kubeUser // a service account in a pod
	batch *kubeUser // a service account with a token of its own
	jane  *kubeUser // a client certificate
	done  map[string]int64
	total int
}

// kubeUser is one of them.
type kubeUser struct {
	name       string // of the identity
	credential string // as the history has it
	consumer   string
	client     *http.Client
	token      string
}

// newKubeUsers makes what they work with.
func newKubeUsers(t *testing.T, c *testkit.Cluster) *kubeUsers {
	t.Helper()
	u := &kubeUsers{t: t, c: c, done: map[string]int64{}}
	post := func(path, body string) []byte { t.Helper(); return c.Do(t, http.MethodPost, path, body) }
	post("/api/v1/namespaces", `{"metadata":{"name":"pay"}}`)
	post("/api/v1/nodes", `{"metadata":{"name":"node-1"}}`)
	for _, name := range []string{"api", "batch"} {
		post("/api/v1/namespaces/pay/serviceaccounts", `{"metadata":{"name":"`+name+`"}}`)
	}
	post("/api/v1/namespaces/pay/configmaps", `{"metadata":{"name":"rates"},"data":{"eur":"1"}}`)
	pod := objectUID(t, post("/api/v1/namespaces/pay/pods", `{"metadata":{"name":"web-7d9f8c6b54-x2x4k"},"spec":{"nodeName":"node-1","serviceAccountName":"api","containers":[{"name":"c","image":"i"}]}}`))
	bound, _ := accountToken(t, c, "api", `,"boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":"web-7d9f8c6b54-x2x4k","uid":"`+pod+`"}`)
	own, id := accountToken(t, c, "batch", "")
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the test's own server
	// A token that is renewed every hour is counted as the workload that it is bound to.
	u.pod = &kubeUser{name: "service_account:pay/api", consumer: "deployment:pay/web", token: bound, client: &http.Client{Transport: &http.Transport{TLSClientConfig: insecure}}}
	u.batch = &kubeUser{name: "service_account:pay/batch", credential: "token:" + id, consumer: "nightly from 127.0.0.0/24", token: own, client: u.pod.client}
	pair := clientCertificate(t, c, "jane")
	sum := sha256.Sum256(pair.Certificate[0])
	u.jane = &kubeUser{name: "user:jane", credential: "certificate:" + hex.EncodeToString(sum[:]), consumer: "nightly from 127.0.0.0/24",
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}}}} //nolint:gosec // the test's own server
	post("/apis/rbac.authorization.k8s.io/v1/namespaces/pay/roles", `{"metadata":{"name":"rates"},"rules":[{"apiGroups":[""],"resources":["configmaps"],"verbs":["get","patch"]}]}`)
	post("/apis/rbac.authorization.k8s.io/v1/namespaces/pay/rolebindings", `{"metadata":{"name":"rates"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"rates"},
		"subjects":[{"kind":"ServiceAccount","name":"api","namespace":"pay"},{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"jane"}]}`)
	c.Wait(t, "the binding holds", func() bool {
		return u.ask(u.pod, http.MethodGet, "configmaps/rates", "get") == http.StatusOK && u.ask(u.jane, http.MethodGet, "configmaps/rates", "get") == http.StatusOK
	})
	return u
}

// work has everybody do what they do, times times.
func (u *kubeUsers) work(times int) {
	u.t.Helper()
	for range times {
		u.ask(u.pod, http.MethodGet, "configmaps/rates", "get")
		u.ask(u.pod, http.MethodPatch, "configmaps/rates", "patch")
		u.ask(u.pod, http.MethodGet, "secrets", "list")
		u.ask(u.batch, http.MethodGet, "configmaps/rates", "get")
		u.ask(u.jane, http.MethodGet, "configmaps/missing", "get")
		u.ask(u.jane, http.MethodDelete, "configmaps/rates", "delete")
	}
}

// ask sends a request and notes what the history must have of it.
func (u *kubeUsers) ask(who *kubeUser, method, what, verb string) int {
	u.t.Helper()
	req, err := http.NewRequestWithContext(u.t.Context(), method, u.c.URL+"/api/v1/namespaces/pay/"+what, strings.NewReader(map[string]string{http.MethodPatch: `{"data":{"eur":"2"}}`}[method]))
	if err != nil {
		u.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "nightly/1.0")
	req.Header.Set("Content-Type", "application/merge-patch+json")
	if who.token != "" {
		req.Header.Set("Authorization", "Bearer "+who.token)
	}
	resp, err := who.client.Do(req)
	if err != nil {
		u.t.Fatal(err)
	}
	_ = resp.Body.Close()
	outcome := map[int]retinue.Outcome{200: retinue.OutcomeSuccess, 403: retinue.OutcomeDenied, 404: retinue.OutcomeError}[resp.StatusCode]
	resource := "pay/" + strings.Replace(what, "/", ":", 1)
	u.done[fmt.Sprintf("%s with %s by %s: %s %s %s", who.name, cmp.Or(who.credential, "-"), who.consumer, verb, resource, outcome)]++
	u.total++
	return resp.StatusCode
}

// waitLogged waits until the log's file has all that was done.
func (u *kubeUsers) waitLogged(path string) {
	u.t.Helper()
	u.c.Wait(u.t, "the file has what was done", func() bool {
		text, err := os.ReadFile(path)
		return err == nil && bytes.Count(text, []byte(`"userAgent":"nightly/1.0"`)) >= u.total
	})
}

// check compares the history with what was done.
func (u *kubeUsers) check(r *receiver) {
	u.t.Helper()
	got := map[string]int64{}
	err := r.View(u.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for e, err := range tx.Entities(store.EntityQuery{}) {
			if err != nil {
				return err
			}
			name := e.Kind + ":" + e.Key
			if name != u.pod.name && name != u.batch.name && name != u.jane.name && name != u.jane.credential {
				continue
			}
			used, err := tx.Usage(e.ID)
			if err != nil {
				return err
			}
			var all int64
			for _, x := range used {
				b := x.Behaviour
				var n int64
				for _, m := range x.Months {
					n += m.N
				}
				all += n
				if name == u.jane.credential {
					continue
				}
				credential := "-"
				if !b.Credential.IsZero() {
					credential = b.Credential.Kind + ":" + b.Credential.Key
				}
				consumer := b.Consumer.Name
				if w := b.Consumer.Workload; !w.IsZero() {
					consumer = w.Kind + ":" + w.Key
				}
				got[fmt.Sprintf("%s:%s with %s by %s: %s %s %s", b.Identity.Kind, b.Identity.Key, credential, consumer, b.Action, b.Resource.Key, b.Outcome)] += n
			}
			if want := u.doneWith(u.jane.credential); name == u.jane.credential && all != want {
				u.t.Errorf("%d uses of the listed certificate, want %d", all, want)
			}
		}
		return nil
	})
	if err != nil {
		u.t.Fatal(err)
	}
	if diff := gocmp.Diff(u.done, got); diff != "" {
		u.t.Errorf("what was done (-) and what the history says (+): %s", diff)
	}
}

// doneWith counts what was done with a credential.
func (u *kubeUsers) doneWith(credential string) (n int64) {
	for what, times := range u.done {
		if strings.Contains(what, credential) {
			n += times
		}
	}
	return n
}

// accountToken asks for a token of an account in pay, and returns it with its id.
func accountToken(t *testing.T, c *testkit.Cluster, account, bound string) (token, id string) {
	t.Helper()
	out := c.Do(t, http.MethodPost, "/api/v1/namespaces/pay/serviceaccounts/"+account+"/token",
		`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600`+bound+`}}`)
	var answer struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	var claims struct {
		ID string `json:"jti"`
	}
	part, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.Status.Token, ".")[1])
	if err != nil || json.Unmarshal(part, &claims) != nil || claims.ID == "" {
		t.Fatalf("a token without an id: %v", err)
	}
	return answer.Status.Token, claims.ID
}

// clientCertificate has the cluster sign a certificate.
func clientCertificate(t *testing.T, c *testkit.Cluster, user string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: user, Organization: []string{"ops"}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
	c.Do(t, http.MethodPost, path, map[string]any{"metadata": map[string]any{"name": user}, "spec": map[string]any{
		"request":    base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})),
		"signerName": "kubernetes.io/kube-apiserver-client", "usages": []string{"client auth"}, "expirationSeconds": 7200,
	}})
	c.Do(t, http.MethodPatch, path+"/"+user+"/approval", `{"status":{"conditions":[{"type":"Approved","status":"True","reason":"test","message":"test"}]}}`)
	var answer struct {
		Status struct {
			Certificate []byte `json:"certificate"`
		} `json:"status"`
	}
	c.Wait(t, "the certificate is issued", func() bool {
		return json.Unmarshal(c.Do(t, http.MethodGet, path+"/"+user, nil), &answer) == nil && len(answer.Status.Certificate) > 0
	})
	block, _ := pem.Decode(answer.Status.Certificate)
	return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
}
