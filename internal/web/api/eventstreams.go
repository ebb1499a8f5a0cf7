package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/eventstream"
)

// EventStreamer reads streams of events, and stops and goes on when it is asked.
type EventStreamer interface {
	ListEventStreams(ctx context.Context) ([]EventStream, error)
	// PauseEventStream has no server read a stream until ResumeEventStream. Servers
	// find out within seconds. ErrNotFound says that this server's configuration
	// does not name it.
	PauseEventStream(ctx context.Context, c auth.Caller, name string) (EventStream, error)
	ResumeEventStream(ctx context.Context, c auth.Caller, name string) (EventStream, error)
}

// EventStream is how the reading of a stream of events goes. The counts are of
// the server that answers, since it started; lag and unacknowledged are of all
// servers.
type EventStream struct {
	Standing string    `json:"state" enum:"reading,failing,connecting,paused" doc:"Of the server that answers: failing says why in error"`
	PausedAt time.Time `json:"pausedAt,omitzero"`
	PausedBy string    `json:"pausedBy,omitempty"`
	eventstream.State
}

// EventStreams are the streams that a server reads.
type EventStreams struct {
	Items []EventStream `json:"items"`
}

type eventStreamPath struct {
	Name string `path:"name" maxLength:"300" doc:"The stream, as retinue.yaml calls it"`
}

func (a *API) eventStreams() {
	s := a.services.EventStreamer
	if s == nil {
		return
	}
	tags := []string{"Usage"}
	add(a, huma.Operation{OperationID: "list-event-streams", Method: http.MethodGet, Path: "/activity/streams", Tags: tags,
		Summary: "The streams of events that are read, and how that goes"}, func(ctx context.Context, _ *struct{}) (*single[EventStreams], error) {
		items, err := s.ListEventStreams(ctx)
		return one(EventStreams{Items: items}, err)
	})
	for _, o := range []struct {
		op  huma.Operation
		act func(context.Context, auth.Caller, string) (EventStream, error)
	}{
		{huma.Operation{OperationID: "pause-event-stream", Path: "/activity/streams/{name}/pause", Summary: "Have a stream of events read by no server for now",
			Description: "Servers stop within seconds; what they hold is counted. Messages wait in the stream, for as long as it keeps them."}, s.PauseEventStream},
		{huma.Operation{OperationID: "resume-event-stream", Path: "/activity/streams/{name}/resume", Summary: "Have a stream of events read again"}, s.ResumeEventStream},
	} {
		o.op.Method, o.op.Tags = http.MethodPost, tags
		add(a, o.op, func(ctx context.Context, in *eventStreamPath) (*single[EventStream], error) {
			return one(o.act(ctx, caller(ctx), in.Name))
		})
	}
}
