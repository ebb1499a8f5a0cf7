package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Findings implements rules.Store.
func (w *judgeStore) Findings(_ context.Context, s *rules.Subject) ([]retinue.Finding, error) {
	all, err := w.tx.FindingsOf(w.entity)
	if err != nil {
		return nil, err
	}
	var out []retinue.Finding
	for _, f := range all {
		if isSignalRule(f.Rule) {
			continue // it is kept by what was noticed of use
		}
		if f.Subject == s.Ref || (s.Kind != rules.OverTrust && f.Subject.Kind != string(retinue.FactTrust)) {
			out = append(out, f)
		}
	}
	return out, nil
}

// Save implements rules.Store.
func (w *judgeStore) Save(ctx context.Context, changes []rules.Change) error {
	for _, c := range changes {
		if w.untouched && c.Transition == rules.TransitionNone {
			continue // nothing was read of it that would be news
		}
		w.pending = append(w.pending, pendingSave{w.entity, c})
	}
	if len(w.pending) < judgePage {
		return nil
	}
	return w.flush(ctx)
}

// Ended implements rules.Store.
func (w *judgeStore) Ended(ctx context.Context, fn func([]retinue.Finding, string) error) error {
	for _, o := range w.orphans {
		w.entity = o.entity
		if err := fn([]retinue.Finding{o.finding}, "it is no longer there"); err != nil {
			return err
		}
	}
	return w.tx.EndedWithFindings(func(entity int64) error {
		findings, err := w.tx.FindingsOf(entity)
		if err != nil {
			return err
		}
		w.entity = entity
		if findings, err = w.untried(entity, findings); err != nil || len(findings) == 0 {
			return err
		}
		return fn(findings, "it is gone")
	})
}

// untried leaves out what tells of use: that something is gone does not mean that
// nobody tries it. What was merged into another tells of it anew.
func (w *judgeStore) untried(entity int64, findings []retinue.Finding) ([]retinue.Finding, error) {
	if !slices.ContainsFunc(findings, func(f retinue.Finding) bool { return isSignalRule(f.Rule) }) {
		return findings, nil
	}
	if _, err := w.tx.NoticeSubject(entity); err != nil {
		if errors.Is(err, retinue.ErrNotFound) {
			return findings, nil
		}
		return nil, err
	}
	return slices.DeleteFunc(findings, func(f retinue.Finding) bool { return isSignalRule(f.Rule) }), nil
}

// flush writes what was collected: findings with their transitions on record,
// and labels.
func (w *judgeStore) flush(ctx context.Context) error {
	if time.Since(w.renewed) > judgeLeaseFor/4 {
		// A judge whose right was taken over stops before it writes.
		if err := w.app.DB.RenewLease(ctx, w.lease, judgeLeaseFor); err != nil {
			return err
		}
		w.renewed = time.Now()
	}
	if len(w.pending) == 0 && len(w.labels) == 0 {
		return nil
	}
	err := w.app.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		accepted, err := tx.Acceptances(tx.At())
		if err != nil {
			return err
		}
		for _, p := range w.pending {
			if err := w.save(tx, p, accepted); err != nil {
				return err
			}
		}
		for _, l := range w.labels {
			if err := tx.SetLabels(l.entity, l.labels); err != nil {
				return err
			}
		}
		return nil
	})
	w.pending, w.labels = w.pending[:0], w.labels[:0]
	return err
}

var transitionRecords = map[rules.Transition]retinue.RecordAction{
	rules.TransitionOpened:   retinue.RecordFindingOpened,
	rules.TransitionResolved: retinue.RecordFindingResolved,
	rules.TransitionReopened: retinue.RecordFindingReopened,
	rules.TransitionExpired:  retinue.RecordFindingReopened,
	rules.TransitionChanged:  retinue.RecordFindingChanged,
}

func (w *judgeStore) save(tx *sqlstore.Tx, p pendingSave, accepted map[string]retinue.Acceptance) error {
	f, t := p.change.Finding, p.change.Transition
	if acc, ok := accepted[f.Family]; ok && t == rules.TransitionOpened {
		f.State, f.Accepted = retinue.FindingAccepted, &acc
	}
	if t == rules.TransitionNone || t == rules.TransitionChanged {
		state, acceptance, known, err := tx.Decided(f.Fingerprint)
		if err != nil {
			return err
		}
		if known {
			f.State, f.Accepted = state, acceptance // what a person decided meanwhile stands
		}
	}
	if err := tx.SaveFinding(p.entity, f, t != rules.TransitionNone); err != nil {
		return err
	}
	if action, ok := transitionRecords[t]; ok {
		details := map[string]any{"rule": f.Rule, "severity": f.Severity, "state": f.State, "fingerprint": f.Fingerprint}
		if p.change.Reason != "" {
			details["reason"] = p.change.Reason
		}
		tx.Record(retinue.Actor{Kind: "system", Name: "rules"}, action, string(f.ID), details)
	}
	return nil
}
