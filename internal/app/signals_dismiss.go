package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/web/api"
)

// dismissalTime is for how long a signal is dismissed by whom who does not say
// until when.
const dismissalTime = 365 * 24 * time.Hour

// silences are what dismissals silence.
func silences(list []store.Dismissal) ([]behave.Dismissal, error) {
	out := make([]behave.Dismissal, len(list))
	for i, d := range list {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, fmt.Errorf("read dismissal %s: %w", d.ID, err)
		}
	}
	return out, nil
}

// decidedSignal follows a decision about a finding. One about a signal that
// accepts it dismisses what is like it; any other takes that back.
func (a *App) decidedSignal(ctx context.Context, tx *sqlstore.Tx, by retinue.Actor, f retinue.Finding) error {
	if !isSignalRule(f.Rule) {
		return nil
	}
	row, err := tx.Signal(f.ID)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil // it was forgotten: there is nothing to be like
	}
	if err != nil {
		return err
	}
	moved, err := revokeDismissals(tx, by, f.ID)
	if err != nil {
		return err
	}
	if f.State == retinue.FindingAccepted && f.Accepted != nil {
		if err := dismissSignal(tx, by, row, *f.Accepted); err != nil {
			return err
		}
		moved = true
	}
	if !moved {
		return nil
	}
	if err := tx.MarkKindForSignals(row.Kind, tx.At().AddDate(0, 0, -signalDays).UnixMicro()); err != nil {
		return err
	}
	return a.lookForSignals(ctx, tx)
}

// dismissSignal silences what is like a signal.
func dismissSignal(tx *sqlstore.Tx, by retinue.Actor, row store.Signal, acc retinue.Acceptance) error {
	var kept keptSignal
	if err := json.Unmarshal(row.Body, &kept); err != nil {
		return fmt.Errorf("read signal: %w", err)
	}
	body, err := json.Marshal(behave.Learn(kept.Signal))
	if err != nil {
		return err
	}
	d, err := tx.AddDismissal(store.Dismissal{Entity: row.Entity, Finding: row.Finding, Kind: row.Kind, By: acc.By, Reason: acc.Reason, Until: acc.Until, Body: body})
	if err != nil {
		return err
	}
	tx.Record(by, retinue.RecordSignalDismissed, string(d.ID), map[string]any{"finding": row.Finding, "kind": row.Kind, "reason": acc.Reason, "until": acc.Until})
	return nil
}

// revokeDismissals takes back what was dismissed by a finding, and reports
// whether something was.
func revokeDismissals(tx *sqlstore.Tx, by retinue.Actor, finding retinue.FindingID) (bool, error) {
	all, err := tx.DismissalsInForce(tx.At())
	if err != nil {
		return false, err
	}
	did := false
	for _, d := range all {
		if d.Finding != finding {
			continue
		}
		if err := tx.RevokeDismissal(d.ID, by.Name); err != nil {
			return did, err
		}
		tx.Record(by, retinue.RecordDismissalRevoked, string(d.ID), map[string]any{"finding": finding, "kind": d.Kind})
		did = true
	}
	return did, nil
}

// RevokeDismissal implements api.Signals. The finding is open again.
func (a *App) RevokeDismissal(ctx context.Context, c auth.Caller, id retinue.DismissalID) error {
	return a.revokeDismissal(ctx, c.Actor, c.Scope(auth.PermFindingsTriage), id)
}

// Revoke takes a dismissal back for who may do everything.
func (a *App) Revoke(ctx context.Context, by retinue.Actor, id retinue.DismissalID) error {
	return a.revokeDismissal(ctx, by, store.Everything(), id)
}

func (a *App) revokeDismissal(ctx context.Context, by retinue.Actor, scope store.RowScope, id retinue.DismissalID) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var list []store.ListedDismissal
		err := tx.Within(scope, func() (err error) {
			list, err = tx.Dismissals(id, 1)
			return err
		})
		if err != nil {
			return err
		}
		if id == "" || len(list) == 0 {
			return fmt.Errorf("%w: dismissal %.64q", retinue.ErrNotFound, string(id))
		}
		d := list[0]
		if !d.InForce(tx.At()) {
			return fmt.Errorf("%w: dismissal %s is not in force any more", retinue.ErrConflict, id)
		}
		f, key, err := visibleFinding(tx, d.Finding)
		if err != nil {
			return err
		}
		f.State, f.Accepted = retinue.FindingOpen, nil
		if err := tx.SaveFinding(key, f, true); err != nil {
			return err
		}
		tx.Record(by, retinue.RecordFindingChanged, string(f.ID), map[string]any{"state": f.State, "dismissal": id})
		return a.decidedSignal(ctx, tx, by, f)
	})
}

// Dismissals implements api.Signals.
func (a *App) Dismissals(ctx context.Context, scope store.RowScope, limit int) ([]api.SignalDismissal, error) {
	out := []api.SignalDismissal{}
	err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		list, err := tx.Dismissals("", limit)
		for _, d := range list {
			var b behave.Dismissal
			if err := json.Unmarshal(d.Body, &b); err != nil {
				return err
			}
			out = append(out, api.SignalDismissal{ID: d.ID, Of: api.SignalOf{ID: d.Subject, Type: d.Type, Name: d.Name}, Finding: d.Finding, Kind: behave.Kind(d.Kind),
				Silences: silencesWords(b), By: accountName(tx, d.By), Reason: d.Reason, At: d.At, Until: d.Until, RevokedAt: d.RevokedAt, RevokedBy: accountName(tx, d.RevokedBy), InForce: d.InForce(tx.At())})
		}
		return err
	})
	return out, err
}

// silencesWords says what a dismissal silences. Networks and consumers, which may
// be people's, are not named: its finding tells of them.
func silencesWords(d behave.Dismissal) string {
	parts := []string{strings.ReplaceAll(string(d.Kind), "_", " ")}
	if d.Action != "" {
		parts = append(parts, "of "+d.Action)
	}
	if d.Network != "" || d.Consumer != "" {
		parts = append(parts, "from the same place")
	}
	if d.Agent != "" {
		parts = append(parts, "with "+d.Agent)
	}
	if d.What != "" {
		parts = append(parts, "that time alone")
	}
	return strings.Join(parts, " ")
}
