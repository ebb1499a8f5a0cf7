package connectortest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Reading is what a reader of logs gave to its sink. It is safe for concurrent
// use while the reader runs.
type Reading struct {
	mu       sync.Mutex
	Events   []retinue.Event // in the order of the batches
	Batches  []connector.Batch
	Coverage []retinue.Coverage
	Faults   []connector.Fault
	Notes    []connector.Note
	// Positions are where each input stands.
	Positions map[string]connector.Position
	// Err is what Activity returned, and Took how long it ran.
	Err  error
	Took time.Duration

	refuseAt int // the nth batch, from 1, is refused and all after it
	refusal  error
	atBatch  func()
	late     int // batches that came after the context ended
	ctx      context.Context
}

// Batch implements connector.ActivitySink.
func (r *Reading) Batch(ctx context.Context, b connector.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuseAt > 0 && len(r.Batches)+1 >= r.refuseAt {
		return r.refusal
	}
	if r.ctx != nil && r.ctx.Err() != nil {
		r.late++
	}
	b.Events = slices.Clone(b.Events)
	r.Events = append(r.Events, b.Events...)
	r.Batches = append(r.Batches, b)
	r.Positions[b.Input] = b.Position
	if r.atBatch != nil {
		r.atBatch()
	}
	return nil
}

// Cover implements connector.ActivitySink.
func (r *Reading) Cover(_ context.Context, c retinue.Coverage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Coverage = append(r.Coverage, c)
	return nil
}

// Fault implements connector.ActivitySink.
func (r *Reading) Fault(f connector.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Faults = append(r.Faults, f)
}

// Note implements connector.ActivitySink.
func (r *Reading) Note(n connector.Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Notes = append(r.Notes, n)
}

// Progress implements connector.ActivitySink.
func (r *Reading) Progress(connector.Progress) {}

// Read runs a reader once from the positions of an earlier reading, nil for none,
// and closes it. It fails the test when the reader returned an error.
func Read(t testing.TB, reader connector.ActivityReader, earlier *Reading) *Reading {
	t.Helper()
	return ReadAt(t, reader, earlier, Epoch())
}

// ReadAt is Read with the clock standing at another time: at now for what a system
// logs during the test.
func ReadAt(t testing.TB, reader connector.ActivityReader, earlier *Reading, now time.Time) *Reading {
	t.Helper()
	r := newReading(earlier)
	r.runAt(t.Context(), t, reader, now)
	if r.Err != nil {
		t.Fatalf("read: %v", r.Err)
	}
	return r
}

func newReading(earlier *Reading) *Reading {
	r := &Reading{Positions: map[string]connector.Position{}}
	if earlier != nil {
		maps.Copy(r.Positions, earlier.Positions)
	}
	return r
}

// run runs a reader with the clock at Epoch and closes it.
func (r *Reading) run(ctx context.Context, t testing.TB, reader connector.ActivityReader) {
	t.Helper()
	r.runAt(ctx, t, reader, Epoch())
}

func (r *Reading) runAt(ctx context.Context, t testing.TB, reader connector.ActivityReader, now time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, discoverLimit)
	defer cancel()
	req := connector.ActivityRequest{Now: now, Position: func(input string) (connector.Position, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.Positions[input], nil
	}}
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- reader.Activity(ctx, req, r) }()
	select {
	case r.Err = <-done:
	case <-time.After(discoverLimit + 10*time.Second):
		t.Fatalf("read: still running %s after its context ended", 10*time.Second)
	}
	r.Took = time.Since(began)
	if err := reader.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Name is by what the host knows an event: its id, or the digest of its record
// and its place in it.
func eventName(e retinue.Event) string {
	if e.ID != "" {
		return e.Log + " id " + e.ID
	}
	return fmt.Sprintf("%s digest %x", e.Log, e.Digest)
}

// eventText is an event as text, equal for equal events.
func eventText(e retinue.Event) string {
	enc, err := json.Marshal(e)
	if err != nil {
		return fmt.Sprintf("unencodable event %s: %v", eventName(e), err)
	}
	return eventName(e) + " " + string(plain(enc))
}

// eventBrief is enough of an event to tell many apart fast.
func eventBrief(e retinue.Event) string {
	return eventName(e) + " " + strconv.FormatInt(e.At.UnixNano(), 10) + " " + e.Operation + " " + e.Action + " " + e.Identity.Key
}

// texts are the events as a set, sorted.
func texts(events []retinue.Event, text func(retinue.Event) string) []string {
	out := make([]string, 0, len(events))
	for _, e := range events {
		out = append(out, text(e))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sameEvents reports how two sets of events differ, naming the first of each side.
func sameEvents(t testing.TB, nameA string, a []retinue.Event, nameB string, b []retinue.Event) {
	t.Helper()
	sameBy(t, eventText, nameA, a, nameB, b)
}

func sameBy(t testing.TB, text func(retinue.Event) string, nameA string, a []retinue.Event, nameB string, b []retinue.Event) {
	t.Helper()
	x, y := texts(a, text), texts(b, text)
	if slices.Equal(x, y) {
		return
	}
	only := func(of, other []string) []string {
		return slices.DeleteFunc(slices.Clone(of), func(s string) bool { _, ok := slices.BinarySearchFunc(other, s, cmp.Compare[string]); return ok })
	}
	onlyX, onlyY := only(x, y), only(y, x)
	t.Errorf("%s has %d events that %s has not%s; %s has %d that %s has not%s", nameA, len(onlyX), nameB, example(onlyX), nameB, len(onlyY), nameA, example(onlyY))
}

func example(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return ", such as " + list[0]
}
