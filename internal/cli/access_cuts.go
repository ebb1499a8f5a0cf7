package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) accessCutsCommand() *cobra.Command {
	var f askFlags
	var target string
	c := &cobra.Command{
		Use:   "cuts --target TARGET",
		Short: "Find the fewest removals that put a target out of reach",
		Long: `Cuts finds the smallest set of grants, memberships, trusts and placements whose
removal leaves nobody a way to a target, and of several as small the one with the
fewest recorded uses. TARGET is "admin", for every administrator of the systems or
of --realm, or a thing by its id, key or name. Administrators count as targets and
not as those who come to them.

Each removal says how many would lose every way by it alone. Who keeps a way
whatever is removed is listed with it.`,
		Example: "  retinue access cuts --target admin --realm aws:111122223333\n  retinue access cuts --target arn:aws:s3:::invoices --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if target == "" {
				return usageError{errors.New(`--target is missing: want "admin" or a thing by its id, key or name`)}
			}
			return e.withAccess(cmd.Context(), f, func(x *app.Access) error {
				cut, err := x.Cuts(cmd.Context(), target, retinue.Realm(f.realm))
				if err != nil {
					return err
				}
				e.sayMorePaths(cut.Gaps)
				if f.format == "json" {
					return e.json(cut)
				}
				e.printCut(cut)
				return nil
			})
		},
	}
	f.add(c)
	f.addRealm(c, "the system of the target, or whose administrators are the target")
	c.Flags().StringVar(&target, "target", "", `what is to be out of reach: "admin", or a thing by its id, key or name`)
	return c
}

func (e *env) printCut(cut app.Cut) {
	exact := "no fewer would do"
	if !cut.Exact {
		exact = fmt.Sprintf("at least %d are needed", cut.AtLeast)
	}
	switch {
	case cut.Before == 0:
		e.printf("nobody comes to the target\n")
	case len(cut.Remove) == 0:
		e.printf("%d come to the target, and no removal keeps them from it\n", cut.Before)
	default:
		e.printf("%d come to the target; %s end every way but those below, and %s:\n", cut.Before, counted(len(cut.Remove), "removal"), exact)
	}
	for _, g := range cut.Remove {
		text := fmt.Sprintf("  %s of %s", strings.TrimSpace(g.Reason.Layer+" "+strings.TrimSpace(g.Reason.Document+" "+g.Reason.Statement)), g.Subject.Key)
		var marks []string
		if g.Alone != nil {
			marks = append(marks, fmt.Sprintf("%d lose every way by it alone", *g.Alone))
		}
		if g.Used != nil {
			marks = append(marks, map[bool]string{true: "a use is on record", false: "no use is on record"}[*g.Used])
		}
		if len(marks) > 0 {
			text += " (" + strings.Join(marks, "; ") + ")"
		}
		e.printf("%s\n", retinue.CleanName(text))
	}
	for _, o := range cut.Open {
		e.printf("%s keeps a way:\n", retinue.CleanName(o.Identity))
		e.printHops(o.Hops)
	}
}
