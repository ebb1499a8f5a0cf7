package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/demo"
	"github.com/retinue-id/retinue/internal/store"
)

func TestMakeDemo(t *testing.T) {
	cfg, err := app.DemoConfig(filepath.Join(t.TempDir(), "demo.db"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	made, err := app.MakeDemo(t.Context(), cfg, app.Options{}, app.DemoOptions{})
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	if made, err = app.MakeDemo(t.Context(), cfg, app.Options{}, app.DemoOptions{}); err != nil || made {
		t.Errorf("made it again: %v, %v", made, err)
	}
	a, err := app.Open(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if is, err := a.IsDemo(t.Context()); err != nil || !is {
		t.Errorf("it is not marked: %v, %v", is, err)
	}
	err = a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		totals, err := tx.Totals()
		if err != nil {
			return err
		}
		if totals.NonHuman < 300 || totals.NonHuman > 3000 || totals.Credentials < 200 {
			t.Errorf("totals %+v", totals)
		}
		severities := map[retinue.Severity]int{}
		for f, err := range tx.Findings(store.FindingQuery{}) {
			if err != nil {
				return err
			}
			severities[f.Severity]++
		}
		for _, s := range retinue.Severities() {
			if severities[s] == 0 {
				t.Errorf("no finding of severity %s: %v", s, severities)
			}
		}
		days, err := tx.Population(a.DB.Now().AddDate(0, 0, -demo.Days), a.DB.Now())
		if err != nil {
			return err
		}
		counted, missed := map[string]bool{}, map[string]bool{}
		for _, d := range days {
			if d.Missed {
				missed[d.Day] = true
			} else if counted[d.Day] = true; d.Totals.Measures == nil {
				t.Errorf("%s has no measures", d.Day)
			}
		}
		if len(counted) < demo.Days-5 || len(missed) != 3 {
			t.Errorf("%d days counted, %d missed", len(counted), len(missed))
		}
		changes, err := tx.Changes(a.DB.Now().AddDate(0, 0, -60), a.DB.Now())
		if len(changes) < 50 {
			t.Errorf("%d changes in 60 days", len(changes))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if text, ok, err := a.VerifyAudit(t.Context(), "", ""); err != nil || !ok {
		t.Errorf("audit log: %s %v", text, err)
	}
}

func TestDemoRefusesAnotherDatabase(t *testing.T) {
	dir := t.TempDir()
	cfg := app.Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	a, err := app.Open(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(cfg.Database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.MakeDemo(t.Context(), cfg, app.Options{}, app.DemoOptions{}); !errors.Is(err, retinue.ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
	after, err := os.ReadFile(cfg.Database)
	if err != nil || string(before) != string(after) {
		t.Errorf("the other database was changed (%v)", err)
	}
}
