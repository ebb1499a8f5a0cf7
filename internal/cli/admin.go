package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
)

func (e *env) keysChange(use, short, long string, change func(*app.App, context.Context) (string, error)) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		a, err := e.open(cmd.Context())
		if err != nil {
			return err
		}
		text, err := change(a, cmd.Context())
		if err == nil {
			e.say("%s", text)
		}
		return errors.Join(err, a.Close())
	}}
}

func (e *env) rulesCommand() *cobra.Command {
	var f listFlags
	l := &cobra.Command{Use: "list", Short: "List the rules in force, those of signals last", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			set, err := e.rulesInForce(cmd.Context())
			if err != nil {
				return err
			}
			return list(e, f, each(set), ruleCells, "no rules")
		}}
	l.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	t := &cobra.Command{Use: "test [FOLDER …]", Short: "Run the cases that rules carry",
		Long: `Test runs the must-fire and must-not-fire cases of every rule: of the built-in
pack and of the configured folders, or only of the folders named.`,
		RunE: func(_ *cobra.Command, args []string) error { return e.rulesTest(args) }}
	return group("rules", "Rules: what is judged, and their own tests", l, t)
}

// ruleSees says in words what a rule about signals looks for; of the others the
// title does.
func ruleSees(r app.RuleText) string {
	if r.Signal == "" {
		return ""
	}
	return r.When
}

// dismissedWord says what of a rule about signals people dismissed.
func dismissedWord(r app.RuleText) string {
	if r.Dismissed == nil || *r.Dismissed == 0 {
		return ""
	}
	return fmt.Sprint(*r.Dismissed)
}

var ruleCells = []cell[app.RuleText]{
	{"id", func(r app.RuleText) string { return r.ID }},
	{"severity", func(r app.RuleText) string { return string(r.Severity) }},
	{"over", func(r app.RuleText) string { return r.Over }},
	{"owasp", func(r app.RuleText) string { return strings.Trim(fmt.Sprint(r.OWASP), "[]") }},
	{"title", func(r app.RuleText) string { return r.Title }},
	{"sees", ruleSees},
	{"dismissed", dismissedWord},
}

// rulesInForce are the rules of the server or of the configuration. What of
// signals was dismissed is known of an installation only; the rest is told where
// it cannot be opened, such as while a server has it.
func (e *env) rulesInForce(ctx context.Context) (set []app.RuleText, err error) {
	known, err := e.hasDatabase()
	if err != nil {
		return nil, err
	}
	if known {
		err = e.askLedger(ctx, func(l ledger) (err error) {
			set, err = l.rules(ctx)
			return err
		})
		if err == nil || e.remote() {
			return set, err
		}
		e.say("What was dismissed of signals is not known: %v", err)
	}
	return e.ruleSet()
}

// hasDatabase reports whether there is an installation to ask: a server, or a
// database.
func (e *env) hasDatabase() (bool, error) {
	if e.remote() {
		return true, nil
	}
	cfg, err := e.settings()
	return err == nil && !firstRun(cfg), err
}

func (e *env) rulePacks(folders []string) (*rules.Pack, error) {
	var packs []*rules.Pack
	if len(folders) == 0 {
		cfg, err := e.settings()
		if err != nil {
			return nil, err
		}
		p, err := rules.Starter()
		if err != nil {
			return nil, err
		}
		packs, folders = append(packs, p), cfg.Rules
	}
	for _, dir := range folders {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%w: %s: want a folder of rule packs", retinue.ErrInvalid, dir)
		}
		p, err := rules.Load(os.DirFS(dir))
		if err != nil {
			return nil, fmt.Errorf("read rules in %s: %w", dir, err)
		}
		packs = append(packs, p)
	}
	return rules.Merge(packs...)
}

func (e *env) ruleSet() ([]app.RuleText, error) {
	p, err := e.rulePacks(nil)
	if err != nil {
		return nil, err
	}
	set, err := rules.Compile(p, rules.Options{})
	if err != nil {
		return nil, err
	}
	return app.RuleTexts(set.Rules()), nil
}

func (e *env) rulesTest(folders []string) error {
	p, err := e.rulePacks(folders)
	if err != nil {
		return err
	}
	r, err := rules.Test(p)
	if err != nil {
		return err
	}
	for _, f := range r.Failures {
		e.printf("FAIL %s\n", f)
	}
	e.printf("%d rules, %d cases, %d failed\n", r.Rules, r.Cases, len(r.Failures))
	if len(r.Failures) > 0 {
		return &exitError{ExitError, "some cases failed"}
	}
	return nil
}

func (e *env) auditCommand() *cobra.Command {
	return group("audit", "The audit log: verify it, export it, sign checkpoints", e.auditVerify(), e.auditExport(), e.auditCheckpoint(), e.auditList())
}

func (e *env) auditVerify() *cobra.Command {
	var against, key, archive string
	c := &cobra.Command{Use: "verify", Short: "Verify the chain of the audit log, and point at the first record that breaks it",
		Long: `Verify computes every hash of the audit log again. --against holds it to a signed
checkpoint that was exported earlier, which detects a tail that was cut off or
replaced. --archive verifies an exported log without any database.`,
		Example: "  retinue audit verify\n  retinue audit verify --against checkpoint.txt --key checkpoint.pub\n  retinue audit verify --archive audit.ndjson --key checkpoint.pub",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pub, err := readKey(key)
			if err != nil {
				return err
			}
			if archive != "" {
				text, ok, err := app.VerifyArchive(cmd.Context(), archive, pub)
				return e.verified(text, ok, err)
			}
			if against == "" && key == "" {
				return e.askLedger(cmd.Context(), func(l ledger) error { return e.verified(l.verify(cmd.Context())) })
			}
			return e.with(cmd.Context(), func(a *app.App) error {
				text, ok, err := a.VerifyAudit(cmd.Context(), against, pub)
				return e.verified(text, ok, err)
			})
		}}
	c.Flags().StringVar(&against, "against", "", "signed checkpoint to hold the log to")
	c.Flags().StringVar(&key, "key", "", "file with the public key of the checkpoint (default: this installation's own)")
	c.Flags().StringVar(&archive, "archive", "", "verify this exported log instead of the database")
	return c
}

func readKey(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%w: read public key: %v", retinue.ErrInvalid, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (e *env) verified(text string, ok bool, err error) error {
	if err != nil {
		return err
	}
	e.printf("%s\n", text)
	if !ok {
		return &exitError{ExitError, "the audit log does not hold"}
	}
	return nil
}

func (e *env) auditExport() *cobra.Command {
	var out string
	c := &cobra.Command{Use: "export", Short: "Write the whole audit log as NDJSON, with a signed checkpoint", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.askLedger(cmd.Context(), func(l ledger) error {
				n, err := l.archive(cmd.Context(), out)
				if err == nil {
					e.say("%s: %d records", out, n)
				}
				return err
			})
		}}
	c.Flags().StringVarP(&out, "out", "o", "retinue-audit.ndjson", "file to write")
	return c
}

func (e *env) auditCheckpoint() *cobra.Command {
	var out string
	c := &cobra.Command{Use: "checkpoint", Short: "Sign the head of the audit log",
		Long: `Checkpoint signs the head of the audit log with a key that lies outside the
database. Keep the result where whoever administers the database cannot change
it. The public key is printed: give it to the auditor once.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(a *app.App) error {
				pub, err := a.Checkpoint(cmd.Context(), out)
				if err == nil {
					e.printf("%s\n", pub)
					e.say("%s holds the checkpoint; the line above is the public key", out)
				}
				return err
			})
		}}
	c.Flags().StringVarP(&out, "out", "o", "retinue-checkpoint.txt", "file to write")
	return c
}

func (e *env) auditList() *cobra.Command {
	var f listFlags
	var from int64
	c := &cobra.Command{Use: "list", Short: "List records of the audit log", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			return e.askLedger(cmd.Context(), func(l ledger) error {
				return l.records(cmd.Context(), from, func(rows iter.Seq2[retinue.Record, error]) error {
					if f.limit > 0 {
						rows = head(rows, f.limit)
					}
					return list(e, f, rows, []cell[retinue.Record]{
						{"seq", func(r retinue.Record) string { return fmt.Sprint(r.Seq) }},
						{"at", func(r retinue.Record) string { return r.At.Format("2006-01-02 15:04:05") }},
						{"actor", func(r retinue.Record) string { return r.Actor.Name }},
						{"action", func(r retinue.Record) string { return string(r.Action) }},
						{"subject", func(r retinue.Record) string { return r.Subject }},
					}, "no records")
				})
			})
		}}
	c.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	c.Flags().IntVar(&f.limit, "limit", 0, "print at most so many rows (default: every row)")
	c.Flags().Int64Var(&from, "from", 1, "first sequence number")
	return c
}

func (e *env) sourcesCommand() *cobra.Command {
	check := &cobra.Command{Use: "check [KIND[=TARGET] …]", Short: "Check what the credentials of sources can see, without scanning",
		Example: "  retinue sources check aws=profile:prod",
		RunE:    func(cmd *cobra.Command, args []string) error { return e.sourcesCheck(cmd.Context(), args) }}
	script := &cobra.Command{Use: "script KIND[=TARGET]", Short: "Print a script that exports a system for an air-gapped scan", Args: cobra.ExactArgs(1),
		Example: "  retinue sources script aws > export.sh",
		RunE:    func(_ *cobra.Command, args []string) error { return e.sourcesScript(args[0]) }}
	show := &cobra.Command{Use: "show KIND", Short: "Describe a kind of source: targets, options, privileges, blind spots", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := app.FindSpec(app.Specs(), args[0])
			if err != nil {
				return err
			}
			e.describe(s)
			return nil
		}}
	var f listFlags
	l := &cobra.Command{Use: "list", Short: "List how every scope of every source stands", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			return e.askLedger(cmd.Context(), func(l ledger) error { return e.scopes(cmd.Context(), l, f) })
		}}
	l.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	forget := &cobra.Command{Use: "forget NAME", Short: "Drop a source of which nothing was ever read, such as a mistyped one", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.with(cmd.Context(), func(a *app.App) error {
				err := a.ForgetSource(cmd.Context(), args[0])
				if err == nil {
					e.say("%s: forgotten", args[0])
				}
				return err
			})
		}}
	return group("sources", "Sources: what can be read, and how", l, check, script, show, forget)
}

func (e *env) sourcesCheck(ctx context.Context, args []string) error {
	cfg, err := e.settings()
	if err != nil {
		return err
	}
	sources, err := e.sourcesOf(args, cfg)
	if err != nil {
		return err
	}
	bad := 0
	for _, c := range app.Check(ctx, app.Specs(), sources, app.ScanOptions{Getenv: e.getenv}) {
		e.printf("%s\n", c.Source.Name)
		if c.Err != nil {
			bad++
			e.printf("  failed: %s\n", retinue.CleanName(c.Err.Error()))
			continue
		}
		e.access(c.Access)
	}
	if bad > 0 {
		return &exitError{ExitIncomplete, fmt.Sprintf("%d of %d sources cannot be read", bad, len(sources))}
	}
	return nil
}

func (e *env) access(a connector.Access) {
	line := func(label, v string) {
		if v != "" {
			e.printf("  %-10s %s\n", label, retinue.CleanName(v))
		}
	}
	line("system", strings.TrimSpace(string(a.Realm)+" "+a.Name))
	line("as", a.Principal)
	if a.Calls > 0 {
		line("expects", fmt.Sprintf("%d calls, about %s", a.Calls, a.Duration))
	}
	for _, m := range a.Missing {
		line("missing", m.Permission+": "+m.Consequence)
	}
	for _, n := range a.NotCovered {
		line("never in it", n)
	}
	for _, n := range a.CouldRead {
		line("could read", n)
	}
}

func (e *env) sourcesScript(arg string) error {
	kind, rest, _ := strings.Cut(arg, "=")
	s, err := app.FindSpec(app.Specs(), kind)
	if err != nil {
		return err
	}
	if s.Script == nil {
		return fmt.Errorf("%w: source %s has no export script", retinue.ErrUnsupported, kind)
	}
	cfg := connector.Config{Name: kind, Options: map[string]string{}}
	if rest != "" {
		if cfg, err = s.ParseArg(rest); err != nil {
			return err
		}
	}
	text, err := s.Script(cfg)
	if err == nil {
		e.printf("%s", text)
	}
	return err
}

func (e *env) describe(s connector.Spec) {
	e.printf("%s: %s\n%s\n", s.Kind, s.Title, s.Summary)
	forms := func(title string, fs []connector.TargetForm) {
		if len(fs) == 0 {
			return
		}
		e.printf("\n%s\n", title)
		for _, f := range fs {
			e.printf("  %-34s %s\n", f.Form, f.Help)
		}
	}
	lines := func(title string, ls []string) {
		if len(ls) == 0 {
			return
		}
		e.printf("\n%s\n", title)
		for _, l := range ls {
			e.printf("  - %s\n", l)
		}
	}
	forms("Targets", s.Target)
	var opts []connector.TargetForm
	for _, o := range s.Options {
		help := o.Help
		if o.Default != "" {
			help += " (default: " + o.Default + ")"
		}
		opts = append(opts, connector.TargetForm{Form: o.Name, Help: help})
	}
	forms("Options", opts)
	forms("Examples", s.Examples)
	lines("States", s.Sees)
	lines("Blind spots", s.BlindSpots)
	lines("What the privileges would let a holder read beyond that", s.CouldRead)
	for _, d := range s.Privileges {
		e.printf("\n%s\n\n%s\n", cmp.Or(d.Title, "Privileges"), strings.TrimRight(d.Body, "\n"))
	}
}

func (e *env) scopes(ctx context.Context, l ledger, f listFlags) error {
	all, err := l.scopes(ctx)
	if err != nil {
		return err
	}
	return list(e, f, func(yield func(store.ScopeStatus, error) bool) {
		for _, s := range all {
			if !yield(s, nil) {
				return
			}
		}
	}, []cell[store.ScopeStatus]{
		{"source", func(s store.ScopeStatus) string { return s.Source }},
		{"scope", func(s store.ScopeStatus) string { return s.Scope.String() }},
		{"state", func(s store.ScopeStatus) string { return string(s.State) }},
		{"observed", func(s store.ScopeStatus) string { return day(s.ObservedAt) }},
		{"facts", func(s store.ScopeStatus) string { return fmt.Sprint(s.Facts) }},
		{"problems", func(s store.ScopeStatus) string { return strings.Join(s.Problems, "; ") }},
	}, "nothing was scanned yet")
}
