package kubernetes

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
)

const (
	// maxUnwrapped bounds what a compressed message holds, in bytes. CloudWatch
	// Logs sends at most 1 MB of compressed data (Subscription filters).
	maxUnwrapped = 64 << 20
	// maxWraps is how deep one form of delivery may lie within another.
	maxWraps = 6
)

// envelopes are the names under which the forms of delivery hold their records:
// EventList of the webhook back end; event hubs of Azure, Firehose and Kinesis;
// subscriptions and `aws logs filter-log-events` of CloudWatch Logs; pages of Cloud
// Logging and pulled messages of Pub/Sub.
func envelopes() []string {
	return []string{"items", "records", "Records", "logEvents", "events", "entries", "receivedMessages"}
}

// wrapped is what is read of whatever audit events are delivered in.
type wrapped struct {
	Items     []json.RawMessage `json:"items"`
	Records   []json.RawMessage `json:"records"`
	LogEvents []json.RawMessage `json:"logEvents"`
	Events    []json.RawMessage `json:"events"`

	// CloudWatch Logs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
	MessageType string `json:"messageType"`
	// Message is text; of Pub/Sub, an object with data.
	// https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage
	Message rawJSON `json:"message"`
	AWSLogs struct {
		Data string `json:"data"`
	} `json:"awslogs"`
	Kinesis struct {
		Data string `json:"data"`
	} `json:"kinesis"`
	Data string `json:"data"`

	// Azure: https://learn.microsoft.com/azure/aks/monitor-aks-reference
	Category   string `json:"category"`
	Properties struct {
		Log json.RawMessage `json:"log"`
	} `json:"properties"`

	googleEntry
}

// decode states the events of one record, in whatever form it was delivered.
func (d *auditDecoder) decode(record []byte) ([]retinue.Event, error) {
	return d.unwrap(record, 0)
}

func (d *auditDecoder) unwrap(record []byte, depth int) ([]retinue.Event, error) {
	if depth > maxWraps {
		return nil, fmt.Errorf("%w: wrapped more than %d times", retinue.ErrInvalid, maxWraps)
	}
	record = bytes.TrimSpace(record)
	if len(record) > 1 && record[0] == 0x1f && record[1] == 0x8b {
		return d.inflate(record, depth)
	}
	if len(record) == 0 || record[0] != '{' {
		record = exported(record)
	}
	if len(record) == 0 {
		return nil, fmt.Errorf("%w: not a JSON object", retinue.ErrInvalid)
	}
	var a auditEvent
	err := json.Unmarshal(record, &a)
	if err == nil && a.isEvent() {
		return d.state(&a, record)
	}
	if kind, _ := auditKind(record); kind == "Event" {
		return d.event(record)
	}
	var w wrapped
	if err := json.Unmarshal(record, &w); err != nil {
		return nil, fmt.Errorf("%w: not a form of delivery that is known: %s", retinue.ErrInvalid, jsonReason(err))
	}
	return d.open(&w, record, depth+1)
}

// exported returns the object of a line that CloudWatch Logs exported to a
// bucket: a time, a blank, the message.
func exported(line []byte) []byte {
	at, rest, ok := bytes.Cut(line, []byte(" "))
	if _, isTime := parseTime(string(at[:min(len(at), 64)])); !ok || !isTime {
		return nil
	}
	return bytes.TrimSpace(rest)
}

func (d *auditDecoder) open(w *wrapped, record []byte, depth int) ([]retinue.Event, error) {
	switch {
	case w.MessageType == "CONTROL_MESSAGE":
		return nil, nil // CloudWatch Logs asks whether the way is open
	case w.Payload != nil:
		return d.google(&w.googleEntry, record)
	case strings.Contains(w.LogName, "/logs/"):
		return nil, nil // another log of Cloud Logging, which a sink often holds as well
	case w.Message != nil:
		return d.message(w.Message, depth)
	case w.Category != "":
		return d.azure(w, depth)
	}
	for _, text := range []string{w.AWSLogs.Data, w.Kinesis.Data, w.Data} {
		if text == "" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%w: data is not base64", retinue.ErrInvalid)
		}
		return d.unwrap(raw, depth)
	}
	var out []retinue.Event
	var failed error
	known := false
	for _, list := range [][]json.RawMessage{w.Items, w.Records, w.LogEvents, w.Events} {
		for _, item := range list {
			known = true
			events, err := d.unwrap(item, depth)
			if err != nil {
				failed = err
			}
			out = append(out, events...)
		}
	}
	if !known {
		failed = fmt.Errorf("%w: not an audit event of Kubernetes", retinue.ErrInvalid)
	}
	if len(out) > 0 { // one bad element does not lose the others
		return out, nil
	}
	return nil, failed
}

// message reads a message of Pub/Sub, or of CloudWatch Logs. The group of an EKS cluster also
// has streams of the control plane's programs, which are no events.
func (d *auditDecoder) message(raw rawJSON, depth int) ([]retinue.Event, error) {
	var published struct {
		Data []byte `json:"data"`
	}
	if json.Unmarshal(raw, &published) == nil && len(published.Data) > 0 {
		return d.unwrap(published.Data, depth)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, fmt.Errorf("%w: a message that is neither text nor one of Pub/Sub", retinue.ErrInvalid)
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, nil
	}
	return d.unwrap([]byte(text), depth)
}

// azure reads a record of a diagnostic setting of AKS. Categories other than
// kube-audit and kube-audit-admin are the control plane's programs.
func (d *auditDecoder) azure(w *wrapped, depth int) ([]retinue.Event, error) {
	if w.Category != "kube-audit" && w.Category != "kube-audit-admin" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(w.Properties.Log, &text) == nil {
		return d.unwrap([]byte(text), depth)
	}
	return d.unwrap(w.Properties.Log, depth)
}

// inflate reads compressed messages, one after another.
func (d *auditDecoder) inflate(data []byte, depth int) ([]retinue.Event, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: not gzip", retinue.ErrInvalid)
	}
	dec := json.NewDecoder(io.LimitReader(z, maxUnwrapped))
	var out []retinue.Event
	for {
		var item json.RawMessage
		err := dec.Decode(&item)
		if err != nil {
			if len(out) > 0 || err == io.EOF { //nolint:errorlint // Decode returns it bare
				return out, nil
			}
			return nil, fmt.Errorf("%w: compressed data is not JSON", retinue.ErrInvalid)
		}
		events, err := d.unwrap(item, depth+1)
		if err != nil && len(out) == 0 {
			return nil, err
		}
		out = append(out, events...)
	}
}
