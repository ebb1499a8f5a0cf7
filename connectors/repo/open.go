package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"github.com/retinue-id/retinue"
)

// objectCache bounds the memory for objects that deltas build on, in bytes.
const objectCache = 48 << 20

// largeObject is from which size on an object is read as a stream, in bytes, so
// that one that is only skipped is never held.
const largeObject = 1 << 20

// tree is one repository or folder that is read.
type tree struct {
	dir   string   // as given, absolute
	root  *os.Root // the work tree; nil for a bare repository
	repo  *git.Repository
	store *filesystem.Storage
	git   string // the git directory, "" for a folder

	remotes    []string // addresses, origin's first
	shallow    bool
	alternates bool
}

// openTree opens the repository or folder at a path. It reads no objects.
func openTree(path string) (*tree, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: open %s: %v", retinue.ErrInvalid, path, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, sentinel(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%w: open %s: not a folder", retinue.ErrInvalid, path)
	}
	t := &tree{dir: dir}
	if err := t.openGit(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if t.git != dir { // else bare
		if t.root, err = os.OpenRoot(dir); err != nil {
			t.close()
			return nil, fmt.Errorf("open %s: %w", path, sentinel(err))
		}
	}
	return t, nil
}

func (t *tree) close() {
	if t.root != nil {
		_ = t.root.Close()
	}
	if t.store != nil {
		_ = t.store.Close()
	}
}

func (t *tree) bare() bool { return t.root == nil }

// openGit finds the git directory: .git, what a .git file names, or the folder
// itself for a bare repository.
func (t *tree) openGit() error {
	at := filepath.Join(t.dir, ".git")
	info, err := os.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !isGitDir(t.dir) {
			return nil
		}
		t.git = t.dir
	case err != nil:
		return sentinel(err)
	case info.IsDir():
		t.git = at
	case info.Mode().IsRegular():
		if t.git, err = followGitFile(at); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: .git is neither a folder nor a file", retinue.ErrInvalid)
	}
	common, err := commonDir(t.git)
	if err != nil {
		return err
	}
	dot := osfs.New(t.git, osfs.WithBoundOS())
	if common != t.git {
		dot = dotgit.NewRepositoryFilesystem(dot, osfs.New(common, osfs.WithBoundOS()))
	}
	_, err = os.Stat(filepath.Join(common, "objects", "info", "alternates"))
	t.alternates = err == nil
	t.store = filesystem.NewStorageWithOptions(dot, cache.NewObjectLRU(objectCache),
		filesystem.Options{KeepDescriptors: true, AlternatesFS: memfs.New(), LargeObjectThreshold: largeObject})
	if t.repo, err = git.Open(t.store, nil); err != nil {
		return fmt.Errorf("%w: %v", retinue.ErrInvalid, err)
	}
	boundary, err := t.store.Shallow()
	if err != nil {
		return fmt.Errorf("%w: shallow file: %v", retinue.ErrInvalid, err)
	}
	t.shallow = len(boundary) > 0
	t.remotes = t.readRemotes()
	return nil
}

// isGitDir reports a bare repository, as git's setup does: HEAD, objects and
// refs.
func isGitDir(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// maxGitFile bounds .git files and the files that point back.
const maxGitFile = 8 << 10

// followGitFile returns the git directory that a .git file of a linked work
// tree or submodule names, if that directory names the same work tree. Without
// the way back, a file could make any repository of the machine part of this
// one.
func followGitFile(at string) (string, error) {
	line, err := readSmall(at)
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(line, "gitdir: ")
	if !ok {
		return "", fmt.Errorf("%w: .git file: want \"gitdir: PATH\"", retinue.ErrInvalid)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(at), target)
	}
	if back, err := readSmall(filepath.Join(target, "gitdir")); err == nil {
		if !filepath.IsAbs(back) {
			back = filepath.Join(target, back)
		}
		if samePath(back, at) {
			return target, nil
		}
		return "", fmt.Errorf("%w: .git file names a git folder that belongs to another work tree", retinue.ErrDenied)
	}
	config, err := os.ReadFile(filepath.Join(target, "config"))
	if err != nil {
		return "", fmt.Errorf(".git file: %w", sentinel(err))
	}
	for line := range strings.SplitSeq(string(config), "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "worktree") {
			continue
		}
		value = strings.TrimSpace(value)
		if !filepath.IsAbs(value) {
			value = filepath.Join(target, value)
		}
		if samePath(value, filepath.Dir(at)) {
			return target, nil
		}
	}
	return "", fmt.Errorf("%w: .git file names a git folder that does not name this work tree", retinue.ErrDenied)
}

// commonDir returns the git directory that a linked work tree shares.
func commonDir(gitDir string) (string, error) {
	line, err := readSmall(filepath.Join(gitDir, "commondir"))
	if errors.Is(err, retinue.ErrNotFound) {
		return gitDir, nil
	}
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(line) {
		line = filepath.Join(gitDir, line)
	}
	// A linked work tree lies in worktrees/NAME of what it shares.
	if !samePath(filepath.Dir(filepath.Dir(gitDir)), line) {
		return "", fmt.Errorf("%w: commondir names a folder that this work tree is not part of", retinue.ErrDenied)
	}
	return filepath.Clean(line), nil
}

func readSmall(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", sentinel(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxGitFile {
		return "", fmt.Errorf("%w: %s: not a small file", retinue.ErrInvalid, filepath.Base(path))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", sentinel(err)
	}
	return strings.TrimSpace(string(data)), nil
}

func samePath(a, b string) bool {
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// folderRealm is the realm of a folder outside git: its place on its machine.
func folderRealm(dir string, machine string) retinue.Realm {
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	sum := sha256.Sum256([]byte("retinue folder\x00" + machine + "\x00" + dir))
	return retinue.NewRealm("folder", hex.EncodeToString(sum[:16]))
}

// machineID is the id of this installation of the system (machine-id(5)), or
// the machine's name where there is none.
func machineID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if id, err := readSmall(path); err == nil && id != "" {
			return id
		}
	}
	name, _ := os.Hostname()
	return name
}

// sentinel wraps an error of the file system in one of the root package's. Its
// text names no path: the caller does.
func sentinel(err error) error {
	cause := err
	var pe *fs.PathError
	if errors.As(err, &pe) {
		cause = pe.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %v", retinue.ErrNotFound, cause)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %v", retinue.ErrDenied, cause)
	}
	return fmt.Errorf("%w: %v", retinue.ErrUnavailable, cause)
}
