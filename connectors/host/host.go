package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// host is the connector.
type host struct {
	cfg connector.Config
	env connector.Env

	once    sync.Once
	secrets *recognizer
	err     error
}

func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	for _, p := range cfg.List("include") {
		if !path.IsAbs(p) {
			return nil, fmt.Errorf("%w: source host: option include=%s: want an absolute path on the machine", retinue.ErrInvalid, p)
		}
	}
	return &host{cfg: cfg, env: env}, nil
}

// machine reads what decides where everything else lies: the machine's id and
// its accounts.
func (h *host) machine() (*machine, error) {
	h.once.Do(func() { h.secrets, h.err = newRecognizer(h.env) })
	if h.err != nil {
		return nil, h.err
	}
	root := "/"
	if h.cfg.Target == "" && runtime.GOOS == "windows" {
		return nil, fmt.Errorf("open host: %w: this machine runs Windows: give a folder that holds a copy of a Linux or macOS machine", retinue.ErrUnsupported)
	}
	if h.cfg.Target != "" {
		abs, err := filepath.Abs(h.cfg.Target)
		if err != nil {
			return nil, fmt.Errorf("open host %s: %w: %w", h.cfg.Target, retinue.ErrInvalid, err)
		}
		if info, err := os.Stat(abs); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("open host %s: %w: want a folder that holds a machine's file system", h.cfg.Target, retinue.ErrNotFound)
		}
		root = abs
	}
	return readMachine(tree{root: root}, h.cfg, h.env, h.secrets)
}

// Check implements connector.Connector.
func (h *host) Check(ctx context.Context) (connector.Access, error) {
	m, err := h.machine()
	if err != nil {
		return connector.Access{}, err
	}
	a := connector.Access{Realm: m.realm, Name: m.name, Principal: principal(), NotCovered: m.notCovered()}
	for _, t := range m.tasks() {
		if err := ctx.Err(); err != nil {
			return connector.Access{}, err
		}
		for _, p := range m.present(t) {
			a.Calls++
			if err := m.readable(p); errors.Is(err, retinue.ErrDenied) {
				a.Missing = append(a.Missing, connector.Missing{Permission: "read " + retinue.CleanName(p), Scope: t.scope, Consequence: t.consequence})
			}
		}
	}
	if os.Geteuid() == 0 {
		a.CouldRead = []string{"as root: every file of the machine and the memory of every process"}
	}
	return a, nil
}

func principal() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return fmt.Sprintf("uid %d", os.Geteuid())
}

// Discover implements connector.Connector.
func (h *host) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m, err := h.machine()
	if err != nil {
		return err
	}
	tasks := m.tasks()
	if req.DryRun {
		m.wouldRead(tasks, sink)
		return ctx.Err()
	}
	m.observed, m.offers = m.observedAt(req.Now), nil
	for i, t := range tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.env.Progress(connector.Progress{Scope: t.scope, Stage: t.title, Done: int64(i), Total: int64(len(tasks)), Unit: "parts"})
		if err := m.runTask(ctx, t, sink); err != nil {
			return err
		}
	}
	if err := m.completeParents(tasks, sink); err != nil {
		return err
	}
	for _, n := range m.notes() {
		sink.Note(n)
	}
	return ctx.Err()
}

// Close implements connector.Connector. Nothing is held between calls.
func (h *host) Close() error { return nil }

// wouldRead says for each task what exists of what it reads.
func (m *machine) wouldRead(tasks []task, sink connector.Sink) {
	sink.Note(connector.Note{Kind: connector.NoteWouldRead, Scope: retinue.NewScope(m.realm, "host"),
		Text: "read already, to know the machine and its homes: /etc/machine-id, /etc/passwd, /etc/group, /etc/login.defs"})
	for _, t := range tasks {
		if paths := m.present(t); len(paths) > 0 {
			for i := range paths {
				paths[i] = retinue.CleanName(paths[i])
			}
			sink.Note(connector.Note{Kind: connector.NoteWouldRead, Scope: t.scope, Count: len(paths),
				Text: t.title + ": " + strings.Join(paths, ", ")})
		}
	}
}

// completeParents completes the scopes that only hold other scopes, where the
// source is not limited to some of them.
func (m *machine) completeParents(tasks []task, sink connector.Sink) error {
	children := map[string][]retinue.Scope{}
	for _, t := range tasks {
		for p := t.scope.Path; ; {
			up, _, ok := cutLast(p)
			if !ok {
				break
			}
			child := retinue.Scope{Realm: m.realm, Path: p}
			// The parts of one parent follow each other.
			if list := children[up]; len(list) == 0 || list[len(list)-1] != child {
				children[up] = append(list, child)
			}
			p = up
		}
	}
	for _, up := range sortedKeys(children) {
		if (up == "user" && (len(m.only) > 0 || m.noPasswd != nil)) || up == "folder" {
			continue // another source may list the others, or accounts are not known
		}
		err := sink.Complete(retinue.Scope{Realm: m.realm, Path: up}, connector.Completion{
			ObservedAt: m.observed, Basis: "follows from the machine's accounts and folders",
			Children: children[up], ListsChildren: true, Authority: connector.AuthoritySystem})
		if err != nil {
			return err
		}
	}
	return nil
}

func cutLast(p string) (before, last string, ok bool) {
	i := strings.LastIndexByte(p, '/')
	if i < 0 {
		return "", p, false
	}
	return p[:i], p[i+1:], true
}
