package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) activityStreams() *cobra.Command {
	var format, pause, resume string
	c := &cobra.Command{
		Use:   "streams",
		Short: "List the streams of events that a server reads, and how that goes",
		Long: `List the streams of events that a server reads (eventStreams in its retinue.yaml):
whether each is read and why not, how many messages wait, and when the newest
came. With --pause or --resume a stream is read by no server for now, or again.

Streams are read by servers alone: name one with --server.`,
		Example: `  retinue activity streams --server https://retinue.example.com
  retinue activity streams --pause audit`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case format != "text" && format != "json":
				return usageError{fmt.Errorf("--format %q: want text or json", format)}
			case pause != "" && resume != "":
				return usageError{errors.New("--pause and --resume: give one of them")}
			case !e.remote():
				return usageError{errors.New("streams of events are read by servers alone: name one with --server")}
			}
			c, err := e.connect()
			if err != nil {
				return err
			}
			for name, act := range map[string]string{pause: "/pause", resume: "/resume"} {
				if name == "" {
					continue
				}
				if _, err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/activity/streams/" + url.PathEscape(name) + act}, nil); err != nil {
					return err
				}
			}
			var list app.EventStreamList
			if _, err := c.Do(cmd.Context(), client.Request{Path: "/activity/streams"}, &list); err != nil {
				return err
			}
			if format == "json" {
				return e.json(list.Items)
			}
			if len(list.Items) == 0 {
				e.say("The server's configuration names no stream of events.")
			}
			for _, s := range list.Items {
				e.showStream(s)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "text", "text or json")
	f.StringVar(&pause, "pause", "", "have no server read the stream of this name for now")
	f.StringVar(&resume, "resume", "", "have the stream of this name read again")
	return c
}

// showStream prints how the reading of a stream goes.
func (e *env) showStream(s app.EventStream) {
	e.printf("%s: %s", retinue.CleanName(s.Name), s.Standing)
	switch {
	case s.Standing == "paused":
		e.printf(" by %s since %s", retinue.CleanName(s.PausedBy), minute(s.PausedAt))
	case s.Error != "":
		e.printf(" since %s: %s", minute(s.ErrorAt), retinue.CleanName(s.Error))
	}
	e.printf("\n  stream %s, consumer %s: %d messages wait, %d are being counted\n", retinue.CleanName(s.Stream), retinue.CleanName(s.Consumer), s.Lag, s.Unacknowledged)
	newest := "none since this server started"
	if !s.LastMessageAt.IsZero() {
		newest = s.LastMessageAt.UTC().Format(time.RFC3339)
	}
	e.printf("  newest message: %s\n  this server: %d messages, %d events, %d of them new\n", newest, s.Messages, s.Events, s.New)
	for _, n := range []struct {
		n    int64
		text string
	}{{s.Redelivered, "delivered again"}, {s.GivenBack, "given back, to come again"}, {s.LateUnverified, "so late that it cannot be told whether they had been counted"},
		{s.Faults, "could not be read"}, {s.Dropped, "went out of the stream before anybody read them"}} {
		if n.n > 0 {
			e.printf("  %s %s\n", strconv.FormatInt(n.n, 10), n.text)
		}
	}
}
