package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Limits on an export.
const (
	maxFiles    = 50_000
	maxFileSize = 4 << 30
	maxDepth    = 12
	// maxAccountsInFile bounds how often one file is read.
	maxAccountsInFile = 100
)

// exportFile is one file of an export, recognised.
type exportFile struct {
	name string // below the root, slash-separated
	sniffed
	modified  time.Time
	partition string
}

// observed is the time at which the export was made: the time that the script
// wrote into it, else the file's.
func (f exportFile) observed() time.Time {
	if !f.at.IsZero() {
		return f.at
	}
	return f.modified
}

// scanned is what a walk over an export found.
type scanned struct {
	files    []exportFile
	unknown  []string         // not recognised
	problems map[string]error // by file
	skipped  int              // not looked at: other kinds of file
}

// files reads exports.
type files struct {
	settings settings
	env      connector.Env
}

// Close implements connector.Connector.
func (*files) Close() error { return nil }

// openRoot opens the folder of the export, so that no link inside it leads out.
func (f *files) openRoot() (*os.Root, string, error) {
	info, err := os.Stat(f.settings.path)
	if err != nil {
		return nil, "", fileError(f.settings.path, err)
	}
	dir, only := f.settings.path, ""
	if !info.IsDir() {
		dir, only = filepath.Split(f.settings.path)
		if dir == "" {
			dir = "."
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "", fileError(dir, err)
	}
	return root, only, nil
}

func fileError(name string, err error) error {
	kind := retinue.ErrInvalid
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = retinue.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		kind = retinue.ErrDenied
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("open %s: %w: %s", retinue.CleanName(name), kind, retinue.CleanName(err.Error()))
}

// scan recognises every file below the root.
func (f *files) scan(ctx context.Context, root *os.Root, only string) (*scanned, error) {
	s := &scanned{problems: map[string]error{}}
	if only != "" {
		f.add(s, root, only, true)
		return s, nil
	}
	seen := 0
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.problems[name] = fileError(name, err)
			return nil
		case d.IsDir():
			if name != "." && (strings.HasPrefix(d.Name(), ".") || strings.Count(name, "/") >= maxDepth) {
				return fs.SkipDir
			}
			return nil
		}
		if seen++; seen > maxFiles {
			return fmt.Errorf("%w: read %s: more than %d files", retinue.ErrInvalid, retinue.CleanName(f.settings.path), maxFiles)
		}
		f.add(s, root, name, false)
		return nil
	})
	return s, err
}

// add recognises one file.
func (f *files) add(s *scanned, root *os.Root, name string, named bool) {
	if !named && !readable(name) {
		s.skipped++
		return
	}
	file, info, err := openFile(root, name)
	if err != nil {
		s.problems[name] = err
		return
	}
	defer file.Close()
	what, err := sniff(file)
	if err != nil {
		s.problems[name] = fmt.Errorf("read %s: %w", retinue.CleanName(name), err)
		return
	}
	if what.kind == kindUnknown || (what.op != "" && !knownOperation(what.op)) {
		s.unknown = append(s.unknown, retinue.CleanName(name))
		return
	}
	e := exportFile{name: name, sniffed: what, modified: info.ModTime().UTC()}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		s.problems[name] = fileError(name, err)
		return
	}
	c, err := countOwners(file)
	if err != nil {
		s.problems[name] = fileError(name, err)
		return
	}
	if e.account == "" {
		e.account = most(c.accounts)
	}
	if !isAccountID(e.account) {
		e.account = ""
	}
	if e.region == "" && regionalOp(e.op) {
		e.region = most(c.regions)
	}
	e.partition = most(c.partitions)
	if e.op != opAuthz || e.envelope || len(c.principals) < 2 || c.listings < 3 {
		s.files = append(s.files, e)
		return
	}
	// Several accounts in one file: it is read once for each.
	if len(c.principals) > maxAccountsInFile {
		s.problems[name] = fmt.Errorf("read %s: %w: users and roles of more than %d accounts", retinue.CleanName(name), retinue.ErrInvalid, maxAccountsInFile)
		return
	}
	for _, id := range sortedKeys(c.principals) {
		e.account = id
		s.files = append(s.files, e)
	}
}

func knownOperation(name string) bool {
	return slices.ContainsFunc(operations(), func(o operation) bool { return o.name == name })
}

func regionalOp(name string) bool {
	return slices.ContainsFunc(operations(), func(o operation) bool { return o.name == name && o.regional })
}

// readable reports the names of files that can be part of an export.
func readable(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json", ".csv", ".tfstate", ".ndjson", ".txt", "":
		return true
	}
	return false
}

func openFile(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, nil, fileError(name, err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = fileError(name, err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("open %s: %w: not a regular file", retinue.CleanName(name), retinue.ErrInvalid)
	case info.Size() > maxFileSize:
		err = fmt.Errorf("open %s: %w: larger than %d GiB", retinue.CleanName(name), retinue.ErrInvalid, maxFileSize>>30)
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// place gives files that name no account the one that the configuration gives,
// or the only one that the files beside them name; with regions it is the same.
// It returns the files that stay without.
func (f *files) place(s *scanned) []exportFile {
	accounts, regions := newNeighbours(), newNeighbours()
	for _, e := range s.files {
		accounts.add(e.name, e.account)
		regions.add(e.name, e.region)
	}
	only := ""
	if len(f.settings.regions) == 1 {
		only = f.settings.regions[0]
	}
	var lost []exportFile
	for i := range s.files {
		e := &s.files[i]
		if e.account == "" {
			e.account = first(f.settings.account, accounts.of(e.name))
		}
		if e.region == "" && regionalOp(e.op) {
			e.region = first(only, regions.of(e.name))
		}
		if e.account == "" || (e.region == "" && regionalOp(e.op)) {
			lost = append(lost, *e)
			e.account = ""
		}
	}
	return lost
}

// neighbours knows what the files of each folder, and all files, name.
type neighbours struct {
	byDir map[string]map[string]bool
	all   map[string]bool
}

func newNeighbours() neighbours {
	return neighbours{map[string]map[string]bool{}, map[string]bool{}}
}

func (n neighbours) add(name, value string) {
	if value == "" {
		return
	}
	dir := filepath.Dir(name)
	if n.byDir[dir] == nil {
		n.byDir[dir] = map[string]bool{}
	}
	n.byDir[dir][value], n.all[value] = true, true
}

// of returns the only value beside a file, else the only one of all.
func (n neighbours) of(name string) string {
	if m := n.byDir[filepath.Dir(name)]; len(m) == 1 {
		return onlyKey(m)
	}
	if len(n.all) == 1 {
		return onlyKey(n.all)
	}
	return ""
}

func onlyKey(m map[string]bool) string {
	for k := range m {
		return k
	}
	return ""
}

// Discover implements connector.Connector.
func (f *files) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	root, only, err := f.openRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	s, err := f.scan(ctx, root, only)
	if err != nil {
		return err
	}
	lost := f.place(s)
	accounts := accountsOf(s)
	if len(accounts) == 0 {
		return f.nothing(s, lost)
	}
	if req.DryRun {
		f.wouldRead(sink, s, accounts)
		return nil
	}
	f.report(sink, s, lost, accounts[0])
	src := newFileSource(root, s, sink)
	r := &reading{settings: f.settings, env: f.env, sink: sink, vendors: newVendorTable()}
	for _, id := range src.holding(opOrganization) {
		if r.org, err = r.account(id, src.partition(id), src).readOrganization(ctx, false); err != nil {
			return ended(ctx, err)
		}
		if r.org != nil {
			break
		}
	}
	for _, id := range accounts {
		a := r.account(id, src.partition(id), src)
		if src.answers(id) {
			if err := r.read(ctx, a); err != nil {
				return ended(ctx, err)
			}
		}
		if err := readTerraform(ctx, a, src, f.settings.state); err != nil {
			return ended(ctx, err)
		}
	}
	return ended(ctx, nil)
}

func accountsOf(s *scanned) []string {
	var out []string
	for _, e := range s.files {
		if e.account != "" {
			out = append(out, e.account)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// nothing says why there is nothing to read.
func (f *files) nothing(s *scanned, lost []exportFile) error {
	path := retinue.CleanName(f.settings.path)
	if len(lost) > 0 {
		return fmt.Errorf("%w: read %s: %s", retinue.ErrInvalid, path, lostText(lost[0]))
	}
	for _, name := range sortedKeys(s.problems) {
		return s.problems[name]
	}
	if len(s.unknown) > 0 {
		return fmt.Errorf("%w: read %s: %s is no export of AWS: want the output of `aws iam get-account-authorization-details`, a credential report, other `aws … list-*` or `describe-*` output, `terraform show -json`, or a folder of them",
			retinue.ErrInvalid, path, s.unknown[0])
	}
	return fmt.Errorf("%w: read %s: no JSON or CSV file in it", retinue.ErrNotFound, path)
}

// lostText says what a file does not tell and how to give it.
func lostText(e exportFile) string {
	if e.account != "" {
		return "no ARN in " + retinue.CleanName(e.name) + " tells the region: give it with regions="
	}
	return "no ARN in " + retinue.CleanName(e.name) + " tells the account: give it with account="
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// report says which files were not read and why.
func (f *files) report(sink connector.Sink, s *scanned, lost []exportFile, account string) {
	scope := retinue.NewScope(realmOf(account), "files")
	for _, name := range sortedKeys(s.problems) {
		sink.Problem(scope, s.problems[name])
	}
	for _, e := range lost {
		sink.Problem(scope, fmt.Errorf("%w: %s", retinue.ErrInvalid, lostText(e)))
	}
	if n := len(s.unknown); n > 0 {
		slices.Sort(s.unknown)
		names := strings.Join(s.unknown[:min(n, 10)], ", ")
		if n > 10 {
			names += ", …"
		}
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: n, Text: fmt.Sprintf("%d files were not recognised and not read: %s", n, names)})
	}
	if s.skipped > 0 {
		sink.Note(connector.Note{Kind: connector.NoteFold, Count: s.skipped, Text: "files that are neither JSON nor CSV were passed over"})
	}
}

func (f *files) wouldRead(sink connector.Sink, s *scanned, accounts []string) {
	for _, id := range accounts {
		var names []string
		for _, e := range s.files {
			if e.account == id {
				names = append(names, retinue.CleanName(e.name))
			}
		}
		slices.Sort(names)
		n := len(names)
		if n > 10 {
			names = append(names[:10], "…")
		}
		sink.Note(connector.Note{Kind: connector.NoteWouldRead, Scope: retinue.NewScope(realmOf(id), ""), Count: n,
			Text: fmt.Sprintf("%d files about AWS account %s: %s", n, id, strings.Join(names, ", "))})
	}
}
