// Package ticket keeps tickets in Jira, ServiceNow, GitHub and GitLab: one for
// the findings that one change settles. It speaks each system's published
// interface; when a ticket is made, changed or closed is decided elsewhere.
//
// Every ticket carries a marker, so that one whose making was not answered is
// found again and not made twice.
package ticket

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

// State is where a ticket stands in its system.
type State string

// The states.
const (
	Open    State = "open"
	Working State = "working" // somebody took it
	Closed  State = "closed"
)

// Issue is a ticket in its system.
type Issue struct {
	Key   string // what the system's interface names it by
	Label string // what people call it
	URL   string
	State State
}

// Line is one finding in a ticket.
type Line struct {
	Severity retinue.Severity
	Text     string
	URL      string
}

// Draft is what a ticket says.
type Draft struct {
	Marker string
	// Since is no later than when the ticket was first asked for.
	Since    time.Time
	Title    string
	Intro    string
	HowTo    string // what settles it
	Severity retinue.Severity
	Lines    []Line
	More     int
	Link     string // the console's page about it
}

// maxLines is how many findings a ticket spells out.
const maxLines = 50

// Tracker keeps tickets in one project of one system. It is safe for
// concurrent use. Errors are sorted as those of a channel.
type Tracker interface {
	// Find returns the ticket with a marker, or ErrNotFound.
	Find(ctx context.Context, d Draft) (Issue, error)
	Create(ctx context.Context, d Draft) (Issue, error)
	Comment(ctx context.Context, key, text string) error
	// SetOpen closes a ticket, or opens it again, with a comment.
	SetOpen(ctx context.Context, key string, open bool, text string) error
	// State returns a ticket, or ErrNotFound when it is no longer there.
	State(ctx context.Context, key string) (Issue, error)
	// Try proves that the project can be read and returns its name.
	Try(ctx context.Context) (string, error)
}

// Kind is a kind of tracker.
type Kind struct {
	Name   string
	Title  string
	Says   string
	Fields []outlet.Field
	open   func(outlet.Config) (Tracker, error)
}

// Kinds lists the kinds, by name.
func Kinds() []Kind {
	return []Kind{githubKind(), gitlabKind(), jiraKind(), servicenowKind()}
}

// Find returns a kind by its name.
func Find(name string) (Kind, bool) {
	i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds()[i], true
}

// Open checks the options and secrets and makes a tracker. It connects to
// nothing.
func (k Kind) Open(c outlet.Config) (Tracker, error) {
	if err := outlet.Check(k.Fields, c.Options, c.Secrets); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	c.Options = outlet.WithDefaults(k.Fields, c.Options)
	if c.Now == nil {
		c.Now = time.Now
	}
	if u := c.Options["url"]; u != "" {
		if err := outlet.HTTPSURL("options.url", u); err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name, err)
		}
		c.Options["url"] = strings.TrimRight(u, "/")
	}
	t, err := k.open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return t, nil
}

// webhookSecret is the field that every kind has for requests from it.
func webhookSecret(says string) outlet.Field {
	return outlet.Field{Name: "webhook-secret", Secret: true, Says: "checks the requests by which the system reports changes: " + says}
}

// call makes a request and decodes the answer into out, unless that is nil.
func call(ctx context.Context, c outlet.Config, method, to string, header http.Header, body, out any) error {
	status, raw, err := outlet.Call(ctx, c, method, to, header, body)
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return fmt.Errorf("%w: %s", retinue.ErrNotFound, strings.TrimPrefix(err.Error(), retinue.ErrUnavailable.Error()+": "))
	case err != nil:
		return err
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%w: the answer is not the JSON that was expected", retinue.ErrUnavailable)
	}
	return nil
}

// shown returns the lines that are spelled out and how many are not.
func (d Draft) shown() ([]Line, int) {
	if len(d.Lines) > maxLines {
		return d.Lines[:maxLines], d.More + len(d.Lines) - maxLines
	}
	return d.Lines, d.More
}

// title is the title as the systems take it.
func (d Draft) title() string { return outlet.Clean(d.Title, 200) }

// plain is the ticket's text without markup.
func (d Draft) plain() string {
	var b strings.Builder
	write := func(s string) {
		if s != "" {
			b.WriteString(outlet.Clean(s, 2000) + "\n\n")
		}
	}
	write(d.Intro)
	lines, more := d.shown()
	for _, l := range lines {
		fmt.Fprintf(&b, "* %s: %s %s\n", l.Severity, outlet.Clean(l.Text, 500), l.URL)
	}
	if more > 0 {
		fmt.Fprintf(&b, "* and %d more\n", more)
	}
	b.WriteByte('\n')
	write(d.HowTo)
	write(d.Link)
	b.WriteString(d.Marker)
	return b.String()
}

// markdown is the ticket's text for GitHub and GitLab. What comes from outside
// is escaped, cannot mention anybody, and begins no line.
func (d Draft) markdown() string {
	var b strings.Builder
	write := func(s string) {
		if s != "" {
			b.WriteString(inert(outlet.Clean(s, 2000)) + "\n\n")
		}
	}
	write(d.Intro)
	lines, more := d.shown()
	for _, l := range lines {
		fmt.Fprintf(&b, "- **%s** %s", l.Severity, inert(outlet.Clean(l.Text, 500)))
		if l.URL != "" {
			fmt.Fprintf(&b, " ([details](%s))", l.URL)
		}
		b.WriteByte('\n')
	}
	if more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	b.WriteByte('\n')
	write(d.HowTo)
	if d.Link != "" {
		fmt.Fprintf(&b, "[Open in Retinue](%s)\n\n", d.Link)
	}
	fmt.Fprintf(&b, "<!-- %s -->\n", d.Marker)
	return b.String()
}

// inert escapes Markdown and keeps text from mentioning people or issues.
func inert(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '@' || r == '#' || r == '!' || r == '%' || r == '&' || r == '$' || r == '~':
			b.WriteRune(r)
			b.WriteString("<!-- -->")
		case strings.ContainsRune("\\`*_{}[]()<>|", r) || i == 0 && strings.ContainsRune("/+-=:", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
