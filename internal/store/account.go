package store

import (
	"time"

	"github.com/retinue-id/retinue"
)

// The ids of people, sessions and tokens of the platform itself. They have the
// form of all public ids, and none is a secret.
type (
	// AccountID names an account of the platform: acc_.
	AccountID string
	// SessionID names a session: ses_.
	SessionID string
	// TokenID names an API token: tok_.
	TokenID string
	// BindingID names a role binding: rbd_.
	BindingID string
	// AccountGroupID names a group of accounts: agr_.
	AccountGroupID string
	// PasskeyID names a passkey: pky_.
	PasskeyID string
	// FlowID names something begun and not finished: flw_.
	FlowID string
	// ProviderID names a provider of single sign-on: sso_.
	ProviderID string
)

// AccountOrigin is who makes and changes an account or group.
type AccountOrigin string

// The origins.
const (
	OriginLocal AccountOrigin = "local"
	OriginSCIM  AccountOrigin = "scim"
	OriginSSO   AccountOrigin = "sso"
)

// Account is a person of the platform.
type Account struct {
	ID AccountID `json:"id"`
	// Login is unique, in lower case.
	Login      string        `json:"login"`
	Name       string        `json:"name"`
	Email      string        `json:"email"`
	ExternalID string        `json:"externalId,omitempty"`
	Origin     AccountOrigin `json:"origin"`
	Active     bool          `json:"active"`
	// HasPassword, HasTOTP and Passkeys say by what the account can sign in.
	HasPassword bool      `json:"hasPassword"`
	HasTOTP     bool      `json:"hasTotp"`
	Passkeys    int       `json:"passkeys"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	LastSignIn  time.Time `json:"lastSignIn,omitzero"`
	Version     int64     `json:"version"`
	Key         int64     `json:"-"`
}

// AccountSecrets are what an account proves itself with. None leaves the
// server.
type AccountSecrets struct {
	Password string // an argon2id string, or empty
	TOTP     []byte // sealed, or empty
	TOTPStep int64  // the last time step that was accepted
}

// AccountQuery selects accounts.
type AccountQuery struct {
	ID         AccountID
	Login      string // exact, in lower case
	ExternalID string
	Text       string // in the login, name or e-mail address
	Active     *bool
	Origin     AccountOrigin
	After      string // login after which the page begins
	Limit      int
	Offset     int
}

// Passkey is a WebAuthn credential of an account. Body is the credential
// record as the library writes it: a public key and counters.
type Passkey struct {
	ID           PasskeyID `json:"id"`
	Name         string    `json:"name"`
	CreatedAt    time.Time `json:"createdAt"`
	LastUsed     time.Time `json:"lastUsed,omitzero"`
	CredentialID []byte    `json:"-"`
	Body         []byte    `json:"-"`
	AccountKey   int64     `json:"-"`
}

// AccountGroup is a group of accounts.
type AccountGroup struct {
	ID         AccountGroupID `json:"id"`
	Name       string         `json:"name"`
	ExternalID string         `json:"externalId,omitempty"`
	Origin     AccountOrigin  `json:"origin"`
	Members    int            `json:"members"`
	CreatedAt  time.Time      `json:"createdAt"`
	UpdatedAt  time.Time      `json:"updatedAt"`
	Version    int64          `json:"version"`
	Key        int64          `json:"-"`
}

// RoleBinding is a role of an account or of a group on a part of the
// inventory.
type RoleBinding struct {
	ID      BindingID      `json:"id"`
	Account AccountID      `json:"account,omitempty"`
	Group   AccountGroupID `json:"group,omitempty"`
	Role    string         `json:"role"`
	Scope   RowScope       `json:"scope"`
	// Own adds what is registered as the account's own, whatever that is when
	// it is asked.
	Own bool `json:"own"`
	// Origin is "manual", or "sso:" and the provider's id for what a sign-in
	// brought.
	Origin    string    `json:"origin"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
}

// Session is a session of a browser.
type Session struct {
	ID      SessionID `json:"id"`
	Account AccountID `json:"account"`
	// Method is by what it was begun: password, passkey, sso, link, set-up.
	Method string `json:"method"`
	// Pending is "enrol" until the account has a second factor; until then the
	// session may do nothing else.
	Pending   string    `json:"pending,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	FreshAt   time.Time `json:"freshAt,omitzero"`
	// Origin is the address that it was begun from, Agent the browser's name.
	Origin      string    `json:"origin"`
	Agent       string    `json:"agent"`
	RotatedAt   time.Time `json:"-"`
	ConfirmedAt time.Time `json:"-"`
	// Replaced says that it was found by the value before the last rotation.
	Replaced   bool   `json:"-"`
	Hash       []byte `json:"-"`
	AccountKey int64  `json:"-"`
	Key        int64  `json:"-"`
}

// TokenKind is what a token is for.
type TokenKind string

// The kinds of token.
const (
	TokenKindAPI       TokenKind = "api"
	TokenKindCLI       TokenKind = "cli"
	TokenKindSCIM      TokenKind = "scim"
	TokenKindCollector TokenKind = "collector"
)

// Token is an API token without its secret.
type Token struct {
	ID   TokenID   `json:"id"`
	Kind TokenKind `json:"kind"`
	Name string    `json:"name"`
	// Account is for whom it acts; empty for collectors.
	Account AccountID `json:"account,omitempty"`
	// Hint is the end of the token, to tell one from another.
	Hint        string          `json:"hint"`
	Permissions []string        `json:"permissions"`
	Scope       RowScope        `json:"scope"`
	Realms      []retinue.Realm `json:"realms,omitempty"`
	CreatedAt   time.Time       `json:"createdAt"`
	CreatedBy   string          `json:"createdBy"`
	ExpiresAt   time.Time       `json:"expiresAt"`
	LastUsed    time.Time       `json:"lastUsed,omitzero"`
	RevokedAt   time.Time       `json:"revokedAt,omitzero"`
	AccountKey  int64           `json:"-"`
	Key         int64           `json:"-"`
}

// TokenQuery selects tokens.
type TokenQuery struct {
	ID      TokenID
	Account AccountID
	Kind    TokenKind
	// Ended includes revoked and expired ones.
	Ended bool
	After TokenID
	Limit int
}

// Flow is something begun and not finished: what the server must remember
// between two requests of one sign-in.
type Flow struct {
	ID         FlowID
	Kind       string
	Code       string // what a person types, for devices
	AccountKey int64  // 0 where there is none
	Body       []byte // JSON
	Attempts   int
	CreatedAt  time.Time
	ExpiresAt  time.Time
	Key        int64
}

// Throttle counts failures to sign in.
type Throttle struct {
	Failures int
	LastAt   time.Time
}

// Denials are failures of a minute and an origin.
type Denials struct {
	Minute time.Time
	Origin string
	Reason string
	Count  int64
}

// SSOProvider is a provider of single sign-on by OpenID Connect.
type SSOProvider struct {
	ID       ProviderID `json:"id"`
	Name     string     `json:"name"`
	Issuer   string     `json:"issuer"`
	ClientID string     `json:"clientId"`
	// HasSecret says that there is a client secret; a public client has none.
	HasSecret bool `json:"hasSecret"`
	Enabled   bool `json:"enabled"`
	// Scopes are asked for beside openid.
	Scopes []string `json:"scopes"`
	// GroupsClaim names the claim that lists groups.
	GroupsClaim string `json:"groupsClaim"`
	// TrustEmail links a verified e-mail address to an account that is there.
	TrustEmail bool         `json:"trustEmail"`
	Mappings   []SSOMapping `json:"mappings"`
	CreatedAt  time.Time    `json:"createdAt"`
	UpdatedAt  time.Time    `json:"updatedAt"`
	Version    int64        `json:"version"`
	// Sealed is the client secret.
	Sealed []byte `json:"-"`
	Key    int64  `json:"-"`
}

// SSOMapping gives the members of a provider's group a role.
type SSOMapping struct {
	Group string   `json:"group"`
	Role  string   `json:"role"`
	Scope RowScope `json:"scope,omitzero"`
	Own   bool     `json:"own,omitempty"`
}
