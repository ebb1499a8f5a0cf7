package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/eventstream"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
)

// eventStreams is what this process reads of streams of usage events.
type eventStreams struct {
	mu      sync.Mutex
	readers []*eventstream.Reader
}

// EventStreams is how the reading of streams of usage events goes in this
// process.
func (a *App) EventStreams() []eventstream.State {
	a.events.mu.Lock()
	defer a.events.mu.Unlock()
	out := make([]eventstream.State, len(a.events.readers))
	for i, r := range a.events.readers {
		out[i] = r.State()
	}
	return out
}

// openEventStreams makes what reads the configured streams. It connects nowhere.
func (a *App) openEventStreams(ctx context.Context, getenv func(string) string) error {
	if err := checkEventStreams(a.Config.EventStreams, a.Specs); err != nil {
		return err
	}
	var readers []*eventstream.Reader
	for i, s := range a.Config.EventStreams {
		r, err := a.eventReader(ctx, s, getenv)
		if err != nil {
			return atStream(i, err)
		}
		readers = append(readers, r)
	}
	a.events.mu.Lock()
	defer a.events.mu.Unlock()
	a.events.readers = readers
	return nil
}

// RunEventStreams reads the configured streams until ctx ends. What a stream's
// servers refuse keeps none of the others from being read: it is told in the log
// and in EventStreams, and tried again.
func (a *App) RunEventStreams(ctx context.Context) error {
	if len(a.EventStreams()) == 0 {
		if err := a.openEventStreams(ctx, os.Getenv); err != nil {
			return err
		}
	}
	a.events.mu.Lock()
	readers := slices.Clone(a.events.readers)
	a.events.mu.Unlock()
	errs := make([]error, len(readers))
	var all sync.WaitGroup
	for i, r := range readers {
		all.Go(func() {
			errs[i] = a.readStream(ctx, r)
			if errs[i] != nil {
				a.log.Error("event stream is not read", "error", errs[i].Error())
			}
			a.recordStreamRead(context.WithoutCancel(ctx), r.State())
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// recordStreamRead puts on record what this process read of a stream.
func (a *App) recordStreamRead(ctx context.Context, s eventstream.State) {
	if s.Messages == 0 {
		return
	}
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(configActor(), retinue.RecordActivityRead, s.Name, map[string]any{"stream": s.Stream, "messages": s.Messages, "events": s.Events, "new": s.New,
			"faults": s.Faults, "dropped": s.Dropped})
		return nil
	})
	if err != nil {
		a.log.Warn("reading of an event stream was not put on record", "stream", s.Name, "error", err.Error())
	}
}

// eventReader makes what reads one stream.
func (a *App) eventReader(ctx context.Context, s EventStreamConfig, getenv func(string) string) (*eventstream.Reader, error) {
	c, err := s.config(getenv)
	if err != nil {
		return nil, err
	}
	faults := &streamFaults{app: a}
	c.Log, c.Now, c.Fault, c.Cover = a.log, a.now, faults.keep, a.coverStream
	for j, sub := range s.Subjects {
		one, err := sub.subject(a.Specs)
		if err == nil {
			one.Check, one.Homes = usage.Check, a.keyHomes(ctx)
			one.Decode, err = a.streamDecoder(s.Name, sub)
		}
		if err == nil {
			one.Count, err = a.streamCounter(ctx, sub.Kind, faults)
		}
		if err != nil {
			return nil, fmt.Errorf("subjects[%d]: %w", j, err)
		}
		c.Subjects = append(c.Subjects, one)
	}
	return eventstream.New(c)
}

// streamDecoder makes what decodes one record of a subject.
func (a *App) streamDecoder(name string, s EventSubjectConfig) (func([]byte) ([]retinue.Event, error), error) {
	spec, err := a.Spec(s.Kind)
	if err != nil {
		return nil, err
	}
	if spec.Activity.Decoder == nil {
		return spec.Activity.Decode, nil
	}
	return spec.Activity.Decoder(connector.Config{Name: name, Options: s.Options}, a.Env(name, ScanOptions{}))
}

// conditionsEvery is how often it is asked anew which request conditions some
// policy tests.
const conditionsEvery = 10 * time.Minute

// streamCounter makes what counts the events of a kind of source. It lives as
// long as the server, so that it is made anew now and then: policies change.
func (a *App) streamCounter(ctx context.Context, kind string, faults *streamFaults) (func(context.Context, connector.Batch) (eventstream.Counted, error), error) {
	fault := func(f connector.Fault) { faults.keep(kind, f) }
	counter, err := a.eventCounter(ctx, kind, fault)
	made := a.now()
	var mu sync.Mutex
	return func(ctx context.Context, b connector.Batch) (eventstream.Counted, error) {
		mu.Lock()
		if now := a.now(); now.Sub(made) > conditionsEvery {
			if c, err := a.eventCounter(ctx, kind, fault); err == nil { // else with what was known
				counter = c
			}
			made = now
		}
		c := counter
		mu.Unlock()
		read, err := c.Count(ctx, b)
		return eventstream.Counted{Events: read.Events, New: read.New, Repeated: read.Repeated, LateUnverified: read.LateUnverified, Unknown: read.Unknown}, err
	}, err
}

// coverStream keeps what a subject of a stream covers. A stretch goes on where
// the one before ended, since nothing between them is missing, unless broken says
// that something is.
func (a *App) coverStream(ctx context.Context, s *eventstream.Subject, input string, list []retinue.Coverage, broken bool) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for _, c := range list {
			if s.Complete {
				c.Proof = fmt.Sprintf("the configuration says that subject %s carries all of the log, and nothing of %s went by unread", s.Filter, input)
			}
			c.BlindSpots, c.Classes = a.logBlindSpots(s.Kind, c.Log), slices.Sorted(slices.Values(c.Classes))
			before, err := streamCovered(tx, c)
			if err != nil {
				return err
			}
			if before.To.IsZero() && (s.Complete || s.Authentic) {
				tx.Record(configActor(), retinue.RecordActivityAttested, s.Filter, map[string]any{"log": c.Log, "realm": c.Realm, "from": c.From.Format(time.RFC3339),
					"complete": s.Complete, "authentic": s.Authentic})
			}
			// All classes that the log ever showed: a stretch without one of them shows
			// that nothing of it happened.
			c.Classes = union(c.Classes, before.Classes)
			if !broken && !before.To.IsZero() && before.To.Before(c.From) {
				c.From = before.To
			}
			if err := tx.AddCoverage(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// streamCovered is the last stretch that says the same of the same log.
func streamCovered(tx *sqlstore.Tx, c retinue.Coverage) (retinue.Coverage, error) {
	list, err := tx.UsageCoverage(c.Realm)
	var last retinue.Coverage
	for _, have := range list {
		if have.Log == c.Log && have.Proof == c.Proof && have.Authenticated == c.Authenticated && have.To.After(last.To) {
			last = have
		}
	}
	return last, err
}

func union(a, b []retinue.EventClass) []retinue.EventClass {
	all := map[retinue.EventClass]bool{}
	for _, c := range slices.Concat(a, b) {
		all[c] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// logBlindSpots are those that a log may have: a stream does not tell how the
// system that writes to it is set, so that all of them are taken to apply.
func (a *App) logBlindSpots(kind, log string) []retinue.BlindSpot {
	spec, err := a.Spec(kind)
	if err != nil || spec.Activity == nil {
		return nil
	}
	for _, k := range spec.Activity.Logs {
		if k.Name == log || len(spec.Activity.Logs) == 1 {
			return k.BlindSpots
		}
	}
	return nil
}

// The faults of a stream that are kept one by one in so much time; the others
// are added up.
const (
	streamFaultsEach = 20
	streamFaultsTime = time.Hour
)

// streamFaults keeps what could not be read of a stream. A stream can bring
// millions of messages that nobody can read.
type streamFaults struct {
	app *App

	mu    sync.Mutex
	since time.Time
	kept  int
	more  map[string]int64 // by kind
}

func (s *streamFaults) keep(kind string, f connector.Fault) {
	s.mu.Lock()
	now := s.app.now()
	var sums map[string]int64
	if now.Sub(s.since) > streamFaultsTime {
		s.since, s.kept, sums, s.more = now, 0, s.more, map[string]int64{}
	}
	s.kept++
	each := s.kept <= streamFaultsEach
	if !each {
		s.more[kind] += max(1, f.Count)
	}
	s.mu.Unlock()
	if !each && len(sums) == 0 {
		return
	}
	err := s.app.DB.Update(context.Background(), func(tx *sqlstore.Tx) error {
		for k, n := range sums {
			if err := tx.AddFault(store.UsageFault{Log: k, Input: f.Label, Count: n, Message: "further messages could not be read"}); err != nil {
				return err
			}
		}
		if !each {
			return nil
		}
		return tx.AddFault(store.UsageFault{Log: kind, Input: f.Label, Place: f.Record, Count: max(1, f.Count), Message: f.Err.Error(), From: f.From, To: f.To})
	})
	if err != nil {
		s.app.log.Warn("fault of an event stream was not kept", "error", err.Error())
	}
}
