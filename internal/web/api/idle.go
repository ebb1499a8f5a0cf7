package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// IdleThresholds says after how long without use something is idle.
type IdleThresholds interface {
	IdleThreshold(ctx context.Context) (IdleThreshold, error)
	// PreviewIdle counts what another threshold would change, of what a scope
	// sees.
	PreviewIdle(ctx context.Context, scope store.RowScope, in IdleInput) (store.IdleChange, error)
	// SetIdle changes the threshold. Match is asked, in the same transaction,
	// whether it stands as the caller read it. ErrConflict says that the
	// configuration file sets it.
	SetIdle(ctx context.Context, c auth.Caller, in IdleInput, match func(current any) error) (IdleThreshold, error)
}

// IdleThreshold is after how long without a sight of use something is idle.
type IdleThreshold struct {
	Days    int            `json:"days"`
	ByKind  map[string]int `json:"byKind" doc:"Kinds of identity that have their own"`
	Default int            `json:"default"`
	InFile  bool           `json:"inFile" doc:"The configuration file sets it: it cannot be changed here"`
	Kinds   []string       `json:"kinds" doc:"The kinds that can have their own"`
}

// IdleInput sets the threshold.
type IdleInput struct {
	Days   int            `json:"days" minimum:"1" maximum:"3650"`
	ByKind map[string]int `json:"byKind,omitempty" maxProperties:"100" doc:"Days by kind of identity; kinds that are left out have the common threshold"`
}

func (a *API) idleThreshold() {
	s := a.services.IdleThresholds
	if s == nil {
		return
	}
	tags := []string{"Settings"}
	add(a, huma.Operation{OperationID: "get-idle-threshold", Method: http.MethodGet, Path: "/settings/idle", Tags: tags, Summary: "After how long without use something is idle"},
		func(ctx context.Context, _ *struct{}) (*single[IdleThreshold], error) {
			return one(s.IdleThreshold(ctx))
		})
	add(a, huma.Operation{OperationID: "put-idle-threshold", Method: http.MethodPut, Path: "/settings/idle", Tags: tags, Summary: "Set after how long without use something is idle"},
		func(ctx context.Context, in *struct {
			IfMatch
			Body IdleInput
		}) (*single[IdleThreshold], error) {
			return one(s.SetIdle(ctx, caller(ctx), in.Body, in.check))
		})
	add(a, huma.Operation{OperationID: "preview-idle-threshold", Method: http.MethodPost, Path: "/settings/idle/preview", Tags: tags, Summary: "How many identities another threshold would change"},
		func(ctx context.Context, in *struct{ Body IdleInput }) (*single[store.IdleChange], error) {
			return one(s.PreviewIdle(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.Body))
		})
}
