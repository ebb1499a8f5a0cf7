package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// logLines are events from number from on, of one user each minute.
func logLines(from, n int) string {
	var b strings.Builder
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, `{"log":"app.audit","id":"e-%d","at":%q,"realm":"test:logs","class":"data","identity":{"realm":"test:logs","kind":"account","key":"user-%d"},"action":"read","outcome":"success","origin":{"address":"10.0.0.1"}}`+"\n",
			i, start.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), i%3)
	}
	return b.String()
}

func writeLog(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func logsConfig(dir, db, target string) app.Config {
	cfg := crashConfig(dir, db)
	cfg.Sources = []app.SourceConfig{{Name: "app", Kind: "ndjson", Logs: app.LogsConfig{Target: target, Interval: time.Hour}}}
	return cfg
}

// readingServer is an installation that reads logs by itself.
type readingServer struct {
	*app.App
	t    *testing.T
	stop func()
}

func readLogs(t *testing.T, cfg app.Config, opt app.Options) *readingServer {
	t.Helper()
	a, err := app.Open(t.Context(), cfg, opt)
	if err == nil {
		err = a.StartFleet(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var run sync.WaitGroup
	run.Go(func() { a.RunSourceLogs(ctx) })
	stop := sync.OnceFunc(func() {
		cancel()
		run.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &readingServer{a, t, stop}
}

// logs are the logs of the source as they stand.
func (s *readingServer) logs() (l store.SourceLogs) {
	s.t.Helper()
	err := s.View(context.WithoutCancel(s.t.Context()), store.Everything(), func(tx *app.Snapshot) (err error) {
		l, err = tx.SourceLogsOf("app")
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// counted is how many events were counted, and how many of them twice.
func (s *readingServer) counted() (n, again int64) {
	s.t.Helper()
	err := s.View(context.WithoutCancel(s.t.Context()), store.Everything(), func(tx *app.Snapshot) error {
		tallies, err := tx.UsageTallies(0)
		for _, x := range tallies {
			switch x.What {
			case "data":
				n += x.N
			case "late":
				again += x.N
			}
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n, again
}

// until waits until something holds of the logs.
func (s *readingServer) until(what string, holds func(store.SourceLogs) bool) store.SourceLogs {
	s.t.Helper()
	var l store.SourceLogs
	for range 2400 {
		if l = s.logs(); holds(l) {
			return l
		}
		time.Sleep(25 * time.Millisecond) // what reads is other goroutines, and other processes
	}
	s.t.Fatalf("waited in vain: %s: %+v", what, l)
	return l
}

// whole waits until this many events are counted, and checks that none is twice.
func (s *readingServer) whole(n int64) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d events", n), func(l store.SourceLogs) bool {
		got, _ := s.counted()
		return got >= n && l.Holder == ""
	})
	if got, late := s.counted(); got != n || late != 0 {
		s.t.Errorf("%d events are counted, %d of them late, want %d", got, late, n)
	}
}

// TestWatchedLog has a server read a log that grows, is rotated, is truncated and
// compressed, while nobody asks for it: each event counts once, and what is
// covered has no gap.
func TestWatchedLog(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		logs := filepath.Join(dir, "logs")
		if err := os.Mkdir(logs, 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(logs, "app.ndjson")
		writeLog(t, file, logLines(0, 10))
		s := readLogs(t, logsConfig(dir, db, logs), app.Options{})
		s.whole(10)
		writeLog(t, file, logLines(10, 5))
		s.whole(15)
		// Rotated: the old file goes on under another name, and gets a last line.
		if err := os.Rename(file, file+".1"); err != nil {
			t.Fatal(err)
		}
		writeLog(t, file+".1", logLines(15, 1))
		writeLog(t, file, logLines(16, 4))
		s.whole(20)
		// Copied and truncated in place.
		whole, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file+".2", whole, 0o600)
		}
		if err == nil {
			err = os.Truncate(file, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		writeLog(t, file, logLines(20, 5))
		s.whole(25)
		l := s.logs()
		if l.Failures != 0 || l.Error != "" || l.ReadAt.IsZero() || l.Standing.Total.New != 25 || l.Standing.Total.Faults != 0 || !l.DueAt.After(l.ReadAt) {
			t.Errorf("%+v", l)
		}
		err = s.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
			cover, err := tx.UsageCoverage("")
			if len(cover) != 1 || cover[0].To.Sub(cover[0].From) != 24*time.Minute {
				t.Errorf("covered: %+v", cover)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(s.records(retinue.RecordActivityRead)); n != 1 {
			t.Errorf("%d records of reading in less than an hour, want that of the first", n)
		}
	})
}

func (s *readingServer) records(action retinue.RecordAction) []retinue.Record {
	s.t.Helper()
	var out []retinue.Record
	err := s.View(context.WithoutCancel(s.t.Context()), store.Everything(), func(tx *app.Snapshot) error {
		for r, err := range tx.Records(0) {
			if err != nil {
				return err
			}
			if r.Action == action {
				out = append(out, r)
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// logsChild is a server in a process of its own, to be killed.
func logsChild() int {
	ctx := context.Background()
	dir := os.Getenv("RETINUE_CRASH_DIR")
	a, err := app.Open(ctx, logsConfig(dir, os.Getenv("RETINUE_CRASH_DB"), filepath.Join(dir, "logs")), app.Options{})
	if err == nil {
		err = a.StartFleet(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("open")
	a.RunSourceLogs(ctx)
	return 0
}

func startLogsChild(t *testing.T, dir, db string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "RETINUE_LOGS_CHILD=1", "RETINUE_CRASH_DIR="+dir, "RETINUE_CRASH_DB="+db)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Errorf("the server said %q, %v", line, err)
	}
	return c
}

// TestKilledReaderIsTakenOver kills servers in the middle of reading a log, again
// and again, one of them beside another server: the one that is left reads the
// rest, and every event counts once.
func TestKilledReaderIsTakenOver(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		logs := filepath.Join(dir, "logs")
		if err := os.Mkdir(logs, 0o700); err != nil {
			t.Fatal(err)
		}
		writeLogs(t, logs)
		cfg := logsConfig(dir, db, logs)
		look, err := app.Open(t.Context(), cfg, app.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = look.Close() }()
		watch := &readingServer{App: look, t: t}
		shared := strings.Contains(db, "://")
		var s *readingServer
		for i := range int64(4) {
			c := startLogsChild(t, dir, db)
			watch.until("a part is counted", func(store.SourceLogs) bool {
				n, _ := watch.counted()
				return n > i*importEach
			})
			if shared && i == 3 {
				s = readLogs(t, cfg, app.Options{})
			}
			_ = c.Process.Kill()
			_ = c.Wait()
		}
		if n, _ := watch.counted(); n >= importFiles*importEach {
			t.Log("every server was killed too late")
		}
		if s == nil {
			s = readLogs(t, cfg, app.Options{})
		}
		s.whole(importFiles * importEach)
	})
}

// slowLog is a log that somebody waits for: it reports when reading begins, and
// gives an event each time it is let.
type slowLog struct {
	entered chan struct{}
	let     chan struct{}
	fail    error
}

func (l *slowLog) spec() []connector.Spec {
	return []connector.Spec{{Kind: "ndjson", Activity: &connector.Activity{Logs: []connector.LogKind{{Name: "app.audit"}},
		Open: func(context.Context, connector.Config, connector.Env) (connector.ActivityReader, error) {
			return l, nil
		}}}}
}

func (l *slowLog) Close() error { return nil }

func (l *slowLog) Activity(ctx context.Context, _ connector.ActivityRequest, sink connector.ActivitySink) error {
	l.entered <- struct{}{}
	select {
	case <-l.let:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.fail != nil {
		return l.fail
	}
	return sink.Batch(ctx, connector.Batch{Input: "slow", Position: connector.Position{Offset: 1}, Events: []retinue.Event{{Log: "app.audit", ID: "e-1", At: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC),
		Realm: "test:logs", Class: retinue.EventData, Action: "read", Outcome: retinue.OutcomeSuccess, Identity: retinue.NewRef("test:logs", "account", "a")}}})
}

// TestReadingLogsFails: what fails is tried again later and later, and says so on
// record when it begins and when it ends; it stops when it is told to.
func TestReadingLogsFails(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		l := &slowLog{entered: make(chan struct{}), let: make(chan struct{}), fail: errors.New("the bucket cannot be reached")}
		s := readLogs(t, logsConfig(dir, db, "there"), app.Options{Specs: l.spec()})
		waits := []time.Duration{time.Hour, time.Hour} // of an interval of an hour nothing is longer
		for i, want := range waits {
			<-l.entered
			l.let <- struct{}{}
			now := s.until("it failed", func(x store.SourceLogs) bool { return x.Failures == int64(i+1) && x.Holder == "" })
			if wait := now.DueAt.Sub(now.TriedAt); wait != want || !strings.Contains(now.Error, "cannot be reached") || !now.ReadAt.IsZero() {
				t.Errorf("after %d failures it waits %s: %+v", i+1, wait, now)
			}
			if _, err := s.ReadSourceLogs(t.Context(), operator(), "app"); err != nil {
				t.Fatal(err)
			}
		}
		<-l.entered
		l.fail = nil
		l.let <- struct{}{}
		now := s.until("it went well", func(x store.SourceLogs) bool { return !x.ReadAt.IsZero() && x.Holder == "" })
		if now.Failures != 0 || now.Error != "" || now.Standing.Total.New != 1 || now.Standing.Total.Reads != 3 {
			t.Errorf("%+v", now)
		}
		records := s.records(retinue.RecordActivityRead)
		if len(records) != 3 || records[0].Actor.Name != "schedule" || records[1].Actor != operator().Actor {
			t.Errorf("%+v", records)
		}
		// Paused while it is read, and stopped.
		if _, err := s.ReadSourceLogs(t.Context(), operator(), "app"); err != nil {
			t.Fatal(err)
		}
		<-l.entered
		if _, err := s.PauseSourceLogs(t.Context(), operator(), "app"); err != nil {
			t.Fatal(err)
		}
		s.until("it is paused", func(x store.SourceLogs) bool { return x.Paused() && x.Holder == "" })
		if _, err := s.ReadSourceLogs(t.Context(), operator(), "app"); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("asked to read what is paused: %v", err)
		}
		if _, err := s.ResumeSourceLogs(t.Context(), operator(), "app"); err != nil {
			t.Fatal(err)
		}
		<-l.entered
		s.stop() // in the middle of it
		a, err := app.Open(t.Context(), logsConfig(dir, db, "there"), app.Options{Specs: l.spec()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Close() }()
		if x := (&readingServer{App: a, t: t}).logs(); x.Holder != "" || x.Failures != 0 {
			t.Errorf("after the server stopped: %+v", x)
		}
	})
}
