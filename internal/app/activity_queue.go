package app

import (
	"context"
	"sync"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// From so many events, batches or bytes on a reader waits for what it read to be
// counted: one transaction counts what came while the one before was written, so
// that small files share one.
const (
	maxQueuedEvents  = 12_288
	maxQueuedBatches = 512
	maxQueuedBytes   = 6 << 20
)

// countQueue counts batches behind the reading of them, in the order in which
// they were put. It is safe for concurrent use.
type countQueue struct {
	ctx context.Context // of the run: a reader's own may end before what it gave is counted
	db  *sqlstore.DB

	mu      sync.Mutex
	changed sync.Cond
	waiting []store.UsageBatch
	events  int // of those that wait
	bytes   int
	busy    bool
	counted store.UsageCounted
	err     error
}

func newCountQueue(ctx context.Context, db *sqlstore.DB) *countQueue {
	q := &countQueue{ctx: ctx, db: db}
	q.changed.L = &q.mu
	return q
}

// put takes batches that are counted soon, in one transaction. It waits while
// too many do. An error is that of any that were put before; nothing is counted
// after it.
func (q *countQueue) put(batches []store.UsageBatch) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.err == nil && (q.events >= maxQueuedEvents || q.bytes >= maxQueuedBytes || len(q.waiting) >= maxQueuedBatches) {
		q.changed.Wait()
	}
	if q.err != nil {
		return q.err
	}
	q.waiting = append(q.waiting, batches...)
	for i := range batches {
		q.events += len(batches[i].Events)
		q.bytes += sizeOf(&batches[i])
	}
	if !q.busy {
		q.busy = true
		go q.count()
	}
	return nil
}

// count counts what waits until nothing does.
func (q *countQueue) count() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 && q.err == nil {
		batches := q.waiting
		q.waiting, q.events, q.bytes = nil, 0, 0
		q.changed.Broadcast()
		q.mu.Unlock()
		got, err := q.db.CountUsage(q.ctx, batches...)
		q.mu.Lock()
		q.err = err
		q.counted.New += got.New
		q.counted.Repeated += got.Repeated
		q.counted.LateUnverified += got.LateUnverified
		q.counted.Hours += got.Hours
	}
	q.busy = false
	q.changed.Broadcast()
}

// wait waits until everything that was put is counted, and says what came of it.
func (q *countQueue) wait() (store.UsageCounted, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.busy {
		q.changed.Wait()
	}
	return q.counted, q.err
}

// sizeOf is about how much memory a batch takes.
func sizeOf(b *store.UsageBatch) int {
	n := 32 * len(b.Events)
	for i := range b.Behaviours {
		x := &b.Behaviours[i]
		n += 512 + len(x.More) + len(x.Operation) + len(x.Context) + len(x.Consumer.Name)
		for _, r := range x.Refs() {
			n += len(r.Key)
		}
	}
	for i := range b.Touches {
		n += 64 + len(b.Touches[i].Target.Key)
	}
	for i := range b.Records {
		e := &b.Records[i].Event
		n += len(e.ID) + len(e.Resource.Key) + len(e.Origin.Agent) + 64*len(e.Context)
	}
	for i := range b.Unknown {
		n += len(b.Unknown[i].Sealed)
	}
	return n
}
