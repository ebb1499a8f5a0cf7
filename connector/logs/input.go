package logs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/retinue-id/retinue"
)

// Input is one thing to read: a file, or an object of a store.
type Input struct {
	// ID names it for good. Empty: it is known by the beginning of its content.
	ID string
	// Name is its path or key, Label what people read.
	Name  string
	Label string
	// Size is in bytes as stored and Modified when it was last written; zero where
	// not known.
	Size     int64
	Modified time.Time
	// Open opens it as it is stored, compressed or not.
	Open func(ctx context.Context) (io.ReadCloser, error)

	// named is true for a file that a path names by itself, and missing says why it
	// is not there. beside is true for one that is read because it lies beside such
	// a file: with known, only on from where it stands. after names the input from
	// which a new one goes on.
	named   bool
	missing error
	beside  bool
	known   bool
	after   string
}

// Files gives the files that paths name: files, folders with all below them in
// the order of their names, and patterns as [filepath.Match] has them. Names that
// begin with a dot are passed over below a folder, and so is what match, where it
// is not nil, does not take. A path that names nothing gives an error and the
// next path is gone on with.
func Files(paths []string, match func(name string) bool) iter.Seq2[Input, error] {
	return func(yield func(Input, error) bool) {
		for _, p := range paths {
			for _, root := range expand(p) {
				if !walk(root, match, func(in Input, err error) bool {
					in.named = root == p && in.Name == p
					return yield(in, err)
				}) {
					return
				}
			}
		}
	}
}

// expand returns what a pattern matches, and any other path as it is.
func expand(path string) []string {
	if _, err := os.Lstat(path); err == nil || !strings.ContainsAny(path, `*?[`) {
		return []string{path}
	}
	found, err := filepath.Glob(path)
	if err != nil || len(found) == 0 {
		return []string{path}
	}
	slices.Sort(found)
	return found
}

// walk gives the files at and below root and reports whether to go on.
func walk(root string, match func(string) bool, yield func(Input, error) bool) bool {
	stopped := false
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if path != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if err != nil {
			stopped = !yield(Input{Name: path}, fmt.Errorf("%w: read %s: %v", retinue.ErrInvalid, path, errorOf(err)))
			return skip(stopped)
		}
		if d.IsDir() || path != root && match != nil && !match(path) {
			return nil
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			stopped = !yield(Input{Name: path}, fmt.Errorf("%w: read %s: %v", retinue.ErrInvalid, path, errorOf(err)))
		case info.IsDir(): // a link to a folder: followed only where it was named
			if path == root {
				stopped = !walk(path+string(filepath.Separator), match, yield)
			}
		case !info.Mode().IsRegular():
			stopped = !yield(Input{Name: path}, fmt.Errorf("%w: read %s: not a file", retinue.ErrInvalid, path))
		default:
			stopped = !yield(file(path, info), nil)
		}
		return skip(stopped)
	})
	return err == nil && !stopped
}

func skip(stopped bool) error {
	if stopped {
		return fs.SkipAll
	}
	return nil
}

func errorOf(err error) error {
	if pe, ok := err.(*fs.PathError); ok { //nolint:errorlint // only the outermost repeats the path
		return pe.Err
	}
	return err
}

func file(path string, info fs.FileInfo) Input {
	return Input{
		Name: path, Label: path, Size: info.Size(), Modified: info.ModTime(),
		Open: func(context.Context) (io.ReadCloser, error) { return os.Open(path) }, //nolint:gosec // the path is what the person asked to read
	}
}

// content is the uncompressed content of an input.
type content struct {
	io.Reader
	raw        io.Closer
	seeker     io.Seeker // of an uncompressed file
	compressed bool
}

// close closes the input. Of what was only read, an error says nothing.
func (c *content) close() { c.raw.Close() }

// openContent opens an input and uncompresses it, up to twice: some ways of
// delivery compress again what was compressed.
func openContent(ctx context.Context, in Input) (*content, error) {
	raw, err := in.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: open %s: %v", retinue.ErrInvalid, in.Label, errorOf(err))
	}
	c := &content{raw: raw}
	for range 2 {
		var r io.Reader = raw
		if c.Reader != nil {
			r = c.Reader
		}
		b := bufio.NewReaderSize(r, 64<<10)
		head, _ := b.Peek(2) // a failure shows at the next read
		if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
			c.Reader = b
			break
		}
		z, err := gzip.NewReader(b)
		if err != nil {
			c.close()
			return nil, fmt.Errorf("%w: open %s: %w", retinue.ErrInvalid, in.Label, err)
		}
		c.Reader, c.compressed = z, true
	}
	if !c.compressed {
		if s, ok := raw.(io.Seeker); ok {
			c.seeker = s
		}
	}
	return c, nil
}
