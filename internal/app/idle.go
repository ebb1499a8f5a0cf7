package app

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
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
	if c := a.Config.Idle; c.Days != 0 || len(c.ByKind) > 0 {
		return store.IdleAfter{Days: c.Days, ByKind: c.ByKind}, nil
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
