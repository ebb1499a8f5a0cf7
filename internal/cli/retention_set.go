package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

func (e *env) retentionCommand() *cobra.Command {
	return group("retention", "For how long things are kept", e.retentionShow(), e.retentionSet())
}

func (e *env) retentionShow() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "show",
		Short: "Say how long each class of data is kept, and what was deleted last",
		Long: `Show lists the classes of data, for how many days each is kept, and what was
deleted of it last. "for ever" is never deleted.`,
		Example: "  retinue retention show\n  retinue retention show --server https://retinue.example.com --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			s, err := e.retentionSettings(cmd.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				return e.json(s)
			}
			e.showRetention(s)
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func (e *env) retentionSettings(ctx context.Context) (s app.RetentionSettings, err error) {
	if e.remote() {
		r, err := e.dial()
		if err == nil {
			_, err = r.c.Do(ctx, client.Request{Path: "/retention"}, &s)
		}
		return s, err
	}
	err = e.with(ctx, func(a *app.App) error {
		s, err = a.Retention(ctx)
		return err
	})
	return s, err
}

func (e *env) showRetention(s app.RetentionSettings) {
	e.printf("%s\n", cmp.Or(s.Preset, "times of its own"))
	for _, c := range s.Classes {
		e.printf("  %-12s %-12s %s\n", c.Class, keptFor(c.Days), c.About)
		if !c.LastAt.IsZero() {
			e.printf("  %-12s %-12s deleted %s: %d from before %s\n", "", "", day(c.LastAt), c.LastRows, day(c.LastUntil))
		}
	}
	raw := "none"
	if s.RawEvents.Days > 0 {
		raw = fmt.Sprintf("%s, at most %d MB of a day", plural(s.RawEvents.Days, "day", "days"), s.RawEvents.MegabytesPerDay)
	}
	e.printf("  %-12s %-12s %s\n", "events", raw, s.RawEvents.About)
	e.say("%s", s.Records)
}

// keptFor is a number of days in words.
func keptFor(days int) string {
	if days == 0 {
		return "for ever"
	}
	return plural(days, "day", "days")
}

// retentionOutcome is what `retention set` prints as JSON.
type retentionOutcome struct {
	Changes []app.RetentionChange `json:"changes"`
	// DryRun says that nothing was set.
	DryRun bool `json:"dryRun"`
}

func (e *env) retentionSet() *cobra.Command {
	var preset, format string
	var dryRun bool
	c := &cobra.Command{
		Use:   "set CLASS=DAYS… | --preset NAME",
		Short: "Set how long things are kept, with a preview",
		Long: `Set how long classes of data are kept, in days; 0 keeps for ever, and classes that
are not named stay as they are. --preset sets every class: ` + presetNames() + `.
What changes is printed, and before when the next pruning deletes because of it;
--dry-run changes nothing. The server prunes once a day, "retinue prune" at once.

It is on record who set what. How long the events of logs themselves are kept is
said in retinue.yaml (usage.rawDays).`,
		Example: "  retinue retention set --preset 400-days --dry-run\n  retinue retention set usage=800 sessions=90",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			in, err := retentionInput(preset, args)
			if err != nil {
				return err
			}
			return e.with(cmd.Context(), func(a *app.App) error { return e.setRetention(cmd.Context(), a, in, dryRun, format) })
		},
	}
	c.Flags().StringVar(&preset, "preset", "", "set every class: "+presetNames())
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what it would do")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func presetNames() string {
	return strings.Join(slices.Sorted(maps.Keys(store.RetentionPresets())), ", ")
}

// retentionInput reads what is to be set from the command line.
func retentionInput(preset string, args []string) (in app.RetentionInput, err error) {
	switch {
	case preset == "" && len(args) == 0:
		return in, usageError{errors.New("say what to keep for how long: CLASS=DAYS, or --preset")}
	case preset != "" && len(args) > 0:
		return in, usageError{errors.New("--preset sets every class: leave out CLASS=DAYS")}
	case preset != "" && store.RetentionPresets()[preset] == nil:
		return in, usageError{fmt.Errorf("--preset %q: want one of %s", preset, presetNames())}
	case preset != "":
		return app.RetentionInput{Preset: preset}, nil
	}
	in.Days = map[string]int{}
	for _, a := range args {
		class, text, _ := strings.Cut(a, "=")
		days, err := strconv.Atoi(text)
		if _, twice := in.Days[class]; err != nil || twice {
			return in, usageError{fmt.Errorf("%q: want CLASS=DAYS, such as usage=800, each class once", a)}
		}
		if err := (store.Retention{store.RetentionClass(class): days}).Validate(); err != nil {
			return in, usageError{fmt.Errorf("%q: %w", a, err)}
		}
		in.Days[class] = days
	}
	return in, nil
}

func (e *env) setRetention(ctx context.Context, a *app.App, in app.RetentionInput, dryRun bool, format string) error {
	changes, err := a.PreviewRetention(ctx, in)
	if err == nil && !dryRun && len(changes) > 0 {
		_, err = a.ChangeRetention(ctx, app.Actor(), in)
	}
	if err != nil {
		return err
	}
	if format == "json" {
		return e.json(retentionOutcome{Changes: changes, DryRun: dryRun})
	}
	for _, c := range changes {
		e.printf("%-12s %s, before %s\n", c.Class, keptFor(c.To), keptFor(c.From))
		if !c.Before.IsZero() {
			e.printf("%-12s the next pruning deletes what is older than %s\n", "", c.Before.UTC().Format(time.DateOnly))
		}
	}
	switch {
	case len(changes) == 0:
		e.say("it is kept so already: nothing changes")
	case dryRun:
		e.say("nothing was set: leave out --dry-run")
	}
	return nil
}
