package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// AcquireLease takes the right to write a realm for a time. ErrConflict says
// who has it. Taking over an expired lease, or that of a process that is known
// to be gone, raises the fence, so that updates of the earlier holder are
// refused.
func (db *DB) AcquireLease(ctx context.Context, realm retinue.Realm, holder string, ttl time.Duration) (store.Lease, error) {
	var l store.Lease
	err := db.Update(ctx, func(tx *Tx) error {
		var have string
		var fence, expires int64
		err := tx.queryRow("SELECT holder, fence, expires_at FROM leases WHERE realm = $1", string(realm)).Scan(&have, &fence, &expires)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case have != holder && have != "" && expires > tx.at.UnixMicro() && !db.gone(have):
			return fmt.Errorf("%w: scan %s: another scan holds it until %s (%s)", retinue.ErrConflict, realm,
				observed(expires).Format(time.RFC3339), have)
		}
		l = store.Lease{Realm: realm, Fence: fence + 1}
		return tx.exec(`INSERT INTO leases (realm, holder, fence, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (realm) DO UPDATE SET holder = excluded.holder, fence = excluded.fence, expires_at = excluded.expires_at`,
			string(realm), holder, l.Fence, tx.at.Add(ttl).UnixMicro())
	})
	return l, err
}

// RenewLease extends a lease. ErrConflict says that it was lost.
func (db *DB) RenewLease(ctx context.Context, l store.Lease, ttl time.Duration) error {
	return db.Update(ctx, func(tx *Tx) error {
		if err := tx.checkLease(l); err != nil {
			return err
		}
		return tx.exec("UPDATE leases SET expires_at = $1 WHERE realm = $2", tx.at.Add(ttl).UnixMicro(), string(l.Realm))
	})
}

// ReleaseLease gives a lease back. A lost one is left alone.
func (db *DB) ReleaseLease(ctx context.Context, l store.Lease) error {
	return db.Update(ctx, func(tx *Tx) error {
		return tx.exec("UPDATE leases SET holder = '', expires_at = 0 WHERE realm = $1 AND fence = $2", string(l.Realm), l.Fence)
	})
}

func (tx *Tx) checkLease(l store.Lease) error {
	var fence int64
	err := tx.queryRow("SELECT fence FROM leases WHERE realm = $1", string(l.Realm)).Scan(&fence)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && fence != l.Fence) {
		return fmt.Errorf("%w: write realm %s: the right to write it was taken over by another scan", retinue.ErrConflict, l.Realm)
	}
	return err
}
