// Package channel sends notices to people and systems: signed webhooks, Slack,
// Microsoft Teams, e-mail, PagerDuty. One file a kind. A sender knows one
// vendor's published interface and nothing of routing, retries or the store;
// what it connects through comes in [outlet.Config].
//
// A message is sent at least once: its id stands in every kind's own field for
// recognising a repetition (webhook-id, Message-ID, dedup_key), where the
// vendor has one.
package channel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

// Event says what a message tells about its notices.
type Event string

// The events.
const (
	Raised       Event = "raised"
	Escalated    Event = "escalated" // nobody acted
	Acknowledged Event = "acknowledged"
	Resolved     Event = "resolved"
)

// Item is one notice as it is told. It holds no secret.
type Item struct {
	Notice      retinue.NoticeID    `json:"id"`
	Kind        string              `json:"kind"`
	Severity    retinue.Severity    `json:"severity"`
	Title       string              `json:"title"`
	Text        string              `json:"text"`
	URL         string              `json:"url,omitempty"` // the console's page about it
	Subject     string              `json:"subject,omitempty"`
	SubjectID   retinue.EntityID    `json:"subjectId,omitempty"`
	Finding     retinue.FindingID   `json:"finding,omitempty"`
	Rule        string              `json:"rule,omitempty"`
	Source      string              `json:"source,omitempty"`
	Environment retinue.Environment `json:"environment,omitempty"`
	Occasion    int64               `json:"occasion"`
	RaisedAt    time.Time           `json:"raisedAt"`
}

// Message is what is sent at once: one notice, or a digest of several.
type Message struct {
	// ID is the same when the message is sent again.
	ID    string
	Event Event
	At    time.Time
	Items []Item
	// More is how many notices a digest leaves out, for length.
	More int
	// Console is the address of the console's list of notices.
	Console string
}

// maxItems is how many notices a message for people spells out.
const maxItems = 25

// Sender sends through one configured channel. It is safe for concurrent use.
type Sender interface {
	// Send sends a message to an address of the channel, or to the channel's
	// own receiver when that is empty, and returns what the other side gave
	// for a receipt. ErrInvalid and ErrUnsupported mean that sending it again
	// would not help; other errors may pass. See [outlet.RetryAfter].
	Send(ctx context.Context, m Message, address string) (receipt string, err error)
}

// Kind is a kind of channel.
type Kind struct {
	Name   string         `json:"name"`
	Title  string         `json:"title"`
	Says   string         `json:"says"`
	Fields []outlet.Field `json:"fields"`
	// Addressed says what an address within the channel is; empty for none.
	Addressed string `json:"addressed,omitempty"`
	// open makes a sender of checked values.
	open func(outlet.Config) (Sender, error)
}

// Kinds lists the kinds, by name.
func Kinds() []Kind {
	return []Kind{emailKind(), pagerdutyKind(), slackKind(), slackWebhookKind(), teamsKind(), webhookKind()}
}

// Find returns a kind by its name.
func Find(name string) (Kind, bool) {
	i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds()[i], true
}

// Open checks the options and secrets and makes a sender. It connects to
// nothing.
func (k Kind) Open(c outlet.Config) (Sender, error) {
	if err := outlet.Check(k.Fields, c.Options, c.Secrets); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	c.Options = outlet.WithDefaults(k.Fields, c.Options)
	if c.Now == nil {
		c.Now = time.Now
	}
	s, err := k.open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return s, nil
}
