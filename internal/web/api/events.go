package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
)

// Events tells what changed for a caller.
type Events interface {
	// Events returns what changed for a caller since a place, and the place
	// after. The empty place is now: it returns nothing but where now is. What
	// the caller may not see is not told.
	Events(ctx context.Context, c auth.Caller, since string) (events []Event, now string, err error)
}

// Event is a change that a console wants to hear of: what to read again, not
// the thing itself.
type Event struct {
	// Topic is inventory, findings, scans or records.
	Topic string `json:"topic" enum:"inventory,findings,scans,records"`
	Data  any    `json:"data,omitempty"`
}

// The pace of events. Servers share nothing but the database, so each looks
// there; a stream ends after a while so that what a caller may do is asked
// anew, and clients come back with the last id.
const (
	eventPause = 2 * time.Second
	eventAlive = 15 * time.Second
	eventsEnd  = 10 * time.Minute
)

func (a *API) events() {
	if a.services.Events == nil {
		return
	}
	addRaw(a, huma.Operation{OperationID: "get-events", Method: http.MethodGet, Path: "/events", Tags: []string{"Events"},
		Summary: "What changes, as it changes",
		Description: "Server-sent events. Each has a topic (inventory, findings, scans, records) as its event type and an id; " +
			"a client that comes back with Last-Event-ID hears what it missed. The stream ends after ten minutes.",
		Parameters: []*huma.Param{{Name: "Last-Event-ID", In: "header", Schema: &huma.Schema{Type: "string"}, Description: "The id of the last event that was received"}},
		Responses: map[string]*huma.Response{"200": {Description: "Events", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: &huma.Schema{Type: "string"}}}}}}, a.streamEvents)
}

func (a *API) streamEvents(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), eventsEnd)
	defer cancel()
	since := r.Header.Get("Last-Event-ID")
	if len(since) > 256 {
		writeProblem(w, r, newProblem(http.StatusUnprocessableEntity, "header.Last-Event-ID: it is no id of an event of this server"))
		return
	}
	first, now, err := a.services.Events.Events(ctx, caller(r.Context()), since)
	if err != nil {
		writeProblem(w, r, a.failed(ctx, "get-events", err))
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the stream outlives the time for a request
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := &eventStream{api: a, w: w, control: control, place: now}
	if s.send(first) != nil {
		return
	}
	s.run(ctx, caller(r.Context()))
}

// eventStream is one client that listens.
type eventStream struct {
	api     *API
	w       http.ResponseWriter
	control *http.ResponseController
	place   string
	spoke   time.Time
}

func (s *eventStream) run(ctx context.Context, c auth.Caller) {
	tick := time.NewTicker(eventPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.api.services.Stopping:
			return
		case <-tick.C:
		}
		events, now, err := s.api.services.Events.Events(ctx, c, s.place)
		if err != nil {
			return // the client comes back, and is told what is wrong then
		}
		moved := now != s.place
		if s.place = now; len(events) == 0 && !moved && time.Since(s.spoke) < eventAlive {
			continue
		}
		if s.send(events) != nil {
			return
		}
	}
}

// send writes events, or a sign of life that moves the place on.
func (s *eventStream) send(events []Event) error {
	s.spoke = time.Now()
	for _, e := range events {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.w, "id: %s\nevent: %s\ndata: %s\n\n", s.place, e.Topic, data); err != nil {
			return err
		}
	}
	if len(events) == 0 {
		if _, err := fmt.Fprintf(s.w, "id: %s\nretry: 3000\n: alive\n\n", s.place); err != nil {
			return err
		}
	}
	return s.control.Flush()
}
