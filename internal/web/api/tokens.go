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

// Tokens are what programs call with.
type Tokens interface {
	Tokens(ctx context.Context, c auth.Caller, everybody bool, q store.TokenQuery) ([]store.Token, error)
	// CreateToken returns the token's value too, shown once.
	CreateToken(ctx context.Context, c auth.Caller, n auth.TokenSpec) (store.Token, string, error)
	RevokeToken(ctx context.Context, c auth.Caller, id store.TokenID) error
}

type tokensInput struct {
	ListInput
	All   bool            `query:"all" doc:"Everybody's, for who manages tokens; otherwise the caller's own"`
	Kind  store.TokenKind `query:"kind" enum:"api,cli,scim,collector"`
	Ended bool            `query:"ended" doc:"Also revoked and expired ones"`
}

type tokenInput struct {
	ID store.TokenID `path:"id" maxLength:"64"`
}

type newTokenInput struct {
	Body struct {
		Name        string            `json:"name" maxLength:"200" doc:"What uses it"`
		Kind        store.TokenKind   `json:"kind,omitempty" enum:"api,scim,collector" default:"api" doc:"api acts for the caller; scim and collector belong to the installation"`
		Permissions []auth.Permission `json:"permissions,omitempty" maxItems:"50" doc:"For kind api; never more than the caller has"`
		Scope       store.RowScope    `json:"scope,omitempty" doc:"For kind api"`
		Realms      []retinue.Realm   `json:"realms,omitempty" maxItems:"500" doc:"For kind collector: what it may write"`
		ExpiresAt   time.Time         `json:"expiresAt" doc:"In a year at most"`
	}
}

// apiToken is a token as lists show it. Its name in the document keeps it apart
// from the tokens of the inventory.
type apiToken struct{ store.Token }

type newToken struct {
	store.Token
	Secret string `json:"secret" doc:"The token itself; shown this once"`
}

// tokens registers the operations on tokens.
func (a *API) tokens() {
	s := a.services.Tokens
	if s == nil {
		return
	}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Tokens"}, Summary: summary}
	}
	add(a, op("list-tokens", http.MethodGet, "/tokens", "Tokens, without what they are"),
		func(ctx context.Context, in *tokensInput) (*listed[apiToken], error) {
			return listTokens(ctx, s, in)
		})
	add(a, op("create-token", http.MethodPost, "/tokens", "Make a token"),
		func(ctx context.Context, in *newTokenInput) (*cookied[newToken], error) {
			b := in.Body
			if b.Kind == "" {
				b.Kind = store.TokenKindAPI
			}
			t, secret, err := s.CreateToken(ctx, caller(ctx), auth.TokenSpec{Name: b.Name, Kind: b.Kind, Permissions: b.Permissions,
				Scope: b.Scope, Realms: b.Realms, ExpiresAt: b.ExpiresAt})
			return withCookies(newToken{t, secret}, nil, err)
		})
	add(a, op("revoke-token", http.MethodDelete, "/tokens/{id}", "Revoke a token: the caller's own, or anybody's for who manages tokens"),
		func(ctx context.Context, in *tokenInput) (*struct{}, error) {
			return none(s.RevokeToken(ctx, caller(ctx), in.ID))
		})
}

func listTokens(ctx context.Context, s Tokens, in *tokensInput) (*listed[apiToken], error) {
	q := store.TokenQuery{Kind: in.Kind, Ended: in.Ended, Limit: in.Limit + 1}
	of := []any{"tokens", in.All, in.Kind, in.Ended}
	if err := DecodeCursor(in.Cursor, of, &q.After); err != nil {
		return nil, err
	}
	rows, err := s.Tokens(ctx, caller(ctx), in.All, q)
	if err != nil {
		return nil, err
	}
	more := len(rows) > in.Limit
	next := ""
	if more {
		rows = rows[:in.Limit]
		if next, err = EncodeCursor(of, rows[in.Limit-1].ID); err != nil {
			return nil, err
		}
	}
	out := make([]apiToken, len(rows))
	for i, t := range rows {
		out[i] = apiToken{t}
	}
	return pageOf(out, next, int64(len(out)), more), nil
}
