package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/watch"
)

// TailOptions are how logs are followed.
type TailOptions struct {
	Actor retinue.Actor
	// Since is the oldest event that is wanted; zero: those that are written from
	// now on.
	Since time.Time
	// Identity leaves out what others than this identity or credential did.
	Identity retinue.EntityID
	// People is why people are called by their names, which goes on record; empty:
	// they are called by a pseudonym.
	People string
	// Every is how often what cannot be watched is read, 30 seconds where it is 0.
	Every time.Duration
	// Ready is called once all logs were read for the first time.
	Ready func()
	// OnFault is told what could not be read. It is called from several goroutines.
	OnFault func(source string, f connector.Fault)
	Getenv  func(string) string
}

// Tailed is an event as it is shown.
type Tailed struct {
	At     time.Time          `json:"at"`
	Source string             `json:"source"`
	Log    string             `json:"log"`
	Realm  retinue.Realm      `json:"realm"`
	Class  retinue.EventClass `json:"class"`
	// Identity is who acted, by the name that the inventory has, else by the log's.
	Identity   string           `json:"identity,omitempty"`
	IdentityID retinue.EntityID `json:"identityId,omitempty"`
	Person     bool             `json:"person,omitempty"`
	Credential string           `json:"credential,omitempty"`
	OnBehalfOf string           `json:"onBehalfOf,omitempty"`
	// Action is the permission that was used, or the log's own word.
	Action   string          `json:"action,omitempty"`
	Resource string          `json:"resource,omitempty"`
	Outcome  retinue.Outcome `json:"outcome"`
	Reason   string          `json:"reason,omitempty"`
	Region   string          `json:"region,omitempty"`
	// From is the workload, host or service that called; Address and Agent are left
	// out of what people did.
	From    string `json:"from,omitempty"`
	Address string `json:"address,omitempty"`
	Agent   string `json:"agent,omitempty"`
}

// TailActivity follows logs and gives each event to emit as it is written, until
// ctx ends, which is no error. It counts nothing and keeps nothing. A source that
// cannot be read at all ends it.
func (a *App) TailActivity(ctx context.Context, sources []SourceConfig, opt TailOptions, emit func(Tailed) error) error {
	if opt.Every <= 0 {
		opt.Every = 30 * time.Second
	}
	if opt.OnFault == nil {
		opt.OnFault = func(string, connector.Fault) {}
	}
	t := &tail{app: a, opt: opt, emit: emit, watcher: watch.New(watch.Options{Log: a.log}), logs: map[string]*tailedLog{}, names: map[retinue.Ref]tailedName{}}
	if opt.People != "" {
		if err := a.recordTailed(ctx, sources, opt); err != nil {
			return err
		}
	}
	for _, s := range sources {
		if s.Logs.Target != "" {
			s.Target = s.Logs.Target
		}
		if t.logs[s.Name] != nil {
			return fmt.Errorf("%w: two sources are called %s", retinue.ErrInvalid, s.Name)
		}
		t.logs[s.Name] = &tailedLog{tail: t, source: s, since: opt.Since, silent: opt.Since.IsZero(), positions: map[string]connector.Position{}}
	}
	err := t.follow(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// recordTailed puts on record that somebody sees people's names.
func (a *App) recordTailed(ctx context.Context, sources []SourceConfig, opt TailOptions) error {
	if len(opt.People) < 5 || len(opt.People) > 500 || retinue.CleanName(opt.People) != opt.People {
		return fmt.Errorf("%w: say in 5 to 500 characters why people's names are needed", retinue.ErrInvalid)
	}
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(opt.Actor, retinue.RecordPeopleShown, "activity", map[string]any{"reason": opt.People, "sources": names})
		return nil
	})
}

// tail follows logs.
type tail struct {
	app     *App
	opt     TailOptions
	emit    func(Tailed) error
	watcher *watch.Watcher
	logs    map[string]*tailedLog

	mu    sync.Mutex
	names map[retinue.Ref]tailedName
	asked time.Time // when names were first asked for
}

// follow reads each log once, and again whenever it changes.
func (t *tail) follow(ctx context.Context) error {
	order := slices.Sorted(maps.Keys(t.logs))
	for _, name := range order {
		if err := t.logs[name].read(ctx); err != nil {
			return err
		}
	}
	if t.opt.Ready != nil {
		t.opt.Ready()
	}
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() { t.watcher.Run(ctx) })
	tick := time.NewTicker(t.opt.Every)
	defer tick.Stop()
	for {
		due := order // also what is watched: what its end of line is missing is read in time
		select {
		case <-ctx.Done():
			return ctx.Err()
		case name := <-t.watcher.Changes():
			due = []string{name}
		case <-tick.C:
		}
		for _, name := range due {
			if err := t.logs[name].read(ctx); err != nil {
				return err
			}
		}
	}
}

// tailedLog is one source's log. It implements connector.ActivitySink and
// connector.Files.
type tailedLog struct {
	tail   *tail
	source SourceConfig
	since  time.Time
	// silent is true while what was written before is passed.
	silent bool

	mu        sync.Mutex
	positions map[string]connector.Position
}

func (l *tailedLog) read(ctx context.Context) error {
	a := l.tail.app
	reader, err := a.activityReader(ctx, l.source, ActivityOptions{Getenv: l.tail.opt.Getenv, OnProgress: func(string, connector.Progress) {}})
	if err != nil {
		return err
	}
	now := a.now()
	since := l.since
	if l.silent {
		since = now
	}
	err = reader.Activity(ctx, connector.ActivityRequest{Now: now, Since: since, Position: l.position, Files: l}, l)
	l.silent = false
	if err = errors.Join(err, reader.Close()); err != nil {
		return fmt.Errorf("follow %s: %w", l.source.Name, err)
	}
	return nil
}

func (l *tailedLog) position(input string) (connector.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.positions[input], nil
}

// Batch implements connector.ActivitySink.
func (l *tailedLog) Batch(ctx context.Context, b connector.Batch) error {
	l.mu.Lock()
	l.positions[b.Input] = b.Position
	l.mu.Unlock()
	if l.silent {
		return nil
	}
	return l.tail.show(ctx, l.source.Name, l.since, b.Events)
}

// Cover implements connector.ActivitySink.
func (*tailedLog) Cover(context.Context, retinue.Coverage) error { return nil }

// Fault implements connector.ActivitySink.
func (l *tailedLog) Fault(f connector.Fault) {
	if !l.silent {
		l.tail.opt.OnFault(l.source.Name, f)
	}
}

// Note implements connector.ActivitySink.
func (*tailedLog) Note(connector.Note) {}

// Progress implements connector.ActivitySink.
func (*tailedLog) Progress(connector.Progress) {}

// Reading implements connector.Files.
func (l *tailedLog) Reading(paths []string) { l.tail.watcher.Set(l.source.Name, paths) }

// Unchanged implements connector.Files: each file is opened, which is cheap since
// reading goes on where it stood.
func (*tailedLog) Unchanged(string, int64, time.Time) bool { return false }

// Read implements connector.Files.
func (*tailedLog) Read(string, int64, time.Time) {}

// show emits events, in the order in which they stand in the log.
func (t *tail) show(ctx context.Context, source string, since time.Time, events []retinue.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.app.now(); now.Sub(t.asked) > tailedNamesFor || len(t.names) > maxTailedNames {
		t.names, t.asked = map[retinue.Ref]tailedName{}, now
	}
	var out []Tailed
	err := t.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		for i := range events {
			if events[i].At.Before(since) {
				continue
			}
			v, ok, err := t.told(tx, source, &events[i])
			if err != nil {
				return err
			}
			if ok {
				out = append(out, v)
			}
		}
		return nil
	})
	for _, v := range out {
		if err == nil {
			err = t.emit(v)
		}
	}
	return err
}
