// Package app wires the parts into the program: it is the only package that
// knows the database, every connector and every stage. The command line and,
// later, the server are thin over it.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
	"github.com/retinue-id/retinue/connectors/all"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/record"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// App is an open installation.
type App struct {
	Config Config
	DB     *sqlstore.DB
	Keys   *Keys
	Specs  []connector.Spec
	log    *slog.Logger
	now    func() time.Time
	queue  *jobs.Queue
	set    *rules.Set
	packID string
	// judging is held by the one judge of this process; judged is what it said
	// since the last Settle.
	judging sync.Mutex
	said    sync.Mutex
	judged  rules.Report
	// stopping is closed when the server begins to stop.
	stopping chan struct{}
	fleet    *fleet
	events   eventStreams
	sealer   *seal.Sealer
	sealKeys sealKeys
	// demo says that the installation holds the sample company.
	demo bool
	// demoStep is what is being done to complete the sample company.
	demoStep atomic.Pointer[string]
	tell     Telling
	// tellers counts the leases that this process took to tell somebody.
	tellers tellerCount
	estates *estates
	// logs are what is read of logs without being asked.
	logs *sourceLogs
	// usageTurn is held by who forms verdicts on use; networks are the blocks of
	// addresses that have a name.
	// Up to usageKnown everything had a verdict when it last looked.
	// Zones and rhythms learn in whose clock things are done.
	usageTurn  sync.Mutex
	usageKnown int64
	zones      func() []*time.Location
	rhythms    func() *rhythm.Fitter
	networks   usage.Networks
	tested     testedKeys
	// senders bounds what is pushed to this process at the same time.
	senders *senders
	// homes are where keys belong that events name.
	homes keyHomes
	// detector finds secrets; it is made once, when it is first needed.
	detector func() (*secrets.Scanner, error)
	// codec packs and unpacks events that are kept; it is made once, when it is
	// first needed.
	codec func() (*record.Codec, error)
	// locker locks what somebody uses who should not; nil where nothing does yet.
	locker Locker
}

// Options are what the caller of Open brings.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// Specs replaces the connectors, in tests.
	Specs []connector.Spec
	// ReadOnly opens for questions only: no migration, no keys made.
	ReadOnly bool
	// Sealer seals the secrets of sources. Without one none can be kept.
	Sealer Sealer
	// Locker locks what somebody uses who should not. Without one people are told
	// how they do it by hand.
	Locker Locker
}

// Open opens the database that the configuration names, its keys and its
// rules.
func Open(ctx context.Context, cfg Config, opt Options) (*App, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	a := &App{Config: cfg, Specs: opt.Specs, log: opt.Log, now: opt.Now, stopping: make(chan struct{}), estates: newEstates(), logs: newSourceLogs(), senders: newSenders(),
		detector: sync.OnceValues(secrets.Default), codec: sync.OnceValues(record.NewCodec), locker: opt.Locker, zones: sync.OnceValue(rhythm.DefaultZones)}
	a.rhythms = sync.OnceValue(func() *rhythm.Fitter { return rhythm.NewFitter(a.zones()...) })
	if a.Specs == nil {
		a.Specs = all.Specs()
	}
	var err error
	if a.DB, err = sqlstore.Open(ctx, cfg.Database, sqlstore.Options{Now: opt.Now, ReadOnly: opt.ReadOnly, HolderGone: holderGone}); err != nil {
		return nil, err
	}
	if err := a.open(ctx, opt); err != nil {
		return nil, errors.Join(err, a.DB.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context, opt Options) error {
	var err error
	if a.set, a.packID, err = loadRules(a.Config); err != nil {
		return err
	}
	if a.networks, err = a.Config.networks(); err != nil {
		return err
	}
	if !opt.ReadOnly {
		if a.sealKeys, err = openSealKeys(a.Config); err != nil {
			return err
		}
		a.sealer = seal.New(a.sealKeys.keys)
		if opt.Sealer == nil {
			opt.Sealer = a.sealer
		}
	}
	if a.fleet, err = newFleet(a.Config, opt.Sealer); err != nil {
		return err
	}
	if opt.ReadOnly {
		return nil
	}
	if a.Keys, err = OpenKeys(a.Config.KeyFile); err != nil {
		return err
	}
	if err := a.checkSealer(ctx); err != nil {
		return err
	}
	if a.demo, err = a.IsDemo(ctx); err != nil {
		return err
	}
	return a.openQueue(ctx)
}

// Snapshot is one moment of the inventory, for reading.
type Snapshot = sqlstore.Tx

// View runs fn over what a scope sees of one moment of the inventory.
func (a *App) View(ctx context.Context, scope store.RowScope, fn func(*Snapshot) error) error {
	return a.DB.View(ctx, scope, fn)
}

// Specs returns the connectors that are part of the program.
func Specs() []connector.Spec { return all.Specs() }

// Close closes the installation.
func (a *App) Close() error { return a.DB.Close() }

// Spec returns the connector of a kind, or ErrNotFound with the kinds that
// there are.
func (a *App) Spec(kind string) (connector.Spec, error) { return FindSpec(a.Specs, kind) }

// FindSpec returns the connector of a kind among specs.
func FindSpec(specs []connector.Spec, kind string) (connector.Spec, error) {
	i := slices.IndexFunc(specs, func(s connector.Spec) bool { return s.Kind == kind })
	if i < 0 {
		kinds := make([]string, len(specs))
		for j := range specs {
			kinds[j] = specs[j].Kind
		}
		return connector.Spec{}, fmt.Errorf("%w: no source of kind %q: there are %s", retinue.ErrInvalid, kind, strings.Join(kinds, ", "))
	}
	return specs[i], nil
}

// Actor is the user of the operating system who runs the program.
func Actor() retinue.Actor {
	a := retinue.Actor{Kind: "os_user", Name: "unknown"}
	if u, err := user.Current(); err == nil {
		a.Name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		a.Host = h
	}
	return a
}

// judgeJob asks for findings to be judged again.
type judgeJob struct{}

// Kind implements jobs.Args.
func (judgeJob) Kind() string { return "judge" }

// openQueue prepares the queue, and has every update that changed something
// insert the job that judges it, in its own transaction.
func (a *App) openQueue(ctx context.Context) error {
	db := jobs.Database{DB: a.DB.Handle(), Pool: a.DB.Pool()}
	if err := jobs.Migrate(ctx, db); err != nil {
		return err
	}
	var h jobs.Handlers
	jobs.Handle(&h, func(ctx context.Context, _ ownJob) error { return a.settleOwners(ctx) })
	jobs.Handle(&h, func(ctx context.Context, _ judgeJob) error { return a.judge(ctx) })
	jobs.Handle(&h, func(ctx context.Context, _ driftJob) error { return a.drift(ctx) })
	a.keepEvents()
	a.fleetHandlers(&h)
	a.populationHandlers(&h)
	a.usageHandlers(&h)
	a.itselfHandlers(&h)
	a.sealingHandlers(&h)
	a.tellHandlers(&h)
	a.Tell(Telling{Sealer: a.fleet.sealer, Outbound: a.fleet.dialler})
	jobs.HandleLong(&h, func(ctx context.Context, _ pruneJob) error {
		_, err := a.Prune(ctx)
		return err
	})
	var err error
	if a.queue, err = jobs.Open(db, jobs.Config{Handlers: &h, LongWorkers: longWorkers, Logger: a.log, Shared: true, Now: a.now}); err != nil {
		return err
	}
	a.DB.OnUpdate(a.raiseNotices)
	a.DB.OnUpdate(func(ctx context.Context, tx *sqlstore.Tx) error {
		if !tx.Touched() {
			return nil
		}
		sqltx, conn := tx.SQL()
		if _, err := a.queue.Insert(ctx, jobs.Tx{Tx: sqltx, Conn: conn}, ownJob{}, jobs.Options{Key: "all"}); err != nil {
			return err
		}
		_, err := a.queue.Insert(ctx, jobs.Tx{Tx: sqltx, Conn: conn}, judgeJob{}, jobs.Options{Key: "all"})
		return err
	})
	return nil
}

// Judged reports what the last Settle of this process judged.
func (a *App) Judged() rules.Report {
	a.said.Lock()
	defer a.said.Unlock()
	return a.judged
}

func (a *App) addJudged(r rules.Report) {
	a.said.Lock()
	defer a.said.Unlock()
	a.judged = addReports(a.judged, r)
}

// Settle works the queue until nothing waits: what a scan changed is judged.
func (a *App) Settle(ctx context.Context) (rules.Report, error) {
	a.said.Lock()
	a.judged = rules.Report{}
	a.said.Unlock()
	sum, err := a.queue.Drain(ctx)
	if err != nil {
		return a.Judged(), err
	}
	for _, f := range sum.Failures {
		err = errors.Join(err, fmt.Errorf("%s: %w", f.Kind, f.Err))
	}
	return a.Judged(), err
}
