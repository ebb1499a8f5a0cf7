package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// tailing is a tail that runs.
type tailing struct {
	t      *testing.T
	got    chan app.Tailed
	faults chan string
	cancel context.CancelFunc
	ended  chan error
}

func startTail(t *testing.T, a *app.App, path string, opt app.TailOptions) *tailing {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &tailing{t: t, got: make(chan app.Tailed, 100), faults: make(chan string, 100), cancel: cancel, ended: make(chan error, 1)}
	ready := make(chan struct{})
	opt.Actor, opt.Ready, opt.Getenv = operator().Actor, func() { close(ready) }, func(string) string { return "" }
	opt.OnFault = func(_ string, f connector.Fault) { w.faults <- f.Err.Error() }
	go func() {
		w.ended <- a.TailActivity(ctx, []app.SourceConfig{{Name: "shop", Kind: "ndjson", Target: path}}, opt, func(v app.Tailed) error {
			w.got <- v
			return nil
		})
	}()
	select {
	case <-ready:
	case err := <-w.ended:
		t.Fatalf("the tail ended: %v", err)
	}
	return w
}

// next returns the next n events.
func (w *tailing) next(n int) []app.Tailed {
	w.t.Helper()
	var out []app.Tailed
	for range n {
		select {
		case v := <-w.got:
			out = append(out, v)
		case err := <-w.ended:
			w.t.Fatalf("the tail ended after %d events: %v", len(out), err)
		case <-time.After(time.Minute):
			w.t.Fatalf("%d events came, want %d", len(out), n)
		}
	}
	return out
}

func (w *tailing) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.ended; err != nil {
		w.t.Errorf("a tail that was interrupted: %v", err)
	}
	if len(w.got) != 0 {
		w.t.Errorf("%d events more came", len(w.got))
	}
}

func appendFile(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
}

// TestTail follows a file that grows, is rotated, and has a damaged line, and
// counts nothing.
func TestTail(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(logs, "events.ndjson")
	appendFile(t, path, madeUpEvents("shop:eu", 0, 50))
	r.Specs = append(r.Specs, listedAccount("shop:eu").spec())
	if _, err := r.Scan(t.Context(), []app.SourceConfig{{Name: "listed", Kind: "listed"}}, app.ScanOptions{Actor: operator().Actor}); err != nil {
		t.Fatal(err)
	}
	w := startTail(t, r.App, logs, app.TailOptions{Every: time.Second})
	appendFile(t, path, madeUpEvents("shop:eu", 50, 4))
	got := w.next(4)
	if v := got[3]; v.Identity != "user-13" || v.IdentityID != "" || v.Action != "read" || v.Outcome != retinue.OutcomeSuccess || v.Source != "shop" || v.Realm != "shop:eu" {
		t.Errorf("%+v", v)
	}
	appendFile(t, path, []byte("{\"log\": x}\n"))
	if f := <-w.faults; f == "" {
		t.Errorf("fault %s", f)
	}
	// Rotated: what was read is not shown again.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendFile(t, path, madeUpEvents("shop:eu", 60, 3)) // user-0 to user-2
	w.next(3)
	appendFile(t, path, madeUpEvents("shop:eu", 63, 1))
	if v := w.next(1)[0]; v.Identity != "user-3" || v.IdentityID == "" {
		t.Errorf("%+v: want the inventory's own", v)
	}
	id := w.t.Name()
	w.stop()
	if n := r.counted()["all"]; n != 0 {
		t.Errorf("%s counted %d events", id, n)
	}
	identity := r.idOf("user-3")
	w = startTail(t, r.App, logs, app.TailOptions{Since: time.Date(2026, 2, 3, 4, 0, 20, 0, time.UTC), Identity: identity})
	for i, v := range w.next(3) { // numbers 23, 43 and 63
		if v.IdentityID != identity {
			t.Errorf("%d: %+v", i, v)
		}
	}
	w.stop()
}

func (r *receiver) idOf(name string) (id retinue.EntityID) {
	r.t.Helper()
	err := r.View(r.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity}) {
			if err != nil {
				return err
			}
			if e.Name == name {
				id = e.ID
			}
		}
		return nil
	})
	if err != nil || id == "" {
		r.t.Fatalf("no %s: %v", name, err)
	}
	return id
}

// TestTailHidesPeople calls people by a pseudonym unless somebody says why not.
func TestTailHidesPeople(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	path := filepath.Join(dir, "events.ndjson")
	line := func(n int) string {
		return fmt.Sprintf(`{"log":"app.audit","id":"p-%d","at":"2026-02-03T04:00:0%dZ","realm":"shop:eu","class":"sign_in","identity":"shop:eu/user/ann","person":true,"credential":"shop:eu/key/anns","operation":"sign in","outcome":"success","origin":{"address":"192.0.2.77","agent":"ann's browser","host":"anns-laptop"}}`+"\n", n, n)
	}
	appendFile(t, path, []byte(line(1)+line(2)))
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := startTail(t, r.App, path, app.TailOptions{Since: since})
	got := w.next(2)
	if text := fmt.Sprintf("%+v", got); strings.Contains(text, "ann") || strings.Contains(text, "192.0.2.77") || got[0].Identity == "" || got[0].Identity != got[1].Identity {
		t.Errorf("%s", text)
	}
	w.stop()
	w = startTail(t, r.App, path, app.TailOptions{Since: since, People: "an incident of today"})
	if got := w.next(2); got[0].Identity != "ann" || got[0].Address != "192.0.2.77" {
		t.Errorf("%+v", got)
	}
	w.stop()
	records, err := recordsOf(r.App)
	if err != nil || records[retinue.RecordPeopleShown] != 1 {
		t.Errorf("%v, %v: want one record", records, err)
	}
	if err := r.TailActivity(t.Context(), nil, app.TailOptions{People: "x"}, nil); err == nil {
		t.Error("no reason was given, and names would be shown")
	}
}
