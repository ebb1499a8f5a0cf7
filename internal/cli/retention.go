package cli

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) pruneCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "prune",
		Short: "Delete what is older than it is to be kept",
		Long: `Delete what is older than the retention settings say, as the server does once a
day: what things were like before, replaced runs, resolved findings and the
like. What is in force is never deleted, nor is any record of the audit log.
What was deleted is kept on record.`,
		Example: "  retinue prune",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(a *app.App) error {
				pruned, err := a.Prune(cmd.Context())
				for _, p := range pruned {
					_, _ = fmt.Fprintf(e.out, "%s: deleted %d from before %s\n", p.Class, p.Rows, p.Until.Format(time.DateOnly))
				}
				if err == nil && len(pruned) == 0 {
					_, _ = fmt.Fprintln(e.out, "Nothing is older than it is to be kept.")
				}
				return err
			})
		},
	}
}

func (e *env) purgeCommand() *cobra.Command {
	var person []string
	c := &cobra.Command{
		Use:   "purge --person WORD",
		Short: "Erase the personal data of a person",
		Long: `Erase the personal data of a person: the names beside records of the audit log,
earlier owners and registrations, and what sources stated of them. Give every
word by which they are known, such as e-mail address and name. The audit log
stays whole: it holds commitments, which do not tell the name.

A person who still answers for something, or whom a source still states, is
refused.`,
		Example: "  retinue purge --person ada@example.com --person 'Ada Example'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(person) == 0 {
				return usageError{fmt.Errorf("%w: purge: give --person", retinue.ErrInvalid)}
			}
			return e.with(cmd.Context(), func(a *app.App) error {
				n, err := a.PurgePerson(cmd.Context(), app.Actor(), person)
				for _, k := range slices.Sorted(maps.Keys(n)) {
					_, _ = fmt.Fprintf(e.out, "%s: %d\n", k, n[k])
				}
				return err
			})
		},
	}
	c.Flags().StringArrayVar(&person, "person", nil, "a word by which the person is known; give each")
	return c
}
