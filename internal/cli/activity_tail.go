package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
)

// tailFlags are those of `activity tail`.
type tailFlags struct {
	format, since, identity, people string
	every                           time.Duration
}

func (e *env) activityTail() *cobra.Command {
	var f tailFlags
	c := &cobra.Command{
		Use:   "tail [SOURCE…]",
		Short: "Follow logs as they are written, and count nothing",
		Long: `Tail follows the logs of sources, or of all sources of retinue.yaml that have
logs, and prints each event as it is written: who, by the name that the inventory
has, did what to what, how it ended, and from where. Files are watched; what
cannot be watched is read again and again. It ends with Ctrl-C.

Nothing is counted and nothing is kept: retinue activity import does that.

People are called by a pseudonym that stays the same, and where they were is left
out. With --people they are called by their names; your reason goes on record.`,
		Example: `  retinue activity tail kubernetes=/var/log/kubernetes/audit.log,cluster-uid=UID
  retinue activity tail --since 1h --identity arn:aws:iam::111122223333:role/backup aws=./AWSLogs`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.format != "text" && f.format != "json" {
				return usageError{fmt.Errorf("--format %q: want text or json", f.format)}
			}
			if f.every < time.Second {
				return usageError{fmt.Errorf("--every %s: want a second or more", f.every)}
			}
			if e.remote() {
				return errLocal
			}
			return e.tail(cmd.Context(), args, f)
		},
	}
	s := c.Flags()
	s.StringVar(&f.format, "format", "text", "text, or json with an event a line")
	s.StringVar(&f.since, "since", "", "begin with older events: from a date, a time or an age such as 1h")
	s.StringVar(&f.identity, "identity", "", "leave out what others did: an identity or credential by its id, key or name")
	s.StringVar(&f.people, "people", "", "why people's names are needed: they are shown then, and the reason goes on record")
	s.DurationVar(&f.every, "every", 30*time.Second, "how often to read what cannot be watched")
	return c
}

func (e *env) tail(ctx context.Context, args []string, f tailFlags) (err error) {
	opt := app.TailOptions{Actor: app.Actor(), People: f.people, Every: f.every, Getenv: e.getenv}
	if f.since != "" {
		if opt.Since, err = parseTime("--since", f.since); err != nil {
			return err
		}
	}
	sources, err := e.tailed(args)
	if err != nil {
		return err
	}
	if f.identity != "" {
		err := e.ask(ctx, func(s estate) error {
			opt.Identity, err = findUser(ctx, s, f.identity)
			return err
		})
		if err != nil {
			return err
		}
	}
	a, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	var mu sync.Mutex
	tell := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(e.err, format+"\n", args...)
	}
	opt.Ready = func() { tell("following; nothing is counted; Ctrl-C ends") }
	opt.OnFault = func(source string, fault connector.Fault) {
		tell("%s: not read: %s", source, retinue.CleanName(fault.Err.Error()))
	}
	show := func(v app.Tailed) error {
		_, err := fmt.Fprintln(e.out, tailedLine(v))
		return err
	}
	if f.format == "json" {
		enc := json.NewEncoder(e.out)
		enc.SetEscapeHTML(false)
		show = func(v app.Tailed) error { return enc.Encode(v) }
	}
	err = a.TailActivity(ctx, sources, opt, show)
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// tailed are the sources that are named, or all of the configuration that have
// logs.
func (e *env) tailed(args []string) ([]app.SourceConfig, error) {
	cfg, err := e.settings()
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		return e.sourcesOf(args, cfg)
	}
	reads := func(s app.SourceConfig) bool {
		return slices.ContainsFunc(app.Specs(), func(spec connector.Spec) bool { return spec.Kind == s.Kind && spec.Activity != nil })
	}
	sources := slices.DeleteFunc(slices.Clone(cfg.Sources), func(s app.SourceConfig) bool { return !reads(s) })
	if len(sources) == 0 {
		return nil, usageError{errors.New("no source of retinue.yaml has logs: name some, for example `retinue activity tail host`")}
	}
	return sources, nil
}

// tailedLine is an event in a line of text.
func tailedLine(v app.Tailed) string {
	part := []string{v.At.Local().Format("2006-01-02 15:04:05"), v.Source, cmp.Or(v.Identity, "somebody")}
	add := func(word, s string) {
		if s != "" {
			part = append(part, word+s)
		}
	}
	add("", cmp.Or(v.Action, string(v.Class)))
	add("on ", v.Resource)
	outcome := string(v.Outcome)
	if v.Reason != "" {
		outcome += " (" + v.Reason + ")"
	}
	add("", outcome)
	add("with ", v.Credential)
	add("for ", v.OnBehalfOf)
	add("by ", v.From)
	add("from ", v.Address)
	return retinue.CleanName(strings.Join(part, "  "))
}
