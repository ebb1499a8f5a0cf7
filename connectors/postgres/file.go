package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// fileConnector reads dumps and catalog files.
type fileConnector struct {
	target string
	opt    options
	env    connector.Env
}

// The reasons for which a file ends nothing.
var (
	errPartial  = fmt.Errorf("%w: the dump is a part (option partial=yes): nothing that it lacks is taken to be gone", retinue.ErrUnsupported)
	errNoOwners = fmt.Errorf("%w: the dump was made with --no-owner", retinue.ErrUnsupported)
)

// maxFile bounds a file, in bytes.
const maxFile = 4 << 30

// input is one file, with what its beginning says.
type input struct {
	path    string
	size    int64
	modTime time.Time
	catalog bool
	head    catalogHead // of a catalog
	err     error       // why not all of it could be read
}

// group is the files of one server.
type inputGroup struct {
	realm    retinue.Realm
	fallback bool
	catalogs []input
	dump     *dump
	observed time.Time
}

// Close implements connector.Connector.
func (f *fileConnector) Close() error { return nil }

// files lists what the target names: files, and the .sql and .json files of
// folders.
func (f *fileConnector) files() ([]input, error) {
	var out []input
	for path := range strings.SplitSeq(f.target, ";") {
		path = strings.TrimSpace(path)
		if path == "" {
			continue
		}
		fi, err := os.Stat(path)
		if err != nil {
			return nil, fileError("read", path, err)
		}
		if !fi.IsDir() {
			out = append(out, input{path: path, size: fi.Size(), modTime: fi.ModTime()})
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fileError("list", path, err)
		}
		for _, e := range entries {
			ext := strings.ToLower(filepath.Ext(e.Name()))
			if fi, err := e.Info(); err == nil && fi.Mode().IsRegular() && (ext == ".sql" || ext == ".json") {
				out = append(out, input{path: filepath.Join(path, e.Name()), size: fi.Size(), modTime: fi.ModTime()})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read %s: %w: no .sql or .json file", retinue.CleanName(f.target), retinue.ErrNotFound)
	}
	return out, nil
}

func fileError(verb, path string, err error) error {
	kind := retinue.ErrUnavailable
	switch {
	case errors.Is(err, os.ErrNotExist):
		kind = retinue.ErrNotFound
	case errors.Is(err, os.ErrPermission):
		kind = retinue.ErrDenied
	}
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s %s: %w: %v", verb, retinue.CleanName(path), kind, err)
}

// sniff opens a file and says what it is.
func sniff(in *input) (*os.File, error) {
	file, err := os.Open(in.path)
	if err != nil {
		return nil, fileError("open", in.path, err)
	}
	head := make([]byte, 4096)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		_ = file.Close()
		return nil, fileError("read", in.path, err)
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(head[:n]), "\ufeff"), " \t\r\n")
	why := ""
	switch {
	case in.size > maxFile:
		why = fmt.Sprintf("larger than %d bytes", int64(maxFile))
	case strings.HasPrefix(text, "PGDMP"):
		why = "pg_dump's custom format: turn it into SQL with `pg_restore --schema-only --file=app.sql`"
	case strings.HasPrefix(text, "\x1f\x8b"):
		why = "compressed: unpack it first"
	case strings.ContainsRune(text, 0):
		why = "a binary file, want SQL or JSON"
	}
	if why != "" {
		_ = file.Close()
		return nil, fmt.Errorf("read %s: %w: %s", retinue.CleanName(in.path), retinue.ErrUnsupported, why)
	}
	in.catalog = strings.HasPrefix(text, "{")
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		_ = file.Close()
		return nil, fileError("read", in.path, err)
	}
	return file, nil
}

// load reads dumps whole, and of catalogs the head, and sorts the files by
// server.
func (f *fileConnector) load(ctx context.Context) ([]*inputGroup, error) {
	files, err := f.files()
	if err != nil {
		return nil, err
	}
	groups := map[retinue.Realm]*inputGroup{}
	dumps := map[string]*inputGroup{} // by the identifier that they hold
	group := func(r retinue.Realm, fallback bool) *inputGroup {
		if groups[r] == nil {
			groups[r] = &inputGroup{realm: r, fallback: fallback}
		}
		return groups[r]
	}
	for i := range files {
		in := &files[i]
		if err := f.loadFile(ctx, in, dumps); err != nil {
			return nil, err
		}
		if in.catalog {
			g := group(f.catalogRealm(in.head))
			g.catalogs = append(g.catalogs, *in)
			g.see(in.head.observed(in.modTime))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(dumps)) {
		d := dumps[id]
		g := group(f.dumpRealm(d.dump))
		if g.dump == nil {
			g.dump = newDump()
		}
		g.dump.merge(d.dump)
		g.see(d.observed)
	}
	return slices.SortedFunc(maps.Values(groups), func(a, b *inputGroup) int { return strings.Compare(string(a.realm), string(b.realm)) }), nil
}

// loadFile reads one file.
func (f *fileConnector) loadFile(ctx context.Context, in *input, dumps map[string]*inputGroup) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := sniff(in)
	if err != nil {
		return err
	}
	defer file.Close()
	if !in.catalog {
		return f.loadDump(ctx, file, *in, dumps)
	}
	if in.head, err = readCatalogHead(ctx, file); err != nil {
		in.err = fmt.Errorf("read %s: %w", retinue.CleanName(in.path), err)
		if in.head.Database == "" || len(in.head.roles) == 0 || ctx.Err() != nil {
			return in.err
		}
	}
	return nil // what a file that breaks off does hold is kept
}

func (g *inputGroup) see(t time.Time) {
	if t.After(g.observed) {
		g.observed = t.UTC()
	}
}

// loadDump reads a file of SQL into the dump of its server.
func (f *fileConnector) loadDump(ctx context.Context, r io.Reader, in input, dumps map[string]*inputGroup) error {
	d := newDump()
	d.database = f.opt.database
	d.named = d.database != ""
	if d.database == "" {
		d.database = strings.TrimSuffix(filepath.Base(in.path), filepath.Ext(in.path))
	}
	d.err = d.read(&contextReader{ctx, r})
	if d.err == nil && (d.cluster || d.schemaDump) && !d.finished {
		d.err = fmt.Errorf("%w: the dump's last line is missing: it was cut off", retinue.ErrInvalid)
	}
	if d.err != nil {
		d.err = fmt.Errorf("read %s: %w", retinue.CleanName(in.path), d.err)
		if ctx.Err() != nil || len(d.roles) == 0 && len(d.dbs) == 0 {
			return d.err
		}
	}
	g := dumps[d.identifier]
	if g == nil {
		g = &inputGroup{dump: newDump()}
		dumps[d.identifier] = g
	}
	observed := d.observed
	if observed.IsZero() {
		observed = in.modTime
	}
	g.see(observed)
	g.dump.merge(d)
	return nil
}

// contextReader ends reading with the context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func (f *fileConnector) catalogRealm(h catalogHead) (retinue.Realm, bool) {
	switch {
	case h.SystemIdentifier != "":
		return realmOf(h.SystemIdentifier), false
	case f.opt.identifier != "":
		return realmOf(f.opt.identifier), false
	}
	return fallbackRealm([]string{h.Database}, h.roles), true
}

func (f *fileConnector) dumpRealm(d *dump) (retinue.Realm, bool) {
	switch {
	case d.identifier != "":
		return realmOf(d.identifier), false
	case f.opt.identifier != "":
		return realmOf(f.opt.identifier), false
	}
	return fallbackRealm(d.statedNames, d.roleNames()), true
}

// majorOf returns the major version of "15.18 (Debian …)", 0 where it is
// unknown.
func majorOf(version string) int {
	n := strings.IndexFunc(version, func(c rune) bool { return c < '0' || c > '9' })
	if n >= 0 {
		version = version[:n]
	}
	v, err := strconv.Atoi(version)
	if err != nil {
		return 0
	}
	return v
}
