package app

import (
	"context"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// ListThings implements api.Identities.
func (a *App) ListThings(ctx context.Context, scope store.RowScope, q store.ListQuery) (p store.ListPage, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		// Until the store pages by itself: the first page.
		for e, err := range tx.Entities(store.EntityQuery{Type: q.Type, Text: q.Filter.Text, Limit: q.Limit, AsOf: q.AsOf}) {
			if err != nil {
				return err
			}
			p.Items = append(p.Items, store.ListRow{Entity: e})
		}
		p.Total = int64(len(p.Items))
		return nil
	})
	return p, err
}
