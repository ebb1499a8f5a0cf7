package app

import (
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestWhatWasDecidedMeanwhileStands lets a person acknowledge a finding after
// the judge read it and before it saves what it saw.
func TestWhatWasDecidedMeanwhileStands(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		read := w.finding("a-finding", retinue.SeverityHigh, retinue.FindingOpen)
		decided := read
		decided.State = retinue.FindingAcknowledged
		w.change(func(tx *sqlstore.Tx) error { return tx.SaveFinding(0, decided, true) })
		for _, transition := range []rules.Transition{rules.TransitionNone, rules.TransitionChanged} {
			seen := read
			seen.Message = "it holds, " + string(transition)
			j := &judgeStore{app: w.App}
			w.change(func(tx *sqlstore.Tx) error {
				return j.save(tx, pendingSave{0, rules.Change{Finding: seen, Transition: transition}}, nil)
			})
			w.change(func(tx *sqlstore.Tx) error {
				state, _, known, err := tx.Decided(read.Fingerprint)
				if state != retinue.FindingAcknowledged || !known {
					t.Errorf("after %q: state %q, want that it stays acknowledged", transition, state)
				}
				return err
			})
		}
		ended := read
		ended.State = retinue.FindingResolved
		j := &judgeStore{app: w.App}
		w.change(func(tx *sqlstore.Tx) error {
			return j.save(tx, pendingSave{0, rules.Change{Finding: ended, Transition: rules.TransitionResolved}}, nil)
		})
		w.change(func(tx *sqlstore.Tx) error {
			state, _, _, err := tx.Decided(read.Fingerprint)
			if state != retinue.FindingResolved {
				t.Errorf("after it ended: state %q, want resolved", state)
			}
			return err
		})
	})
}
