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

// Collectors are the places from which scans are handed in.
type Collectors interface {
	ListCollectors(ctx context.Context, scope store.RowScope) ([]Collector, error)
	Collector(ctx context.Context, scope store.RowScope, id store.CollectorID) (Collector, error)
	CreateCollector(ctx context.Context, c auth.Caller, in CollectorInput) (NewCollector, error)
	ChangeCollector(ctx context.Context, c auth.Caller, id store.CollectorID, in CollectorChange, check func(Collector) error) (Collector, error)
	RenewCollectorToken(ctx context.Context, c auth.Caller, id store.CollectorID) (NewCollector, error)
	RevokeCollector(ctx context.Context, c auth.Caller, id store.CollectorID) error
	// EnrollCollector encrypts the fingerprint key to a recipient of the
	// collector's that calls, once each time that it was allowed.
	EnrollCollector(ctx context.Context, c auth.Caller, id store.CollectorID, recipient string) (Enrolled, error)
}

// Collector is a place from which scans are handed in.
type Collector struct {
	ID      store.CollectorID `json:"id"`
	Name    string            `json:"name"`
	Realms  []retinue.Realm   `json:"realms" doc:"What it may state facts about; host:* stands for every realm of that kind"`
	Sources []string          `json:"sources" doc:"The sources that it handed in"`
	// Fingerprints is whether it takes fingerprints under the installation's
	// key.
	Fingerprints store.Enrolment `json:"fingerprints" enum:"none,allowed,done" doc:"none: its fingerprints are dropped; allowed: it may fetch the key, once; done: it has the key"`
	KeyCurrent   bool            `json:"keyCurrent" doc:"The key that it has is the one in use"`
	EnrolledAt   time.Time       `json:"enrolledAt,omitzero"`
	CreatedAt    time.Time       `json:"createdAt"`
	CreatedBy    string          `json:"createdBy"`
	TokenHint    string          `json:"tokenHint,omitempty"`
	ExpiresAt    time.Time       `json:"expiresAt,omitzero" doc:"When its token ends"`
	LastPush     time.Time       `json:"lastPush,omitzero"`
	Version      string          `json:"version,omitempty" doc:"Of the program, at its last push"`
	Host         string          `json:"host,omitempty" doc:"As it called itself at its last push"`
	RevokedAt    time.Time       `json:"revokedAt,omitzero"`
}

// NewCollector is a collector with its token, which is shown once.
type NewCollector struct {
	Collector Collector `json:"collector"`
	Token     string    `json:"token" doc:"Shown this once"`
}

// CollectorInput is a new collector.
type CollectorInput struct {
	Name         string   `json:"name" minLength:"1" maxLength:"60" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]*$"`
	Realms       []string `json:"realms" minItems:"1" maxItems:"1000" doc:"Such as aws:111111111111, or host:* for every realm of a kind. retinue sources check prints the realm of a source"`
	Fingerprints bool     `json:"fingerprints,omitempty" doc:"Let it fetch the fingerprint key, once: whoever has that key can test guesses against fingerprints"`
	Days         int      `json:"days,omitempty" minimum:"1" maximum:"400" default:"365" doc:"For how many days its token works"`
}

// CollectorChange changes what is given of a collector.
type CollectorChange struct {
	Realms       *[]string `json:"realms,omitempty" minItems:"1" maxItems:"1000"`
	Fingerprints *bool     `json:"fingerprints,omitempty" doc:"true: it may fetch the key again, once; false: its fingerprints are dropped from now on"`
}

// Enrolled is the fingerprint key for one collector.
type Enrolled struct {
	KeyID string `json:"keyId"`
	// Key is the key, encrypted to the recipient that was sent.
	Key string `json:"key" doc:"In the armoured form of age, for the recipient that was sent"`
}

// CollectorPath names a collector.
type CollectorPath struct {
	ID store.CollectorID `path:"id" maxLength:"40"`
}

type createCollectorInput struct{ Body CollectorInput }

type changeCollectorInput struct {
	CollectorPath
	IfMatch
	Body CollectorChange
}

type enrollInput struct {
	ID   store.CollectorID `path:"id" maxLength:"40" doc:"Its own id, or self"`
	Body struct {
		Recipient string `json:"recipient" minLength:"1" maxLength:"100" doc:"An age recipient (X25519), such as age1…"`
	}
}

func (a *API) collectors() {
	s := a.services.Collectors
	if s == nil {
		return
	}
	tags := []string{"Collectors"}
	add(a, huma.Operation{OperationID: "list-collectors", Method: http.MethodGet, Path: "/collectors", Tags: tags, Summary: "Places from which scans are handed in"},
		func(ctx context.Context, _ *struct{}) (*listed[Collector], error) {
			list, err := s.ListCollectors(ctx, caller(ctx).Scope(auth.PermSourcesRead))
			return wholeList(list), err
		})
	add(a, huma.Operation{OperationID: "get-collector", Method: http.MethodGet, Path: "/collectors/{id}", Tags: tags, Summary: "One collector"},
		func(ctx context.Context, in *CollectorPath) (*single[Collector], error) {
			return one(s.Collector(ctx, caller(ctx).Scope(auth.PermSourcesRead), in.ID))
		})
	add(a, huma.Operation{OperationID: "create-collector", Method: http.MethodPost, Path: "/collectors", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Make a collector, with its token", Description: "The token is returned this once."},
		func(ctx context.Context, in *createCollectorInput) (*secretly[NewCollector], error) {
			return secretlyOne(s.CreateCollector(ctx, caller(ctx), in.Body))
		})
	add(a, huma.Operation{OperationID: "change-collector", Method: http.MethodPatch, Path: "/collectors/{id}", Tags: tags, Summary: "Change what a collector may state"},
		func(ctx context.Context, in *changeCollectorInput) (*single[Collector], error) {
			return one(s.ChangeCollector(ctx, caller(ctx), in.ID, in.Body, func(v Collector) error { return in.check(v) }))
		})
	add(a, huma.Operation{OperationID: "renew-collector-token", Method: http.MethodPost, Path: "/collectors/{id}/token", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Give a collector a new token", Description: "The token is returned this once. The one before works no more."},
		func(ctx context.Context, in *CollectorPath) (*secretly[NewCollector], error) {
			return secretlyOne(s.RenewCollectorToken(ctx, caller(ctx), in.ID))
		})
	add(a, huma.Operation{OperationID: "revoke-collector", Method: http.MethodDelete, Path: "/collectors/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Revoke a collector and its token", Description: "What it handed in stays."},
		func(ctx context.Context, in *CollectorPath) (*struct{}, error) {
			return none(s.RevokeCollector(ctx, caller(ctx), in.ID))
		})
	add(a, huma.Operation{OperationID: "enroll-collector", Method: http.MethodPost, Path: "/collectors/{id}/enroll", Tags: tags,
		Summary: "Fetch the fingerprint key, encrypted to a key of the collector that calls", Description: "It works once for each time that an administrator allowed it."},
		func(ctx context.Context, in *enrollInput) (*secretly[Enrolled], error) {
			return secretlyOne(s.EnrollCollector(ctx, caller(ctx), in.ID, in.Body.Recipient))
		})
}
