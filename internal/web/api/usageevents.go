package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// UsageEventReader reads the events themselves, where they are kept beside what
// is counted of them.
type UsageEventReader interface {
	// UsageEvents lists events, the latest first. People are pseudonymous.
	UsageEvents(ctx context.Context, scope store.RowScope, q UsageEventQuery) (UsageEvents, error)
	// UnmaskEvents is UsageEvents with the names and addresses of people, for a
	// reason that is kept on record with who asked.
	UnmaskEvents(ctx context.Context, c auth.Caller, q UsageEventQuery, reason string) (UsageEvents, error)
}

// UsageEventFilter says which events are wanted. What is left out is of no
// account.
type UsageEventFilter struct {
	Identity string    `query:"identity" json:"identity,omitempty" maxLength:"64" doc:"The id of an identity or credential: what it did, or what was done through it"`
	Signal   string    `query:"signal" json:"signal,omitempty" maxLength:"64" doc:"The id of a finding that tells of something unusual: the events behind it"`
	From     time.Time `query:"from" json:"from,omitzero" doc:"Not what happened before"`
	To       time.Time `query:"to" json:"to,omitzero" doc:"Not what happened after"`
	Action   string    `query:"action" json:"action,omitempty" maxLength:"512" doc:"The permission, or the log's own word; a star at its end stands for anything"`
	Kind     string    `query:"kind" json:"kind,omitempty" enum:"management,data,sign_in,insight,unknown" doc:"The class of event. unknown are those that no reader understood, which are kept in any case"`
	Outcome  string    `query:"outcome" json:"outcome,omitempty" enum:"success,denied,error,unknown" doc:"How the attempt ended"`
	Event    string    `query:"event" json:"event,omitempty" maxLength:"256" doc:"The log's own id of an event"`
}

// UsageEventQuery asks for a page of events.
type UsageEventQuery struct {
	UsageEventFilter
	Limit  int    `query:"limit" json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"How many are listed at most"`
	Cursor string `query:"cursor" json:"cursor,omitempty" maxLength:"2048" doc:"next of the page before"`
}

// UsageEventsInput asks to be shown people.
type UsageEventsInput struct {
	UsageEventQuery
	UnmaskInput
}

// UsageEvents is a page of events.
type UsageEvents struct {
	Items []UsageEvent `json:"items"`
	// Next is the cursor of what is older. A page can be short, or empty, and have
	// one: then many events were looked at of which few were wanted.
	Next string     `json:"next,omitempty"`
	Kept EventsKept `json:"kept"`
	// Unopened counts events among those looked at that do not open: the key under
	// which they were sealed is not there, or they were altered. Whether they are
	// wanted is not known.
	Unopened int64 `json:"unopened,omitempty"`
}

// EventsKept is which events are kept.
type EventsKept struct {
	// Days is for how many days after they happened; 0 where none is, unless the
	// last of them are still there.
	Days            int `json:"days"`
	MegabytesPerDay int `json:"megabytesPerDay,omitempty"`
	// Of is what is kept of each day, the latest first, and how many of its events
	// are not, by why.
	Of []EventsOfDay `json:"of"`
}

// EventsOfDay is what is kept of the events of a day.
type EventsOfDay struct {
	Day    string `json:"day"` // 2026-03-31
	Events int64  `json:"events"`
	Bytes  int64  `json:"bytes"`
	store.EventsLost
}

// UsageEvent is an event as it is shown: as its reader understood it, with the
// names of the inventory.
type UsageEvent struct {
	At    time.Time          `json:"at"`
	Log   string             `json:"log"`
	Realm retinue.Realm      `json:"realm,omitempty"`
	Class retinue.EventClass `json:"class"`
	// Event is the log's own id.
	Event string `json:"event,omitempty"`
	// Input and Place are where its record stood: a file and its line, or the number
	// of the record.
	Input string `json:"input,omitempty"`
	Place int64  `json:"place,omitempty"`
	// Identity is who acted, by the name that the inventory has, else by the log's.
	Identity   string           `json:"identity,omitempty"`
	IdentityID retinue.EntityID `json:"identityId,omitempty"`
	Person     bool             `json:"person,omitempty"`
	Credential string           `json:"credential,omitempty"`
	// Via are those through whom it came to act, nearest first.
	Via        []string `json:"via,omitempty"`
	OnBehalfOf string   `json:"onBehalfOf,omitempty"`
	// Action is the permission, More further ones that the call needed, Operation
	// the log's own word where it is another.
	Action    string          `json:"action,omitempty"`
	More      []string        `json:"more,omitempty"`
	Operation string          `json:"operation,omitempty"`
	Resource  string          `json:"resource,omitempty"`
	Outcome   retinue.Outcome `json:"outcome"`
	Reason    string          `json:"reason,omitempty"`
	Region    string          `json:"region,omitempty"`
	// From is the workload, host or service that called.
	From    string `json:"from,omitempty"`
	Address string `json:"address,omitempty"`
	Agent   string `json:"agent,omitempty"`
	// Context are the request conditions that the log shows.
	Context []retinue.ContextValue `json:"context,omitempty"`
	// Record is the entry of an unknown event without what looked like a secret. It
	// is shown with people's names only.
	Record string `json:"record,omitempty"`
}

func (a *API) usageEvents() {
	s := a.services.UsageEventReader
	if s == nil {
		return
	}
	tags := []string{"Usage"}
	add(a, huma.Operation{OperationID: "list-usage-events", Method: http.MethodGet, Path: "/usage/events", Tags: tags,
		Summary: "The events themselves, where they are kept, the latest first"}, func(ctx context.Context, in *UsageEventQuery) (*single[UsageEvents], error) {
		return one(s.UsageEvents(ctx, caller(ctx).Scope(auth.PermInventoryRead), *in))
	})
	add(a, huma.Operation{OperationID: "unmask-usage-events", Method: http.MethodPost, Path: "/usage/events/people", Tags: tags,
		Summary: "The events themselves, with the names and addresses of people", Description: "Who asked, for which events, whose names were shown and why is put on record."},
		func(ctx context.Context, in *struct{ Body UsageEventsInput }) (*single[UsageEvents], error) {
			return one(s.UnmaskEvents(ctx, caller(ctx), in.Body.UsageEventQuery, in.Body.Reason))
		})
}
