package host

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/retinue-id/retinue"
)

// The limits of a walk.
const (
	maxWalked   = 300_000 // entries looked at
	walkedFiles = 20_000  // files returned
	maxRepos    = 1000    // repositories noticed
)

// skipped are folders that hold other people's code and caches.
func skipped(name string) bool {
	return slices.Contains([]string{"node_modules", ".git", ".cache", "__pycache__", ".npm", ".venv", "venv", "site-packages", ".cargo",
		".rustup", "go/pkg", ".gradle", ".m2", ".Trash", "Library", "snap", ".local", ".mozilla", "proc", "sys", "dev"}, name)
}

// walk returns the regular files under a folder to a depth, links to files
// included and links to folders left alone, so that loops cannot arise. Beyond
// its limits the area has a problem. A folder that cannot be read is one.
func (m *machine) walk(ctx context.Context, a *area, root string, depth int) []string {
	w := &walker{m: m, a: a, ctx: ctx, skip: func(string) bool { return false }}
	w.folder(root, depth)
	return w.files
}

// walkProjects is walk, passing over the folders that skipped names. It returns
// the git repositories on its way as well.
func (m *machine) walkProjects(ctx context.Context, a *area, root string, depth int, keep func(string) bool) (files, repos []string) {
	w := &walker{m: m, a: a, ctx: ctx, skip: skipped, keep: keep}
	w.folder(root, depth)
	return w.files, w.repos
}

type walker struct {
	m      *machine
	a      *area
	ctx    context.Context //nolint:containedctx // lives as long as one walk
	skip   func(name string) bool
	keep   func(name string) bool // nil: every file
	files  []string
	repos  []string // folders that are git repositories
	seen   int
	halted bool
}

func (w *walker) folder(dir string, depth int) {
	if w.halted || w.ctx.Err() != nil {
		return
	}
	for _, e := range w.a.list(dir) {
		if w.seen++; w.seen > maxWalked || len(w.files) >= walkedFiles {
			w.halted = true
			w.a.problem(fmt.Errorf("walk %s: %w: more than %d entries", retinue.CleanName(dir), retinue.ErrInvalid, maxWalked))
			return
		}
		p := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if e.Name() == ".git" && len(w.repos) < maxRepos {
				w.repos = append(w.repos, dir)
			}
			if depth > 0 && !w.skip(e.Name()) {
				w.folder(p, depth-1)
			}
		case w.keep != nil && !w.keep(e.Name()):
		case e.Type().IsRegular():
			w.files = append(w.files, p)
		case e.Type()&fs.ModeSymlink != 0:
			info, err := w.m.tree.stat(p)
			w.a.problem(err)
			if err == nil && info.Mode().IsRegular() {
				w.files = append(w.files, p)
			}
		}
		if w.halted {
			return
		}
	}
}
