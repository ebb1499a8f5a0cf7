package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence/deliver"
	"github.com/retinue-id/retinue/internal/store"
)

// Checkpoints are the signed states of the audit log that were put into places
// outside.
type Checkpoints interface {
	Pushes(ctx context.Context, place retinue.ChannelID, before int64, limit int) ([]Push, error)
	// PushCheckpoint signs the log as it stands and puts it into a place, now.
	PushCheckpoint(ctx context.Context, by auth.Caller, place retinue.ChannelID) (Push, error)
	// VerifyPush holds the log to a checkpoint that was pushed: read back from
	// its place where that can be.
	VerifyPush(ctx context.Context, id retinue.PushID) (PushVerified, error)
}

// Push is a checkpoint that was put into a place, or could not be.
type Push struct {
	ID        retinue.PushID    `json:"id"`
	Place     retinue.ChannelID `json:"place"`
	PlaceName string            `json:"placeName"`
	Kind      string            `json:"kind"`
	At        time.Time         `json:"at"`
	OK        bool              `json:"ok"`
	Size      int64             `json:"size" doc:"how many records the log had"`
	Head      string            `json:"head" doc:"the hash of the last"`
	Receipt   string            `json:"receipt,omitempty" doc:"where it lies"`
	Note      string            `json:"note,omitempty" doc:"the signed checkpoint"`
	Error     string            `json:"error,omitempty"`
	Key       int64             `json:"-"`
}

// PushVerified is the outcome of holding the log to a pushed checkpoint.
type PushVerified struct {
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	// From is where the checkpoint was read: its place, or this database.
	From  string `json:"from" enum:"place,database"`
	Proof string `json:"proof,omitempty" doc:"what the place's proof says"`
}

type listPushesInput struct {
	ListInput
	Place retinue.ChannelID `query:"place" maxLength:"40"`
}

type pushInput struct {
	ID retinue.PushID `path:"id" maxLength:"40"`
}

func (a *API) checkpoints() {
	if o := a.services.Outlets; o != nil {
		var kinds []OutletKind
		for _, k := range deliver.PlaceKinds() {
			kinds = append(kinds, OutletKind{Kind: k.Name, Title: k.Title, Says: k.Says, Fields: k.Fields})
		}
		a.outlets(o, store.PurposeCheckpoint, "checkpoint-place", "checkpoint-places", "/checkpoint-places", "Checkpoints", kinds)
	}
	s := a.services.Checkpoints
	if s == nil {
		return
	}
	tags := []string{"Checkpoints"}
	add(a, huma.Operation{OperationID: "list-checkpoints", Method: http.MethodGet, Path: "/checkpoints", Tags: tags, Summary: "Checkpoints that were put into places outside, the newest first"},
		func(ctx context.Context, in *listPushesInput) (*listed[Push], error) {
			filters := []any{in.Place}
			var before int64
			if err := DecodeCursor(in.Cursor, filters, &before); err != nil {
				return nil, err
			}
			all, err := s.Pushes(ctx, in.Place, before, in.Limit+1)
			if err != nil {
				return nil, err
			}
			all, next, err := paged(all, in.Limit, filters, func(p Push) int64 { return p.Key })
			return counted(all, next), err
		})
	add(a, huma.Operation{OperationID: "push-checkpoint", Method: http.MethodPost, Path: "/checkpoint-places/{id}/push", Tags: tags, Summary: "Put a checkpoint there, now"},
		everywhere(func(ctx context.Context, in *outletInput) (*single[Push], error) {
			return one(s.PushCheckpoint(ctx, caller(ctx), in.ID))
		}))
	add(a, huma.Operation{OperationID: "verify-checkpoint", Method: http.MethodPost, Path: "/checkpoints/{id}/verify", Tags: tags,
		Summary: "Hold the audit log to a checkpoint", Description: "The checkpoint is read back from its place where that can be, since whoever can write the database can write the copy in it."},
		func(ctx context.Context, in *pushInput) (*single[PushVerified], error) {
			return one(s.VerifyPush(ctx, in.ID))
		})
}
