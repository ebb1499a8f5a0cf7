package sqlstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/testkit/estate"
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

// TestWhatIsDueIsFoundByWhatWasTouched: to find whose verdict is due, and what is news
// of those that were formed, SQLite reads neither all that there is nor all verdicts, once everything has one.
func TestWhatIsDueIsFoundByWhatWasTouched(t *testing.T) {
	w := open(t, t.TempDir()+"/r.db")
	if err := estate.Make(t.Context(), w.DB, estate.Size{Identities: 1500, Credentials: 1500, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	for _, learnt := range []bool{false, true} {
		if learnt {
			if err := w.Learn(t.Context(), 1000); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range append(planOf(t, w, sqlstore.DueStatement(1), day(1).UnixMicro(), 0, 1), planOf(t, w, sqlstore.NewsStatement(), 0)...) {
			if strings.Contains(step, "SCAN e") || strings.Contains(step, "SCAN v") || strings.Contains(step, "entities_by") ||
				strings.HasPrefix(step, "SEARCH v USING PRIMARY KEY (entity_id>") {
				t.Errorf("learnt %v: %s", learnt, step)
			}
		}
	}
}

// planOf is how SQLite goes about a query.
func planOf(t *testing.T, w *world, query string, args ...any) (steps []string) {
	t.Helper()
	rows, err := w.Handle().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int64
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil || len(steps) == 0 {
		t.Fatalf("%d steps: %v", len(steps), err)
	}
	return steps
}
