package polled_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/polled"
)

// kept is a host that keeps positions.
type kept struct {
	position connector.Position
	seen     map[string]int
	cover    []retinue.Coverage
	faults   []connector.Fault
	refuse   int // batches until the host stops; 0 means never
}

func (k *kept) Batch(_ context.Context, b connector.Batch) error {
	if k.refuse--; k.refuse == 0 {
		return errRefused
	}
	k.position = b.Position
	for _, e := range b.Events {
		k.seen[e.ID]++
	}
	return nil
}
func (k *kept) Cover(_ context.Context, c retinue.Coverage) error {
	k.cover = append(k.cover, c)
	return nil
}
func (k *kept) Fault(f connector.Fault)   { k.faults = append(k.faults, f) }
func (*kept) Note(connector.Note)         {}
func (*kept) Progress(connector.Progress) {}

var errRefused = errors.New("refused by the test")

// system keeps an entry for each minute since start.
type system struct {
	start  time.Time
	pages  int
	broken int // page that cannot be read
	loop   bool
}

func (s *system) fetch(_ context.Context, from, to time.Time, next string) (polled.Page, error) {
	s.pages++
	if s.pages == s.broken {
		return polled.Page{}, fmt.Errorf("%w: down", retinue.ErrUnavailable)
	}
	at := from
	if t, err := time.Parse(time.RFC3339, next); err == nil {
		at = t
	}
	var p polled.Page
	for at = at.Truncate(time.Minute); at.Before(to) && len(p.Records) < 100; at = at.Add(time.Minute) {
		if !at.Before(s.start) {
			p.Records = append(p.Records, json.RawMessage(`"`+at.Format(time.RFC3339)+`"`))
		}
	}
	if at.Before(to) {
		p.Next = at.Format(time.RFC3339)
	}
	if s.loop {
		p.Next = "again"
	}
	return p, nil
}

func decode(record []byte) ([]retinue.Event, error) {
	var s string
	at, err := time.Parse(`"2006-01-02T15:04:05Z07:00"`, string(record))
	if json.Unmarshal(record, &s) != nil || err != nil {
		return nil, retinue.ErrInvalid
	}
	return []retinue.Event{{ID: s, At: at}}, nil
}

func epoch() time.Time { return time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC) }

// read has a reader read the system at a time into the host.
func read(s *system, k *kept, now time.Time, dec func([]byte) ([]retinue.Event, error)) error {
	r := &polled.Reader{Logs: []polled.Log{{Input: "https://example.com/log", Retention: 48 * time.Hour, Late: 10 * time.Minute, Fetch: s.fetch, Decode: dec,
		Cover: func(from, to time.Time, proof string) []retinue.Coverage {
			return []retinue.Coverage{{From: from, To: to, Proof: proof}}
		}}}}
	return r.Activity(context.Background(), connector.ActivityRequest{Now: now, Position: func(string) (connector.Position, error) { return k.position, nil }}, k)
}

func TestGoesOn(t *testing.T) {
	s, k := &system{start: epoch()}, &kept{seen: map[string]int{}}
	for hour := 1; hour <= 5; hour++ {
		if err := read(s, k, epoch().Add(time.Duration(hour)*time.Hour), decode); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.seen) != 300 {
		t.Errorf("%d entries of 300", len(k.seen))
	}
	for id, n := range k.seen { // each run reads again what may have come late
		if n > 2 {
			t.Errorf("%s was read %d times", id, n)
		}
	}
	last := k.cover[len(k.cover)-1]
	if want := epoch().Add(time.Hour - 48*time.Hour); !last.From.Equal(want) || !last.To.Equal(epoch().Add(5*time.Hour-10*time.Minute)) || last.Proof == "" {
		t.Errorf("covered %v to %v, %q", last.From, last.To, last.Proof)
	}
}

// TestInterrupted stops a reading at every batch and at a page that fails; what
// is covered begins where the first reading did, and nothing is left out.
func TestInterrupted(t *testing.T) {
	for stop := 1; stop <= 12; stop++ {
		s, k := &system{start: epoch()}, &kept{seen: map[string]int{}, refuse: stop}
		now := epoch().Add(15 * time.Hour)
		if err := read(s, k, now, decode); stop <= 10 && !errors.Is(err, errRefused) {
			t.Fatalf("stop %d: %v", stop, err)
		}
		k.refuse = 0
		s.broken = s.pages + 2
		if err := read(s, k, now, decode); s.pages >= s.broken && !errors.Is(err, retinue.ErrUnavailable) {
			t.Fatalf("a page that fails: %v", err)
		}
		s.broken = 0
		if err := read(s, k, now, decode); err != nil {
			t.Fatal(err)
		}
		last := k.cover[len(k.cover)-1]
		if len(k.seen) != 900 || !last.From.Equal(now.Add(-48*time.Hour)) {
			t.Errorf("stop %d: %d entries of 900, covered from %v", stop, len(k.seen), last.From)
		}
	}
}

// TestHole: what was read longer ago than the system keeps is not gone on from.
func TestHole(t *testing.T) {
	s, k := &system{start: epoch()}, &kept{seen: map[string]int{}}
	if err := read(s, k, epoch().Add(time.Hour), decode); err != nil {
		t.Fatal(err)
	}
	later := epoch().Add(10 * 24 * time.Hour)
	if err := read(s, k, later, decode); err != nil {
		t.Fatal(err)
	}
	if last := k.cover[len(k.cover)-1]; !last.From.Equal(later.Add(-48 * time.Hour)) {
		t.Errorf("covered from %v across a hole", last.From)
	}
}

func TestBadRecordTakesTheProof(t *testing.T) {
	s, k := &system{start: epoch()}, &kept{seen: map[string]int{}}
	n := 0
	err := read(s, k, epoch().Add(time.Hour), func(record []byte) ([]retinue.Event, error) {
		if n++; n == 7 {
			return nil, retinue.ErrInvalid
		}
		return decode(record)
	})
	if err != nil || len(k.seen) != 59 || len(k.faults) != 1 || k.faults[0].Record != 7 || k.cover[0].Proof != "" {
		t.Errorf("%v, %d entries, faults %v, coverage %v", err, len(k.seen), k.faults, k.cover)
	}
}

func TestLoop(t *testing.T) {
	k := &kept{seen: map[string]int{}}
	if err := read(&system{start: epoch(), loop: true}, k, epoch().Add(time.Hour), decode); !errors.Is(err, retinue.ErrUnavailable) || len(k.cover) != 0 {
		t.Errorf("pages in a circle: %v, %v", err, k.cover)
	}
}
