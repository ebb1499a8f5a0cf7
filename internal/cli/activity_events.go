package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// eventFlags are those of `activity events`.
type eventFlags struct {
	format, identity, from, to, people string
	limit                              int
}

func (e *env) activityEvents() *cobra.Command {
	var f eventFlags
	var q app.UsageEventFilter
	c := &cobra.Command{
		Use:   "events",
		Short: "List the events themselves, where they are kept",
		Long: `Events lists what logs told event by event, the latest first, for the days for
which the installation keeps events beside what it counts of them: set
usage.rawDays in retinue.yaml. Of each it tells who, with what, did what to what,
how it ended, from where, and where its record stood.

--signal lists the events behind something unusual, by its finding. --kind unknown
lists entries that no reader understood: those are kept in any case.

People are called by a pseudonym. --people shows their names and addresses, and
the records of unknown entries; who asked, for what and why is put on record.`,
		Example: `  retinue activity events --identity arn:aws:iam::111122223333:role/backup --from 2026-03-01
  retinue activity events --action 'iam:*' --format json
  retinue activity events --kind unknown --people 'a reader for this log is to be written'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.format != "text" && f.format != "json" {
				return usageError{fmt.Errorf("--format %q: want text or json", f.format)}
			}
			if f.limit < 1 {
				return usageError{fmt.Errorf("--limit %d: want 1 or more", f.limit)}
			}
			if err := f.read(&q); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error { return e.listEvents(cmd.Context(), s, q, f) })
		},
	}
	s := c.Flags()
	s.StringVar(&f.format, "format", "text", "text or json")
	s.StringVar(&f.identity, "identity", "", "only of this identity or credential, by its id, key or name")
	s.StringVar(&q.Signal, "signal", "", "only those behind something unusual, by the id of its finding")
	s.StringVar(&f.from, "from", "", "not what happened before: a date, a time or an age such as 2d")
	s.StringVar(&f.to, "to", "", "not what happened after")
	s.StringVar(&q.Action, "action", "", "only this permission or word of the log; a star at its end stands for anything")
	s.StringVar(&q.Kind, "kind", "", "only this class: management, data, sign_in, insight or unknown")
	s.StringVar(&q.Outcome, "outcome", "", "only what ended so: success, denied, error or unknown")
	s.StringVar(&q.Event, "event", "", "only the event to which the log gave this id")
	s.StringVar(&f.people, "people", "", "show people by name, for this `reason`, which is put on record")
	s.IntVar(&f.limit, "limit", 100, "list at most so many")
	return c
}

// read turns words into what is asked.
func (f eventFlags) read(q *app.UsageEventFilter) (err error) {
	known := false
	for _, c := range retinue.EventClasses() {
		known = known || string(c) == q.Kind
	}
	if q.Kind != "" && !known {
		return usageError{fmt.Errorf("--kind %q: want management, data, sign_in, insight or unknown", q.Kind)}
	}
	if q.Outcome != "" && !slices.Contains(retinue.Outcomes(), retinue.Outcome(q.Outcome)) {
		return usageError{fmt.Errorf("--outcome %q: want success, denied, error or unknown", q.Outcome)}
	}
	if f.from != "" {
		if q.From, err = beginning("--from", f.from); err != nil {
			return err
		}
	}
	if f.to != "" {
		q.To, err = parseTime("--to", f.to)
	}
	return err
}

func (e *env) listEvents(ctx context.Context, s estate, filter app.UsageEventFilter, f eventFlags) error {
	if f.identity != "" {
		id, err := findUser(ctx, s, f.identity)
		if err != nil {
			return err
		}
		filter.Identity = string(id)
	}
	var all app.UsageEventsAnswer
	q := app.UsageEventQuery{UsageEventFilter: filter}
	for {
		q.Limit = min(f.limit-len(all.Items), store.MaxPage)
		page, err := s.events(ctx, q, f.people)
		if err != nil {
			return err
		}
		page.Items = append(all.Items, page.Items...)
		page.Unopened += all.Unopened
		all = page
		if all.Next == "" || len(all.Items) >= f.limit {
			break
		}
		q.Cursor = all.Next
	}
	if f.format == "json" {
		if all.Items == nil {
			all.Items = []app.UsageEventRow{}
		}
		return e.json(all)
	}
	for i := range all.Items {
		e.printf("%s\n", eventLine(&all.Items[i]))
	}
	e.sayEvents(all, filter)
	return nil
}

// sayEvents says what the list leaves out, and where there is none, why.
func (e *env) sayEvents(all app.UsageEventsAnswer, filter app.UsageEventFilter) {
	kept := int64(0)
	for _, d := range all.Kept.Of {
		kept += d.Events
		for _, lost := range []struct {
			n   int64
			why string
		}{
			{d.Over, fmt.Sprintf("more than %d MB of a day are not", all.Kept.MegabytesPerDay)},
			{d.TooLarge, "their records are too large"},
			{d.Unsealed, "the sealing key could not be reached"},
		} {
			if lost.n > 0 {
				e.say("of %s %s not kept: %s", d.Day, plural(int(lost.n), "event is", "events are"), lost.why)
			}
		}
	}
	if all.Unopened > 0 {
		e.say("%s among those looked at cannot be opened: the key under which they were sealed is not at hand, or they were altered", plural(int(all.Unopened), "event", "events"))
	}
	switch {
	case all.Next != "":
		e.say("there are more: --limit")
	case len(all.Items) > 0 || all.Unopened > 0:
	case filter.Kind == string(retinue.EventUnknown):
		e.say("every entry that was read was understood")
	case all.Kept.Days == 0 && kept == 0:
		e.say("no events are kept, only what is counted of them: to keep those that are read from now on, set usage.rawDays in retinue.yaml, for example\n  usage: {rawDays: 14}")
	case kept == 0:
		e.say("no events of the last %d days were read since they are kept", all.Kept.Days)
	default:
		e.say("none of the %d events that are kept is like that", kept)
	}
}

// eventLine is an event in a line of text.
func eventLine(v *app.UsageEventRow) string {
	t := app.Tailed{At: v.At, Source: v.Log, Class: v.Class, Identity: v.Identity, Credential: v.Credential, OnBehalfOf: v.OnBehalfOf,
		Action: cmp.Or(v.Action, v.Operation), Resource: v.Resource, Outcome: v.Outcome, Reason: v.Reason, From: v.From, Address: v.Address}
	line := tailedLine(t)
	if len(v.Via) > 0 {
		line += "  via " + strings.Join(v.Via, ", ")
	}
	if v.Input != "" {
		line += "  in " + v.Input
		if v.Place > 0 {
			line += fmt.Sprintf(":%d", v.Place)
		}
	}
	if v.Record != "" {
		line += "  " + v.Record
	}
	return retinue.CleanName(line)
}
