package aws

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// authorityOverListing ranks what says more about a user than the listing of
// users can: whether there is a password and whether there are keys decides the
// user's class, of which the authorization details say nothing.
const authorityOverListing = connector.AuthoritySystem + 1

// batch is how many facts are handed to the sink at once.
const batch = 256

// scopeWriter states the facts of one scope. It is safe for concurrent use. A
// fact is stated once even where overlapping files hold it twice: the first
// wins.
type scopeWriter struct {
	scope retinue.Scope
	sink  connector.Sink

	mu       sync.Mutex
	seed     maphash.Seed
	seen     map[uint64]struct{}
	buf      []retinue.Fact
	stated   bool
	at       time.Time
	problems int
	skipped  int
}

func newScopeWriter(sink connector.Sink, scope retinue.Scope) *scopeWriter {
	return &scopeWriter{scope: scope, sink: sink, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
}

// maxProblems bounds the problems of one scope; the rest are counted.
const maxProblems = 5

// emit states facts. One that hostile input made invalid is a problem of the
// scope and not stated.
func (w *scopeWriter) emit(facts ...retinue.Fact) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range facts {
		ref := f.FactRef()
		h := maphash.String(w.seed, string(f.FactType())+"\x00"+string(ref.Realm)+"\x00"+ref.Kind+"\x00"+ref.Key)
		if _, dup := w.seen[h]; dup {
			continue
		}
		if err := f.Validate(); err != nil {
			w.problem(err)
			continue
		}
		w.seen[h] = struct{}{}
		w.buf = append(w.buf, f)
	}
	if len(w.buf) < batch {
		return nil
	}
	return w.flush()
}

func (w *scopeWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	out := w.buf
	w.buf, w.stated = nil, true
	if err := w.sink.Emit(w.scope, out...); err != nil {
		return sinkError{err}
	}
	return nil
}

// sinkError marks an error of the sink, which ends the run, apart from errors
// of what is read, which end a scope.
type sinkError struct{ error }

// Unwrap returns the sink's own error.
func (e sinkError) Unwrap() error { return e.error }

// fail reports that something in the scope could not be read.
func (w *scopeWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problem(err)
}

func (w *scopeWriter) problem(err error) {
	w.problems++
	if w.problems <= maxProblems {
		w.sink.Problem(w.scope, err)
	}
}

// observed narrows the time at which the scope stood as stated to the earliest
// of what it was made from.
func (w *scopeWriter) observed(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !at.IsZero() && (w.at.IsZero() || at.Before(w.at)) {
		w.at = at
	}
}

// missing counts an answer that the files do not hold.
func (w *scopeWriter) missing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped++
}

// finish completes the scope, or reports err and leaves it incomplete. A scope
// of which the files hold nothing is neither: finish returns errNotExported.
func (w *scopeWriter) finish(ctx context.Context, err error, c connector.Completion) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if se := (sinkError{}); errors.As(err, &se) {
		return se
	}
	if ferr := w.flush(); ferr != nil {
		return ferr
	}
	if errors.Is(err, errNotExported) || (err == nil && w.skipped > 0) {
		if !w.stated && w.problems == 0 {
			return errNotExported
		}
		err = fmt.Errorf("%w: the export holds a part of what it lists: %d answers are missing", retinue.ErrNotFound, max(1, w.skipped))
	}
	if err != nil {
		w.problem(err)
	}
	if w.problems > maxProblems {
		w.sink.Problem(w.scope, fmt.Errorf("%w: %d further problems", retinue.ErrInvalid, w.problems-maxProblems))
	}
	if w.problems > 0 {
		return nil
	}
	c.ObservedAt = w.at
	if err := w.sink.Complete(w.scope, c); err != nil {
		return sinkError{err}
	}
	return nil
}
