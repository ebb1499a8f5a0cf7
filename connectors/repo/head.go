package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// file is one file of the head, read.
type file struct {
	path    string
	data    []byte
	tracked bool // git holds it, or there is no git
	ignored bool // git would not add it
}

// scanned is a file with what its scan found.
type scanned struct {
	file
	result
}

// head reads the work tree, or the head of a bare repository, once: for secret
// values, pipelines, declarations and owners.
func (r *run) head(ctx context.Context) error {
	scope := r.scope("head")
	r.loadIgnoreFile()
	err := ordered(ctx, func(submit func(func() scanned) error) error {
		return r.eachFile(ctx, scope, func(f file) error {
			return submit(func() scanned { return scanned{f, r.scanFile(f)} })
		})
	}, func(s scanned) error { return r.takeFile(ctx, scope, s) })
	if err != nil {
		return err
	}
	if err := r.owners(ctx); err != nil {
		return err
	}
	if r.c.baseline == nil {
		basis := "every file of the work tree was read, but for those counted as left out"
		if err := r.complete(scope, basis, connector.AuthorityReference); err != nil {
			return err
		}
		return r.completeDeclared()
	}
	return nil
}

// completeDeclared completes the scopes that are read beside the secrets.
func (r *run) completeDeclared() error {
	for _, stage := range []string{"pipelines", "declared", "owners"} {
		scope := retinue.NewScope(r.realm, stage)
		if err := r.complete(scope, "every file of the head was looked at", connector.AuthorityDeclared); err != nil {
			return err
		}
	}
	return nil
}

// takeFile states what one file of the head holds.
func (r *run) takeFile(ctx context.Context, scope retinue.Scope, s scanned) error {
	r.count(connector.NoteFold, "%d findings are allowed by a comment beside them", s.allowed)
	kind := retinue.PlaceGit
	if !s.tracked {
		kind = retinue.PlaceFile
	}
	for _, f := range s.findings {
		if err := r.state(ctx, scope, sighting{finding: f, path: s.path, kind: kind}); err != nil {
			return err
		}
	}
	if r.c.baseline != nil {
		return nil
	}
	return r.declarations(s.file)
}

// scanFile scans a file, and remembers the result for the same content in the
// history.
func (r *run) scanFile(f file) result {
	if isBinary(f.data) {
		r.count(connector.NoteFold, "%d binary files were not scanned", 1)
		return result{}
	}
	if isPointer(f.data) {
		r.count(connector.NoteFold, "%d files are Git LFS pointers; what they point to was not scanned", 1)
		return result{}
	}
	class, skip := r.c.scanner.PathClass(f.path)
	if skip {
		r.count(connector.NoteFold, "%d files are left out by the rules' path allowlists (lock files, images, vendored code)", 1)
		return result{}
	}
	if r.t.repo == nil || !r.c.history {
		return r.c.scan(f.path, f.data)
	}
	key := blobKey{plumbing.ComputeHash(plumbing.BlobObject, f.data), class}
	scan, mine := r.blobs.begin(key)
	if !mine {
		return scan.wait()
	}
	return r.blobs.end(key, scan, r.c.scan(f.path, f.data))
}

// eachFile reads the files of the head in order of their paths.
func (r *run) eachFile(ctx context.Context, scope retinue.Scope, each func(file) error) error {
	if r.t.bare() {
		return r.eachHeadBlob(ctx, scope, each)
	}
	w := &workTree{run: r, ctx: ctx, scope: scope, each: each, tracked: r.trackedFiles(scope)}
	err := w.dir(".", nil, 0)
	if err != nil {
		return err
	}
	r.c.env.Progress(connector.Progress{Scope: scope, Stage: "reading files", Done: w.done, Total: w.done, Unit: "files"})
	return nil
}

// trackedFiles returns the paths in the index; nil where there is none.
func (r *run) trackedFiles(scope retinue.Scope) map[string]bool {
	if r.t.repo == nil {
		return nil
	}
	index, err := r.t.store.Index()
	if err != nil {
		r.problem(scope, fmt.Errorf("%w: read the index: %v", retinue.ErrInvalid, err))
		return map[string]bool{}
	}
	tracked := make(map[string]bool, len(index.Entries))
	for _, e := range index.Entries {
		tracked[e.Name] = true
	}
	return tracked
}

// workTree walks the files on disk.
type workTree struct {
	*run
	ctx     context.Context
	scope   retinue.Scope
	each    func(file) error
	tracked map[string]bool // nil outside git
	done    int64
}

// The bounds on a work tree.
const (
	maxDepth     = 128
	maxDirectory = 200_000
)

// dependencies are folders that package managers fill. What git tracks in them
// is read all the same.
func dependencies(name string) bool {
	switch name {
	case "node_modules", "bower_components", ".venv", "venv", "__pycache__", ".tox", ".gradle", ".terraform",
		".mypy_cache", ".pytest_cache", "site-packages", ".next", ".nuxt", ".cache":
		return true
	}
	return false
}

func (w *workTree) dir(dir string, patterns []gitignore.Pattern, depth int) error {
	if depth > maxDepth {
		w.count(connector.NoteFold, "%d folders lie too deep and were not read", 1)
		return nil
	}
	entries, err := fs.ReadDir(w.t.root.FS(), dir)
	if err != nil {
		w.problem(w.scope, fmt.Errorf("read folder %s: %w", clean(dir), sentinel(err)))
		return nil
	}
	if len(entries) > maxDirectory {
		w.problem(w.scope, fmt.Errorf("%w: read folder %s: %d entries", retinue.ErrUnsupported, clean(dir), len(entries)))
		return nil
	}
	patterns = w.addIgnores(dir, patterns)
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		p := path.Join(dir, e.Name())
		if err := w.entry(p, e, patterns, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *workTree) entry(p string, e fs.DirEntry, patterns []gitignore.Pattern, depth int) error {
	switch {
	case p == ".git":
		return nil
	case e.Type()&fs.ModeSymlink != 0:
		w.count(connector.NoteFold, "%d symbolic links were not followed", 1)
		return nil
	case e.IsDir():
		if dependencies(e.Name()) && !w.holdsTracked(p) {
			w.count(connector.NoteFold, "%d folders of installed dependencies and caches were left out", 1)
			return nil
		}
		if _, err := w.t.root.Lstat(path.Join(p, ".git")); err == nil {
			w.nested(p)
			return nil
		}
		return w.dir(p, patterns, depth+1)
	case !e.Type().IsRegular():
		w.count(connector.NoteFold, "%d sockets, pipes and devices were left out", 1)
		return nil
	}
	f := file{path: p, tracked: w.tracked == nil || w.tracked[p]}
	f.ignored = !f.tracked && ignored(patterns, p)
	if f.ignored && !worthReading(e.Name()) {
		w.count(connector.NoteFold, "%d files that git ignores were left out; ignored .env files and the like were scanned", 1)
		return nil
	}
	return w.read(f, e)
}

// nested says that a folder is a repository of its own: a submodule or a clone.
func (w *workTree) nested(p string) {
	w.sink.Note(connector.Note{Kind: connector.NoteOffer, Scope: w.scope, Command: kind + "=" + clean(path.Join(w.t.dir, p)),
		Text: fmt.Sprintf("%s is a repository of its own (a submodule or a clone) and was not read", clean(p))})
}

func (w *workTree) read(f file, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // gone since it was listed
			w.problem(w.scope, fmt.Errorf("read %s: %w", clean(f.path), sentinel(err)))
		}
		return nil
	}
	if info.Size() > w.c.maxFile {
		w.count(connector.NoteFold, "%d files are larger than the limit and were not scanned", 1)
		return nil
	}
	in, err := w.t.root.Open(f.path)
	if err != nil {
		w.problem(w.scope, fmt.Errorf("read %s: %w", clean(f.path), sentinel(err)))
		return nil
	}
	f.data, err = io.ReadAll(io.LimitReader(in, w.c.maxFile+1))
	_ = in.Close()
	if err != nil {
		w.problem(w.scope, fmt.Errorf("read %s: %w", clean(f.path), sentinel(err)))
		return nil
	}
	w.done++
	if w.done%256 == 0 {
		w.c.env.Progress(connector.Progress{Scope: w.scope, Stage: "reading files", Done: w.done, Unit: "files"})
	}
	return w.each(f)
}

func (w *workTree) holdsTracked(dir string) bool {
	for p := range w.tracked {
		if strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// addIgnores adds the patterns of a folder's .gitignore, and the repository's
// own at the top.
func (w *workTree) addIgnores(dir string, patterns []gitignore.Pattern) []gitignore.Pattern {
	if w.tracked == nil {
		return nil
	}
	var domain []string
	if dir != "." {
		domain = strings.Split(dir, "/")
	}
	add := func(data []byte) {
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "#") {
				patterns = append(slices.Clip(patterns), gitignore.ParsePattern(line, domain))
			}
		}
	}
	if data := w.small(path.Join(dir, ".gitignore")); data != nil {
		add(data)
	}
	if dir == "." {
		if f, err := w.t.store.Filesystem().Open("info/exclude"); err == nil {
			data, _ := io.ReadAll(io.LimitReader(f, 1<<20))
			_ = f.Close()
			add(data)
		}
	}
	return patterns
}

// small reads a file of the work tree up to a megabyte, or nothing.
func (r *run) small(p string) []byte {
	if r.t.root == nil {
		return nil
	}
	info, err := r.t.root.Lstat(p)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return nil
	}
	data, err := r.t.root.ReadFile(p)
	if err != nil {
		return nil
	}
	return data
}

// ignored reports whether git would not add a file: the last pattern that
// matches it or a folder above it decides.
func ignored(patterns []gitignore.Pattern, p string) bool {
	if len(patterns) == 0 {
		return false
	}
	parts := strings.Split(p, "/")
	m := gitignore.NewMatcher(patterns)
	for i := 1; i < len(parts); i++ {
		if m.Match(parts[:i], true) {
			return true
		}
	}
	return m.Match(parts, false)
}

// worthReading reports ignored files that hold settings and keys: exactly what
// is ignored because it is secret.
func worthReading(name string) bool {
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, ".env"), strings.HasSuffix(name, ".env"), strings.HasSuffix(name, ".tfvars"),
		strings.HasSuffix(name, ".pem"), strings.HasSuffix(name, ".key"), strings.HasSuffix(name, ".p12"), strings.HasSuffix(name, ".pfx"):
		return true
	}
	switch name {
	case ".npmrc", ".pypirc", ".netrc", ".envrc", "credentials", "credentials.json", "service-account.json",
		"terraform.tfstate", "secrets.yml", "secrets.yaml", "secrets.json", "local.settings.json", "id_rsa", "id_ed25519", "kubeconfig":
		return true
	}
	return false
}
