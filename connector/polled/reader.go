package polled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// maxPages bounds one run over one log.
const maxPages = 100_000

// Proof is what the coverage of a log that was read whole says.
const Proof = "the system's own API was read page by page to the end of the stretch"

// Page is one page of a log, oldest record first.
type Page struct {
	Records []json.RawMessage
	// Next leads to the following page; empty at the end.
	Next string
}

// Log is one log of an API.
type Log struct {
	// Input names it for good, as connector.Batch has it: its URL without a query.
	Input string
	// Retention is how far back the system keeps the log, and Late how long after
	// something happened its record may still appear.
	Retention time.Duration
	Late      time.Duration
	// Fetch reads the page that next leads to; where it is empty, the first page of
	// what happened from from to to.
	Fetch  func(ctx context.Context, from, to time.Time, next string) (Page, error)
	Decode func(record []byte) ([]retinue.Event, error)
	// Cover says what the log shows of a stretch that was read to its end. Proof is
	// empty where a record could not be read.
	Cover func(from, to time.Time, proof string) []retinue.Coverage
}

// Reader reads logs one after the other and is a [connector.ActivityReader].
type Reader struct {
	Logs []Log
}

// Close implements [connector.ActivityReader].
func (*Reader) Close() error { return nil }

// Activity implements [connector.ActivityReader]. A log that cannot be read does
// not keep the others from being read; its error is a fault, and returned where
// no log could be read.
func (r *Reader) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	if req.Now.IsZero() {
		req.Now = time.Now()
	}
	var failed []error
	for i := range r.Logs {
		run := &run{log: &r.Logs[i], req: req, sink: sink}
		err := run.read(ctx)
		var stop *stopError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &stop):
			return stop.err
		case err != nil:
			failed = append(failed, err)
			sink.Fault(connector.Fault{Input: run.log.Input, Label: run.log.Input, From: run.at, To: req.Now, Err: err})
		}
	}
	if len(failed) > 0 && len(failed) == len(r.Logs) {
		return errors.Join(failed...)
	}
	return nil
}

// run is the reading of one log.
type run struct {
	log  *Log
	req  connector.ActivityRequest
	sink connector.ActivitySink

	from   time.Time // where the stretch that is covered begins
	at     time.Time // up to where everything was read
	number int64
	faults int
}

// stopError is an error of the sink: nothing can be gone on with.
type stopError struct{ err error }

// Error says what stopped the reading.
func (e *stopError) Error() string { return e.err.Error() }

func (r *run) read(ctx context.Context) error {
	pos, err := r.req.Position(r.log.Input)
	if err != nil {
		return &stopError{err}
	}
	begin := r.begin(pos.Cursor)
	to := r.req.Now.UTC()
	seen := map[string]bool{}
	next := ""
	for range maxPages {
		page, err := r.log.Fetch(ctx, begin, to, next)
		if err != nil {
			return fmt.Errorf("read %s: %w", r.log.Input, err)
		}
		if err := r.page(ctx, page.Records); err != nil {
			return err
		}
		r.sink.Progress(connector.Progress{Stage: "reading the log", Done: r.number, Unit: "records"})
		if page.Next == "" {
			return r.end(ctx, to)
		}
		if seen[page.Next] {
			return fmt.Errorf("%w: read %s: a page leads to one that was read before", retinue.ErrUnavailable, r.log.Input)
		}
		seen[page.Next] = true
		next = page.Next
	}
	return fmt.Errorf("%w: read %s: more than %d pages", retinue.ErrUnsupported, r.log.Input, maxPages)
}

// begin finds where to begin: where the last run stopped, as much earlier as
// records may be late, but no earlier than the system keeps them or than is
// wanted.
func (r *run) begin(cursor string) time.Time {
	oldest := r.req.Now.Add(-r.log.Retention)
	if r.req.Since.After(oldest) {
		oldest = r.req.Since
	}
	a, b, _ := strings.Cut(cursor, " ")
	from, err1 := time.Parse(time.RFC3339Nano, a)
	at, err2 := time.Parse(time.RFC3339Nano, b)
	if err1 != nil || err2 != nil || at.Before(r.req.Now.Add(-r.log.Retention)) || at.After(r.req.Now) {
		// Never read, or there is a hole between what was read and what is kept.
		r.from, r.at = oldest.UTC(), oldest.UTC()
		return r.at
	}
	r.from, r.at = from, at
	return at.Add(-r.log.Late)
}

func (r *run) position() connector.Position {
	return connector.Position{Cursor: r.from.UTC().Format(time.RFC3339Nano) + " " + r.at.UTC().Format(time.RFC3339Nano)}
}

// page gives the events of a page. As pages come oldest first, what is older than
// the page's newest event was read.
func (r *run) page(ctx context.Context, records []json.RawMessage) error {
	var events []retinue.Event
	newest := r.at
	for _, record := range records {
		r.number++
		evs, err := r.log.Decode(record)
		if err != nil {
			r.faults++
			r.sink.Fault(connector.Fault{Input: r.log.Input, Label: r.log.Input, Record: r.number, Err: err})
			continue
		}
		for i := range evs {
			if evs[i].At.After(r.req.Now.Add(connector.MaxAhead)) {
				r.faults++
				r.sink.Fault(connector.Fault{Input: r.log.Input, Label: r.log.Input, Record: r.number, Err: logs.AheadError(evs[i].At, r.req.Now)})
				continue
			}
			if evs[i].At.After(newest) && !evs[i].At.After(r.req.Now) {
				newest = evs[i].At
			}
			events = append(events, evs[i])
		}
		if len(events) >= connector.MaxActivityBatch/2 {
			if err := r.give(ctx, events); err != nil {
				return err
			}
			events = nil
		}
	}
	r.at = newest
	return r.give(ctx, events)
}

func (r *run) give(ctx context.Context, events []retinue.Event) error {
	for first := true; first || len(events) > 0; first = false {
		n := min(len(events), connector.MaxActivityBatch)
		if err := r.sink.Batch(ctx, connector.Batch{Input: r.log.Input, Label: r.log.Input, Events: events[:n], Position: r.position()}); err != nil {
			return &stopError{err}
		}
		events = events[n:]
	}
	return nil
}

// end keeps that everything was read, and says what that covers: up to where no
// record can be late any more.
func (r *run) end(ctx context.Context, to time.Time) error {
	settled := to.Add(-r.log.Late)
	if settled.After(r.at) {
		r.at = settled
	}
	if err := r.give(ctx, nil); err != nil {
		return err
	}
	if !settled.After(r.from) {
		return nil
	}
	proof := Proof
	if r.faults > 0 {
		proof = ""
	}
	for _, c := range r.log.Cover(r.from, settled, proof) {
		if err := r.sink.Cover(ctx, c); err != nil {
			return &stopError{err}
		}
	}
	return nil
}

// Transport carries the requests of a connector: by env.Dial where it is set, and
// then by no proxy.
func Transport(env connector.Env) http.RoundTripper {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 15 * time.Second}
	if env.Dial != nil {
		t.Proxy, t.DialContext = nil, env.Dial
	}
	return t
}
