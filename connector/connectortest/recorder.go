package connectortest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// recorder is the sink of the suite: it keeps everything and notices what only
// the order of calls shows.
type recorder struct {
	mu  sync.Mutex
	res Result
	// refuseAt ends the run at the nth call of Emit or Complete, counted from
	// 1: that call and all later ones return the context's error. Zero never.
	refuseAt int
	cancel   context.CancelFunc
	calls    int
	refused  map[retinue.Scope]bool
	closed   bool
}

func newRecorder() *recorder {
	return &recorder{
		res: Result{
			Completed: map[retinue.Scope]connector.Completion{},
			Problems:  map[retinue.Scope][]error{},
		},
		refused: map[retinue.Scope]bool{},
	}
}

// Emit implements connector.Sink.
func (r *recorder) Emit(s retinue.Scope, facts ...retinue.Fact) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late("Emit")
	if r.refuse(s) {
		return context.Canceled
	}
	if _, done := r.res.Completed[s]; done {
		r.violate(clauseOrder, "scope %s: %d facts emitted after it was completed", s, len(facts))
	}
	for _, f := range facts {
		if f == nil || reflect.TypeOf(f).Kind() == reflect.Pointer {
			r.violate(clauseValid, "scope %s: fact of type %T: want a value of a fact type", s, f)
			continue
		}
		r.res.Emitted = append(r.res.Emitted, Emitted{Scope: s, Fact: f})
	}
	return nil
}

// Complete implements connector.Sink.
func (r *recorder) Complete(s retinue.Scope, c connector.Completion) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late("Complete")
	if r.refused[s] {
		r.violate(clauseCancelMiddle, "scope %s: completed although facts of it had been refused", s)
	}
	if r.refuse(s) {
		return context.Canceled
	}
	if _, done := r.res.Completed[s]; done {
		r.violate(clauseOrder, "scope %s: completed twice", s)
	}
	if len(r.res.Problems[s]) > 0 {
		r.violate(clauseProblem, "scope %s: completed although it has a problem: %v", s, r.res.Problems[s][0])
	}
	r.res.Completed[s] = c
	return nil
}

// Problem implements connector.Sink.
func (r *recorder) Problem(s retinue.Scope, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late("Problem")
	if _, done := r.res.Completed[s]; done {
		r.violate(clauseProblem, "scope %s: problem after it was completed: %v", s, err)
	}
	if err == nil {
		r.violate(clauseExplained, "scope %s: a problem without an error", s)
		return
	}
	r.res.Problems[s] = append(r.res.Problems[s], err)
}

// Note implements connector.Sink.
func (r *recorder) Note(n connector.Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late("Note")
	r.res.Notes = append(r.res.Notes, n)
}

func (r *recorder) refuse(s retinue.Scope) bool {
	r.calls++
	if r.refuseAt == 0 || r.calls < r.refuseAt {
		return false
	}
	if r.calls == r.refuseAt {
		r.cancel()
	}
	r.refused[s] = true
	return true
}

// late notices calls after Discover returned, which a leaked goroutine makes.
func (r *recorder) late(call string) {
	if r.closed {
		r.violate(clauseLeak, "%s was called after Discover had returned", call)
	}
}

func (r *recorder) violate(clause, format string, args ...any) {
	r.res.Violations = append(r.res.Violations, Violation{Clause: clause, Text: fmt.Sprintf(format, args...)})
}

// result returns a copy of what was recorded, so that late calls do not race
// with its reader.
func (r *recorder) result(err error) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.res.Err = err
	return &Result{
		Emitted:    slices.Clone(r.res.Emitted),
		Completed:  maps.Clone(r.res.Completed),
		Problems:   maps.Clone(r.res.Problems),
		Notes:      slices.Clone(r.res.Notes),
		Violations: slices.Clone(r.res.Violations),
		Err:        err,
	}
}

// violations returns what was noticed up to now, late calls included.
func (r *recorder) violations() []Violation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.res.Violations)
}
