// Package export is shared by connectors that read files which a system's own
// tools printed as JSON: one value or several a file, lines of JSON, lists, and
// pages that hold a list under a name.
//
// A [Set] is a file or a folder; [Set.Read] hands out the objects of one file
// one at a time, so that memory grows with the largest object and not with the
// file. A [Writer] states facts in scopes and completes those in which nothing
// went wrong.
package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/retinue-id/retinue"
)

// Limits on an export.
const (
	maxFiles  = 50_000
	maxSize   = 4 << 30 // bytes a file
	maxObject = 64 << 20
	maxDepth  = 12 // folders
)

// File is one file of an export.
type File struct {
	Name     string // below the root, slash-separated
	Modified time.Time
	Size     int64
}

// Set is a file or a folder of an export.
type Set struct {
	root  *os.Root
	Files []File
	// Ignored counts files that are not JSON by their name.
	Ignored int
}

// Open lists the files of an export: the one that path names, or those below
// it whose names end in .json, .jsonl or .ndjson. Folders that start with a dot
// are left out, and no link leads out of the folder.
func Open(path string) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	dir, only := path, ""
	if !info.IsDir() {
		if dir, only = filepath.Split(path); dir == "" {
			dir = "."
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fileError(dir, err)
	}
	s := &Set{root: root}
	if only != "" {
		err = s.add(only)
	} else {
		err = s.walk()
	}
	if err == nil && len(s.Files) == 0 {
		err = fmt.Errorf("%w: read %s: no file that ends in .json, .jsonl or .ndjson", retinue.ErrNotFound, retinue.CleanName(path))
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return s, nil
}

// Close releases the folder.
func (s *Set) Close() error { return s.root.Close() }

func (s *Set) walk() error {
	err := fs.WalkDir(s.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fileError(name, err)
		}
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(d.Name(), ".") || strings.Count(name, "/") >= maxDepth) {
				return fs.SkipDir
			}
			return nil
		}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".json", ".jsonl", ".ndjson":
			return s.add(name)
		}
		s.Ignored++
		return nil
	})
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return err
}

func (s *Set) add(name string) error {
	info, err := s.root.Stat(name)
	switch {
	case err != nil:
		return fileError(name, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: read %s: not a file", retinue.ErrInvalid, retinue.CleanName(name))
	case info.Size() > maxSize:
		return fmt.Errorf("%w: read %s: %d bytes: the limit is %d", retinue.ErrInvalid, retinue.CleanName(name), info.Size(), int64(maxSize))
	case len(s.Files) >= maxFiles:
		return fmt.Errorf("%w: more than %d files", retinue.ErrInvalid, maxFiles)
	}
	s.Files = append(s.Files, File{Name: filepath.ToSlash(name), Modified: info.ModTime().UTC(), Size: info.Size()})
	return nil
}

func fileError(name string, err error) error {
	kind := retinue.ErrUnavailable
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = retinue.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		kind = retinue.ErrDenied
	}
	if pe := new(fs.PathError); errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("open %s: %w: %s", retinue.CleanName(name), kind, retinue.CleanName(err.Error()))
}

// Read calls fn for each object of a file. A list gives its elements; an object
// with a list under a name that pages says to hold one gives the list's
// elements; everything else that is an object gives itself. An error of fn ends
// the reading and is returned as it is; other errors wrap retinue.ErrInvalid
// and name the file.
//
// More says that the file holds a page that names a next one.
func (s *Set) Read(ctx context.Context, f File, pages []string, fn func(json.RawMessage) error) (more bool, err error) {
	file, err := s.root.Open(filepath.FromSlash(f.Name))
	if err != nil {
		return false, fileError(f.Name, err)
	}
	defer file.Close()
	// PowerShell writes UTF-16 with a byte order mark.
	text := transform.NewReader(bufio.NewReaderSize(file, 64<<10), unicode.BOMOverride(transform.Nop))
	r := &reader{ctx: ctx, pages: pages, fn: fn, meter: &meter{r: text}}
	r.dec = json.NewDecoder(r.meter)
	r.dec.UseNumber()
	err = r.values()
	var own callError
	switch {
	case errors.As(err, &own):
		return r.more, own.error
	case ctx.Err() != nil:
		return r.more, ctx.Err()
	case err != nil:
		return r.more, fmt.Errorf("read %s: %w: byte %d: %s", retinue.CleanName(f.Name), retinue.ErrInvalid, r.dec.InputOffset(), reason(err))
	}
	return r.more, nil
}

func reason(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the JSON ends early"
	}
	var se *json.SyntaxError
	if errors.As(err, &se) {
		return "no JSON: " + retinue.CleanName(se.Error())
	}
	return retinue.CleanName(err.Error())
}

// callError marks an error of the caller's function.
type callError struct{ error }

type reader struct {
	ctx   context.Context //nolint:containedctx // for the length of one call
	dec   *json.Decoder
	meter *meter
	pages []string
	fn    func(json.RawMessage) error
	more  bool
}

// meter fails when more is read for one object than one may hold.
type meter struct {
	r        io.Reader
	n, until int64
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	if m.until > 0 && m.n > m.until {
		return 0, fmt.Errorf("an object of more than %d MiB", maxObject>>20)
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

func (r *reader) token() (json.Token, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	r.meter.until = r.meter.n + maxObject
	return r.dec.Token()
}

func (r *reader) raw() (json.RawMessage, error) {
	var v json.RawMessage
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	r.meter.until = r.meter.n + maxObject
	err := r.dec.Decode(&v)
	return v, err
}

func (r *reader) values() error {
	for first := true; ; first = false {
		t, err := r.token()
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('['):
			err = r.list()
		case json.Delim('{'):
			err = r.object()
		}
		if err != nil {
			return err
		}
	}
}

// list reads the elements of a list of which the bracket was read.
func (r *reader) list() error {
	for r.dec.More() {
		v, err := r.raw()
		if err != nil {
			return err
		}
		if err := r.hand(v); err != nil {
			return err
		}
	}
	_, err := r.token()
	return err
}

func (r *reader) hand(v json.RawMessage) error {
	if v = bytes.TrimSpace(v); len(v) == 0 || v[0] != '{' {
		return nil
	}
	if err := r.fn(v); err != nil {
		return callError{err}
	}
	return nil
}

// object reads an object of which the brace was read: a page, or itself.
func (r *reader) object() error {
	members := map[string]json.RawMessage{}
	paged := false
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if slices.Contains(r.pages, name) {
			v, list, err := r.page()
			if err != nil {
				return err
			}
			if paged = paged || list; !list {
				members[name] = v
			}
			continue
		}
		v, err := r.raw()
		if err != nil {
			return err
		}
		members[name] = v
	}
	if _, err := r.token(); err != nil {
		return err
	}
	if paged {
		for _, name := range []string{"@odata.nextLink", "nextLink", "nextPageToken"} {
			if v := string(members[name]); v != "" && v != "null" && v != `""` {
				r.more = true
			}
		}
		return nil
	}
	v, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return r.hand(v)
}

// page reads a member's value that may be a list, and hands out its elements;
// another value is returned.
func (r *reader) page() (v json.RawMessage, list bool, err error) {
	t, err := r.token()
	if err != nil {
		return nil, false, err
	}
	switch t {
	case json.Delim('['):
		return nil, true, r.list()
	case json.Delim('{'):
		v, err = r.members()
		return v, false, err
	}
	v, err = json.Marshal(t)
	return v, false, err
}

// members reads an object of which the brace was read, as it stands.
func (r *reader) members() (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if members[name], err = r.raw(); err != nil {
			return nil, err
		}
	}
	if _, err := r.token(); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// Canonical spells JSON with sorted keys and no space, so that equal documents
// are equal texts whichever tool printed them.
func Canonical(raw json.RawMessage) (string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", fmt.Errorf("%w: document: %s", retinue.ErrInvalid, reason(err))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("%w: document: %w", retinue.ErrInvalid, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
