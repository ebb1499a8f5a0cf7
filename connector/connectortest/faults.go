package connectortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// soon is how long a cancelled run may take to return, and how long goroutines
// may take to end.
const soon = 5 * time.Second

// checkBroken compares a run against the failing system with one against the
// whole system: what is completed holds everything, what is not has a problem.
func checkBroken(t testing.TB, s Subject) {
	whole := discover(t, s.Open, Env(t))
	r := attempt(t.Context(), t, s.Broken, Env(t), newRecorder())
	if len(r.Problems) == 0 && r.Err == nil {
		t.Errorf("the system failed and no problem was reported")
	}
	if len(r.Emitted) == 0 {
		t.Errorf("the system failed half way and nothing was kept")
	}
	for sc := range whole.Completed {
		done, ok := r.Completed[sc]
		if ok {
			missingIn(t, sc, whole, r)
			missingChildren(t, sc, whole.Completed[sc], done)
			continue
		}
		if r.Err == nil && !problemAround(r, sc) {
			t.Errorf("scope %s is not completed, and neither it nor one around it has a problem", sc)
		}
	}
}

func problemAround(r *Result, sc retinue.Scope) bool {
	for p := range r.Problems {
		if p.Contains(sc) {
			return true
		}
	}
	return false
}

func missingIn(t testing.TB, sc retinue.Scope, whole, r *Result) {
	t.Helper()
	have := map[string]bool{}
	for _, f := range r.In(sc) {
		have[string(f.FactType())+f.FactRef().String()] = true
	}
	for _, f := range whole.In(sc) {
		if !have[string(f.FactType())+f.FactRef().String()] {
			t.Errorf("scope %s was completed without %s %s, which would be declared gone", sc, f.FactType(), f.FactRef())
		}
	}
}

func missingChildren(t testing.TB, sc retinue.Scope, whole, got connector.Completion) {
	t.Helper()
	if !got.ListsChildren {
		return
	}
	for _, child := range whole.Children {
		if !slices.Contains(got.Children, child) {
			t.Errorf("scope %s was completed without its child %s, which would be declared gone", sc, child)
		}
	}
}

func checkCancelStart(t testing.TB, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	r := attempt(ctx, t, s.Open, Env(t), newRecorder())
	if took := time.Since(start); took > soon {
		t.Errorf("a run whose context had ended took %s, want at most %s", took, soon)
	}
	if len(r.Completed) > 0 {
		t.Errorf("a run whose context had ended completed %d scopes", len(r.Completed))
	}
	if !errors.Is(r.Err, context.Canceled) {
		t.Errorf("a run whose context had ended returned %v, want context.Canceled", r.Err)
	}
}

// checkCancelMiddle ends the run at the first, the middle and the last call of
// the sink.
func checkCancelMiddle(t testing.TB, s Subject) {
	counter := newRecorder()
	if r := attempt(t.Context(), t, s.Open, Env(t), counter); r.Err != nil {
		t.Fatalf("discover: %v", r.Err)
	}
	calls := counter.calls
	for _, at := range slices.Compact([]int{1, (calls + 1) / 2, calls}) {
		if at < 1 {
			continue
		}
		ctx, cancel := context.WithCancel(t.Context())
		rec := newRecorder()
		rec.refuseAt, rec.cancel = at, cancel
		start := time.Now()
		r := attempt(ctx, t, s.Open, Env(t), rec)
		cancel()
		if took := time.Since(start); took > soon {
			t.Errorf("cancelled at call %d of %d: took %s, want at most %s", at, calls, took, soon)
		}
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("cancelled at call %d of %d: returned %v, want context.Canceled", at, calls, r.Err)
		}
		violations(t, r, clauseCancelMiddle)
	}
}

// checkLeak looks for goroutines after a whole, a cancelled and, where there is
// one, a failing run.
func checkLeak(t testing.TB, s Subject) {
	opens := []func(testing.TB, connector.Env) connector.Connector{s.Open, s.Open}
	if s.Broken != nil {
		opens = append(opens, s.Broken)
	}
	for i, open := range opens {
		c := open(t, Env(t))
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		rec := newRecorder()
		rec.cancel = cancel
		if i == 1 {
			rec.refuseAt = 2
		}
		run(ctx, t, c, connector.Request{Now: Epoch()}, rec)
		closed(t, c)
		cancel()
		if extra := settle(before); extra > 0 {
			t.Fatalf("%d goroutines more than before the run:\n%s", extra, stacks())
		}
		for _, v := range rec.violations() {
			if v.Clause == clauseLeak {
				t.Error(v.Text)
			}
		}
	}
}

// settle waits for the number of goroutines to fall to what it was.
func settle(before int) int {
	deadline := time.Now().Add(soon)
	for {
		extra := runtime.NumGoroutine() - before
		if extra <= 0 || time.Now().After(deadline) {
			return extra
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func stacks() string {
	buf := make([]byte, 64<<10)
	return string(buf[:runtime.Stack(buf, true)])
}

// checkSecrets searches everything that leaves the connector for the planted
// values, their halves, their usual encodings and their plain hash.
func checkSecrets(t testing.TB, s Subject) {
	var said bytes.Buffer
	var mu sync.Mutex
	env := Env(t)
	env.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &said}, &slog.HandlerOptions{Level: slog.LevelDebug - 100}))
	env.Progress = func(p connector.Progress) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&said, "%+v\n", p)
	}
	opens := []func(testing.TB, connector.Env) connector.Connector{s.Open}
	for _, open := range []func(testing.TB, connector.Env) connector.Connector{s.Broken, s.Same} {
		if open != nil {
			opens = append(opens, open)
		}
	}
	var texts []string
	for _, open := range opens {
		c := open(t, env)
		a, err := c.Check(t.Context())
		enc, _ := json.Marshal(a)
		r := run(t.Context(), t, c, connector.Request{Now: Epoch()}, newRecorder())
		dry := run(t.Context(), t, c, connector.Request{Now: Epoch(), DryRun: true}, newRecorder())
		closed(t, c)
		texts = append(texts, string(plain(enc)), fmt.Sprint(err), fmt.Sprint(r.Err), r.Dump(), dry.Dump())
	}
	mu.Lock()
	texts = append(texts, said.String())
	mu.Unlock()
	all := strings.Join(texts, "\n")
	for i, secret := range s.Secrets {
		for _, form := range forms(secret) {
			if at := strings.Index(all, form.text); at >= 0 {
				t.Errorf("planted secret %d appears (%s), after %q", i, form.what, tail(all[:at]))
				break
			}
		}
	}
}

type form struct{ what, text string }

// forms returns how a secret could show: whole, in half, encoded, hashed
// without a key.
func forms(secret string) []form {
	sum := sha256.Sum256([]byte(secret))
	out := []form{
		{"whole", secret},
		{"as base64", base64.StdEncoding.EncodeToString([]byte(secret))},
		{"as base64 without padding", base64.RawStdEncoding.EncodeToString([]byte(secret))},
		{"as URL base64", base64.RawURLEncoding.EncodeToString([]byte(secret))},
		{"as hexadecimal", hex.EncodeToString([]byte(secret))},
		{"as its SHA-256 without a key", hex.EncodeToString(sum[:])},
	}
	if esc := url.QueryEscape(secret); esc != secret {
		out = append(out, form{"escaped for a URL", esc})
	}
	if q, err := json.Marshal(secret); err == nil {
		out = append(out, form{"as JSON", string(plain(q[1 : len(q)-1]))})
	}
	if n := len(secret) / 2; n >= 8 {
		out = append(out, form{"its first half", secret[:n]}, form{"its second half", secret[n:]})
	}
	return out
}

func tail(s string) string {
	if len(s) > 80 {
		s = s[len(s)-80:]
	}
	return s
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func checkDryRun(t testing.TB, s Subject) {
	c := s.Open(t, Env(t))
	defer closed(t, c)
	r := run(t.Context(), t, c, connector.Request{Now: Epoch(), DryRun: true}, newRecorder())
	if r.Err != nil {
		t.Errorf("dry run: %v", r.Err)
	}
	if len(r.Emitted) > 0 || len(r.Completed) > 0 {
		t.Errorf("a dry run stated %d facts and completed %d scopes", len(r.Emitted), len(r.Completed))
	}
	if len(r.NotesOf(connector.NoteWouldRead)) == 0 {
		t.Errorf("a dry run did not say what it would read")
	}
	for _, n := range r.Notes {
		checkNote(t, n)
	}
}

func checkClose(t testing.TB, s Subject) {
	closed(t, s.Open(t, Env(t)))

	c := s.Open(t, Env(t))
	if _, err := c.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	closed(t, c)

	c = s.Open(t, Env(t))
	run(t.Context(), t, c, connector.Request{Now: Epoch()}, newRecorder())
	closed(t, c)
}
