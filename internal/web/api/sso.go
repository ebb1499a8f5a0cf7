package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// SSO are the providers of single sign-on.
type SSO interface {
	Providers(ctx context.Context) ([]store.SSOProvider, error)
	Provider(ctx context.Context, id store.ProviderID) (store.SSOProvider, error)
	// PutProvider adds a provider without an id, or changes one. A nil secret
	// leaves the one that there is. Check is asked with the provider as it
	// stands.
	PutProvider(ctx context.Context, c auth.Caller, p store.SSOProvider, secret *retinue.Secret, check func(store.SSOProvider) error) (store.SSOProvider, error)
	DeleteProvider(ctx context.Context, c auth.Caller, id store.ProviderID) error
	// Callback is the redirect address to register at a provider.
	Callback() string
}

// ProviderInput names a provider of single sign-on.
type ProviderInput struct {
	ID store.ProviderID `path:"id" maxLength:"64"`
}

type ssoProviderBody struct {
	Name         string             `json:"name" maxLength:"100" doc:"As the button of the page of sign-in shows it"`
	Issuer       string             `json:"issuer" maxLength:"500"`
	ClientID     string             `json:"clientId" maxLength:"500"`
	ClientSecret *string            `json:"clientSecret,omitempty" maxLength:"2000" doc:"Absent: as it was; empty: none. Never returned"`
	Enabled      bool               `json:"enabled,omitempty"`
	Scopes       []string           `json:"scopes,omitempty" maxItems:"20" doc:"Beside openid, profile and email"`
	GroupsClaim  string             `json:"groupsClaim,omitempty" maxLength:"200" doc:"groups where absent"`
	TrustEmail   bool               `json:"trustEmail,omitempty" doc:"A verified e-mail address at the provider is that of the account with the login"`
	Mappings     []store.SSOMapping `json:"mappings,omitempty" maxItems:"500" doc:"The roles of the provider's groups; nobody else gets an account"`
}

func (b ssoProviderBody) provider(id store.ProviderID) (store.SSOProvider, *retinue.Secret) {
	p := store.SSOProvider{ID: id, Name: b.Name, Issuer: b.Issuer, ClientID: b.ClientID, Enabled: b.Enabled, Scopes: b.Scopes,
		GroupsClaim: b.GroupsClaim, TrustEmail: b.TrustEmail, Mappings: b.Mappings}
	if b.ClientSecret == nil {
		return p, nil
	}
	secret := retinue.NewSecret(*b.ClientSecret)
	return p, &secret
}

type newProviderInput struct{ Body ssoProviderBody }

type changeProviderInput struct {
	ProviderInput
	IfMatch
	Body ssoProviderBody
}

// ssoProvider is a provider with what is to be registered there.
type ssoProvider struct {
	store.SSOProvider
	Callback string `json:"callback" doc:"The redirect address to register at the provider"`
}

// sso registers the settings of single sign-on.
func (a *API) sso() {
	s := a.services.SSO
	if s == nil {
		return
	}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Single sign-on"}, Summary: summary}
	}
	shown := func(p store.SSOProvider) ssoProvider { return ssoProvider{p, s.Callback()} }
	add(a, op("list-sso-providers", http.MethodGet, "/sso/providers", "The providers of single sign-on"),
		func(ctx context.Context, _ *struct{}) (*listed[ssoProvider], error) {
			rows, err := s.Providers(ctx)
			if err != nil {
				return nil, err
			}
			out := make([]ssoProvider, len(rows))
			for i, p := range rows {
				out[i] = shown(p)
			}
			return wholeList(out), nil
		})
	add(a, op("get-sso-provider", http.MethodGet, "/sso/providers/{id}", "One provider of single sign-on"),
		func(ctx context.Context, in *ProviderInput) (*single[ssoProvider], error) {
			p, err := s.Provider(ctx, in.ID)
			return one(shown(p), err)
		})
	add(a, op("create-sso-provider", http.MethodPost, "/sso/providers", "Add a provider of single sign-on"),
		func(ctx context.Context, in *newProviderInput) (*single[ssoProvider], error) {
			p, secret := in.Body.provider("")
			p, err := s.PutProvider(ctx, caller(ctx), p, secret, nil)
			return one(shown(p), err)
		})
	add(a, op("put-sso-provider", http.MethodPut, "/sso/providers/{id}", "Change a provider of single sign-on"),
		func(ctx context.Context, in *changeProviderInput) (*single[ssoProvider], error) {
			p, secret := in.Body.provider(in.ID)
			p, err := s.PutProvider(ctx, caller(ctx), p, secret, func(have store.SSOProvider) error { return in.check(shown(have)) })
			return one(shown(p), err)
		})
	add(a, op("delete-sso-provider", http.MethodDelete, "/sso/providers/{id}", "Remove a provider with the roles that it gave; accounts stay"),
		func(ctx context.Context, in *ProviderInput) (*struct{}, error) {
			return none(s.DeleteProvider(ctx, caller(ctx), in.ID))
		})
}
