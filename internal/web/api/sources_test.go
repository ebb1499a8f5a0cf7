package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// oneKey is a key provider with one key, for tests.
type oneKey [32]byte

func (oneKey) Current(context.Context) (string, error) { return "test", nil }
func (k oneKey) DataKey(context.Context) (seal.DataKey, error) {
	return seal.DataKey{ID: "test", Key: k[:]}, nil
}
func (k oneKey) Unwrap(context.Context, string, []byte) ([]byte, error) { return k[:], nil }

// fleetSystem is the system that the test's connector reads.
type fleetSystem struct {
	mu      sync.Mutex
	secrets []string // that it was opened with
	remote  []bool
	env     []string // what it could read of the environment
	scans   int
	gate    chan struct{} // a scan waits for it, where it is set
	begun   chan struct{}
	access  connector.Access
	err     error
}

func (s *fleetSystem) open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := cfg.Secrets["password"]
	s.secrets = append(s.secrets, v.Reveal())
	s.remote = append(s.remote, cfg.Remote && env.Dial != nil)
	s.env = append(s.env, env.Getenv("RETINUE_FLEET_TEST"))
	return &fleetConn{s, env}, nil
}

type fleetConn struct {
	*fleetSystem
	env connector.Env
}

func (c *fleetConn) Close() error { return nil }
func (c *fleetConn) Check(context.Context) (connector.Access, error) {
	return c.access, c.err
}

func (c *fleetConn) Discover(ctx context.Context, _ connector.Request, sink connector.Sink) error {
	c.mu.Lock()
	c.scans++
	gate, begun := c.gate, c.begun
	c.mu.Unlock()
	scope := retinue.NewScope("test:1", "accounts")
	c.env.Progress(connector.Progress{Scope: scope, Stage: "listing", Done: 1, Total: 2, Unit: "pages"})
	if begun != nil {
		begun <- struct{}{}
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := sink.Emit(scope, retinue.Identity{Ref: retinue.NewRef("test:1", "account", "app"), Name: "app", Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman}); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: c.env.Now(), Basis: "everything"})
}

func (s *fleetSystem) spec() connector.Spec {
	return connector.Spec{Kind: "test", Title: "Test", Summary: "A system.", Target: []connector.TargetForm{{Form: "HOST", Help: "a host", Remote: true}},
		Options: []connector.Option{
			{Name: "region", Help: "what to read", Reach: connector.ReachSystem},
			{Name: "endpoint", Help: "where to call", Reach: connector.ReachAddress},
			{Name: "file", Help: "a file", Reach: connector.ReachMachine},
			{Name: "password", Help: "of the login", Secret: true, Reach: connector.ReachSystem}},
		BlindSpots: []string{"what it does not show"}, Open: s.open,
		Privileges: []connector.Document{{Title: "Least", Language: "sql", Body: "grant nothing;"}},
		Remote: func(cfg connector.Config) error {
			if strings.HasPrefix(cfg.Target, "/") {
				return fmt.Errorf("%w: a path", retinue.ErrDenied)
			}
			return nil
		}}
}

// fleetHarness is a harness whose installation can seal and has one kind of
// source.
func fleetHarness(t *testing.T, files ...app.SourceConfig) (*harness, *fleetSystem) {
	t.Helper()
	sys := &fleetSystem{access: connector.Access{Realm: "test:1", Name: "Test", Principal: "reader",
		Missing: []connector.Missing{{Permission: "list-keys", Scope: retinue.NewScope("test:1", "keys"), Consequence: "keys are not known"}}}}
	dir := t.TempDir()
	cfg := app.Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key"), Sources: files}
	host := connector.Spec{Kind: "machine", TargetOptional: true, Open: sys.open}
	a, err := app.Open(t.Context(), cfg, app.Options{Specs: []connector.Spec{sys.spec(), host}, Sealer: seal.New(oneKey{1, 2, 3})})
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, app: a, callers: map[string]auth.Caller{}}
	for _, r := range auth.Roles() {
		h.caller(string(r.Role), r.Role, store.Everything())
	}
	h.caller("one", auth.RoleViewer, store.RowScope{Sources: []string{"dev"}})
	stale := h.callers["admin"]
	stale.Fresh = time.Time{}
	h.callers["stale-admin"] = stale
	if h.api, err = a.API(h); err != nil {
		t.Fatal(err)
	}
	if err := a.StartFleet(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, sys
}

// work runs the queue until the test ends.
func (h *harness) work() {
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- h.app.RunQueue(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
}

// await asks again and again until a resource is as wanted.
func await[T any](t *testing.T, h *harness, as, path string, want func(T) bool) T {
	t.Helper()
	var v T
	for range 600 {
		h.get(t, as, path, &v)
		if want(v) {
			return v
		}
		time.Sleep(25 * time.Millisecond) // the queue is another goroutine with its own clock
	}
	t.Fatalf("%s did not come about: %+v", path, v)
	return v
}

var password = "a-password-" + "of-the-test"

func TestSourcesAPI(t *testing.T) {
	t.Setenv("RETINUE_FLEET_TEST", "of-the-machine")
	h, sys := fleetHarness(t, app.SourceConfig{Name: "filed", Kind: "machine", Interval: 0})
	secretRecords := []retinue.RecordAction{retinue.RecordSourceConfigured, retinue.RecordSecretSet}
	h.run([]scenario{
		{name: "kinds with what a form needs", as: "viewer", path: "/connectors", status: 200,
			contains: []string{`"kind":"test"`, `"fileOnly":true`, `"reach":"address"`, "grant nothing;", "what it does not show"}},
		{name: "a source of the file is shown", as: "viewer", path: "/sources", status: 200, contains: []string{`"name":"filed"`, `"origin":"file"`, `"never_scanned"`}},
		{name: "and not changed here", as: "admin", method: "PATCH", path: "/sources/filed", body: `{"paused":true}`, status: 403, contains: []string{"retinue.yaml"}},
		{name: "nor removed", as: "admin", method: "DELETE", path: "/sources/filed", status: 403},
		{name: "viewers configure nothing", as: "viewer", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h"}`, status: 403},
		{name: "a stale factor configures nothing", as: "stale-admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h"}`, status: 403},
		{name: "kinds of the machine", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"machine"}`, status: 403},
		{name: "targets of the machine", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"/etc/passwd"}`, status: 403},
		{name: "options of the machine", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h","options":{"file":"/etc/shadow"}}`, status: 403},
		{name: "endpoints", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h","options":{"endpoint":"http://169.254.169.254"}}`, status: 403},
		{name: "options that do not exist", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h","options":{"nope":"1"}}`, status: 422},
		{name: "kinds that do not exist", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"nope","target":"h"}`, status: 422, contains: []string{"body.kind"}},
		{name: "a password in the target", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"db://u:` + password + `@h"}`, status: 422, lacks: []string{password}},
		{name: "a secret as an option", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h","options":{"password":"` + password + `"}}`, status: 422, lacks: []string{password}},
		{name: "a secret that does not exist", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h","secrets":{"nope":"` + password + `"}}`, status: 422, lacks: []string{password}},
		{name: "an interval that is too short", as: "admin", method: "POST", path: "/sources", body: `{"name":"x","kind":"test","target":"h","interval":"5s"}`, status: 422},
		{name: "a hostile name", as: "admin", method: "POST", path: "/sources", body: `{"name":"<script>","kind":"test","target":"h"}`, status: 422},
		{name: "a source with a secret", as: "admin", method: "POST", path: "/sources", body: `{"name":"prod","kind":"test","target":"h.example.com","options":{"region":"eu"},"secrets":{"password":"` + password + `"}}`,
			status: 201, contains: []string{`"set":true`, `"origin":"api"`, "Etag"}, lacks: []string{password}, records: secretRecords},
		{name: "the name is taken", as: "admin", method: "POST", path: "/sources", body: `{"name":"prod","kind":"test","target":"h"}`, status: 409},
		{name: "another", as: "operator", method: "POST", path: "/sources", body: `{"name":"dev","kind":"test","target":"d.example.com"}`, status: 201, records: secretRecords[:1]},
		{name: "it is never returned", as: "admin", path: "/sources/prod", status: 200, contains: []string{`"password"`, `"setAt"`}, lacks: []string{password}},
		{name: "not in the list either", as: "admin", path: "/sources", status: 200, lacks: []string{password}},
		{name: "the target with its secret", as: "admin", method: "PATCH", path: "/sources/prod", body: `{"target":"evil.example.com"}`, status: 409},
		{name: "a write over a newer state", as: "admin", method: "PATCH", path: "/sources/prod", body: `{"paused":true}`, header: map[string]string{"If-Match": `"old"`}, status: 412},
		{name: "a change", as: "admin", method: "PATCH", path: "/sources/prod", body: `{"options":{"region":"us"}}`, status: 200, contains: []string{`"us"`, `"version":2`}, records: []retinue.RecordAction{retinue.RecordSourceChanged}},
		{name: "who sees one source sees no other", as: "one", path: "/sources", status: 200, contains: []string{`"dev"`}, lacks: []string{"prod", "filed"}},
		{name: "nor asks for it", as: "one", path: "/sources/prod", status: 404, lacks: []string{"h.example.com"}},
		{name: "a check", as: "operator", method: "POST", path: "/sources/prod/check", status: 200, contains: []string{`"ok":true`, "list-keys", "keys are not known"},
			lacks: []string{password}, records: []retinue.RecordAction{retinue.RecordSourceChecked}},
		{name: "kept", as: "viewer", path: "/sources/prod", status: 200, contains: []string{`"checked":{`, "reader"}},
		{name: "viewers check nothing", as: "viewer", method: "POST", path: "/sources/prod/check", status: 403},
		{name: "the secret goes", as: "admin", method: "DELETE", path: "/sources/prod/secrets/password", status: 200, contains: []string{`"secrets":[]`}, records: []retinue.RecordAction{retinue.RecordSecretRemoved}},
		{name: "once", as: "admin", method: "DELETE", path: "/sources/prod/secrets/password", status: 404},
		{name: "and comes", as: "admin", method: "PUT", path: "/sources/prod/secrets/password", body: `{"value":"` + password + `2"}`, status: 200, lacks: []string{password}, records: []retinue.RecordAction{retinue.RecordSecretSet}},
		{name: "but only one that exists", as: "admin", method: "PUT", path: "/sources/prod/secrets/region", body: `{"value":"` + password + `"}`, status: 422, lacks: []string{password}},
		{name: "viewers ask for no scan", as: "viewer", method: "POST", path: "/sources/prod/scan", status: 403},
		{name: "what no one sees is not scanned", as: "operator", method: "POST", path: "/sources/nope/scan", status: 404},
	})
	sys.mu.Lock()
	if !slices.Equal(sys.secrets, []string{password}) || !slices.Equal(sys.remote, []bool{true}) || !slices.Equal(sys.env, []string{""}) {
		t.Errorf("opened with %q, under the server's policy %v, seeing %q of the environment", sys.secrets, sys.remote, sys.env)
	}
	sys.mu.Unlock()
	for _, r := range h.records(t) {
		if strings.Contains(string(r.Details), password) {
			t.Errorf("record %s holds the secret", r.Action)
		}
	}
	h.run([]scenario{
		{name: "removed", as: "admin", method: "DELETE", path: "/sources/prod", status: 204, records: []retinue.RecordAction{retinue.RecordSourceRemoved}},
		{name: "what was configured is gone", as: "admin", method: "POST", path: "/sources/prod/scan", status: 409},
	})
}

func TestScansAPI(t *testing.T) {
	h, sys := fleetHarness(t)
	sys.gate, sys.begun = make(chan struct{}), make(chan struct{}, 10)
	h.run([]scenario{
		{name: "a source", as: "admin", method: "POST", path: "/sources", body: `{"name":"dev","kind":"test","target":"h"}`, status: 201, records: []retinue.RecordAction{retinue.RecordSourceConfigured}},
		{name: "a scan", as: "operator", method: "POST", path: "/sources/dev/scan", status: 202, contains: []string{`"waiting"`, "Location: /api/v1/scans/scn_"}, records: []retinue.RecordAction{retinue.RecordScanRequested}},
		{name: "the same again", as: "operator", method: "POST", path: "/sources/dev/scan", status: 202, contains: []string{`"waiting"`}},
	})
	var page struct{ Items []api.Scan }
	h.get(t, "viewer", "/scans", &page)
	if len(page.Items) != 1 {
		t.Fatalf("%d scans, want the two requests to be one", len(page.Items))
	}
	first := "/scans/" + string(page.Items[0].ID)
	h.work()
	<-sys.begun
	running := await(t, h, "viewer", first, func(s api.Scan) bool { return len(s.Progress) > 0 })
	if running.State != store.ScanRunning || running.Progress[0].Stage != "listing" || running.Progress[0].Total != 2 {
		t.Errorf("running: %+v", running)
	}
	// Asked for during a scan, another one waits: the one that runs may have read
	// what has changed since.
	h.run([]scenario{{name: "another", as: "operator", method: "POST", path: "/sources/dev/scan", status: 202, contains: []string{`"waiting"`}, records: []retinue.RecordAction{retinue.RecordScanRequested}}})
	sys.gate <- struct{}{}
	done := await(t, h, "viewer", first, func(s api.Scan) bool { return s.State.Ended() })
	if done.State != store.ScanComplete || done.Run == "" || done.Progress[0].State != store.ScopeComplete {
		t.Errorf("ended: %+v", done)
	}
	<-sys.begun // the one that waited
	h.get(t, "viewer", "/scans?source=dev&limit=1", &page)
	second := page.Items[0]
	if second.State != store.ScanRunning {
		t.Errorf("the newest: %+v", second)
	}
	h.run([]scenario{{name: "viewers cancel nothing", as: "viewer", method: "POST", path: "/scans/" + string(second.ID) + "/cancel", status: 403}})
	if w := h.do(scenario{as: "operator", method: "POST", path: "/scans/" + string(second.ID) + "/cancel"}); w.Code != 202 {
		t.Fatalf("cancel: %d %s", w.Code, w.Body)
	}
	cancelled := await(t, h, "viewer", "/scans/"+string(second.ID), func(s api.Scan) bool { return s.State.Ended() })
	if cancelled.State != store.ScanCancelled || cancelled.CancelledBy != "operator" {
		t.Errorf("cancelled: %+v", cancelled)
	}
	src := await(t, h, "viewer", "/sources/dev", func(s api.Source) bool { return s.Scan == nil })
	if src.State != "partial" && src.State != "failed" {
		t.Errorf("after a cancelled scan the source is %s", src.State)
	}
	if src.Completeness.Scopes != 1 || len(src.Missing) != 1 || len(src.BlindSpots) != 1 || len(src.Scopes) != 1 {
		t.Errorf("source: %+v", src)
	}
	h.run([]scenario{
		{name: "cancelled after the end", as: "operator", method: "POST", path: "/scans/" + string(second.ID) + "/cancel", status: 409},
		{name: "a page", as: "viewer", path: "/scans?limit=1", status: 200, contains: []string{`"next"`, `"totalIsMore":true`}},
		{name: "a cursor that is none", as: "viewer", path: "/scans?cursor=xyz", status: 422},
		{name: "no such scan", as: "viewer", path: "/scans/scn_nope", status: 404},
	})
	if sys.scans != 2 {
		t.Errorf("%d scans, want 2", sys.scans)
	}
}

// hookRequest posts to a webhook.
func (h *harness) hookRequest(path, body string, header map[string]string) *httptest.ResponseRecorder {
	return h.do(scenario{method: "POST", path: strings.TrimPrefix(path, api.Base), body: body, header: header})
}

func TestScanHook(t *testing.T) {
	h, _ := fleetHarness(t)
	h.run([]scenario{
		{name: "a source", as: "admin", method: "POST", path: "/sources", body: `{"name":"dev","kind":"test","target":"h"}`, status: 201, records: []retinue.RecordAction{retinue.RecordSourceConfigured}},
		{name: "viewers make no webhook", as: "viewer", method: "POST", path: "/sources/dev/hook", status: 403},
		{name: "nor does a stale factor", as: "stale-admin", method: "POST", path: "/sources/dev/hook", status: 403},
	})
	w := h.do(scenario{as: "admin", method: "POST", path: "/sources/dev/hook"})
	var hook api.NewHook
	if err := json.Unmarshal(w.Body.Bytes(), &hook); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	sign := func(at time.Time, body string) map[string]string {
		return map[string]string{"X-Retinue-Signature": app.SignHook(hook.Secret, at, []byte(body))}
	}
	github := func(secret, body string) map[string]string {
		m := hmac.New(sha256.New, []byte(secret))
		_, _ = m.Write([]byte(body))
		return map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(m.Sum(nil)), "X-GitHub-Event": "push"}
	}
	merge := func(m map[string]string, k, v string) map[string]string { m[k] = v; return m }
	now := time.Now()
	other := strings.Replace(hook.Path, "src_", "src_0", 1)
	for _, c := range []struct {
		name, path, body string
		header           map[string]string
		status           int
		contains         string
	}{
		{"unsigned", hook.Path, "{}", nil, 403, ""},
		{"another body", hook.Path, `{"a":2}`, sign(now, `{"a":1}`), 403, ""},
		{"too old", hook.Path, "{}", sign(now.Add(-6*time.Minute), "{}"), 403, ""},
		{"of the future", hook.Path, "{}", sign(now.Add(6*time.Minute), "{}"), 403, ""},
		{"no time", hook.Path, "{}", map[string]string{"X-Retinue-Signature": "v1=00"}, 403, ""},
		{"no such webhook", other, "{}", sign(now, "{}"), 403, ""},
		{"a name in place of the id", api.Base + "/hooks/scan/dev", "{}", sign(now, "{}"), 403, ""},
		{"signed", hook.Path, `{"deployed":1}`, sign(now, `{"deployed":1}`), 202, `"repeated":false`},
		{"the same again", hook.Path, `{"deployed":1}`, sign(now, `{"deployed":1}`), 200, `"repeated":true`},
		{"GitHub", hook.Path, `{"ref":"main"}`, github(hook.Secret, `{"ref":"main"}`), 202, "scn_"},
		{"GitHub again", hook.Path, `{"ref":"main"}`, github(hook.Secret, `{"ref":"main"}`), 200, `"repeated":true`},
		{"GitHub with another secret", hook.Path, `{"ref":"x"}`, github("wrong", `{"ref":"x"}`), 403, ""},
		{"GitHub's ping", hook.Path, `{"zen":1}`, merge(github(hook.Secret, `{"zen":1}`), "X-GitHub-Event", "ping"), 200, `"ignored":true`},
		{"GitLab", hook.Path, `{}`, map[string]string{"X-Gitlab-Token": hook.Secret, "X-Gitlab-Event-UUID": "1"}, 202, "scn_"},
		{"GitLab again", hook.Path, `{}`, map[string]string{"X-Gitlab-Token": hook.Secret, "X-Gitlab-Event-UUID": "1"}, 200, `"repeated":true`},
		{"GitLab with another token", hook.Path, `{}`, map[string]string{"X-Gitlab-Token": "wrong"}, 403, ""},
	} {
		w := h.hookRequest(c.path, c.body, c.header)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s: %d %s, want %d with %q", c.name, w.Code, w.Body, c.status, c.contains)
		}
		if strings.Contains(w.Body.String(), hook.Secret) || c.status == 403 && strings.Contains(w.Body.String(), "dev") {
			t.Errorf("%s: the answer tells too much: %s", c.name, w.Body)
		}
	}
	// What is unknown and what is wrongly signed look alike.
	a, b := h.hookRequest(hook.Path, "{}", sign(now.Add(-time.Hour), "{}")), h.hookRequest(other, "{}", sign(now, "{}"))
	if a.Body.String() != b.Body.String() {
		t.Errorf("%s\n%s", a.Body, b.Body)
	}
	var page struct{ Items []api.Scan }
	h.get(t, "viewer", "/scans", &page)
	if len(page.Items) != 1 || page.Items[0].Reason != store.ScanHooked {
		t.Errorf("%+v: want one request", page.Items)
	}
	h.run([]scenario{
		{name: "the secret is not returned", as: "admin", path: "/sources/dev", status: 200, contains: []string{hook.Path}, lacks: []string{hook.Secret}},
		{name: "removed", as: "admin", method: "DELETE", path: "/sources/dev/hook", status: 204, records: []retinue.RecordAction{retinue.RecordHookRemoved}},
	})
	if w := h.hookRequest(hook.Path, "{}", sign(now, "{}")); w.Code != 403 {
		t.Errorf("a webhook that was removed: %d", w.Code)
	}
}

// pushed is a hand-in as a collector makes it.
func pushed(t *testing.T, key *retinue.FingerprintKey, realms ...retinue.Realm) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := ingest.NewHandInWriter(z)
	for _, r := range realms {
		if _, err := w.Write(t.Context(), "test", "box", "", stated{r, key}, time.Now); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stated says of a realm that it has one account and one key.
type stated struct {
	realm retinue.Realm
	key   *retinue.FingerprintKey
}

func (s stated) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: s.realm}, nil
}
func (s stated) Close() error { return nil }
func (s stated) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(s.realm, "accounts")
	id := retinue.Identity{Ref: retinue.NewRef(s.realm, "account", "svc"), Name: "svc", Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman}
	key := retinue.Credential{Ref: retinue.NewRef(s.realm, "key", "k"), Name: "k", Kind: retinue.CredentialAPIKey, Identity: id.Ref}
	if s.key != nil {
		key.Fingerprints = []retinue.Fingerprint{s.key.Fingerprint(retinue.NewSecret("of " + "the key"))}
	}
	if err := sink.Emit(scope, id, key); err != nil {
		return err
	}
	if s.realm == "test:1" { // and something that is not the collector's to say
		if err := sink.Emit(scope, retinue.Identity{Ref: retinue.NewRef("aws:111111111111", "role", "admin"), Name: "foreign-role", Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman}); err != nil {
			return err
		}
	}
	return sink.Complete(scope, connector.Completion{Basis: "everything"})
}

// collector makes a collector, and a caller of that name.
func (h *harness) collector(t *testing.T, name, body string) api.NewCollector {
	t.Helper()
	w := h.do(scenario{as: "admin", method: "POST", path: "/collectors", body: body})
	var c api.NewCollector
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	h.asCollector(t, name, c.Token)
	return c
}

// asCollector has a caller act by a token, as authentication would.
func (h *harness) asCollector(t *testing.T, name, token string) {
	t.Helper()
	hash, err := auth.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	var tok store.Token
	if err := h.app.View(t.Context(), store.Everything(), func(tx *app.Snapshot) (err error) {
		tok, err = tx.TokenByHash(hash)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	limit := &auth.Limit{Scope: tok.Scope}
	for _, p := range tok.Permissions {
		limit.Permissions = append(limit.Permissions, auth.Permission(p))
	}
	h.callers[name] = auth.Caller{Kind: auth.KindCollector, Actor: retinue.Actor{Kind: "collector", Name: name}, Token: tok.ID, Realms: tok.Realms,
		Bindings: []auth.Binding{{Role: auth.RoleAdmin, Scope: store.Everything()}}, Limit: limit}
}

func begin(data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprintf(`{"digest":"%x","size":%d,"program":"1.2.3","host":"box"}`, sum, len(data))
}

func contentDigest(data []byte) map[string]string {
	sum := sha256.Sum256(data)
	return map[string]string{"Content-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":", "Content-Type": "application/octet-stream"}
}

// push hands data in as a collector and returns what became of it.
func (h *harness) push(t *testing.T, as string, data []byte) api.HandIn {
	t.Helper()
	w := h.do(scenario{as: as, method: "POST", path: "/ingest", body: begin(data)})
	var in api.HandIn
	if err := json.Unmarshal(w.Body.Bytes(), &in); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	path := "/ingest/" + string(in.ID)
	if w := h.do(scenario{as: as, method: "PUT", path: path + "/chunks/0", body: string(data), header: contentDigest(data)}); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := h.do(scenario{as: as, method: "POST", path: path + "/complete"}); w.Code != 202 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return await(t, h, as, path, func(v api.HandIn) bool { return v.State == store.UploadDone || v.State == store.UploadFailed })
}

func TestCollectorsAPI(t *testing.T) {
	h, _ := fleetHarness(t)
	h.work()
	h.run([]scenario{
		{name: "viewers make none", as: "viewer", method: "POST", path: "/collectors", body: `{"name":"dc1","realms":["test:1"]}`, status: 403},
		{name: "nor does a stale factor", as: "stale-admin", method: "POST", path: "/collectors", body: `{"name":"dc1","realms":["test:1"]}`, status: 403},
		{name: "realms must be realms", as: "admin", method: "POST", path: "/collectors", body: `{"name":"dc1","realms":["nope"]}`, status: 422, contains: []string{"body.realms[0]"}},
		{name: "a star for everything", as: "admin", method: "POST", path: "/collectors", body: `{"name":"dc1","realms":["*:*"]}`, status: 422},
		{name: "people hand nothing in", as: "admin", method: "POST", path: "/ingest", body: begin([]byte("x")), status: 403},
	})
	c := h.collector(t, "dc1", `{"name":"dc1","realms":["test:1"],"fingerprints":true}`)
	h.collector(t, "dc2", `{"name":"dc2","realms":["host:*"]}`)
	ours := retinue.NewFingerprintKey()
	data := pushed(t, &ours, "test:1", "test:2")
	in := h.push(t, "dc1", data)
	if in.State != store.UploadDone || len(in.Runs) != 2 || in.Refused == 0 {
		t.Fatalf("%+v", in)
	}
	first, second := in.Runs[0], in.Runs[1]
	if first.Source != "dc1/box" || first.State != store.RunPartial || first.Facts != 2 || first.Refused != 1 || first.Dropped != 1 {
		t.Errorf("%+v: want two facts kept, the foreign one refused, the fingerprint dropped", first)
	}
	if second.State != store.RunFailed || second.Facts != 0 || second.Refused != 1 {
		t.Errorf("%+v: want the other system refused", second)
	}
	h.run([]scenario{
		{name: "listed", as: "viewer", path: "/collectors", status: 200, contains: []string{`"dc1/box"`, `"1.2.3"`, `"allowed"`, `"lastPush"`}, lacks: []string{c.Token}},
		{name: "the source is its own", as: "viewer", path: "/sources", status: 200, contains: []string{`"dc1/box"`, `"origin":"collector"`}},
		{name: "and not scanned from here", as: "operator", method: "POST", path: "/sources/" + string(h.sourceID(t, "dc1/box")) + "/scan", status: 409},
		{name: "others see it not", as: "dc2", path: "/ingest/" + string(in.ID), status: 404},
		{name: "collectors read no inventory", as: "dc1", path: "/sources", status: 403},
		{name: "nor collectors", as: "dc1", path: "/collectors", status: 403},
	})
	refused := 0
	for _, r := range h.records(t) {
		if r.Action == retinue.RecordHandInRefused {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d records of refused statements, want one for each source", refused)
	}
	var list struct{ Items []struct{ Name string } }
	h.get(t, "viewer", "/identities", &list)
	for _, i := range list.Items {
		if i.Name == "foreign-role" {
			t.Error("what the collector may not state is in the inventory")
		}
	}
	h.enrolled(t, c)
	h.run([]scenario{{name: "revoked", as: "admin", method: "DELETE", path: "/collectors/" + string(c.Collector.ID), status: 204, records: []retinue.RecordAction{retinue.RecordCollectorRevoked}},
		{name: "hands nothing in", as: "dc1", method: "POST", path: "/ingest", body: begin([]byte("x")), status: 403},
		{name: "changed", as: "admin", method: "PATCH", path: "/collectors/" + string(c.Collector.ID), body: `{"fingerprints":true}`, status: 409}})
}

func (h *harness) sourceID(t *testing.T, name string) retinue.SourceID {
	t.Helper()
	var list struct{ Items []api.Source }
	h.get(t, "viewer", "/sources", &list)
	for _, s := range list.Items {
		if s.Name == name {
			return s.ID
		}
	}
	t.Fatalf("no source %s", name)
	return ""
}

// enrolled fetches the fingerprint key as the collector dc1, and hands in under
// it.
func (h *harness) enrolled(t *testing.T, c api.NewCollector) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	ask := fmt.Sprintf(`{"recipient":%q}`, id.Recipient())
	h.run([]scenario{
		{name: "a recipient that is none", as: "dc1", method: "POST", path: "/collectors/self/enroll", body: `{"recipient":"age1nope"}`, status: 422},
		{name: "nobody allowed it", as: "dc2", method: "POST", path: "/collectors/self/enroll", body: ask, status: 403},
		{name: "for another", as: "dc2", method: "POST", path: "/collectors/" + string(c.Collector.ID) + "/enroll", body: ask, status: 404},
		{name: "a person has no use of it", as: "admin", method: "POST", path: "/collectors/" + string(c.Collector.ID) + "/enroll", body: ask, status: 403},
	})
	w := h.do(scenario{as: "dc1", method: "POST", path: "/collectors/self/enroll", body: ask})
	var e api.Enrolled
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(e.Key)), id)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	key, err := retinue.ParseFingerprintKey(string(text))
	if err != nil || key.ID != e.KeyID || key.ID != h.app.Keys.Current().ID {
		t.Fatalf("the key that came is not the installation's: %v", err)
	}
	if strings.Contains(w.Body.String(), string(text)) {
		t.Error("the key came in clear")
	}
	h.run([]scenario{
		{name: "once", as: "dc1", method: "POST", path: "/collectors/self/enroll", body: ask, status: 409},
		{name: "said", as: "viewer", path: "/collectors/" + string(c.Collector.ID), status: 200, contains: []string{`"done"`, `"keyCurrent":true`}},
	})
	in := h.push(t, "dc1", pushed(t, &key, "test:1"))
	if in.Runs[0].Dropped != 0 {
		t.Errorf("%+v: a fingerprint under the installation's key was dropped", in.Runs[0])
	}
}

func TestHandInChunks(t *testing.T) {
	h, _ := fleetHarness(t)
	h.collector(t, "dc", `{"name":"dc","realms":["test:1"]}`)
	big := make([]byte, api.ChunkSize+100)
	h.run([]scenario{
		{name: "too large", as: "dc", method: "POST", path: "/ingest", body: fmt.Sprintf(`{"digest":"%064x","size":%d}`, 1, 1<<30), status: 422},
		{name: "no digest", as: "dc", method: "POST", path: "/ingest", body: `{"digest":"x","size":1}`, status: 422},
	})
	w := h.do(scenario{as: "dc", method: "POST", path: "/ingest", body: begin(big)})
	var in api.HandIn
	if err := json.Unmarshal(w.Body.Bytes(), &in); err != nil || in.Chunks != 2 {
		t.Fatalf("%s %v", w.Body, err)
	}
	path := "/ingest/" + string(in.ID)
	last, wrong := big[api.ChunkSize:], []byte("something else")
	h.run([]scenario{
		{name: "a chunk without digest", as: "dc", method: "PUT", path: path + "/chunks/1", body: string(last), header: map[string]string{"Content-Type": "application/octet-stream"}, status: 422},
		{name: "a chunk that came otherwise", as: "dc", method: "PUT", path: path + "/chunks/1", body: string(wrong), header: contentDigest(last), status: 422},
		{name: "a chunk of the wrong length", as: "dc", method: "PUT", path: path + "/chunks/1", body: string(wrong), header: contentDigest(wrong), status: 422},
		{name: "a chunk beyond the end", as: "dc", method: "PUT", path: path + "/chunks/2", body: string(last), header: contentDigest(last), status: 422},
		{name: "a chunk", as: "dc", method: "PUT", path: path + "/chunks/1", body: string(last), header: contentDigest(last), status: 200, contains: []string{`"have":[1]`}},
		{name: "not whole", as: "dc", method: "POST", path: path + "/complete", status: 409, contains: []string{"1 of 2"}},
		{name: "gone on with", as: "dc", method: "POST", path: "/ingest", body: begin(big), status: 201, contains: []string{string(in.ID), `"have":[1]`}},
		{name: "a body larger than a chunk", as: "dc", method: "PUT", path: path + "/chunks/0", body: string(big), header: contentDigest(big), status: 413},
		{name: "the other", as: "dc", method: "PUT", path: path + "/chunks/0", body: string(big[:api.ChunkSize]), header: contentDigest(big[:api.ChunkSize]), status: 200, contains: []string{`"have":[0,1]`}},
		{name: "whole", as: "dc", method: "POST", path: path + "/complete", status: 202, records: []retinue.RecordAction{retinue.RecordHandInReceived}},
		{name: "said twice", as: "dc", method: "POST", path: path + "/complete", status: 202},
		{name: "no chunks any more", as: "dc", method: "PUT", path: path + "/chunks/0", body: string(big[:api.ChunkSize]), header: contentDigest(big[:api.ChunkSize]), status: 409},
	})
	h.work()
	// What is whole and is no hand-in ends in an error that says so.
	v := await(t, h, "dc", path, func(v api.HandIn) bool { return v.State == store.UploadFailed })
	if !strings.Contains(v.Error, "gzip") {
		t.Errorf("%+v", v)
	}
	if v.Have == nil || len(v.Have) != 0 {
		t.Errorf("its chunks are kept: %v", v.Have)
	}
}
