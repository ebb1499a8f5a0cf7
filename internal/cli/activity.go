package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) activityCommand() *cobra.Command {
	return group("activity", "Activity: what the logs of systems tell of use", e.activityImport(), e.activityTail(), e.activityEvents(), e.activityCoverage(), e.activityAttest(), e.activityStreams())
}

func (e *env) activityImport() *cobra.Command {
	var format, since string
	var complete, verbose bool
	c := &cobra.Command{
		Use:   "import KIND[=PATH[,OPTION=VALUE…]] …",
		Short: "Read logs, count what they tell, and judge whose use changed",
		Long: `Import reads the logs of systems from files and folders, or live where the kind
can, and counts each event once however often it is read: the same import again
goes on where it stopped. What cannot be read is reported with its place and does
not keep the rest from being counted.

A log that cannot prove that it is whole is weak evidence. If you know that what
you import is all that it held in its time, say so with --complete: your name is
kept with it.

With --server the logs are read here and what they tell is handed in to a server,
which counts it; cut short, the same goes on where it stopped. An account that
manages sources hands in what the logs prove too; what a collector or another
account hands in is weak evidence.

Kinds of log:
` + logsHelp(app.Specs()),
		Example: activityExamples(app.Specs()),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %q: want text or json", format)}
			}
			opt := app.ActivityOptions{Actor: app.Actor(), Complete: complete, Getenv: e.getenv}
			if since != "" {
				var err error
				if opt.Since, err = beginning("--since", since); err != nil {
					return err
				}
			}
			cfg, err := e.settings()
			if err != nil {
				return err
			}
			sources, err := e.sourcesOf(args, cfg)
			if err != nil {
				return err
			}
			if e.remote() {
				return e.handInActivity(cmd.Context(), cfg, sources, opt, format, verbose)
			}
			return e.importActivity(cmd, sources, opt, format, verbose)
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "text", "text or json")
	f.StringVar(&since, "since", "", "leave out older events: a date, a time or an age such as 90d")
	f.BoolVar(&verbose, "verbose", false, "print every blind spot, also those that concern none of your identities")
	f.BoolVar(&complete, "complete", false, "say that what is read is all that the logs held in its time")
	return c
}

func logsHelp(specs []connector.Spec) string {
	var b strings.Builder
	for _, s := range specs {
		if s.Activity == nil {
			continue
		}
		titles := make([]string, len(s.Activity.Logs))
		for i, l := range s.Activity.Logs {
			titles[i] = l.Title
		}
		fmt.Fprintf(&b, "  %-16s %s\n", s.Kind, strings.Join(titles, ", "))
	}
	return strings.TrimRight(b.String(), "\n")
}

func activityExamples(specs []connector.Spec) string {
	var b strings.Builder
	for _, s := range specs {
		if s.Activity != nil && len(s.Activity.Examples) > 0 {
			fmt.Fprintf(&b, "  retinue activity import %-34s %s\n", s.Activity.Examples[0].Form, s.Activity.Examples[0].Help)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// shownFaults is how many faults are printed one by one.
const shownFaults = 20

func (e *env) importActivity(cmd *cobra.Command, sources []app.SourceConfig, opt app.ActivityOptions, format string, verbose bool) (err error) {
	a, err := e.open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	p := newProgress(e.err, len(sources))
	faults := newFaultList(shownFaults)
	opt.OnProgress, opt.OnFault = p.progress, faults.add
	reads, err := a.ImportActivity(cmd.Context(), sources, opt)
	p.close()
	faults.say(e)
	if err == nil {
		_, err = a.Settle(cmd.Context()) // what is concluded now may be a finding
	}
	if err != nil {
		return err
	}
	return e.showReads(reads, format, verbose)
}

// showReads prints what came of reading logs; one that failed is the error.
func (e *env) showReads(reads []app.ActivityRead, format string, verbose bool) (err error) {
	if format == "json" {
		err = e.json(reads)
	} else {
		for _, r := range reads {
			e.showRead(r, verbose)
		}
	}
	for _, r := range reads {
		if r.Error != "" {
			return errors.Join(err, &exitError{ExitIncomplete, fmt.Sprintf("%s: %s", r.Source, retinue.CleanName(r.Error))})
		}
	}
	return err
}
