package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// signingPlace is where the key stands sealed under which a collector signs.
func signingPlace(id store.CollectorID) seal.Place {
	return seal.Place{Table: "collectors", Row: string(id), Column: "signing"}
}

// SetSigningKey implements api.EventReceiver.
func (a *App) SetSigningKey(ctx context.Context, c auth.Caller, id store.CollectorID) (out api.NewSigningKey, err error) {
	sealer, err := a.fleet.sealing()
	if err != nil {
		return out, err
	}
	key := auth.NewSecret()
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		col, err := workingCollector(tx, id)
		if err != nil {
			return err
		}
		sealed, err := sealer.Seal(ctx, []byte(key), signingPlace(col.ID))
		if err != nil {
			return fmt.Errorf("seal signing key: %w", err)
		}
		tx.Record(c.Actor, retinue.RecordCollectorChanged, col.Name, map[string]any{"collector": col.ID, "signing_key": "set"})
		return tx.SetSigningKey(col.Key, sealed)
	})
	if err != nil {
		return out, err
	}
	return api.NewSigningKey{Path: api.Base + "/hooks/events/" + string(id), Key: key}, nil
}

// RemoveSigningKey implements api.EventReceiver.
func (a *App) RemoveSigningKey(ctx context.Context, c auth.Caller, id store.CollectorID) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		col, err := tx.Collector(id)
		if err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordCollectorChanged, col.Name, map[string]any{"collector": col.ID, "signing_key": "removed"})
		return tx.SetSigningKey(col.Key, nil)
	})
}

// ReceiveSigned implements api.EventReceiver.
func (a *App) ReceiveSigned(ctx context.Context, id store.CollectorID, signature string, p api.EventPush) (out api.Received, err error) {
	col, key, err := a.signer(ctx, id)
	if err != nil {
		return out, err
	}
	if key == "" {
		return out, errHook
	}
	return a.receive(ctx, col, p, func(body []byte) error {
		_, err := verifyOwn(key, api.HookDelivery{Signature: signature, Body: body}, a.DB.Now())
		return err
	})
}

// signer returns a collector and the key under which it signs; an empty key where
// there is none.
func (a *App) signer(ctx context.Context, id store.CollectorID) (col store.Collector, key string, err error) {
	var sealed []byte
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if col, err = tx.Collector(id); err != nil {
			return err
		}
		sealed, err = tx.SigningKey(col.Key)
		return err
	})
	if errors.Is(err, retinue.ErrNotFound) || err == nil && (len(sealed) == 0 || !col.RevokedAt.IsZero()) {
		return col, "", nil
	}
	if err != nil {
		return col, "", err
	}
	sealer, err := a.fleet.sealing()
	if err != nil {
		return col, "", err
	}
	plain, err := sealer.Open(ctx, sealed, signingPlace(col.ID))
	return col, string(plain), err
}
