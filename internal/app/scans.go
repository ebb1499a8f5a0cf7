package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// The causes for which a running scan is stopped.
var (
	errCancelled = errors.New("it was cancelled")
	errStopping  = errors.New("the server stops")
	errTaken     = errors.New("another process took it for dead")
)

// scheduleName names the schedule of a source.
func scheduleName(id retinue.SourceID) string { return "scan:" + string(id) }

// schedule sets the schedule of a source, or removes it. A source with an
// interval that was never scanned is scanned soon.
func (a *App) schedule(ctx context.Context, tx *sqlstore.Tx, c store.SourceConfig) error {
	name := scheduleName(c.Source.ID)
	if c.Interval == 0 || c.Paused {
		if err := a.queue.RemoveSchedule(ctx, queueTx(tx), name); err != nil && !errors.Is(err, retinue.ErrNotFound) {
			return err
		}
		return nil
	}
	if err := a.queue.SetSchedule(ctx, queueTx(tx), jobs.Schedule{Name: name, Every: c.Interval, Args: scanDueJob{c.Source.ID}}); err != nil {
		return err
	}
	before, err := tx.Scans(store.ScanQuery{Source: string(c.Source.ID), Limit: 1})
	if err != nil || len(before) > 0 {
		return err
	}
	_, _, err = a.requestScan(ctx, tx, store.Scan{Source: c.Source, Reason: store.ScanScheduled, Actor: scheduleActor(), DueAt: tx.At().Add(upTo(min(c.Jitter, 10*time.Second)))})
	return err
}

// requestScan asks for a scan in a transaction: the request, its job and its
// record are one. A request that waits already stands for this one too.
func (a *App) requestScan(ctx context.Context, tx *sqlstore.Tx, s store.Scan) (store.Scan, bool, error) {
	s, added, err := tx.AddScan(s)
	if err != nil {
		return s, false, err
	}
	if added {
		tx.Record(s.Actor, retinue.RecordScanRequested, s.Source.Name, map[string]any{"scan": s.ID, "source": s.Source.ID, "reason": s.Reason, "repeats": s.Repeats})
	}
	return s, added, a.scanJobAt(ctx, tx, s)
}

// scanJobAt inserts the job of a scan that waits. Its key holds the time, so
// that a job for an earlier time does not coalesce with one for a later.
func (a *App) scanJobAt(ctx context.Context, tx *sqlstore.Tx, s store.Scan) error {
	opts := jobs.Options{Key: fmt.Sprintf("%s@%d", s.ID, s.DueAt.Unix())}
	if s.DueAt.After(tx.At()) {
		// The job is due by the real clock, the request by the installation's.
		opts.At = time.Now().Add(s.DueAt.Sub(tx.At()))
	}
	_, err := a.queue.Insert(ctx, queueTx(tx), scanJob{s.ID}, opts)
	return err
}

// scanDue asks for a scan of a source whose time has come.
func (a *App) scanDue(ctx context.Context, job scanDueJob) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		c, err := tx.SourceConfig(string(job.Source))
		if errors.Is(err, retinue.ErrNotFound) || err == nil && (c.Paused || c.Interval == 0) {
			return nil // removed or paused while the job was on its way
		}
		if err != nil {
			return err
		}
		_, _, err = a.requestScan(ctx, tx, store.Scan{Source: c.Source, Reason: store.ScanScheduled, Actor: scheduleActor(), DueAt: tx.At().Add(upTo(c.Jitter))})
		return err
	})
}

// runScan carries a scan out, unless another one of its source runs: that one
// starts it when it ends.
func (a *App) runScan(ctx context.Context, job scanJob) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// This comes before the scan is this process's in the database, so that it
	// is never taken for one that the process knows nothing of.
	leave, err := a.fleet.enter(job.Scan, cancel)
	if err != nil {
		return err
	}
	defer leave()
	var s store.Scan
	var c store.SourceConfig
	begun := false
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		begun = false
		if s, err = tx.Scan(job.Scan); err != nil {
			return err
		}
		if s.State == store.ScanRunning && s.Holder != a.fleet.holder && a.fleet.gone(s) {
			return a.scanCrashed(ctx, tx, s)
		}
		if s.State != store.ScanWaiting || s.DueAt.After(tx.At().Add(time.Second)) {
			return nil
		}
		if c, err = tx.SourceConfig(string(s.Source.ID)); err != nil {
			return err
		}
		if err := a.clearWay(ctx, tx, s); err != nil {
			if errors.Is(err, retinue.ErrConflict) {
				return nil
			}
			return err
		}
		s, err = tx.BeginScan(s, a.fleet.holder)
		begun = err == nil
		return err
	})
	if errors.Is(err, retinue.ErrNotFound) {
		return nil // it was forgotten with its source
	}
	if err != nil || !begun {
		return err
	}
	return a.carryOut(ctx, cancel, s, c)
}

// clearWay reports as ErrConflict that another scan of the source runs. One
// whose process went away is put down as crashed; the scan at hand stands for
// its repetition.
func (a *App) clearWay(ctx context.Context, tx *sqlstore.Tx, s store.Scan) error {
	open, err := tx.OpenScans()
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.Source.Key != s.Source.Key || o.State != store.ScanRunning {
			continue
		}
		if !a.fleet.gone(o) {
			return fmt.Errorf("%w: scan %s runs", retinue.ErrConflict, o.ID)
		}
		if err := a.scanCrashed(ctx, tx, o); err != nil {
			return err
		}
	}
	return nil
}

// scanCrashed puts a scan down whose process went away, and has it repeated
// once. When its run had ended, and only that was not written down, it counts
// as what the run was.
func (a *App) scanCrashed(ctx context.Context, tx *sqlstore.Tx, s store.Scan) error {
	run, err := tx.CrashRun(s.Run)
	if err != nil {
		return err
	}
	s.State = scanState(run)
	if s.State == store.ScanCrashed {
		s.Error = "the process that ran it went away"
	}
	if !s.CancelAt.IsZero() {
		s.State = store.ScanCancelled
	}
	if err := tx.EndScan(s); err != nil {
		return err
	}
	if s.State != store.ScanCrashed {
		return nil
	}
	system := retinue.Actor{Kind: "system", Name: "scans"}
	tx.Record(system, retinue.RecordScanCrashed, s.Source.Name, map[string]any{"scan": s.ID, "source": s.Source.ID, "run": s.Run})
	if s.Repeats != "" {
		return a.startNext(ctx, tx, s) // it has failed twice; the schedule goes on
	}
	_, _, err = a.requestScan(ctx, tx, store.Scan{Source: s.Source, Reason: store.ScanRepeated, Actor: s.Actor, Repeats: s.ID})
	return err
}

func scanState(r store.RunState) store.ScanState {
	switch r {
	case store.RunComplete:
		return store.ScanComplete
	case store.RunPartial:
		return store.ScanPartial
	case store.RunFailed, store.RunRefused:
		return store.ScanFailed
	}
	return store.ScanCrashed
}

// startNext inserts the job of the scan that waited for one to end.
func (a *App) startNext(ctx context.Context, tx *sqlstore.Tx, s store.Scan) error {
	open, err := tx.OpenScans()
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.Source.Key == s.Source.Key && o.State == store.ScanWaiting {
			// The one that ends gives up its hold of the system a moment later.
			o.DueAt = later(o.DueAt, tx.At().Add(time.Second))
			return a.scanJobAt(ctx, tx, o)
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// carryOut reads the source and writes how it went.
func (a *App) carryOut(ctx context.Context, cancel context.CancelCauseFunc, s store.Scan, c store.SourceConfig) error {
	t := &tracker{app: a, scan: s, at: map[string]int{}}
	stop := t.start(ctx, cancel)
	st := &scanStore{DB: a.DB, app: a, tracker: t, ctx: ctx}
	conn, err := a.connectSource(ctx, c, t)
	if err != nil {
		conn = broken{err}
	}
	_, err = ingest.Run(ctx, st, s.Source.Kind, s.Source.Name, s.Source.Target, conn, a.scanOptions(c, t))
	if cerr := conn.Close(); cerr != nil {
		a.log.Warn("connector not closed", "source", s.Source.Name, "error", cerr.Error())
	}
	stop()
	if !st.ended {
		return a.endUnwritten(ctx, t, err)
	}
	if cause := context.Cause(ctx); cause != nil || errors.Is(err, retinue.ErrConflict) {
		return nil //nolint:nilerr // written by FinishRun; the state says why it ended
	}
	return err
}

func (a *App) scanOptions(c store.SourceConfig, t *tracker) ingest.Options {
	o := ingest.Options{Actor: t.scan.Actor, Log: a.log, Now: a.now, Holder: a.fleet.holderOfLeases(), OnScope: t.scopeDone, Redact: redactor(c.Target)}
	if s, ok := a.fileSource(c); ok {
		o.Redact = redactor(s.Target)
	}
	return o
}

// holderOfLeases is the holder in the form that leases know: machine and
// process number.
func (*fleet) holderOfLeases() string { return holder() }

// endUnwritten writes the end of a scan whose run could not be written.
func (a *App) endUnwritten(ctx context.Context, t *tracker, cause error) error {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	s := t.snapshot()
	s.State, s.Error = store.ScanFailed, "it could not be written"
	if cause != nil {
		s.Error = retinue.CleanName(cause.Error())
	}
	err := a.DB.Update(end, func(tx *sqlstore.Tx) error {
		if err := tx.EndScan(s); err != nil {
			return err
		}
		return a.startNext(end, tx, s)
	})
	if errors.Is(err, retinue.ErrConflict) {
		return nil
	}
	return errors.Join(cause, err)
}

// scanStore is the store of one scan: the run's begin and end are written
// together with the scan's.
type scanStore struct {
	*sqlstore.DB
	app     *App
	tracker *tracker
	ctx     context.Context //nolint:containedctx // the scan's, whose cause says why it ended
	ended   bool
}

// StartRun implements ingest.Store.
func (st *scanStore) StartRun(ctx context.Context, _, _, _ string, actor retinue.Actor) (run store.Run, err error) {
	err = st.Update(ctx, func(tx *sqlstore.Tx) error {
		s := st.tracker.snapshot()
		if run, err = tx.StartRun(s.Source, actor); err != nil {
			return err
		}
		return tx.SetScanRun(s, run.ID)
	})
	st.tracker.setRun(run.ID)
	return run, err
}

// refusedPause is after how long a scan is tried again that another one, such
// as one of the command line, kept from its system.
const refusedPause = 30 * time.Second

// FinishRun implements ingest.Store.
func (st *scanStore) FinishRun(ctx context.Context, run store.Run) error {
	err := st.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.FinishRun(run); err != nil {
			return err
		}
		s := st.tracker.snapshot()
		s.State, s.Error = scanState(run.State), run.Error
		switch cause := context.Cause(st.ctx); {
		case errors.Is(cause, errCancelled):
			s.State, s.Error = store.ScanCancelled, ""
		case errors.Is(cause, errTaken):
			return nil // what it is now is not ours to say
		case errors.Is(cause, context.DeadlineExceeded):
			s.Error = "it took longer than a scan may"
		case cause != nil:
			return st.again(ctx, tx, s, tx.At())
		case run.State == store.RunRefused:
			return st.again(ctx, tx, s, tx.At().Add(refusedPause))
		}
		if err := tx.EndScan(s); err != nil {
			return err
		}
		return st.app.startNext(ctx, tx, s)
	})
	st.ended = err == nil
	return err
}

// again has the scan wait once more.
func (st *scanStore) again(ctx context.Context, tx *sqlstore.Tx, s store.Scan, due time.Time) error {
	if err := tx.RequeueScan(s, due); err != nil {
		return err
	}
	return st.app.startNext(ctx, tx, s)
}

// connectSource opens the connector of a configured source. What was configured
// through the API dials under the policy of the installation, and sees nothing
// of the machine.
func (a *App) connectSource(ctx context.Context, c store.SourceConfig, t *tracker) (connector.Connector, error) {
	if s, ok := a.fileSource(c); ok {
		return a.connect(ctx, s, ScanOptions{OnProgress: t.progress})
	}
	if c.Origin != store.OriginAPI {
		return nil, fmt.Errorf("%w: scan %s: this server's configuration does not name it", retinue.ErrUnsupported, c.Source.Name)
	}
	spec, err := a.specOf(c)
	if err != nil {
		return nil, err
	}
	cfg, err := a.remoteConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := spec.CheckRemote(cfg); err != nil {
		return nil, err // the rules may have become stricter since it was configured
	}
	env := a.Env(c.Source.Name, ScanOptions{OnProgress: t.progress, Getenv: func(string) string { return "" }})
	env.Dial = a.fleet.dialler.DialContext
	return spec.Connect(ctx, cfg, env)
}

// fileSource returns the source of the configuration file that a configuration
// stands for.
func (a *App) fileSource(c store.SourceConfig) (SourceConfig, bool) {
	if c.Origin != store.OriginFile {
		return SourceConfig{}, false
	}
	for _, s := range a.Config.Sources {
		if s.Name == c.Source.Name && s.Kind == c.Source.Kind {
			return s, true
		}
	}
	return SourceConfig{}, false
}

// remoteConfig opens the secrets of a source that was configured through the
// API.
func (a *App) remoteConfig(ctx context.Context, c store.SourceConfig) (connector.Config, error) {
	cfg := connector.Config{Name: c.Source.Name, Target: c.Target, Options: c.Options, Secrets: map[string]retinue.Secret{}, Remote: true}
	var sealed map[string][]byte
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		sealed, err = tx.SealedSecrets(c.Source.Key)
		return err
	})
	if err != nil || len(sealed) == 0 {
		return cfg, err
	}
	sealer, err := a.fleet.sealing()
	if err != nil {
		return cfg, err
	}
	for name, b := range sealed {
		v, err := sealer.Open(ctx, b, secretPlace(c.Source.ID, name))
		if err != nil {
			return cfg, fmt.Errorf("open secret %s of source %s: %w", name, c.Source.Name, err)
		}
		cfg.Secrets[name] = retinue.NewSecret(string(v))
	}
	return cfg, nil
}

// tendScans puts down the scans whose process went away, and inserts the jobs
// of requests that have none.
func (a *App) tendScans(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		open, err := tx.OpenScans()
		if err != nil {
			return err
		}
		running := map[int64]bool{}
		for _, s := range open {
			if s.State != store.ScanRunning {
				continue
			}
			if !a.fleet.gone(s) {
				running[s.Source.Key] = true
				continue
			}
			if err := a.scanCrashed(ctx, tx, s); err != nil {
				return err
			}
		}
		for _, s := range open {
			if s.State == store.ScanWaiting && !running[s.Source.Key] && s.DueAt.Before(tx.At().Add(-tendEvery)) {
				if err := a.scanJobAt(ctx, tx, s); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// How long what has ended is kept: scans a little more than a year, the traces
// of hand-ins a month.
const (
	keepScans   = 400 * 24 * time.Hour
	keepUploads = 30 * 24 * time.Hour
)

func (a *App) sweepScans(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		return errors.Join(a.tendHandIns(ctx, tx), tx.ExpireUploads(tx.At().Add(-keepUploads)), tx.ForgetScans(tx.At().Add(-keepScans)))
	})
}
