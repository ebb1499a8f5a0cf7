package app_test

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/app/accounts"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ownWorld is an installation that reads itself, with a clock of the test's.
type ownWorld struct {
	*app.App
	t      *testing.T
	people *accounts.Service
	ada    auth.Caller
	mu     sync.Mutex
	now    time.Time
}

func (w *ownWorld) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

func (w *ownWorld) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func openOwnWorld(t *testing.T, dir, db string) *ownWorld {
	t.Helper()
	w := &ownWorld{t: t, now: time.Now().UTC()}
	spec := connector.Spec{Kind: "test", Options: []connector.Option{{Name: "token", Secret: true, Reach: connector.ReachSystem}}, TargetOptional: true,
		Remote: func(connector.Config) error { return nil }, Open: newWatched().spec()[0].Open}
	var err error
	w.App, err = app.Open(t.Context(), fleetConfig(dir, db, 0), app.Options{Now: w.clock, Specs: []connector.Spec{spec}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.people, err = w.Accounts(auth.Front{Public: &url.URL{Scheme: "http", Host: "localhost:8420"}}, true); err != nil {
		t.Fatal(err)
	}
	w.update(func(tx *sqlstore.Tx) error {
		a, err := tx.CreateAccount(store.Account{Login: "ada", Email: "ada@example.com", Origin: store.OriginLocal, Active: true})
		if err != nil {
			return err
		}
		w.ada = auth.Caller{Kind: auth.KindSession, Actor: retinue.Actor{Kind: "person", Name: string(a.ID)}, Account: a.ID, Fresh: w.now,
			Bindings: []auth.Binding{{Role: auth.RoleAdmin, Scope: store.Everything()}}}
		_, err = tx.Bind(store.RoleBinding{Role: string(auth.RoleAdmin), Scope: store.Everything(), Origin: "manual"}, a.Key, 0)
		return err
	})
	if err := w.StartItself(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settle()
	return w
}

func (w *ownWorld) update(fn func(*sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.DB.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *ownWorld) settle() {
	w.t.Helper()
	if _, err := w.Settle(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// token makes a token as Ada does at the console.
func (w *ownWorld) token(name string, kind store.TokenKind, perms ...auth.Permission) store.Token {
	w.t.Helper()
	n := auth.TokenSpec{Kind: kind, Name: name, Permissions: perms, Scope: store.Everything(), ExpiresAt: w.clock().Add(300 * 24 * time.Hour)}
	t, _, err := w.people.CreateToken(w.t.Context(), w.ada, n)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// things lists what stands in the inventory, by name.
func (w *ownWorld) things(f retinue.FactType) map[string]store.Entity {
	w.t.Helper()
	out := map[string]store.Entity{}
	err := w.View(w.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for e, err := range tx.Entities(store.EntityQuery{Type: f}) {
			if err != nil {
				return err
			}
			out[e.Name] = e
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// findings lists the open findings as "rule name".
func (w *ownWorld) findings() map[string]retinue.Finding {
	w.t.Helper()
	out := map[string]retinue.Finding{}
	err := w.View(w.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for f, err := range tx.Findings(store.FindingQuery{}) {
			if err != nil {
				return err
			}
			out[f.Rule+" "+f.Subject.Kind+"/"+f.Subject.Key] = f
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestItself has an installation find its own identities after every change of
// them, and judge them by its rules.
func TestItself(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		w := openOwnWorld(t, dir, db)
		ctx := t.Context()
		if _, ok := w.things(retinue.FactIdentity)["Retinue server"]; !ok {
			t.Fatalf("the server is not in its inventory: %v", w.things(retinue.FactIdentity))
		}
		deploy := w.token("deploy", store.TokenKindAPI, auth.Permissions()...)
		reader := w.token("reader", store.TokenKindAPI, auth.PermInventoryRead)
		w.token("directory", store.TokenKindSCIM)
		w.configure()
		w.settle()

		ids := w.things(retinue.FactIdentity)
		for _, name := range []string{"ada", "deploy", "reader", "directory", "edge", "Source pay", "Webhook of source pay", "OIDC client at Sign-on", "Channel ops"} {
			if e, ok := ids[name]; !ok || !strings.HasPrefix(string(e.Ref().Realm), "retinue:") {
				t.Errorf("%s is not in the inventory of %v", name, slices.Sorted(mapKeys(ids)))
			}
		}
		creds := w.things(retinue.FactCredential)
		for _, name := range []string{"deploy …" + deploy.Hint, "token of source pay", "webhook secret of source pay", "client secret at Sign-on", "key of channel ops", "audit signing key"} {
			if _, ok := creds[name]; !ok {
				t.Errorf("%s is not in the inventory of %v", name, slices.Sorted(mapKeys(creds)))
			}
		}
		for _, prefix := range []string{"sealing key ", "fingerprint key "} {
			if !slices.ContainsFunc(slices.Collect(mapKeys(creds)), func(n string) bool { return strings.HasPrefix(n, prefix) }) {
				t.Errorf("no %s in the inventory", prefix)
			}
		}
		w.judged(map[string]bool{
			"nhi5-administrator api_client/" + string(deploy.ID): true,
			"nhi5-administrator api_client/" + string(reader.ID): false,
			"owner-missing api_client/" + string(deploy.ID):      false, // Ada made it
			"nhi1-unused-credential token/" + string(deploy.ID):  false, // it is new
		})

		// A hundred days later one token was used, and the other never.
		w.pass(100 * 24 * time.Hour)
		w.update(func(tx *sqlstore.Tx) error { return tx.UseToken(reader.Key) })
		w.reread()
		w.judged(map[string]bool{
			"nhi1-unused-credential token/" + string(deploy.ID):        true,
			"nhi1-never-used-identity api_client/" + string(deploy.ID): true,
			"nhi1-unused-credential token/" + string(reader.ID):        false,
			"nhi7-old-key token/" + string(reader.ID):                  true,
		})
		if key := w.things(retinue.FactCredential)["webhook secret of source pay"].Ref().Key; !w.has("nhi7-old-key webhook_secret/" + key) {
			t.Error("the webhook's secret is old and nobody says so")
		}

		// Revoking ends it, by itself.
		if err := w.people.RevokeToken(ctx, w.ada, deploy.ID); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if _, ok := w.things(retinue.FactIdentity)["deploy"]; ok {
			t.Error("a revoked token is still in the inventory")
		}
		w.judged(map[string]bool{"nhi5-administrator api_client/" + string(deploy.ID): false, "nhi1-unused-credential token/" + string(deploy.ID): false})

		// Nobody answers for what a deleted account made.
		w.update(func(tx *sqlstore.Tx) error {
			a, err := tx.Account(w.ada.Account)
			if err != nil {
				return err
			}
			return tx.DeleteAccount(a.Key)
		})
		w.reread()
		directory := w.things(retinue.FactIdentity)["directory"].Ref().Key
		w.judged(map[string]bool{"owner-missing api_client/" + directory: true, "nhi5-privilege-escalation api_client/" + directory: true})
	})
}

func (w *ownWorld) configure() {
	w.t.Helper()
	ctx := w.t.Context()
	if _, err := w.CreateSource(ctx, w.ada, api.SourceInput{Name: "pay", Kind: "test", Secrets: map[string]string{"token": "not a real one"}}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.SetHook(ctx, w.ada, "pay"); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.CreateCollector(ctx, w.ada, api.CollectorInput{Name: "edge", Realms: []string{"host:*"}}); err != nil {
		w.t.Fatal(err)
	}
	w.update(func(tx *sqlstore.Tx) error {
		_, err := tx.PutProvider(store.SSOProvider{ID: "sso_main", Name: "Sign-on", Issuer: "https://id.example.com", ClientID: "retinue", HasSecret: true, Sealed: []byte("sealed"), Enabled: true})
		if err != nil {
			return err
		}
		return tx.CreateOutlet(&store.Outlet{ID: "chn_ops", Purpose: store.PurposeChannel, Kind: "webhook", Name: "ops", Enabled: true, Settings: []byte("{}"), Sealed: []byte("sealed"), SecretNames: []string{"key"}})
	})
}

// reread reads the installation as its schedule does.
func (w *ownWorld) reread() {
	w.t.Helper()
	run, err := w.ReadItself(w.t.Context())
	if err != nil || run.State != store.RunComplete {
		w.t.Fatalf("%+v %v", run, err)
	}
	w.settle()
}

func (w *ownWorld) has(finding string) bool { _, ok := w.findings()[finding]; return ok }

func (w *ownWorld) judged(want map[string]bool) {
	w.t.Helper()
	have := w.findings()
	for name, is := range want {
		if _, ok := have[name]; ok != is {
			w.t.Errorf("finding %s: %t, want %t among %v", name, ok, is, slices.Sorted(mapKeys(have)))
		}
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestItselfUnchangedWritesNothing reads an installation twice: the second time
// no version of anything changes.
func TestItselfUnchangedWritesNothing(t *testing.T) {
	dir := t.TempDir()
	w := openOwnWorld(t, dir, filepath.Join(dir, "r.db"))
	w.token("deploy", store.TokenKindAPI, auth.PermInventoryRead)
	w.configure()
	w.settle()
	run, err := w.ReadItself(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range run.Scopes {
		if c := s.Counts; c.Added+c.Changed+c.Ended != 0 || s.State != store.ScopeComplete {
			t.Errorf("%s: %+v", s.Scope, s)
		}
	}
	if len(run.Scopes) != 6 {
		t.Errorf("%d scopes", len(run.Scopes))
	}
}
