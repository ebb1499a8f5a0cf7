// Package channel sends notices to people and systems: signed webhooks, Slack,
// Microsoft Teams, e-mail, PagerDuty. One file a kind. A sender knows one
// vendor's published interface and nothing of routing, retries or the store;
// what it connects through comes in [Config].
//
// A message is sent at least once: its id stands in every kind's own field for
// recognising a repetition (webhook-id, Message-ID, dedup_key), where the
// vendor has one.
package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
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
	// would not help; other errors may pass. See [RetryAfter].
	Send(ctx context.Context, m Message, address string) (receipt string, err error)
}

// Config is what a sender is opened with.
type Config struct {
	Options map[string]string
	Secrets map[string]retinue.Secret
	// HTTP is the client for all HTTP, Dial the dialler for everything else.
	HTTP *http.Client
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time
	// Agent is the user agent.
	Agent string
	// Endpoint replaces the address of a vendor that has one for all its
	// customers, in tests.
	Endpoint string
}

// Field describes an option or a secret.
type Field struct {
	Name     string   `json:"name"`
	Says     string   `json:"says"`
	Required bool     `json:"required,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Default  string   `json:"default,omitempty"`
	OneOf    []string `json:"oneOf,omitempty"`
}

// Kind is a kind of channel.
type Kind struct {
	Name   string  `json:"name"`
	Title  string  `json:"title"`
	Says   string  `json:"says"`
	Fields []Field `json:"fields"`
	// Addressed says what an address within the channel is; empty for none.
	Addressed string `json:"addressed,omitempty"`
	// open makes a sender of checked values.
	open func(Config) (Sender, error)
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
func (k Kind) Open(c Config) (Sender, error) {
	if err := Check(k.Fields, c.Options, c.Secrets); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	c.Options = withDefaults(k.Fields, c.Options)
	if c.Now == nil {
		c.Now = time.Now
	}
	s, err := k.open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return s, nil
}

// Check reports options and secrets that are unknown, missing or malformed,
// by name and without their values.
func Check(fields []Field, options map[string]string, secrets map[string]retinue.Secret) error {
	known := func(name string, secret bool) bool {
		return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name && f.Secret == secret })
	}
	for name := range options {
		if !known(name, false) {
			return invalid("options."+name, "there is no such option")
		}
	}
	for name := range secrets {
		if !known(name, true) {
			return invalid("secrets."+name, "there is no such secret")
		}
	}
	for _, f := range fields {
		v, where := options[f.Name], "options."
		if f.Secret {
			v, where = secrets[f.Name].Reveal(), "secrets."
		}
		switch {
		case v == "" && f.Required:
			return invalid(where+f.Name, "is required: "+f.Says)
		case v != "" && len(f.OneOf) > 0 && !slices.Contains(f.OneOf, v):
			return invalid(where+f.Name, "want one of "+strings.Join(f.OneOf, ", "))
		case len(v) > 16<<10:
			return invalid(where+f.Name, "is too long")
		case !f.Secret && f.Name != "ca" && strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return invalid(where+f.Name, "has control characters")
		}
	}
	return nil
}

func invalid(field, text string) error {
	return &retinue.FieldError{Field: field, Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, text)}
}

func withDefaults(fields []Field, options map[string]string) map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		if v := options[f.Name]; v != "" {
			out[f.Name] = v
		} else if f.Default != "" {
			out[f.Name] = f.Default
		}
	}
	return out
}

// httpsURL checks an address that things are posted to.
func httpsURL(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return invalid(field, "want an https URL without a password")
	}
	return nil
}

// rejection is an answer that refuses a message.
type rejection struct {
	kind   error
	text   string
	status int
	after  time.Duration
}

func (r *rejection) Error() string { return r.kind.Error() + ": " + r.text }
func (r *rejection) Unwrap() error { return r.kind }

// RetryAfter returns how long the other side asked to wait, zero for not.
func RetryAfter(err error) time.Duration {
	var r *rejection
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// post sends a JSON body. Neither the address nor any header is in its errors,
// since both can hold a secret; what the other side answers is quoted, cut and
// cleaned.
func post(ctx context.Context, c Config, to string, header http.Header, body any) (status int, answer []byte, err error) {
	raw, ok := body.([]byte)
	if !ok {
		if raw, err = json.Marshal(body); err != nil {
			return 0, nil, fmt.Errorf("%w: encode message: %v", retinue.ErrInvalid, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: send message: the address cannot be parsed", retinue.ErrInvalid)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")
	if c.Agent != "" {
		req.Header.Set("User-Agent", c.Agent)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, nil, withoutURL(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return res.StatusCode, nil, fmt.Errorf("%w: read answer: %v", retinue.ErrUnavailable, withoutURL(err))
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res.StatusCode, answer, nil
	}
	return res.StatusCode, answer, reject(res, answer)
}

func reject(res *http.Response, answer []byte) error {
	r := &rejection{kind: retinue.ErrUnavailable, status: res.StatusCode, text: fmt.Sprintf("the receiver answered %d %s", res.StatusCode, quote(answer))}
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		r.kind = retinue.ErrInvalid
	case http.StatusUnauthorized, http.StatusForbidden:
		r.kind = retinue.ErrDenied
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		r.after = min(time.Duration(s)*time.Second, time.Hour)
	}
	return r
}

// withoutURL drops the address from an error of the HTTP client.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, retinue.ErrDenied) {
		return err
	}
	return fmt.Errorf("%w: %v", retinue.ErrUnavailable, err)
}

// quote cuts and cleans what the other side said.
func quote(b []byte) string {
	s := retinue.CleanName(string(b))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
