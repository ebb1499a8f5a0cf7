package app_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// The logs that the killed imports read.
const (
	importFiles = 16
	importEach  = 6_000
	importUsers = 20
)

// writeLogs writes logs of events, half of the files compressed. The last file
// repeats the first: its events were delivered twice.
func writeLogs(t *testing.T, dir string) {
	t.Helper()
	start := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -9) // of which the events are kept
	for f := range importFiles + 1 {
		name := filepath.Join(dir, fmt.Sprintf("part-%02d.ndjson", f))
		if f%2 == 1 {
			name += ".gz"
		}
		out, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		var w io.WriteCloser = out
		if f%2 == 1 {
			w = gzip.NewWriter(out)
		}
		b := bufio.NewWriter(w)
		for i := range importEach {
			n := f%importFiles*importEach + i
			_, _ = fmt.Fprintf(b, `{"log":"app.audit","id":"e-%d","at":%q,"realm":"test:logs","class":"data","identity":{"realm":"test:logs","kind":"account","key":"user-%d"},"action":"read","outcome":"success","origin":{"address":"10.0.%d.1"}}`+"\n",
				n, start.Add(time.Duration(n)*7*time.Second).Format(time.RFC3339), n%importUsers, n%5)
		}
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if f%2 == 1 {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func importLogs(ctx context.Context, dir, db string, opened func()) ([]app.ActivityRead, error) {
	cfg := crashConfig(dir, db)
	cfg.Usage.RawDays = 20
	a, err := app.Open(ctx, cfg, app.Options{})
	if err != nil {
		return nil, err
	}
	opened()
	reads, err := a.ImportActivity(ctx, []app.SourceConfig{{Name: "logs", Kind: "ndjson", Target: filepath.Join(dir, "logs")}},
		app.ActivityOptions{Actor: retinue.Actor{Kind: "system", Name: "test"}, Getenv: func(string) string { return "" }})
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	return reads, err
}

func importChild() int {
	_, err := importLogs(context.Background(), os.Getenv("RETINUE_CRASH_DIR"), os.Getenv("RETINUE_CRASH_DB"), func() { fmt.Println("open") })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilledImportsCountOnce kills an import at random points, again and again:
// when one comes through, every event was counted, and none twice (invariant 2).
func TestKilledImportsCountOnce(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			db := filepath.Join(dir, "r.db")
			if kind == "postgres" {
				db = testkit.Postgres(t).Database(t)
			}
			logs := filepath.Join(dir, "logs")
			if err := os.Mkdir(logs, 0o700); err != nil {
				t.Fatal(err)
			}
			writeLogs(t, logs)
			killed := 0
			for range 12 {
				if killImport(t, dir, db) {
					killed++
				}
			}
			if killed == 0 {
				t.Error("no import was killed before its end")
			}
			if _, err := importLogs(t.Context(), dir, db, func() {}); err != nil {
				t.Fatal(err)
			}
			checkCounted(t, db)
			checkKept(t, dir, db)
		})
	}
}

// killImport starts an import in a process of its own and kills it after a
// random time. It reports whether the process was still running.
func killImport(t *testing.T, dir, db string) bool {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "RETINUE_IMPORT_CHILD=1", "RETINUE_CRASH_DIR="+dir, "RETINUE_CRASH_DB="+db)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = bufio.NewReader(out).ReadString('\n')
	time.Sleep(time.Duration(rand.IntN(250_000)) * time.Microsecond)
	_ = c.Process.Kill()
	return c.Wait() != nil
}

func checkCounted(t *testing.T, addr string) {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), addr, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		sums := map[string]int64{}
		tallies, err := tx.UsageTallies(0)
		for _, x := range tallies {
			sums[x.What] += x.N
		}
		if err != nil {
			return err
		}
		if got := sums["data"]; got != importFiles*importEach {
			t.Errorf("%d events were counted, want %d", got, importFiles*importEach)
		}
		list, err := tx.Unlisted(0)
		if len(list) != importUsers {
			t.Errorf("%d were seen, want %d", len(list), importUsers)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var n, rows int64
	err = db.Handle().QueryRowContext(t.Context(), "SELECT count(*) FROM usage_seen").Scan(&n)
	if err == nil {
		err = db.Handle().QueryRowContext(t.Context(), "SELECT count(*) FROM usage_packed").Scan(&rows)
	}
	if err != nil || n != importFiles*importEach || rows == 0 {
		t.Errorf("%d events are known, want %d; %d packed months; %v", n, importFiles*importEach, rows, err)
	}
}

// checkKept reads every event that is kept: each is, and none twice.
func checkKept(t *testing.T, dir, addr string) {
	t.Helper()
	a, err := app.Open(t.Context(), crashConfig(dir, addr), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	met := map[string]bool{}
	n := 0
	for q := (app.UsageEventQuery{Limit: 1000}); ; {
		page, err := a.UsageEvents(t.Context(), store.Everything(), q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Items {
			met[page.Items[i].Event] = true
			n++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if n != importFiles*importEach || len(met) != n {
		t.Errorf("%d events are kept, %d of them different, want %d", n, len(met), importFiles*importEach)
	}
}
