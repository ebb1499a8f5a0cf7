package connectortest

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector"
)

// Damaged is the number of the record that ActivitySubject.Write writes as one
// that cannot be read; DamagedText is a text that must stand in it, and that no
// fault may repeat.
const (
	Damaged     = -1
	DamagedText = "text of the damaged record"
)

// ActivitySubject is a reader of logs under test.
type ActivitySubject struct {
	Spec connector.Spec
	// Open opens a reader on a folder.
	Open func(t testing.TB, env connector.Env, dir string) connector.ActivityReader
	// File is the name of the log's file in the folder, such as "audit.ndjson". The
	// compressed one has ".gz" behind it.
	File string
	// Write writes the content of a file that holds these records, in this order. A
	// record has the same content whenever its number is written, gives at least one
	// event, and no two are alike. The number Damaged stands for a record that
	// cannot be read.
	Write func(t testing.TB, w io.Writer, records []int)
	// Record returns one record as Activity.Decode takes it; nil where Decode is.
	Record func(t testing.TB, n int) []byte
	// Options are those with which Open opens, for Activity.Decoder.
	Options map[string]string
	// Whole says that a file is written once and does not grow, and that a damaged
	// record makes what follows it unreadable (one JSON document).
	Whole bool
	// Several is how many records the runs have that need several batches; 0 means
	// 9,000.
	Several int
	// Secrets are values planted in the records that must appear nowhere.
	Secrets []string
	// Waive leaves a clause out, by its name, for the reason given.
	Waive map[string]string
}

// OpenActivity returns an Open for ActivitySubject that opens the folder by the
// Spec, with options.
func OpenActivity(spec connector.Spec, options map[string]string) func(testing.TB, connector.Env, string) connector.ActivityReader {
	return func(t testing.TB, env connector.Env, dir string) connector.ActivityReader {
		t.Helper()
		cfg := connector.Config{Target: dir, Options: options}
		if err := spec.Validate(cfg); err != nil {
			t.Fatalf("open %s: %v", spec.Kind, err)
		}
		r, err := spec.Activity.Open(t.Context(), cfg, env)
		if err != nil {
			t.Fatalf("open %s: %v", spec.Kind, err)
		}
		return r
	}
}

// Lines returns a Write for ActivitySubject whose files have a record a line.
func Lines(record func(testing.TB, int) []byte, damaged string) func(testing.TB, io.Writer, []int) {
	return func(t testing.TB, w io.Writer, records []int) {
		t.Helper()
		for _, n := range records {
			line := []byte(damaged)
			if n != Damaged {
				line = record(t, n)
			}
			if _, err := w.Write(append(slices.Clip(line), '\n')); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The names of the clauses about reading logs.
const (
	clauseActivitySpec     = "the log is described"
	clauseActivityEvents   = "every event is valid and within bounds"
	clauseActivityRepeat   = "two readings give equal events"
	clauseActivityStop     = "going on after any batch loses nothing"
	clauseActivityOnce     = "what was read is not read again"
	clauseActivityDamaged  = "a damaged record is a fault and the rest is read"
	clauseActivityGrow     = "a growing file is read on"
	clauseActivityPieces   = "a log in pieces gives the events of one reading"
	clauseActivityGzip     = "compressed and plain give equal events"
	clauseActivityCut      = "a cut file gives what is before the cut"
	clauseActivityCover    = "coverage says what was read"
	clauseActivityDecode   = "a record alone gives the events of the file"
	clauseActivityCancel   = "a cancelled reading stops soon"
	clauseActivityRefused  = "a sink that refuses ends the reading"
	clauseActivitySecrets  = "no secret of a log appears anywhere"
	clauseActivityHostile  = "garbage is no panic and no event"
	clauseActivityClosable = "a reader can be closed unused"
)

type activityClause struct {
	name    string
	check   func(testing.TB, ActivitySubject)
	applies func(ActivitySubject) string
}

func activityClauses() []activityClause {
	always := func(ActivitySubject) string { return "" }
	grows := func(s ActivitySubject) string { return unless(!s.Whole, "ActivitySubject.Whole is set") }
	decodes := func(s ActivitySubject) string {
		return unless(s.Record != nil && s.Spec.Activity.Decode != nil, "records are not decoded alone")
	}
	return []activityClause{
		{clauseActivitySpec, checkActivitySpec, always},
		{clauseActivityEvents, checkActivityEvents, always},
		{clauseActivityRepeat, checkActivityRepeat, always},
		{clauseActivityStop, checkActivityStop, always},
		{clauseActivityOnce, checkActivityOnce, always},
		{clauseActivityDamaged, checkActivityDamaged, grows},
		{clauseActivityGrow, checkActivityGrow, grows},
		{clauseActivityPieces, checkActivityPieces, grows},
		{clauseActivityGzip, checkActivityGzip, always},
		{clauseActivityCut, checkActivityCut, always},
		{clauseActivityCover, checkActivityCover, always},
		{clauseActivityDecode, checkActivityDecode, decodes},
		{clauseActivityCancel, checkActivityCancel, always},
		{clauseActivityRefused, checkActivityRefused, always},
		{clauseActivitySecrets, checkActivitySecrets, func(s ActivitySubject) string { return unless(len(s.Secrets) > 0, "no secret is planted") }},
		{clauseActivityHostile, checkActivityHostile, decodes},
		{clauseActivityClosable, checkActivityClose, always},
	}
}

// Activity checks every clause about reading logs against a subject, each as a
// subtest, in the manner of Run.
func Activity(t *testing.T, s ActivitySubject) {
	t.Helper()
	all := activityClauses()
	for name := range s.Waive {
		if !slices.ContainsFunc(all, func(c activityClause) bool { return c.name == name }) {
			t.Errorf("waived clause %q: there is no such clause", name)
		}
	}
	for _, c := range all {
		if reason := c.applies(s); reason != "" {
			t.Logf("%s: does not apply: %s", c.name, reason)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if reason := s.Waive[c.name]; reason != "" {
				t.Skipf("waived: %s", reason)
			}
			c.check(t, s)
		})
	}
}

// several is how many records need more batches than one.
func (s ActivitySubject) several() int {
	if s.Several > 0 {
		return s.Several
	}
	return 9000
}

// span lists the numbers from one to below another.
func span(from, to int) []int {
	out := make([]int, 0, to-from)
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}

func (s ActivitySubject) content(t testing.TB, records []int) []byte {
	t.Helper()
	var b bytes.Buffer
	s.Write(t, &b, records)
	return b.Bytes()
}

// folder makes a folder with one file of these records, last changed long before
// Epoch.
func (s ActivitySubject) folder(t testing.TB, records []int) string {
	t.Helper()
	dir := t.TempDir()
	s.file(t, filepath.Join(dir, s.File), s.content(t, records), Epoch().Add(-24*time.Hour))
	return dir
}

func (s ActivitySubject) file(t testing.TB, path string, content []byte, changed time.Time) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, changed, changed); err != nil {
		t.Fatal(err)
	}
}

// LogFile makes a folder with one file, last changed a day before Epoch so that it
// does not count as being written, and returns the folder.
func LogFile(t testing.TB, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	ActivitySubject{}.file(t, filepath.Join(dir, name), []byte(content), Epoch().Add(-24*time.Hour))
	return dir
}

func compressed(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
