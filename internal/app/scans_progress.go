package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// tracker follows a running scan: it keeps how far each scope is, writes it at
// most once a second so that every replica can tell, and hears that somebody
// cancelled it.
type tracker struct {
	app *App

	mu    sync.Mutex
	scan  store.Scan
	at    map[string]int // place of a scope in scan.Progress
	dirty bool
}

// maxProgress bounds how many scopes are told of; those that were written make
// room for others.
const maxProgress = 200

// beatPause is the least time between two writes.
const beatPause = time.Second

// start begins to write progress until the returned function is called.
func (t *tracker) start(ctx context.Context, cancel context.CancelCauseFunc) func() {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(beatPause)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if !t.changed() && time.Since(last) < beatEvery && !t.asked(ctx) {
				continue
			}
			last = time.Now()
			t.beat(context.WithoutCancel(ctx), cancel)
		}
	})
	return func() { close(stop); wg.Wait() }
}

func (t *tracker) changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.dirty
	t.dirty = false
	return was
}

// asked looks, without writing, whether somebody wants the scan to end.
func (t *tracker) asked(ctx context.Context) bool {
	var s store.Scan
	err := t.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		s, err = tx.Scan(t.snapshot().ID)
		return err
	})
	return err == nil && !s.CancelAt.IsZero()
}

// beat gives a sign of life.
func (t *tracker) beat(ctx context.Context, cancel context.CancelCauseFunc) {
	var cancelled bool
	err := t.app.DB.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		cancelled, err = tx.BeatScan(t.snapshot())
		return err
	})
	switch {
	case errors.Is(err, retinue.ErrConflict):
		cancel(errTaken)
	case err != nil: // the next one may come through; too long without, and it is taken for dead
		t.app.log.Warn("sign of life of a scan not written", "error", err.Error())
	case cancelled:
		cancel(errCancelled)
	}
}

// snapshot returns the scan as it stands.
func (t *tracker) snapshot() store.Scan {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.scan
	s.Progress = append([]store.ScopeProgress{}, s.Progress...)
	return s
}

func (t *tracker) setRun(id retinue.RunID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scan.Run = id
}

// progress takes a connector's report.
func (t *tracker) progress(_ string, p connector.Progress) {
	t.set(p.Scope.String(), func(s *store.ScopeProgress) {
		s.Stage, s.Done, s.Total, s.Unit = retinue.CleanName(p.Stage), p.Done, p.Total, retinue.CleanName(p.Unit)
	})
}

// scopeDone notes that a scope was written.
func (t *tracker) scopeDone(r store.ScopeRun) {
	t.set(r.Scope.String(), func(s *store.ScopeProgress) {
		counts := r.Counts
		s.State, s.Counts = r.State, &counts
	})
}

func (t *tracker) set(scope string, change func(*store.ScopeProgress)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.at[scope]
	if !ok {
		if len(t.scan.Progress) >= maxProgress && !t.makeRoom() {
			return
		}
		i = len(t.scan.Progress)
		t.at[scope] = i
		t.scan.Progress = append(t.scan.Progress, store.ScopeProgress{Scope: scope})
	}
	change(&t.scan.Progress[i])
	t.dirty = true
}

// makeRoom drops the first scope that was written.
func (t *tracker) makeRoom() bool {
	for i := range t.scan.Progress {
		if t.scan.Progress[i].State == "" {
			continue
		}
		delete(t.at, t.scan.Progress[i].Scope)
		t.scan.Progress = append(t.scan.Progress[:i], t.scan.Progress[i+1:]...)
		for name, at := range t.at {
			if at > i {
				t.at[name] = at - 1
			}
		}
		return true
	}
	return false
}
