package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// readSourceLogs takes the logs of a source for this process, reads them and
// writes how that ended.
func (a *App) readSourceLogs(ctx context.Context, cancel context.CancelCauseFunc, l store.SourceLogs, m *metLogs) error {
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		l, err = tx.BeginSourceLogs(l, a.fleet.holder)
		return err
	})
	if err != nil {
		return err // another process was first, or they were removed
	}
	began := time.Now()
	stop := a.beatLogs(ctx, cancel, l)
	read, err := a.readLogs(ctx, l, m)
	stop()
	end, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer done()
	how := "read"
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errTaken):
		return nil // what became of it is not ours to say
	case cause != nil:
		how = "stopped"
		err = a.leaveLogs(end, l, read)
	case err != nil:
		how = "failed"
		err = a.endLogs(end, l, read, retinue.CleanName(a.redactLogs(l, err.Error())))
	default:
		err = a.endLogs(end, l, read, "")
	}
	a.logs.metrics.ended(l.Source.Kind, how, read, time.Since(began))
	return err
}

// redactLogs takes secrets of a target out of a text.
func (a *App) redactLogs(l store.SourceLogs, text string) string {
	if s, ok := a.fileSource(store.SourceConfig{Source: l.Source, Origin: l.Origin}); ok {
		return redactor(s.Logs.Target)(text)
	}
	return redactor(l.Target)(text)
}

// beatLogs gives signs of life until the returned function is called, and ends
// the read when somebody else took it over, paused it, or removed the source.
func (a *App) beatLogs(ctx context.Context, cancel context.CancelCauseFunc, l store.SourceLogs) func() {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(beatLogs)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			var paused bool
			err := a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) (err error) {
				paused, err = tx.BeatSourceLogs(l.Source.Key, l.Holder)
				return err
			})
			switch {
			case errors.Is(err, retinue.ErrConflict):
				cancel(errTaken)
			case err != nil: // the next one may come through; too long without, and it is taken for dead
				a.log.Warn("sign of life of a read of logs not written", "error", err.Error())
			case paused:
				cancel(errPaused)
			}
		}
	})
	return func() { close(stop); wg.Wait() }
}

// readLogs reads logs from where the last read ended.
func (a *App) readLogs(ctx context.Context, l store.SourceLogs, m *metLogs) (ActivityRead, error) {
	sink := newActivitySink(a, SourceConfig{Name: l.Source.Name, Kind: l.Source.Kind}, ActivityOptions{Actor: readActor(l)})
	reader, err := a.sourceLogsReader(ctx, l)
	if err != nil {
		return sink.result(), err
	}
	b := &bridged{activitySink: sink, logs: l, now: a.DB.Now(), going: map[string]bool{}, gone: map[string]bool{}}
	err = sink.take(ctx, reader, connector.ActivityRequest{Now: a.now(), Position: b.position, Files: m.files}, b)
	return sink.result(), err
}

// readActor is on whose behalf logs are read.
func readActor(l store.SourceLogs) retinue.Actor {
	if l.AskedBy != (retinue.Actor{}) {
		return l.AskedBy
	}
	return scheduleActor()
}

// sourceLogsReader opens what reads the logs of a source. What was configured
// through the interface sees nothing of this machine and dials under the policy of
// the installation.
func (a *App) sourceLogsReader(ctx context.Context, l store.SourceLogs) (connector.ActivityReader, error) {
	c := store.SourceConfig{Source: l.Source, Origin: l.Origin}
	if s, ok := a.fileSource(c); ok {
		s.Target = s.Logs.Target
		return a.activityReader(ctx, s, ActivityOptions{Getenv: ScanOptions{}.withDefaults().Getenv})
	}
	if l.Origin != store.OriginAPI {
		return nil, fmt.Errorf("%w: read logs of %s: this server's configuration does not name it", retinue.ErrUnsupported, l.Source.Name)
	}
	spec, err := a.Spec(l.Source.Kind)
	if err != nil {
		return nil, err
	}
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		c, err = tx.SourceConfig(string(l.Source.ID))
		return err
	})
	if err != nil {
		return nil, err
	}
	cfg, err := a.remoteConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	cfg.Target = l.Target
	if err := spec.CheckRemoteLogs(cfg); err != nil {
		return nil, err // the rules may have become stricter since it was configured
	}
	env := a.Env(l.Source.Name, ScanOptions{Getenv: func(string) string { return "" }})
	env.Dial = a.fleet.dialler.DialContext
	return spec.Activity.Open(ctx, cfg, env)
}

// bridged is the sink of logs that are read again and again. What one read covers
// begins at its first event, what the one before covered ended at its last: where
// nothing can have been between the two, they are made one.
type bridged struct {
	*activitySink
	logs store.SourceLogs
	now  time.Time

	mu    sync.Mutex
	going map[string]bool // inputs that an earlier read began
	gone  map[string]bool // logs of which such an input went on
}

func (b *bridged) position(input string) (connector.Position, error) {
	p, err := b.activitySink.position(input)
	if p.Offset > 0 {
		b.mu.Lock()
		b.going[input] = true
		b.mu.Unlock()
	}
	return p, err
}

// Batch implements connector.ActivitySink.
func (b *bridged) Batch(ctx context.Context, batch connector.Batch) error {
	b.mu.Lock()
	if len(batch.Events) > 0 && b.going[batch.Input] {
		b.gone[batch.Events[0].Log] = true
	}
	b.mu.Unlock()
	return b.activitySink.Batch(ctx, batch)
}

// Cover implements connector.ActivitySink.
func (b *bridged) Cover(ctx context.Context, c retinue.Coverage) error {
	b.mu.Lock()
	// A file that went on where it was left misses nothing. Nor does a log that is
	// read all the time, unless something of it could not be read.
	whole := b.gone[c.Log] || b.now.Sub(b.logs.ReadAt) <= 2*max(b.logs.Interval, defaultLogsInterval)
	b.mu.Unlock()
	if c.Proof == "" && whole && b.result().Faults == 0 {
		for _, done := range b.logs.Standing.Covered {
			if done.Log == c.Log && done.Realm == c.Realm && done.To.Before(c.From) {
				c.From = done.To
			}
		}
	}
	return b.activitySink.Cover(ctx, c)
}

// leaveLogs lets go of logs that were not read to their end.
func (a *App) leaveLogs(ctx context.Context, l store.SourceLogs, read ActivityRead) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		l := l
		addRead(&l, read, tx.At())
		return errors.Join(tx.LeaveSourceLogs(l), a.judgeRead(ctx, tx, read))
	})
}

// endLogs writes how a read ended, when the next one is due, and puts on record
// what is worth one.
func (a *App) endLogs(ctx context.Context, l store.SourceLogs, read ActivityRead, failure string) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		l, now := l, tx.At()
		addRead(&l, read, now)
		failed := l.Failures
		l.TriedAt, l.Error = now, failure
		if failure == "" {
			l.Failures = 0
			cover(&l.Standing, read.Coverage)
		} else {
			l.Failures++
		}
		l.DueAt = now.Add(nextRead(l.Interval, l.Failures))
		if worthRecord(l, failed, now) {
			recordLogs(tx, &l)
		}
		if failure == "" {
			l.ReadAt = now
		}
		if err := tx.EndSourceLogs(l); err != nil {
			return err
		}
		return a.judgeRead(ctx, tx, read)
	})
}

// judgeRead has verdicts formed on whose use was counted.
func (a *App) judgeRead(ctx context.Context, tx *sqlstore.Tx, read ActivityRead) error {
	if read.New == 0 {
		return nil
	}
	_, err := a.queue.Insert(ctx, queueTx(tx), usageJob{}, jobs.Options{Key: "usage"})
	return err
}

// nextRead is in how long logs are read again: later the more often that failed.
func nextRead(interval time.Duration, failures int64) time.Duration {
	d := interval
	for range max(0, failures-1) {
		if d *= 2; d >= maxBackoff {
			return max(interval, maxBackoff)
		}
	}
	return d
}

// addRead adds what a read brought.
func addRead(l *store.SourceLogs, read ActivityRead, now time.Time) {
	st := &l.Standing
	st.Last = store.LogsCount{Reads: 1, Events: read.Events, New: read.New, Repeated: read.Repeated, Faults: read.Faults}
	st.Total.Add(st.Last)
	st.Open.Add(st.Last)
	if st.OpenSince.IsZero() {
		st.OpenSince = now
	}
	if read.New > 0 {
		st.NewAt = now
	}
	for _, log := range read.Logs {
		if !slices.Contains(st.Logs, log) {
			st.Logs = append(st.Logs, log)
		}
	}
}

// maxCovered bounds of how many logs of realms it is kept up to when they were
// read.
const maxCovered = 1000

func cover(st *store.LogsStanding, list []retinue.Coverage) {
	for _, c := range list {
		i := slices.IndexFunc(st.Covered, func(x store.LogCovered) bool { return x.Log == c.Log && x.Realm == c.Realm })
		switch {
		case i >= 0:
			st.Covered[i].To = later(st.Covered[i].To, c.To)
		case len(st.Covered) < maxCovered:
			st.Covered = append(st.Covered, store.LogCovered{Log: c.Log, Realm: c.Realm, To: c.To})
		}
	}
}

// How long reads that brought something new, and reads that did not, go without a
// record.
const (
	recordNews  = time.Hour
	recordQuiet = 24 * time.Hour
)

// worthRecord reports whether a read is put on record, with those since the last
// record: somebody asked for it, it is the first, it began or ceased to fail, or
// enough time has gone by. What is read every few minutes would else bury what
// else is on record.
func worthRecord(l store.SourceLogs, failed int64, now time.Time) bool {
	open := now.Sub(l.Standing.OpenSince)
	return l.AskedBy != (retinue.Actor{}) || l.ReadAt.IsZero() && l.Failures == 0 || (failed == 0) != (l.Failures == 0) ||
		l.Standing.Open.New > 0 && open >= recordNews || open >= recordQuiet
}

// recordLogs puts the reads since the last record on record.
func recordLogs(tx *sqlstore.Tx, l *store.SourceLogs) {
	st := &l.Standing
	details := map[string]any{"source": l.Source.ID, "logs": st.Logs, "reads": st.Open.Reads, "since": st.OpenSince.Format(time.RFC3339), "events": st.Open.Events,
		"new": st.Open.New, "faults": st.Open.Faults, "complete": l.Failures == 0}
	if l.Error != "" {
		details["error"] = l.Error
	}
	tx.Record(readActor(*l), retinue.RecordActivityRead, l.Source.Name, details)
	st.Open, st.OpenSince = store.LogsCount{}, time.Time{}
}
