package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// Wholes tells everything about one thing at once, of one moment.
type Wholes interface {
	// Whole returns an identity or a credential with all that hangs on it; with
	// history, every version that was stated of it.
	Whole(ctx context.Context, scope store.RowScope, t retinue.FactType, id retinue.EntityID, at store.AsOf, history bool) (Whole, error)
	// Diff returns what differs between two observed times, by what is known
	// now, in the order in which it happened.
	Diff(ctx context.Context, scope store.RowScope, q store.ChangeQuery) ([]store.Change, error)
	// Scopes lists how the scopes of the sources stand that the scope names.
	Scopes(ctx context.Context, scope store.RowScope) ([]store.ScopeStatus, error)
	// RuleTexts lists the rules in force with their conditions.
	RuleTexts(ctx context.Context) ([]RuleText, error)
}

// RuleText is a rule as `retinue rules list --format json` prints it.
type RuleText struct {
	ID          string           `json:"id"`
	Title       string           `json:"title"`
	Over        string           `json:"over"`
	Severity    retinue.Severity `json:"severity"`
	OWASP       []retinue.OWASP  `json:"owasp,omitempty"`
	Controls    []string         `json:"controls,omitempty" doc:"Supports, never compliant"`
	When        string           `json:"when"`
	Message     string           `json:"message"`
	Remediation string           `json:"remediation"`
	Where       string           `json:"where"`
	Signal      string           `json:"signal,omitempty" doc:"Of rules that tell of signals: their kind"`
	Dismissed   *int             `json:"dismissed,omitempty" doc:"Of rules that tell of signals: how many dismissals are in force, each of which silences what is like it"`
}

// Whole is an identity or credential with everything that hangs on it, as
// `retinue identities show --format json` prints it.
type Whole struct {
	store.Entity
	Fact         json.RawMessage       `json:"fact"`
	Refs         []retinue.Ref         `json:"refs"`
	Credentials  []retinue.Credential  `json:"credentials,omitempty"`
	Grants       []inventory.Grant     `json:"grants,omitempty"`
	Trusts       []retinue.Trust       `json:"trusts,omitempty"`
	Placements   []retinue.Placement   `json:"placements,omitempty"`
	Uses         []retinue.Use         `json:"uses,omitempty"`
	RunsAs       []retinue.Resource    `json:"runsAsThis,omitempty"`
	OwnerSignals []retinue.OwnerSignal `json:"ownerSignals,omitempty"`
	Registration *retinue.Registration `json:"registration,omitempty"`
	Findings     []retinue.Finding     `json:"findings,omitempty"`
	History      []store.Fact          `json:"history,omitempty"`
}

type wholeInput struct {
	ID string `path:"id" maxLength:"64" doc:"The public id"`
	AsOfInput
	History bool `query:"history" doc:"With every version that was stated of it"`
}

func (a *API) wholes() {
	s := a.services.Wholes
	if s == nil {
		return
	}
	read := func(ctx context.Context) store.RowScope { return caller(ctx).Scope(auth.PermInventoryRead) }
	for _, x := range []struct {
		noun, tag string
		t         retinue.FactType
	}{{"identity", "Identities", retinue.FactIdentity}, {"credential", "Credentials", retinue.FactCredential}} {
		path := "/identities"
		if x.t == retinue.FactCredential {
			path = "/credentials"
		}
		add(a, huma.Operation{OperationID: "get-" + x.noun + "-whole", Method: http.MethodGet, Path: path + "/{id}/whole", Tags: []string{x.tag},
			Summary: "Everything about one " + x.noun + " at once"},
			func(ctx context.Context, in *wholeInput) (*single[Whole], error) {
				return one(s.Whole(ctx, read(ctx), x.t, retinue.EntityID(in.ID), in.asOf(), in.History))
			})
	}
	add(a, huma.Operation{OperationID: "list-scopes", Method: http.MethodGet, Path: "/scopes", Tags: []string{"Sources"}, Summary: "How every scope of every source stands"},
		func(ctx context.Context, _ *struct{}) (*listed[store.ScopeStatus], error) {
			v, err := s.Scopes(ctx, caller(ctx).Scope(auth.PermSourcesRead))
			return wholeList(v), err
		})
	add(a, huma.Operation{OperationID: "list-rule-texts", Method: http.MethodGet, Path: "/rules/texts", Tags: []string{"Rules"}, Summary: "The rules in force with their conditions"},
		func(ctx context.Context, _ *struct{}) (*listed[RuleText], error) {
			v, err := s.RuleTexts(ctx)
			return wholeList(v), err
		})
	add(a, huma.Operation{OperationID: "get-diff", Method: http.MethodGet, Path: "/diff", Tags: []string{"Inventory"}, Summary: "What differs between two times",
		Description: "Between two observed times, by what is known now, the oldest first; what changed and changed back is not in it. It is not paged: limit and cursor do not limit it."},
		func(ctx context.Context, in *listChangesInput) (*listed[store.Change], error) {
			q := in.query()
			if q.At.From.IsZero() {
				return nil, invalidField("query.from", "give the time from which")
			}
			if q.At.To.IsZero() {
				q.At.To = a.services.Now()
			}
			v, err := s.Diff(ctx, read(ctx), q)
			return wholeList(v), err
		})
}
