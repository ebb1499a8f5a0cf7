package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/usage/replay"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

func (e *env) usageCommand() *cobra.Command {
	format, people, all := "text", "", false
	c := &cobra.Command{
		Use:   "usage IDENTITY",
		Short: "Show what an identity or credential has really done",
		Long: `Usage says whether an identity or credential is still used, on what evidence,
by what, and for what. It is named by its id (idn_…, crd_…), the vendor's own key,
or a name that only one has.

The usage status is active, idle, dormant, never used, or unknown. The evidence
is complete (the source's own log covers every way of use), good (but for named
blind spots that its grants do not touch), weak (a last-used field only, or a log
that is not proven whole), or none.

People are called by a pseudonym. --people shows their names and addresses; who
asked, about what, whose were shown and why is put on record.`,
		Example: "  retinue usage arn:aws:iam::111122223333:role/backup",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %q: want text or json", format)}
			}
			return e.ask(cmd.Context(), func(s estate) error {
				id, err := findUser(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				u, err := s.usage(cmd.Context(), id, people)
				if err != nil {
					return err
				}
				if format == "json" {
					return e.json(u)
				}
				e.showUsage(u, all)
				return nil
			})
		},
	}
	c.Flags().StringVar(&format, "format", format, "text or json")
	c.Flags().BoolVar(&all, "all", false, "every consumer, action, change and way to better evidence, not the first few")
	c.Flags().StringVar(&people, "people", "", "show people by name, for this `reason`, which is put on record")
	return c
}

// findUser finds an identity or credential by id, key or name.
func findUser(ctx context.Context, s estate, word string) (retinue.EntityID, error) {
	var errs []error
	for _, t := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential} {
		x, err := find(ctx, s, t, word)
		if err == nil {
			return x.ID, nil
		}
		if !errors.Is(err, retinue.ErrNotFound) {
			return "", err
		}
		errs = append(errs, err)
	}
	return "", errs[0]
}

func (e *env) showUsage(u app.UsageAnswer, all bool) {
	e.printf("%s  %s\n", u.ID, retinue.CleanName(u.Name))
	e.printf("  usage status  %s\n", statusWord(u.Verdict))
	e.printf("  evidence      %s (%s)\n", u.Evidence, u.Grade)
	e.printf("  %s\n", retinue.CleanName(u.Reason))
	if !u.Window.From.IsZero() {
		e.printf("  window        %s to %s\n", day(u.Window.From), day(u.Window.To))
	}
	for _, g := range u.Window.Gaps {
		e.printf("  gap           %s to %s\n", g.From.Format(time.RFC3339), g.To.Format(time.RFC3339))
	}
	if u.Rhythm.Words != "" {
		e.printf("  rhythm        %s\n", u.Rhythm.Words)
	}
	if !u.LastUsed.IsZero() {
		e.printf("  last used     %s\n", u.LastUsed.Format(time.RFC3339))
	}
	if text := outlook(u); text != "" {
		e.printf("  outlook       %s\n", text)
	}
	section(e, "what the evidence cannot show", u.BlindSpots, func(b retinue.BlindSpot) string { return b.Text })
	section(e, "to be known besides", u.Caveats, func(s string) string { return s })
	section(e, "unusual in the last 30 days", u.Signals, func(s behave.Signal) string {
		return fmt.Sprintf("%s  %s: %s", s.First.Format("2006-01-02 15:04"), s.Severity, s.Sentence)
	})
	e.showSharing("shared: used side by side", u.Shared)
	e.showSharing("possibly shared: used side by side in different places, at different hours or inside and from the internet", u.PossiblyShared)
	consumers, actions := u.Consumers, u.Actions
	if !all {
		consumers, actions = consumers[:min(10, len(consumers))], actions[:min(10, len(actions))]
	}
	if n := len(u.Consumers) - len(consumers); n > 0 {
		e.printf("\n%d earlier consumers and %d earlier actions are shown with --all\n", n, len(u.Actions)-len(actions))
	} else if n := len(u.Actions) - len(actions); n > 0 {
		e.printf("\n%d earlier actions are shown with --all\n", n)
	}
	section(e, "consumers", consumers, func(c app.UsageConsumer) string {
		text := fmt.Sprintf("%s %s: %s, %s to %s", c.Kind, c.Name, counts(c.Uses, c.Denied), day(c.First), day(c.Last))
		if n := len(c.Changes); n > 0 {
			text += "; " + changeWords(c.Changes[n-1])
		}
		return text
	})
	section(e, "actions", actions, func(x app.UsageAction) string {
		what := x.Action
		if what == "" {
			what = x.Operation
		}
		if x.Resource != "" {
			what += " on " + x.Resource
		}
		return fmt.Sprintf("%s: %s, last %s", what, counts(x.Uses, x.Denied), day(x.Last))
	})
	e.showHistory(u.History, all)
	e.showUnused(u.UnusedGrants)
	e.showRaises(u.Raises, all)
}

// maxChanges is how much of what was concluded before is shown.
const maxChanges = 5

// showHistory tells what was concluded when, and what had changed.
func (e *env) showHistory(changes []app.UsageChange, all bool) {
	shown := changes
	if !all {
		shown = changes[:min(maxChanges, len(changes))]
	}
	section(e, "usage status over time", shown, func(c app.UsageChange) string {
		text := fmt.Sprintf("%s  %s (%s)", c.At.Format("2006-01-02 15:04"), statusWord(c.Verdict), c.Evidence)
		if !c.SilentSince.IsZero() {
			text += ", silent since " + day(c.SilentSince)
		}
		for _, w := range c.Why {
			text += "; " + strings.TrimSuffix(w.Text, ".")
		}
		return text
	})
	if n := len(changes) - len(shown); n > 0 {
		e.printf("  and %d earlier: --all\n", n)
	}
}

// maxRaises is how many ways to better evidence are shown; the best are first.
const maxRaises = 5

// showRaises tells what would raise the evidence.
func (e *env) showRaises(raises []verdict.Raise, all bool) {
	shown := raises
	if !all {
		shown = raises[:min(maxRaises, len(raises))]
	}
	section(e, "would raise the evidence", shown, func(r verdict.Raise) string {
		text := fmt.Sprintf("%s: %s", app.EvidenceWord(r.Grade), r.Text)
		if r.Cost != "" {
			text += " (" + r.Cost + ")"
		}
		return text
	})
	if n := len(raises) - len(shown); n > 0 {
		e.printf("  and %d more: --all\n", n)
	}
}

// showUnused tells what is granted and was not used.
func (e *env) showUnused(u *replay.UnusedGrants) {
	if u == nil || !u.Known {
		return
	}
	text := func(g replay.UnusedGrant) string {
		what := g.Sentence
		if !g.Whole && len(g.Actions) > 0 {
			what += ": " + few(g.Actions)
		}
		if len(g.Used) > 0 {
			what += " but for " + few(g.Used)
		}
		if len(g.Resources) > 0 {
			what += ", on " + few(g.Resources)
		}
		if g.Document != "" {
			what += " (" + strings.TrimSpace(g.Document+" "+g.Statement) + ")"
		}
		if !g.GrantedSince.IsZero() {
			what += ", granted only since " + g.GrantedSince.Format(time.DateOnly)
		}
		return what
	}
	section(e, "granted and not used", u.Unused, text)
	if len(u.Unused) > 0 && !u.GrantsKnownFrom.IsZero() {
		e.printf("  what was granted before %s is not known\n", u.GrantsKnownFrom.Format(time.DateOnly))
	}
	section(e, "granted too lately to have been used", u.Recent, text)
	section(e, "granted, and the log cannot show its use", u.Unseen, func(g replay.UnusedGrant) string { return text(g) + ": " + g.Because })
}

func statusWord(s verdict.Status) string { return strings.ReplaceAll(string(s), "_", " ") }

func counts(uses, denied int64) string {
	switch {
	case denied == 0:
		return fmt.Sprintf("%d uses", uses)
	case uses == 0:
		return fmt.Sprintf("%d refused", denied)
	}
	return fmt.Sprintf("%d uses, %d refused", uses, denied)
}

func (e *env) verdictsCommand() *cobra.Command {
	var f listFlags
	var status, grade, kind, asof string
	var shared bool
	l := &cobra.Command{
		Use:   "list",
		Short: "List the usage status of identities and credentials, with its evidence",
		Example: `  retinue verdicts list --status dormant --grade A
  retinue verdicts list --of credentials --format csv
  retinue verdicts list --shared
  retinue verdicts list --status dormant --as-of 2026-03-01`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			q := store.VerdictQuery{Status: strings.ReplaceAll(status, " ", "_"), Grade: retinue.Grade(strings.ToUpper(grade)), Shared: shared, NonHuman: true}
			if asof != "" {
				at, err := parseTime("--as-of", asof)
				if err != nil {
					return err
				}
				if shared {
					return usageError{errors.New("--shared: what was shared is not known of the past: leave out --as-of")}
				}
				q.AsOf = at
			}
			switch {
			case kind == "identities":
				q.Type = retinue.FactIdentity
			case kind == "credentials":
				q.Type = retinue.FactCredential
			case kind != "":
				return usageError{fmt.Errorf("--of %q: want identities or credentials", kind)}
			}
			if status != "" && !slices.Contains(verdict.Statuses(), verdict.Status(q.Status)) {
				return usageError{fmt.Errorf("--status %q: want one of %v", status, verdict.Statuses())}
			}
			if grade != "" && !slices.Contains([]retinue.Grade{retinue.GradeA, retinue.GradeB, retinue.GradeC, retinue.GradeD}, q.Grade) {
				return usageError{fmt.Errorf("--grade %q: want A, B, C or D", grade)}
			}
			return e.ask(cmd.Context(), func(s estate) error {
				return list(e, f, s.verdicts(cmd.Context(), q, f.limit), verdictCells(), noVerdicts(q))
			})
		},
	}
	fl := l.Flags()
	fl.StringVar(&f.format, "format", "table", "table, json or csv")
	fl.IntVar(&f.limit, "limit", 0, "print at most so many rows (default: every row)")
	fl.StringVar(&status, "status", "", "active, idle, dormant, never_used or unknown")
	fl.StringVar(&grade, "grade", "", "A (complete), B (good), C (weak) or D (none)")
	fl.BoolVar(&shared, "shared", false, "only what several consumers share")
	fl.StringVar(&asof, "as-of", "", "as it was concluded at a `time`: a date (its end), a time, or an age such as 30d")
	fl.StringVar(&kind, "of", "", "identities or credentials (default: both)")
	return group("verdicts", "Verdicts: whether identities and credentials are still used", l)
}

// noVerdicts says why a list of verdicts is empty: nothing was concluded yet, or
// nothing is so.
func noVerdicts(q store.VerdictQuery) string {
	if q.Status != "" || q.Grade != "" || q.Shared || q.Type != "" || !q.AsOf.IsZero() {
		return "no verdict is of that kind: `retinue verdicts list` shows all that there are"
	}
	return "no verdicts: scan a system, and import its logs with `retinue activity import`"
}

func verdictCells() []cell[app.VerdictLine] {
	return []cell[app.VerdictLine]{
		{"id", func(v app.VerdictLine) string { return string(v.ID) }},
		{"kind", func(v app.VerdictLine) string { return v.Kind }},
		{"name", func(v app.VerdictLine) string { return v.Name }},
		{"status", func(v app.VerdictLine) string { return statusWord(v.Status) }},
		{"evidence", func(v app.VerdictLine) string { return v.Evidence }},
		{"last used", func(v app.VerdictLine) string { return day(v.LastUsed) }},
		{"dormant on", func(v app.VerdictLine) string { return day(v.DormantOn) }},
		{"reason", func(v app.VerdictLine) string { return v.Reason }},
	}
}
