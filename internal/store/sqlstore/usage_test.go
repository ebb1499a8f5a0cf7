package sqlstore_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// madeUp is a log of events of a few identities, in order.
type madeUp struct {
	behaviour []store.Behaviour
	events    []madeUpEvent
}

type madeUpEvent struct {
	hash      uint64
	at        int64
	behaviour int
	origin    uint32
}

func makeUp(seed uint64, identities, events int, from time.Time, span time.Duration) madeUp {
	r := rand.New(rand.NewPCG(seed, 7))
	var m madeUp
	const realm = retinue.Realm("aws:111111111111")
	for i := range identities {
		for _, action := range []string{"s3:GetObject", "sts:AssumeRole", "kms:Decrypt"} {
			m.behaviour = append(m.behaviour, store.Behaviour{Log: "aws.cloudtrail", Realm: realm, Class: retinue.EventManagement,
				Identity: retinue.NewRef(realm, "role", fmt.Sprintf("arn:aws:iam::111111111111:role/r%d", i)), Action: action, Outcome: retinue.OutcomeSuccess,
				Consumer: store.Consumer{Kind: "network", Name: fmt.Sprintf("10.0.%d.0/24", i%7), Agent: "boto3"}})
		}
	}
	for i := range events {
		m.events = append(m.events, madeUpEvent{hash: uint64(i) + seed<<32 + 1, at: from.Unix() + int64(i)*int64(span/time.Second)/int64(events),
			behaviour: r.IntN(len(m.behaviour)), origin: uint32(r.IntN(5))})
	}
	return m
}

// batch makes a batch of some events.
func (m madeUp) batch(input string, list []madeUpEvent) store.UsageBatch {
	b := store.UsageBatch{Log: "aws.cloudtrail", Input: input, Label: input, Keep: true, Position: connector.Position{Offset: int64(len(list))}}
	index := map[int]int32{}
	for _, e := range list {
		i, ok := index[e.behaviour]
		if !ok {
			i = int32(len(b.Behaviours))
			index[e.behaviour] = i
			b.Behaviours = append(b.Behaviours, m.behaviour[e.behaviour])
		}
		b.Events = append(b.Events, store.UsageEvent{Hash: e.hash, At: e.at, Behaviour: i, Origin: e.origin})
	}
	return b
}

func BenchmarkCountUsage(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			m := makeUp(1, 2000, 200_000, day(0), 48*time.Hour)
			for b.Loop() {
				b.StopTimer()
				addr := filepath.Join(b.TempDir(), "r.db")
				if kind == "postgres" {
					addr = testkit.Postgres(b).Database(b)
				}
				db, err := sqlstore.Open(b.Context(), addr, sqlstore.Options{})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for i := 0; i < len(m.events); i += connector.MaxActivityBatch {
					if _, err := db.CountUsage(b.Context(), m.batch("x", m.events[i:min(i+connector.MaxActivityBatch, len(m.events))])); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				_ = db.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(len(m.events)*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// usedOf reads everything that was counted, without what depends on the order in
// which it came.
func usedOf(t *testing.T, w *world) []store.Used {
	t.Helper()
	var out []store.Used
	err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) {
		out, err = tx.AllUsage()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i].Key, out[i].FirstSeen = 0, time.Time{}
	}
	slices.SortFunc(out, func(x, y store.Used) int {
		a, b := x.Behaviour.Hash(), y.Behaviour.Hash()
		return bytes.Compare(a[:], b[:])
	})
	return out
}

// TestEventsAreCountedOnce delivers the same events in any order, cut anywhere,
// one or several batches at a time, again and again, with packing in between:
// the counts are those of one delivery.
func TestEventsAreCountedOnce(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		m := makeUp(3, 5, 400, day(0), 40*24*time.Hour)
		if got, err := w.CountUsage(t.Context(), m.batch("all", m.events)); err != nil || got.New != 400 || got.Repeated != 0 {
			t.Fatalf("first delivery: %+v, %v", got, err)
		}
		want := usedOf(t, w)
		if len(want) != 15 {
			t.Fatalf("%d behaviours, want 15", len(want))
		}
		r := rand.New(rand.NewPCG(5, 5))
		for round := range 12 {
			if _, err := w.Handle().ExecContext(t.Context(), "DELETE FROM usage_packed"); err != nil {
				t.Fatal(err)
			}
			clearUsage(t, w)
			again := append(append([]madeUpEvent{}, m.events...), m.events[:r.IntN(len(m.events))]...)
			r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
			var total store.UsageCounted
			for len(again) > 0 {
				var together []store.UsageBatch
				for range 1 + r.IntN(4) {
					n := min(1+r.IntN(90), len(again))
					together = append(together, m.batch(fmt.Sprint("part ", len(again)), again[:n]))
					again = again[n:]
				}
				for range 1 + r.IntN(2) {
					got, err := w.CountUsage(t.Context(), together...)
					if err != nil {
						t.Fatal(err)
					}
					total.New += got.New
				}
				if r.IntN(4) == 0 {
					if _, err := w.PackUsage(t.Context(), day(r.IntN(45))); err != nil {
						t.Fatal(err)
					}
				}
			}
			if d := cmp.Diff(want, usedOf(t, w)); d != "" || total.New != 400 {
				t.Fatalf("round %d: %d counted\n%s", round, total.New, d)
			}
		}
	})
}

// TestCountingThatFailsCountsNothing: what was read is counted with its position
// or not at all.
func TestCountingThatFailsCountsNothing(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		m := makeUp(4, 3, 50, day(0), time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.CountUsage(ctx, m.batch("x", m.events)); err == nil {
			t.Fatal("a cancelled delivery succeeded")
		}
		if got := usedOf(t, w); len(got) != 0 {
			t.Fatalf("%d behaviours were counted", len(got))
		}
		b := m.batch("x", m.events)
		b.Position = connector.Position{Offset: 12, Cursor: "c", Digest: "d", Done: true}
		if _, err := w.CountUsage(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		var at connector.Position
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) {
			at, err = tx.UsageInput("x")
			return err
		})
		if err != nil || at != b.Position {
			t.Fatalf("position %+v, %v; want %+v", at, err, b.Position)
		}
	})
}

// TestBatchesAreCountedTogether counts batches of several logs and inputs in one
// transaction: each input keeps the last of its positions, and an event that is
// late is in doubt for its own input alone.
func TestBatchesAreCountedTogether(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		m := makeUp(6, 2, 30, day(0), time.Hour)
		other := m.batch("other", m.events[:10])
		other.Log, other.Behaviours = "ssh.auth", slices.Clone(other.Behaviours)
		for i := range other.Behaviours {
			other.Behaviours[i].Log = "ssh.auth"
		}
		a, b := m.batch("a", m.events[:20]), m.batch("b", m.events[10:])
		a.Position, b.Position = connector.Position{Offset: 1}, connector.Position{Offset: 2}
		again := m.batch("a", nil)
		again.Position = connector.Position{Offset: 3, Done: true}
		got, err := w.CountUsage(t.Context(), b, other, a, again)
		if err != nil || got.New != 40 || got.Repeated != 10 {
			t.Fatalf("%+v, %v", got, err)
		}
		err = w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for input, want := range map[string]connector.Position{"a": again.Position, "b": b.Position, "other": other.Position} {
				if at, err := tx.UsageInput(input); err != nil || at != want {
					t.Errorf("position of %s: %+v, %v; want %+v", input, at, err, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.time = day(15)
		if n, err := w.ForgetEvents(t.Context(), 0); err != nil || n != 40 {
			t.Fatalf("forgot %d, %v", n, err)
		}
		if got, err = w.CountUsage(t.Context(), m.batch("a", m.events[:5]), m.batch("c", m.events[5:10])); err != nil || got.LateUnverified != 10 {
			t.Fatalf("%+v, %v", got, err)
		}
		w.time = day(30)
		if _, err := w.ForgetEvents(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if got, err = w.CountUsage(t.Context(), m.batch("c", m.events[:10])); err != nil || got.LateUnverified != 5 || got.Repeated != 5 {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

// TestBeyondTheHorizon: when it is forgotten which events of an hour were
// counted, an event counts once for each input and the doubt is reported.
func TestBeyondTheHorizon(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		m := makeUp(5, 2, 20, day(0), time.Hour)
		count := func(input string) store.UsageCounted {
			t.Helper()
			got, err := w.CountUsage(t.Context(), m.batch(input, m.events))
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := count("a"); got.New != 20 {
			t.Fatalf("%+v", got)
		}
		w.time = day(6)
		if n, err := w.ForgetEvents(t.Context(), 0); err != nil || n != 0 {
			t.Fatalf("forgot %d before the horizon, %v", n, err)
		}
		if got := count("b"); got.Repeated != 20 { // and the horizon begins anew
			t.Fatalf("%+v", got)
		}
		w.time = day(12)
		if n, err := w.ForgetEvents(t.Context(), 0); err != nil || n != 0 {
			t.Fatalf("forgot %d within the horizon of the second delivery, %v", n, err)
		}
		w.time = day(15)
		if n, err := w.ForgetEvents(t.Context(), 0); err != nil || n != 20 {
			t.Fatalf("forgot %d after the horizon, %v", n, err)
		}
		if got := count("c"); got.New != 20 || got.LateUnverified != 20 {
			t.Fatalf("%+v", got)
		}
		if got := count("c"); got.Repeated != 20 || got.LateUnverified != 0 {
			t.Fatalf("the same input again: %+v", got)
		}
		w.time = day(30)
		if _, err := w.ForgetEvents(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if got := count("c"); got.Repeated != 20 || got.New != 0 {
			t.Fatalf("the same input, later: %+v", got)
		}
	})
}

// TestCoarserWithAge keeps days for hours and months for days, and what rhythm
// and last use need.
func TestCoarserWithAge(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		m := makeUp(6, 2, 300, day(0), 200*24*time.Hour)
		if _, err := w.CountUsage(t.Context(), m.batch("a", m.events)); err != nil {
			t.Fatal(err)
		}
		before := usedOf(t, w)
		if n, err := w.PackUsage(t.Context(), day(300)); err != nil || n == 0 {
			t.Fatalf("packed %d, %v", n, err)
		}
		if d := cmp.Diff(before, usedOf(t, w)); d != "" {
			t.Fatalf("packing changed counts\n%s", d)
		}
		if n, err := w.CoarsenUsage(t.Context(), day(150), day(60)); err != nil || n == 0 {
			t.Fatalf("coarsened %d, %v", n, err)
		}
		after := usedOf(t, w)
		grains := map[store.Grain]int{}
		for i, u := range after {
			for j, x := range u.Months {
				b := before[i].Months[j]
				grains[x.Grain]++
				if x.N != b.N || x.First != b.First || x.Last != b.Last {
					t.Errorf("%d %d: %d events from %d to %d, were %d from %d to %d", i, x.Month, x.N, x.First, x.Last, b.N, b.First, b.Last)
				}
				b.Coarsen(x.Grain)
				if d := cmp.Diff(b, x); d != "" {
					t.Error(d)
				}
			}
		}
		if len(grains) != 3 {
			t.Errorf("grains %v, want all three", grains)
		}
		if n, err := w.CoarsenUsage(t.Context(), day(150), day(60)); err != nil || n != 0 {
			t.Fatalf("coarsened %d again, %v", n, err)
		}
	})
}

func clearUsage(t testing.TB, w *world) {
	t.Helper()
	for _, table := range []string{"usage_hours", "usage_seen", "usage_seen_hours", "usage_late", "usage_origins", "usage_touched", "usage_tallies"} {
		if _, err := w.Handle().ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
	}
}
