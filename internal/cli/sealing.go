package cli

import (
	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) sealingCommand() *cobra.Command {
	return &cobra.Command{Use: "sealing", Short: "Say under which keys kept secrets are sealed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(a *app.App) error {
				s, err := a.Sealing(cmd.Context())
				if err != nil {
					return err
				}
				e.printf("held by: %s\n", s.Kind)
				if s.Problem != "" {
					e.printf("problem: %s\n", s.Problem)
				}
				for _, k := range s.Keys {
					word := "old"
					switch {
					case k.Current:
						word = "current"
					case !k.Held:
						word = "missing"
					}
					e.printf("%s  %s  %d secrets\n", k.ID, word, k.Secrets)
				}
				return nil
			})
		}}
}

func (e *env) resealCommand() *cobra.Command {
	var rotate, retire bool
	c := &cobra.Command{Use: "reseal", Short: "Seal every kept secret under the current sealing key", Args: cobra.NoArgs,
		Long: `Reseal seals every secret that the installation keeps under the current sealing
key: run it after a new key was put in front of RETINUE_SEALING_KEYS, or rotated
in Vault. With --rotate, where the keys are in a file, it makes a new key first.
With --retire it drops old keys of the file afterwards, once nothing is sealed
under them. It can be interrupted at any moment and run again: until the end
every secret opens with one of the keys.`,
		Example: "  retinue keys reseal --rotate --retire",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.with(ctx, func(a *app.App) error {
				begin := a.StartReseal
				if rotate {
					begin = a.RotateSealing
				}
				if err := begin(ctx, app.Actor()); err != nil {
					return err
				}
				r, err := a.FinishReseal(ctx)
				if err != nil {
					return err
				}
				e.say("sealed %d secrets again; %d open with no key and were left", r.Done, r.Lost)
				if !retire {
					return nil
				}
				return a.RetireSealing(ctx, app.Actor())
			})
		}}
	c.Flags().BoolVar(&rotate, "rotate", false, "make a new key first, where the keys are in a file")
	c.Flags().BoolVar(&retire, "retire", false, "drop old keys of the file afterwards")
	return c
}
