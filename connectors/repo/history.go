package repo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// commit is one commit of the history.
type commit struct {
	hash, tree plumbing.Hash
	parents    []int32
	time       int64 // when it was committed, for the order
	author     string
	when       time.Time // when it was written
}

// blobFound is a file version with what its scan found.
type blobFound struct {
	result
	path   string
	commit commit
	head   bool // of the head commit, before the history
}

// wholeHistory scans every version of every file that a reference reaches, each
// content once, from the oldest commit on.
func (r *run) wholeHistory(ctx context.Context) error {
	scope := r.scope("history")
	commits, err := r.commits(ctx, scope, nil)
	if err != nil {
		return err
	}
	err = ordered(ctx, func(submit func(func() blobFound) error) error {
		if err := r.submitHead(ctx, scope, submit); err != nil {
			return err
		}
		w := newTreeWalk(r, scope)
		for i, c := range commits {
			if err := r.submitCommit(ctx, w, scope, c, submit); err != nil {
				return err
			}
			if i%64 == 0 {
				r.c.env.Progress(connector.Progress{Scope: scope, Stage: "scanning commits", Done: int64(i), Total: int64(len(commits)), Unit: "commits"})
			}
		}
		return nil
	}, func(b blobFound) error { return r.takeBlob(ctx, scope, b) })
	if err != nil || r.c.baseline != nil {
		return err
	}
	n := int64(len(commits))
	r.c.env.Progress(connector.Progress{Scope: scope, Stage: "scanning commits", Done: n, Total: n, Unit: "commits"})
	if r.t.shallow {
		// Never complete: a full clone has more, and it must not end.
		if err := r.stateIDs(scope); err != nil {
			return err
		}
		r.problem(scope, fmt.Errorf("%w: the clone is shallow: %d commits are here, those before them are not", retinue.ErrUnsupported, n))
		return nil
	}
	return r.complete(scope, fmt.Sprintf("every commit of every reference was read (%d)", n), connector.AuthorityReference)
}

// submitHead scans the head commit first, so that it is known of each value in
// the history whether the head still has it.
func (r *run) submitHead(ctx context.Context, scope retinue.Scope, submit func(func() blobFound) error) error {
	head, err := r.headCommit()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil
	}
	if err != nil {
		r.problem(scope, fmt.Errorf("%w: read HEAD: %v", retinue.ErrInvalid, err))
		return nil
	}
	w := newTreeWalk(r, scope)
	w.quiet = true
	return w.walk(ctx, head.TreeHash, "", 0, func(p string, h plumbing.Hash) error {
		return submit(r.blobWork(scope, p, h, commit{}, true))
	})
}

func (r *run) submitCommit(ctx context.Context, w *treeWalk, scope retinue.Scope, c commit, submit func(func() blobFound) error) error {
	return w.walk(ctx, c.tree, "", 0, func(p string, h plumbing.Hash) error {
		return submit(r.blobWork(scope, p, h, c, false))
	})
}

// blobWork reads a content here, where the object store is used by one
// goroutine only, and returns the work of scanning it.
func (r *run) blobWork(scope retinue.Scope, p string, h plumbing.Hash, from commit, head bool) func() blobFound {
	found := blobFound{path: p, commit: from, head: head}
	class := r.class(p)
	if class.skip {
		return func() blobFound { return found }
	}
	key := blobKey{h, class.name}
	scan, mine := r.blobs.begin(key)
	if !mine {
		return func() blobFound { found.result = scan.wait(); return found }
	}
	data, ok := r.blob(scope, h)
	if !ok || isBinary(data) || isPointer(data) {
		r.blobs.end(key, scan, result{})
		return func() blobFound { return found }
	}
	return func() blobFound {
		found.result = r.blobs.end(key, scan, r.c.scan(p, data))
		return found
	}
}

// pathClass is what secrets.Scanner.PathClass says of a path.
type pathClass struct {
	name string
	skip bool
}

// maxClasses bounds the paths whose class is remembered.
const maxClasses = 100_000

// class returns the class of a path, which recurs from commit to commit. It is
// called by the reading goroutine only.
func (r *run) class(p string) pathClass {
	if c, ok := r.classes[p]; ok {
		return c
	}
	if len(r.classes) >= maxClasses {
		clear(r.classes)
	}
	name, skip := r.c.scanner.PathClass(p)
	r.classes[p] = pathClass{name, skip}
	return r.classes[p]
}

// takeBlob states the values of one file version.
func (r *run) takeBlob(ctx context.Context, scope retinue.Scope, b blobFound) error {
	if len(b.findings) == 0 {
		return nil
	}
	if b.head {
		for _, f := range b.findings {
			r.inHead[keyOf(b.path, f.Secret)] = true
		}
		return nil
	}
	for _, f := range b.findings {
		s := sighting{finding: f, path: b.path, kind: retinue.PlaceGit, commit: b.commit.hash, author: b.commit.author, when: b.commit.when}
		if err := r.state(ctx, scope, s); err != nil {
			return err
		}
	}
	return nil
}

// commits returns the commits that references reach, or from only those that
// given ones reach, parents first and else by time.
func (r *run) commits(ctx context.Context, scope retinue.Scope, from []plumbing.Hash) ([]commit, error) {
	if from == nil {
		var err error
		if from, err = r.tips(scope); err != nil {
			return nil, err
		}
	}
	index := map[plumbing.Hash]int32{}
	var all []commit
	var parents [][]plumbing.Hash
	authors := names{}
	todo := slices.Clone(from)
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, ok := index[h]; ok {
			continue
		}
		c, err := object.GetCommit(r.t.store, h)
		if err != nil {
			if !r.t.shallow {
				r.problem(scope, fmt.Errorf("%w: read commit %s: %v", retinue.ErrInvalid, h, err))
			}
			index[h] = -1
			continue
		}
		index[h] = int32(len(all))
		all = append(all, commit{hash: h, tree: c.TreeHash, time: c.Committer.When.Unix(),
			author: authors.name(c.Author), when: moment(c.Author.When)})
		todo = append(todo, c.ParentHashes...)
		parents = append(parents, c.ParentHashes)
		if len(all)%4096 == 0 {
			r.c.env.Progress(connector.Progress{Scope: scope, Stage: "listing commits", Done: int64(len(all)), Unit: "commits"})
		}
	}
	for i := range all {
		for _, p := range parents[i] {
			if n := index[p]; n >= 0 {
				all[i].parents = append(all[i].parents, n)
			}
		}
	}
	return parentsFirst(all), nil
}

// names keeps one copy of each author's name.
type names map[string]string

func (n names) name(s object.Signature) string {
	a := author(s)
	if kept, ok := n[a]; ok {
		return kept
	}
	n[a] = a
	return a
}

// tips returns the commits that references name, tags followed.
func (r *run) tips(scope retinue.Scope) ([]plumbing.Hash, error) {
	refs, err := r.t.repo.References()
	if err != nil {
		return nil, fmt.Errorf("%w: list references: %v", retinue.ErrInvalid, err)
	}
	var out []plumbing.Hash
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() != plumbing.HashReference {
			return nil
		}
		h, err := r.peel(ref.Hash())
		if err != nil {
			r.problem(scope, fmt.Errorf("%w: reference %s: %v", retinue.ErrInvalid, clean(ref.Name().String()), err))
			return nil
		}
		if !h.IsZero() {
			out = append(out, h)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: list references: %v", retinue.ErrInvalid, err)
	}
	if head, err := r.t.repo.Head(); err == nil { // may be detached
		out = append(out, head.Hash())
	}
	slices.SortFunc(out, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out), nil
}

// peel follows tags to a commit; the zero hash where one names something else.
func (r *run) peel(h plumbing.Hash) (plumbing.Hash, error) {
	for range 10 {
		o, err := r.t.store.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		switch o.Type() {
		case plumbing.CommitObject:
			return h, nil
		case plumbing.TagObject:
			tag, err := object.DecodeTag(r.t.store, o)
			if err != nil {
				return plumbing.ZeroHash, err
			}
			h = tag.Target
		default:
			return plumbing.ZeroHash, nil
		}
	}
	return plumbing.ZeroHash, errors.New("tags name each other")
}

// parentsFirst orders commits by time, and so that no commit comes before one
// of its parents.
func parentsFirst(all []commit) []commit {
	order := make([]int32, len(all))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(all[a].time, all[b].time), bytes.Compare(all[a].hash[:], all[b].hash[:]))
	})
	out := make([]commit, 0, len(all))
	done := make([]bool, len(all))
	var stack []int32
	for _, start := range order {
		stack = append(stack[:0], start)
		for len(stack) > 0 {
			i := stack[len(stack)-1]
			if done[i] {
				stack = stack[:len(stack)-1]
				continue
			}
			open := len(stack)
			for _, p := range all[i].parents {
				if !done[p] {
					stack = append(stack, p)
				}
			}
			if len(stack) == open {
				done[i] = true
				out = append(out, all[i])
				stack = stack[:open-1]
			}
		}
	}
	return out
}
