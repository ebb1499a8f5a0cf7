package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/retinue-id/retinue"
)

// OIDC signs people in at providers of OpenID Connect: authorization code with
// PKCE (RFC 7636), nonce and state, found by discovery. It is safe for
// concurrent use.
type OIDC struct {
	client *http.Client
	now    func() time.Time

	mu        sync.Mutex
	providers map[string]discovered
}

type discovered struct {
	provider *oidc.Provider
	at       time.Time
}

// discoveryFor is how long what a provider says of itself is believed. Its keys
// are fetched again whenever a token names an unknown one.
const discoveryFor = time.Hour

// maxGroups bounds the groups that are read of a token.
const maxGroups = 2000

// NewOIDC returns a client that reaches providers by an HTTP client.
func NewOIDC(client *http.Client, now func() time.Time) *OIDC {
	return &OIDC{client: client, now: now, providers: map[string]discovered{}}
}

// OIDCConfig is a provider as a sign-in uses it.
type OIDCConfig struct {
	Issuer, ClientID, Redirect, GroupsClaim string
	Secret                                  retinue.Secret
	Scopes                                  []string
}

// OIDCState is what is remembered between leaving for a provider and coming
// back.
type OIDCState struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	// Fresh asks the provider to have its user sign in anew.
	Fresh bool `json:"fresh"`
}

// NewOIDCState makes the random parts.
func NewOIDCState(fresh bool) OIDCState {
	return OIDCState{State: NewSecret(), Nonce: NewSecret(), Verifier: oauth2.GenerateVerifier(), Fresh: fresh}
}

// Claims are what a provider says about who signed in.
type Claims struct {
	Issuer, Subject string
	Login, Name     string
	Email           string
	EmailVerified   bool
	Groups          []string
	AuthTime        time.Time
}

func (o *OIDC) provider(ctx context.Context, issuer string) (*oidc.Provider, error) {
	o.mu.Lock()
	d, ok := o.providers[issuer]
	o.mu.Unlock()
	if ok && o.now().Sub(d.at) < discoveryFor {
		return d.provider, nil
	}
	// The provider keeps the context for fetching keys, so it must not end
	// with the request.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.client), issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: no provider of OpenID Connect answers there: %v", retinue.ErrUnavailable, err)
	}
	o.mu.Lock()
	o.providers[issuer] = discovered{p, o.now()}
	o.mu.Unlock()
	return p, nil
}

// Check reports a provider that cannot be reached or is not what it says.
func (o *OIDC) Check(ctx context.Context, issuer string) error {
	_, err := o.provider(ctx, issuer)
	return err
}

func (c OIDCConfig) oauth(p *oidc.Provider) *oauth2.Config {
	scopes := append([]string{oidc.ScopeOpenID, "profile", "email"}, c.Scopes...)
	slices.Sort(scopes)
	return &oauth2.Config{ClientID: c.ClientID, ClientSecret: c.Secret.Reveal(), Endpoint: p.Endpoint(), RedirectURL: c.Redirect, Scopes: slices.Compact(scopes)}
}

// Begin returns the address at which the provider signs its user in.
func (o *OIDC) Begin(ctx context.Context, c OIDCConfig, s OIDCState) (string, error) {
	p, err := o.provider(ctx, c.Issuer)
	if err != nil {
		return "", err
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier)}
	if s.Fresh {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return c.oauth(p).AuthCodeURL(s.State, opts...), nil
}

// Finish exchanges the code that the provider led back with, and verifies what
// it says: signature, issuer, audience, expiry, nonce, and where it is asked
// for that its user signed in anew.
func (o *OIDC) Finish(ctx context.Context, c OIDCConfig, s OIDCState, code string) (Claims, error) {
	p, err := o.provider(ctx, c.Issuer)
	if err != nil {
		return Claims{}, err
	}
	ctx = oidc.ClientContext(ctx, o.client)
	token, err := c.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(s.Verifier))
	if err != nil {
		return Claims{}, fmt.Errorf("%w: the provider did not accept the sign-in", retinue.ErrDenied)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: c.ClientID, Now: o.now}).Verify(ctx, raw)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: the provider's answer does not verify", retinue.ErrDenied)
	}
	if id.Nonce != s.Nonce {
		return Claims{}, fmt.Errorf("%w: the provider's answer belongs to another sign-in", retinue.ErrDenied)
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return Claims{}, fmt.Errorf("%w: the provider's tokens do not belong together", retinue.ErrDenied)
	}
	out := Claims{Issuer: id.Issuer, Subject: id.Subject}
	claims := map[string]json.RawMessage{}
	if err := id.Claims(&claims); err != nil {
		return Claims{}, fmt.Errorf("%w: read claims of the provider", retinue.ErrDenied)
	}
	if len(claims[c.GroupsClaim]) == 0 || len(claims["email"]) == 0 {
		o.moreClaims(ctx, p, token, id.Subject, claims)
	}
	out.read(claims, c.GroupsClaim)
	if s.Fresh && (out.AuthTime.IsZero() || o.now().Sub(out.AuthTime) > FreshFor/2) {
		return Claims{}, fmt.Errorf("%w: the provider did not have you sign in anew", retinue.ErrDenied)
	}
	return out, nil
}

// moreClaims adds what the provider tells of its user only when asked. Claims
// of the signed token win.
func (o *OIDC) moreClaims(ctx context.Context, p *oidc.Provider, token *oauth2.Token, subject string, claims map[string]json.RawMessage) {
	if p.UserInfoEndpoint() == "" {
		return
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != subject {
		return
	}
	more := map[string]json.RawMessage{}
	if info.Claims(&more) != nil {
		return
	}
	for k, v := range more {
		if _, ok := claims[k]; !ok {
			claims[k] = v
		}
	}
}

func (c *Claims) read(claims map[string]json.RawMessage, groups string) {
	text := func(name string, n int) string {
		var s string
		_ = json.Unmarshal(claims[name], &s)
		return printable(strings.TrimSpace(s), n)
	}
	c.Login, c.Name, c.Email = text("preferred_username", 100), text("name", 200), text("email", 254)
	// Some providers send the word instead of the truth value.
	c.EmailVerified = string(claims["email_verified"]) == "true" || string(claims["email_verified"]) == `"true"`
	var at int64
	if json.Unmarshal(claims["auth_time"], &at) == nil && at > 0 {
		c.AuthTime = time.Unix(at, 0).UTC()
	}
	var list []string
	if json.Unmarshal(claims[groups], &list) != nil {
		if one := text(groups, 500); one != "" {
			list = []string{one}
		}
	}
	c.Groups = list[:min(len(list), maxGroups)]
}
