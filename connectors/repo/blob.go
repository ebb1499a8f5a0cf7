package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// eachHeadBlob reads the files of a bare repository's head.
func (r *run) eachHeadBlob(ctx context.Context, scope retinue.Scope, each func(file) error) error {
	commit, err := r.headCommit()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		r.count(connector.NoteFold, "%d repository has no commit yet", 1)
		return nil
	}
	if err != nil {
		r.problem(scope, fmt.Errorf("%w: read HEAD: %v", retinue.ErrInvalid, err))
		return nil
	}
	w := newTreeWalk(r, scope)
	return w.walk(ctx, commit.TreeHash, "", 0, func(p string, h plumbing.Hash) error {
		data, ok := r.blob(scope, h)
		if !ok {
			return nil
		}
		return each(file{path: p, data: data, tracked: true})
	})
}

func (r *run) headCommit() (*object.Commit, error) {
	head, err := r.t.repo.Head()
	if err != nil {
		return nil, err
	}
	return object.GetCommit(r.t.store, head.Hash())
}

// blob reads a file's content from the object store, unless it is too large.
func (r *run) blob(scope retinue.Scope, h plumbing.Hash) ([]byte, bool) {
	o, err := r.t.store.EncodedObject(plumbing.BlobObject, h)
	if err == nil && o.Size() > r.c.maxFile {
		r.count(connector.NoteFold, "%d files are larger than the limit and were not scanned", 1)
		return nil, false
	}
	if err == nil {
		var in io.ReadCloser
		if in, err = o.Reader(); err == nil {
			var data []byte
			data, err = io.ReadAll(io.LimitReader(in, r.c.maxFile+1))
			_ = in.Close()
			if err == nil {
				return data, true
			}
		}
	}
	r.problem(scope, fmt.Errorf("%w: read object %s: %v", retinue.ErrInvalid, h, err))
	return nil, false
}

// isBinary reports content that is no text, as git does: a zero byte near the
// beginning.
func isBinary(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0
}

// isPointer reports a Git LFS pointer (its specification, version 1).
func isPointer(data []byte) bool {
	return len(data) < 1024 && bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/v1\n"))
}

// isFile reports the modes of files with content.
func isFile(m filemode.FileMode) bool {
	return m == filemode.Regular || m == filemode.Executable || m == filemode.Deprecated
}
