package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// maxProblems bounds how many problems of one scope are kept; the rest is
// counted.
const maxProblems = 20

// sink is the connector.Sink of one run.
type sink struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	st     Store
	opt    Options
	shrunk []connector.Missing

	mu     sync.Mutex
	run    store.Run
	open   map[retinue.Scope]*openScope
	done   map[retinue.Scope]bool
	leases map[retinue.Realm]store.Lease
	memory int   // bytes waiting in memory
	fatal  error // the store cannot be written
}

// openScope is a scope that is being listed.
type openScope struct {
	mu       sync.Mutex
	spill    *spill
	problems []string
	more     int
	failed   bool
	redact   func(string) string
}

func newSink(ctx context.Context, st Store, run store.Run, opt Options) *sink {
	ctx, cancel := context.WithCancelCause(ctx)
	return &sink{ctx: ctx, cancel: cancel, st: st, run: run, opt: opt, open: map[retinue.Scope]*openScope{},
		done: map[retinue.Scope]bool{}, leases: map[retinue.Realm]store.Lease{}}
}

// Emit implements connector.Sink.
func (s *sink) Emit(scope retinue.Scope, facts ...retinue.Fact) error {
	o, err := s.scope(scope)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range facts {
		row, err := canonical(f)
		if err != nil {
			o.problem(err)
			o.failed = true
			continue
		}
		n, err := o.spill.add(row)
		if err != nil {
			return s.stop(err)
		}
		s.grow(n, o)
	}
	return s.ctx.Err()
}

// grow counts memory, and writes the growing scope's facts to its file when
// all scopes together hold too much.
func (s *sink) grow(n int, o *openScope) {
	s.mu.Lock()
	s.memory += n
	over := s.memory > s.opt.SpillMemory
	s.mu.Unlock()
	if !over {
		return
	}
	freed, err := o.spill.flush()
	if err != nil {
		_ = s.stop(err)
	}
	s.mu.Lock()
	s.memory -= freed
	s.mu.Unlock()
}

// Complete implements connector.Sink.
func (s *sink) Complete(scope retinue.Scope, c connector.Completion) error {
	o, err := s.scope(scope)
	if err != nil {
		return err
	}
	for _, m := range s.shrunk {
		if m.Scope.Contains(scope) {
			o.fail(fmt.Errorf("%w: %s was readable in an earlier scan: %s", retinue.ErrDenied, m.Permission, m.Consequence))
		}
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return s.apply(scope, o, c)
}

// apply hands a scope to the store. It does so after an interruption too, so
// that a scope which was not completed is known to be incomplete.
func (s *sink) apply(scope retinue.Scope, o *openScope, c connector.Completion) error {
	lease, err := s.lease(scope.Realm)
	if err != nil {
		return s.stop(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.ObservedAt.IsZero() {
		c.ObservedAt = s.opt.Now()
	}
	c.ObservedAt = c.ObservedAt.UTC().Truncate(time.Microsecond)
	out, err := s.st.ApplyScope(context.WithoutCancel(s.ctx), store.ScopeUpdate{
		Run: s.run, Scope: scope, Completion: c, Complete: !o.failed, Problems: o.allProblems(), Facts: o.spill.sorted(),
		HoldShare: s.opt.HoldShare, AcceptEnded: s.opt.AcceptEnded, Lease: lease,
	})
	freed := o.spill.close()
	s.mu.Lock()
	s.memory -= freed
	delete(s.open, scope)
	s.done[scope] = true
	if err == nil {
		s.run.Scopes = append(s.run.Scopes, out)
	}
	s.mu.Unlock()
	if err != nil {
		if errors.Is(err, retinue.ErrInvalid) { // the facts, not the store
			s.mu.Lock()
			s.run.Scopes = append(s.run.Scopes, store.ScopeRun{Scope: scope, State: store.ScopeFailed, Problems: []string{err.Error()}})
			s.mu.Unlock()
			return nil
		}
		return s.stop(err)
	}
	s.opt.OnScope(out)
	return nil
}

// Problem implements connector.Sink.
func (s *sink) Problem(scope retinue.Scope, err error) {
	o, openErr := s.scope(scope)
	if openErr != nil {
		s.opt.Log.Warn("problem outside an open scope", "scope", scope.String(), "error", err.Error())
		return
	}
	o.fail(err)
}

// Note implements connector.Sink.
func (s *sink) Note(n connector.Note) {
	n.Text = s.opt.Redact(n.Text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.Kind == connector.NoteFold {
		for i := range s.run.Notes {
			if have := &s.run.Notes[i]; have.Kind == n.Kind && have.Text == n.Text && have.Scope == n.Scope {
				have.Count += n.Count
				return
			}
		}
	}
	if !slices.Contains(s.run.Notes, n) {
		s.run.Notes = append(s.run.Notes, n)
	}
}

// scope returns the open scope, opening it on first use.
func (s *sink) scope(scope retinue.Scope) (*openScope, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fatal != nil {
		return nil, s.fatal
	}
	if o := s.open[scope]; o != nil {
		return o, nil
	}
	if s.done[scope] {
		return nil, fmt.Errorf("%w: emit into scope %s: it was completed in this run", retinue.ErrInvalid, scope)
	}
	if err := scope.Validate(); err != nil {
		return nil, err
	}
	o := &openScope{spill: newSpill(s.opt.SpillDir), redact: s.opt.Redact}
	s.open[scope] = o
	return o, nil
}

func (o *openScope) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = true
	o.problem(err)
}

func (o *openScope) problem(err error) {
	if o.redact != nil {
		err = errors.New(o.redact(err.Error()))
	}
	if len(o.problems) >= maxProblems {
		o.more++
		return
	}
	o.problems = append(o.problems, retinue.CleanName(err.Error()))
}

func (o *openScope) allProblems() []string {
	out := slices.Clone(o.problems)
	if o.more > 0 {
		out = append(out, fmt.Sprintf("and %d more", o.more))
	}
	return out
}

// errNothing matches nothing that a connector returns.
var errNothing = errors.New("no error")

// leftovers writes the scopes that were not completed: their facts are kept,
// nothing ends. After an interruption their facts are dropped, so that the
// program ends soon, and only the fact that they are incomplete is written.
func (s *sink) leftovers() {
	s.mu.Lock()
	var rest []retinue.Scope
	for scope := range s.open {
		rest = append(rest, scope)
	}
	s.mu.Unlock()
	slices.SortFunc(rest, func(a, b retinue.Scope) int { return strings.Compare(a.String(), b.String()) })
	for _, scope := range rest {
		o := s.open[scope]
		if len(o.problems) == 0 {
			o.problem(fmt.Errorf("%w: the listing did not come to its end", retinue.ErrUnavailable))
		}
		o.failed = true
		if s.ctx.Err() != nil {
			o.spill.close()
			o.spill = newSpill(s.opt.SpillDir)
		}
		if !errors.Is(s.fatalErr(), errNothing) {
			s.mu.Lock()
			s.run.Scopes = append(s.run.Scopes, store.ScopeRun{Scope: scope, State: store.ScopeFailed, Problems: o.allProblems()})
			s.mu.Unlock()
			continue
		}
		if err := s.apply(scope, o, connector.Completion{}); err != nil {
			s.fail(err)
		}
	}
}

// lease returns the run's right to write a realm, taking it on first use.
func (s *sink) lease(realm retinue.Realm) (store.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.leases[realm]; ok {
		return l, nil
	}
	l, err := s.st.AcquireLease(context.WithoutCancel(s.ctx), realm, strings.TrimSpace(s.opt.Holder+" "+string(s.run.ID)), leaseTime)
	if err != nil {
		return l, err
	}
	s.leases[realm] = l
	return l, nil
}

// heartbeat renews the leases until the returned function is called. A lost
// lease stops the run.
func (s *sink) heartbeat() func() {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(leaseTime / 4)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				s.renew()
			}
		}
	})
	return func() { close(stop); wg.Wait() }
}

func (s *sink) renew() {
	s.mu.Lock()
	var all []store.Lease
	for _, l := range s.leases {
		all = append(all, l)
	}
	s.mu.Unlock()
	for _, l := range all {
		if err := s.st.RenewLease(context.WithoutCancel(s.ctx), l, leaseTime); errors.Is(err, retinue.ErrConflict) {
			_ = s.stop(err)
		}
	}
}

// stop ends the run because the store cannot be written.
func (s *sink) stop(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fatal == nil {
		s.fatal = err
		s.cancel(err)
	}
	return s.fatal
}

func (s *sink) fatalErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fatal == nil {
		return errNothing
	}
	return s.fatal
}

// fail notes why the run did not come to its end.
func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run.Error == "" {
		s.run.Error = retinue.CleanName(s.opt.Redact(err.Error()))
	}
}

// result is the run as it ended.
func (s *sink) result() store.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.run
	complete, other := 0, 0
	for _, sc := range run.Scopes {
		if sc.State == store.ScopeComplete || sc.State == store.ScopeHistoric {
			complete++
		} else {
			other++
		}
	}
	switch {
	case !s.kept() && complete == 0 && errors.Is(s.fatal, retinue.ErrConflict):
		run.State = store.RunRefused
	case run.Error == "" && other == 0 && s.fatal == nil:
		run.State = store.RunComplete
	case complete == 0 && !s.kept():
		run.State = store.RunFailed
	default:
		run.State = store.RunPartial
	}
	if s.fatal != nil && run.Error == "" {
		run.Error = retinue.CleanName(s.fatal.Error())
	}
	return run
}

func (s *sink) kept() bool {
	for _, sc := range s.run.Scopes {
		if sc.Counts.Facts > 0 {
			return true
		}
	}
	return false
}

// close releases what the run holds.
func (s *sink) close() {
	s.cancel(nil)
	for _, o := range s.open {
		o.spill.close()
	}
	for _, l := range s.leases {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 10*time.Second)
		if err := s.st.ReleaseLease(ctx, l); err != nil {
			s.opt.Log.Warn("lease not released", "realm", string(l.Realm), "error", err.Error())
		}
		cancel()
	}
}

// canonical checks a fact and brings it into the form that is stored: equal
// facts become equal bytes, policy documents and fingerprints travel beside
// the body.
func canonical(f retinue.Fact) (store.FactRow, error) {
	if f == nil {
		return store.FactRow{}, fmt.Errorf("%w: no fact", retinue.ErrInvalid)
	}
	if err := f.Validate(); err != nil {
		return store.FactRow{}, err
	}
	row := store.FactRow{Type: f.FactType(), Ref: f.FactRef()}
	switch v := f.(type) {
	case retinue.Policy:
		row.Document, v.Document = v.Document, ""
		f = v
	case retinue.Credential:
		row.Fingerprints, v.Fingerprints = v.Fingerprints, nil
		f = v
	}
	body, err := json.Marshal(f)
	if err != nil {
		return row, fmt.Errorf("%w: encode %s: %v", retinue.ErrInvalid, row.Ref, err)
	}
	row.Body = body
	row.RefHash = store.HashRef(row.Ref)
	row.Content = store.HashContent(body, row.Document)
	return row, nil
}
