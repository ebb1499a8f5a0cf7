package app

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// crowd is a source of n identities.
type crowd struct{ n int }

func (crowd) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: seenRealm}, nil
}
func (crowd) Close() error { return nil }
func (c crowd) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(seenRealm, "part", "all")
	for i := range c.n {
		name := fmt.Sprint("svc-", i)
		if err := sink.Emit(scope, retinue.Identity{Ref: retinue.NewRef(seenRealm, "account", name), Name: name, Kind: retinue.IdentityServiceAccount,
			Class: retinue.ClassNonHuman, State: retinue.StateActive}); err != nil {
			return err
		}
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: day1.AddDate(0, 0, -40), Basis: "the whole part"})
}

// count counts a use of some identities in an hour.
func (c crowd) count(b *testing.B, a *App, of int, hour time.Time) {
	b.Helper()
	batch := store.UsageBatch{Log: "bench", Input: "bench"}
	for i := range of {
		batch.Behaviours = append(batch.Behaviours, store.Behaviour{Log: "bench", Realm: seenRealm, Class: retinue.EventData, Identity: retinue.NewRef(seenRealm, "account", fmt.Sprint("svc-", i)),
			Action: "docs:read", Outcome: retinue.OutcomeSuccess, Consumer: store.Consumer{Kind: "network", Network: "10.0.0.0/24", Agent: "worker"}})
		batch.Events = append(batch.Events, store.UsageEvent{Hash: uint64(hour.Unix())<<20 + uint64(i), At: hour.Unix(), Behaviour: int32(i)}) //nolint:gosec // few
	}
	if _, err := a.DB.CountUsage(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRound is a round after ten of few or many were used: its cost is that
// of the ten.
func BenchmarkRound(b *testing.B) {
	for _, n := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint("of-", n), func(b *testing.B) {
			dir, c, now := b.TempDir(), crowd{n}, day1
			a, err := Open(b.Context(), Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")},
				Options{Now: func() time.Time { return now }, Specs: []connector.Spec{{Kind: "seen", TargetOptional: true,
					Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return c, nil }}}})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = a.Close() }()
			if _, err := a.Scan(b.Context(), []SourceConfig{{Name: "seen", Kind: "seen"}}, ScanOptions{Actor: Actor()}); err != nil {
				b.Fatal(err)
			}
			for h := range 20 {
				c.count(b, a, n, day1.AddDate(0, 0, -h-1))
			}
			if _, err := a.JudgeUsage(b.Context()); err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				c.count(b, a, 10, day1.Add(time.Duration(i)*time.Hour))
				formed, err := a.JudgeUsage(b.Context())
				if err != nil || formed != 10 {
					b.Fatalf("%d formed, %v", formed, err)
				}
			}
		})
	}
}
