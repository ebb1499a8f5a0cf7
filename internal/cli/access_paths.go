package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/app"
)

const pathsHelp = `Boundaries, organisation policies, denies, conditions and trust policies are in
force, and what needs a function, an instance, a task or a pod needs one that is
there; where those were not read, the step says what it assumes. A way is only
possible where a step has a condition that the caller does not choose, such as
the address or a second factor.`

func (e *env) accessEscalationsCommand() *cobra.Command {
	var f askFlags
	to := "admin"
	c := &cobra.Command{
		Use:   "escalations",
		Short: "List the identities that can reach an administrator",
		Long: `Escalations lists every identity that is an administrator of its system or can
come to act as one, in whatever system, with the shortest way. What makes an
administrator of each system is in docs/access.md; of AWS it is every action on
"*" without a condition. With --to it lists who comes to another target.

` + pathsHelp + `

With --format json it prints an array of {"identity", "target", "hops"}, in which
each hop is {"technique", "from", "to", "because"}; an administrator has
"already": true and no hops.`,
		Example: "  retinue access escalations\n  retinue access escalations --state authz.json --format json\n  retinue access escalations --language kubernetes\n  retinue access escalations --to arn:aws:iam::111122223333:role/prod",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withAccess(cmd.Context(), f, func(x *app.Access) error {
				list, err := x.Escalations(cmd.Context(), app.EscalationQuery{To: to, Language: f.lang, Realm: retinue.Realm(f.realm)})
				if err != nil {
					return err
				}
				e.sayMorePaths(list.Gaps)
				if f.format == "json" {
					return e.json(list.List)
				}
				e.printEscalations(list.List, to)
				return nil
			})
		},
	}
	f.add(c)
	f.addRealm(c, "only the identities of this system, such as aws:111122223333")
	f.addLanguage(c)
	c.Flags().StringVar(&to, "to", to, `what is to be reached: "admin", or a thing by its id, key or name`)
	return c
}

func (e *env) accessAttackPathsCommand() *cobra.Command {
	var f askFlags
	var to string
	c := &cobra.Command{
		Use:   "attack-paths FROM",
		Short: "List what the holder of an identity or credential can come to act as",
		Long: `Attack-paths lists every identity that whoever holds a thing can come to act as,
in whatever system, nearest first, with the steps. FROM and TARGET are ids, the
vendors' own keys, or names that only one thing has. With --to it shows the way to
one thing, which may be of any kind, such as a secret or a table.

` + pathsHelp,
		Example: "  retinue access attack-paths arn:aws:iam::111122223333:user/ci\n  retinue access attack-paths .github/workflows/deploy.yml --to app_rw\n  retinue access attack-paths crd_01j… --format json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withAccess(cmd.Context(), f, func(x *app.Access) error {
				ways, gaps, err := x.AttackPaths(cmd.Context(), args[0], retinue.Realm(f.realm), to)
				if err != nil {
					return err
				}
				e.sayMorePaths(gaps)
				if f.format == "json" {
					return e.json(ways)
				}
				e.printWays(args[0], to, ways)
				return nil
			})
		},
	}
	f.add(c)
	f.addRealm(c, "the system of FROM, where several have one of that name")
	c.Flags().StringVar(&to, "to", "", "only the way to this thing")
	return c
}

func (e *env) sayMorePaths(gaps []string) {
	for _, gap := range gaps {
		e.say("not all was read, so that there may be more paths: %s", retinue.CleanName(gap))
	}
}

func (e *env) printEscalations(list []app.Escalation, to string) {
	already, can := 0, 0
	for _, x := range list {
		if x.Already {
			already++
			e.printf("%s is an administrator\n", whose(x))
		}
	}
	for _, x := range list {
		if x.Already {
			continue
		}
		can++
		what := "can become one"
		if to != "admin" {
			what = "can reach " + retinue.CleanName(x.Target)
		}
		if x.Possible {
			what += ", under conditions"
		}
		e.printf("%s %s:\n", whose(x), what)
		e.printHops(x.Hops)
	}
	if to != "admin" {
		e.printf("%d can reach it\n", can)
		return
	}
	e.printf("%d administrators, %d more that can become one\n", already, can)
}

func whose(x app.Escalation) string {
	if x.Realm == "" {
		return retinue.CleanName(x.Identity)
	}
	return retinue.CleanName(x.Identity + " of " + string(x.Realm))
}

func (e *env) printWays(from, to string, ways []app.AccessWay) {
	if len(ways) == 0 {
		if to != "" {
			e.printf("%s does not come to %s\n", retinue.CleanName(from), retinue.CleanName(to))
			return
		}
		e.printf("%s can act as nothing but itself\n", retinue.CleanName(from))
	}
	for _, w := range ways {
		text := w.Identity
		if w.Admin {
			text += ", an administrator then"
		}
		if w.Possible {
			text += ", under conditions"
		}
		e.printf("%s\n", retinue.CleanName(text))
		e.printHops(w.Hops)
	}
}

func (e *env) printHops(hops []app.AccessHop) {
	for i, h := range hops {
		text := fmt.Sprintf("  %d. %s → %s by %s", i+1, h.From, h.To, h.Technique)
		if h.Through != "" {
			text += " on " + h.Through
		}
		if h.Assumes != "" {
			text += ", if " + h.Assumes
		}
		if len(h.Remains) > 0 {
			text += ", only if " + strings.TrimPrefix(access.Decision{Outcome: access.Conditional, Remains: h.Remains}.Sentence(), "allowed only if ")
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
