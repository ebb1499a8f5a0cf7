package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Bounds of a run.
const (
	maxEntries = 500_000
	maxRefs    = 1_000_000 // ids referred to that are checked for a line of their own
	maxShown   = 20        // mistakes that are reported one by one
	maxWrong   = 1_000     // mistakes after which the file is given up
	batch      = 256       // facts handed on at once
)

// intake takes the lines of one file and hands on facts and problems.
type intake struct {
	c       *peopleConnector
	sink    connector.Sink
	size    int64
	header  *header
	facts   []retinue.Fact
	lines   map[retinue.Ref]int   // where each thing was described
	refers  map[retinue.Ref]place // where a thing was first referred to
	wrong   int
	failed  bool
	unheard bool // more ids are referred to than are checked
}

type place struct{ line, column int }

func newIntake(c *peopleConnector, sink connector.Sink, size int64) *intake {
	return &intake{c: c, sink: sink, size: size, lines: map[retinue.Ref]int{}, refers: map[retinue.Ref]place{}}
}

// problem reports what keeps the scope from being completed.
func (in *intake) problem(err error) {
	in.failed = true
	in.sink.Problem(in.c.scope(), err)
}

// mistake counts a wrong line and reports the first ones. It returns false when
// there are so many that the file is not what it should be.
func (in *intake) mistake(m *mistake) bool {
	in.failed = true
	in.wrong++
	if in.wrong <= maxShown || m.fatal {
		in.problem(in.c.explain(m))
	}
	if in.wrong == maxWrong {
		in.problem(fmt.Errorf("%w: read %s:%d: %d lines are wrong: the rest is not read", retinue.ErrInvalid, in.c.shown, m.line, in.wrong))
	}
	return !m.fatal && in.wrong < maxWrong
}

// run reads the file. It returns an error when the run cannot go on; what is
// wrong in the file are problems.
func (in *intake) run(ctx context.Context, from *records) error {
	h, err := readHeader(from, in.c.wanted)
	if err != nil {
		in.problem(in.c.explain(err))
		return nil
	}
	in.header = h
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rec, err := from.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if m := new(mistake); errors.As(err, &m) {
			if !in.mistake(m) {
				break
			}
			continue
		}
		if err != nil {
			in.problem(in.c.explain(err))
			break
		}
		if n > maxEntries {
			in.mistake(&mistake{line: rec.line, text: fmt.Sprintf("more than %d lines: export less into one file", maxEntries), fatal: true})
			break
		}
		more, err := in.take(rec)
		if err != nil || !more {
			return err
		}
		if n%batch == 0 {
			in.c.env.Progress(connector.Progress{Scope: in.c.scope(), Stage: "reading lines", Done: from.read, Total: in.size, Unit: "bytes"})
		}
	}
	return nil
}

// take states what one line says. It returns false when reading must end.
func (in *intake) take(rec record) (bool, error) {
	e := entry{realm: in.c.realm, header: in.header, record: rec}
	f, wrong := e.fact()
	if wrong != nil {
		return in.mistake(wrong), nil
	}
	ref := f.FactRef()
	if first, dup := in.lines[ref]; dup {
		return in.mistake(rec.mistake(e.cell("id").at, "id: line %d describes this %s already: want one line for each", first, e.typ)), nil
	}
	in.lines[ref] = rec.line
	for _, r := range e.refs {
		if _, known := in.refers[r.ref]; known {
			continue
		}
		if len(in.refers) == maxRefs {
			in.unheard = true
			break
		}
		m := rec.mistake(r.at, "")
		in.refers[r.ref] = place{m.line, m.column}
	}
	in.facts = append(in.facts, f)
	if len(in.facts) == batch {
		return true, in.flush()
	}
	return true, nil
}

func (in *intake) flush() error {
	if len(in.facts) == 0 {
		return nil
	}
	facts := in.facts
	in.facts = nil
	return in.sink.Emit(in.c.scope(), facts...)
}

// finish hands on the rest and completes the scope if nothing was wrong.
func (in *intake) finish(ctx context.Context, c connector.Completion) error {
	if err := in.flush(); err != nil {
		return err
	}
	if in.wrong > maxShown && in.wrong < maxWrong {
		in.problem(fmt.Errorf("%w: read %s: %d lines are wrong, of which the first %d were shown", retinue.ErrInvalid, in.c.shown, in.wrong, maxShown))
	}
	if in.header != nil {
		in.notes()
	}
	if len(in.lines) == 0 && !in.failed {
		in.problem(fmt.Errorf("%w: read %s: no line after the first: an export that lists nobody is taken for one that failed", retinue.ErrInvalid, in.c.shown))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if in.failed {
		return nil
	}
	return in.sink.Complete(in.c.scope(), c)
}

// notes says what the file does not tell, and which ids it refers to without
// describing them: those are a slip, or lines that the export leaves out.
func (in *intake) notes() {
	scope := in.c.scope()
	for _, text := range in.header.notCovered() {
		in.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Scope: scope, Text: text})
	}
	for _, name := range in.c.wanted {
		if !slices.Contains(in.header.further, name) {
			in.sink.Note(connector.Note{Kind: connector.NoteWarning, Scope: scope,
				Text: fmt.Sprintf("option columns: %s has no further column %q", in.c.shown, retinue.CleanName(name))})
		}
	}
	if in.failed {
		return // a line that was refused may be the one referred to
	}
	if in.unheard {
		in.sink.Note(connector.Note{Kind: connector.NoteWarning, Scope: scope, Text: fmt.Sprintf("more than %d ids are referred to: not all were looked up", maxRefs)})
	}
	for _, typ := range []string{typePerson, typeTeam} {
		in.dangling(typ)
	}
}

func (in *intake) dangling(typ string) {
	count, first := 0, place{}
	for ref, p := range in.refers {
		if _, described := in.lines[ref]; described || ref.Kind != typ {
			continue
		}
		if count++; count == 1 || p.line < first.line || p.line == first.line && p.column < first.column {
			first = p
		}
	}
	if count > 0 {
		in.sink.Note(connector.Note{Kind: connector.NoteWarning, Scope: in.c.scope(), Count: count,
			Text: fmt.Sprintf("ids that no line of type %s describes: %d, the first at %s:%d:%d", typ, count, in.c.shown, first.line, first.column)})
	}
}
