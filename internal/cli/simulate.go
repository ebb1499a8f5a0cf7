package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// simulateFlags are the flags of all simulations.
type simulateFlags struct {
	format string
	all    bool
}

func (f *simulateFlags) add(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&f.format, "format", "text", "text or json")
	c.Flags().BoolVar(&f.all, "all", false, "every use with its fate, those that go on included")
	return c
}

func (e *env) simulateCommand() *cobra.Command {
	return group("simulate", "Simulate: what a change would have refused of what was really done",
		e.simulateDisable(), e.simulateRevoke(), e.simulatePolicy(), e.simulateSplit(), e.simulateDeny())
}

// simulate runs a simulation of an identity or credential and shows it.
func (e *env) simulate(ctx context.Context, f simulateFlags, word string, q app.SimulationQuestion) error {
	if f.format != "text" && f.format != "json" {
		return usageError{fmt.Errorf("--format %q: want text or json", f.format)}
	}
	return e.ask(ctx, func(at estate) (err error) {
		if q.ID, err = findUser(ctx, at, word); err != nil {
			return err
		}
		s, err := at.simulate(ctx, q)
		if err != nil {
			return err
		}
		if f.format == "json" {
			return e.json(s)
		}
		e.showSimulation(s, f.all)
		return nil
	})
}

func (e *env) simulateDisable() *cobra.Command {
	var f simulateFlags
	return f.add(&cobra.Command{
		Use:   "disable IDENTITY|CREDENTIAL",
		Short: "Say who would notice if an identity or credential were disabled",
		Long: `Disable says which past uses would have been refused had the identity or the
credential been disabled before them: by which consumers, when last. Uses of which
the log does not say with which credential they were made cannot be judged for a
credential, and are told.`,
		Example: "  retinue simulate disable arn:aws:iam::111122223333:user/ci\n  retinue simulate disable crd_01j8z3x6v9 --format json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.simulate(cmd.Context(), f, args[0], app.SimulationQuestion{Change: app.ChangeDisable})
		},
	})
}

func (e *env) simulateRevoke() *cobra.Command {
	var f simulateFlags
	var grants []string
	c := f.add(&cobra.Command{
		Use:   "revoke IDENTITY --grant REF",
		Short: "Say which past uses hung on a grant",
		Long: `Revoke replays what an identity did as if it had not had a grant. REF is the
document that grants, as "retinue access can IDENTITY" names it: the ARN of a
policy, an inline policy, a binding. What another grant gives too goes on.`,
		Example: "  retinue simulate revoke ci --grant arn:aws:iam::aws:policy/AdministratorAccess",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(grants) == 0 {
				return usageError{errors.New("--grant is missing: name the document that grants")}
			}
			return e.simulate(cmd.Context(), f, args[0], app.SimulationQuestion{Change: app.ChangeRevoke, Grants: grants})
		},
	})
	c.Flags().StringArrayVar(&grants, "grant", nil, "document that grants; more than once for several")
	return c
}

func (e *env) simulatePolicy() *cobra.Command {
	var f simulateFlags
	var policy, with string
	c := f.add(&cobra.Command{
		Use:   "policy IDENTITY --policy REF --with FILE",
		Short: "Say which past uses a smaller AWS policy would have refused",
		Long: `Policy replays what an AWS user or role did as if one of its policies had had
another document. REF is the policy's ARN, or the name of an inline one. The other
policies, the boundary and the organisation's policies stay in force.`,
		Example: "  retinue simulate policy ci --policy ci-all --with smaller.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if policy == "" || with == "" {
				return usageError{errors.New("want --policy with what is replaced and --with with the file of the new document")}
			}
			document, err := e.document(with)
			if err != nil {
				return err
			}
			return e.simulate(cmd.Context(), f, args[0], app.SimulationQuestion{Change: app.ChangePolicy, Policy: policy, Document: string(document)})
		},
	})
	c.Flags().StringVar(&policy, "policy", "", "policy that is replaced: its ARN or name")
	c.Flags().StringVar(&with, "with", "", `file with the new document; "-" is standard input`)
	return c
}

func (e *env) simulateSplit() *cobra.Command {
	var f simulateFlags
	return f.add(&cobra.Command{
		Use:   "split IDENTITY",
		Short: "Say who would go with what if each consumer had an identity of its own",
		Long: `Split divides what an identity did among its consumers: each with the permissions
and resources that an identity of its own would need. Uses of which the log does
not say who made them are told.`,
		Example: "  retinue simulate split shared-deploy --format json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.simulate(cmd.Context(), f, args[0], app.SimulationQuestion{Change: app.ChangeSplit})
		},
	})
}

func (e *env) simulateDeny() *cobra.Command {
	var f simulateFlags
	var environment string
	c := f.add(&cobra.Command{
		Use:   "deny IDENTITY --environment ENVIRONMENT",
		Short: "Say which past uses closing an environment would have refused",
		Long: `Deny says which past uses were on resources of an environment, by their label,
their source or what contains them. Uses on what has none cannot be judged.`,
		Example: "  retinue simulate deny ci --environment production",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if environment == "" {
				return usageError{fmt.Errorf("--environment is missing: want one of %v", retinue.Environments())}
			}
			return e.simulate(cmd.Context(), f, args[0], app.SimulationQuestion{Change: app.ChangeDeny, Environment: retinue.Environment(environment)})
		},
	})
	c.Flags().StringVar(&environment, "environment", "", "environment that is closed, such as production")
	return c
}

// showSimulation says first what a person acts on.
func (e *env) showSimulation(s app.Simulation, all bool) {
	e.printf("%s\n", retinue.CleanName(s.Change))
	if len(s.Shares) > 0 {
		e.showShares(s.Shares)
	} else {
		e.showRefused(s)
	}
	e.showNotJudged(s.Result, replay.Unjudged, "cannot be judged")
	e.showNotJudged(s.Result, replay.Unexplained, "not explained by what is known of access, and not judged")
	if s.AllowedThen > 0 {
		e.printf("%s of them allowed by what was granted then, and denied by what is granted now\n", counted64(s.AllowedThen, "use"))
	}
	c := s.Coverage
	e.printf("\n%d of %s judged (%d of %s)", c.Judged, counted64(c.Uses, "use"), c.JudgedBehaviours, counted(c.Behaviours, "kind"))
	if c.Denied > 0 {
		e.printf("; %d attempts were refused when they were made, and are no uses", c.Denied)
	}
	e.printf("\n")
	window := "no log covers it"
	if !s.Window.From.IsZero() {
		window = fmt.Sprintf("the log covers %s to %s", day(s.Window.From), day(s.Window.To))
	}
	e.printf("%s (evidence %s)\n", window, s.Evidence)
	for _, g := range s.Window.Gaps {
		e.printf("uses may be missing: gap from %s to %s\n", day(g.From), day(g.To))
	}
	for _, text := range missingText(s) {
		e.printf("%s\n", text)
	}
	for _, g := range s.Gaps {
		e.printf("not all of access was read: %s\n", retinue.CleanName(g))
	}
	if s.LinesLeft > 0 {
		e.printf("%s of use not listed\n", counted(s.LinesLeft, "further kind"))
	}
	if all {
		section(e, "every use", s.Lines, func(l replay.Line) string {
			return fmt.Sprintf("%s: %s by %s, %s, last %s", l.Fate, callText(l), consumerText(l.Consumer), counted64(l.Uses, "use"), day(l.Last))
		})
	}
}

func (e *env) showRefused(s app.Simulation) {
	if len(s.RefusedBy) == 0 {
		if s.Coverage.Uses == 0 {
			e.printf("no use is on record: nothing can be said of what it would refuse\n")
			return
		}
		e.printf("nothing that could be judged would have been refused\n")
		return
	}
	last := s.RefusedBy[0].Last
	e.printf("%s would be refused: %s, last on %s\n", counted(len(s.RefusedBy), "consumer"), counted64(s.Counts[replay.Refused], "use"), day(last))
	for _, a := range s.RefusedBy[:min(len(s.RefusedBy), maxTold)] {
		e.printf("  %s\n", retinue.CleanName(fmt.Sprintf("%s: %s, last on %s (%s)", consumerText(a.Consumer), counted64(a.Uses, "use"), day(a.Last), few(a.Actions))))
	}
	if n := len(s.RefusedBy) - maxTold; n > 0 {
		e.printf("  and %d more (--format json lists all)\n", n)
	}
}

func (e *env) showShares(shares []replay.Share) {
	e.printf("%s, each with an identity of its own:\n", counted(len(shares), "consumer"))
	for _, s := range shares {
		e.printf("  %s\n", retinue.CleanName(fmt.Sprintf("%s: %s, last on %s", consumerText(s.Consumer), counted64(s.Uses, "use"), day(s.Last))))
		for _, n := range s.Needs[:min(len(s.Needs), maxTold)] {
			e.printf("    %s\n", retinue.CleanName(callText(replay.Line{Action: n.Action, Operation: n.Operation, Resource: n.Resource})))
		}
		if n := len(s.Needs) - maxTold; n > 0 {
			e.printf("    and %d more (--format json lists all)\n", n)
		}
	}
}

// showNotJudged tells the uses of a fate by their reason.
func (e *env) showNotJudged(r replay.Result, fate replay.Fate, title string) {
	if r.Counts[fate] == 0 {
		return
	}
	e.printf("%s %s:\n", counted64(r.Counts[fate], "use"), title)
	lines := r.Of(fate)
	for _, l := range lines[:min(len(lines), maxTold)] {
		e.printf("  %s\n", retinue.CleanName(fmt.Sprintf("%s by %s, last on %s: %s", callText(l), consumerText(l.Consumer), day(l.Last), l.Why)))
	}
	if n := len(lines) - maxTold; n > 0 {
		e.printf("  and %d more kinds (--format json lists all)\n", n)
	}
}

func callText(l replay.Line) string {
	text := cmp.Or(l.Action, l.Operation, "an entry of "+l.Log)
	if l.Resource != "" {
		text += " on " + l.Resource
	}
	return text
}

func consumerText(c replay.Consumer) string {
	if c.Name == "" {
		return "somebody whom the log does not name"
	}
	return c.Kind + " " + c.Name
}

func counted64(n int64, noun string) string { return counted(int(n), noun) }

// missingText says why uses may not be on record.
func missingText(s app.Simulation) []string {
	const named = 3
	var out []string
	for _, b := range s.Missing[:min(len(s.Missing), named)] {
		out = append(out, "uses may be missing: "+retinue.CleanName(b.Text))
	}
	if n := len(s.Missing) - named; n > 0 {
		out = append(out, fmt.Sprintf("uses may be missing for %s (retinue usage %s lists all)", counted(n, "further reason"), s.ID))
	}
	return out
}
