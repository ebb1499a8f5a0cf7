package app

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestQueueHoldsSoMuch: however large what is read is, and however little of it is
// alike, no more of it waits to be counted than the bound and the batch that went
// over it; and all of it is counted.
func TestQueueHoldsSoMuch(t *testing.T) {
	db, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "r.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	q := newCountQueue(t.Context(), db)
	const batches, each = 40, 400
	most, all := 0, 0
	for n := range batches {
		b := store.UsageBatch{Log: "wide", Input: fmt.Sprint(n)}
		for i := range each {
			name := fmt.Sprintf("%d-%d-%s", n, i, strings.Repeat("x", 250))
			b.Behaviours = append(b.Behaviours, store.Behaviour{Log: "wide", Realm: seenRealm, Class: retinue.EventData, Identity: retinue.NewRef(seenRealm, "account", name),
				Resource: retinue.NewRef(seenRealm, "document", name), Action: "read", Outcome: retinue.OutcomeSuccess})
			b.Events = append(b.Events, store.UsageEvent{Hash: uint64(n*each + i), At: day1.Unix(), Behaviour: int32(i)}) //nolint:gosec // few
		}
		size := sizeOf(&b)
		if size < each*(500+2*250) {
			t.Fatalf("a batch of %d records with two names of 250 letters is said to take %d bytes", each, size)
		}
		if all += size; q.put([]store.UsageBatch{b}) != nil {
			break // told by wait
		}
		q.mu.Lock()
		most = max(most, q.bytes)
		if q.bytes >= maxQueuedBytes+size || q.events >= maxQueuedEvents+each {
			t.Errorf("%d bytes of %d events wait, want less than %d and a batch, %d and a batch", q.bytes, q.events, maxQueuedBytes, maxQueuedEvents)
		}
		q.mu.Unlock()
	}
	got, err := q.wait()
	if err != nil || got.New != batches*each {
		t.Errorf("counted %+v, %v", got, err)
	}
	if all < 2*maxQueuedBytes || most == 0 {
		t.Errorf("%d bytes were put, %d waited at most: that shows nothing", all, most)
	}
}
