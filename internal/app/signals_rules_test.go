package app

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/behave"
)

// The rules of signals are listed as all others are, with what they see, and how
// much of what they would see somebody dismissed.
func TestRulesOfSignalsAreListed(t *testing.T) {
	page, err := os.ReadFile("../../docs/usage-behaviour.md")
	if err != nil {
		t.Fatal(err)
	}
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		w.importSeen(strange())
		id := w.signalFinding("signal-first-network")
		err := w.DB.Update(t.Context(), func(tx *sqlstore.Tx) error {
			f, key, err := visibleFinding(tx, id)
			if err != nil {
				return err
			}
			f.State, f.Accepted = retinue.FindingAccepted, &retinue.Acceptance{By: "ada", Reason: "a new office", At: tx.At(), Until: tx.At().Add(24 * time.Hour)}
			if err := tx.SaveFinding(key, f, true); err != nil {
				return err
			}
			return w.decidedSignal(t.Context(), tx, Actor(), f)
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.RuleTexts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, r := range list {
			if r.Signal == "" {
				if r.Dismissed != nil {
					t.Errorf("%s tells of no signal and has dismissals", r.ID)
				}
				continue
			}
			found[r.Signal] = true
			want := 0
			if r.Signal == string(behave.FirstNetwork) {
				want = 1
			}
			if r.Dismissed == nil || *r.Dismissed != want || r.Severity == "" || !strings.HasSuffix(r.When, ".") || r.Where != signalsPage {
				t.Errorf("%+v, want %d dismissed", r, want)
			}
			if !strings.Contains(string(page), "`"+r.Signal+"`") {
				t.Errorf("%s does not tell of %s", signalsPage, r.Signal)
			}
		}
		if len(found) != len(behave.Kinds()) {
			t.Errorf("listed are %v, want all of %v", found, behave.Kinds())
		}
	})
}

// What can administer is watched closer, by what the inventory says of it.
func TestSignalsOfThePrivileged(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		privileged := func(is bool) {
			err := w.DB.Update(t.Context(), func(tx *sqlstore.Tx) error {
				e := w.seenEntity("anna")
				if err := tx.SetLabels(e.InternalKey, sqlstore.Labels{Privileged: is}); err != nil {
					return err
				}
				return tx.MarkSignalsDue(e.InternalKey)
			})
			if err == nil {
				_, err = w.JudgeUsage(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		severity := func() (out retinue.Severity) {
			err := w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
				for f, err := range tx.Findings(store.FindingQuery{}) {
					if err != nil {
						return err
					}
					if f.Rule == "signal-first-action" && f.Name == "anna" {
						out = f.Severity
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		end := day1.Truncate(time.Hour)
		var lines []string
		for at := end.AddDate(0, 0, -32); at.Before(end); at = at.Add(2 * time.Hour) {
			lines = append(lines, seenEvent(at.Format(time.RFC3339), "anna", at, "docs:read", "10.0.0.9", ""))
		}
		w.importSeen(append(lines, seenEvent("new", "anna", end.Add(-6*time.Hour), "docs:archive", "10.0.0.9", "")))
		before := severity()
		privileged(true)
		if before != retinue.SeverityLow || severity() != retinue.SeverityMedium {
			t.Errorf("severity %s, privileged %s: want low and medium", before, severity())
		}
	})
}

// Every rule that is judged by a program has a rule to show.
func TestEverySignalHasARule(t *testing.T) {
	for _, k := range behave.Kinds() {
		r := signalRule(k)
		if r.Title == string(k) || r.When == "" || r.Remediation == "" || r.Over != rules.Kind("use") {
			t.Errorf("%s: %+v", k, r)
		}
	}
}
