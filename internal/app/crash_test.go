package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv("RETINUE_CRASH_CHILD") != "" {
		os.Exit(crashChild())
	}
	if os.Getenv("RETINUE_IMPORT_CHILD") != "" {
		os.Exit(importChild())
	}
	if os.Getenv("RETINUE_PUSH_CHILD") != "" {
		os.Exit(pushChild())
	}
	if os.Getenv("RETINUE_LOGS_CHILD") != "" {
		os.Exit(logsChild())
	}
	if os.Getenv("RETINUE_FLEET_CHILD") != "" {
		os.Exit(fleetChild())
	}
	if os.Getenv("RETINUE_RESEAL_CHILD") != "" {
		os.Exit(resealChild())
	}
	if os.Getenv("RETINUE_STREAM_CHILD") != "" {
		os.Exit(streamChild())
	}
	if os.Getenv("RETINUE_TELL_CHILD") != "" {
		os.Exit(app.TellChild())
	}
	if os.Getenv("RETINUE_SIGNALS_CHILD") != "" {
		os.Exit(app.SignalsChild())
	}
	os.Exit(m.Run())
}

// The estate that the killed scans read: it never loses anything, and every
// generation changes some of it.
const (
	crashScopes  = 8
	crashInScope = 30
)

type estate struct{ generation int }

func (estate) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: "test:crash"}, nil
}
func (estate) Close() error { return nil }
func (e estate) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	at := time.Date(2026, 1, 1, 0, 0, e.generation, 0, time.UTC)
	for s := range crashScopes {
		scope := retinue.NewScope("test:crash", "part", strconv.Itoa(s))
		for i := range crashInScope {
			name := fmt.Sprintf("id-%d-%d", s, i)
			id := retinue.Identity{Ref: retinue.NewRef("test:crash", "account", name), Name: name, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, State: retinue.StateActive}
			if (i+e.generation)%5 == 0 {
				id.Description = fmt.Sprint("generation ", e.generation)
			}
			key := retinue.Credential{Ref: retinue.NewRef("test:crash", "access_key", name+"-key"), Name: name + "-key", Kind: retinue.CredentialAccessKey,
				Identity: id.Ref, State: retinue.CredentialActive, CreatedAt: at.AddDate(-3, 0, 0)}
			if err := sink.Emit(scope, id, key); err != nil {
				return err
			}
		}
		if err := sink.Complete(scope, connector.Completion{ObservedAt: at, Basis: "the whole part"}); err != nil {
			return err
		}
	}
	return nil
}

func crashSpecs(generation int) []connector.Spec {
	return []connector.Spec{{Kind: "test", TargetOptional: true, Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
		return estate{generation}, nil
	}}}
}

func crashConfig(dir, db string) app.Config {
	return app.Config{Database: db, KeyFile: filepath.Join(dir, "key"), SigningKeyFile: filepath.Join(dir, "sign")}
}

func crashScan(ctx context.Context, dir, db string, generation int, opened func()) error {
	a, err := app.Open(ctx, crashConfig(dir, db), app.Options{Specs: crashSpecs(generation)})
	if err != nil {
		return err
	}
	opened()
	_, err = a.Scan(ctx, []app.SourceConfig{{Name: "crash", Kind: "test"}}, app.ScanOptions{Actor: retinue.Actor{Kind: "system", Name: "test"}})
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	return err
}

func crashChild() int {
	g, _ := strconv.Atoi(os.Getenv("RETINUE_CRASH_GENERATION"))
	err := crashScan(context.Background(), os.Getenv("RETINUE_CRASH_DIR"), os.Getenv("RETINUE_CRASH_DB"), g, func() { fmt.Println("open") })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilledScansLoseNothing kills a scan at random points, again and again,
// and then checks that nothing that was found is lost or declared gone
// (invariant 1), and that every alteration has its record in an unbroken chain
// (invariant 5).
func TestKilledScansLoseNothing(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		killAndCheck(t, dir, filepath.Join(dir, "r.db"), 30)
	})
	t.Run("postgres", func(t *testing.T) {
		killAndCheck(t, t.TempDir(), testkit.Postgres(t).Database(t), 20)
	})
}

func killAndCheck(t *testing.T, dir, db string, runs int) {
	if err := crashScan(t.Context(), dir, db, 0, func() {}); err != nil {
		t.Fatal(err)
	}
	killed := 0
	for g := 1; g <= runs; g++ {
		if killOnce(t, dir, db, g) {
			killed++
		}
		if g%20 == 0 || g == runs {
			checkInvariants(t, dir, db, false)
		}
	}
	if killed < runs/2 {
		t.Errorf("only %d of %d scans were killed before their end", killed, runs)
	}
	if err := crashScan(t.Context(), dir, db, runs+1, func() {}); err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, dir, db, true)
}

// killOnce starts a scan in a process of its own and kills it after a random
// time. It reports whether the process was still running.
func killOnce(t *testing.T, dir, db string, generation int) bool {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "RETINUE_CRASH_CHILD=1", "RETINUE_CRASH_DIR="+dir, "RETINUE_CRASH_DB="+db, "RETINUE_CRASH_GENERATION="+strconv.Itoa(generation))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	// Some die while they open the database, the others while they scan.
	if generation%10 != 0 {
		_, _ = bufio.NewReader(out).ReadString('\n')
	}
	time.Sleep(time.Duration(rand.IntN(60_000)) * time.Microsecond)
	_ = c.Process.Kill()
	return c.Wait() != nil
}

func checkInvariants(t *testing.T, dir, addr string, whole bool) {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), addr, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		n := 0
		for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity, Gone: true}) {
			if err != nil {
				return err
			}
			n++
			if !e.GoneAt.IsZero() {
				t.Errorf("%s was declared gone", e.Name)
			}
		}
		if n != crashScopes*crashInScope {
			t.Errorf("%d identities, want %d", n, crashScopes*crashInScope)
		}
		v, err := evidence.Verify(t.Context(), tx.Records(1))
		if err != nil {
			return err
		}
		if !v.OK() {
			t.Errorf("audit log: %s", v)
		}
		return checkRecorded(t, tx, db, whole)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkRecorded compares what stands in the tables with what the records say.
func checkRecorded(t *testing.T, tx *sqlstore.Tx, db *sqlstore.DB, whole bool) error {
	t.Helper()
	revisions, findings := map[int64]bool{}, 0
	for r, err := range tx.Records(1) {
		if err != nil {
			return err
		}
		switch r.Action {
		case retinue.RecordScopeCompleted, retinue.RecordScopePartial:
			var d struct {
				Revision int64 `json:"revision"`
			}
			if err := json.Unmarshal(r.Details, &d); err != nil {
				return err
			}
			revisions[d.Revision] = true
		case retinue.RecordFindingOpened, retinue.RecordFindingChanged, retinue.RecordFindingResolved, retinue.RecordFindingReopened:
			findings++
		}
	}
	count := func(q string) (n int) {
		if err := db.Handle().QueryRowContext(t.Context(), q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count("SELECT count(*) FROM revisions"); n != len(revisions) {
		t.Errorf("%d revisions, %d records of them", n, len(revisions))
	}
	if n := count("SELECT count(*) FROM finding_versions"); n != findings {
		t.Errorf("%d versions of findings, %d records of them", n, findings)
	}
	if n := count("SELECT count(*) FROM facts WHERE rev_from NOT IN (SELECT rev FROM revisions)"); n != 0 {
		t.Errorf("%d versions of facts belong to no revision", n)
	}
	if n := count("SELECT count(*) FROM (SELECT scope_id, type, ref_hash FROM facts WHERE rev_to IS NULL GROUP BY scope_id, type, ref_hash HAVING count(*) > 1) AS d"); n != 0 {
		t.Errorf("%d facts have two versions in force", n)
	}
	if whole && findings == 0 {
		t.Error("nothing was judged")
	}
	return nil
}
