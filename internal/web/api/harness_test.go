package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// harness runs scenarios against the API of a real installation on a file of
// its own. Callers are named: a request as "ann" carries the token "ann".
type harness struct {
	t       *testing.T
	app     *app.App
	api     *api.API
	callers map[string]auth.Caller
}

// Authenticate implements api.Authenticator.
func (h *harness) Authenticate(r *http.Request) (auth.Caller, error) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return auth.Caller{}, nil
	}
	c, ok := h.callers[name]
	if !ok {
		return auth.Caller{}, fmt.Errorf("%w: the token is not known", retinue.ErrDenied)
	}
	return c, nil
}

// newHarness opens an installation with an administrator "admin", whose second
// factor is fresh, one caller for each role who sees everything (named as the
// role, with "stale-admin" for an administrator without a fresh factor), and
// two owners "ann" and "ben" who see what they own.
func newHarness(t *testing.T) *harness { return openHarness(t, nil) }

// openHarness is newHarness with other connectors.
func openHarness(t *testing.T, specs []connector.Spec) *harness {
	t.Helper()
	return openHarnessAt(t, specs, nil)
}

// openHarnessAt is openHarness with a clock of its own.
func openHarnessAt(t *testing.T, specs []connector.Spec, now func() time.Time) *harness {
	t.Helper()
	dir := t.TempDir()
	cfg := app.Config{Database: harnessDatabase(t, filepath.Join(dir, "r.db")), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	a, err := app.Open(t.Context(), cfg, app.Options{Specs: specs, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, app: a, callers: map[string]auth.Caller{}}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range auth.Roles() {
		h.caller(string(r.Role), r.Role, store.Everything())
	}
	stale := h.callers["admin"]
	stale.Fresh = time.Time{}
	h.callers["stale-admin"] = stale
	for _, name := range []string{"ann", "ben"} {
		h.caller(name, auth.RoleIdentityOwner, store.RowScope{Owners: []string{name + "@example.com"}})
	}
	if h.api, err = a.API(h); err != nil {
		t.Fatal(err)
	}
	return h
}

// caller adds a caller with one role, whose second factor is fresh.
func (h *harness) caller(name string, role auth.Role, scope store.RowScope) {
	h.callers[name] = auth.Caller{Kind: auth.KindSession, Actor: retinue.Actor{Kind: "account", Name: name},
		Account: store.AccountID("acc_" + name), Fresh: time.Now(),
		Bindings: []auth.Binding{{Role: role, Scope: scope}}, Owners: []string{name + "@example.com"}}
}

// scenario is one request and what must be true of the answer.
type scenario struct {
	name   string
	as     string // empty: anonymous
	method string // GET where empty
	path   string // below /api/v1
	body   string
	header map[string]string

	status   int
	contains []string // in the body or a header
	lacks    []string // must not be in the body
	records  []retinue.RecordAction
}

// run runs scenarios in order on one installation.
func (h *harness) run(scenarios []scenario) {
	for _, s := range scenarios {
		h.t.Run(s.name, func(t *testing.T) { h.scenario(t, s) })
	}
}

func (h *harness) scenario(t *testing.T, s scenario) {
	t.Helper()
	before := h.records(t)
	w := h.do(s)
	body := w.Body.String()
	if w.Code != s.status {
		t.Fatalf("%s %s: status %d, want %d\n%.2000s", s.method, s.path, w.Code, s.status, body)
	}
	head := &strings.Builder{}
	_ = w.Header().Write(head)
	for _, c := range s.contains {
		if !strings.Contains(body, c) && !strings.Contains(head.String(), c) {
			t.Errorf("the answer lacks %q\n%.2000s", c, body)
		}
	}
	for _, c := range s.lacks {
		if strings.Contains(body, c) {
			t.Errorf("the answer must not contain %q\n%.2000s", c, body)
		}
	}
	var added []retinue.RecordAction
	for _, r := range h.records(t)[len(before):] {
		if !judged(r.Action) || slices.Contains(s.records, r.Action) {
			added = append(added, r.Action)
		}
	}
	if !slices.Equal(added, s.records) {
		t.Errorf("records %v, want %v", added, s.records)
	}
}

// judged reports whether a record is of the judge's, which works on the queue
// whenever it likes.
func judged(a retinue.RecordAction) bool {
	return a == "rules.changed" || a == "finding.opened" || a == "finding.resolved" || a == "finding.reopened"
}

// do makes a request.
func (h *harness) do(s scenario) *httptest.ResponseRecorder { return h.doContext(h.t.Context(), s) }

// probeContext ends streams of events soon.
func probeContext(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 200*time.Millisecond)
}

func (h *harness) doContext(ctx context.Context, s scenario) *httptest.ResponseRecorder {
	if s.method == "" {
		s.method = http.MethodGet
	}
	var body io.Reader
	if s.body != "" {
		body = strings.NewReader(s.body)
	}
	r := httptest.NewRequestWithContext(ctx, s.method, api.Base+s.path, body)
	if s.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.as != "" {
		r.Header.Set("Authorization", "Bearer "+s.as)
	}
	for k, v := range s.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	return w
}

// get reads a resource as a caller into v.
func (h *harness) get(t *testing.T, as, path string, v any) {
	t.Helper()
	w := h.do(scenario{as: as, path: path})
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: status %d\n%.2000s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

// records returns the audit log.
func (h *harness) records(t *testing.T) []retinue.Record {
	t.Helper()
	var out []retinue.Record
	err := h.app.View(context.WithoutCancel(t.Context()), store.Everything(), func(tx *app.Snapshot) error {
		for r, err := range tx.Records(1) {
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	if err != nil && !errors.Is(err, retinue.ErrNotFound) {
		t.Fatal(err)
	}
	return out
}
