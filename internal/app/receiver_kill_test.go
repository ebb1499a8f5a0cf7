package app_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/web/api"
)

// listedRef lists one account.
type listedRef struct{ ref retinue.Ref }

func listedAccount(realm retinue.Realm) listedRef {
	return listedRef{retinue.NewRef(realm, "account", "user-3")}
}

func (l listedRef) spec() connector.Spec {
	return connector.Spec{Kind: "listed", Title: "Listed", Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return l, nil }}
}
func (l listedRef) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: l.ref.Realm}, nil
}
func (listedRef) Close() error { return nil }
func (l listedRef) Discover(_ context.Context, req connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(l.ref.Realm, "accounts")
	id := retinue.Identity{Ref: l.ref, Name: l.ref.Key, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, ClassReason: "listed", CreatedAt: req.Now.AddDate(-1, 0, 0)}
	if err := sink.Emit(scope, id); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: req.Now, Basis: "everything"})
}

// pushChild serves an installation until it is killed.
func pushChild() int {
	a, err := app.Open(context.Background(), crashConfig(os.Getenv("RETINUE_CRASH_DIR"), os.Getenv("RETINUE_CRASH_DB")), app.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	handler, err := a.API(byToken{a})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(httptest.NewServer(handler).URL)
	select {}
}

// TestKilledReceiversCountOnce kills the server again and again while batches are
// pushed, of which each is sent until it is acknowledged: none is lost and none
// counts twice, whether the server died before its commit or behind it.
func TestKilledReceiversCountOnce(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			db := filepath.Join(dir, "r.db")
			if kind == "postgres" {
				db = testkit.Postgres(t).Database(t)
			}
			token := makeSender(t, dir, db)
			const batches, each = 40, 6000
			next, killed := 0, 0
			for next < batches {
				var died bool
				next, died = pushUntilKilled(t, dir, db, token, next, batches, each)
				if died {
					killed++
				}
			}
			t.Logf("killed %d times", killed)
			if killed == 0 {
				t.Error("no server was killed")
			}
			r := newReceiver(t, dir, db)
			if n := r.counted()["all"]; n != batches*each {
				t.Errorf("%d events are counted, want %d", n, batches*each)
			}
		})
	}
}

// makeSender makes a collector in an installation that is closed again, and
// returns its token.
func makeSender(t *testing.T, dir, db string) string {
	t.Helper()
	a, err := app.Open(t.Context(), crashConfig(dir, db), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.CreateCollector(t.Context(), operator(), api.CollectorInput{Name: "shop", Realms: []string{"shop:eu"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// pushUntilKilled starts a server, pushes batches to it and kills it after a
// random time. It returns which batch was not acknowledged yet.
func pushUntilKilled(t *testing.T, dir, db, token string, next, batches, each int) (int, bool) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "RETINUE_PUSH_CHILD=1", "RETINUE_CRASH_DIR="+dir, "RETINUE_CRASH_DB="+db)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(time.Duration(50+rand.IntN(600))*time.Millisecond, func() { _ = c.Process.Kill() })
	r := &receiver{t: t, url: strings.TrimSpace(url) + api.Base}
	died := false
	for next < batches && !died {
		a, err := r.send(t.Context(), pushing{token: token, path: "/events?source=ndjson", body: madeUpEvents("shop:eu", next*each, each)})
		switch {
		case err != nil:
			died = true
		case a.status != http.StatusOK || a.Events != int64(each):
			t.Fatalf("%d %s", a.status, a.text)
		default:
			next++
		}
	}
	if kill.Stop() {
		_ = c.Process.Kill()
	}
	_ = c.Wait()
	return next, died
}
