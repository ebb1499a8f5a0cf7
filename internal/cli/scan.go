package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/evidence/report"
	"github.com/retinue-id/retinue/internal/store"
)

// scanFlags are the flags of scan and ingest.
type scanFlags struct {
	format      string
	out         string
	failOn      string
	dryRun      bool
	acceptEnded bool
	parallel    int
}

func (e *env) scanCommand() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "scan [KIND[=TARGET[,OPTION=VALUE…]] …]",
		Short: "Read systems, update the inventory and judge what changed",
		Long: `Scan reads each source, reconciles what it states into the inventory and judges
what changed. Without arguments it reads the sources of the configuration.

A source that fails does not keep the others from being read, and nothing that
was found before is declared gone because a scan failed. Credentials that are
found are recorded by a keyed fingerprint, never by value, and never tried.

With --server the systems are read here and what they state is sent to a server,
as a collector whose token RETINUE_TOKEN or RETINUE_TOKEN_FILE holds. What could
not be sent is kept, and sent with the next scan.

Kinds of source:
` + kindsHelp(app.Specs()),
		Example: examplesHelp(app.Specs()),
		RunE:    func(cmd *cobra.Command, args []string) error { return e.scan(cmd.Context(), args, f) },
	}
	e.outcomeFlags(c, &f)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only list what would be read")
	c.Flags().StringVar(&f.out, "out", "", "write what is found to FILE, to be handed in elsewhere with `retinue ingest FILE`, and touch no database")
	c.Flags().IntVar(&f.parallel, "parallel", 2, "how many sources are read at once")
	return c
}

func (e *env) outcomeFlags(c *cobra.Command, f *scanFlags) {
	c.Flags().StringVar(&f.format, "format", "text", "how the result is shown: text or json")
	c.Flags().StringVar(&f.failOn, "fail-on", "", "exit with 4 when there are findings of this severity or worse: critical, high, medium, low or info")
	c.Flags().BoolVar(&f.acceptEnded, "accept-ended", false, "let facts end although most of a scope would end at once")
}

func kindsHelp(specs []connector.Spec) string {
	var b strings.Builder
	for _, s := range specs {
		if s.Open != nil { // else it only reads logs
			fmt.Fprintf(&b, "  %-12s %s\n", s.Kind, s.Summary)
		}
	}
	b.WriteString("\n`retinue sources show KIND` says more about one: targets, options, privileges, blind spots.")
	return b.String()
}

func examplesHelp(specs []connector.Spec) string {
	var b strings.Builder
	for _, s := range specs {
		if s.Open != nil && len(s.Examples) > 0 {
			fmt.Fprintf(&b, "  retinue scan %-34s %s\n", s.Examples[0].Form, s.Examples[0].Help)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func (f scanFlags) check() error {
	if f.format != "text" && f.format != "json" {
		return usageError{fmt.Errorf("--format %q: want text or json", f.format)}
	}
	if f.failOn != "" && !slices.Contains(retinue.Severities(), retinue.Severity(f.failOn)) {
		return usageError{fmt.Errorf("--fail-on %q: want critical, high, medium, low or info", f.failOn)}
	}
	return nil
}

// sourcesOf reads the sources that the command line names, else those of the
// configuration.
func (e *env) sourcesOf(args []string, cfg app.Config) ([]app.SourceConfig, error) {
	if len(args) == 0 {
		scanned := slices.DeleteFunc(slices.Clone(cfg.Sources), app.OnlyLogs)
		if len(scanned) == 0 {
			return nil, usageError{errors.New("nothing to scan: name sources, for example `retinue scan host repo=.`, or list them in retinue.yaml")}
		}
		return scanned, nil
	}
	var out []app.SourceConfig
	for _, arg := range args {
		if i := slices.IndexFunc(cfg.Sources, func(s app.SourceConfig) bool { return s.Name == arg }); i >= 0 {
			out = append(out, cfg.Sources[i])
			continue
		}
		s, err := app.ParseSource(app.Specs(), arg)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (e *env) scan(ctx context.Context, args []string, f scanFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	cfg, err := e.settings()
	if err != nil {
		return err
	}
	sources, err := e.sourcesOf(args, cfg)
	if err != nil {
		return err
	}
	if f.dryRun {
		return e.dryRun(ctx, sources)
	}
	if f.out != "" {
		return e.scanTo(ctx, cfg, sources, f)
	}
	if e.remote() {
		return e.push(ctx, cfg, sources, f)
	}
	first := firstRun(cfg)
	if first {
		e.welcome(cfg, sources)
	}
	a, err := e.open(ctx)
	if err != nil {
		return err
	}
	p := newProgress(e.err, len(sources))
	runs, err := a.Scan(ctx, sources, app.ScanOptions{Actor: app.Actor(), AcceptEnded: f.acceptEnded, Parallel: f.parallel,
		OnProgress: p.progress, OnScope: p.scope, Getenv: e.getenv})
	p.close()
	if err == nil {
		err = errors.Join(e.outcome(ctx, a, runs, f), e.offerSample(ctx, a))
	} else if errors.Is(err, retinue.ErrConflict) {
		err = &exitError{ExitIncomplete, retinue.CleanName(strings.Join(strings.Fields(err.Error()), " "))}
	}
	return errors.Join(err, a.Close())
}

// offerSample names the sample company where there is little to see.
func (e *env) offerSample(ctx context.Context, a *app.App) error {
	offer, err := a.SampleOffer(ctx)
	if offer != "" {
		e.say("Little to see yet? A sample company lives in a database of its own: %s", offer)
	}
	return err
}

// firstRun reports whether there is no database yet.
func firstRun(cfg app.Config) bool {
	if strings.Contains(cfg.Database, "://") {
		return false
	}
	_, err := os.Stat(cfg.Database)
	return errors.Is(err, os.ErrNotExist)
}

// welcome says, before anything is read for the first time, what will be.
func (e *env) welcome(cfg app.Config, sources []app.SourceConfig) {
	e.say("This is the first scan. It will read:")
	for _, s := range sources {
		spec, err := app.FindSpec(app.Specs(), s.Kind)
		if err != nil {
			continue
		}
		what := s.Kind
		if s.Target != "" {
			what += " " + s.Display()
		}
		e.say("  %s: %s", what, spec.Summary)
	}
	e.say("Nothing leaves this machine. No credential that is found is ever tried, and none is")
	e.say("stored: only a keyed fingerprint of it. `--dry-run` lists what would be read.")
	e.say("Database: %s   Fingerprint key: %s (keep it in your backup)", cfg.Database, cfg.KeyFile)
	e.say("")
}

func (e *env) dryRun(ctx context.Context, sources []app.SourceConfig) error {
	notes, err := app.DryRun(ctx, app.Specs(), sources, app.ScanOptions{Getenv: e.getenv})
	for _, s := range sources {
		e.printf("%s would read:\n", s.Name)
		for _, n := range notes[s.Name] {
			text := retinue.CleanName(n.Text)
			if n.Count > 1 {
				text = fmt.Sprintf("%s (%d)", text, n.Count)
			}
			e.printf("  %s\n", text)
		}
	}
	return err
}

func (e *env) scanTo(ctx context.Context, cfg app.Config, sources []app.SourceConfig, f scanFlags) error {
	keys, err := app.OpenKeys(cfg.KeyFile)
	if err != nil {
		return err
	}
	var w io.Writer = e.out
	if f.out != "-" {
		file, err := os.OpenFile(f.out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("%w: write scan: %v", retinue.ErrInvalid, err)
		}
		defer func() { _ = file.Close() }()
		w = file
	}
	p := newProgress(e.err, len(sources))
	done, err := app.ScanTo(ctx, w, app.Specs(), keys, sources, app.ScanOptions{OnProgress: p.progress, Getenv: e.getenv})
	p.close()
	incomplete := false
	for _, h := range done {
		e.say("%s: %d facts, %d scopes complete, %d problems", h.Name, h.Facts, h.Complete, h.Problems)
		incomplete = incomplete || h.Problems > 0 || h.Error != ""
		if h.Error != "" {
			e.say("%s: %s", h.Name, h.Error)
		}
	}
	if err != nil {
		return err
	}
	if incomplete {
		return &exitError{ExitIncomplete, "the scan was not complete"}
	}
	return nil
}

func (e *env) ingestCommand() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "ingest FILE",
		Short: "Take in a scan that was made elsewhere with `retinue scan --out`",
		Long: `Ingest reads a file that "retinue scan … --out FILE" wrote on another machine and
reconciles it as if it had been scanned here: only scopes that were completed
there can end anything. "-" reads standard input. With --server the file is
handed in there, as a collector.

Fingerprints compare only with those taken under the same key: enrol the other
machine once with "retinue keys export" here and "retinue keys enroll" there.`,
		Example: "  retinue scan host --out host.ndjson      # on the other machine\n  retinue ingest host.ndjson               # here",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			r := e.in
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("%w: read handed-in scan: %v", retinue.ErrInvalid, err)
				}
				defer func() { _ = file.Close() }()
				r = file
			}
			if e.remote() {
				return e.handIn(cmd.Context(), r, f)
			}
			a, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			runs, err := a.Ingest(cmd.Context(), r, app.ScanOptions{Actor: app.Actor(), AcceptEnded: f.acceptEnded, Getenv: e.getenv})
			if err == nil {
				err = e.outcome(cmd.Context(), a, runs, f)
			}
			return errors.Join(err, a.Close())
		},
	}
	e.outcomeFlags(c, &f)
	return c
}

// scanResult is the JSON object that ends a scan. Its fields are a contract.
type scanResult struct {
	Complete   bool                     `json:"complete"`
	Database   string                   `json:"database"`
	Sources    []sourceResult           `json:"sources"`
	Totals     store.Totals             `json:"totals"`
	Findings   map[retinue.Severity]int `json:"findings"`
	Suppressed int                      `json:"suppressed"`
	Accepted   int                      `json:"accepted"`
	RuleErrors []string                 `json:"ruleErrors,omitempty"` // rules that could not be evaluated
	FailOn     string                   `json:"failOn,omitempty"`
	Failed     bool                     `json:"failed"` // findings at or above failOn
	ExitCode   int                      `json:"exitCode"`
}

type sourceResult struct {
	Name       string           `json:"name"`
	Kind       string           `json:"kind"`
	Realm      retinue.Realm    `json:"realm,omitempty"`
	Run        retinue.RunID    `json:"run"`
	State      store.RunState   `json:"state"`
	Complete   bool             `json:"complete"`
	Counts     store.Counts     `json:"counts"`
	Scopes     []store.ScopeRun `json:"scopes"`
	Problems   []string         `json:"problems"`
	Missing    []string         `json:"missing"`
	NotCovered []string         `json:"notCovered"`
	Notes      []connector.Note `json:"notes"`
}

func resultOf(r store.Run) sourceResult {
	s := sourceResult{Name: r.Source.Name, Kind: r.Source.Kind, Realm: r.Access.Realm, Run: r.ID, State: r.State,
		Complete: r.State == store.RunComplete, Scopes: r.Scopes, Problems: []string{}, Missing: []string{},
		NotCovered: slices.Clone(r.Access.NotCovered), Notes: r.Notes}
	for _, sc := range r.Scopes {
		s.Counts.Facts += sc.Counts.Facts
		s.Counts.Added += sc.Counts.Added
		s.Counts.Changed += sc.Counts.Changed
		s.Counts.Ended += sc.Counts.Ended
		s.Counts.Unchanged += sc.Counts.Unchanged
		s.Counts.Uses += sc.Counts.Uses
		s.Counts.Held += sc.Counts.Held
		for _, p := range sc.Problems {
			s.Problems = append(s.Problems, sc.Scope.String()+": "+p)
		}
	}
	if r.Error != "" {
		s.Problems = append(s.Problems, r.Error)
	}
	for _, m := range r.Access.Missing {
		s.Missing = append(s.Missing, m.Permission)
	}
	for _, n := range r.Notes {
		if n.Kind == connector.NoteNotCovered {
			s.NotCovered = append(s.NotCovered, n.Text)
		}
	}
	if s.NotCovered == nil {
		s.NotCovered = []string{}
	}
	slices.Sort(s.NotCovered)
	s.NotCovered = slices.Compact(s.NotCovered)
	return s
}

// outcome shows how a scan went and gives its exit code: 4 for findings that
// --fail-on names, else 3 when something was not completed.
func (e *env) outcome(ctx context.Context, a *app.App, runs []store.Run, f scanFlags) error {
	d, err := a.Report(ctx, store.AsOf{}, runs...)
	if err != nil {
		return err
	}
	totals, err := a.Totals(ctx)
	if err != nil {
		return err
	}
	res := scanResult{Complete: true, Database: a.DB.Path(), Totals: totals, Findings: map[retinue.Severity]int{},
		Suppressed: d.Findings.Suppressed, Accepted: d.Findings.Accepted, FailOn: f.failOn}
	judged := a.Judged()
	res.RuleErrors = judged.Errors
	if judged.ErrorCount > 0 {
		e.say("%d rules could not be evaluated for some subject, such as %s", judged.ErrorCount, retinue.CleanName(judged.Errors[0]))
	}
	for _, r := range runs {
		res.Sources = append(res.Sources, resultOf(r))
		res.Complete = res.Complete && r.State == store.RunComplete
	}
	for _, s := range retinue.Severities() {
		n := d.Findings.BySeverity[s]
		res.Findings[s] = n
		res.Failed = res.Failed || (f.failOn != "" && n > 0 && s.AtLeast(retinue.Severity(f.failOn)))
	}
	out := &exitError{}
	switch {
	case res.Failed:
		out.code, out.text = ExitFindings, "there are findings of severity "+f.failOn+" or worse"
	case !res.Complete:
		out.code, out.text = ExitIncomplete, "not everything was read; see the problems above"
	}
	res.ExitCode = out.code
	if f.format == "json" {
		err = e.json(res)
	} else {
		err = report.WriteText(e.out, d, report.TextOptions{Width: terminalWidth(e.out), Color: colour(e.out, e.getenv)})
	}
	if err == nil && out.code != 0 {
		err = out
	}
	return err
}

func (e *env) json(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
