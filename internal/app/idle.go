package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The names under which the threshold of idleness is kept: the second is how
// it was kept before kinds could have their own.
const (
	metaIdle     = "idle"
	metaIdleDays = "notices.idle"
)

// idleAfter returns after how long without a sight of use something is idle:
// what the configuration file says, else what was set, else the default.
func (a *App) idleAfter(tx *sqlstore.Tx) (store.IdleAfter, error) {
	if a.idleInFile() {
		return store.IdleAfter{Days: a.Config.Idle.Days, ByKind: a.Config.Idle.ByKind}, nil
	}
	var out store.IdleAfter
	text, err := tx.Meta(metaIdle)
	if err != nil {
		return out, err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			return out, fmt.Errorf("read idle threshold: %w", err)
		}
		return out, nil
	}
	if text, err = tx.Meta(metaIdleDays); err != nil || text == "" {
		return out, err
	}
	if _, err := fmt.Sscanf(text, "%d", &out.Days); err != nil {
		return store.IdleAfter{}, nil //nolint:nilerr // the default stands
	}
	return out, nil
}

// maxIdleDays bounds the threshold: ten years.
const maxIdleDays = 3650

// checkIdle reports thresholds that say nothing: ErrInvalid.
func checkIdle(i store.IdleAfter) error {
	if i.Days < 0 || i.Days > maxIdleDays {
		return fmt.Errorf("%w: days %d: want 1 to %d", retinue.ErrInvalid, i.Days, maxIdleDays)
	}
	for _, kind := range i.Kinds() {
		if !slices.Contains(retinue.IdentityKinds(), retinue.IdentityKind(kind)) {
			return fmt.Errorf("%w: byKind: %q is no kind of identity: want one of %v", retinue.ErrInvalid, kind, retinue.IdentityKinds())
		}
		if n := i.ByKind[kind]; n < 1 || n > maxIdleDays {
			return fmt.Errorf("%w: byKind: %s: %d days: want 1 to %d", retinue.ErrInvalid, kind, n, maxIdleDays)
		}
	}
	return nil
}

// idleInFile reports whether the configuration file says the threshold.
func (a *App) idleInFile() bool { return a.Config.Idle.Days != 0 || len(a.Config.Idle.ByKind) > 0 }

// IdleThreshold implements api.IdleThresholds.
func (a *App) IdleThreshold(ctx context.Context) (out api.IdleThreshold, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out, err = a.idleThreshold(tx)
		return err
	})
	return out, err
}

func (a *App) idleThreshold(tx *sqlstore.Tx) (api.IdleThreshold, error) {
	set, err := a.idleAfter(tx)
	out := api.IdleThreshold{Days: set.Of(""), ByKind: set.ByKind, Default: store.DefaultIdleDays, InFile: a.idleInFile()}
	if out.ByKind == nil {
		out.ByKind = map[string]int{}
	}
	for _, k := range retinue.IdentityKinds() {
		out.Kinds = append(out.Kinds, string(k))
	}
	return out, err
}

// PreviewIdle implements api.IdleThresholds.
func (a *App) PreviewIdle(ctx context.Context, scope store.RowScope, in api.IdleInput) (out store.IdleChange, err error) {
	then, err := idleOf(in)
	if err != nil {
		return out, err
	}
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		is, err := a.idleAfter(tx)
		if err != nil {
			return err
		}
		out, err = tx.IdleChange(is, then)
		return err
	})
	return out, err
}

func idleOf(in api.IdleInput) (store.IdleAfter, error) {
	i := store.IdleAfter{Days: in.Days, ByKind: in.ByKind}
	if err := checkIdle(i); err != nil {
		return i, badField("body.byKind", err.Error())
	}
	return i, nil
}

// SetIdle implements api.IdleThresholds.
func (a *App) SetIdle(ctx context.Context, c auth.Caller, in api.IdleInput, match func(any) error) (out api.IdleThreshold, err error) {
	next, err := idleOf(in)
	if err != nil {
		return out, err
	}
	if a.idleInFile() {
		return out, fmt.Errorf("%w: set idle threshold: the configuration file sets it", retinue.ErrConflict)
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		now, err := a.idleThreshold(tx)
		if err != nil {
			return err
		}
		if err := match(now); err != nil {
			return err
		}
		if next.Days != now.Days || !maps.Equal(next.ByKind, now.ByKind) {
			if err := setIdle(tx, c.Actor, now, next); err != nil {
				return err
			}
		}
		out, err = a.idleThreshold(tx)
		return err
	})
	return out, err
}

func setIdle(tx *sqlstore.Tx, by retinue.Actor, before api.IdleThreshold, next store.IdleAfter) error {
	body, err := json.Marshal(next)
	if err != nil {
		return err
	}
	change, err := tx.IdleChange(store.IdleAfter{Days: before.Days, ByKind: before.ByKind}, next)
	if err != nil {
		return err
	}
	tx.Record(by, retinue.RecordIdleSet, "idle threshold", map[string]any{"days": next.Days, "byKind": next.ByKind,
		"before": map[string]any{"days": before.Days, "byKind": before.ByKind}, "becoming": change.Becoming, "ceasing": change.Ceasing})
	return tx.SetMeta(metaIdle, string(body))
}
