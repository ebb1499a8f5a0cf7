package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestKnownNamesAreCountedOutOfTurn: a server that starts on a database in which
// all is named that it meets counts while another one writes; what is new to both
// waits for its turn.
func TestKnownNamesAreCountedOutOfTurn(t *testing.T) {
	addr := testkit.Postgres(t).Database(t)
	first, second := open(t, addr), open(t, addr)
	batch := func(hash uint64, name string) store.UsageBatch {
		who, key := retinue.NewRef("test:turn", "account", name), retinue.NewRef("test:turn", "access_key", "k")
		return store.UsageBatch{Log: "turn", Input: "i", Events: []store.UsageEvent{{Hash: hash, At: day(1).Unix()}},
			Touches: []store.UsageTouch{{Kind: retinue.TouchRead, Target: key}},
			Behaviours: []store.Behaviour{{Log: "turn", Realm: "test:turn", Class: retinue.EventData, Identity: who, Credential: key, Action: "read", Outcome: retinue.OutcomeSuccess,
				Consumer: store.Consumer{Kind: "network", Network: "10.0.0.0/24"}}}}
	}
	if _, err := first.CountUsage(t.Context(), batch(1, "a")); err != nil {
		t.Fatal(err)
	}
	first.update(func(*sqlstore.Tx) error {
		if got, err := second.CountUsage(t.Context(), batch(2, "a")); err != nil || got.New != 1 {
			t.Errorf("known names: %+v, %v", got, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if got, err := second.CountUsage(ctx, batch(3, "b")); err == nil {
			t.Errorf("new names were written out of turn: %+v", got)
		}
		return nil
	})
	if got, err := second.CountUsage(t.Context(), batch(3, "b")); err != nil || got.New != 1 {
		t.Errorf("new names, afterwards: %+v, %v", got, err)
	}
	for _, used := range usedOf(t, first) {
		want := int64(2)
		if used.Behaviour.Identity.Key == "b" {
			want = 1
		}
		if len(used.Months) != 1 || used.Months[0].N != want {
			t.Errorf("%s: %+v, want %d events", used.Behaviour.Identity, used.Months, want)
		}
	}
}
