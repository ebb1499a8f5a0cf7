package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	defaultTimeout = time.Hour
	maxTimeout     = 7 * 24 * time.Hour
)

// program runs are opened from a configuration that a person wrote; see the
// Spec's CouldRead.
func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	path := cfg.Target
	if rest, ok := strings.CutPrefix(path, "~/"); ok && env.Getenv("HOME") != "" {
		path = filepath.Join(env.Getenv("HOME"), rest)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: source exec: %v", retinue.ErrInvalid, err)
	}
	info, err := os.Stat(path)
	p := &program{path: path, args: cfg.List("args"), env: cfg.List("env"), host: env}
	switch {
	case err != nil:
		return nil, p.startError(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: run %s: not a file", retinue.ErrInvalid, p.name())
	}
	for _, n := range p.env {
		if strings.ContainsAny(n, "=\x00") {
			return nil, fmt.Errorf("%w: source exec: option env: %q is no name of a variable", retinue.ErrInvalid, retinue.CleanName(n))
		}
	}
	c := &execConnector{program: p, timeout: defaultTimeout}
	if v := cfg.Option("timeout", ""); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 || d > maxTimeout {
			return nil, fmt.Errorf("%w: source exec: option timeout=%q: want a duration such as 30m, at most %s", retinue.ErrInvalid, v, maxTimeout)
		}
		c.timeout = d
	}
	return c, nil
}

// execConnector runs one program.
type execConnector struct {
	program *program
	timeout time.Duration
}

// Close implements connector.Connector.
func (*execConnector) Close() error { return nil }

// enough ends a check once the program has said what is asked for.
var errEnough = errors.New("enough")

// Check implements connector.Connector. A program that does not know the
// operation "check" starts to state facts, and is ended there.
func (c *execConnector) Check(ctx context.Context) (connector.Access, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var a connector.Access
	red := newRedactor()
	err := c.program.run(ctx, "check", red.clean, func(n int, text []byte) error {
		l, err := parseLine(text)
		if err != nil {
			return fmt.Errorf("run %s: line %d: %w", c.program.name(), n, err)
		}
		switch l.Op {
		case "realm":
			if err := checkRealm(l); err != nil {
				return fmt.Errorf("run %s: line %d: %w", c.program.name(), n, err)
			}
			if a.Realm == "" {
				a.Realm, a.Name, a.Principal = l.Realm, red.clean(l.Name), red.clean(l.Principal)
			}
		case "missing":
			m, err := missing(l, red)
			if err != nil {
				return fmt.Errorf("run %s: line %d: %w", c.program.name(), n, err)
			}
			a.Missing = append(a.Missing, m)
		case "note", "progress":
		default:
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return connector.Access{}, err
	}
	if a.Realm == "" {
		return connector.Access{}, fmt.Errorf("%w: run %s: it declared no realm", retinue.ErrInvalid, c.program.name())
	}
	return a, nil
}

func checkRealm(l line) error {
	if l.Protocol != protocol {
		return fmt.Errorf("%w: protocol %d: want %d", retinue.ErrUnsupported, l.Protocol, protocol)
	}
	return l.Realm.Validate()
}

func missing(l line, red *redactor) (connector.Missing, error) {
	if l.Scope == nil || l.Permission == "" || l.Consequence == "" {
		return connector.Missing{}, fmt.Errorf("%w: missing: want scope, permission and consequence", retinue.ErrInvalid)
	}
	if err := l.Scope.Validate(); err != nil {
		return connector.Missing{}, err
	}
	return connector.Missing{Permission: red.clean(l.Permission), Scope: *l.Scope, Consequence: red.clean(l.Consequence)}, nil
}

// Discover implements connector.Connector.
func (c *execConnector) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if req.DryRun {
		text := "run " + strings.Join(append([]string{c.program.name()}, c.program.args...), " ")
		sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: retinue.CleanName(text) + "; what it reads is its own affair"})
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r := newReception(c.program.name(), c.program.host, sink)
	err := c.program.run(limited, "discover", r.red.clean, r.take)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refused errSink
	if errors.As(err, &refused) {
		return refused.error
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: run %s: not done after %s", retinue.ErrUnavailable, c.program.name(), c.timeout)
	}
	return r.finish(err)
}

// errSink marks an error of the sink, which ends the run.
type errSink struct{ error }

func (e errSink) Unwrap() error { return e.error }
