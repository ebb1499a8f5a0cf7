package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	realmKind        = "people"
	defaultDirectory = "default"
	maxDirectory     = 128 // bytes
)

func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	path := cfg.Target
	if rest, ok := strings.CutPrefix(path, "~/"); ok && env.Getenv("HOME") != "" {
		path = filepath.Join(env.Getenv("HOME"), rest)
	}
	directory := cfg.Option("directory", defaultDirectory)
	if len(directory) > maxDirectory || retinue.CleanName(directory) != directory || strings.TrimSpace(directory) != directory {
		return nil, fmt.Errorf("%w: source people: option directory: want a name of at most %d bytes without control characters", retinue.ErrInvalid, maxDirectory)
	}
	c := &peopleConnector{
		env: env, path: path, shown: retinue.CleanName(cfg.Target), directory: directory,
		realm: retinue.NewRealm(realmKind, directory),
	}
	for _, name := range cfg.List("columns") {
		c.wanted = append(c.wanted, strings.ToLower(name))
	}
	if v := cfg.Option("observed-at", ""); v != "" {
		t, err := parseTime(v)
		if err != nil || t.After(env.Now()) {
			return nil, fmt.Errorf("%w: source people: option observed-at: want a time that has passed, such as 2026-03-31 or 2026-03-31T18:00:00Z", retinue.ErrInvalid)
		}
		c.observed = t
	}
	if _, err := c.stat(); err != nil {
		return nil, err
	}
	return c, nil
}

// parseTime reads a time, or a date, which stands for its beginning in UTC.
func parseTime(v string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, v); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, v)
}

// peopleConnector reads one file.
type peopleConnector struct {
	env       connector.Env
	path      string
	shown     string // the path as it was given, for texts
	directory string
	realm     retinue.Realm
	wanted    []string  // further columns to take; empty means all
	observed  time.Time // zero means the file's modification time
}

func (c *peopleConnector) scope() retinue.Scope { return retinue.NewScope(c.realm, "people") }

// Close implements connector.Connector.
func (*peopleConnector) Close() error { return nil }

// stat refuses what is no file before it is opened: opening a pipe waits for
// its other end.
func (c *peopleConnector) stat() (fs.FileInfo, error) {
	info, err := os.Stat(c.path)
	if err != nil {
		return nil, c.fileError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: read %s: not a file: want a CSV file", retinue.ErrInvalid, c.shown)
	}
	return info, nil
}

func (c *peopleConnector) fileError(err error) error {
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
	return fmt.Errorf("%w: read %s: %v", kind, c.shown, err)
}

// explain gives a mistake or an error of the file its place.
func (c *peopleConnector) explain(err error) error {
	if m := new(mistake); errors.As(err, &m) {
		return fmt.Errorf("%w: read %s:%s", retinue.ErrInvalid, c.shown, m.Error())
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: read %s: the file is empty: its first line names the columns", retinue.ErrInvalid, c.shown)
	}
	return c.fileError(err)
}

// Check implements connector.Connector. It reads the first line.
func (c *peopleConnector) Check(ctx context.Context) (connector.Access, error) {
	if ctx.Err() != nil {
		return connector.Access{}, ctx.Err()
	}
	if _, err := c.stat(); err != nil {
		return connector.Access{}, err
	}
	f, err := os.Open(c.path)
	if err != nil {
		return connector.Access{}, c.fileError(err)
	}
	defer f.Close()
	h, err := readHeader(newRecords(f), c.wanted)
	if err != nil {
		return connector.Access{}, c.explain(err)
	}
	return connector.Access{Realm: c.realm, Name: c.directory, NotCovered: h.notCovered()}, nil
}

// Discover implements connector.Connector.
func (c *peopleConnector) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	before, err := c.stat()
	if err != nil {
		return err
	}
	if req.DryRun {
		sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: fmt.Sprintf("read %s, %d bytes", c.shown, before.Size())})
		return nil
	}
	f, err := os.Open(c.path)
	if err != nil {
		return c.fileError(err)
	}
	defer f.Close()
	in := newIntake(c, sink, before.Size())
	if err := in.run(ctx, newRecords(f)); err != nil {
		return err
	}
	after, err := c.stat()
	if err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		in.problem(fmt.Errorf("%w: read %s: the file changed while it was read: scan again", retinue.ErrConflict, c.shown))
	}
	return in.finish(ctx, connector.Completion{
		ObservedAt: c.observedAt(before.ModTime(), req.Now), Authority: connector.AuthoritySystem,
		Basis: "every line of the file was read; that the export lists everyone is its maker's word",
	})
}

// observedAt returns the time as of which the file speaks. A modification time
// ahead of the clock is a clock that is wrong somewhere, and must not keep the
// next export from counting as newer.
func (c *peopleConnector) observedAt(modified, now time.Time) time.Time {
	switch {
	case !c.observed.IsZero():
		return c.observed
	case modified.After(now):
		return now
	}
	return modified.UTC()
}
