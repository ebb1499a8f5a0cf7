package app_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
