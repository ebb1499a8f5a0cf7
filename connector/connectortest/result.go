package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// discoverLimit bounds a run of the suite, so that a connector that hangs
// fails its test rather than the whole test binary.
const discoverLimit = 2 * time.Minute

// Emitted is a fact with the scope it was stated under.
type Emitted struct {
	Scope retinue.Scope
	Fact  retinue.Fact
}

// Result is everything that a run handed to its sink.
type Result struct {
	Emitted   []Emitted // in the order of emission
	Completed map[retinue.Scope]connector.Completion
	Problems  map[retinue.Scope][]error
	Notes     []connector.Note
	// Err is what Discover returned.
	Err error
	// Violations are breaches of the sink's contract, such as a fact emitted
	// into a scope that was complete.
	Violations []Violation
}

// Violation is a breach of the contract that only the order of calls shows.
type Violation struct {
	Clause string
	Text   string
}

// Discover runs a connector and returns what it said. It fails the test when
// Discover returned an error; use DiscoverWith for runs that must fail.
func Discover(t testing.TB, c connector.Connector) *Result {
	t.Helper()
	r := DiscoverWith(t.Context(), t, c, connector.Request{Now: Epoch()})
	if r.Err != nil {
		t.Fatalf("discover: %v", r.Err)
	}
	return r
}

// DiscoverWith is Discover with a context and a request. The error of Discover
// is in the result.
func DiscoverWith(ctx context.Context, t testing.TB, c connector.Connector, req connector.Request) *Result {
	t.Helper()
	return run(ctx, t, c, req, newRecorder())
}

func run(ctx context.Context, t testing.TB, c connector.Connector, req connector.Request, rec *recorder) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, discoverLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Discover(ctx, req, rec) }()
	select {
	case err := <-done:
		return rec.result(err)
	case <-time.After(discoverLimit + 10*time.Second):
		t.Fatalf("discover: still running %s after its context ended", 10*time.Second)
		return nil
	}
}

// Facts returns the facts of a type.
func (r *Result) Facts(ft retinue.FactType) []retinue.Fact {
	var out []retinue.Fact
	for _, e := range r.Emitted {
		if e.Fact.FactType() == ft {
			out = append(out, e.Fact)
		}
	}
	return out
}

// Count returns how many facts of a type were stated.
func (r *Result) Count(ft retinue.FactType) int { return len(r.Facts(ft)) }

// In returns the facts of one scope.
func (r *Result) In(s retinue.Scope) []retinue.Fact {
	var out []retinue.Fact
	for _, e := range r.Emitted {
		if e.Scope == s {
			out = append(out, e.Fact)
		}
	}
	return out
}

// Scopes returns every scope that the run named, in order.
func (r *Result) Scopes() []retinue.Scope {
	seen := map[retinue.Scope]bool{}
	for _, e := range r.Emitted {
		seen[e.Scope] = true
	}
	for s := range r.Completed {
		seen[s] = true
	}
	for s := range r.Problems {
		seen[s] = true
	}
	return slices.SortedFunc(maps.Keys(seen), compareScopes)
}

// All returns the facts of a Go type, such as All[retinue.Identity](r).
func All[T retinue.Fact](r *Result) []T {
	var out []T
	for _, e := range r.Emitted {
		if f, ok := e.Fact.(T); ok {
			out = append(out, f)
		}
	}
	return out
}

// Select returns the facts of a Go type for which keep is true.
func Select[T retinue.Fact](r *Result, keep func(T) bool) []T {
	var out []T
	for _, f := range All[T](r) {
		if keep(f) {
			out = append(out, f)
		}
	}
	return out
}

// Get returns the one fact of a Go type whose ref has the kind and key, and
// fails the test, listing what there is, when there is none or more than one.
func Get[T retinue.Fact](t testing.TB, r *Result, kind, key string) T {
	t.Helper()
	found := Select(r, func(f T) bool { return f.FactRef().Kind == kind && f.FactRef().Key == key })
	if len(found) != 1 {
		var have []string
		for _, f := range All[T](r) {
			have = append(have, f.FactRef().Kind+" "+f.FactRef().Key)
		}
		t.Fatalf("%T %s %s: %d facts, want one; there are:\n%s", *new(T), kind, key, len(found), strings.Join(have, "\n"))
	}
	return found[0]
}

// NotesOf returns the notes of a kind.
func (r *Result) NotesOf(k connector.NoteKind) []connector.Note {
	var out []connector.Note
	for _, n := range r.Notes {
		if n.Kind == k {
			out = append(out, n)
		}
	}
	return out
}

// Dump writes the run as stable text for golden comparisons: scopes in order,
// each with how it ended, its problems and its facts as JSON, then the notes.
// Observation times are left out.
func (r *Result) Dump() string {
	var b strings.Builder
	for _, s := range r.Scopes() {
		fmt.Fprintf(&b, "scope %s\n", s)
		if c, ok := r.Completed[s]; ok {
			fmt.Fprintf(&b, "  complete authority=%d basis=%q\n", c.Authority, c.Basis)
			if c.ListsChildren {
				for _, child := range slices.SortedFunc(slices.Values(c.Children), compareScopes) {
					fmt.Fprintf(&b, "  child %s\n", child)
				}
			}
		} else {
			b.WriteString("  incomplete\n")
		}
		for _, line := range sortedStrings(r.Problems[s], error.Error) {
			fmt.Fprintf(&b, "  problem %s\n", line)
		}
		for _, line := range sortedStrings(r.In(s), factText) {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	for _, line := range sortedStrings(r.Notes, noteText) {
		fmt.Fprintf(&b, "note %s\n", line)
	}
	return b.String()
}

func sortedStrings[T any](in []T, text func(T) string) []string {
	out := make([]string, 0, len(in))
	for _, v := range in {
		out = append(out, text(v))
	}
	slices.Sort(out)
	return out
}

func factText(f retinue.Fact) string {
	enc, err := retinue.MarshalFact(f)
	if err != nil {
		return fmt.Sprintf("unencodable %T: %v", f, err)
	}
	return string(plain(enc))
}

func noteText(n connector.Note) string {
	enc, err := json.Marshal(n)
	if err != nil {
		return fmt.Sprintf("unencodable note: %v", err)
	}
	return string(plain(enc))
}

// plain undoes the escaping of <, > and & that encoding/json does for HTML.
func plain(enc []byte) []byte {
	enc = bytes.ReplaceAll(enc, []byte(`\u003c`), []byte("<"))
	enc = bytes.ReplaceAll(enc, []byte(`\u003e`), []byte(">"))
	return bytes.ReplaceAll(enc, []byte(`\u0026`), []byte("&"))
}

func compareScopes(a, b retinue.Scope) int {
	if c := strings.Compare(string(a.Realm), string(b.Realm)); c != 0 {
		return c
	}
	return strings.Compare(a.Path, b.Path)
}
