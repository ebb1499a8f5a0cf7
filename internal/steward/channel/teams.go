package channel

import (
	"context"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue/internal/outlet"
)

func teamsKind() Kind {
	return Kind{Name: "teams", Title: "Microsoft Teams", Says: "An Adaptive Card posted by a workflow that starts “when a Teams webhook request is received”.",
		Fields: []outlet.Field{{Name: "url", Secret: true, Required: true, Says: "the address of the workflow, which is a secret"}},
		open: func(c outlet.Config) (Sender, error) {
			if err := outlet.HTTPSURL("secrets.url", c.Secrets["url"].Reveal()); err != nil {
				return nil, err
			}
			return teams{c}, nil
		}}
}

type teams struct{ c outlet.Config }

// teamsItems keeps a card under the 28 KB that Teams takes.
const teamsItems = 12

type cardElement struct {
	Type      string        `json:"type"`
	Text      string        `json:"text,omitempty"`
	Wrap      bool          `json:"wrap,omitempty"`
	Size      string        `json:"size,omitempty"`
	Weight    string        `json:"weight,omitempty"`
	Color     string        `json:"color,omitempty"`
	IsSubtle  bool          `json:"isSubtle,omitempty"`
	Separator bool          `json:"separator,omitempty"`
	Items     []cardElement `json:"items,omitempty"`
}

type cardAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

type adaptiveCard struct {
	Schema  string            `json:"$schema"`
	Type    string            `json:"type"`
	Version string            `json:"version"`
	Body    []cardElement     `json:"body"`
	Actions []cardAction      `json:"actions,omitempty"`
	MSTeams map[string]string `json:"msteams,omitempty"`
}

type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string       `json:"contentType"`
	ContentURL  *string      `json:"contentUrl"`
	Content     adaptiveCard `json:"content"`
}

// markdownEscape keeps text from being taken for the Markdown that text blocks
// understand (https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features).
func markdownEscape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]()#+-!|~<>", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func card(m Message) adaptiveCard {
	color := map[string]string{"critical": "Attention", "high": "Attention", "medium": "Warning", "low": "Accent", "info": "Default"}
	c := adaptiveCard{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Body:    []cardElement{{Type: "TextBlock", Text: markdownEscape(outlet.Clean(m.headline(), 200)), Wrap: true, Size: "Medium", Weight: "Bolder"}},
		MSTeams: map[string]string{"width": "Full"}}
	items, more := m.shown(teamsItems)
	for _, i := range items {
		box := cardElement{Type: "Container", Separator: true, Items: []cardElement{
			{Type: "TextBlock", Text: markdownEscape(fmt.Sprintf("%s: %s", i.Severity, outlet.Clean(i.Title, 200))), Wrap: true, Weight: "Bolder", Color: color[string(i.Severity)]}}}
		if i.Text != "" {
			box.Items = append(box.Items, cardElement{Type: "TextBlock", Text: markdownEscape(outlet.Clean(i.Text, 600)), Wrap: true})
		}
		if a := i.about(); a != "" {
			box.Items = append(box.Items, cardElement{Type: "TextBlock", Text: markdownEscape(a), Wrap: true, IsSubtle: true})
		}
		c.Body = append(c.Body, box)
	}
	if more > 0 {
		c.Body = append(c.Body, cardElement{Type: "TextBlock", Text: fmt.Sprintf("and %d more", more), Separator: true})
	}
	switch {
	case len(m.Items) == 1 && m.Items[0].URL != "":
		c.Actions = []cardAction{{"Action.OpenUrl", "Open in Retinue", m.Items[0].URL}}
	case m.Console != "":
		c.Actions = []cardAction{{"Action.OpenUrl", "Open in Retinue", m.Console}}
	}
	return c
}

// Send implements Sender: a workflow takes a message with one Adaptive Card
// (https://learn.microsoft.com/connectors/teams, “When a Teams webhook request
// is received”).
func (t teams) Send(ctx context.Context, m Message, _ string) (string, error) {
	body := teamsMessage{Type: "message", Attachments: []teamsAttachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: card(m)}}}
	status, _, err := outlet.Post(ctx, t.c, t.c.Secrets["url"].Reveal(), nil, body)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("HTTP %d", status), nil
}
