package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// exportConnector reads what kubectl printed as JSON.
type exportConnector struct {
	path string
	opts options
	env  connector.Env
}

// Close implements connector.Connector.
func (*exportConnector) Close() error { return nil }

// Check implements connector.Connector.
func (c *exportConnector) Check(ctx context.Context) (connector.Access, error) {
	x, err := look(ctx, c.path)
	if err != nil {
		return connector.Access{}, err
	}
	realm, _, err := x.realm(c.opts.clusterUID)
	if err != nil {
		return connector.Access{}, fmt.Errorf("read export %s: %w", retinue.CleanName(c.path), err)
	}
	a := connector.Access{Realm: realm, Name: x.name, NotCovered: x.absent(c.opts)}
	if a.Name == "" {
		a.Name = retinue.CleanName(filepath.Base(c.path))
	}
	for _, f := range x.files {
		if f.err != nil {
			a.Missing = append(a.Missing, connector.Missing{
				Permission: "read " + retinue.CleanName(f.rel), Scope: clusterScope(realm), Consequence: "not known what it holds: " + f.err.Error(),
			})
		}
	}
	return a, nil
}

// absent names what an export could hold and does not.
func (x *index) absent(o options) []string {
	var out []string
	for _, k := range kinds() {
		if x.holds(k) || (k == kindSecret && o.secrets == secretsNone) {
			continue
		}
		text := "the export has no " + k.resource
		switch k {
		case kindSecret:
			text += ": Secrets that nothing names, and the last use of legacy tokens, are not known"
		case kindNamespace:
			text += ": a namespace that is deleted later is not noticed"
		case kindAccount:
			text += ": accounts are known as far as something refers to them"
		}
		out = append(out, text)
	}
	if x.issuer == "" {
		out = append(out, "the export has no openid-configuration: the issuer of service account tokens is not known")
	}
	return out
}

// holds reports whether some file has objects or an empty list of a kind.
func (x *index) holds(k kind) bool {
	return slices.ContainsFunc(x.files, func(f *file) bool { return f.kinds[k.name] > 0 || f.lists[k.name] })
}

// Discover implements connector.Connector.
func (c *exportConnector) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if req.DryRun {
		return c.wouldRead(sink)
	}
	x, err := look(ctx, c.path)
	if err != nil {
		return err
	}
	realm, note, err := x.realm(c.opts.clusterUID)
	if err != nil {
		return fmt.Errorf("read export %s: %w", retinue.CleanName(c.path), err)
	}
	m := newMapper(realm, c.env)
	m.issuer, m.automount, m.scanner = x.issuer, x.automount, c.opts.scanner
	m.listed = func(k kind, _ string) bool { return x.holds(k) }
	e := &exportReader{index: x, run: newRun(m, sink, c.env), opts: c.opts, listings: map[string]*listing{}, broken: map[string]error{}}
	e.notes(note)
	for _, step := range []func(context.Context) error{e.readCluster, e.readFiles, e.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *exportConnector) wouldRead(sink connector.Sink) error {
	files, err := exportFiles(c.path)
	for _, f := range files {
		sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: "file " + retinue.CleanName(f.path)})
	}
	return err
}

// exportReader reads one export for one run.
type exportReader struct {
	*index
	run      *run
	opts     options
	listings map[string]*listing
	broken   map[string]error // kinds of which a file could not be read whole
}

func (e *exportReader) notes(about string) {
	scope := retinue.Scope{Realm: e.run.m.realm}
	if about != "" {
		e.run.sink.Note(connector.Note{Kind: connector.NoteWarning, Scope: scope, Text: about})
	}
	for _, text := range e.absent(e.opts) {
		e.run.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Scope: scope, Text: text})
	}
	for _, f := range e.files {
		if f.values > 0 {
			e.run.sink.Note(connector.Note{Kind: connector.NoteWarning, Scope: scope,
				Text: fmt.Sprintf("file %s holds the values of %d Secrets in clear: delete it, and export metadata only with the script", retinue.CleanName(f.rel), f.values)})
		}
	}
}

func (e *exportReader) readCluster(context.Context) error {
	scope := clusterScope(e.run.m.realm)
	if err := e.run.sink.Emit(scope, e.run.m.clusterFacts(e.name, e.version)...); err != nil {
		return err
	}
	for _, f := range e.files {
		if f.err != nil && len(f.kinds) == 0 && f.named == "" {
			e.run.problem(scope, f.err)
		}
	}
	return e.run.complete(scope, e.newest(), "what the export says about the cluster itself", connector.AuthoritySystem)
}

// newest is when the export shows the cluster.
func (x *index) newest() time.Time {
	var t time.Time
	for _, f := range x.files {
		if ft := x.time(f); ft.After(t) {
			t = ft
		}
	}
	return t
}

func (e *exportReader) readFiles(ctx context.Context) error {
	want := map[string]bool{}
	for _, ns := range e.opts.namespaces {
		want[ns] = true
	}
	for i, f := range e.files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.run.env.Progress(connector.Progress{Scope: retinue.Scope{Realm: e.run.m.realm}, Stage: "reading " + retinue.CleanName(f.rel),
			Done: int64(i), Total: int64(len(e.files)), Unit: "files"})
		if f.kinds == nil || filepath.Base(f.path) == "cluster_name" {
			continue
		}
		if err := e.readFile(ctx, f, want); err != nil {
			return err
		}
	}
	return nil
}

// readFile states the objects of one file. A file that breaks off keeps what
// was read, and leaves its kinds incomplete.
func (e *exportReader) readFile(ctx context.Context, f *file, want map[string]bool) error {
	err := f.decode(ctx, func(name string, raw json.RawMessage, _ bool) error {
		k, ok := kindNamed(name)
		if !ok || (k == kindSecret && e.opts.secrets == secretsNone) {
			return nil
		}
		l := e.listing(k, f)
		if len(want) > 0 {
			l.want = want
		}
		if err := l.object(raw); err != nil {
			return errSink{err}
		}
		return nil
	}, func(*document) {})
	if stop := stopped(ctx, err); stop != nil {
		return stop
	}
	if err != nil {
		for name := range f.kinds {
			e.broken[name] = err
		}
		if f.named != "" {
			e.broken[f.named] = err
		}
	}
	return nil
}

// listing returns the listing of a kind, which may stand in several files. It
// is as old as the oldest of them.
func (e *exportReader) listing(k kind, f *file) *listing {
	l, at := e.listings[k.name], e.time(f)
	if l == nil {
		l = e.run.listing(k, retinue.CleanName(f.rel), at)
		e.listings[k.name] = l
	}
	l.from = retinue.CleanName(f.rel)
	if at.Before(l.time) {
		l.time = at
	}
	return l
}

func (e *exportReader) finish(ctx context.Context) error {
	for _, k := range kinds() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !e.holds(k) && e.broken[k.name] == nil || (k == kindSecret && e.opts.secrets == secretsNone) {
			continue
		}
		if err := e.finishKind(k); err != nil {
			return err
		}
	}
	return nil
}

// finishKind completes a kind as far as the export shows that nothing was left
// out.
func (e *exportReader) finishKind(k kind) error {
	l := e.listings[k.name]
	if l == nil {
		l = e.run.listing(k, "the export", e.newest())
		e.listings[k.name] = l
	}
	cause := e.broken[k.name]
	if cause == nil {
		cause = e.outsideList(k)
	}
	if k == kindNamespace {
		if cause == nil {
			cause = l.bad
		}
		return e.finishNamespaces(l, cause)
	}
	if !k.namespaced {
		return l.finish(nil, "a whole list of the export", cause)
	}
	namespaces, basis := e.covered(k)
	if cause != nil {
		namespaces = e.run.known()
	}
	return l.finish(e.wanted(namespaces), basis, cause)
}

func (e *exportReader) finishNamespaces(l *listing, cause error) error {
	scope := kindNamespace.scope(e.run.m.realm, "")
	if cause != nil {
		e.run.problem(scope, cause)
		return nil
	}
	if len(e.opts.namespaces) > 0 {
		return nil
	}
	return e.run.completeNamespaces(l.time, "a whole list of the export")
}

// outsideList reports a kind of which some objects stand alone: they do not
// show that there are no others.
func (e *exportReader) outsideList(k kind) error {
	for _, f := range e.files {
		if f.kinds[k.name] > 0 && !f.lists[k.name] {
			return fmt.Errorf("%w: read %s: single objects of kind %s do not show that there are no others: export a list", retinue.ErrUnsupported, retinue.CleanName(f.rel), k.name)
		}
	}
	return nil
}

// covered returns the namespaces in which an export lists a kind whole, and
// why. kubectl's output does not say whether it was limited to a namespace.
func (e *exportReader) covered(k kind) ([]string, string) {
	if e.manifest != nil && slices.Contains(e.manifest.Resources, k.resource) {
		return e.run.known(), "the export script listed it in all namespaces"
	}
	if len(e.seen[k.name]) > 1 {
		return e.run.known(), "a whole list of the export with objects of several namespaces"
	}
	return slices.Sorted(maps.Keys(e.seen[k.name])), "a whole list of the export with objects of this namespace"
}

func (e *exportReader) wanted(namespaces []string) []string {
	if len(e.opts.namespaces) == 0 {
		return namespaces
	}
	return slices.DeleteFunc(slices.Clone(namespaces), func(ns string) bool { return !slices.Contains(e.opts.namespaces, ns) })
}
