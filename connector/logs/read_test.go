package logs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// host keeps what a host keeps: positions together with events.
type host struct {
	mu        sync.Mutex
	positions map[string]connector.Position
	ids       []string
	faults    []connector.Fault
	covers    []retinue.Coverage
	notes     []connector.Note
	batches   int
	// dieAfter refuses the batch behind so many; 0 refuses none.
	dieAfter int
}

var errKilled = errors.New("killed")

func newHost() *host { return &host{positions: map[string]connector.Position{}} }

func (h *host) Batch(_ context.Context, b connector.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dieAfter > 0 && h.batches >= h.dieAfter {
		return errKilled
	}
	if len(b.Events) > connector.MaxActivityBatch || len(b.Input) > 1024 || b.Input == "" {
		return fmt.Errorf("batch of %d events of input %q", len(b.Events), b.Input)
	}
	h.batches++
	for i := range b.Events {
		h.ids = append(h.ids, b.Events[i].ID)
	}
	h.positions[b.Input] = b.Position
	return nil
}

func (h *host) Cover(_ context.Context, c retinue.Coverage) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.covers = append(h.covers, c)
	return nil
}

func (h *host) Fault(f connector.Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, f)
}

func (h *host) Note(n connector.Note) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, n)
}

func (h *host) Progress(connector.Progress) {}

func (h *host) position(input string) (connector.Position, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.positions[input], nil
}

func (h *host) sorted() string {
	ids := slices.Clone(h.ids)
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// decode takes {"id":"…"} or a line that is the id.
func decode(record []byte) ([]retinue.Event, error) {
	id := string(record)
	if record[0] == '{' {
		var r struct {
			ID string `json:"id"`
			N  int    `json:"n"`
		}
		if err := json.Unmarshal(record, &r); err != nil || r.ID == "" {
			return nil, fmt.Errorf("%w: record without id", retinue.ErrInvalid)
		}
		id = r.ID
		if r.N > 0 {
			var out []retinue.Event
			for i := range r.N {
				out = append(out, event(fmt.Sprintf("%s.%d", id, i)))
			}
			return out, nil
		}
	}
	return []retinue.Event{event(id)}, nil
}

func event(id string) retinue.Event {
	return retinue.Event{Log: "test.log", ID: id, At: noon, Realm: "test:1", Class: retinue.EventData}
}

// read runs once, an hour after everything was written unless now says else.
func (h *host) read(t *testing.T, now time.Time, paths ...string) error {
	t.Helper()
	if now.IsZero() {
		now = time.Now().Add(time.Hour)
	}
	return logs.Read(t.Context(), connector.ActivityRequest{Now: now, Position: h.position}, h, logs.Options{
		Paths: paths, Decode: decode,
		ReaderOptions: logs.ReaderOptions{Envelopes: []string{"Records"}},
		Cover:         func(s logs.Seen) []retinue.Coverage { return s.Coverage() },
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func lines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "{\"id\":\"%05d\"}\n", i)
	}
	return b.String()
}

func wantIDs(from, to int) string {
	var ids []string
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("%05d", i))
	}
	return strings.Join(ids, " ")
}

func TestShapes(t *testing.T) {
	records := strings.ReplaceAll(strings.TrimSpace(lines(0, 5)), "\n", ",")
	for name, text := range map[string]string{
		"lines":          strings.NewReplacer(`{"id":"`, "", `"}`, "").Replace(lines(0, 5)),
		"ndjson":         lines(0, 5),
		"array":          "[" + records + "]",
		"pretty array":   "[\n  " + strings.ReplaceAll(records, ",", ",\n  ") + "\n]\n",
		"envelope":       `{"a":{"Records":[1]},"b":"Records","Records" : [` + records + `],"next":{"x":[{"id":"no"}]}}`,
		"two envelopes":  `{"Records":[` + strings.ReplaceAll(strings.TrimSpace(lines(0, 2)), "\n", ",") + `]}{"Records":[` + strings.ReplaceAll(strings.TrimSpace(lines(2, 5)), "\n", ",") + `]}`,
		"no last end":    strings.TrimSpace(lines(0, 5)),
		"byte order":     "\xef\xbb\xbf" + lines(0, 5),
		"windows":        strings.ReplaceAll(lines(0, 5), "\n", "\r\n"),
		"pretty objects": strings.ReplaceAll(lines(0, 5), `{"id"`, "{\n  \"id\""),
		"twice zipped":   zip(t, zip(t, lines(0, 5))),
		"members":        zip(t, lines(0, 2)) + zip(t, lines(2, 5)),
	} {
		t.Run(name, func(t *testing.T) {
			for _, zipped := range []bool{false, true} {
				if zipped {
					text = zip(t, text)
				}
				if name == "twice zipped" && zipped {
					continue
				}
				path := filepath.Join(t.TempDir(), "log")
				write(t, path, text)
				h := newHost()
				if err := h.read(t, time.Time{}, path); err != nil {
					t.Fatal(err)
				}
				if got := h.sorted(); got != wantIDs(0, 5) || len(h.faults) > 0 {
					t.Errorf("read %q with faults %v, want %q", got, h.faults, wantIDs(0, 5))
				}
				if err := h.read(t, time.Time{}, path); err != nil {
					t.Fatal(err)
				}
				if len(h.ids) != 5 || len(h.faults) > 0 {
					t.Errorf("read again: %v, faults %v", h.ids, h.faults)
				}
				if len(h.covers) == 0 || h.covers[0].Realm != "test:1" {
					t.Errorf("covers %v", h.covers)
				}
			}
		})
	}
}

// TestRotation follows a file through every way of rotation: nothing is read
// twice, and nothing is missed.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "app.log")
	h := newHost()
	step := func(want int) {
		t.Helper()
		if err := h.read(t, time.Time{}, dir); err != nil {
			t.Fatal(err)
		}
		if got := h.sorted(); got != wantIDs(0, want) || len(h.faults) > 0 {
			t.Fatalf("have %q, faults %v, want up to %d", got, h.faults, want)
		}
	}
	write(t, log, lines(0, 300))
	step(300)
	write(t, log, lines(0, 500))
	step(500)
	// Renamed, and written to once more before the writer opened the new one.
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, log+".1", lines(0, 510))
	write(t, log, lines(510, 520))
	step(520)
	// Compressed after it grew.
	write(t, log+".1.gz", zip(t, lines(0, 510)))
	if err := os.Remove(log + ".1"); err != nil {
		t.Fatal(err)
	}
	step(520)
	// Copied, then truncated: both there for a moment.
	write(t, log+".2", lines(510, 530))
	write(t, log, lines(510, 530))
	step(530)
	write(t, log, lines(530, 540))
	step(540)
}

func TestAlike(t *testing.T) {
	dir := t.TempDir()
	h := newHost()
	head := "header\n"
	for i, name := range []string{"a", "b", "c", "d"} {
		write(t, filepath.Join(dir, name), head+fmt.Sprintf("%05d\n", i))
	}
	for range 2 {
		if err := h.read(t, time.Time{}, dir); err != nil {
			t.Fatal(err)
		}
		if got, want := h.sorted(), wantIDs(0, 4)+strings.Repeat(" header", 4); got != want {
			t.Fatalf("have %q, want %q; faults %v", got, want, h.faults)
		}
	}
}

// TestGrowing reads a file at every length that it has on its way.
func TestGrowing(t *testing.T) {
	for name, text := range map[string]string{
		"ndjson": lines(0, 100),
		"lines":  strings.NewReplacer(`{"id":"`, "", `"}`, "").Replace(lines(0, 100)),
		"array":  "[" + strings.ReplaceAll(strings.TrimSpace(lines(0, 100)), "\n", ",\n") + "]\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			h := newHost()
			for n := 0; n < len(text)+11; n += 11 {
				write(t, path, text[:min(n, len(text))])
				if err := h.read(t, time.Now(), path); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(h.ids, " "); got != wantIDs(0, 100) || len(h.faults) > 0 {
				t.Errorf("have %q, faults %v", got, h.faults)
			}
		})
	}
}

func TestTruncatedGzip(t *testing.T) {
	whole := zip(t, lines(0, 2000))
	path := filepath.Join(t.TempDir(), "log.gz")
	write(t, path, whole[:len(whole)/2])
	h := newHost()
	if err := h.read(t, time.Time{}, path); err != nil {
		t.Fatal(err)
	}
	n := len(h.ids)
	if n < 500 || n >= 2000 || h.sorted() != wantIDs(0, n) {
		t.Errorf("read %d records of the first half", n)
	}
	if len(h.faults) != 1 || !errors.Is(h.faults[0].Err, io.ErrUnexpectedEOF) || !h.faults[0].From.Equal(noon) {
		t.Errorf("faults %v, want one of a gap from the last event on", h.faults)
	}
	write(t, path, whole) // the upload was completed
	if err := h.read(t, time.Time{}, path); err != nil {
		t.Fatal(err)
	}
	if got := h.sorted(); got != wantIDs(0, 2000) {
		t.Errorf("after the rest came: %d records", len(h.ids))
	}
}

// TestDamage plants what is wrong in the middle: what stands around it is read.
func TestDamage(t *testing.T) {
	long := `{"id":"x","y":"` + strings.Repeat("y", logs.DefaultMaxRecord) + `"}`
	for name, bad := range map[string]string{
		"half a record":   `{"id":"x","y":{"z":2`,
		"half a string":   `{"id":"x`,
		"no id":           `{}`,
		"brackets":        `{"id":["x"}}`,
		"garbage":         `what is this`,
		"deep":            strings.Repeat(`{"a":`, 1000),
		"too long":        long,
		"too many fields": `{"id":"x"` + strings.Repeat(`,"a":1`, logs.DefaultMaxRecord/6) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			for shape, text := range map[string]string{
				"ndjson": lines(0, 50) + bad + "\n" + lines(50, 100),
				"array":  `{"Records":[` + "\n" + strings.ReplaceAll(lines(0, 50), "\n", ",\n") + bad + ",\n" + strings.ReplaceAll(strings.TrimSpace(lines(50, 100)), "\n", ",\n") + "]}",
			} {
				path := filepath.Join(t.TempDir(), "log")
				write(t, path, text)
				h := newHost()
				if err := h.read(t, time.Time{}, path); err != nil {
					t.Fatal(err)
				}
				if got := h.sorted(); got != wantIDs(0, 100) {
					t.Errorf("%s: have %d ids, faults %v", shape, len(h.ids), h.faults)
				}
				if len(h.faults) != 1 || h.faults[0].Line < 51 || h.faults[0].Line > 52 {
					t.Errorf("%s: faults %v, want one at the planted line", shape, h.faults)
				}
			}
		})
	}
}

// TestKilled kills the host at every batch and starts it again.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	const n = 30_000
	write(t, filepath.Join(dir, "a.log"), lines(0, n/2))
	write(t, filepath.Join(dir, "b.log.gz"), zip(t, `{"Records":[`+strings.ReplaceAll(strings.TrimSpace(lines(n/2, n)), "\n", ",")+`]}`))
	h := newHost()
	kills := 0
	for {
		h.dieAfter = h.batches + 1
		err := h.read(t, time.Time{}, dir)
		if err == nil {
			break
		}
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if kills++; kills > 100 {
			t.Fatal("no end")
		}
	}
	if got := h.sorted(); got != wantIDs(0, n) || kills < 6 {
		t.Errorf("%d ids after %d kills, want %d", len(h.ids), kills, n)
	}
}

func TestManyOfOneRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, `{"id":"a","n":10000}`+"\n"+lines(0, 3))
	h := newHost()
	if err := h.read(t, time.Time{}, path); err != nil {
		t.Fatal(err)
	}
	if len(h.ids) != 10003 || len(h.faults) > 0 {
		t.Errorf("%d events, faults %v", len(h.ids), h.faults)
	}
}

func TestMissing(t *testing.T) {
	h := newHost()
	if err := h.read(t, time.Time{}, filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, retinue.ErrInvalid) || len(h.faults) != 1 {
		t.Errorf("error %v, faults %v", err, h.faults)
	}
}

func TestFaultFlood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, lines(0, 1)+strings.Repeat("{}\n", 5000)+lines(1, 2))
	h := newHost()
	if err := h.read(t, time.Time{}, path); err != nil {
		t.Fatal(err)
	}
	var count int64
	for _, f := range h.faults {
		count += max(1, f.Count)
	}
	if len(h.faults) != 21 || count != 5000 || h.sorted() != wantIDs(0, 2) {
		t.Errorf("%d faults for %d records, ids %v", len(h.faults), count, h.ids)
	}
}

func TestCSV(t *testing.T) {
	text := "a,\"b \"\"c\"\"\nd\",e\r\n\nf,,\"\"\ng,\"h\"i,j\nk,\"never closed\nl,m\n"
	r := logs.NewReader(strings.NewReader(text), logs.ReaderOptions{Format: logs.CSV, MaxRecord: 200})
	var got []string
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			got = append(got, "error")
			continue
		}
		got = append(got, fmt.Sprintf("%d:%q", rec.Line, rec.Fields))
	}
	want := `1:["a" "b \"c\"\nd" "e"]|4:["f" "" ""]|error|error|7:["l" "m"]`
	if g := strings.Join(got, "|"); g != want {
		t.Errorf("read %s, want %s", g, want)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(lines(0, 3)), byte(0))
	f.Add([]byte(`{"Records":[{"id":"a"},{"b`), byte(2))
	f.Add([]byte("a,\"b\nc\",d\n"), byte(3))
	f.Add([]byte("[{}\n{]},{\"a\":\"\\"), byte(2))
	f.Fuzz(func(t *testing.T, data []byte, format byte) {
		r := logs.NewReader(bytes.NewReader(data), logs.ReaderOptions{
			Format: logs.Format(format % 4), MaxRecord: 64, Envelopes: []string{"Records"},
		})
		for n := 0; ; n++ {
			rec, err := r.Next()
			var bad *logs.RecordError
			if errors.As(err, &bad) {
				if n > len(data)+1 {
					t.Fatal("no end")
				}
				continue
			}
			if err != nil {
				return
			}
			if len(rec.Data) > 64+1 && format%4 != 3 && !rec.Open {
				t.Fatalf("record of %d bytes", len(rec.Data))
			}
		}
	})
}
