package channel

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

const pagerdutyAPI = "https://events.pagerduty.com/v2/enqueue"

func pagerdutyKind() Kind {
	return Kind{Name: "pagerduty", Title: "PagerDuty", Says: "Events of the Events API v2: one alert a notice, acknowledged and resolved with it.",
		Fields: []outlet.Field{
			{Name: "region", Says: "where the account is kept", Default: "us", OneOf: []string{"us", "eu"}},
			{Name: "routing-key", Secret: true, Required: true, Says: "the integration key of a service"},
		}, open: func(c outlet.Config) (Sender, error) { return pagerduty{c}, nil }}
}

type pagerduty struct{ c outlet.Config }

type pagerdutyEvent struct {
	RoutingKey string            `json:"routing_key"`
	Action     string            `json:"event_action"`
	DedupKey   string            `json:"dedup_key"`
	Client     string            `json:"client,omitempty"`
	Payload    *pagerdutyPayload `json:"payload,omitempty"`
	Links      []pagerdutyLink   `json:"links,omitempty"`
}

type pagerdutyPayload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp string         `json:"timestamp,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details,omitempty"`
}

type pagerdutyLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// Send implements Sender by https://developer.pagerduty.com/docs/send-alert-event.
// An event is known by its notice, so that one sent again changes nothing.
func (p pagerduty) Send(ctx context.Context, m Message, _ string) (string, error) {
	to := pagerdutyAPI
	if p.c.Options["region"] == "eu" {
		to = strings.Replace(to, "events.", "events.eu.", 1)
	}
	if p.c.Endpoint != "" {
		to = p.c.Endpoint
	}
	for _, i := range m.Items {
		if _, _, err := outlet.Post(ctx, p.c, to, nil, p.event(m, i)); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d events", len(m.Items)), nil
}

func (p pagerduty) event(m Message, i Item) pagerdutyEvent {
	e := pagerdutyEvent{RoutingKey: p.c.Secrets["routing-key"].Reveal(), Action: "trigger", DedupKey: string(i.Notice), Client: "Retinue"}
	switch m.Event {
	case Acknowledged:
		e.Action = "acknowledge"
		return e
	case Resolved:
		e.Action = "resolve"
		return e
	}
	source := outlet.Clean(i.Source, 200)
	if source == "" {
		source = "retinue"
	}
	e.Payload = &pagerdutyPayload{Summary: outlet.Clean(i.Title, 1000), Source: source, Class: i.Kind, Timestamp: i.RaisedAt.UTC().Format(time.RFC3339),
		Severity: map[retinue.Severity]string{retinue.SeverityCritical: "critical", retinue.SeverityHigh: "error", retinue.SeverityMedium: "warning"}[i.Severity],
		Details:  map[string]any{"text": outlet.Clean(i.Text, 1000), "about": i.about(), "rule": i.Rule}}
	if e.Payload.Severity == "" {
		e.Payload.Severity = "info"
	}
	if i.URL != "" {
		e.Links = []pagerdutyLink{{i.URL, "Open in Retinue"}}
	}
	return e
}
