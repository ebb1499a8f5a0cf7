package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

// The variables that tell the test program, as a server that sends notices and
// is killed, which installation is its own.
const (
	killedTellerDir = "RETINUE_TELL_DIR"
	killedTellerDB  = "RETINUE_TELL_DB"
)

// openKilled opens the installation of a folder, whose channels reach the test
// servers of any process on this machine: they share a certificate.
func openKilled(ctx context.Context, dir, db string) (*App, error) {
	cfg := Config{Database: db, KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	a, err := Open(ctx, cfg, Options{Sealer: boundSealer{}})
	if err != nil {
		return nil, err
	}
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	a.Tell(Telling{Sealer: boundSealer{}, PublicURL: "https://retinue.example/", HTTP: &http.Client{Transport: s.Client().Transport}, Endpoints: map[string]string{}})
	return a, nil
}

// TellChild works the queue of an installation until it is killed.
func TellChild() int {
	ctx := context.Background()
	a, err := openKilled(ctx, os.Getenv(killedTellerDir), os.Getenv(killedTellerDB))
	if err == nil {
		err = a.RunQueue(ctx)
	}
	fmt.Fprintln(os.Stderr, "the server that was to be killed ended:", err)
	return 1
}

// TestANoticeOutlivesTheServerThatSendsIt kills a server when the receiver has
// read the notice and has not answered: the next server sends it again, under
// the id by which the receiver tells that it is the same.
func TestANoticeOutlivesTheServerThatSendsIt(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killWhileTelling(t, filepath.Join(t.TempDir(), "r.db")) })
	t.Run("postgres", func(t *testing.T) { killWhileTelling(t, testkit.Postgres(t).Database(t)) })
}

func killWhileTelling(t *testing.T, db string) {
	dir := t.TempDir()
	arrived := make(chan string, 100)
	answer := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- r.Header.Get("Webhook-Id")
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	a, err := openKilled(t.Context(), dir, db)
	if err != nil {
		t.Fatal(err)
	}
	w := &teller{App: a, t: t, server: server}
	o := w.webhook("ops", notice.Timetable{})
	w.route("all", notice.Route{To: to(o)})
	w.finding("alpha", retinue.SeverityHigh, retinue.FindingOpen)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	first := tellAndKill(t, dir, db, arrived)
	close(answer)
	if a, err = openKilled(t.Context(), dir, db); err != nil {
		t.Fatal(err)
	}
	w.App = a
	stop := workQueue(t, a)
	select {
	case again := <-arrived:
		if again != first || first == "" {
			t.Errorf("sent as %q, and again as %q", first, again)
		}
	case <-time.After(time.Minute):
		t.Error("the notice was lost with the server that sent it")
	}
	for len(w.deliveriesIn(store.DeliverySent)) == 0 && t.Context().Err() == nil && !t.Failed() {
		time.Sleep(10 * time.Millisecond) // the answer is written down by the queue
	}
	stop()
	if n := len(arrived); n != 0 {
		t.Errorf("%d more messages", n)
	}
}

// workQueue works the queue until it is told to stop, and closes.
func workQueue(t *testing.T, a *App) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.RunQueue(ctx) }()
	return func() {
		cancel()
		if err := errors.Join(<-done, a.Close()); err != nil {
			t.Error(err)
		}
	}
}

// tellAndKill has another process send what is due, and kills it before it is
// answered.
func tellAndKill(t *testing.T, dir, db string, arrived <-chan string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "RETINUE_TELL_CHILD=1", killedTellerDir+"="+dir, killedTellerDB+"="+db)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	select {
	case id := <-arrived:
		return id
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent")
		return ""
	}
}
