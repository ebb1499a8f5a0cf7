package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/retinue-id/retinue"
)

// The limits on what is read of a machine.
const (
	maxFile  = 4 << 20 // bytes of one file
	maxLinks = 40      // symbolic links followed for one path, as Linux does
	maxNames = 20_000  // entries read of one folder
)

// tree is the machine's file system: "/" for this machine, else a folder that
// holds a copy or a mounted image. Paths are absolute and slash-separated as
// on the machine; links of a copy stay inside it.
type tree struct{ root string }

func (t tree) live() bool { return t.root == "/" }

// file is what was read of one.
type file struct {
	path string
	data []byte
	info fs.FileInfo
}

// place returns where a path of the machine lies on the scanning machine, with
// links resolved inside the tree.
func (t tree) place(p string) (string, error) {
	p = path.Clean("/" + p)
	if t.live() {
		return p, nil
	}
	links := 0
	done := "/"
	rest := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if name == ".." {
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, name)
		info, err := os.Lstat(t.on(next))
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", syscall.ELOOP
		}
		target, err := os.Readlink(t.on(next))
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			done = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return t.on(done), nil
}

func (t tree) on(p string) string { return filepath.Join(t.root, filepath.FromSlash(p)) }

// stat follows links.
func (t tree) stat(p string) (fs.FileInfo, error) {
	at, err := t.place(p)
	if err != nil {
		return nil, explain("read", p, err)
	}
	info, err := os.Stat(at)
	return info, explain("read", p, err)
}

// target returns where a symbolic link points, or "".
func (t tree) target(p string) string {
	at, err := t.place(path.Dir(p))
	if err != nil {
		return ""
	}
	to, err := os.Readlink(filepath.Join(at, path.Base(p)))
	if err != nil {
		return ""
	}
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(p), to)
	}
	return path.Clean(to)
}

func (t tree) isDir(p string) bool {
	info, err := t.stat(p)
	return err == nil && info.IsDir()
}

// open opens a regular file. It never waits: a pipe or device in the place of
// a file is refused.
func (t tree) open(p string) (*os.File, fs.FileInfo, error) {
	at, err := t.place(p)
	if err != nil {
		return nil, nil, explain("read", p, err)
	}
	f, err := os.OpenFile(at, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, explain("read", p, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: it is no regular file", retinue.ErrInvalid)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, explain("read", p, err)
	}
	return f, info, nil
}

// read reads a whole file of at most maxFile bytes.
func (t tree) read(p string) (file, error) {
	f, info, err := t.open(p)
	if err != nil {
		return file{}, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return file{}, explain("read", p, err)
	}
	if len(data) > maxFile {
		return file{}, fmt.Errorf("read %s: %w: longer than %d bytes", retinue.CleanName(p), retinue.ErrInvalid, maxFile)
	}
	return file{path: p, data: data, info: info}, nil
}

// list returns the names in a folder, sorted.
func (t tree) list(p string) ([]fs.DirEntry, error) {
	at, err := t.place(p)
	if err != nil {
		return nil, explain("list", p, err)
	}
	d, err := os.Open(at)
	if err != nil {
		return nil, explain("list", p, err)
	}
	defer func() { _ = d.Close() }()
	entries, err := d.ReadDir(maxNames + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, explain("list", p, err)
	}
	if len(entries) > maxNames {
		return nil, fmt.Errorf("list %s: %w: more than %d entries", retinue.CleanName(p), retinue.ErrInvalid, maxNames)
	}
	sortEntries(entries)
	return entries, nil
}

// explain turns an error of the file system into one of ours. The text names
// the path on the machine, not where a copy lies.
func explain(verb, p string, err error) error {
	if err == nil {
		return nil
	}
	p = retinue.CleanName(p)
	for _, k := range []struct{ cause, kind error }{
		{fs.ErrNotExist, retinue.ErrNotFound}, {syscall.ENOTDIR, retinue.ErrNotFound},
		{fs.ErrPermission, retinue.ErrDenied}, {syscall.ELOOP, retinue.ErrInvalid}, {retinue.ErrInvalid, retinue.ErrInvalid},
	} {
		if errors.Is(err, k.cause) {
			return fmt.Errorf("%s %s: %w: %s", verb, p, k.kind, innermost(err))
		}
	}
	return fmt.Errorf("%s %s: %w: %s", verb, p, retinue.ErrUnavailable, innermost(err))
}

func innermost(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return strings.TrimPrefix(err.Error(), retinue.ErrInvalid.Error()+": ")
}

func absent(err error) bool { return errors.Is(err, retinue.ErrNotFound) }

// exposure says who can read a file, its folders taken into account: a key of
// mode 0644 in a home of mode 0700 is read by its owner only. privateGroup
// tells groups that only the file's owner is in.
func (t tree) exposure(p string, privateGroup func(gid int) bool) retinue.Exposure {
	if !ownership {
		return ""
	}
	info, err := t.stat(p)
	if err != nil {
		return ""
	}
	world := info.Mode().Perm()&0o004 != 0
	_, gid := owner(info)
	group := info.Mode().Perm()&0o040 != 0
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		d, err := t.stat(dir)
		if err != nil {
			return ""
		}
		_, dgid := owner(d)
		other := d.Mode().Perm()&0o001 != 0
		world = world && other
		group = group && (other || (d.Mode().Perm()&0o010 != 0 && dgid == gid))
		if dir == "/" {
			break
		}
	}
	switch {
	case world:
		return retinue.ExposureWorld
	case group && !privateGroup(gid):
		return retinue.ExposureGroup
	}
	return retinue.ExposureOwner
}

// modified is the modification time that a fact may carry.
func (f file) modified() time.Time { return f.info.ModTime().UTC().Truncate(time.Second) }
