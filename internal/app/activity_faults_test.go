package app_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
)

// TestALogOfFaultsAlone imports files in which nothing can be read, so that no log
// is covered: that is reported with its place, and is no error of the import. What
// a reader gave last is counted although the reader is done.
func TestALogOfFaultsAlone(t *testing.T) {
	dir := t.TempDir()
	a := newReceiver(t, dir, filepath.Join(dir, "r.db")).App
	for i := range 8 {
		path := filepath.Join(t.TempDir(), "shop.ndjson")
		if err := os.WriteFile(path, []byte(strings.Repeat(`{"log":"shop.audit","part":`+strconv.Itoa(i)+`}`+"\n", 3)), 0o600); err != nil {
			t.Fatal(err)
		}
		if old := time.Now().Add(-time.Hour); os.Chtimes(path, old, old) != nil {
			t.Fatal("set the time of a file")
		}
		var places []int64
		reads, err := a.ImportActivity(t.Context(), []app.SourceConfig{{Name: "shop", Kind: "ndjson", Target: path}},
			app.ActivityOptions{Actor: operator().Actor, Getenv: func(string) string { return "" }, OnFault: func(_ string, f connector.Fault) { places = append(places, f.Line) }})
		if err != nil || reads[0].Error != "" {
			t.Fatalf("%v, %q", err, reads[0].Error)
		}
		if r := reads[0]; r.Events != 0 || r.Faults != 3 || len(places) != 3 || places[0] != 1 || places[2] != 3 {
			t.Fatalf("%+v, at lines %v", r, places)
		}
	}
}

// faulty writes, beside all records of a kind: files with half a record, with one
// of very many fields and one that is too long, of a clock that is ahead, and one
// that was cut off while it was compressed, each of them between good records. It
// returns the lines at which they stand, by file.
func (m *mixed) faulty(k logKind) map[string][]int64 {
	m.part(k, everyRecord(), false)
	var text strings.Builder
	for n := range perKind {
		text.WriteString(k.record(n) + "\n")
	}
	zipped := gzipped([]byte(text.String()))
	m.write(k, "cut.json.gz", zipped[:len(zipped)*2/3])
	fields := strings.Repeat(`"a":1,`, 100_000)
	for name, bad := range map[string]string{
		"half.json":   k.record(1)[:40],
		"ahead.json":  k.record(2_400_000), // in the year 2103
		"fields.json": "{" + fields + `"b":2}`,
		"long.json":   `{"a":"` + strings.Repeat("x", 5<<20) + `"}`,
	} {
		m.write(k, name, []byte(k.record(2)+"\n"+bad+"\n"+k.record(3)+"\n"+k.record(4)+"\n"))
	}
	return map[string][]int64{"half.json": {2}, "ahead.json": {2}, "fields.json": {2}, "long.json": {2}}
}

// TestWhatCannotBeReadStopsNothing spoils the logs of every kind: what is wrong is
// reported with its place, and everything else counts, once.
func TestWhatCannotBeReadStopsNothing(t *testing.T) {
	m := newMixed(t)
	want := map[string]map[string][]int64{}
	for _, k := range m.kinds {
		want[k.kind] = m.faulty(k)
	}
	// Lines of other programs stand in the logs of a machine: half a line is one.
	delete(want["host"], "half.json")
	var mu sync.Mutex
	got := map[string]map[string][]int64{}
	cut := map[string]bool{}
	reads, err := m.ImportActivity(t.Context(), m.sources(), app.ActivityOptions{Actor: operator().Actor, Getenv: func(string) string { return "" }, OnFault: func(kind string, f connector.Fault) {
		mu.Lock()
		defer mu.Unlock()
		name := filepath.Base(f.Label)
		if name == "cut.json.gz" {
			cut[kind] = cut[kind] || errors.Is(f.Err, io.ErrUnexpectedEOF)
			return
		}
		if got[kind] == nil {
			got[kind] = map[string][]int64{}
		}
		got[kind][name] = append(got[kind][name], f.Line)
		if len(f.Err.Error()) > 300 {
			t.Errorf("%s: a fault of %d bytes", kind, len(f.Err.Error()))
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reads {
		if r.New != perKind || r.Error != "" {
			t.Errorf("%s: %d counted, want %d; %s", r.Source, r.New, perKind, r.Error)
		}
		if !cut[r.Source] {
			t.Errorf("%s: no word of the file that was cut off", r.Source)
		}
		for _, c := range r.Coverage {
			if c.To.After(time.Now()) {
				t.Errorf("%s: covers up to %s", r.Source, c.To)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
