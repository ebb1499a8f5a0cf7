package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// task is one part of the machine that is read and listed as a whole.
type task struct {
	scope retinue.Scope
	// title says what it is, paths what is read for it: files and folders, of
	// which those that do not exist are passed over.
	title string
	paths []string
	// basis says why the listing is whole.
	basis     string
	authority connector.Authority
	// consequence is what stays unknown where a path cannot be read.
	consequence string
	run         func(ctx context.Context, a *area) error
}

// area collects what one task finds. Facts about one thing are stated once.
type area struct {
	m      *machine
	scope  retinue.Scope
	sink   connector.Sink
	facts  map[factID]retinue.Fact
	failed bool
	folds  map[string]int
}

type factID struct {
	t   retinue.FactType
	ref retinue.Ref
}

// add states a fact; the first word on a thing stands.
func (a *area) add(facts ...retinue.Fact) {
	for _, f := range facts {
		id := factID{f.FactType(), f.FactRef()}
		if _, ok := a.facts[id]; !ok {
			a.facts[id] = f
		}
	}
}

// problem reports what could not be read; what is not there is no problem.
func (a *area) problem(err error) {
	if err == nil || absent(err) {
		return
	}
	a.failed = true
	a.sink.Problem(a.scope, err)
}

// missing reports a file that has to be there.
func (a *area) missing(err error) {
	if err != nil {
		a.failed = true
		a.sink.Problem(a.scope, err)
	}
}

// malformed reports a file whose content could not be understood.
func (a *area) malformed(p string, line int, what string) {
	at := retinue.CleanName(p)
	if line > 0 {
		at = fmt.Sprintf("%s:%d", at, line)
	}
	a.problem(fmt.Errorf("read %s: %w: %s", at, retinue.ErrInvalid, what))
}

// read reads a file; false where it does not exist or cannot be read, which is
// then reported.
func (a *area) read(p string) (file, bool) {
	f, err := a.m.tree.read(p)
	a.problem(err)
	return f, err == nil
}

// list lists a folder, likewise.
func (a *area) list(p string) []fs.DirEntry {
	entries, err := a.m.tree.list(p)
	a.problem(err)
	return entries
}

// fold counts something of no interest.
func (a *area) fold(what string, n int) {
	if n > 0 {
		a.folds[what] += n
	}
}

// runTask runs one task and hands what it found to the sink.
func (m *machine) runTask(ctx context.Context, t task, sink connector.Sink) error {
	a := &area{m: m, scope: t.scope, sink: sink, facts: map[factID]retinue.Fact{}, folds: map[string]int{}}
	if err := t.run(ctx, a); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.emit(); err != nil {
		return err
	}
	for _, what := range sortedKeys(a.folds) {
		sink.Note(connector.Note{Kind: connector.NoteFold, Scope: t.scope, Count: a.folds[what],
			Text: fmt.Sprintf("%d %s", a.folds[what], what)})
	}
	if a.failed {
		return nil
	}
	return sink.Complete(t.scope, connector.Completion{ObservedAt: m.observed, Basis: t.basis, Authority: t.authority})
}

func (a *area) emit() error {
	ids := make([]factID, 0, len(a.facts))
	for id := range a.facts {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y factID) int { return cmp.Or(cmp.Compare(x.t, y.t), x.ref.Compare(y.ref)) })
	facts := make([]retinue.Fact, 0, len(ids))
	for _, id := range ids {
		f := a.facts[id]
		if err := f.Validate(); err != nil {
			// What a file made up is reported, and costs no other fact.
			a.problem(fmt.Errorf("state what was read: %w", err))
			continue
		}
		facts = append(facts, f)
	}
	if len(facts) == 0 {
		return nil
	}
	return a.sink.Emit(a.scope, facts...)
}

// readable reports why one of a task's paths cannot be read, or nil.
func (m *machine) readable(p string) error {
	info, err := m.tree.stat(p)
	if err != nil {
		return err
	}
	if info.IsDir() {
		_, err = m.tree.list(p)
		return err
	}
	f, _, err := m.tree.open(p)
	if err == nil {
		_ = f.Close()
	}
	return err
}

// present returns those of a task's paths that exist, or that could not be
// looked at.
func (m *machine) present(t task) []string {
	var out []string
	for _, p := range t.paths {
		if _, err := m.tree.stat(p); err == nil || !errors.Is(err, retinue.ErrNotFound) {
			out = append(out, p)
		}
	}
	return out
}

func sortedKeys[V any](in map[string]V) []string {
	out := make([]string, 0, len(in))
	for k := range in {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func sortEntries(entries []fs.DirEntry) {
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
}
