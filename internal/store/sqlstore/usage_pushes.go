package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/retinue-id/retinue/internal/store"
)

// ForgetPushes forgets batches that were pushed with an id of their own before a
// time. One that is sent again later is told by its events
// alone. It returns how many it forgot.
func (db *DB) ForgetPushes(ctx context.Context, before time.Time) (int64, error) {
	var gone int64
	err := db.Update(ctx, func(tx *Tx) error {
		res, err := tx.execResult("DELETE FROM usage_inputs WHERE updated_at < $1 AND cursor = $2", before.UnixMicro(), store.PushCursor)
		if err != nil {
			return fmt.Errorf("forget pushes: %w", err)
		}
		gone, err = res.RowsAffected()
		return err
	})
	return gone, err
}
