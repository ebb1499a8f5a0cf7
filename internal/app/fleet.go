package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/outbound"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Sealer seals and opens the secrets that the installation keeps.
type Sealer interface {
	Seal(ctx context.Context, plaintext []byte, at seal.Place) ([]byte, error)
	Open(ctx context.Context, sealed []byte, at seal.Place) ([]byte, error)
}

// fleet is what this process holds of the scans that a server runs.
type fleet struct {
	sealer  Sealer
	dialler *outbound.Dialler
	// holder names this process: machine, process number, and a word of its own,
	// since numbers come again when a container starts anew.
	holder string

	// pulses tell which other processes live.
	pulses *pulses

	mu       sync.Mutex
	live     map[store.ScanID][]*scanLife
	stopping bool
}

// scanLife is one job's work on a scan. A scan can have several jobs at once, of
// which one at most carries it out: that another ends says nothing of it.
type scanLife struct{ cancel context.CancelCauseFunc }

// enter notes a scan that this process works on, unless the process stops.
func (f *fleet) enter(id store.ScanID, cancel context.CancelCauseFunc) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopping {
		return nil, fmt.Errorf("%w: run scan: the server stops", retinue.ErrUnavailable)
	}
	life := &scanLife{cancel}
	f.live[id] = append(f.live[id], life)
	return func() { f.leave(id, life) }, nil
}

func (f *fleet) leave(id store.ScanID, life *scanLife) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[id] = slices.DeleteFunc(f.live[id], func(l *scanLife) bool { return l == life })
	if len(f.live[id]) == 0 {
		delete(f.live, id)
	}
}

// stop ends the scans of this process and lets no further one begin.
func (f *fleet) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopping = true
	for _, lives := range f.live {
		for _, l := range lives {
			l.cancel(errStopping)
		}
	}
}

// longWorkers is how many scans and hand-ins a server works at once.
const longWorkers = 4

func newFleet(cfg Config, sealer Sealer) (*fleet, error) {
	allow, err := outbound.ParseAllow(cfg.Outbound.Allow)
	if err != nil {
		return nil, err
	}
	var word [6]byte
	_, _ = rand.Read(word[:]) // never fails, see crypto/rand
	return &fleet{sealer: sealer, dialler: outbound.New(outbound.Policy{Allow: allow}), holder: holder() + "/" + hex.EncodeToString(word[:]),
		pulses: newPulses(), live: map[store.ScanID][]*scanLife{}}, nil
}

// Dialler makes the connections of the server to what was configured through
// the API.
func (a *App) Dialler() *outbound.Dialler { return a.fleet.dialler }

// sealing returns the sealer, or says that there is none.
func (f *fleet) sealing() (Sealer, error) {
	if f.sealer == nil {
		return nil, fmt.Errorf("%w: keep a secret: no sealing key is configured", retinue.ErrUnsupported)
	}
	return f.sealer, nil
}

// gone reports that the process which holds a scan works on it no more: it is
// this one and knows nothing of it, it was on this machine and is no more, or
// it gave no sign of life for a long time in which this process looked for one.
func (f *fleet) gone(s store.Scan) bool {
	if s.Holder == f.holder {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.live[s.ID]) == 0
	}
	return f.away(s.Holder) || f.pulses.dead("scan "+string(s.ID), s.Holder+" "+s.AliveAt.String())
}

// away reports that a process was on this machine and is no more.
func (f *fleet) away(holder string) bool {
	i := strings.LastIndexByte(holder, '/')
	return i > 0 && holderGone(holder[:i])
}

// The jobs of the fleet.
type (
	// scanJob runs a scan that waits.
	scanJob struct {
		Scan store.ScanID `json:"scan"`
	}
	// scanDueJob is inserted by the schedule of a source.
	scanDueJob struct {
		Source retinue.SourceID `json:"source"`
	}
	// scansTendJob finds scans whose process went away, and requests whose job
	// was lost.
	scansTendJob struct{}
	// scansSweepJob ends hand-ins that never became whole, and forgets old ones.
	scansSweepJob struct{}
	// handInJob takes in what a collector handed in.
	handInJob struct {
		Upload store.UploadID `json:"upload"`
	}
)

// Kind implements jobs.Args.
func (scanJob) Kind() string { return "scan" }

// Kind implements jobs.Args.
func (scanDueJob) Kind() string { return "scan_due" }

// Kind implements jobs.Args.
func (scansTendJob) Kind() string { return "scans_tend" }

// Kind implements jobs.Args.
func (scansSweepJob) Kind() string { return "scans_sweep" }

// Kind implements jobs.Args.
func (handInJob) Kind() string { return "hand_in" }

func (a *App) fleetHandlers(h *jobs.Handlers) {
	jobs.HandleLong(h, a.runScan)
	jobs.HandleLong(h, a.takeHandIn)
	jobs.Handle(h, a.scanDue)
	jobs.Handle(h, func(ctx context.Context, _ scansTendJob) error { return a.tendScans(ctx) })
	jobs.Handle(h, func(ctx context.Context, _ scansSweepJob) error { return a.sweepScans(ctx) })
}

// tendEvery is how often scans are looked after.
const tendEvery = 30 * time.Second

// StartFleet prepares a server for scans: it makes the sources of the
// configuration file known, sets the schedules, and looks after the scans that
// a process which went away left behind. It is called once, before the queue
// runs.
func (a *App) StartFleet(ctx context.Context) error {
	if err := a.syncFileSources(ctx); err != nil {
		return err
	}
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for _, s := range []jobs.Schedule{
			{Name: "scans-tend", Every: tendEvery, Args: scansTendJob{}},
			{Name: "scans-sweep", Every: time.Hour, Args: scansSweepJob{}},
			{Name: "prune", Every: pruneEvery, Args: pruneJob{}},
		} {
			if err := a.queue.SetSchedule(ctx, queueTx(tx), s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.tendScans(ctx)
}

// RunQueue works the queue until ctx ends: scans, hand-ins, judging. Scans that
// run when ctx ends are stopped at once and wait for the next start.
func (a *App) RunQueue(ctx context.Context) error {
	stop := context.AfterFunc(ctx, a.fleet.stop)
	defer stop()
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { a.listen(ctx) })
	return a.queue.Run(ctx)
}

func queueTx(tx *sqlstore.Tx) jobs.Tx {
	sqltx, conn := tx.SQL()
	return jobs.Tx{Tx: sqltx, Conn: conn}
}

// minInterval is the shortest time between two scans by schedule.
const minInterval = time.Minute

func checkInterval(interval, jitter time.Duration) error {
	switch {
	case interval < 0 || interval > 0 && interval < minInterval || interval > 366*24*time.Hour:
		return fmt.Errorf("%w: interval %s: want at least %s and at most a year, or none", retinue.ErrInvalid, interval, minInterval)
	case jitter < 0 || jitter > interval:
		return fmt.Errorf("%w: jitter %s: want none to the interval", retinue.ErrInvalid, jitter)
	}
	return nil
}

// maxJitter bounds the jitter that nobody chose.
const maxJitter = 30 * time.Minute

func defaultJitter(interval, jitter time.Duration) time.Duration {
	if jitter == 0 {
		return min(interval/10, maxJitter)
	}
	return jitter
}

// upTo is a random time up to d.
func upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)))
	if err != nil {
		return 0
	}
	return time.Duration(n.Int64())
}

// configActor is who changes what follows from the configuration file.
func configActor() retinue.Actor { return retinue.Actor{Kind: "system", Name: "configuration"} }

func scheduleActor() retinue.Actor { return retinue.Actor{Kind: "system", Name: "schedule"} }

// syncFileSources makes the sources of the configuration file known, with their
// schedules, and forgets the configuration of those that were in it.
func (a *App) syncFileSources(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		known, err := tx.SourceConfigs()
		if err != nil {
			return err
		}
		for _, c := range known {
			named := slices.ContainsFunc(a.Config.Sources, func(s SourceConfig) bool { return s.Name == c.Source.Name })
			if c.Origin != store.OriginFile || named {
				continue
			}
			if err := a.dropSource(ctx, tx, c, configActor()); err != nil {
				return err
			}
		}
		for _, s := range a.Config.Sources {
			if err := a.syncFileSource(ctx, tx, s, known); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *App) syncFileSource(ctx context.Context, tx *sqlstore.Tx, s SourceConfig, known []store.SourceConfig) error {
	want := store.SourceConfig{Source: store.Source{Kind: s.Kind, Name: s.Name, Target: s.Display()}, Origin: store.OriginFile, Target: s.Display(),
		Options: s.Options, Interval: s.Interval, Jitter: defaultJitter(s.Interval, s.Jitter), UpdatedBy: configActor()}
	i := slices.IndexFunc(known, func(c store.SourceConfig) bool { return c.Source.Name == s.Name })
	if i < 0 || known[i].Origin == "" {
		c, err := tx.CreateSource(want)
		if err != nil {
			return err
		}
		tx.Record(configActor(), retinue.RecordSourceConfigured, s.Name, sourceDetails(c))
		return errors.Join(a.setFileLogs(tx, s, c), a.schedule(ctx, tx, c))
	}
	have := known[i]
	switch {
	case have.Origin != store.OriginFile:
		return fmt.Errorf("%w: source %s is configured in the file and by other means (%s): rename it here or remove it there", retinue.ErrConflict, s.Name, have.Origin)
	case have.Source.Kind != s.Kind:
		return fmt.Errorf("%w: source %s was of kind %s: give the new one another name, since history goes by it", retinue.ErrConflict, s.Name, have.Source.Kind)
	case have.Target == want.Target && equalOptions(have.Options, want.Options) && have.Interval == want.Interval && have.Jitter == want.Jitter:
		return errors.Join(a.setFileLogs(tx, s, have), a.schedule(ctx, tx, have))
	}
	want.Source.ID, want.Source.Key, want.Version, want.CreatedAt, want.Checked = have.Source.ID, have.Source.Key, have.Version, have.CreatedAt, have.Checked
	c, err := tx.SaveSource(want)
	if err != nil {
		return err
	}
	tx.Record(configActor(), retinue.RecordSourceChanged, s.Name, sourceDetails(c))
	return errors.Join(a.setFileLogs(tx, s, c), a.schedule(ctx, tx, c))
}

func equalOptions(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// sourceDetails is what a record says of a configuration: no secret has a place
// in it, and targets were refused when they held one.
func sourceDetails(c store.SourceConfig) map[string]any {
	return map[string]any{"source": c.Source.ID, "kind": c.Source.Kind, "origin": c.Origin, "target": c.Source.Target, "options": c.Options,
		"interval": c.Interval.String(), "paused": c.Paused, "version": c.Version}
}

// spec returns the connector of a source.
func (a *App) specOf(c store.SourceConfig) (connector.Spec, error) { return a.Spec(c.Source.Kind) }
