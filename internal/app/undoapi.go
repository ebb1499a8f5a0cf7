package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Undo implements api.Undoer.
func (a *App) Undo(ctx context.Context, c auth.Caller, token string) (out api.UndoResult, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		u, err := tx.TakeUndo(token, undoCaller(c))
		if err != nil {
			return err
		}
		switch u.Kind {
		case "findings":
			out, err = a.undoFindings(ctx, tx, c, u)
		case undoRegistrations:
			out, err = takeBackAssignment(tx, c, u)
		default:
			err = fmt.Errorf("%w: take back an action of kind %q", retinue.ErrUnsupported, u.Kind)
		}
		return err
	})
	return out, err
}

// undoFindings gives findings back the state that they had before a decision,
// where nobody has changed them since and the caller may still triage them.
func (a *App) undoFindings(ctx context.Context, tx *sqlstore.Tx, c auth.Caller, u store.Undo) (out api.UndoResult, err error) {
	var body undoneFindings
	if err := json.Unmarshal(u.Body, &body); err != nil {
		return out, fmt.Errorf("undo: %w", err)
	}
	if body.Family != "" {
		if err := tx.WithdrawAcceptance(body.Family); err != nil {
			return out, err
		}
	}
	for _, b := range body.Before {
		row, err := triageable(tx, c, b.ID)
		switch {
		case errors.Is(err, retinue.ErrNotFound), err == nil && (row.State != b.After || row.Assignee != b.AfterAssignee):
			out.Kept++
			continue
		case err != nil:
			return out, err
		}
		if b.State != b.After || row.Accepted != nil || b.Accepted != nil {
			if err := a.setFinding(ctx, tx, c.Actor, row.Finding, b.State, b.Accepted); err != nil {
				return out, err
			}
		}
		if err := tx.AssignFinding(b.ID, b.Assignee); err != nil {
			return out, err
		}
		out.Restored++
		tx.Record(c.Actor, retinue.RecordFindingChanged, string(b.ID), map[string]any{"state": b.State, "undone": true})
	}
	tx.Record(c.Actor, retinue.RecordUndone, u.Kind, out)
	return out, nil
}

// triageable returns a finding that the caller may decide about.
func triageable(tx *sqlstore.Tx, c auth.Caller, id retinue.FindingID) (row store.FindingRow, err error) {
	err = tx.Within(c.Scope(auth.PermFindingsTriage), func() error {
		p, err := tx.ListFindings(store.FindingList{Filter: oneFinding(id), Limit: 1, Count: store.CountNone})
		if err == nil && len(p.Items) == 0 {
			err = fmt.Errorf("%w: finding %s", retinue.ErrNotFound, id)
		}
		if err == nil {
			row = p.Items[0]
		}
		return err
	})
	return row, err
}
