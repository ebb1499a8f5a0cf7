package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Retentions says how long things are kept.
type Retentions interface {
	Retention(ctx context.Context) (RetentionSettings, error)
	// SetRetention changes how long things are kept. Match is asked, in the
	// same transaction, whether the settings stand as the caller read them.
	SetRetention(ctx context.Context, c auth.Caller, in RetentionInput, match func(current any) error) (RetentionSettings, error)
}

// RetentionSettings is how long each class of data is kept.
type RetentionSettings struct {
	// Preset is the name of the times, empty where they are one's own.
	Preset  string           `json:"preset,omitempty"`
	Classes []RetentionClass `json:"classes"`
	// Presets are what is offered by name, in days by class.
	Presets map[string]store.Retention `json:"presets"`
	Records string                     `json:"records" doc:"What is kept of the audit log"`
	// RawEvents is for how long the events themselves are kept that logs tell,
	// beside what is counted of them. It is said in the configuration file.
	RawEvents RawEvents `json:"rawEvents"`
}

// RawEvents is for how long the events themselves are kept.
type RawEvents struct {
	Days            int    `json:"days" doc:"After they happened; 0: none are kept"`
	MegabytesPerDay int    `json:"megabytesPerDay,omitempty" doc:"How much of one day is kept at most"`
	About           string `json:"about"`
}

// RetentionClass is a sort of data with how long it is kept.
type RetentionClass struct {
	Class store.RetentionClass `json:"class"`
	About string               `json:"about"`
	Days  int                  `json:"days" doc:"0: for ever"`
	// LastRows were deleted when last something was, at LastAt: all older than
	// LastUntil.
	LastRows  int64     `json:"lastRows,omitempty"`
	LastUntil time.Time `json:"lastUntil,omitzero"`
	LastAt    time.Time `json:"lastAt,omitzero"`
}

// RetentionInput sets how long things are kept: a preset, or days by class.
type RetentionInput struct {
	Preset string         `json:"preset,omitempty" enum:"400-days,hipaa,keep-all"`
	Days   map[string]int `json:"days,omitempty" doc:"Days by class; 0 keeps for ever; classes that are left out stay as they are"`
}

func (a *API) retention() {
	s := a.services.Retentions
	if s == nil {
		return
	}
	tags := []string{"Retention"}
	add(a, huma.Operation{OperationID: "get-retention", Method: http.MethodGet, Path: "/retention", Tags: tags, Summary: "How long things are kept"},
		func(ctx context.Context, _ *struct{}) (*single[RetentionSettings], error) {
			return one(s.Retention(ctx))
		})
	add(a, huma.Operation{OperationID: "put-retention", Method: http.MethodPut, Path: "/retention", Tags: tags, Summary: "Set how long things are kept"},
		func(ctx context.Context, in *struct {
			IfMatch
			Body RetentionInput
		}) (*single[RetentionSettings], error) {
			return one(s.SetRetention(ctx, caller(ctx), in.Body, in.check))
		})
}
