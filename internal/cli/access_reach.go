package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) accessBlastRadiusCommand() *cobra.Command {
	var f askFlags
	var inverse bool
	limit := 50
	c := &cobra.Command{
		Use:   "blast-radius THING",
		Short: "Say what the holder of a credential or identity comes to",
		Long: `Blast-radius lists what whoever holds a thing comes to, in whatever system:
identities, credentials, data and places, gravest first. THING is an id (idn_…,
crd_…, res_…), the vendor's own key, or a name that only one thing has. With
--inverse it lists who comes to the thing.

What is "possible" has a condition on the way that the caller does not choose, or
rests on something that was not read; the rest is certain.`,
		Example: `  retinue access blast-radius crd_01j…
  retinue access blast-radius arn:aws:iam::111122223333:user/ci --format json
  retinue access blast-radius arn:aws:s3:::invoices --inverse`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if limit < 0 {
				return usageError{fmt.Errorf("--limit %d: want 0 or more", limit)}
			}
			return e.withAccess(ctx, f, func(x *app.Access) error {
				ask := x.BlastRadius
				if inverse {
					ask = x.Reachers
				}
				b, err := ask(ctx, args[0], retinue.Realm(f.realm), limit)
				if err != nil {
					return err
				}
				if f.format == "json" {
					return e.json(b)
				}
				e.printBlast(b)
				return nil
			})
		},
	}
	f.add(c)
	f.addRealm(c, "the system of the thing, where several have one of that name")
	c.Flags().BoolVar(&inverse, "inverse", false, "list who comes to the thing instead")
	c.Flags().IntVar(&limit, "limit", limit, "list at most so many things; 0 lists all")
	return c
}

func (e *env) printBlast(b app.BlastRadius) {
	name := retinue.CleanName(b.Of.Key)
	what := name + " comes to"
	if b.Inverse {
		what = "to " + name + " come"
	}
	e.printf("%s %s, %d of them for certain; %d administer their system\n", what, counted(b.Total, "thing"), b.Certain, b.Administrators)
	for _, part := range []struct {
		title string
		count map[string]int
	}{{"kinds", b.Kinds}, {"environments", b.Environments}, {"data", b.DataClasses}} {
		if len(part.count) == 0 {
			continue
		}
		var list []string
		for _, k := range slices.Sorted(maps.Keys(part.count)) {
			list = append(list, fmt.Sprintf("%d %s", part.count[k], strings.ReplaceAll(k, "_", " ")))
		}
		e.printf("  %s: %s\n", part.title, retinue.CleanName(strings.Join(list, ", ")))
	}
	for _, t := range b.Things {
		var marks []string
		if t.Administrator {
			marks = append(marks, "administrator")
		}
		if t.Environment != "" {
			marks = append(marks, string(t.Environment))
		}
		if t.DataClass != "" {
			marks = append(marks, t.DataClass)
		}
		if t.Possible {
			marks = append(marks, "possible")
		}
		text := fmt.Sprintf("  %s %s, %s", strings.ReplaceAll(t.Kind, "_", " "), t.Key, counted(t.Hops, "hop"))
		if len(marks) > 0 {
			text += " (" + strings.Join(marks, ", ") + ")"
		}
		if t.How != "" {
			text += ": " + t.How
		}
		e.printf("%s\n", retinue.CleanName(text))
	}
	if n := b.Total - len(b.Things); n > 0 {
		e.printf("  and %d more: see --limit\n", n)
	}
	if b.Hidden {
		e.printf("  and things that you may not see\n")
	}
	e.sayGaps(b.Gaps)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
