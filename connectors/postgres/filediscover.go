package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Check implements connector.Connector: it reads the files far enough to name
// their server.
func (f *fileConnector) Check(ctx context.Context) (connector.Access, error) {
	groups, err := f.load(ctx)
	if err != nil {
		return connector.Access{}, err
	}
	a := connector.Access{Realm: groups[0].realm, Name: "PostgreSQL, from files", Principal: "files"}
	for _, g := range groups {
		if g.dump != nil {
			a.NotCovered = append(a.NotCovered, g.dump.notCovered()...)
		}
		for _, in := range g.catalogs {
			a.NotCovered = append(a.NotCovered, in.head.notCovered()...)
		}
	}
	a.NotCovered = slices.Compact(slices.Sorted(slices.Values(a.NotCovered)))
	return a, nil
}

// Discover implements connector.Connector.
func (f *fileConnector) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if req.DryRun {
		files, err := f.files()
		if err != nil {
			return err
		}
		for _, in := range files {
			sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: fmt.Sprintf("read %s (%d bytes)", retinue.CleanName(in.path), in.size)})
		}
		return ctx.Err()
	}
	groups, err := f.load(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := f.group(ctx, g, sink); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f *fileConnector) group(ctx context.Context, g *inputGroup, sink connector.Sink) error {
	if g.fallback {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Text: fallbackWarning})
	}
	done := map[retinue.Scope]bool{}
	// Whole files before broken ones, then the newest first: what it states of
	// a shared scope holds.
	slices.SortStableFunc(g.catalogs, func(a, b input) int {
		if (a.err == nil) != (b.err == nil) {
			if a.err == nil {
				return -1
			}
			return 1
		}
		return b.head.observed(b.modTime).Compare(a.head.observed(a.modTime))
	})
	for _, in := range g.catalogs {
		if err := f.catalog(ctx, g, in, sink, done); err != nil {
			return err
		}
		if in.err != nil {
			sink.Note(connector.Note{Kind: connector.NoteWarning, Text: in.err.Error()})
			continue
		}
		for _, text := range in.head.notCovered() {
			sink.Note(connector.Note{Kind: connector.NoteNotCovered, Text: text})
		}
	}
	if g.dump == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if len(g.dump.assumed) > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Text: fmt.Sprintf("no dump says the name of its database: %s was taken "+
			"from the file's name. Give database=NAME, or dump with --create", retinue.CleanName(strings.Join(slices.Sorted(maps.Keys(g.dump.assumed)), ", ")))})
	}
	w := newWriter(g.realm, majorOf(g.dump.version), g.observed, &onceSink{sink, done}, f.env)
	w.seen = map[seenKey]bool{}
	g.dump.notes(sink)
	return g.dump.write(w, f.opt)
}

// onceSink drops what goes into a scope that another file of the same server
// has completed in this run.
type onceSink struct {
	connector.Sink
	done map[retinue.Scope]bool
}

// Emit implements connector.Sink.
func (s *onceSink) Emit(scope retinue.Scope, facts ...retinue.Fact) error {
	if s.done[scope] {
		return nil
	}
	return s.Sink.Emit(scope, facts...)
}

// Complete implements connector.Sink.
func (s *onceSink) Complete(scope retinue.Scope, c connector.Completion) error {
	if s.done[scope] {
		return nil
	}
	s.done[scope] = true
	return s.Sink.Complete(scope, c)
}

// Problem implements connector.Sink.
func (s *onceSink) Problem(scope retinue.Scope, err error) {
	if !s.done[scope] {
		s.done[scope] = true
		s.Sink.Problem(scope, err)
	}
}
