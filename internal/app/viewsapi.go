package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// ListViews implements api.Views.
func (a *App) ListViews(ctx context.Context, account store.AccountID, list string) (out []store.SavedView, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out, err = tx.SavedViews(account, list)
		return err
	})
	return out, err
}

// SaveView implements api.Views.
func (a *App) SaveView(ctx context.Context, c auth.Caller, v store.SavedView) (store.SavedView, error) {
	if v.Name != retinue.CleanName(v.Name) {
		return v, badField("body.name", "it holds control characters")
	}
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if v.ID == "" {
			v.ID = store.NewViewID(tx.At())
		} else if err := retinue.CheckID("viw_", string(v.ID)); err != nil {
			return fmt.Errorf("%w: view %.64q", retinue.ErrNotFound, v.ID)
		}
		v.UpdatedAt = tx.At()
		if err := tx.SaveView(v); err != nil {
			return err
		}
		if v.Shared { // what others are shown is on record; what one keeps for oneself is not
			tx.Record(c.Actor, retinue.RecordViewShared, string(v.ID), map[string]any{"list": v.List, "name": v.Name})
		}
		return nil
	})
	return v, err
}

// DeleteView implements api.Views.
func (a *App) DeleteView(ctx context.Context, c auth.Caller, id store.ViewID) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.DeleteView(c.Account, id) })
}

// Preferences implements api.Views.
func (a *App) Preferences(ctx context.Context, account store.AccountID) (out json.RawMessage, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out, err = tx.Preferences(account)
		return err
	})
	return out, err
}

// SetPreferences implements api.Views.
func (a *App) SetPreferences(ctx context.Context, account store.AccountID, body json.RawMessage) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.SetPreferences(account, body) })
}

// visit is what is kept of an account's visits, beside its preferences.
type visit struct {
	// Last is the last sign of it, Start when this visit began, Before when
	// the one before ended.
	Last   time.Time `json:"last"`
	Before time.Time `json:"before"`
}

// visitGap is what tells two visits apart.
const visitGap = 30 * time.Minute

// visitOf is under which name an account's visits are kept.
func visitOf(account store.AccountID) store.AccountID { return account + "/visits" }

func readVisit(tx *sqlstore.Tx, account store.AccountID) (v visit, err error) {
	raw, err := tx.Preferences(visitOf(account))
	if err != nil || raw == nil {
		return v, err
	}
	return v, json.Unmarshal(raw, &v)
}

// MarkVisit implements api.Views.
func (a *App) MarkVisit(ctx context.Context, account store.AccountID) (before time.Time, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		v, err := readVisit(tx, account)
		if err != nil {
			return err
		}
		if tx.At().Sub(v.Last) > visitGap {
			v.Before = v.Last
		}
		v.Last, before = tx.At(), v.Before
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return tx.SetPreferences(visitOf(account), raw)
	})
	return before, err
}
