package seal

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

// remote is a key service that makes data keys and unwraps them.
type remote interface {
	// current returns the id of the service's key, with its version.
	current(ctx context.Context) (string, error)
	generate(ctx context.Context) (DataKey, error)
	decrypt(ctx context.Context, wrapped []byte) ([]byte, error)
}

// The life of what Remote keeps in memory.
const (
	dataKeyFor   = time.Hour // after which new values get another data key
	dataKeyUses  = 1 << 16
	maxUnwrapped = 4096
)

// Remote are keys that a service holds: the service makes a data key, which
// travels wrapped with the values under it. Data keys are kept in memory for an
// hour, so that the service is asked seldom and a short outage is not felt. It
// implements [Keys].
type Remote struct {
	service remote
	now     func() time.Time

	mu        sync.Mutex
	dataKey   DataKey
	made      time.Time
	uses      int
	unwrapped map[[sha256.Size]byte][]byte
}

func newRemote(s remote, now func() time.Time) *Remote {
	return &Remote{service: s, now: now, unwrapped: map[[sha256.Size]byte][]byte{}}
}

// Current implements Keys.
func (r *Remote) Current(ctx context.Context) (string, error) { return r.service.current(ctx) }

// DataKey implements Keys.
func (r *Remote) DataKey(ctx context.Context) (DataKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.uses > 0 && r.uses < dataKeyUses && r.now().Sub(r.made) < dataKeyFor {
		r.uses++
		return r.dataKey, nil
	}
	k, err := r.service.generate(ctx)
	if err != nil {
		return DataKey{}, err
	}
	r.dataKey, r.made, r.uses = k, r.now(), 1
	r.keep(k.Wrapped, k.Key)
	return k, nil
}

// Unwrap implements Keys.
func (r *Remote) Unwrap(ctx context.Context, _ string, wrapped []byte) ([]byte, error) {
	r.mu.Lock()
	key, ok := r.unwrapped[sha256.Sum256(wrapped)]
	r.mu.Unlock()
	if ok {
		return key, nil
	}
	key, err := r.service.decrypt(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(wrapped, key)
	return key, nil
}

// keep remembers a data key; when there are too many it forgets all.
func (r *Remote) keep(wrapped, key []byte) {
	if len(r.unwrapped) >= maxUnwrapped {
		clear(r.unwrapped)
	}
	r.unwrapped[sha256.Sum256(wrapped)] = key
}
