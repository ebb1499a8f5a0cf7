package app

import (
	"context"

	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ListRecords implements api.Records.
func (a *App) ListRecords(ctx context.Context, q store.RecordQuery) (p store.RecordPage, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		p, err = tx.ListRecords(q)
		return err
	})
	return p, err
}

// VerifyRecords implements api.Records.
func (a *App) VerifyRecords(ctx context.Context) (out api.Verification, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		v, err := evidence.Verify(ctx, tx.Records(1))
		out = api.Verification{OK: v.OK(), Summary: v.String(), At: tx.At()}
		return err
	})
	return out, err
}
