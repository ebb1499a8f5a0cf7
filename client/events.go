package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Event says what changed: what to read again, not the thing itself.
type Event struct {
	// ID is the place after the event, for Events to go on from.
	ID string
	// Topic is inventory, findings, scans or records.
	Topic string
	Data  json.RawMessage
}

// maxEvent bounds a line of the stream of events, in bytes.
const maxEvent = 1 << 20

// Events yields what changes, as it changes, since a place; the empty place is
// now. A stream that ends or breaks is taken up again where it was; it ends with
// ctx, or with an error that trying again does not mend.
func (c *Client) Events(ctx context.Context, since string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for broken := 0; ; {
			began := since
			more, err := c.stream(ctx, &since, yield)
			if since != began {
				broken = 0
			}
			switch {
			case !more:
				return
			case ctx.Err() != nil:
				yield(Event{}, ctx.Err())
				return
			case err != nil && !errors.Is(err, retinue.ErrUnavailable):
				yield(Event{}, err)
				return
			case err != nil:
				if broken++; broken >= chunkAttempts {
					yield(Event{}, err)
					return
				}
			}
			if err := c.pause(ctx, min(time.Duration(1<<broken)*250*time.Millisecond, longestBackoff)); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// stream reads one stream to its end. More is false once the reader has enough.
func (c *Client) stream(ctx context.Context, since *string, yield func(Event, error) bool) (more bool, err error) {
	header := http.Header{}
	if *since != "" {
		header.Set("Last-Event-ID", *since)
	}
	body, err := c.Stream(ctx, Request{Path: "/events", Header: header})
	if err != nil {
		return true, err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	var e Event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			e.ID = value
		case "event":
			e.Topic = value
		case "data":
			e.Data = append(e.Data, value...)
		}
		if lines.Text() != "" {
			continue
		}
		if e.ID != "" {
			*since = e.ID
		}
		if e.Topic != "" {
			var body struct {
				Data json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal(e.Data, &body); err != nil {
				return true, fmt.Errorf("%w: read events of %s: %v", retinue.ErrUnsupported, c.base.Host, err)
			}
			if e.Data = body.Data; !yield(e, nil) {
				return false, nil
			}
		}
		e = Event{}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.EOF) {
		return true, fmt.Errorf("%w: read events of %s: %v", retinue.ErrUnavailable, c.base.Host, err)
	}
	return true, nil
}
