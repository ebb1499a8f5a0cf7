package app

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/watch"
)

// The times of reading logs by themselves.
const (
	// defaultLogsInterval is the time between two reads where nobody chose one, and
	// minLogsInterval the shortest that may be chosen.
	defaultLogsInterval = 5 * time.Minute
	minLogsInterval     = 10 * time.Second
	// lookForLogs is how often a server looks for logs that are due, and
	// lookForAll how often it looks at all, to learn what it has to watch.
	lookForLogs = time.Second
	lookForAll  = 30 * time.Second
	// beatLogs is how often who reads logs gives a sign of life.
	beatLogs = 5 * time.Second
	// maxBackoff is after how long at most a source that fails is tried again,
	// unless its interval is longer.
	maxBackoff = time.Hour
	// logWorkers is how many sources' logs a server reads at once.
	logWorkers = 4
)

var errPaused = errors.New("somebody paused it")

// sourceLogs is what this process holds of the logs that it reads by itself.
type sourceLogs struct {
	watcher *watch.Watcher
	metrics *logMetrics
	wake    chan struct{}

	mu    sync.Mutex
	live  map[int64]context.CancelCauseFunc // by source
	met   map[int64]*metLogs
	count sync.WaitGroup
}

// metLogs are logs that this process has begun to read once.
type metLogs struct {
	target string
	files  *logFiles
	// changed is true while a change of the files was told that no read has seen,
	// and calm is until when none is begun for that reason.
	changed bool
	calm    time.Time
}

func newSourceLogs() *sourceLogs {
	return &sourceLogs{metrics: newLogMetrics(), wake: make(chan struct{}, 1), live: map[int64]context.CancelCauseFunc{}, met: map[int64]*metLogs{}}
}

func (s *sourceLogs) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// RunSourceLogs reads the logs of sources by themselves until ctx ends, each by
// one server at a time: when they are due, when somebody asks, and when their
// files change. What is being read when ctx ends is stopped; what was read is
// counted, and the next server goes on from there.
func (a *App) RunSourceLogs(ctx context.Context) {
	a.logs.watcher = watch.New(watch.Options{Log: a.log})
	var watching sync.WaitGroup
	watched, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	watching.Go(func() { a.logs.watcher.Run(watched) })
	defer func() {
		a.logs.stop()
		stopWatching()
		watching.Wait()
	}()
	tick := time.NewTicker(lookForLogs)
	defer tick.Stop()
	var all time.Time // when it looked at all of them
	for {
		whole := time.Since(all) >= lookForAll
		if whole {
			all = time.Now()
		}
		if err := a.lookForLogs(ctx, whole); err != nil && ctx.Err() == nil {
			a.log.Warn("logs that are due were not looked for", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.logs.wake:
		case name := <-a.logs.watcher.Changes():
			a.logs.change(name)
		}
	}
}

// stop ends the reads of this process, and waits for them.
func (s *sourceLogs) stop() {
	s.mu.Lock()
	for _, cancel := range s.live {
		cancel(errStopping)
	}
	s.mu.Unlock()
	s.count.Wait()
}

// change notes that files of a source changed.
func (s *sourceLogs) change(name string) {
	key, err := strconv.ParseInt(name, 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.met[key]; err == nil && m != nil {
		m.changed = true
	}
}

// lookForLogs begins to read what is due: of everything, or of what may have
// become due since.
func (a *App) lookForLogs(ctx context.Context, whole bool) error {
	var list []store.SourceLogs
	var now time.Time
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		now = tx.At()
		if whole {
			list, err = tx.SourceLogs()
		} else {
			list, err = tx.DueSourceLogs(a.logs.changedNow())
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range list {
		if l.Holder != "" && !a.logsAbandoned(l) || l.Paused() || !a.logs.wants(l, now) {
			continue
		}
		a.beginLogs(ctx, l)
	}
	if whole {
		a.logs.forget(list)
	}
	return nil
}

// changedNow lists the sources whose files changed and that may be read again.
func (s *sourceLogs) changedNow() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int64
	for key, m := range s.met {
		if m.changed && s.live[key] == nil && time.Now().After(m.calm) {
			out = append(out, key)
		}
	}
	return out
}

// wants reports whether logs are to be read now: they are due, their files
// changed, or this process has never read them and so does not know what to
// watch.
func (s *sourceLogs) wants(l store.SourceLogs, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.met[l.Source.Key]
	switch {
	case s.live[l.Source.Key] != nil:
		return false
	case m == nil || m.target != l.Target:
		return l.Failures == 0 || !l.DueAt.After(now)
	}
	return !l.DueAt.After(now) || m.changed && time.Now().After(m.calm)
}

// forget drops what is held of logs that are not read any more.
func (s *sourceLogs) forget(list []store.SourceLogs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := map[int64]bool{}
	for _, l := range list {
		there[l.Source.Key] = !l.Paused()
	}
	for key := range s.met {
		if !there[key] {
			delete(s.met, key)
			s.watcher.Set(strconv.FormatInt(key, 10), nil)
		}
	}
	s.metrics.sources(list)
}

// logsAbandoned reports that the process which holds logs reads them no more.
func (a *App) logsAbandoned(l store.SourceLogs) bool {
	if l.Holder == a.fleet.holder {
		a.logs.mu.Lock()
		defer a.logs.mu.Unlock()
		return a.logs.live[l.Source.Key] == nil
	}
	return a.fleet.away(l.Holder) || a.fleet.pulses.dead("logs "+string(l.Source.ID), l.Holder+" "+strconv.FormatInt(l.Signs, 10))
}

// beginLogs reads logs beside others, if a worker is free.
func (a *App) beginLogs(ctx context.Context, l store.SourceLogs) {
	s := a.logs
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) >= logWorkers || s.live[l.Source.Key] != nil || ctx.Err() != nil {
		return
	}
	m := s.met[l.Source.Key]
	if m == nil || m.target != l.Target {
		name := strconv.FormatInt(l.Source.Key, 10)
		m = &metLogs{target: l.Target, files: newLogFiles(func(paths []string) { s.watcher.Set(name, paths) })}
		s.met[l.Source.Key] = m
	}
	m.changed = false // what changes from here on may be missed by this read
	// What is stopped is so by stop, which says why.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	s.live[l.Source.Key] = cancel
	s.count.Go(func() {
		began := time.Now()
		err := a.readSourceLogs(ctx, cancel, l, m)
		cancel(nil)
		s.mu.Lock()
		delete(s.live, l.Source.Key)
		// A large folder that changes all the time is not read all the time.
		m.calm = time.Now().Add(min(max(10*time.Since(began), lookForLogs), l.Interval))
		s.mu.Unlock()
		s.wakeUp()
		if err != nil && !errors.Is(err, retinue.ErrConflict) {
			a.log.Warn("logs of a source were not read", "source", l.Source.Name, "error", err.Error())
		}
	})
}
