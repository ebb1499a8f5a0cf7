package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/app"
)

type accessPathsFlags struct{ state, to, format string }

func (f *accessPathsFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.state, "state", "", "export that the answers rest on, as the connector reads it, instead of the inventory")
	c.Flags().StringVar(&f.format, "format", "text", "text or json")
}

const pathsHelp = `Boundaries, organisation policies, denies, conditions and trust policies are in
force, and what needs a function, an instance or a task needs one that is there;
where those were not read, the step says what it assumes. Conditions that the
caller does not choose, such as the address or a second factor, count as unmet.`

func (e *env) accessEscalationsCommand() *cobra.Command {
	f := accessPathsFlags{to: "admin"}
	c := &cobra.Command{
		Use:   "escalations",
		Short: "List the AWS identities that can reach an administrator",
		Long: `Escalations lists every AWS user and role that is an administrator or can become
one, with the shortest path. An administrator is allowed every action on "*"
without a condition.

` + pathsHelp + `

With --format json it prints an array of {"identity", "target", "hops"}, in which
each hop is {"technique", "from", "to", "because"}; an administrator has
"already": true and no hops.`,
		Example: "  retinue access escalations\n  retinue access escalations --state authz.json --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.to != "admin" {
				return usageError{fmt.Errorf(`--to %q: want "admin"; for another target use: retinue access attack-paths FROM --to TARGET`, f.to)}
			}
			p, err := e.paths(cmd.Context(), f)
			if err != nil {
				return err
			}
			list := p.Escalations()
			if f.format == "json" {
				return e.json(list)
			}
			e.printEscalations(list)
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.to, "to", f.to, `what is to be reached: "admin"`)
	return c
}

func (e *env) accessAttackPathsCommand() *cobra.Command {
	var f accessPathsFlags
	c := &cobra.Command{
		Use:   "attack-paths FROM",
		Short: "List what an AWS identity can come to act as",
		Long: `Attack-paths lists every AWS user and role that the holder of one can come to act
as, nearest first, with the steps. FROM and TARGET are ARNs.

` + pathsHelp,
		Example: "  retinue access attack-paths arn:aws:iam::111122223333:user/ci\n  retinue access attack-paths arn:aws:iam::111122223333:user/ci --to arn:aws:iam::111122223333:role/prod --state authz.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := e.paths(cmd.Context(), f)
			if err != nil {
				return err
			}
			reached, ok := p.From(args[0])
			if !ok {
				return fmt.Errorf("%w: no AWS user or role %s", retinue.ErrNotFound, retinue.CleanName(args[0]))
			}
			if f.to != "" {
				kept := []escalate.Reached{}
				for _, r := range reached {
					if r.ARN == f.to {
						kept = append(kept, r)
					}
				}
				reached = kept
			}
			if f.format == "json" {
				return e.json(reached)
			}
			e.printReached(args[0], reached)
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.to, "to", "", "only paths to this identity")
	return c
}

func (e *env) paths(ctx context.Context, f accessPathsFlags) (p app.Paths, err error) {
	if f.format != "text" && f.format != "json" {
		return p, usageError{errors.New("--format: want text or json")}
	}
	if f.state != "" {
		p, err = app.AccessPathsState(ctx, f.state, app.ScanOptions{Actor: app.Actor(), Getenv: e.getenv})
	} else {
		err = e.with(ctx, func(a *app.App) error {
			var err error
			p, err = a.AccessPaths(ctx)
			return err
		})
	}
	if err != nil {
		return p, err
	}
	for _, gap := range append(p.Partial, p.Gaps...) {
		e.say("not all was read, so that there may be more paths: %s", retinue.CleanName(gap))
	}
	return p, nil
}

func (e *env) printEscalations(list []escalate.Escalation) {
	already, can := 0, 0
	for _, x := range list {
		if x.Already {
			already++
			e.printf("%s is an administrator\n", retinue.CleanName(x.Identity))
		}
	}
	for _, x := range list {
		if !x.Already {
			can++
			e.printf("%s can become one:\n", retinue.CleanName(x.Identity))
			e.printHops(x.Hops)
		}
	}
	e.printf("%d administrators, %d more that can become one\n", already, can)
}

func (e *env) printReached(from string, list []escalate.Reached) {
	if len(list) == 0 {
		e.printf("%s can act as nothing but itself\n", retinue.CleanName(from))
	}
	for _, r := range list {
		as := ""
		if r.Admin {
			as = ", an administrator then"
		}
		e.printf("%s%s\n", retinue.CleanName(r.ARN), as)
		e.printHops(r.Hops)
	}
}

func (e *env) printHops(hops []escalate.Hop) {
	for i, h := range hops {
		text := fmt.Sprintf("  %d. %s → %s by %s", i+1, h.From, h.To, h.Technique)
		if h.Through != "" {
			text += " on " + h.Through
		}
		if h.Assumes != "" {
			text += ", if " + h.Assumes
		}
		var by []string
		for _, b := range h.Because {
			if s := strings.TrimSpace(b.Document + " " + b.Statement); s != "" {
				by = append(by, s)
			}
		}
		e.printf("%s\n", retinue.CleanName(text))
		if len(by) > 0 {
			e.printf("     allowed by %s\n", retinue.CleanName(strings.Join(by, ", ")))
		}
	}
}
