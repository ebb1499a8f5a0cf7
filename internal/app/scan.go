package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
)

// Version is the program's version, set by the linker.
var Version = "dev"

// ParseSource reads a source as the command line names it: KIND, or
// KIND=TARGET with options. Its name is made of kind and target, with a path
// made absolute, so that the same words in another folder are another source.
func ParseSource(specs []connector.Spec, arg string) (SourceConfig, error) {
	kind, rest, _ := strings.Cut(arg, "=")
	spec, err := FindSpec(specs, kind)
	if err != nil {
		return SourceConfig{}, err
	}
	cfg, err := spec.ParseArg(rest)
	if err != nil {
		return SourceConfig{}, err
	}
	s := SourceConfig{Name: kind, Kind: kind, Target: cfg.Target, Options: cfg.Options}
	if cfg.Target != "" {
		s.Name = kind + ":" + displayTarget(cfg.Target)
	}
	return s, nil
}

func displayTarget(target string) string {
	if _, err := os.Stat(target); err == nil {
		if abs, err := filepath.Abs(target); err == nil {
			return abs
		}
	}
	for _, secret := range targetSecrets(target) {
		target = strings.ReplaceAll(target, secret, redactedSecret)
	}
	return target
}

const redactedSecret = "[redacted]"

var (
	urlPassword = regexp.MustCompile(`://[^/?#\s]*?:([^/?#\s]*)@`)
	// dsnPassword is a parameter of a connection string or URL that holds a
	// secret, quoted or not.
	dsnPassword = regexp.MustCompile(`(?i)(?:^|[\s?&;,])[a-z_-]*(?:passw(?:or)?d|pwd|passphrase|secret|token|api_?key)\s*=\s*('(?:[^'\\]|\\.)*'|"[^"]*"|[^\s&;,]+)`)
)

// targetSecrets finds the passwords that a target carries although it should
// not: they go to the connector, which warns, and nowhere else.
func targetSecrets(target string) []string {
	var out []string
	for _, re := range []*regexp.Regexp{urlPassword, dsnPassword} {
		for _, m := range re.FindAllStringSubmatch(target, -1) {
			if v := strings.Trim(m[1], `'"`); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// redactor replaces the secrets of a target, also as a URL writes them.
func redactor(target string) func(string) string {
	var pairs []string
	for _, s := range targetSecrets(target) {
		pairs = append(pairs, s, redactedSecret)
		if u, err := url.QueryUnescape(s); err == nil && u != s {
			pairs = append(pairs, u, redactedSecret)
		}
	}
	return strings.NewReplacer(pairs...).Replace
}

// Display returns what may be shown and kept of a source's target.
func (s SourceConfig) Display() string { return displayTarget(s.Target) }

// ScanOptions are how sources are scanned.
type ScanOptions struct {
	Actor       retinue.Actor
	AcceptEnded bool
	// Parallel is how many sources are read at once; 0 means 2.
	Parallel int
	// OnProgress and OnScope report how far each source is. They are called
	// from several goroutines.
	OnProgress func(source string, p connector.Progress)
	OnScope    func(source string, s store.ScopeRun)
	Getenv     func(string) string
}

// Scan reads the sources and judges what changed. A source that fails does not
// keep the others from being read; its run says what happened. The error is of
// the installation itself, or of ctx.
func (a *App) Scan(ctx context.Context, sources []SourceConfig, opt ScanOptions) ([]store.Run, error) {
	opt = opt.withDefaults()
	runs := make([]store.Run, len(sources))
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	slots := make(chan struct{}, opt.Parallel)
	for i, s := range sources {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			runs[i], errs[i] = a.scanOne(ctx, s, opt)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return runs, err
	}
	_, err := a.Settle(ctx)
	return runs, err
}

func (o ScanOptions) withDefaults() ScanOptions {
	if o.Parallel <= 0 {
		o.Parallel = 2
	}
	if o.OnProgress == nil {
		o.OnProgress = func(string, connector.Progress) {}
	}
	if o.OnScope == nil {
		o.OnScope = func(string, store.ScopeRun) {}
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	return o
}

func (a *App) scanOne(ctx context.Context, s SourceConfig, opt ScanOptions) (store.Run, error) {
	c, err := a.connect(ctx, s, opt)
	if err != nil {
		return a.failedRun(ctx, s, opt, err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			a.log.Warn("connector not closed", "source", s.Name, "error", err.Error())
		}
	}()
	return ingest.Run(ctx, a.DB, s.Kind, s.Name, s.target(), c, a.ingestOptions(s, opt))
}

// target is what is kept of a source's target: no password, absolute paths.
func (s SourceConfig) target() string { return s.Display() }

func (a *App) ingestOptions(s SourceConfig, opt ScanOptions) ingest.Options {
	name := s.Name
	return ingest.Options{Actor: opt.Actor, Log: a.log, Now: a.now, AcceptEnded: opt.AcceptEnded, Holder: holder(), Redact: redactor(s.Target),
		OnScope: func(r store.ScopeRun) { opt.OnScope(name, r) }}
}

// failedRun keeps on record that a source could not be opened.
func (a *App) failedRun(ctx context.Context, s SourceConfig, opt ScanOptions, cause error) (store.Run, error) {
	return ingest.Run(ctx, a.DB, s.Kind, s.Name, s.target(), broken{cause}, a.ingestOptions(s, opt))
}

// broken is a connector that could not be opened.
type broken struct{ err error }

func (b broken) Check(context.Context) (connector.Access, error) { return connector.Access{}, b.err }
func (b broken) Discover(context.Context, connector.Request, connector.Sink) error {
	return b.err
}
func (broken) Close() error { return nil }

// connect opens the connector of a source.
func (a *App) connect(ctx context.Context, s SourceConfig, opt ScanOptions) (connector.Connector, error) {
	spec, err := a.Spec(s.Kind)
	if err != nil {
		return nil, err
	}
	cfg, err := s.connectorConfig(opt.Getenv)
	if err != nil {
		return nil, err
	}
	return spec.Connect(ctx, cfg, a.Env(s.Name, opt))
}

// Env is what a connector gets from this installation.
func (a *App) Env(name string, opt ScanOptions) connector.Env {
	opt = opt.withDefaults()
	env := connector.Env{Now: a.now, Log: a.log.With("source", name), Getenv: opt.Getenv,
		Progress:        func(p connector.Progress) { opt.OnProgress(name, p) },
		UserAgent:       "retinue/" + Version,
		Fingerprint:     func(retinue.CredentialKind, retinue.Secret) []retinue.Fingerprint { return nil },
		FingerprintHash: func(retinue.CredentialKind, [32]byte) []retinue.Fingerprint { return nil }}
	if a.Keys != nil {
		env.Fingerprint = a.Keys.Fingerprint(a.Config.FingerprintPasswords)
		env.FingerprintHash = a.Keys.FingerprintHash()
	}
	return env
}

// Checked is what a source's access allows.
type Checked struct {
	Source SourceConfig
	Access connector.Access
	Err    error
}

// Check checks the access of sources without reading them.
// It needs no database.
func Check(ctx context.Context, specs []connector.Spec, sources []SourceConfig, opt ScanOptions) []Checked {
	opt = opt.withDefaults()
	a := &App{Specs: specs, now: time.Now, log: discard()}
	out := make([]Checked, len(sources))
	for i, s := range sources {
		out[i].Source = s
		c, err := a.connect(ctx, s, opt)
		if err != nil {
			out[i].Err = err
			continue
		}
		out[i].Access, out[i].Err = c.Check(ctx)
		out[i].Err = errors.Join(out[i].Err, c.Close())
	}
	return out
}

// DryRun says what a scan of the sources would read, and reads none of it. It
// needs no database.
func DryRun(ctx context.Context, specs []connector.Spec, sources []SourceConfig, opt ScanOptions) (map[string][]connector.Note, error) {
	opt = opt.withDefaults()
	a := &App{Specs: specs, now: time.Now, log: discard()}
	out := map[string][]connector.Note{}
	var errs []error
	for _, s := range sources {
		c, err := a.connect(ctx, s, opt)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name, err))
			continue
		}
		n := &noteSink{}
		if err := c.Discover(ctx, connector.Request{Now: time.Now(), DryRun: true}, n); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name, err))
		}
		errs = append(errs, c.Close())
		out[s.Name] = n.notes
	}
	return out, errors.Join(errs...)
}

// noteSink keeps the notes of a dry run.
type noteSink struct {
	mu    sync.Mutex
	notes []connector.Note
}

func (*noteSink) Emit(retinue.Scope, ...retinue.Fact) error          { return nil }
func (*noteSink) Complete(retinue.Scope, connector.Completion) error { return nil }
func (n *noteSink) Problem(scope retinue.Scope, err error) {
	n.Note(connector.Note{Kind: connector.NoteWarning, Scope: scope, Text: retinue.CleanName(err.Error())})
}

func (n *noteSink) Note(note connector.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, note)
}

// ScanTo scans sources and writes what they state to w, to be handed in
// elsewhere with Ingest. It needs the fingerprint keys and no database.
func ScanTo(ctx context.Context, w io.Writer, specs []connector.Spec, keys *Keys, sources []SourceConfig, opt ScanOptions) ([]ingest.HandIn, error) {
	opt = opt.withDefaults()
	a := &App{Specs: specs, now: time.Now, log: discard(), Keys: keys}
	var out []ingest.HandIn
	enc := ingest.NewHandInWriter(w)
	for _, s := range sources {
		c, err := a.connect(ctx, s, opt)
		if err != nil {
			c = broken{err}
		}
		h, err := enc.Write(ctx, s.Kind, s.Name, s.target(), c, a.now)
		err = errors.Join(err, c.Close())
		out = append(out, h)
		if err != nil {
			return out, err
		}
	}
	return out, enc.Close()
}

// Ingest reads what ScanTo wrote, with the same rules of completeness as a scan
// made here. Fingerprints under keys that this installation does not have are
// dropped, and said.
func (a *App) Ingest(ctx context.Context, r io.Reader, opt ScanOptions) ([]store.Run, error) {
	opt = opt.withDefaults()
	var runs []store.Run
	read := ingest.NewHandInReader(r, a.Keys.IDs())
	for {
		c, err := read.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return runs, err
		}
		run, err := ingest.Run(ctx, a.DB, c.Kind, c.Name, c.Target, c, a.ingestOptions(SourceConfig{Name: c.Name}, opt))
		runs = append(runs, run)
		if err != nil {
			return runs, err
		}
	}
	_, err := a.Settle(ctx)
	return runs, err
}
