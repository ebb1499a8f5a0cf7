package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Repo reads repositories and folders.
type Repo struct {
	settings
	env       connector.Env
	endpoints endpoints
}

// Close implements connector.Connector. Repositories are open during a run
// only.
func (c *Repo) Close() error { return nil }

// Check implements connector.Connector.
func (c *Repo) Check(ctx context.Context) (connector.Access, error) {
	var a connector.Access
	for i, path := range c.paths {
		t, err := openTree(path)
		if err != nil {
			return a, err
		}
		realm, err := t.realm(ctx, c.root)
		if err == nil && i == 0 {
			a.Realm, a.Name, a.Principal = realm, t.name(), "the person who runs the scan"
		}
		if err == nil && t.shallow {
			a.Missing = append(a.Missing, connector.Missing{
				Permission: "the whole history (git fetch --unshallow)", Scope: retinue.NewScope(realm, "history"),
				Consequence: "secrets in commits before the boundary of the shallow clone stay unseen",
			})
		}
		if err == nil && t.alternates {
			a.Missing = append(a.Missing, connector.Missing{
				Permission: "objects inside the repository (git repack -a -d)", Scope: retinue.NewScope(realm, "history"),
				Consequence: "objects that lie in alternates are not read",
			})
		}
		t.close()
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// Discover implements connector.Connector.
func (c *Repo) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	opened := 0
	var first error
	for _, path := range c.paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := c.discover(ctx, req, sink, path)
		var lost *unreadable
		switch {
		case err == nil:
			opened++
		case errors.As(err, &lost):
			// One of several that cannot be opened has no realm to report under.
			first = errors.Join(first, lost.err)
			sink.Note(connector.Note{Kind: connector.NoteWarning, Text: clean(lost.err.Error())})
		default:
			return err
		}
	}
	if opened == 0 {
		return first
	}
	return nil
}

// unreadable is the error of a tree that could not be opened at all.
type unreadable struct{ err error }

func (u *unreadable) Error() string { return u.err.Error() }
func (u *unreadable) Unwrap() error { return u.err }

func (c *Repo) discover(ctx context.Context, req connector.Request, sink connector.Sink, path string) error {
	t, err := openTree(path)
	if err != nil {
		return &unreadable{err}
	}
	defer t.close()
	realm, err := t.realm(ctx, c.root)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &unreadable{fmt.Errorf("read %s: %w", path, err)}
	}
	r := newRun(c, t, realm, sink, req)
	if req.DryRun {
		r.wouldRead()
		return nil
	}
	if c.commits != "" {
		return r.changes(ctx)
	}
	if err := r.repository(); err != nil {
		return err
	}
	if err := r.head(ctx); err != nil {
		return err
	}
	if c.history && t.repo != nil {
		if err := r.wholeHistory(ctx); err != nil {
			return err
		}
	}
	if c.baseline != nil {
		err = r.complete(r.secretScope, "every file and commit was scanned; what the baseline holds was left out", connector.AuthorityReference)
	}
	r.notes()
	return err
}

// wouldRead says what a run would read.
func (r *run) wouldRead() {
	say := func(format string, args ...any) {
		r.sink.Note(connector.Note{Kind: connector.NoteWouldRead, Scope: retinue.Scope{Realm: r.realm}, Text: fmt.Sprintf(format, args...)})
	}
	switch {
	case r.t.repo == nil:
		say("the files of the folder %s, dependencies left out", clean(r.t.dir))
	case r.t.bare():
		say("the files of the head of the bare repository %s", clean(r.t.dir))
	default:
		say("the files of the work tree %s, ignored ones left out but for .env files", clean(r.t.dir))
	}
	if r.t.repo != nil && r.c.history {
		say("every commit, tree and file of all references in %s", clean(r.t.git))
	}
	if r.c.verify {
		say("with verify=yes, one read-only call to the issuer of each token that is found")
	}
}

// repository states the repository itself.
func (r *run) repository() error {
	if r.t.repo == nil || r.c.baseline != nil {
		return nil
	}
	scope := retinue.NewScope(r.realm, "repository")
	attrs := retinue.Attrs{}
	if len(r.t.remotes) > 0 {
		attrs["remotes"] = r.t.remotes
	}
	fact := retinue.Container{Ref: r.container, Name: r.t.name(), Kind: retinue.ContainerRepository, Attrs: attrs}
	if err := r.sink.Emit(scope, fact); err != nil {
		return err
	}
	return r.completeAs(scope, "the repository's own configuration", connector.AuthoritySystem)
}

// name is the repository's name for people: the last part of its remote, else
// of its folder.
func (t *tree) name() string {
	if o := t.origin(); o != "" {
		return clean(baseName(o))
	}
	return clean(baseName(t.dir))
}

// observed is when the tree stood as stated: it is read live.
func (r *run) observed() time.Time {
	if r.req.Now.IsZero() {
		return r.c.env.Now()
	}
	return r.req.Now
}
