package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

// watched is a system for each source, and notes how it is read.
type watched struct {
	mu      sync.Mutex
	reads   map[string]int // how often each source was read
	now     map[string]int // how many readings of it are going on
	at      int            // most of one source at once
	entered chan string
	gate    chan struct{} // where it is set, a reading waits for it
	pause   time.Duration
}

func newWatched() *watched {
	return &watched{reads: map[string]int{}, now: map[string]int{}, entered: make(chan string, 1000)}
}

func (w *watched) spec() []connector.Spec {
	return []connector.Spec{{Kind: "test", TargetOptional: true, Open: func(_ context.Context, cfg connector.Config, _ connector.Env) (connector.Connector, error) {
		return &watchedSource{w, cfg.Name}, nil
	}}}
}

func (w *watched) count(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads[name]
}

type watchedSource struct {
	*watched
	name string
}

func (s *watchedSource) realm() retinue.Realm { return retinue.Realm("test:" + s.name) }
func (s *watchedSource) Close() error         { return nil }
func (s *watchedSource) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: s.realm()}, nil
}

func (s *watchedSource) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	s.mu.Lock()
	s.reads[s.name]++
	s.now[s.name]++
	s.at = max(s.at, s.now[s.name])
	gate := s.gate
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now[s.name]--
	}()
	s.entered <- s.name
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	time.Sleep(s.pause) // long enough for another worker to begin the same, if it could
	scope := retinue.NewScope(s.realm(), "accounts")
	if err := sink.Emit(scope, retinue.Identity{Ref: retinue.NewRef(s.realm(), "account", "a"), Name: "a", Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman}); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: req.Now, Basis: "everything"})
}

func fleetConfig(dir, db string, interval time.Duration, names ...string) app.Config {
	cfg := app.Config{Database: db, KeyFile: filepath.Join(dir, "key"), SigningKeyFile: filepath.Join(dir, "sign")}
	for _, n := range names {
		cfg.Sources = append(cfg.Sources, app.SourceConfig{Name: n, Kind: "test", Interval: interval, Jitter: min(interval, 10*time.Millisecond)})
	}
	return cfg
}

// serving is an installation that works its queue.
type serving struct {
	*app.App
	t    *testing.T
	stop func()
}

func serve(t *testing.T, cfg app.Config, opt app.Options) *serving {
	t.Helper()
	a, err := app.Open(t.Context(), cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.StartFleet(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.RunQueue(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, a.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &serving{a, t, stop}
}

// scans lists the scans, the newest first.
func (s *serving) scans() []store.Scan {
	s.t.Helper()
	var out []store.Scan
	err := s.View(context.WithoutCancel(s.t.Context()), store.Everything(), func(tx *app.Snapshot) (err error) {
		out, err = tx.Scans(store.ScanQuery{})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// settled waits until nothing waits or runs, and returns the scans.
func (s *serving) settled(atLeast int) []store.Scan {
	s.t.Helper()
	var list []store.Scan
	for range 1600 {
		list = s.scans()
		if len(list) >= atLeast && !slices.ContainsFunc(list, func(x store.Scan) bool { return !x.State.Ended() }) {
			return list
		}
		time.Sleep(25 * time.Millisecond) // the queue is other goroutines, and another process
	}
	s.t.Fatalf("scans did not end: %+v", list)
	return nil
}

func operator() auth.Caller { return auth.System(retinue.Actor{Kind: "system", Name: "test"}) }

func eachStore(t *testing.T, test func(t *testing.T, dir, db string)) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, dir, filepath.Join(dir, "r.db"))
	})
	t.Run("postgres", func(t *testing.T) { test(t, t.TempDir(), testkit.Postgres(t).Database(t)) })
}

// TestReplicasShareWorkAndSchedule has two servers on one database follow the
// schedules of six sources, and take requests for all of them at both.
func TestReplicasShareWorkAndSchedule(t *testing.T) {
	dir, db := t.TempDir(), testkit.Postgres(t).Database(t)
	names := []string{"a", "b", "c", "d", "e", "f"}
	w := newWatched()
	w.pause = 30 * time.Millisecond
	var offset atomic.Int64
	opt := app.Options{Specs: w.spec(), Now: func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }}
	cfg := fleetConfig(dir, db, 6*time.Hour, names...)
	one, two := serve(t, cfg, opt), serve(t, cfg, opt)
	one.settled(len(names)) // a source that was never scanned is scanned soon
	for _, n := range names {
		if c := w.count(n); c != 1 {
			t.Errorf("%s was read %d times after the start, want once", n, c)
		}
	}
	// The time of every schedule comes, at both servers.
	offset.Store(int64(7 * time.Hour))
	one.settled(2 * len(names))
	for _, n := range names {
		if c := w.count(n); c != 2 {
			t.Errorf("%s was read %d times after its schedule came, want twice", n, c)
		}
	}
	var wg sync.WaitGroup
	for i := range 24 {
		s := []*serving{one, two}[i%2]
		wg.Go(func() {
			if _, err := s.RequestScan(t.Context(), operator(), names[i%len(names)]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list := two.settled(3 * len(names))
	if w.at != 1 {
		t.Errorf("%d readings of one source at once", w.at)
	}
	holders := map[string]bool{}
	for _, s := range list {
		holders[s.Holder] = true
		if s.State != store.ScanComplete {
			t.Errorf("%+v", s)
		}
	}
	if len(holders) != 2 {
		t.Errorf("the scans were carried out by %d servers, want both", len(holders))
	}
}

// TestStoppedScanGoesOn stops a server in the middle of a scan: the request
// stays, and the next server carries it out.
func TestStoppedScanGoesOn(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		w := newWatched()
		w.gate = make(chan struct{})
		cfg := fleetConfig(dir, db, 0, "a")
		s := serve(t, cfg, app.Options{Specs: w.spec()})
		if _, err := s.RequestScan(t.Context(), operator(), "a"); err != nil {
			t.Fatal(err)
		}
		<-w.entered
		began := time.Now()
		s.stop()
		if d := time.Since(began); d > 15*time.Second {
			t.Errorf("stopping took %s", d)
		}
		w.gate = nil
		s = serve(t, cfg, app.Options{Specs: w.spec()})
		list := s.settled(1)
		if len(list) != 1 || list[0].State != store.ScanComplete || w.count("a") != 2 {
			t.Errorf("%d readings, %+v", w.count("a"), list)
		}
	})
}

// TestCancelledElsewhere cancels a scan at another server than the one that
// carries it out.
func TestCancelledElsewhere(t *testing.T) {
	dir, db := t.TempDir(), testkit.Postgres(t).Database(t)
	w := newWatched()
	w.gate = make(chan struct{})
	cfg := fleetConfig(dir, db, 0, "a")
	s := serve(t, cfg, app.Options{Specs: w.spec()})
	if _, err := s.RequestScan(t.Context(), operator(), "a"); err != nil {
		t.Fatal(err)
	}
	<-w.entered
	other, err := app.Open(t.Context(), cfg, app.Options{Specs: w.spec()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := other.CancelScan(t.Context(), operator(), s.scans()[0].ID); err != nil {
		t.Fatal(err)
	}
	list := s.settled(1)
	if list[0].State != store.ScanCancelled {
		t.Errorf("%+v", list[0])
	}
}

// fleetChild is a server in a process of its own, to be killed.
func fleetChild() int {
	w := newWatched()
	w.gate = make(chan struct{})
	ctx := context.Background()
	a, err := app.Open(ctx, fleetConfig(os.Getenv("RETINUE_CRASH_DIR"), os.Getenv("RETINUE_CRASH_DB"), 0, "a"), app.Options{Specs: w.spec()})
	if err == nil {
		err = a.StartFleet(ctx)
	}
	if err == nil && os.Getenv("RETINUE_FLEET_CHILD") == "request" {
		_, err = a.RequestScan(ctx, operator(), "a")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		fmt.Println("scanning " + <-w.entered)
	}()
	if err := a.RunQueue(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// killServer starts a server and kills it while it scans.
func killServer(t *testing.T, dir, db, what string) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "RETINUE_FLEET_CHILD="+what, "RETINUE_CRASH_DIR="+dir, "RETINUE_CRASH_DB="+db)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "scanning") {
		t.Errorf("the server said %q, %v", line, err)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
}

// TestKilledScanIsRepeatedOnce kills a server in the middle of a scan, and the
// next one in the middle of its repetition.
func TestKilledScanIsRepeatedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		cfg := fleetConfig(dir, db, 0, "a")
		killServer(t, dir, db, "request")
		w := newWatched()
		s := serve(t, cfg, app.Options{Specs: w.spec()})
		list := s.settled(2)
		if len(list) != 2 || w.count("a") != 1 {
			t.Fatalf("%d readings, %+v", w.count("a"), list)
		}
		again, first := list[0], list[1]
		if first.State != store.ScanCrashed || again.State != store.ScanComplete || again.Reason != store.ScanRepeated || again.Repeats != first.ID {
			t.Errorf("%+v\n%+v", first, again)
		}
		s.stop()

		killServer(t, dir, db, "request")
		killServer(t, dir, db, "wait") // it carries the repetition out
		s = serve(t, cfg, app.Options{Specs: w.spec()})
		list = s.settled(4)
		if len(list) != 4 || list[0].State != store.ScanCrashed || list[1].State != store.ScanCrashed || w.count("a") != 1 {
			t.Errorf("%d readings, %+v: want two crashed ones, and no third try", w.count("a"), list)
		}
		runs := map[store.RunState]int{}
		if err := s.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
			last, err := tx.LastRuns()
			for _, r := range last {
				runs[r.State]++
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if runs[store.RunCrashed] != 1 {
			t.Errorf("the last run of the source is not seen as crashed: %v", runs)
		}
		// A new request works all the same.
		if _, err := s.RequestScan(t.Context(), operator(), "a"); err != nil {
			t.Fatal(err)
		}
		if list = s.settled(5); list[0].State != store.ScanComplete {
			t.Errorf("%+v", list[0])
		}
	})
}

// TestFileSources follows the configuration file: what is in it is known and
// scheduled, and what left it is not.
func TestFileSources(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "r.db")
	w := newWatched()
	start := func(cfg app.Config) error {
		a, err := app.Open(t.Context(), cfg, app.Options{Specs: w.spec()})
		if err != nil {
			t.Fatal(err)
		}
		return errors.Join(a.StartFleet(t.Context()), a.Close())
	}
	if err := start(fleetConfig(dir, db, time.Hour, "a", "b")); err != nil {
		t.Fatal(err)
	}
	cfg := fleetConfig(dir, db, 2*time.Hour, "b")
	for range 2 { // the second start changes nothing
		if err := start(cfg); err != nil {
			t.Fatal(err)
		}
	}
	a, err := app.Open(t.Context(), cfg, app.Options{Specs: w.spec()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	list, err := a.ListSources(t.Context(), store.Everything())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if list[0].Origin != "command" || !list[0].Next.IsZero() || list[0].Scan != nil {
		t.Errorf("what left the file: %+v", list[0])
	}
	if list[1].Origin != "file" || list[1].Interval != "2h0m0s" || list[1].Next.IsZero() || list[1].Version != 2 {
		t.Errorf("what changed in it: %+v", list[1])
	}
}

// TestClockJumpsKillNobody has the clock of an installation jump while a scan
// runs, as that of a machine does that slept: another server that then looks
// after scans leaves the living one alone.
func TestClockJumpsKillNobody(t *testing.T) {
	dir, db := t.TempDir(), testkit.Postgres(t).Database(t)
	w := newWatched()
	w.gate = make(chan struct{})
	var offset atomic.Int64
	opt := app.Options{Specs: w.spec(), Now: func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }}
	cfg := fleetConfig(dir, db, 0, "a")
	one := serve(t, cfg, opt)
	if _, err := one.RequestScan(t.Context(), operator(), "a"); err != nil {
		t.Fatal(err)
	}
	<-w.entered
	offset.Store(int64(7 * time.Hour))
	two := serve(t, cfg, opt) // looks after scans as it starts
	close(w.gate)
	if list := two.settled(1); len(list) != 1 || list[0].State != store.ScanComplete {
		t.Errorf("%+v", list)
	}
}

// TestSecondJobOfAScan has a second job of a running scan begin and end: the
// scan goes on, and can still be cancelled.
func TestSecondJobOfAScan(t *testing.T) {
	dir := t.TempDir()
	w := newWatched()
	w.gate = make(chan struct{})
	s := serve(t, fleetConfig(dir, filepath.Join(dir, "r.db"), 0, "a"), app.Options{Specs: w.spec()})
	scan, err := s.RequestScan(t.Context(), operator(), "a")
	if err != nil {
		t.Fatal(err)
	}
	<-w.entered
	if err := s.RunScanJob(t.Context(), scan.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.StartFleet(t.Context()); err != nil { // looks after scans
		t.Fatal(err)
	}
	if list := s.scans(); len(list) != 1 || list[0].State != store.ScanRunning {
		t.Fatalf("%+v", list)
	}
	if _, err := s.CancelScan(t.Context(), operator(), scan.ID); err != nil {
		t.Fatal(err)
	}
	if list := s.settled(1); len(list) != 1 || list[0].State != store.ScanCancelled {
		t.Errorf("%+v", list)
	}
}
