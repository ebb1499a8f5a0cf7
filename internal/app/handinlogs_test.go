package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// taking is a server that takes what is handed in, and whose answers to some parts
// are lost.
type taking struct {
	*receiver
	as      auth.Caller
	parts   int
	lost    map[int]bool
	refused map[int]bool
}

var errLost = errors.New("the answer was lost")

func (t *taking) Position(ctx context.Context, kind, input string) (app.ActivityPosition, error) {
	return t.ActivityPosition(ctx, t.as, kind, input)
}

func (t *taking) Take(ctx context.Context, kind, source string, part []byte) (app.TakenActivity, error) {
	t.parts++
	if t.refused[t.parts] {
		return app.TakenActivity{}, errLost
	}
	got, err := t.ImportHanded(ctx, t.as, api.HandedActivity{Kind: kind, Source: source, Body: bytes.NewReader(part)})
	if err != nil || !t.lost[t.parts] {
		return got, err
	}
	// The answer is lost, and it is sent again when nothing of its events is known
	// any more.
	t.later()
	if again, err := t.ImportHanded(ctx, t.as, api.HandedActivity{Kind: kind, Source: source, Body: bytes.NewReader(part)}); err != nil || again.New+again.LateUnverified != 0 || again.Repeated != got.New {
		t.t.Errorf("sent again: %+v, %v", again, err)
	}
	return got, errLost
}

// later is so much later that events are no longer known.
func (t *taking) later() {
	t.ahead += 20 * 24 * time.Hour
	if err := t.KeepUsage(t.t.Context()); err != nil {
		t.t.Error(err)
	}
}

func (t *taking) handIn(sources ...app.SourceConfig) []app.ActivityRead {
	t.t.Helper()
	reads, err := app.HandInActivity(t.t.Context(), app.Specs(), t.Keys, sources, app.ActivityOptions{}, t)
	if err != nil {
		t.t.Fatal(err)
	}
	return reads
}

// TestHandedInLogsAreCountedOnce loses parts on the way and answers on the way
// back, and hands the same in again long after: every event counts once.
func TestHandedInLogsAreCountedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		const n = 30_000
		file := filepath.Join(dir, "app.ndjson")
		writeLog(t, file, logLines(0, n))
		to := &taking{receiver: newReceiver(t, dir, db), as: operator(), lost: map[int]bool{2: true}, refused: map[int]bool{3: true}}
		source := app.SourceConfig{Name: "app", Kind: "ndjson", Target: file}
		tries := 0
		for to.handIn(source)[0].Error != "" {
			if tries++; tries > 2 {
				t.Fatal("the same again goes on from nowhere")
			}
			to.later()
		}
		if to.parts <= 3 {
			t.Fatalf("%d parts were sent: too few for what is lost of them", to.parts)
		}
		total := int64(0)
		for class, k := range to.counted() {
			if class == "late" {
				t.Errorf("%d events are not known to be new", k)
			}
			if class == string(retinue.EventData) {
				total = k
			}
		}
		if total != n {
			t.Errorf("%d events were counted: want %d", total, n)
		}
		writeLog(t, file, logLines(n, 10)) // goes on where it stood
		if r := to.handIn(source)[0]; r.New != 10 || r.Events != 10 {
			t.Errorf("what was written since: %+v", r)
		}
	})
}

// TestHandedInActivityIsHostile hands in what no reader writes.
func TestHandedInActivityIsHostile(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	event := `{"log":"app.audit","id":"e","at":"2026-01-05T00:00:00Z","realm":"test:logs","class":"data","outcome":"success"}`
	for what, c := range map[string]struct {
		body string
		want error
	}{
		"not JSON":         {"x", retinue.ErrInvalid},
		"nothing of it":    {"{}", retinue.ErrInvalid},
		"two at once":      {`{"fault":{"text":"x"},"batch":{"input":"a","position":{},"events":[]}}`, retinue.ErrInvalid},
		"an unknown field": {`{"batch":{"input":"a","position":{},"events":[],"verdict":"dormant"}}`, retinue.ErrInvalid},
		"no input":         {`{"batch":{"position":{},"events":[` + event + `]}}`, retinue.ErrInvalid},
		"a long input":     {`{"batch":{"input":"` + strings.Repeat("x", 2000) + `","position":{},"events":[]}}`, retinue.ErrInvalid},
		"a wrong digest":   {`{"batch":{"input":"a","position":{},"events":[{"digest":"zz","log":"a"}]}}`, retinue.ErrInvalid},
		"an inside out stretch": {`{"coverage":{"log":"app.audit","realm":"test:logs","from":"2026-02-01T00:00:00Z","to":"2026-01-01T00:00:00Z","classes":[],"authenticated":true}}`,
			retinue.ErrInvalid},
		"too many events": {fmt.Sprintf(`{"batch":{"input":"a","position":{},"events":[%s]}}`, strings.TrimSuffix(strings.Repeat(event+",", connector.MaxActivityBatch+1), ",")), retinue.ErrInvalid},
	} {
		_, err := r.ImportHanded(t.Context(), operator(), api.HandedActivity{Kind: "ndjson", Source: "x", Body: strings.NewReader(c.body)})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	var cut *api.PushCutError
	if _, err := r.ImportHanded(t.Context(), operator(), api.HandedActivity{Kind: "ndjson", Body: strings.NewReader(`{"batch":{"input":"a"`)}); !errors.As(err, &cut) {
		t.Errorf("cut: %v", err)
	}
	var large *api.PushSizeError
	bomb := gzipped([]byte(`{"fault":{"text":"` + strings.Repeat("x", api.MaxHandedContent) + `"}}`))
	if _, err := r.ImportHanded(t.Context(), operator(), api.HandedActivity{Kind: "ndjson", Body: bytes.NewReader(bomb)}); !errors.As(err, &large) {
		t.Errorf("what grows: %v", err)
	}
	if _, err := r.ImportHanded(t.Context(), operator(), api.HandedActivity{Kind: "none", Body: strings.NewReader("")}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a kind that is none: %v", err)
	}
	// An event that makes no sense keeps no other from being counted.
	got, err := r.ImportHanded(t.Context(), operator(), api.HandedActivity{Kind: "ndjson", Body: strings.NewReader(
		`{"batch":{"input":"a","label":"app.log","position":{},"events":[` + event + `,{"log":"app.audit","id":"f","at":"0001-01-01T00:00:00Z","realm":"test:logs","class":"data","outcome":"success"}]}}`)})
	if err != nil || got.New != 1 || got.Faults != 1 || len(got.Places) != 1 || !strings.Contains(got.Places[0].Text, "app.log") {
		t.Errorf("beside one that makes no sense: %+v, %v", got, err)
	}
	// Who has a part of the installation hands in nothing.
	part := auth.Caller{Kind: auth.KindToken, Bindings: []auth.Binding{{Role: auth.RoleOperator, Scope: store.RowScope{Tags: []string{"team=pay"}}}}}
	if _, err := r.ImportHanded(t.Context(), part, api.HandedActivity{Kind: "ndjson", Body: strings.NewReader("")}); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("with a part of the installation: %v", err)
	}
}

// TestWeakHandInsMoveNoInput hands in as who does not manage sources: it is weak,
// and says nothing of where the reading of others stands.
func TestWeakHandInsMoveNoInput(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "app.ndjson")
	if err := os.WriteFile(file, []byte(logLines(0, 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	source := app.SourceConfig{Name: "app", Kind: "ndjson", Target: file}
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	weak := auth.System(retinue.Actor{Kind: "person", Name: "Ben"})
	weak.Limit = &auth.Limit{Permissions: []auth.Permission{auth.PermIngestWrite}, Scope: store.Everything()}
	if got := (&taking{receiver: r, as: weak}).handIn(source)[0]; !got.Weak || got.New != 100 {
		t.Errorf("weak: %+v", got)
	}
	if got := (&taking{receiver: r, as: operator()}).handIn(source)[0]; got.Weak || got.Events != 100 || got.Repeated != 100 {
		t.Errorf("after a weak one: %+v", got)
	}
}

// handedLine is a line of a part that is handed in.
func handedLine(t *testing.T, item api.HandedItem) string {
	t.Helper()
	text, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// handedEvents are events as they are handed in.
func handedEvents(first, n int) (out []api.HandedEvent) {
	for i := range n {
		out = append(out, api.NewHandedEvent(retinue.Event{Log: "app.audit", ID: fmt.Sprint("h", first+i), Realm: "test:logs", Class: retinue.EventData,
			At: time.Date(2026, 1, 5, 0, 0, first+i, 0, time.UTC), Action: "docs:read", Outcome: retinue.OutcomeSuccess}))
	}
	return out
}

// TestPartsOnTheirWayTwiceCountOnce: a part that comes once more behind those that
// follow it, long after its events are known, neither counts nor takes the reading
// back to where it stood; nor does that of somebody else who reads the same.
func TestPartsOnTheirWayTwiceCountOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		to := &taking{receiver: newReceiver(t, dir, db), as: operator()}
		at := func(n int64) connector.Position { return connector.Position{Offset: n, Digest: fmt.Sprint("d", n)} }
		part := func(from, to connector.Position, first, n int) string {
			return handedLine(t, api.HandedItem{Batch: &api.HandedBatch{Input: "a", Label: "a.log", From: &from, Position: to, Events: handedEvents(first, n)}})
		}
		send := func(body string) (app.TakenActivity, error) {
			return to.ImportHanded(t.Context(), to.as, api.HandedActivity{Kind: "ndjson", Source: "x", Body: strings.NewReader(body)})
		}
		one, two := part(connector.Position{}, at(10), 0, 10), part(at(10), at(20), 10, 10)
		var wait sync.WaitGroup
		for range 4 { // the first comes at once from several
			wait.Go(func() {
				if _, err := send(one); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if got, err := send(two); err != nil || got.New != 10 {
			t.Fatalf("%+v, %v", got, err)
		}
		to.later()
		if got, err := send(two); err != nil || got.Repeated != 10 || got.New+got.LateUnverified != 0 {
			t.Errorf("the last again: %+v, %v", got, err)
		}
		for what, body := range map[string]string{"the first again": one, "another cut of it": part(connector.Position{}, at(15), 0, 15), "from a place where it never stood": part(at(7), at(9), 7, 2)} {
			if got, err := send(body); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("%s: %+v, %v", what, got, err)
			}
		}
		if p, err := to.ActivityPosition(t.Context(), to.as, "ndjson", "a"); err != nil || p.Position != at(20) {
			t.Errorf("it stands at %+v, %v", p, err)
		}
		if n := to.counted(); n[string(retinue.EventData)] != 20 || n["late"] != 0 {
			t.Errorf("counted: %v", n)
		}
	})
}

// TestWhatIsSaidBesideEventsIsCleaned: what a sender says of logs is kept without
// secrets and controls, and covers nothing that has not come.
func TestWhatIsSaidBesideEventsIsCleaned(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	secret := "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
	now := time.Now()
	cover := retinue.Coverage{Log: "app.audit", Realm: "test:logs", From: now.AddDate(0, 0, -1), To: now.AddDate(1, 0, 0), Classes: []retinue.EventClass{retinue.EventData},
		BlindSpots: []retinue.BlindSpot{{Code: "x", Text: "see " + secret}}}
	body := handedLine(t, api.HandedItem{Fault: &api.HandedFault{Label: "a.log", Line: 3, Text: "no JSON: " + secret + "\x1b[31m"}}) + handedLine(t, api.HandedItem{Coverage: &api.HandedCoverage{Coverage: cover}})
	if _, err := r.ImportHanded(t.Context(), operator(), api.HandedActivity{Kind: "ndjson", Source: "x", Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	kept, err := r.KeptCoverage(t.Context(), app.CoverageOf{})
	if err != nil || len(kept.Coverage) != 1 || kept.Coverage[0].To.After(time.Now().AddDate(0, 0, 2)) {
		t.Errorf("what has not come is covered: %+v, %v", kept, err)
	}
	var faults []store.UsageFault
	err = r.View(t.Context(), store.Everything(), func(tx *app.Snapshot) (err error) {
		faults, err = tx.UsageFaults(10)
		return err
	})
	if text := fmt.Sprint(kept, faults); err != nil || len(faults) != 1 || strings.Contains(text, secret) || strings.Contains(text, "\x1b") {
		t.Errorf("%v: kept: %s", err, text)
	}
	many := strings.Repeat(`{"fault":{"text":"x"}}`+"\n", api.MaxHandedLines+1)
	var large *api.PushSizeError
	if _, err := r.ImportHanded(t.Context(), operator(), api.HandedActivity{Kind: "ndjson", Body: strings.NewReader(many)}); !errors.As(err, &large) {
		t.Errorf("very many lines: %v", err)
	}
}
