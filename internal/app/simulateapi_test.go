package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// used is an installation with one service account of which a log shows uses by
// a workload and by a person.
func used(t *testing.T) (*app.App, retinue.EntityID) {
	t.Helper()
	dir := t.TempDir()
	a, err := app.Open(t.Context(), app.Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	facts := write("facts.json", `{"kind":"List","apiVersion":"v1","items":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system","uid":"u-1"}},`+
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"pay","uid":"u-2"}},{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"runner","namespace":"pay","uid":"u-3"}}]}`)
	runs, err := a.Scan(t.Context(), []app.SourceConfig{{Name: "k", Kind: "kubernetes", Target: facts}}, app.ScanOptions{})
	if err != nil || runs[0].Error != "" {
		t.Fatal(err, runs)
	}
	var id retinue.EntityID
	var ref retinue.Ref
	err = a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity}) {
			if err != nil {
				return err
			}
			if e.Name == "runner" {
				id, ref = e.ID, e.Ref()
			}
		}
		return nil
	})
	if err != nil || id == "" {
		t.Fatal("no identity: ", err)
	}
	var lines strings.Builder
	for i, by := range []string{`"origin":{"workload":{"realm":"` + string(ref.Realm) + `","kind":"pod","key":"pay/batch"}}`, `"origin":{"address":"192.0.2.7","agent":"kubectl/1.30"},"person":true`} {
		identity, _ := json.Marshal(ref)
		for n := range 3 {
			fmt.Fprintf(&lines, `{"log":"test","id":"%d-%d","at":%q,"realm":%q,"class":"management","identity":%s,"operation":"list pods","action":"list","outcome":"success",%s}`+"\n",
				i, n, time.Now().Add(-time.Duration(24*(n+1))*time.Hour).UTC().Format(time.RFC3339), ref.Realm, identity, by)
		}
	}
	reads, err := a.ImportActivity(t.Context(), []app.SourceConfig{{Name: "log", Kind: "ndjson", Target: write("log.ndjson", lines.String())}}, app.ActivityOptions{})
	if err != nil || reads[0].New != 6 {
		t.Fatalf("%v, read %+v", err, reads)
	}
	return a, id
}

func TestSimulationOfAServer(t *testing.T) {
	a, id := used(t)
	s, err := a.SimulateChange(t.Context(), store.Everything(), app.SimulationQuestion{ID: id, Change: app.ChangeDisable, Lines: 1})
	if err != nil {
		t.Fatal(err)
	}
	if s.Counts[replay.Refused] != 6 || len(s.RefusedBy) != 2 || len(s.Lines) != 1 || s.LinesLeft != 1 {
		t.Errorf("simulation %+v", s)
	}
	for _, by := range s.RefusedBy {
		if masked := strings.HasPrefix(by.Name, "person "); masked != by.Person || by.Person && strings.Contains(by.Name, "192.0.2") {
			t.Errorf("a consumer is called %q, person %v", by.Name, by.Person)
		}
	}
	if _, err := a.SimulateChange(t.Context(), store.RowScope{}, app.SimulationQuestion{ID: id, Change: app.ChangeDisable}); err == nil {
		t.Error("whoever sees nothing is answered")
	}
	if _, err := a.SimulateChange(t.Context(), store.Everything(), app.SimulationQuestion{Change: app.ChangeDisable}); err == nil {
		t.Error("a question about nothing is answered")
	}
}

// TestSimulationEndsInTime: what there is no time for is told, and a caller who
// goes away ends it.
func TestSimulationEndsInTime(t *testing.T) {
	a, id := used(t)
	ctx, done := context.WithCancel(t.Context())
	done()
	if _, err := a.Simulate(ctx, store.Everything(), app.SimulationQuestion{ID: id, Change: app.ChangeDisable}); err == nil {
		t.Error("it went on after its caller had gone")
	}
}
