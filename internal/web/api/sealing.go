package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Sealings tell of the keys under which secrets are sealed.
type Sealings interface {
	Sealing(ctx context.Context) (Sealing, error)
	ChangeSealing(ctx context.Context, c auth.Caller, action string) (Sealing, error)
}

// The actions on sealing keys.
const (
	SealingRotate = "rotate"
	SealingReseal = "reseal"
	SealingRetire = "retire"
)

// Sealing is how the secrets of an installation are sealed.
type Sealing struct {
	Kind string `json:"kind" enum:"file,env,vault,kms" doc:"What holds the keys"`
	Key  string `json:"key,omitempty" doc:"The id of the key under which new secrets are sealed; it tells nothing of the key"`
	// Since is when that key was first seen.
	Since time.Time    `json:"since,omitzero"`
	Keys  []SealingKey `json:"keys" doc:"Every key that is held, or under which a secret is sealed; the current one first"`
	// Secrets counts kept secrets, Stale those not under the current key.
	Secrets   int64            `json:"secrets"`
	Stale     int64            `json:"stale" doc:"Secrets that are not under the current key"`
	CanRotate bool             `json:"canRotate" doc:"Whether the server can make a new key itself: where the keys are in a file"`
	Problem   string           `json:"problem,omitempty"`
	Reseal    *store.Resealing `json:"reseal,omitempty" doc:"How far the last sealing of all secrets under the current key is"`
}

// SealingKey is a key with what is sealed under it.
type SealingKey struct {
	ID      string `json:"id"`
	Current bool   `json:"current"`
	Held    bool   `json:"held" doc:"False where secrets are sealed under a key that the server does not have: they do not open"`
	Secrets int64  `json:"secrets"`
}

type changeSealingInput struct {
	IdempotencyKey
	Body struct {
		Action string `json:"action" enum:"rotate,reseal,retire" doc:"rotate: make a new key and seal every secret under it; reseal: seal every secret under the current key; retire: drop old keys under which nothing is sealed"`
	}
}

func (a *API) sealing() {
	s := a.services.Sealings
	if s == nil {
		return
	}
	tags := []string{"Settings"}
	add(a, huma.Operation{OperationID: "get-sealing", Method: http.MethodGet, Path: "/settings/sealing", Tags: tags,
		Summary: "Under which keys secrets are sealed"},
		func(ctx context.Context, _ *struct{}) (*single[Sealing], error) { return one(s.Sealing(ctx)) })
	addOnce(a, huma.Operation{OperationID: "change-sealing", Method: http.MethodPost, Path: "/settings/sealing", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Rotate the sealing key, seal every secret again, or retire old keys", Description: "Secrets are sealed again by a job: how far it is stands in reseal."},
		func(ctx context.Context, in *changeSealingInput) (*single[Sealing], error) {
			return one(s.ChangeSealing(ctx, caller(ctx), in.Body.Action))
		})
}
