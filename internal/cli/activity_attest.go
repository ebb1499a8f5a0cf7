package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

// coverageFlags select what logs cover.
type coverageFlags struct{ realm, from, to, format string }

func (f *coverageFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.realm, "realm", "", "only of this realm")
	c.Flags().StringVar(&f.from, "from", "", "only from then on: a date, a time or an age such as 90d")
	c.Flags().StringVar(&f.to, "to", "", "only until then")
	c.Flags().StringVar(&f.format, "format", "text", "text or json")
}

func (f *coverageFlags) of(args []string) (app.CoverageOf, error) {
	of := app.CoverageOf{Realm: retinue.Realm(f.realm)}
	if f.format != "text" && f.format != "json" {
		return of, usageError{fmt.Errorf("--format %q: want text or json", f.format)}
	}
	if len(args) > 0 {
		of.Name = args[0]
	}
	var err error
	if f.from != "" {
		if of.From, err = beginning("--from", f.from); err != nil {
			return of, err
		}
	}
	if f.to != "" {
		if of.To, err = parseTime("--to", f.to); err != nil {
			return of, err
		}
	}
	if !of.To.IsZero() && !of.From.Before(of.To) {
		return of, usageError{errors.New("--from is not before --to")}
	}
	return of, nil
}

func (e *env) activityCoverage() *cobra.Command {
	var f coverageFlags
	c := &cobra.Command{
		Use:   "coverage [LOG|REALM|SOURCE]",
		Short: "List what was read of logs: from when to when, and why that is all, if it is",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := f.of(args)
			if err != nil {
				return err
			}
			return e.askLogs(cmd.Context(), func(l logbook) error {
				kept, err := l.coverage(cmd.Context(), of)
				if err != nil {
					return err
				}
				if f.format == "json" {
					return e.json(kept)
				}
				if len(kept.Coverage) == 0 {
					e.say("No log was read of which it is known what it covers.")
				}
				for _, c := range kept.Coverage {
					e.printf("%s of %s from %s to %s: %s\n", c.Log, c.Realm, minute(c.From), minute(c.To), wholeWord(c))
				}
				for _, w := range kept.Attestations {
					if w.Reason != "" {
						e.printf("%s said so of %s of %s from %s to %s: %s\n", retinue.CleanName(w.By.Name), w.Log, w.Realm, minute(w.From), minute(w.To), retinue.CleanName(w.Reason))
					}
				}
				return nil
			})
		},
	}
	f.add(c)
	return c
}

func (e *env) activityAttest() *cobra.Command {
	var f coverageFlags
	var withdraw bool
	var reason string
	c := &cobra.Command{
		Use:   "attest LOG|REALM|SOURCE",
		Short: "Say that what was read of a log is all that it held, or take that back",
		Long: `Attest keeps your word, with your name and on record, that what was read of a log
is all that it held: for the stretches that were read and cannot prove it by
themselves (see "retinue activity coverage"). What nobody vouches for is weak
evidence. With --withdraw every word that reaches into the stretch is taken back.

The verdicts that follow from it are formed at once.`,
		Example: `  retinue activity attest kubernetes.audit --from 2026-03-01 --to 2026-04-01 --reason "the shipper blocks"
  retinue activity attest app.audit --realm app:shop
  retinue activity attest kubernetes.audit --withdraw`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := f.of(args)
			if err != nil {
				return err
			}
			return e.askLogs(cmd.Context(), func(l logbook) error {
				act, did := l.attest, "You say that this is all that %s of %s held from %s to %s.\n"
				if withdraw {
					act, did = l.withdraw, "Nobody says any more that what was read of %s of %s is all, from %s to %s.\n"
				}
				words, err := act(cmd.Context(), of, reason)
				if err != nil {
					return err
				}
				if f.format == "json" {
					return e.json(words)
				}
				for _, w := range words {
					e.printf(did, w.Log, w.Realm, minute(w.From), minute(w.To))
				}
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why: it is kept with the word, and goes on record")
	c.Flags().BoolVar(&withdraw, "withdraw", false, "take the word back")
	return c
}

// beginning reads when something begins: of a day its first moment, where
// parseTime has its last.
func beginning(flag, text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	return parseTime(flag, text)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// wholeWord says why what was read is all that a log held.
func wholeWord(c retinue.Coverage) string {
	if c.Proof == "" {
		return "not proven to be whole"
	}
	return retinue.CleanName(c.Proof)
}
