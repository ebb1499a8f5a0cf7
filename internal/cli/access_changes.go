package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

func (e *env) accessChangesCommand() *cobra.Command {
	since, format := "30d", "text"
	c := &cobra.Command{
		Use:   "changes",
		Short: "List how scans changed what identities can come to",
		Long: `Changes lists who became an administrator or comes to one, whom a trust newly
admits, and who came to production or to classed data, the newest first. A document
that says the same in other words is no change, nor is what the first scan of a
source found.`,
		Example: "  retinue access changes --since 7d",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %q: want text or json", format)}
			}
			from, err := parseTime("--since", since)
			if err != nil {
				return err
			}
			return e.with(cmd.Context(), func(a *app.App) error {
				list := []store.AccessChange{}
				q := store.AccessChangeQuery{At: store.Window{From: from}, Limit: store.MaxPage}
				for {
					page, err := a.AccessChanges(cmd.Context(), store.Everything(), q)
					if err != nil {
						return err
					}
					list = append(list, page...)
					if len(page) < q.Limit {
						break
					}
					q.Before = page[len(page)-1].Key
				}
				if format == "json" {
					return e.json(list)
				}
				for _, x := range list {
					e.printf("%s  %s  %s: %s\n", x.At.UTC().Format(time.RFC3339), x.Kind, retinue.CleanName(x.Name), retinue.CleanName(x.Text))
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&since, "since", since, "since a date, a time or an age")
	c.Flags().StringVar(&format, "format", format, "text or json")
	return c
}
