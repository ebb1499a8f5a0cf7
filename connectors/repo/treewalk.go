package repo

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// treeWalk visits the files of trees that no earlier tree had at the same path.
type treeWalk struct {
	*run
	scope  retinue.Scope
	trees  map[pathed]bool
	files  map[pathed]bool
	copies map[plumbing.Hash]uint8
	quiet  bool // counts nothing: another walk does
}

// pathed is an object at a path, the path by its hash.
type pathed struct {
	hash plumbing.Hash
	path uint64
}

// The bounds on trees. A small repository can name the same tree at very many
// paths; a content is read at this many of them.
const (
	maxPath   = 4096
	maxCopies = 100
)

func newTreeWalk(r *run, scope retinue.Scope) *treeWalk {
	return &treeWalk{run: r, scope: scope, trees: map[pathed]bool{}, files: map[pathed]bool{}, copies: map[plumbing.Hash]uint8{}}
}

func at(h plumbing.Hash, p string) pathed {
	f := fnv.New64a()
	_, _ = f.Write([]byte(p))
	return pathed{h, f.Sum64()}
}

func (w *treeWalk) tally(k connector.NoteKind, text string) {
	if !w.quiet {
		w.count(k, text, 1)
	}
}

func (w *treeWalk) walk(ctx context.Context, h plumbing.Hash, prefix string, depth int, each func(string, plumbing.Hash) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	k := at(h, prefix)
	if w.trees[k] {
		return nil
	}
	w.trees[k] = true
	if w.copies[h] >= maxCopies || depth > maxDepth || len(prefix) > maxPath {
		w.tally(connector.NoteFold, "%d folders of commits lie too deep or repeat too often and were not read there")
		return nil
	}
	w.copies[h]++
	tree, err := object.GetTree(w.t.store, h)
	if err != nil {
		w.problem(w.scope, fmt.Errorf("%w: read tree %s: %v", retinue.ErrInvalid, h, err))
		return nil
	}
	for _, e := range tree.Entries {
		p := prefix + e.Name
		switch {
		case e.Mode == filemode.Dir:
			if err := w.walk(ctx, e.Hash, p+"/", depth+1, each); err != nil {
				return err
			}
		case isFile(e.Mode):
			if k := at(e.Hash, p); !w.files[k] {
				w.files[k] = true
				if err := each(p, e.Hash); err != nil {
					return err
				}
			}
		case e.Mode == filemode.Submodule:
			if k := at(plumbing.ZeroHash, p); !w.files[k] {
				w.files[k] = true
				w.tally(connector.NoteFold, "%d submodules were not read: their commits lie in repositories of their own")
			}
		}
	}
	return nil
}
