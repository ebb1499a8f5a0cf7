package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	// What is concluded of use follows the day: here it is always the same one.
	started := time.Now()
	opt := app.Options{Now: func() time.Time {
		return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(time.Since(started))
	}}
	cut, cancel := context.WithCancel(t.Context())
	if _, err := app.MakeDemo(cut, cfg, opt, app.DemoOptions{OnScan: func(_ time.Time, done, _ int) {
		if done == 1 {
			cancel()
		}
	}}); err == nil {
		t.Fatal("it was made although it was stopped")
	}
	made, err := app.MakeDemo(t.Context(), cfg, opt, app.DemoOptions{})
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	if made, err = app.MakeDemo(t.Context(), cfg, opt, app.DemoOptions{}); err != nil || made {
		t.Errorf("made it again: %v, %v", made, err)
	}
	a, err := app.Open(t.Context(), cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if pending, err := a.DemoLogsPending(t.Context()); err != nil || !pending {
		t.Errorf("its logs are read already: %v, %v", pending, err)
	}
	demoLogs(t, a)
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
	demoUse(t, a)
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

// demoLogs has the logs read: cut short, then to the end.
func demoLogs(t *testing.T, a *app.App) {
	t.Helper()
	cut, cancel := context.WithCancel(t.Context())
	if err := a.ReadDemoLogs(cut, func(what string, step, of int) {
		if !strings.Contains(a.DemoStep(), what) || step > of {
			t.Errorf("step %q, %d of %d, shown as %q", what, step, of, a.DemoStep())
		}
		if step == 4 {
			cancel()
		}
	}); err == nil || a.DemoStep() != "" {
		t.Errorf("error %v after it was stopped, step %q", err, a.DemoStep())
	}
	steps := 0
	if err := a.ReadDemoLogs(t.Context(), func(string, int, int) { steps++ }); err != nil || steps < 8 {
		t.Fatalf("%d steps, %v", steps, err)
	}
	if err := a.ReadDemoLogs(t.Context(), func(what string, _, _ int) { t.Errorf("it was done again: %s", what) }); err != nil {
		t.Error(err)
	}
	if _, err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// demoUse checks that the sample company shows what is known of use.
func demoUse(t *testing.T, a *app.App) {
	shares, err := a.VerdictShares(t.Context(), store.Everything())
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int64{}
	for _, s := range shares {
		have[s.Status] += s.N
		have[string(s.Grade)] += s.N
	}
	for _, word := range []string{"active", "idle", "dormant", "never_used", "unknown", "B", "C", "D"} {
		if have[word] == 0 {
			t.Errorf("no verdict %s: %v", word, have)
		}
	}
	demoFindings(t, a)
	consumers, unused, busy := 0, 0, 0
	for line, err := range a.Verdicts(t.Context(), store.Everything(), store.VerdictQuery{Type: retinue.FactIdentity, Grade: retinue.GradeB, NonHuman: true}, 0) {
		if err != nil {
			t.Fatal(err)
		}
		u, err := a.UsageOf(t.Context(), store.Everything(), line.ID)
		if err != nil {
			t.Fatal(err)
		}
		consumers, busy = consumers+len(u.Consumers), busy+len(u.Days)
		if u.UnusedGrants.Known {
			unused += len(u.UnusedGrants.Unused)
		}
	}
	if consumers == 0 || unused == 0 || busy == 0 {
		t.Errorf("%d consumers, %d unused grants, %d days of use", consumers, unused, busy)
	}
	demoEvents(t, a)
	logs, err := a.ActivityLogs(t.Context())
	if err != nil || len(logs.Logs) < 5 || len(logs.Unlisted) == 0 {
		t.Errorf("%d logs, %d in logs only, %v", len(logs.Logs), len(logs.Unlisted), err)
	}
}

// demoEvents checks that events are kept, and open with the keys that are found
// beside the database.
func demoEvents(t *testing.T, a *app.App) {
	t.Helper()
	cfg, err := app.LoadConfig("", func(name string) string {
		return map[string]string{"RETINUE_DATABASE": a.Config.Database, "HOME": t.TempDir()}[name]
	})
	if err != nil || cfg.KeyFile != a.Config.KeyFile || cfg.SigningKeyFile != a.Config.SigningKeyFile {
		t.Errorf("keys %s and %s, %v", cfg.KeyFile, cfg.SigningKeyFile, err)
	}
	events, err := a.UsageEvents(t.Context(), store.Everything(), app.UsageEventQuery{})
	if err != nil || len(events.Items) == 0 || events.Unopened != 0 {
		t.Errorf("%d events, %d do not open, %v", len(events.Items), events.Unopened, err)
	}
}

// demoFindings checks that there is a finding of everything that use tells.
func demoFindings(t *testing.T, a *app.App) {
	t.Helper()
	rules := map[string]int{}
	err := a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for f, err := range tx.Findings(store.FindingQuery{}) {
			if err != nil {
				return err
			}
			rules[f.Rule]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"nhi1-known-to-leaver", "nhi1-silent-identity", "nhi9-credential-used-by-several", "signal-tombstone-use", "signal-human-use", "signal-denied-burst"} {
		if rules[rule] == 0 {
			t.Errorf("no finding of %s: %v", rule, rules)
		}
	}
}
