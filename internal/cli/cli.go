// Package cli is the command line. Names of commands and flags, JSON fields
// and exit codes are a contract (docs/cli.md). Answers go to standard output;
// progress, notices and errors go to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

// The exit codes.
const (
	ExitDone       = 0 // done
	ExitError      = 1 // an error; what was done is said
	ExitUsage      = 2 // wrong words on the command line or in a file that it names
	ExitIncomplete = 3 // something attempted was not completed
	ExitFindings   = 4 // findings at or above --fail-on, with that flag only
)

// exitError carries the exit code of an outcome that is not an error of the
// program.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

// env is what every command shares.
type env struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	db       string
	server   string
	config   string
	verbose  bool
}

// Main runs the program and returns its exit code. Ctrl-C and SIGTERM end what
// is going on in order: scopes that were completed stay, the others are marked
// incomplete. A second Ctrl-C ends at once.
func Main(version string, args []string, in io.Reader, out, errw io.Writer, getenv func(string) string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app.Version = version
	go func() {
		<-ctx.Done()
		stop()
	}()
	return Run(ctx, args, in, out, errw, getenv)
}

// Run is Main without signals.
func Run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer, getenv func(string) string) int {
	e := &env{in: in, out: out, err: errw, getenv: getenv}
	root := e.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	return e.exit(root.ExecuteContext(ctx))
}

func (e *env) exit(err error) int {
	var ex *exitError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &ex):
		if ex.text != "" {
			_, _ = fmt.Fprintln(e.err, "retinue: "+ex.text)
		}
		return ex.code
	case errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(e.err, "retinue: interrupted; what was completed is kept")
		return ExitIncomplete
	}
	_, _ = fmt.Fprintln(e.err, "retinue: "+retinue.CleanName(strings.Join(strings.Fields(err.Error()), " ")))
	if errors.Is(err, retinue.ErrInvalid) || isUsage(err) {
		return ExitUsage
	}
	return ExitError
}

// usageError marks an error of the command line itself.
type usageError struct{ error }

func isUsage(err error) bool {
	var u usageError
	return errors.As(err, &u) || strings.HasPrefix(err.Error(), "unknown command") ||
		strings.HasPrefix(err.Error(), "unknown flag") || strings.HasPrefix(err.Error(), "unknown shorthand")
}

func (e *env) root() *cobra.Command {
	c := &cobra.Command{
		Use:   "retinue",
		Short: "Find and govern non-human identities",
		Long: `Retinue finds the service accounts, roles, keys, tokens, certificates, pipelines
and agents in your systems, says what they are granted and where their
credentials lie, and judges them, worst first. It keeps an inventory with
history in one file (or in PostgreSQL), and everything that it does in an audit
log that anyone can verify.

Nothing leaves this machine, and no credential that is found is ever tried.`,
		Example: `  retinue scan host repo=.                 this machine and this repository
  retinue scan aws=profile:prod            an AWS account, live
  retinue findings list --severity high    what is wrong, worst first`,
		Version:       app.Version,
		SilenceUsage:  true,
		SilenceErrors: true,

		PersistentPreRunE: e.placed,
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := c.PersistentFlags()
	f.StringVar(&e.db, "db", "", "database: a file, or a PostgreSQL URL (default: RETINUE_DATABASE, the configuration, else a file in your data folder)")
	f.StringVar(&e.config, "config", "", "configuration file (default: retinue.yaml in this folder, if there is one)")
	f.StringVar(&e.server, "server", "", "ask this server instead of a database, such as https://retinue.example.com (default: RETINUE_SERVER)")
	f.BoolVarP(&e.verbose, "verbose", "v", false, "log what happens to standard error")
	c.AddCommand(e.scanCommand(), e.ingestCommand(), e.identitiesCommand(), e.credentialsCommand(), e.grantsCommand(),
		e.findingsCommand(), e.ownersCommand(), e.diffCommand(), e.exportCommand(), e.reportCommand(), e.rulesCommand(), e.auditCommand(),
		e.sourcesCommand(), e.keysCommand(), e.demoCommand(), e.benchCommand(), e.serveCommand(), e.loginCommand(), e.logoutCommand(), e.whoamiCommand(),
		e.pruneCommand(), e.purgeCommand(), e.retentionCommand(), e.backupCommand(), e.restoreCommand(), e.accessCommand(),
		e.dataCommand(), e.activityCommand(), e.usageCommand(), e.verdictsCommand(), e.signalsCommand(), e.simulateCommand())
	usageArgs(c)
	return c
}

// usageArgs marks the errors of argument checks as usage, on every command.
func usageArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w: see `%s --help`", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// group is a command that only has others: without one of them it shows help.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(subs...)
	return c
}

// settings reads the configuration; --db wins over it and the environment.
func (e *env) settings() (app.Config, error) {
	return app.LoadConfig(e.config, func(name string) string {
		if name == "RETINUE_DATABASE" && e.db != "" {
			return e.db
		}
		return e.getenv(name)
	})
}

func (e *env) logger() *slog.Logger {
	if !e.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// open opens the installation for reading and writing.
func (e *env) open(ctx context.Context) (*app.App, error) {
	if e.remote() {
		return nil, errLocal
	}
	cfg, err := e.settings()
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, cfg, app.Options{Log: e.logger()})
}

// with opens the installation for the length of fn. Reading commands say that
// there is nothing to read rather than making an empty database.
func (e *env) with(ctx context.Context, fn func(*app.App) error) error {
	if e.remote() {
		return errLocal
	}
	cfg, err := e.settings()
	if err != nil {
		return err
	}
	if !strings.Contains(cfg.Database, "://") {
		if _, err := os.Stat(cfg.Database); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w: no database at %s: scan something first, for example `retinue scan host repo=.`", retinue.ErrNotFound, cfg.Database)
		}
	}
	a, err := e.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(a), a.Close())
}

func (e *env) printf(format string, args ...any) { _, _ = fmt.Fprintf(e.out, format, args...) }
func (e *env) say(format string, args ...any)    { _, _ = fmt.Fprintf(e.err, format+"\n", args...) }
