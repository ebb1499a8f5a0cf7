package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

const slackAPI = "https://slack.com/api/chat.postMessage"

func slackKind() Kind {
	return Kind{Name: "slack", Title: "Slack", Says: "Messages by a Slack app with the scope chat:write (and chat:write.public for channels that it has not joined).",
		Addressed: "a Slack channel id, or #name",
		Fields: []outlet.Field{
			{Name: "channel", Required: true, Says: "the id of the channel, such as C0123456789, or #name"},
			{Name: "token", Secret: true, Required: true, Says: "the bot token of the app"},
		}, open: func(c outlet.Config) (Sender, error) { return slack{c}, nil }}
}

func slackWebhookKind() Kind {
	return Kind{Name: "slack-webhook", Title: "Slack (incoming webhook)", Says: "Messages to one Slack channel, by an incoming webhook of a Slack app.",
		Fields: []outlet.Field{{Name: "url", Secret: true, Required: true, Says: "the address of the webhook, which is a secret"}},
		open: func(c outlet.Config) (Sender, error) {
			if err := outlet.HTTPSURL("secrets.url", c.Secrets["url"].Reveal()); err != nil {
				return nil, err
			}
			return slackWebhook{c}, nil
		}}
}

type slack struct{ c outlet.Config }

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackMessage struct {
	Channel string       `json:"channel,omitempty"`
	Text    string       `json:"text"`
	Blocks  []slackBlock `json:"blocks"`
	// No previews are fetched of the links.
	UnfurlLinks bool `json:"unfurl_links"`
	UnfurlMedia bool `json:"unfurl_media"`
}

// slackEscape keeps text from being taken for markup, mentions or links
// (https://docs.slack.dev/messaging/formatting-message-text).
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// slackItems leaves room under Slack's 50 blocks a message.
const slackItems = 20

func slackBody(m Message) slackMessage {
	head := outlet.Clean(m.headline(), 150)
	out := slackMessage{Text: slackEscape(head), Blocks: []slackBlock{{Type: "header", Text: &slackText{"plain_text", head}}}}
	items, more := m.shown(slackItems)
	for _, i := range items {
		text := fmt.Sprintf("*%s* %s", i.Severity, slackEscape(outlet.Clean(i.Title, 200)))
		if i.URL != "" {
			text = fmt.Sprintf("*%s* <%s|%s>", i.Severity, strings.ReplaceAll(slackEscape(i.URL), "|", "%7C"), strings.ReplaceAll(slackEscape(outlet.Clean(i.Title, 200)), "|", "¦"))
		}
		if i.Text != "" {
			text += "\n" + slackEscape(outlet.Clean(i.Text, 1000))
		}
		out.Blocks = append(out.Blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", text}})
		if a := i.about(); a != "" {
			out.Blocks = append(out.Blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", slackEscape(a)}}})
		}
	}
	if more > 0 {
		out.Blocks = append(out.Blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", slackEscape(fmt.Sprintf("and %d more: %s", more, m.Console))}})
	}
	return out
}

// Send implements Sender by https://docs.slack.dev/reference/methods/chat.postMessage.
func (s slack) Send(ctx context.Context, m Message, address string) (string, error) {
	body := slackBody(m)
	if body.Channel = address; address == "" {
		body.Channel = s.c.Options["channel"]
	}
	to := slackAPI
	if s.c.Endpoint != "" {
		to = s.c.Endpoint
	}
	_, raw, err := outlet.Post(ctx, s.c, to, http.Header{"Authorization": {"Bearer " + s.c.Secrets["token"].Reveal()}}, body)
	if err != nil {
		return "", err
	}
	var answer struct {
		OK      bool   `json:"ok"`
		Error   string `json:"error"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", fmt.Errorf("%w: Slack answered something else than JSON", retinue.ErrUnavailable)
	}
	if !answer.OK {
		kind := retinue.ErrUnavailable
		switch word := answer.Error; {
		case slices.Contains([]string{"msg_too_long", "no_text", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}, word):
			kind = retinue.ErrInvalid
		case strings.Contains(word, "auth") || strings.Contains(word, "token") || word == "missing_scope" || word == "account_inactive":
			kind = retinue.ErrDenied
		}
		return "", fmt.Errorf("%w: Slack refused the message: %s", kind, outlet.Quote([]byte(answer.Error)))
	}
	return outlet.Clean(answer.Channel+" "+answer.TS, 200), nil
}

type slackWebhook struct{ c outlet.Config }

// Send implements Sender by https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
func (s slackWebhook) Send(ctx context.Context, m Message, _ string) (string, error) {
	status, answer, err := outlet.Post(ctx, s.c, s.c.Secrets["url"].Reveal(), nil, slackBody(m))
	if err != nil {
		return "", err
	}
	return outlet.Clean(fmt.Sprintf("HTTP %d %s", status, answer), 200), nil
}
