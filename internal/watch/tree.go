package watch

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// rootOf is the folder that is watched for a path: itself, that of a file, or
// what comes before the first part of a pattern that stands for several names.
func rootOf(path string) string {
	path = filepath.Clean(path)
	if isFolder(path) {
		return path
	}
	dir := filepath.Dir(path)
	for strings.ContainsAny(dir, `*?[`) && !isFolder(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// isPattern reports whether a path stands for several names.
func isPattern(path string) bool {
	if !strings.ContainsAny(path, `*?[`) {
		return false
	}
	_, err := os.Lstat(path)
	return err != nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// foldersBelow gives a folder and those below it, and of links only that they
// are there: what they lead to lies elsewhere. Hidden ones are passed over, and of
// what cannot be read the rest is given.
func foldersBelow(root string) iter.Seq2[string, bool] {
	return func(yield func(folder string, link bool) bool) {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			more := true
			switch {
			case err != nil && path == root:
				yield(root, false) // adding it will say what is wrong
				return fs.SkipAll
			case err != nil:
			case path != root && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return fs.SkipDir
				}
			case d.Type()&fs.ModeSymlink != 0:
				more = yield(path, true)
			case d.IsDir():
				more = yield(path, false)
			}
			if !more {
				return fs.SkipAll
			}
			return nil
		})
	}
}

// sumOf tells two states of files from each other by their names, sizes and
// times.
func sumOf(ctx context.Context, paths []string) uint64 {
	sum := fnv.New64a()
	for _, p := range paths {
		names := []string{p}
		if found, err := filepath.Glob(p); err == nil && len(found) > 0 {
			names = found
		}
		for _, name := range names {
			_ = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
				if ctx.Err() != nil {
					return fs.SkipAll
				}
				if err != nil {
					return nil //nolint:nilerr // what cannot be looked at has not changed
				}
				if info, err := os.Stat(path); err == nil && !d.IsDir() {
					_, _ = sum.Write([]byte(path))
					_, _ = sum.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64([]byte{0}, uint64(info.Size())), uint64(info.ModTime().UnixNano()))) //nolint:gosec // bits
				}
				return nil
			})
		}
	}
	return sum.Sum64()
}
