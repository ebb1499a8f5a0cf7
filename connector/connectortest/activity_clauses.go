package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

func checkActivitySpec(t testing.TB, s ActivitySubject) {
	a := s.Spec.Activity
	if a == nil || a.Open == nil || len(a.Logs) == 0 || len(a.Target) == 0 || len(a.Examples) == 0 {
		t.Fatalf("Spec.Activity: open, logs, target and examples are all needed")
	}
	for _, l := range a.Logs {
		if l.Name == "" || strings.ToLower(l.Name) != l.Name || l.Title == "" || len(l.Covers) == 0 {
			t.Errorf("log %q: a name in lower case, a title and what it covers are all needed", l.Name)
		}
		if len(l.BlindSpots) == 0 {
			t.Errorf("log %s: no log shows everything: it has no blind spot", l.Name)
		}
		for _, b := range l.BlindSpots {
			if err := checkBlindSpot(b); err != nil {
				t.Errorf("log %s: %v", l.Name, err)
			}
		}
	}
	for _, e := range a.Examples {
		kind, rest, _ := strings.Cut(e.Form, "=")
		if kind != s.Spec.Kind || e.Help == "" {
			t.Errorf("example %q: want %s=… and a help text", e.Form, s.Spec.Kind)
			continue
		}
		if _, err := s.Spec.ParseArg(rest); err != nil {
			t.Errorf("example %q: %v", e.Form, err)
		}
	}
}

func (s ActivitySubject) read(t testing.TB, dir string, earlier *Reading) *Reading {
	t.Helper()
	return Read(t, s.Open(t, Env(t), dir), earlier)
}

// whole reads records from a plain file and fails the test where that alone has
// faults.
func (s ActivitySubject) whole(t testing.TB, records []int) *Reading {
	t.Helper()
	r := s.read(t, s.folder(t, records), nil)
	for _, f := range r.Faults {
		t.Errorf("sample records: %v", f)
	}
	if len(r.Events) < len(records) {
		t.Errorf("%d sample records gave %d events: want at least one each", len(records), len(r.Events))
	}
	return r
}

func checkActivityEvents(t testing.TB, s ActivitySubject) {
	r := s.whole(t, span(0, 60))
	names := map[string]bool{}
	for _, e := range r.Events {
		if err := CheckEvent(s.Spec, e); err != nil {
			t.Error(err)
		}
		names[eventText(e)] = true
	}
	if len(names) != len(r.Events) {
		t.Errorf("%d events, of which %d differ: the sample records are alike", len(r.Events), len(names))
	}
	for _, b := range r.Batches {
		if b.Input == "" || len(b.Input) > 1024 || b.Label == "" || len(b.Events) > connector.MaxActivityBatch {
			t.Errorf("batch of input %q, label %q, with %d events: want an input of at most 1024 bytes, a label, at most %d events", b.Input, b.Label, len(b.Events), connector.MaxActivityBatch)
		}
	}
}

// checkActivityRepeat reads twice, the second time an hour later: the time of the
// reading is part of no event.
func checkActivityRepeat(t testing.TB, s ActivitySubject) {
	dir := s.folder(t, span(0, 40))
	a := s.read(t, dir, nil)
	b := newReading(nil)
	b.runAt(t.Context(), t, s.Open(t, EnvAt(t, Epoch().Add(time.Hour)), dir), Epoch().Add(time.Hour))
	sameEvents(t, "the first reading", a.Events, "the second", b.Events)
	for input := range a.Positions {
		if _, ok := b.Positions[input]; !ok {
			t.Errorf("input %q has another name in the second reading", input)
		}
	}
}

// errRefused is what a sink of the suite says that refuses to go on.
func errRefused() error { return fmt.Errorf("%w: the suite's sink is full", retinue.ErrUnavailable) }

// checkActivityStop ends a reading at each of its batches and goes on from what
// was kept.
func checkActivityStop(t testing.TB, s ActivitySubject) {
	dir := s.folder(t, span(0, s.several()))
	all := s.read(t, dir, nil)
	if len(all.Batches) < 2 {
		t.Errorf("%d records gave %d batches: ActivitySubject.Several is too small to see a stop", s.several(), len(all.Batches))
	}
	for at := 2; at <= len(all.Batches); at++ {
		first := newReading(nil)
		first.refuseAt, first.refusal = at, errRefused()
		first.run(t.Context(), t, s.Open(t, Env(t), dir))
		rest := s.read(t, dir, first)
		sameBy(t, eventBrief, "one reading", all.Events, fmt.Sprintf("one that stopped before batch %d and went on", at), slices.Concat(first.Events, rest.Events))
	}
}

func checkActivityOnce(t testing.TB, s ActivitySubject) {
	dir := s.folder(t, span(0, 40))
	first := s.read(t, dir, nil)
	again := s.read(t, dir, first)
	if len(again.Events) > 0 {
		t.Errorf("%d events of a file that was read to its end were given again", len(again.Events))
	}
}

func checkActivityDamaged(t testing.TB, s ActivitySubject) {
	good := s.whole(t, span(0, 20))
	records := slices.Concat(span(0, 10), []int{Damaged}, span(10, 20))
	if !bytes.Contains(s.content(t, records), []byte(DamagedText)) {
		t.Fatalf("the damaged record does not hold connectortest.DamagedText")
	}
	r := s.read(t, s.folder(t, records), nil)
	sameEvents(t, "the file", good.Events, "the file with a damaged record in the middle", r.Events)
	if len(r.Faults) == 0 {
		t.Fatalf("a damaged record gave no fault")
	}
	for _, f := range r.Faults {
		switch {
		case f.Line == 0 && f.Record == 0:
			t.Errorf("fault %v says no place", f)
		case f.Input == "" || f.Err == nil || f.Label == "":
			t.Errorf("fault %+v: input, label and error are all needed", f)
		case strings.Contains(f.Error(), DamagedText):
			t.Errorf("fault %v repeats the record's text", f)
		}
	}
}

// checkActivityGrow reads a file while it is written, the second time with half a
// record at its end.
func checkActivityGrow(t testing.TB, s ActivitySubject) {
	one, two := s.content(t, span(0, 10)), s.content(t, span(0, 20))
	if !bytes.HasPrefix(two, one) {
		t.Fatalf("a file of ten records does not begin one of twenty: set ActivitySubject.Whole")
	}
	last := len(s.content(t, span(0, 19)))
	half := last + (len(two)-last)/2
	dir := t.TempDir()
	path := filepath.Join(dir, s.File)
	var events []retinue.Event
	var r *Reading
	for i, content := range [][]byte{one, two[:half], two} {
		s.file(t, path, content, Epoch())
		r = s.read(t, dir, r)
		for _, f := range r.Faults {
			t.Errorf("reading %d: %v", i+1, f)
		}
		if i > 0 && len(r.Events) == 0 {
			t.Errorf("reading %d of a file that grew gave no event", i+1)
		}
		events = append(events, r.Events...)
	}
	sameEvents(t, "the file when it was whole", s.read(t, s.folder(t, span(0, 20)), nil).Events, "the file while it grew", events)
	if n := len(texts(events, eventText)); n != len(events) {
		t.Errorf("a growing file gave %d events for %d", len(events), n)
	}
}

func checkActivityGzip(t testing.TB, s ActivitySubject) {
	content := s.content(t, span(0, 40))
	plain := s.read(t, s.folder(t, span(0, 40)), nil)
	dir := t.TempDir()
	s.file(t, filepath.Join(dir, s.File+".gz"), compressed(t, content), Epoch().Add(-24*time.Hour))
	sameEvents(t, "the plain file", plain.Events, "the compressed one", s.read(t, dir, nil).Events)
}

// checkActivityCut reads a compressed file that was cut off: the records of its
// beginning and a fault.
func checkActivityCut(t testing.TB, s ActivitySubject) {
	n := s.several()
	z := compressed(t, s.content(t, span(0, n)))
	dir := t.TempDir()
	s.file(t, filepath.Join(dir, s.File+".gz"), z[:len(z)*2/3], Epoch().Add(-24*time.Hour))
	r := newReading(nil)
	r.run(t.Context(), t, s.Open(t, Env(t), dir))
	if r.Err != nil {
		t.Errorf("a file that was cut off ended the reading: %v", r.Err)
	}
	if len(r.Faults) == 0 {
		t.Errorf("a file that was cut off gave no fault")
	}
	if len(r.Events) < n/10 {
		t.Errorf("two thirds of a file of %d records gave %d events", n, len(r.Events))
	}
	for _, p := range r.Positions {
		if p.Done {
			t.Errorf("a file that was cut off counts as read to its end: what is missing would never be read")
		}
	}
}

func checkActivityCover(t testing.TB, s ActivitySubject) {
	r := s.whole(t, span(0, 40))
	if len(r.Coverage) == 0 {
		t.Errorf("no coverage was said")
	}
	for _, c := range r.Coverage {
		if err := checkCoverage(s.Spec, c); err != nil {
			t.Error(err)
		}
	}
	for _, e := range r.Events {
		if e.Class != retinue.EventUnknown && !slices.ContainsFunc(r.Coverage, func(c retinue.Coverage) bool {
			return c.Log == e.Log && c.Realm == e.Realm && !e.At.Before(c.From) && !e.At.After(c.To) && slices.Contains(c.Classes, e.Class)
		}) {
			t.Errorf("event %s of %s at %s, class %s: no coverage includes it", eventName(e), e.Realm, e.At, e.Class)
			return
		}
	}
}

// checkActivityDecode decodes records alone, from several goroutines at once. With
// the configuration and the host they give the very events of the file.
func checkActivityDecode(t testing.TB, s ActivitySubject) {
	want := s.whole(t, span(0, 40)).Events
	brief := func(e retinue.Event) string {
		return eventName(e) + " " + e.At.String() + " " + e.Operation + " " + e.Action
	}
	sameBy(t, brief, "the file", want, "its records alone", decodeAll(t, s, s.Spec.Activity.Decode))
	if s.Spec.Activity.Decoder == nil {
		return
	}
	decode, err := s.Spec.Activity.Decoder(connector.Config{Options: s.Options}, Env(t))
	if err != nil {
		t.Fatalf("make a decoder: %v", err)
	}
	sameEvents(t, "the file", want, "its records alone with the configuration", decodeAll(t, s, decode))
}

func decodeAll(t testing.TB, s ActivitySubject, decode func([]byte) ([]retinue.Event, error)) []retinue.Event {
	t.Helper()
	var mu sync.Mutex
	var got []retinue.Event
	var group sync.WaitGroup
	for n := range 40 {
		record := s.Record(t, n)
		group.Go(func() {
			sent := bytes.Clone(record)
			events, err := decode(sent)
			for i := range events {
				events[i].Raw = bytes.Clone(events[i].Raw)
			}
			clear(sent) // whoever keeps a part of the record shows it now
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("decode record %d: %v", n, err)
			}
			got = append(got, events...)
		})
	}
	group.Wait()
	return got
}

func checkActivityHostile(t testing.TB, s ActivitySubject) {
	record := s.Record(t, 0)
	for _, garbage := range [][]byte{nil, []byte(" "), []byte("null"), []byte("{}"), []byte("[]"), []byte(`"x"`), []byte("\x00\xff\xfe"),
		[]byte(strings.Repeat(`{"a":`, 100_000)), record[:len(record)/2]} {
		events, err := s.Spec.Activity.Decode(garbage)
		name := garbage[:min(20, len(garbage))]
		if err == nil && slices.ContainsFunc(events, func(e retinue.Event) bool { return e.Class != retinue.EventUnknown }) {
			t.Errorf("decode %q…: it gave an event", name)
		}
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("decode %q…: %v: want ErrInvalid", name, err)
		}
		for _, e := range events {
			if err := CheckEvent(s.Spec, e); err != nil {
				t.Errorf("decode %q…: %v", name, err)
			}
		}
	}
}

func checkActivityCancel(t testing.TB, s ActivitySubject) {
	dir := s.folder(t, span(0, s.several()))
	ended, end := context.WithCancel(t.Context())
	end()
	r := newReading(nil)
	r.run(ended, t, s.Open(t, Env(t), dir))
	if !errors.Is(r.Err, context.Canceled) {
		t.Errorf("cancelled before the start: returned %v, want context.Canceled", r.Err)
	}
	if len(r.Events) > 0 {
		t.Errorf("cancelled before the start: gave %d events", len(r.Events))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := newReading(nil)
	m.atBatch, m.ctx = cancel, ctx
	m.run(ctx, t, s.Open(t, Env(t), dir))
	if !errors.Is(m.Err, context.Canceled) {
		t.Errorf("cancelled at the first batch: returned %v, want context.Canceled", m.Err)
	}
	if m.late > 1 {
		t.Errorf("cancelled at the first batch: gave %d more", m.late)
	}
	if m.Took > soon {
		t.Errorf("cancelled at the first batch: took %s", m.Took)
	}
}

func checkActivityRefused(t testing.TB, s ActivitySubject) {
	r := newReading(nil)
	r.refuseAt, r.refusal = 1, errRefused()
	r.run(t.Context(), t, s.Open(t, Env(t), s.folder(t, span(0, 40))))
	if !errors.Is(r.Err, retinue.ErrUnavailable) {
		t.Errorf("the sink refused a batch: returned %v, want the sink's error", r.Err)
	}
	if len(r.Coverage) > 0 {
		t.Errorf("the sink refused a batch: coverage was said all the same")
	}
}

func checkActivitySecrets(t testing.TB, s ActivitySubject) {
	content := s.content(t, span(0, 40))
	var log bytes.Buffer
	var mu sync.Mutex
	env := Env(t)
	env.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug - 100}))
	r := Read(t, s.Open(t, env, s.folder(t, slices.Concat(span(0, 40)))), nil)
	var said strings.Builder
	for _, e := range r.Events {
		e.Raw = nil // the host searches it
		said.WriteString(eventText(e) + "\n")
	}
	for _, f := range r.Faults {
		said.WriteString(f.Error() + "\n")
	}
	for _, n := range r.Notes {
		said.WriteString(noteText(n) + "\n")
	}
	fmt.Fprintf(&said, "%+v\n%+v\n", r.Coverage, r.Positions)
	mu.Lock()
	said.Write(log.Bytes())
	mu.Unlock()
	for i, secret := range s.Secrets {
		if !bytes.Contains(content, []byte(secret)) {
			t.Errorf("secret %d is in no sample record", i)
		}
		if strings.Contains(said.String(), secret) {
			t.Errorf("secret %d appears in what the reader said", i)
		}
	}
}

func checkActivityClose(t testing.TB, s ActivitySubject) {
	if err := s.Open(t, Env(t), t.TempDir()).Close(); err != nil {
		t.Errorf("close a reader that read nothing: %v", err)
	}
}
