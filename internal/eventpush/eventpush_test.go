package eventpush_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/eventpush"
)

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, text)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func delivery(t testing.TB, elements ...[]byte) []byte {
	t.Helper()
	type element struct {
		Data string `json:"data"`
	}
	d := struct {
		RequestID string    `json:"requestId"`
		Timestamp int64     `json:"timestamp"`
		Records   []element `json:"records"`
	}{RequestID: "r-1", Timestamp: 1}
	for _, e := range elements {
		d.Records = append(d.Records, element{base64.StdEncoding.EncodeToString(e)})
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read returns the records and the places of faults.
func read(b eventpush.Body) (records []string, faults []int64, err error) {
	err = b.Records(func(r eventpush.Record) error {
		records = append(records, string(r.Data))
		return nil
	}, func(f connector.Fault) { faults = append(faults, f.Record) })
	return records, faults, err
}

func TestForms(t *testing.T) {
	three := []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}
	for name, c := range map[string]struct {
		body   eventpush.Body
		faults []int64
	}{
		"one a line":                {body: eventpush.Body{Data: []byte(strings.Join(three, "\n"))}},
		"an array":                  {body: eventpush.Body{Data: []byte("[" + strings.Join(three, ", ") + "]")}},
		"one after another":         {body: eventpush.Body{Data: []byte(strings.Join(three, ""))}},
		"an envelope":               {body: eventpush.Body{Data: []byte(`{"kind":"EventList","items":[` + strings.Join(three, ",") + `],"metadata":{}}`), Envelopes: []string{"items"}}},
		"compressed":                {body: eventpush.Body{Data: zipped(t, strings.Join(three, "\n")), Encoding: "gzip"}},
		"compressed without a word": {body: eventpush.Body{Data: zipped(t, strings.Join(three, "\n"))}},
		"said compressed and plain": {body: eventpush.Body{Data: []byte(strings.Join(three, "\n")), Encoding: "gzip"}},
		"a delivery of Firehose":    {body: eventpush.Body{Firehose: true, Data: delivery(t, []byte(three[0]+"\n"+three[1]), zipped(t, three[2]))}},
		"a compressed delivery":     {body: eventpush.Body{Firehose: true, Encoding: "gzip", Data: zipped(t, string(delivery(t, []byte("["+strings.Join(three, ",")+"]"))))}},
		"a damaged line":            {body: eventpush.Body{Data: []byte(three[0] + "\n{\"x\": y z\n" + three[1] + "\n" + three[2])}, faults: []int64{2}},
		"a damaged element":         {body: eventpush.Body{Firehose: true, Data: delivery(t, []byte(three[0]), zipped(t, strings.Repeat(" ", 4096))[:12], []byte(three[1]+three[2]))}, faults: []int64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			got, faults, err := read(c.body)
			if err != nil || !slices.Equal(got, three) || !slices.Equal(faults, c.faults) {
				t.Errorf("%q, faults %v, %v", got, faults, err)
			}
		})
	}
	if got, _, err := read(eventpush.Body{}); err != nil || len(got) != 0 {
		t.Errorf("nothing: %q, %v", got, err)
	}
	if _, _, err := read(eventpush.Body{Data: []byte("{}"), Encoding: "br"}); !errors.Is(err, retinue.ErrUnsupported) {
		t.Errorf("another encoding: %v", err)
	}
	if _, _, err := read(eventpush.Body{Data: []byte("{}x"), Firehose: true}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("no delivery: %v", err)
	}
}

// TestCut gives everything before the cut.
func TestCut(t *testing.T) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, `{"n":%d,"x":"%x"}`+"\n", i, i*7919)
	}
	whole := zipped(t, text.String())
	got, _, err := read(eventpush.Body{Data: whole[:len(whole)/2], Encoding: "gzip"})
	var cut *eventpush.CutError
	if !errors.As(err, &cut) || len(got) < 1000 || cut.After != int64(len(got)) || !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("%d records, %v", len(got), err)
	}
	if got, _, err := read(eventpush.Body{Data: []byte(`[{"a":1},{"a":`)}); !errors.As(err, &cut) || len(got) != 1 {
		t.Errorf("an array that does not end: %q, %v", got, err)
	}
}

// TestBomb uncompresses no more than it must.
func TestBomb(t *testing.T) {
	bomb := zipped(t, "["+strings.Repeat(strings.Repeat(" ", 1<<20), 200)+"]")
	nest := zipped(t, strings.Repeat(`{"a":`, 1<<20))
	many := zipped(t, strings.Repeat("{}\n", eventpush.MaxRecords+1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var large *eventpush.SizeError
	if _, _, err := read(eventpush.Body{Data: bomb}); !errors.As(err, &large) {
		t.Errorf("a bomb: %v", err)
	}
	if _, _, err := read(eventpush.Body{Data: delivery(t, bomb, bomb), Firehose: true}); !errors.As(err, &large) {
		t.Errorf("bombs in a delivery: %v", err)
	}
	if got, _, err := read(eventpush.Body{Data: many}); !errors.As(err, &large) || len(got) != eventpush.MaxRecords {
		t.Errorf("many records: %d, %v", len(got), err)
	}
	if _, faults, err := read(eventpush.Body{Data: nest}); err == nil && len(faults) == 0 {
		t.Errorf("deep nesting: %v", err)
	}
	if _, _, err := read(eventpush.Body{Data: make([]byte, eventpush.MaxBody+1)}); !errors.As(err, &large) {
		t.Errorf("a large body: %v", err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 500<<20 {
		t.Errorf("%d MB were allocated", n>>20)
	}
}

// TestStop ends at the first record that is refused.
func TestStop(t *testing.T) {
	stop := errors.New("stop")
	n := 0
	err := eventpush.Body{Data: []byte(`{}{}{}`)}.Records(func(eventpush.Record) error {
		n++
		return stop
	}, func(connector.Fault) {})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d records, %v", n, err)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"items":[{"a":1},{"b":2}]}`), "", false)
	f.Add(zipped(f, `{"a":1}`+"\n"+`{"a":2}`), "gzip", false)
	f.Add(delivery(f, []byte(`{"a":1}`), zipped(f, `[{"a":2}]`)), "", true)
	f.Add([]byte("{\n{"), "identity", false)
	f.Fuzz(func(t *testing.T, data []byte, encoding string, firehose bool) {
		last := int64(0)
		b := eventpush.Body{Data: data, Encoding: encoding, Firehose: firehose, Envelopes: []string{"items", "Records"}}
		err := b.Records(func(r eventpush.Record) error {
			if r.Number <= last || len(bytes.TrimSpace(r.Data)) == 0 {
				t.Fatalf("record %d behind %d: %q", r.Number, last, r.Data)
			}
			last = r.Number
			return nil
		}, func(f connector.Fault) {
			if f.Err == nil || f.Record <= last {
				t.Fatalf("fault %+v behind record %d", f, last)
			}
			last = f.Record
		})
		if err != nil && !errors.Is(err, retinue.ErrInvalid) && !errors.Is(err, retinue.ErrUnsupported) {
			t.Fatalf("%v is of no kind", err)
		}
	})
}
