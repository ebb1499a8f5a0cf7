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
