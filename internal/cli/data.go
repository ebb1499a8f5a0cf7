package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) dataCommand() *cobra.Command {
	return group("data", "Reference data: the actions and policies that clouds know", e.dataShowCommand(), e.dataUpdateCommand(), e.dataResetCommand())
}

func (e *env) dataShowCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "show",
		Short: "Show which reference data is in force, and of which day",
		Long: `Show which reference data is in force: AWS's actions with their access levels,
resource types and condition keys, and the policies that AWS manages. What a
scanned account says of its own policies goes before it.`,
		Example: `  retinue data show`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			return e.with(cmd.Context(), func(a *app.App) error {
				r, err := a.Reference(cmd.Context())
				if err != nil {
					return err
				}
				return e.showReference(r, format)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func (e *env) dataUpdateCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "update FILE",
		Short: "Bring in newer reference data from a file",
		Long: `Bring in newer reference data from a file, without a newer program. The file is
made on a machine with npm and this source code:

  go run ./internal/access/awsdata/generate -latest -out reference.zip

It is checked whole before anything is changed, replaces the copy in the
program from then on, and gives way to a program that has newer.`,
		Example: `  retinue data update reference.zip`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("%w: read reference data: %v", retinue.ErrInvalid, err)
			}
			defer func() { _ = f.Close() }()
			return e.with(cmd.Context(), func(a *app.App) error {
				r, err := a.UpdateReference(cmd.Context(), f)
				if err != nil {
					return err
				}
				return e.showReference(r, format)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func (e *env) dataResetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reset",
		Short:   "Go back to the reference data of the program",
		Example: `  retinue data reset`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(a *app.App) error {
				r, err := a.ResetReference(cmd.Context())
				if err != nil {
					return err
				}
				return e.showReference(r, "text")
			})
		},
	}
}

func (e *env) showReference(r app.ReferenceData, format string) error {
	if format == "json" {
		return e.json(r)
	}
	from := "the copy in the program"
	if !r.BroughtIn.IsZero() {
		from = "brought in on " + r.BroughtIn.Format(time.DateOnly) + "; the copy in the program is of " + r.Embedded.Format(time.DateOnly)
	}
	e.printf("%s: of %s (%s)\n", r.Name, r.Date.Format(time.DateOnly), from)
	e.printf("  %d services, %d actions, %d managed policies\n", r.Services, r.Actions, r.Policies)
	for _, s := range r.Sources {
		e.printf("  from %s %s, %s licence\n", s.Name, s.Version, s.Licence)
	}
	e.printf("kubernetes: %d default roles of %s (the copy in the program)\n", r.DefaultRoles, r.Kubernetes)
	return nil
}
