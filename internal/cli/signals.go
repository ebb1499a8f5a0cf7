package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/behave"
)

func (e *env) signalsCommand() *cobra.Command {
	return group("signals", "Signals: what is unusual in use", e.signalsList(), e.signalsDismissals(), e.signalsRevoke())
}

func (e *env) signalsList() *cobra.Command {
	var f listFlags
	var kind, state, since string
	c := &cobra.Command{
		Use:   "list [IDENTITY]",
		Short: "List what is unusual in use, the newest first",
		Long: `List what is unusual in the use of identities and credentials of the last 30 days,
the newest first. Each has a finding, by which it is acknowledged, dismissed or
resolved (retinue findings set), unless it is like one that was dismissed
(silenced) or explained by what was read since (withdrawn). The events behind one
are listed, where events are kept, by retinue activity events --signal FINDING.
People are called by a pseudonym.`,
		Example: `  retinue signals list
  retinue signals list --kind tombstone_use --format json
  retinue signals list arn:aws:iam::111122223333:role/backup --state told`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			q, err := signalQuery(kind, state, since)
			if err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error {
				if len(args) == 1 {
					if q.Entity, err = findUser(cmd.Context(), s, args[0]); err != nil {
						return err
					}
				}
				return list(e, f, s.signals(cmd.Context(), q, f.limit), signalCells(), "nothing unusual was noticed")
			})
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.format, "format", "table", "table, json or csv")
	fl.IntVar(&f.limit, "limit", 0, "print at most so many rows (default: every row)")
	fl.StringVar(&kind, "kind", "", "only this kind: "+kindWords())
	fl.StringVar(&state, "state", "", "told, silenced or withdrawn")
	fl.StringVar(&since, "since", "", "not what ended before this date")
	return c
}

func kindWords() string {
	var out []string
	for _, k := range behave.Kinds() {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

func signalQuery(kind, state, since string) (q store.SignalQuery, err error) {
	if kind != "" {
		if !strings.Contains(", "+kindWords()+",", ", "+kind+",") {
			return q, usageError{fmt.Errorf("--kind %q: want one of %s", kind, kindWords())}
		}
		q.Kinds = []string{kind}
	}
	switch s := store.SignalState(state); s {
	case "":
	case store.SignalTold, store.SignalSilenced, store.SignalWithdrawn:
		q.States = []store.SignalState{s}
	default:
		return q, usageError{fmt.Errorf("--state %q: want told, silenced or withdrawn", state)}
	}
	if since != "" {
		q.Since, err = parseTime("--since", since)
	}
	return q, err
}

func signalCells() []cell[app.SignalRow] {
	return []cell[app.SignalRow]{
		{"last", func(s app.SignalRow) string { return s.Last.Format("2006-01-02 15:04") }},
		{"severity", func(s app.SignalRow) string { return string(s.Severity) }},
		{"kind", func(s app.SignalRow) string { return string(s.Kind) }},
		{"name", func(s app.SignalRow) string { return s.Of.Name }},
		{"state", func(s app.SignalRow) string { return string(s.State) }},
		{"finding", func(s app.SignalRow) string {
			return strings.TrimSpace(string(s.Finding) + " " + string(s.FindingState))
		}},
		{"what", func(s app.SignalRow) string { return s.Sentence }},
	}
}

func (e *env) signalsDismissals() *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use:   "dismissals",
		Short: "List what people said is all right, and what that silences",
		Long: `List the dismissals, the newest first. A signal is dismissed by accepting its
finding: retinue findings set FINDING accepted --reason …`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error {
				all, err := s.dismissals(cmd.Context())
				if err != nil {
					return err
				}
				return list(e, f, func(yield func(app.SignalDismissal, error) bool) {
					for _, d := range all {
						if !yield(d, nil) {
							return
						}
					}
				}, dismissalCells(), "nothing was dismissed")
			})
		},
	}
	c.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	return c
}

func dismissalCells() []cell[app.SignalDismissal] {
	return []cell[app.SignalDismissal]{
		{"id", func(d app.SignalDismissal) string { return string(d.ID) }},
		{"name", func(d app.SignalDismissal) string { return d.Of.Name }},
		{"silences", func(d app.SignalDismissal) string { return d.Silences }},
		{"by", func(d app.SignalDismissal) string { return d.By }},
		{"on", func(d app.SignalDismissal) string { return day(d.At) }},
		{"until", func(d app.SignalDismissal) string { return day(d.Until) }},
		{"revoked", func(d app.SignalDismissal) string { return day(d.RevokedAt) }},
		{"reason", func(d app.SignalDismissal) string { return d.Reason }},
	}
}

func (e *env) signalsRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke DISMISSAL",
		Short: "Take a dismissal back: what it silenced is told again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.ask(cmd.Context(), func(s estate) error {
				err := s.revoke(cmd.Context(), retinue.DismissalID(args[0]))
				if err == nil {
					e.say("revoked: its finding is open again")
				}
				return err
			})
		},
	}
}
