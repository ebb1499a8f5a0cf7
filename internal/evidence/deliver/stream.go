package deliver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

// contentField says what a stream passes on.
func contentField() outlet.Field {
	return outlet.Field{Name: "content", Required: true, OneOf: []string{"findings", "records"}, Says: "what is passed on: every state of every finding, or every record of the audit log"}
}

func httpKind() StreamKind {
	return StreamKind{Name: "http", Title: "HTTP", Says: "OCSF events in batches, by POST.",
		Fields: []outlet.Field{
			contentField(),
			{Name: "url", Required: true, Says: "the https address that batches are posted to"},
			{Name: "format", Default: "ndjson", OneOf: []string{"ndjson", "json"}, Says: "one event a line, or an array"},
			{Name: "token", Secret: true, Says: "sent as a bearer token"},
		}, open: func(c outlet.Config) (Stream, error) {
			if err := outlet.HTTPSURL("options.url", c.Options["url"]); err != nil {
				return nil, err
			}
			return httpStream{c}, nil
		}}
}

type httpStream struct{ c outlet.Config }

// Send implements Stream. The batch's id is in the header Idempotency-Key.
func (s httpStream) Send(ctx context.Context, b Batch) (string, error) {
	h := http.Header{"Idempotency-Key": {b.ID}, "Content-Type": {"application/x-ndjson"}}
	if t := s.c.Secrets["token"]; !t.IsZero() {
		h.Set("Authorization", "Bearer "+t.Reveal())
	}
	var body bytes.Buffer
	if s.c.Options["format"] == "json" {
		h.Set("Content-Type", "application/json")
		if err := json.NewEncoder(&body).Encode(b.Events); err != nil {
			return "", fmt.Errorf("%w: encode batch: %v", retinue.ErrInvalid, err)
		}
	} else {
		for _, e := range b.Events {
			body.Write(e)
			body.WriteByte('\n')
		}
	}
	status, _, err := outlet.Post(ctx, s.c, s.c.Options["url"], h, body.Bytes())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("HTTP %d", status), nil
}

// Try implements Stream: it sends a batch without events.
func (s httpStream) Try(ctx context.Context) (string, error) {
	return s.Send(ctx, Batch{ID: "test-" + strconv.FormatInt(s.c.Now().UnixNano(), 36), Events: []json.RawMessage{}})
}

func splunkKind() StreamKind {
	return StreamKind{Name: "splunk", Title: "Splunk", Says: "OCSF events to an HTTP Event Collector.",
		Fields: []outlet.Field{
			contentField(),
			{Name: "url", Required: true, Says: "the address of the collector, such as https://http-inputs-example.splunkcloud.com:443"},
			{Name: "index", Says: "the index; empty for the token's own"},
			{Name: "sourcetype", Default: "retinue:ocsf", Says: "the source type"},
			{Name: "acknowledge", Default: "no", OneOf: []string{"yes", "no"}, Says: "wait until the indexer says that it has the events (the token must have indexer acknowledgement on)"},
			{Name: "token", Secret: true, Required: true, Says: "the token of the collector"},
		}, open: func(c outlet.Config) (Stream, error) {
			if err := outlet.HTTPSURL("options.url", c.Options["url"]); err != nil {
				return nil, err
			}
			c.Options["url"] = strings.TrimRight(c.Options["url"], "/")
			return splunk{c, 2 * time.Second, 15}, nil
		}}
}

// splunk speaks the HTTP Event Collector
// (https://docs.splunk.com/Documentation/Splunk/latest/Data/HECRESTendpoints).
type splunk struct {
	c     outlet.Config
	pause time.Duration // between questions whether a batch is indexed
	asks  int
}

type splunkEvent struct {
	Time       float64         `json:"time,omitempty"`
	Source     string          `json:"source"`
	SourceType string          `json:"sourcetype"`
	Index      string          `json:"index,omitempty"`
	Event      json.RawMessage `json:"event"`
}

func (s splunk) header() http.Header {
	h := http.Header{"Authorization": {"Splunk " + s.c.Secrets["token"].Reveal()}}
	if s.c.Options["acknowledge"] == "yes" {
		h.Set("X-Splunk-Request-Channel", s.channel())
	}
	return h
}

// channel is a GUID of this stream: acknowledgements are kept by channel.
func (s splunk) channel() string {
	sum := sha256.Sum256([]byte(s.c.Options["url"] + "\x00" + s.c.Options["content"]))
	x := hex.EncodeToString(sum[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// Send implements Stream.
func (s splunk) Send(ctx context.Context, b Batch) (string, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	for _, e := range b.Events {
		var at struct {
			Time int64 `json:"time"`
		}
		_ = json.Unmarshal(e, &at) // an event without a time gets the indexer's
		if err := enc.Encode(splunkEvent{Time: float64(at.Time) / 1000, Source: "retinue", SourceType: s.c.Options["sourcetype"], Index: s.c.Options["index"], Event: e}); err != nil {
			return "", fmt.Errorf("%w: encode batch: %v", retinue.ErrInvalid, err)
		}
	}
	_, raw, err := outlet.Post(ctx, s.c, s.c.Options["url"]+"/services/collector/event", s.header(), body.Bytes())
	if err != nil {
		return "", err
	}
	var answer struct {
		Text  string `json:"text"`
		Code  int    `json:"code"`
		AckID *int64 `json:"ackId"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Code != 0 {
		return "", fmt.Errorf("%w: Splunk answered code %d %s", retinue.ErrUnavailable, answer.Code, outlet.Quote([]byte(answer.Text)))
	}
	if s.c.Options["acknowledge"] != "yes" {
		return "accepted", nil
	}
	if answer.AckID == nil {
		return "", fmt.Errorf("%w: the token has indexer acknowledgement off", retinue.ErrUnavailable)
	}
	return s.wait(ctx, *answer.AckID)
}

// wait asks until the indexer has the batch.
func (s splunk) wait(ctx context.Context, id int64) (string, error) {
	for range s.asks {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(s.pause):
		}
		_, raw, err := outlet.Post(ctx, s.c, s.c.Options["url"]+"/services/collector/ack", s.header(), map[string]any{"acks": []int64{id}})
		if err != nil {
			return "", err
		}
		var answer struct {
			Acks map[string]bool `json:"acks"`
		}
		if err := json.Unmarshal(raw, &answer); err == nil && answer.Acks[strconv.FormatInt(id, 10)] {
			return fmt.Sprintf("indexed, acknowledgement %d", id), nil
		}
	}
	return "", fmt.Errorf("%w: the indexer did not acknowledge the batch in time", retinue.ErrUnavailable)
}

// Try implements Stream by the collector's health check and one event.
func (s splunk) Try(ctx context.Context) (string, error) {
	event, err := json.Marshal(map[string]any{"message": "Test of the stream from Retinue", "time": s.c.Now().UnixMilli()})
	if err != nil {
		return "", err
	}
	return s.Send(ctx, Batch{ID: "test", Events: []json.RawMessage{event}})
}
