package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/eventstream"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// lookForPauses is how often a server looks whether somebody paused a stream.
const lookForPauses = 2 * time.Second

// ListEventStreams implements api.EventStreamer.
func (a *App) ListEventStreams(ctx context.Context) (out []api.EventStream, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out, err = a.streamsIn(tx)
		return err
	})
	return out, err
}

// streamsIn lists the streams that this process reads, or would if they were not
// paused.
func (a *App) streamsIn(tx *sqlstore.Tx) ([]api.EventStream, error) {
	pauses, err := tx.StreamPauses()
	out := []api.EventStream{}
	for _, s := range a.EventStreams() {
		v := api.EventStream{Standing: stateOfStream(s), State: s}
		if i := slices.IndexFunc(pauses, func(p store.StreamPause) bool { return p.Name == s.Name }); i >= 0 {
			v.Standing, v.PausedAt, v.PausedBy = "paused", pauses[i].At, calledIn(tx, pauses[i].By).Name
		}
		out = append(out, v)
	}
	return out, err
}

func stateOfStream(s eventstream.State) string {
	switch {
	case s.Error != "":
		return "failing"
	case s.Connected:
		return "reading"
	}
	return "connecting"
}

// PauseEventStream implements api.EventStreamer.
func (a *App) PauseEventStream(ctx context.Context, c auth.Caller, name string) (api.EventStream, error) {
	return a.changeStream(ctx, name, func(tx *sqlstore.Tx, s api.EventStream) error {
		if s.Standing == "paused" {
			return nil
		}
		tx.Record(c.Actor, retinue.RecordActivityPaused, name, map[string]any{"stream": s.Stream})
		return tx.PauseStream(name, c.Actor)
	})
}

// ResumeEventStream implements api.EventStreamer.
func (a *App) ResumeEventStream(ctx context.Context, c auth.Caller, name string) (api.EventStream, error) {
	return a.changeStream(ctx, name, func(tx *sqlstore.Tx, s api.EventStream) error {
		if s.Standing != "paused" {
			return nil
		}
		tx.Record(c.Actor, retinue.RecordActivityResumed, name, map[string]any{"stream": s.Stream, "pausedSince": s.PausedAt.Format(time.RFC3339)})
		return tx.ResumeStream(name)
	})
}

func (a *App) changeStream(ctx context.Context, name string, change func(*sqlstore.Tx, api.EventStream) error) (out api.EventStream, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		s, err := a.streamIn(tx, name)
		if err == nil {
			err = change(tx, s)
		}
		if err == nil {
			out, err = a.streamIn(tx, name)
		}
		return err
	})
	return out, err
}

func (a *App) streamIn(tx *sqlstore.Tx, name string) (api.EventStream, error) {
	all, err := a.streamsIn(tx)
	if err != nil {
		return api.EventStream{}, err
	}
	i := slices.IndexFunc(all, func(s api.EventStream) bool { return s.Name == name })
	if i < 0 {
		return api.EventStream{}, fmt.Errorf("%w: event stream %q: this server's configuration names none of that name", retinue.ErrNotFound, name)
	}
	return all[i], nil
}

// streamPaused reports whether somebody wants a stream not read. Where the
// database does not say, it stays as it was.
func (a *App) streamPaused(ctx context.Context, name string, was bool) bool {
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		list, err := tx.StreamPauses()
		if err == nil {
			was = slices.ContainsFunc(list, func(p store.StreamPause) bool { return p.Name == name })
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		a.log.Warn("pauses of event streams were not looked for", "stream", name, "error", err.Error())
	}
	return was
}

// readStream reads a stream until ctx ends, but while somebody wants it not read.
func (a *App) readStream(ctx context.Context, r *eventstream.Reader) error {
	name := r.State().Name
	tick := time.NewTicker(lookForPauses)
	defer tick.Stop()
	for paused := a.streamPaused(ctx, name, false); ctx.Err() == nil; paused = a.streamPaused(ctx, name, paused) {
		if !paused {
			if err := a.readUnpaused(ctx, r, tick.C); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil
}

// readUnpaused reads a stream until ctx ends or somebody pauses it.
func (a *App) readUnpaused(ctx context.Context, r *eventstream.Reader, look <-chan time.Time) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(reading) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-look:
			if a.streamPaused(ctx, r.State().Name, false) {
				stop()
				return <-ended
			}
		}
	}
}
