package app

import (
	"context"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// ListThings implements api.Identities.
func (a *App) ListThings(ctx context.Context, scope store.RowScope, q store.ListQuery) (p store.ListPage, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		p, err = tx.List(q)
		return err
	})
	return p, err
}
