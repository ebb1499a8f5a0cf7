package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// maxDecided bounds how many findings one decision sets.
const maxDecided = 5000

// ListFindings implements api.Findings.
func (a *App) ListFindings(ctx context.Context, scope store.RowScope, q store.FindingList) (p store.FindingPage, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		p, err = tx.ListFindings(q)
		return err
	})
	return p, err
}

// ReadFinding implements api.Findings.
func (a *App) ReadFinding(ctx context.Context, scope store.RowScope, id retinue.FindingID, at store.AsOf) (out api.FindingDetail, err error) {
	if err := retinue.CheckID("fnd_", string(id)); err != nil {
		return out, fmt.Errorf("%w: finding %.64q", retinue.ErrNotFound, id)
	}
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		p, err := tx.ListFindings(store.FindingList{Filter: oneFinding(id), Limit: 1, Count: store.CountNone, AsOf: at})
		if err != nil {
			return err
		}
		if len(p.Items) == 0 {
			return fmt.Errorf("%w: finding %s", retinue.ErrNotFound, id)
		}
		out.FindingRow, out.Versions = p.Items[0], []api.FindingVersion{}
		versions, err := tx.PastFindings(id, 100)
		if err != nil {
			return err
		}
		for _, v := range versions {
			out.Versions = append(out.Versions, api.FindingVersion{At: v.At, State: v.Finding.State, Severity: v.Finding.Severity, Accepted: v.Finding.Accepted})
		}
		if out.FamilyCount, err = countFindings(tx, store.FindingFilter{Families: some(out.Family)}); err != nil {
			return err
		}
		out.FixCount, err = countFindings(tx, store.FindingFilter{Fixes: some(out.Fix)})
		return err
	})
	return out, err
}

// oneFinding selects a finding in whatever state it is.
func oneFinding(ids ...retinue.FindingID) store.FindingFilter {
	return store.FindingFilter{IDs: ids, Suppressed: true, States: []string{string(retinue.FindingOpen), string(retinue.FindingAcknowledged),
		string(retinue.FindingAccepted), string(retinue.FindingResolved), string(retinue.FindingReopened)}}
}

func some(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

// countFindings counts findings that are not resolved; none where the filter
// names nothing.
func countFindings(tx *sqlstore.Tx, f store.FindingFilter) (int64, error) {
	if len(f.Families)+len(f.Fixes)+len(f.Rules) == 0 {
		return 1, nil
	}
	p, err := tx.ListFindings(store.FindingList{Filter: f, Limit: 1})
	return p.Total, err
}

// decided is a finding before a decision, for undo.
type decided struct {
	ID       retinue.FindingID    `json:"id"`
	State    retinue.FindingState `json:"state"`
	Accepted *retinue.Acceptance  `json:"accepted,omitempty"`
	Assignee string               `json:"assignee,omitempty"`
	// After is the state that the decision gave: undo leaves alone what
	// somebody changed since.
	After         retinue.FindingState `json:"after"`
	AfterAssignee string               `json:"afterAssignee,omitempty"`
}

// undoneFindings is the body of an undo of kind "findings".
type undoneFindings struct {
	Family string    `json:"family,omitempty"`
	Before []decided `json:"before"`
}

// DecideFindings implements api.Findings.
func (a *App) DecideFindings(ctx context.Context, c auth.Caller, d api.FindingDecision) (out api.DecisionResult, err error) {
	if err := checkDecision(d, a.DB.Now()); err != nil {
		return out, err
	}
	scope := c.Scope(auth.PermFindingsTriage)
	if d.Family != "" && !scope.All {
		return out, fmt.Errorf("%w: decide about the family %s: it holds for findings to come, so it needs the right on everything", retinue.ErrDenied, d.Family)
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		rows, err := selectFindings(tx, scope, d)
		if err != nil {
			return err
		}
		if d, err = decisionOn(d, rows, tx.At()); err != nil {
			return err
		}
		out.Changed = len(rows)
		if d.DryRun {
			return nil
		}
		body := undoneFindings{Family: d.Family}
		if d.Family != "" && d.State == retinue.FindingAccepted {
			if err := tx.Accept(d.Family, acceptance(c.Actor, d, tx.At())); err != nil {
				return err
			}
		} else {
			body.Family = ""
		}
		for _, r := range rows {
			b, err := a.decide(ctx, tx, c.Actor, r, d)
			if err != nil {
				return err
			}
			body.Before = append(body.Before, b)
		}
		out.Undo, out.UndoUntil, err = keepUndo(tx, c, "findings", body)
		return err
	})
	return out, err
}

func checkDecision(d api.FindingDecision, now time.Time) error {
	chosen := 0
	for _, is := range []bool{len(d.IDs) > 0, d.Filter != nil, d.Family != ""} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return badField("body", "give one of ids, filter and family")
	case d.State == "" && d.Assignee == nil:
		return badField("body", "give a state, an assignee, or both")
	case d.State == retinue.FindingAccepted && strings.TrimSpace(d.Reason) == "":
		return badField("body.reason", "to accept a risk, give a reason")
	case d.State == retinue.FindingAccepted && !d.Until.IsZero() && !d.Until.After(now):
		return badField("body.until", untilText)
	case d.Assignee != nil && *d.Assignee != retinue.CleanName(*d.Assignee):
		return badField("body.assignee", "it holds control characters")
	}
	return nil
}

const untilText = "to accept a risk, give a date in the future until which it is accepted"

// decisionOn completes a decision by what it is about: signals are dismissed for a
// year where no other time is given, and they alone can be resolved by hand, as
// what happened does not cease to hold.
func decisionOn(d api.FindingDecision, rows []store.FindingRow, now time.Time) (api.FindingDecision, error) {
	signals := !slices.ContainsFunc(rows, func(r store.FindingRow) bool { return !isSignalRule(r.Rule) })
	switch {
	case d.State == retinue.FindingResolved && !signals:
		return d, badField("body.state", "only findings about signals are resolved by hand; others are resolved by fixing them")
	case d.State == retinue.FindingAccepted && d.Until.IsZero() && !signals:
		return d, badField("body.until", untilText)
	case d.State == retinue.FindingAccepted && d.Until.IsZero():
		d.Until = now.Add(dismissalTime)
	}
	return d, nil
}

func badField(field, text string) error {
	return &retinue.FieldError{Field: field, Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, text)}
}

// selectFindings reads what a decision is about, as the caller sees it.
func selectFindings(tx *sqlstore.Tx, scope store.RowScope, d api.FindingDecision) (out []store.FindingRow, err error) {
	f := oneFinding(d.IDs...)
	switch {
	case d.Filter != nil:
		f = d.Filter.StoreFilter()
	case d.Family != "":
		f = store.FindingFilter{Families: []string{d.Family}, Suppressed: true}
	}
	q := store.FindingList{Filter: f, Sort: store.SortPriority, Desc: true, Limit: store.MaxPage, Count: store.CountNone}
	err = tx.Within(scope, func() error {
		for {
			p, err := tx.ListFindings(q)
			if err != nil {
				return err
			}
			out = append(out, p.Items...)
			if len(out) > maxDecided {
				return badField("body.filter", fmt.Sprintf("it selects more than %d findings: narrow it", maxDecided))
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				return nil
			}
		}
	})
	out = slices.DeleteFunc(out, func(r store.FindingRow) bool { return r.State == retinue.FindingResolved })
	switch {
	case err != nil:
		return nil, err
	case len(out) == 0, len(d.IDs) > 0 && len(out) < len(d.IDs):
		return nil, fmt.Errorf("%w: %d of the findings are not there, are resolved, or are not yours to decide about", retinue.ErrNotFound, max(len(d.IDs)-len(out), 1))
	case d.Filter != nil && d.Expect > 0 && d.Expect != len(out):
		return nil, fmt.Errorf("%w: %d findings match now, not the %d that were shown: look again", retinue.ErrConflict, len(out), d.Expect)
	}
	return out, nil
}

func acceptance(by retinue.Actor, d api.FindingDecision, at time.Time) retinue.Acceptance {
	return retinue.Acceptance{By: by.Name, Reason: d.Reason, Until: d.Until.UTC(), At: at}
}

// decide sets one finding, on record.
func (a *App) decide(ctx context.Context, tx *sqlstore.Tx, by retinue.Actor, r store.FindingRow, d api.FindingDecision) (decided, error) {
	before := decided{ID: r.ID, State: r.State, Accepted: r.Accepted, Assignee: r.Assignee, After: cmp.Or(d.State, r.State), AfterAssignee: r.Assignee}
	var accepted *retinue.Acceptance
	if d.State == retinue.FindingAccepted {
		acc := acceptance(by, d, tx.At())
		accepted = &acc
	}
	details := map[string]any{}
	if d.State != "" {
		details["state"], details["reason"] = d.State, d.Reason
		if accepted != nil {
			details["until"] = accepted.Until
		}
		if err := a.setFinding(ctx, tx, by, r.Finding, d.State, accepted); err != nil {
			return before, err
		}
	}
	var payloads []sqlstore.Payload
	if d.Assignee != nil {
		before.AfterAssignee = *d.Assignee
		if err := tx.AssignFinding(r.ID, *d.Assignee); err != nil {
			return before, err
		}
		p := evidence.Commit("assignee", *d.Assignee)
		details["assignee"] = p.Commitment
		payloads = append(payloads, sqlstore.Payload{Name: "assignee", Salt: p.Salt, Data: p.Value})
	}
	tx.Record(by, retinue.RecordFindingChanged, string(r.ID), details, payloads...)
	return before, nil
}

func (a *App) setFinding(ctx context.Context, tx *sqlstore.Tx, by retinue.Actor, f retinue.Finding, state retinue.FindingState, accepted *retinue.Acceptance) error {
	f.State, f.Accepted, f.ResolvedAt = state, accepted, time.Time{}
	if state == retinue.FindingResolved {
		f.ResolvedAt = tx.At()
	}
	entity, err := tx.FindingEntity(f.ID)
	if err != nil {
		return err
	}
	if err := tx.SaveFinding(entity, f, true); err != nil {
		return err
	}
	return a.decidedSignal(ctx, tx, by, f)
}

// keepUndo keeps what an action replaced and returns the token that takes it
// back.
func keepUndo(tx *sqlstore.Tx, c auth.Caller, kind string, body any) (string, time.Time, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", time.Time{}, err
	}
	u := store.Undo{Token: rand.Text(), Caller: undoCaller(c), Kind: kind, Expires: tx.At().Add(store.UndoTime), Body: b}
	return u.Token, u.Expires, tx.SaveUndo(u)
}

// undoCaller is under which name a caller's undo is kept: the account, so that
// another session of the same person may take it back.
func undoCaller(c auth.Caller) string {
	return cmp.Or(string(c.Account), string(c.Token), string(c.Kind)+":"+c.Actor.Name)
}
