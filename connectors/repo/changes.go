package repo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

// changes judges only what the commits of a range add: values in files that
// they change and that the base does not hold, and the pipelines and
// declarations in files that they leave behind changed.
func (r *run) changes(ctx context.Context) error {
	if r.t.repo == nil {
		return fmt.Errorf("%w: scan %s: option %s needs a git repository", retinue.ErrInvalid, clean(r.t.dir), optCommits)
	}
	base, tip, err := r.resolveRange()
	if err != nil {
		return err
	}
	r.loadIgnoreFile()
	scope := retinue.NewScope(r.realm, "changes", base.String()[:12]+".."+tip.String()[:12])
	r.secretScope = scope
	added, err := r.between(ctx, scope, base, tip)
	if err != nil {
		return err
	}
	known, seen, err := r.baseValues(ctx, scope, base, added)
	if err != nil {
		return err
	}
	if err := r.scanChanges(ctx, scope, tip, added, known, seen); err != nil {
		return err
	}
	r.notes()
	return r.complete(scope, fmt.Sprintf("every file that the %d commits of the range change was read", len(added)), connector.AuthorityReference)
}

// resolveRange reads A..B and A...B; an empty side is HEAD.
func (r *run) resolveRange() (base, tip plumbing.Hash, err error) {
	from, to, _ := strings.Cut(r.c.commits, "..")
	to = strings.TrimPrefix(to, ".")
	resolve := func(rev string) (plumbing.Hash, error) {
		if rev == "" {
			rev = "HEAD"
		}
		h, err := r.t.repo.ResolveRevision(plumbing.Revision(rev))
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("%w: option %s: revision %q: %v", retinue.ErrInvalid, optCommits, clean(rev), err)
		}
		return *h, nil
	}
	if base, err = resolve(from); err != nil {
		return base, tip, err
	}
	tip, err = resolve(to)
	return base, tip, err
}

// between returns the commits that tip descends from and base does not.
func (r *run) between(ctx context.Context, scope retinue.Scope, base, tip plumbing.Hash) ([]commit, error) {
	old, err := r.commits(ctx, scope, []plumbing.Hash{base})
	if err != nil {
		return nil, err
	}
	known := make(map[plumbing.Hash]bool, len(old))
	for _, c := range old {
		known[c.hash] = true
	}
	all, err := r.commits(ctx, scope, []plumbing.Hash{tip})
	if err != nil {
		return nil, err
	}
	var added []commit
	for _, c := range all {
		if !known[c.hash] {
			added = append(added, c)
		}
	}
	return added, nil
}

// baseValues returns the values that the base holds in files which a commit of
// the range changes or which the tip holds no more: what a change keeps or
// moves, it does not add. The walk that it returns has seen the base.
func (r *run) baseValues(ctx context.Context, scope retinue.Scope, base plumbing.Hash, added []commit) (map[placeKey]bool, *treeWalk, error) {
	old := map[string]plumbing.Hash{}
	seen := newTreeWalk(r, scope)
	c, err := object.GetCommit(r.t.store, base)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: read commit %s: %v", retinue.ErrInvalid, base, err)
	}
	err = seen.walk(ctx, c.TreeHash, "", 0, func(p string, h plumbing.Hash) error { old[p] = h; return nil })
	if err != nil || len(added) == 0 {
		return nil, seen, err
	}
	touched := map[string]bool{}
	changed := seen.fork()
	for _, c := range added {
		if err := changed.walk(ctx, c.tree, "", 0, func(p string, _ plumbing.Hash) error { touched[p] = true; return nil }); err != nil {
			return nil, nil, err
		}
	}
	left := map[string]bool{}
	tip := newTreeWalk(r, scope)
	tip.quiet = true
	err = tip.walk(ctx, added[len(added)-1].tree, "", 0, func(p string, _ plumbing.Hash) error { left[p] = true; return nil })
	if err != nil {
		return nil, nil, err
	}
	known := map[placeKey]bool{}
	for p, h := range old {
		if left[p] && !touched[p] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		for _, f := range r.scanBlob(scope, p, h) {
			known[keyOf(f.Rule, f.Secret)] = true
		}
	}
	return known, seen, nil
}

// scanBlob reads and scans one content.
func (r *run) scanBlob(scope retinue.Scope, p string, h plumbing.Hash) []secrets.Finding {
	if r.c.scanner.SkipsPath(p) {
		return nil
	}
	data, ok := r.blob(scope, h)
	if !ok || isBinary(data) {
		return nil
	}
	return r.c.scan(p, data).findings
}

// fork returns a walk that has seen the same and counts nothing.
func (w *treeWalk) fork() *treeWalk {
	f := newTreeWalk(w.run, w.scope)
	f.quiet = true
	f.files, f.trees = maps.Clone(w.files), maps.Clone(w.trees)
	return f
}

// scanChanges states what the added commits bring in. w has seen the base.
func (r *run) scanChanges(ctx context.Context, scope retinue.Scope, tip plumbing.Hash, added []commit, known map[placeKey]bool, w *treeWalk) error {
	head, err := object.GetCommit(r.t.store, tip)
	if err != nil {
		return fmt.Errorf("%w: read commit %s: %v", retinue.ErrInvalid, tip, err)
	}
	// What the tip holds and the base does not: for whether the tip still has a
	// value, and for pipelines and declarations.
	err = w.fork().walk(ctx, head.TreeHash, "", 0, func(p string, h plumbing.Hash) error {
		for _, f := range r.scanBlob(scope, p, h) {
			r.inHead[keyOf(p, f.Secret)] = true
		}
		if !declares(p) {
			return nil
		}
		if data, ok := r.blob(scope, h); ok {
			return r.declarations(file{path: p, data: data, tracked: true})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return ordered(ctx, func(submit func(func() blobFound) error) error {
		for _, c := range added {
			if err := r.submitCommit(ctx, w, scope, c, submit); err != nil {
				return err
			}
		}
		return nil
	}, func(b blobFound) error {
		b.findings = slices.DeleteFunc(slices.Clone(b.findings), func(f secrets.Finding) bool {
			return known[keyOf(f.Rule, f.Secret)]
		})
		return r.takeBlob(ctx, scope, b)
	})
}
