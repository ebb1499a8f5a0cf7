package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/steward/ticket"
	"github.com/retinue-id/retinue/internal/store"
)

// Tickets are the tickets kept in other systems.
type Tickets interface {
	Tickets(ctx context.Context, scope store.RowScope, q TicketQuery) ([]Ticket, error)
	// OpenTicket asks for a ticket for findings; those that one change settles
	// share one.
	OpenTicket(ctx context.Context, by auth.Caller, channel retinue.ChannelID, findings []retinue.FindingID) ([]Ticket, error)
	// SyncTicket brings a ticket up to date with its findings and back, soon.
	SyncTicket(ctx context.Context, by auth.Caller, id retinue.TicketID) (Ticket, error)
	// TicketHook takes a request from a ticket system, which must be signed.
	TicketHook(ctx context.Context, channel retinue.ChannelID, header http.Header, body []byte) error
}

// TicketQuery selects tickets. Empty fields do not limit.
type TicketQuery struct {
	ID      retinue.TicketID
	Channel retinue.ChannelID
	State   store.TicketState
	Finding retinue.FindingID
	Before  int64
	Limit   int
}

// Ticket is a ticket as it is shown.
type Ticket struct {
	ID          retinue.TicketID    `json:"id"`
	Channel     retinue.ChannelID   `json:"channel"`
	ChannelName string              `json:"channelName"`
	Kind        string              `json:"kind"`
	Title       string              `json:"title"`
	State       store.TicketState   `json:"state" enum:"wanted,open,acknowledged,closed,dead"`
	Key         string              `json:"key,omitempty" doc:"the other system's key"`
	URL         string              `json:"url,omitempty"`
	Findings    []retinue.FindingID `json:"findings"`
	Receipts    []TicketReceipt     `json:"receipts,omitempty" doc:"of one ticket only"`
	Error       string              `json:"error,omitempty"`
	CreatedAt   time.Time           `json:"createdAt"`
	UpdatedAt   time.Time           `json:"updatedAt"`
	InternalKey int64               `json:"-"`
}

// TicketReceipt is something done to a ticket, there or from there.
type TicketReceipt struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"`
	OK    bool      `json:"ok"`
	Text  string    `json:"text,omitempty"`
}

type listTicketsInput struct {
	ListInput
	Channel retinue.ChannelID `query:"channel" maxLength:"40"`
	State   store.TicketState `query:"state" enum:"wanted,open,acknowledged,closed,dead"`
	Finding retinue.FindingID `query:"finding" maxLength:"40"`
}

type ticketInput struct {
	ID retinue.TicketID `path:"id" maxLength:"40"`
}

type openTicketInput struct {
	IdempotencyKey
	Body struct {
		Channel  retinue.ChannelID   `json:"channel" maxLength:"40" doc:"a channel that keeps tickets"`
		Findings []retinue.FindingID `json:"findings" minItems:"1" maxItems:"500"`
	}
}

func (a *API) tickets() {
	s := a.services.Tickets
	if s == nil {
		return
	}
	tags := []string{"Tickets"}
	add(a, huma.Operation{OperationID: "list-tickets", Method: http.MethodGet, Path: "/tickets", Tags: tags, Summary: "Tickets in other systems, the newest first"},
		func(ctx context.Context, in *listTicketsInput) (*listed[Ticket], error) {
			filters := []any{in.Channel, in.State, in.Finding}
			q := TicketQuery{Channel: in.Channel, State: in.State, Finding: in.Finding, Limit: in.Limit + 1}
			if err := DecodeCursor(in.Cursor, filters, &q.Before); err != nil {
				return nil, err
			}
			all, err := s.Tickets(ctx, caller(ctx).Scope(auth.PermInventoryRead), q)
			if err != nil {
				return nil, err
			}
			all, next, err := paged(all, in.Limit, filters, func(t Ticket) int64 { return t.InternalKey })
			return counted(all, next), err
		})
	add(a, huma.Operation{OperationID: "get-ticket", Method: http.MethodGet, Path: "/tickets/{id}", Tags: tags, Summary: "One ticket, with its receipts"},
		func(ctx context.Context, in *ticketInput) (*single[Ticket], error) {
			all, err := s.Tickets(ctx, caller(ctx).Scope(auth.PermInventoryRead), TicketQuery{ID: in.ID, Limit: 1})
			if err == nil && len(all) == 0 {
				err = fmt.Errorf("%w: ticket %s", retinue.ErrNotFound, in.ID)
			}
			if err != nil {
				return nil, err
			}
			return one(all[0], nil)
		})
	addOnce(a, huma.Operation{OperationID: "open-tickets", Method: http.MethodPost, Path: "/tickets", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Ask for tickets for findings", Description: "Findings that one change settles share a ticket; one that there is already is used. The tickets are made soon after."},
		func(ctx context.Context, in *openTicketInput) (*listed[Ticket], error) {
			all, err := s.OpenTicket(ctx, caller(ctx), in.Body.Channel, in.Body.Findings)
			return wholeList(all), err
		})
	add(a, huma.Operation{OperationID: "sync-ticket", Method: http.MethodPost, Path: "/tickets/{id}/sync", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Bring a ticket up to date, soon"},
		func(ctx context.Context, in *ticketInput) (*single[Ticket], error) {
			return one(s.SyncTicket(ctx, caller(ctx), in.ID))
		})
	addRaw(a, huma.Operation{OperationID: "receive-ticket-hook", Method: http.MethodPost, Path: "/hooks/tickets/{id}", Tags: tags, MaxBodyBytes: ticket.MaxInbound,
		Summary: "Where a ticket system reports changes", Description: "The request must be signed with the channel's webhook secret, as the system signs.",
		Parameters: []*huma.Param{{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}}}},
		func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ticket.MaxInbound))
			if err == nil {
				err = s.TicketHook(r.Context(), retinue.ChannelID(r.PathValue("id")), r.Header, body)
			}
			// Whoever cannot sign learns nothing about what there is.
			if errors.Is(err, retinue.ErrNotFound) {
				err = fmt.Errorf("%w: the signature of the request is wrong", retinue.ErrDenied)
			}
			if err != nil {
				writeProblem(w, r, a.failed(r.Context(), "receive-ticket-hook", err))
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
}
