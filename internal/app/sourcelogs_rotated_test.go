package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// TestWatchedFileIsRotated: a server that watches one file counts what was written
// to it before it was rotated, and tells what it cannot find.
func TestWatchedFileIsRotated(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.ndjson")
	writeLog(t, file, logLines(0, 20))
	s := readLogs(t, logsConfig(dir, filepath.Join(dir, "r.db"), file), app.Options{})
	s.whole(20)
	writeLog(t, file, logLines(20, 10))
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename(file, file+".1")
	writeLog(t, file+".1", logLines(30, 5)) // the writer had it open
	writeLog(t, file, logLines(35, 5))
	s.whole(40)
	rename(file, file+".gone")
	writeLog(t, file, logLines(60, 10))
	s.whole(50)
	l := s.until("the gap is told", func(l store.SourceLogs) bool { return l.Standing.Total.Faults > 0 })
	if l.Standing.Total.Faults != 1 {
		t.Errorf("%d faults, want the gap alone", l.Standing.Total.Faults)
	}
	err := s.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		faults, err := tx.UsageFaults(10)
		if len(faults) != 1 || faults[0].From.IsZero() || !faults[0].To.After(faults[0].From) || !strings.Contains(faults[0].Message, "is missing") {
			t.Errorf("faults %+v, want the time of the gap", faults)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOneFileIsOne: what is kept of the name of a file that is imported is not
// counted as another.
func TestOneFileIsOne(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.ndjson")
	writeLog(t, file, logLines(0, 20))
	a, err := app.Open(t.Context(), crashConfig(dir, filepath.Join(dir, "r.db")), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()                           //nolint:errcheck // the test is over
	for want := int64(1); want >= 0; want-- { // the second time nothing is read
		reads, err := a.ImportActivity(t.Context(), []app.SourceConfig{{Name: "app", Kind: "ndjson", Target: file}}, app.ActivityOptions{Actor: app.Actor(), Getenv: func(string) string { return "" }})
		if err != nil || len(reads) != 1 || reads[0].Inputs != want || reads[0].New != 20*want {
			t.Errorf("%v: %+v, want %d input", err, reads, want)
		}
	}
}
