package app

import (
	"context"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Where a key belongs is remembered for so long, of so many keys.
const (
	keyHomeFor  = 5 * time.Minute
	maxKeyHomes = 10_000
)

// keyHomes remembers in which systems the inventory has keys. Its zero value is
// ready. It is safe for concurrent use.
type keyHomes struct {
	mu    sync.Mutex
	since time.Time
	of    map[retinue.JoinKey][]retinue.Realm
}

// keyHomes returns what says in which systems the inventory has a key. Where the
// database does not answer nothing is known of it.
func (a *App) keyHomes(ctx context.Context) func(retinue.JoinKey) []retinue.Realm {
	h := &a.homes
	return func(j retinue.JoinKey) []retinue.Realm {
		now := a.now()
		h.mu.Lock()
		if age := now.Sub(h.since); age > keyHomeFor || age < 0 || len(h.of) >= maxKeyHomes {
			h.since, h.of = now, map[retinue.JoinKey][]retinue.Realm{}
		}
		known, ok := h.of[j]
		h.mu.Unlock()
		if ok {
			return known
		}
		err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
			known, err = tx.KeyHomes(j)
			return err
		})
		if err != nil {
			a.log.Warn("where a key belongs could not be looked up", "error", err.Error())
			return nil
		}
		h.mu.Lock()
		h.of[j] = known
		h.mu.Unlock()
		return known
	}
}
