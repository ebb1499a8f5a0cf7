package export

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	batch       = 256 // facts handed on at once
	maxProblems = 5   // of one scope that are told one by one
)

// Writer states facts in scopes and completes them. It is used by one
// goroutine. A fact is stated once in a scope even where overlapping files hold
// it twice: the first wins.
type Writer struct {
	sink   connector.Sink
	seed   maphash.Seed
	scopes map[retinue.Scope]*scope
	last   *scope
}

type scope struct {
	id         retinue.Scope
	seen       map[uint64]struct{}
	facts      []retinue.Fact
	at         time.Time
	completion connector.Completion
	problems   int
}

// NewWriter makes a Writer over a sink.
func NewWriter(sink connector.Sink) *Writer {
	return &Writer{sink: sink, seed: maphash.MakeSeed(), scopes: map[retinue.Scope]*scope{}}
}

func (w *Writer) scope(id retinue.Scope) *scope {
	if w.last != nil && w.last.id == id {
		return w.last
	}
	s := w.scopes[id]
	if s == nil {
		s = &scope{id: id, seen: map[uint64]struct{}{}}
		w.scopes[id] = s
	}
	w.last = s
	return s
}

// Covers says that a listing of a scope was read, made at a time; the scope is
// completed by Finish unless something goes wrong in it.
func (w *Writer) Covers(id retinue.Scope, at time.Time, c connector.Completion) {
	s := w.scope(id)
	s.completion = c
	if s.at.IsZero() || at.Before(s.at) {
		s.at = at
	}
}

// Emit states facts. An invalid one is a problem of the scope and is not
// stated. The error is the sink's.
func (w *Writer) Emit(id retinue.Scope, facts ...retinue.Fact) error {
	s := w.scope(id)
	for _, f := range facts {
		ref := f.FactRef()
		h := maphash.String(w.seed, string(f.FactType())+"\x00"+string(ref.Realm)+"\x00"+ref.Kind+"\x00"+ref.Key)
		if _, dup := s.seen[h]; dup {
			continue
		}
		if err := f.Validate(); err != nil {
			w.Fail(id, err)
			continue
		}
		s.seen[h] = struct{}{}
		s.facts = append(s.facts, f)
	}
	if len(s.facts) < batch {
		return nil
	}
	return w.flush(s)
}

func (w *Writer) flush(s *scope) error {
	if len(s.facts) == 0 {
		return nil
	}
	out := s.facts
	s.facts = nil
	return w.sink.Emit(s.id, out...)
}

// Fail reports that something in a scope could not be read.
func (w *Writer) Fail(id retinue.Scope, err error) {
	s := w.scope(id)
	if s.problems++; s.problems <= maxProblems {
		w.sink.Problem(id, err)
	}
}

// FailAll reports an error of a whole realm: none of its scopes is completed.
func (w *Writer) FailAll(realm retinue.Realm, err error) {
	w.sink.Problem(retinue.NewScope(realm), err)
	for id, s := range w.scopes {
		if id.Realm == realm {
			s.completion = connector.Completion{}
		}
	}
}

// Realms are those that scopes belong to, sorted.
func (w *Writer) Realms() []retinue.Realm {
	var out []retinue.Realm
	for id := range w.scopes {
		out = append(out, id.Realm)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Finish hands on what is left and completes the scopes that were covered and
// have no problem. The error is the sink's or the context's.
func (w *Writer) Finish(ctx context.Context) error {
	ids := make([]retinue.Scope, 0, len(w.scopes))
	for id := range w.scopes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b retinue.Scope) int {
		return cmp.Or(cmp.Compare(a.Realm, b.Realm), cmp.Compare(a.Path, b.Path))
	})
	for _, id := range ids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s := w.scopes[id]
		if err := w.flush(s); err != nil {
			return err
		}
		if s.problems > maxProblems {
			w.sink.Problem(id, fmt.Errorf("%w: %d further problems", retinue.ErrInvalid, s.problems-maxProblems))
		}
		if s.problems > 0 || s.completion.Basis == "" {
			continue
		}
		s.completion.ObservedAt = s.at
		if err := w.sink.Complete(id, s.completion); err != nil {
			return err
		}
	}
	return ctx.Err()
}
