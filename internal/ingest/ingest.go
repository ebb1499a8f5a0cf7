// Package ingest runs a source and reconciles what it states into the
// inventory.
//
// A connector emits facts under scopes. Ingest checks them, brings them into
// canonical form, sorts each scope's facts outside memory, and hands a scope
// that was completed to the store, which merges the ordered stream with the
// ordered versions in force in one transaction. So the cost of a scan follows
// what changed, memory does not grow with the source, a scope's changes become
// visible together, and a scan that dies loses only what it had not completed:
// the next one states it again.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// Store is what ingest needs of the database.
type Store interface {
	// StartRun begins a run of a source, FinishRun ends it.
	StartRun(ctx context.Context, kind, name, target string, actor retinue.Actor) (store.Run, error)
	FinishRun(ctx context.Context, run store.Run) error
	// ApplyScope writes a scope's outcome in one transaction.
	ApplyScope(ctx context.Context, u store.ScopeUpdate) (store.ScopeRun, error)
	// AcquireLease takes the right to write a realm.
	AcquireLease(ctx context.Context, realm retinue.Realm, holder string, ttl time.Duration) (store.Lease, error)
	RenewLease(ctx context.Context, l store.Lease, ttl time.Duration) error
	ReleaseLease(ctx context.Context, l store.Lease) error
	// SwapMissing remembers what a realm's access lacks and returns what it
	// lacked before; known is false on the first run.
	SwapMissing(ctx context.Context, realm retinue.Realm, name string, missing []string) (before []string, known bool, err error)
}

// Options are how a run is carried out.
type Options struct {
	Actor retinue.Actor
	Log   *slog.Logger
	Now   func() time.Time
	// HoldShare is the share of a scope that may end at once; 0 means 0.5, a
	// negative one never holds.
	HoldShare float64
	// AcceptEnded lets everything end that is no longer listed: a person has
	// looked at what was held.
	AcceptEnded bool
	// SpillDir is where facts wait, encrypted by nothing and free of secrets,
	// in files of mode 0600; the system's folder where empty.
	SpillDir string
	// SpillMemory is how many bytes of facts wait in memory in all scopes
	// together; 0 means 64 MiB.
	SpillMemory int
	// Redact takes secrets out of what connectors and servers say: problems,
	// notes and errors. Nil changes nothing.
	Redact func(string) string
	// Holder names the process that holds the leases of the run; the run's id
	// is added to it.
	Holder string
	// OnScope is called when a scope has been written, from the goroutine that
	// completed it.
	OnScope func(store.ScopeRun)
}

// leaseTime is how long a realm stays reserved without a sign of life.
const leaseTime = 2 * time.Minute

// Run runs a source once and returns how it went. The run's error is in
// Run.Error; the returned error means that the store could not be written or
// that ctx ended.
func Run(ctx context.Context, st Store, kind, name, target string, c connector.Connector, opt Options) (store.Run, error) {
	opt = opt.withDefaults()
	run, err := st.StartRun(ctx, kind, name, target, opt.Actor)
	if err != nil {
		return run, fmt.Errorf("scan %s: %w", name, err)
	}
	s := newSink(ctx, st, run, opt)
	defer s.close()
	s.discover(c)
	run = s.result()
	// The outcome is written even when the person interrupted the scan.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := st.FinishRun(end, run); err != nil {
		return run, fmt.Errorf("scan %s: %w", name, err)
	}
	if s.fatal != nil {
		return run, fmt.Errorf("scan %s: %w", name, s.fatal)
	}
	return run, ctx.Err()
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HoldShare == 0 {
		o.HoldShare = 0.5
	}
	if o.SpillMemory == 0 {
		o.SpillMemory = 64 << 20
	}
	if o.Redact == nil {
		o.Redact = func(s string) string { return s }
	}
	if o.OnScope == nil {
		o.OnScope = func(store.ScopeRun) {}
	}
	return o
}

// discover checks the access, runs the connector and writes what was left
// incomplete.
func (s *sink) discover(c connector.Connector) {
	access, err := c.Check(s.ctx)
	s.run.Access = access
	if err != nil {
		s.fail(fmt.Errorf("check access: %w", err))
		return
	}
	if err := s.compareAccess(access); err != nil {
		_ = s.stop(err)
		return
	}
	beat := s.heartbeat()
	err = c.Discover(s.ctx, connector.Request{Now: s.opt.Now()}, s)
	beat()
	if err != nil && !errors.Is(err, s.fatalErr()) {
		s.fail(err)
	}
	s.leftovers()
}

// compareAccess remembers what the access lacks; scopes below something that
// it did not lack before are partial in this run.
func (s *sink) compareAccess(a connector.Access) error {
	if a.Realm == "" {
		return nil
	}
	var missing []string
	for _, m := range a.Missing {
		missing = append(missing, m.Permission+"\x1f"+m.Scope.String())
	}
	slices.Sort(missing)
	before, known, err := s.st.SwapMissing(s.ctx, a.Realm, a.Name, slices.Compact(missing))
	if err != nil || !known {
		return err
	}
	for _, m := range a.Missing {
		if _, had := slices.BinarySearch(before, m.Permission+"\x1f"+m.Scope.String()); !had {
			s.shrunk = append(s.shrunk, m)
		}
	}
	return nil
}
