package rules

import (
	"context"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
)

// Store is what a Judge needs of the inventory. All calls of one Judge.Run come
// from one goroutine, in the order Touched (with Findings and Save between its
// subjects), then Ended.
type Store interface {
	// Touched calls fn for every subject that the scan touched: what changed,
	// and what is attached to something that changed. It stops at fn's first
	// error and returns it. The subject is fn's until it returns.
	Touched(ctx context.Context, fn func(*Subject) error) error
	// Findings returns every finding of a subject that was ever kept, resolved
	// ones included.
	Findings(ctx context.Context, s *Subject) ([]retinue.Finding, error)
	// Save keeps changes, each by the finding's fingerprint.
	Save(ctx context.Context, changes []Change) error
	// Ended calls fn for every subject that no longer exists and still has
	// findings that are not resolved, with them and the reason in words.
	Ended(ctx context.Context, fn func(findings []retinue.Finding, reason string) error) error
}

// Change is a finding to be kept and what happened to it. With TransitionNone
// the finding is kept as it is now, and no version of it is worth making.
type Change struct {
	Finding    retinue.Finding
	Transition Transition
	// Reason says why it was resolved.
	Reason string
}

// Report counts what a Judge did.
type Report struct {
	Subjects int `json:"subjects"`
	// Opened to Unchanged count findings by transition; Suppressed how many of
	// those that hold are suppressed noise.
	Opened     int `json:"opened"`
	Reopened   int `json:"reopened"` // acceptances that ended included
	Changed    int `json:"changed"`
	Resolved   int `json:"resolved"`
	Unchanged  int `json:"unchanged"`
	Suppressed int `json:"suppressed"`
	// Errors are rules that could not be evaluated, the first MaxReportErrors
	// in full; ErrorCount counts them all.
	Errors     []string `json:"errors,omitempty"`
	ErrorCount int      `json:"errorCount,omitempty"`
}

// MaxReportErrors bounds Report.Errors.
const MaxReportErrors = 50

// Judge runs a set of rules over what a scan touched. It holds one subject at
// a time.
type Judge struct {
	Set *Set
	Now func() time.Time
}

// Run judges every touched subject and resolves the findings of ended ones. A
// rule that could not be evaluated leaves its finding of that subject as it
// was and is reported; only the store's and the context's errors stop the run.
func (j Judge) Run(ctx context.Context, store Store) (Report, error) {
	var r Report
	now := j.Now().UTC()
	err := store.Touched(ctx, func(s *Subject) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.Subjects++
		if s.Now.IsZero() {
			s.Now = now
		}
		previous, err := store.Findings(ctx, s)
		if err != nil {
			return fmt.Errorf("read findings of %s: %w", s.Ref, err)
		}
		hits, problems := j.Set.Evaluate(ctx, s)
		r.addErrors(problems)
		changes := reconcile(previous, hits, failed(problems), now)
		r.count(changes)
		if len(changes) == 0 {
			return nil
		}
		return store.Save(ctx, changes)
	})
	if err != nil {
		return r, fmt.Errorf("judge subjects: %w", err)
	}
	err = store.Ended(ctx, func(findings []retinue.Finding, reason string) error {
		var changes []Change
		for i := range findings {
			f, t := Next(&findings[i], nil, now)
			if t == TransitionResolved {
				changes = append(changes, Change{Finding: *f, Transition: t, Reason: reason})
			}
		}
		r.count(changes)
		if len(changes) == 0 {
			return nil
		}
		return store.Save(ctx, changes)
	})
	if err != nil {
		return r, fmt.Errorf("resolve findings of ended subjects: %w", err)
	}
	return r, ctx.Err()
}

// reconcile matches hits with the findings of before. Findings of rules in
// unknown stay as they are.
func reconcile(previous []retinue.Finding, hits []Hit, unknown map[string]bool, now time.Time) []Change {
	before := make(map[string]*retinue.Finding, len(previous))
	for i := range previous {
		before[previous[i].Fingerprint] = &previous[i]
	}
	var changes []Change
	for i := range hits {
		old := before[hits[i].Finding.Fingerprint]
		delete(before, hits[i].Finding.Fingerprint)
		f, t := Next(old, &hits[i], now)
		changes = append(changes, Change{Finding: *f, Transition: t})
	}
	for i := range previous {
		old, left := before[previous[i].Fingerprint]
		if !left || unknown[old.Rule] {
			continue
		}
		delete(before, old.Fingerprint)
		if f, t := Next(old, nil, now); t == TransitionResolved {
			changes = append(changes, Change{Finding: *f, Transition: t, Reason: "its condition no longer holds"})
		}
	}
	return changes
}

func (r *Report) count(changes []Change) {
	for i := range changes {
		c := &changes[i]
		switch c.Transition {
		case TransitionOpened:
			r.Opened++
		case TransitionReopened, TransitionExpired:
			r.Reopened++
		case TransitionChanged:
			r.Changed++
		case TransitionResolved:
			r.Resolved++
			continue
		default:
			r.Unchanged++
		}
		if c.Finding.Suppressed != "" {
			r.Suppressed++
		}
	}
}

func (r *Report) addErrors(problems []EvalError) {
	for _, p := range problems {
		r.ErrorCount++
		if len(r.Errors) < MaxReportErrors {
			r.Errors = append(r.Errors, p.Error())
		}
	}
}

func failed(problems []EvalError) map[string]bool {
	if len(problems) == 0 {
		return nil
	}
	m := make(map[string]bool, len(problems))
	for _, p := range problems {
		m[p.Rule] = true
	}
	return m
}
