package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Accounts tells about the account of a caller.
type Accounts interface {
	// DisplayName returns how a person is called in the console.
	DisplayName(ctx context.Context, c auth.Caller) (string, error)
}

// Me is who calls, and what they may do.
type Me struct {
	Kind    auth.Kind       `json:"kind" doc:"session, token, collector or system"`
	Account store.AccountID `json:"account,omitempty"`
	Name    string          `json:"name"`
	// Permissions are those that the caller has somewhere.
	Permissions []auth.Permission `json:"permissions"`
	Roles       []MyRole          `json:"roles"`
	Owners      []string          `json:"owners" doc:"The names under which things are registered as the caller's own"`
	// FreshUntil is until when sensitive operations need no other second
	// factor.
	FreshUntil time.Time `json:"freshUntil,omitzero"`
	Version    string    `json:"version"`
	Now        time.Time `json:"now"`
	// Demo is for a banner.
	Demo bool `json:"demo,omitempty" doc:"The installation holds the invented sample company"`
	// DemoStep is for the same banner.
	DemoStep string `json:"demoStep,omitempty" doc:"What is being done to complete the sample company" example:"reading the log of aws (3 of 9)"`
}

// MyRole is a role of the caller, and where it holds.
type MyRole struct {
	Role  auth.Role      `json:"role"`
	Scope store.RowScope `json:"scope"`
}

func (a *API) me() {
	add(a, huma.Operation{OperationID: "get-me", Method: http.MethodGet, Path: "/me", Tags: []string{"Me"},
		Summary: "Who calls, and what they may do"}, a.getMe)
}

func (a *API) getMe(ctx context.Context, _ *struct{}) (*single[Me], error) {
	c := caller(ctx)
	m := Me{Kind: c.Kind, Account: c.Account, Name: c.Actor.Name, Permissions: c.Permissions(), Roles: []MyRole{},
		Owners: c.Owners, Version: a.services.Version, Now: a.services.Now().UTC(), Demo: a.services.Demo}
	if m.Owners == nil {
		m.Owners = []string{}
	}
	if a.services.DemoStep != nil {
		m.DemoStep = a.services.DemoStep()
	}
	for _, b := range c.Bindings {
		m.Roles = append(m.Roles, MyRole{Role: b.Role, Scope: b.Scope})
	}
	if c.IsFresh(m.Now) && !c.Fresh.IsZero() {
		m.FreshUntil = c.Fresh.Add(auth.FreshFor)
	}
	if s := a.services.Accounts; s != nil && c.Account != "" {
		name, err := s.DisplayName(ctx, c)
		if err != nil {
			return nil, err
		}
		m.Name = name
	}
	return one(m, nil)
}
