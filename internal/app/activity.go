package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// ImportActivity reads the logs of sources. A source that fails does not keep
// the others from being read; what it had read is counted, and the same import
// again goes on where it stopped. Verdicts on what changed are formed at the end.
func (a *App) ImportActivity(ctx context.Context, sources []SourceConfig, opt ActivityOptions) ([]ActivityRead, error) {
	var out []ActivityRead
	if err := a.noteKeeping(ctx, opt.Actor); err != nil {
		return nil, err
	}
	for _, s := range sources {
		if s.Logs.Target != "" {
			s.Target = s.Logs.Target
		}
		sink := newActivitySink(a, s, opt)
		err := a.readActivity(ctx, s, opt, sink)
		read := sink.result()
		if err != nil {
			read.Error = err.Error()
		}
		out = append(out, read)
		// Also of what was read before it was stopped.
		if err := a.recordRead(context.WithoutCancel(ctx), opt.Actor, read); err != nil {
			return out, err
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
	}
	if _, err := a.DB.PackUsage(ctx, a.DB.Now().Add(-unpackedUse)); err != nil {
		return out, err
	}
	if _, err := a.JudgeUsage(ctx); err != nil {
		return out, err
	}
	return out, a.concerns(ctx, out)
}

// maxConcerned bounds of how many things it is counted which blind spots concern
// them.
const maxConcerned = 50_000

// concerns counts whom the blind spots of logs that were read concern.
func (a *App) concerns(ctx context.Context, reads []ActivityRead) error {
	counts := map[string]int{}
	for _, r := range reads {
		for _, c := range r.Coverage {
			for _, b := range c.BlindSpots {
				counts[b.Code] = 0
			}
		}
	}
	if len(counts) == 0 {
		return nil
	}
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var after retinue.EntityID
		for seen := 0; seen < maxConcerned; {
			rows, err := tx.Verdicts(store.VerdictQuery{After: after, Limit: store.MaxPage})
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, row := range rows {
				var v struct{ BlindSpots []retinue.BlindSpot }
				if err := json.Unmarshal(row.Body, &v); err != nil {
					return err
				}
				met := map[string]bool{}
				for _, b := range v.BlindSpots {
					if _, ours := counts[b.Code]; ours && !met[b.Code] {
						met[b.Code] = true
						counts[b.Code]++
					}
				}
			}
			seen, after = seen+len(rows), rows[len(rows)-1].Entity
		}
		return nil
	})
	for i := range reads {
		reads[i].Concerns = map[string]int{}
		for _, c := range reads[i].Coverage {
			for _, b := range c.BlindSpots {
				if n := counts[b.Code]; n > 0 {
					reads[i].Concerns[b.Code] = n
				}
			}
		}
	}
	return err
}

// recordRead puts on record that a source's logs were read.
func (a *App) recordRead(ctx context.Context, who retinue.Actor, read ActivityRead) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(who, retinue.RecordActivityRead, read.Source, map[string]any{"logs": read.Logs, "events": read.Events, "new": read.New,
			"faults": read.Faults, "complete": read.Error == ""})
		return nil
	})
}

// activityReader opens what reads a source's logs.
func (a *App) activityReader(ctx context.Context, s SourceConfig, opt ActivityOptions) (connector.ActivityReader, error) {
	spec, err := a.Spec(s.Kind)
	if err != nil {
		return nil, err
	}
	if spec.Activity == nil {
		return nil, fmt.Errorf("%w: source %s: it reads no logs: want one of %s", retinue.ErrUnsupported, s.Kind, strings.Join(activityKinds(a.Specs), ", "))
	}
	cfg, err := s.connectorConfig(opt.Getenv)
	if err != nil {
		return nil, err
	}
	return spec.Activity.Open(ctx, cfg, a.Env(s.Name, ScanOptions{Getenv: opt.Getenv, OnProgress: opt.OnProgress}))
}

// activityKinds are the kinds of source that read logs.
func activityKinds(specs []connector.Spec) []string {
	var out []string
	for _, s := range specs {
		if s.Activity != nil {
			out = append(out, s.Kind)
		}
	}
	return out
}

func (a *App) readActivity(ctx context.Context, s SourceConfig, opt ActivityOptions, sink *activitySink) error {
	reader, err := a.activityReader(ctx, s, opt)
	if err != nil {
		return err
	}
	return sink.take(ctx, reader, connector.ActivityRequest{Now: a.now(), Since: opt.Since, Position: sink.position}, sink)
}

// activitySink counts what a reader reads.
type activitySink struct {
	*readSoFar
	app     *App
	kind    string
	counter *eventCounter
	queue   *countQueue
}

func newActivitySink(a *App, source SourceConfig, opt ActivityOptions) *activitySink {
	return &activitySink{app: a, kind: source.Kind, readSoFar: newReadSoFar(ActivityRead{Source: source.Name}, opt)}
}

// take has a reader read, closes it, and returns once what it read is counted. The
// reader gives to a sink that passes on to this one.
func (s *activitySink) take(ctx context.Context, reader connector.ActivityReader, req connector.ActivityRequest, to connector.ActivitySink) (err error) {
	if s.counter, err = s.app.eventCounter(ctx, s.kind, s.Fault); err != nil {
		return errors.Join(err, reader.Close())
	}
	s.queue = newCountQueue(ctx, s.app.DB)
	err = reader.Activity(ctx, req, to)
	counted, cerr := s.queue.wait()
	s.add("", ActivityRead{New: counted.New, Repeated: counted.Repeated, LateUnverified: counted.LateUnverified})
	if err == nil { // otherwise it is what the reader was told
		err = cerr
	}
	return errors.Join(err, reader.Close())
}

func (s *activitySink) position(input string) (p connector.Position, err error) {
	err = s.app.DB.View(context.Background(), store.Everything(), func(tx *sqlstore.Tx) error {
		p, err = tx.UsageInput(input)
		return err
	})
	return p, err
}

// Batch implements connector.ActivitySink. What it takes is counted a little
// later, and then together with where the reading stood.
func (s *activitySink) Batch(ctx context.Context, b connector.Batch) error {
	batches, read, err := s.counter.batches(ctx, b)
	if err == nil {
		err = s.queue.put(batches)
	}
	if err == nil {
		s.add(inputOf(b), read)
	}
	return err
}

// Cover implements connector.ActivitySink.
func (s *activitySink) Cover(ctx context.Context, c retinue.Coverage) error {
	c, err := covered(c, s.app.now())
	if err != nil {
		return err
	}
	if _, err := s.queue.wait(); err != nil { // the events first
		return err
	}
	err = s.app.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.AddCoverage(c); err != nil || c.Proof != "" || !s.opt.Complete {
			return err
		}
		return attest(tx, s.opt.Actor, s.read.Source, store.Attestation{Log: c.Log, Realm: c.Realm, From: c.From, To: c.To, By: s.opt.Actor, At: tx.At()})
	})
	if c.Proof == "" && s.opt.Complete {
		c.Proof = fmt.Sprintf("%s said on %s that what was read is all that the log held", s.opt.Actor.Name, s.app.now().Format(time.DateOnly))
	}
	s.cover(c)
	return err
}

// covered is what a log covers as it is kept: to now at most, because nothing is
// known of what is yet to come, whatever a clock that is ahead says.
func covered(c retinue.Coverage, now time.Time) (retinue.Coverage, error) {
	if c.To.Before(c.From) || c.Realm.Validate() != nil || c.Log == "" || len(c.Log) > retinue.MaxEventText {
		return c, fmt.Errorf("%w: coverage of log %.100q of realm %.100q from %s to %s", retinue.ErrInvalid, c.Log, c.Realm, c.From, c.To)
	}
	if c.To.After(now) {
		if c.To = now; c.From.After(now) {
			c.From = now
		}
	}
	return c, nil
}

// Fault implements connector.ActivitySink.
func (s *activitySink) Fault(f connector.Fault) {
	if !s.fault(f) {
		return
	}
	label := f.Label
	if label == "" {
		label = f.Input
	}
	err := s.app.DB.Update(context.Background(), func(tx *sqlstore.Tx) error {
		return tx.AddFault(store.UsageFault{Log: s.kind, Input: label, Place: max(f.Line, f.Record), Count: max(1, f.Count), Message: f.Err.Error(), From: f.From, To: f.To})
	})
	if err != nil {
		s.app.log.Warn("fault of a log was not kept", "error", err)
	}
}
