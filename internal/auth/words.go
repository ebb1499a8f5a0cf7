package auth

import (
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// The words in which the interface and the use cases of people speak to each
// other.

// Factors are what an account proves itself with, as its person sees it.
type Factors struct {
	Password      bool            `json:"hasPassword"`
	TOTP          bool            `json:"hasTotp"`
	Passkeys      []store.Passkey `json:"passkeys"`
	RecoveryCodes int64           `json:"recoveryCodes"`
	SingleSignOn  bool            `json:"singleSignOn"`
}

// NewTOTP is a secret of one-time codes that awaits its first code. It is shown
// this once.
type NewTOTP struct {
	Secret string
	URL    string
}

// NewPerson is what a person says of themselves with a link.
type NewPerson struct {
	Token, Login, Name, Email, Password string
}

// Invitation is a link for an account that has nothing to sign in with yet.
type Invitation struct {
	ID        store.FlowID    `json:"id"`
	Account   store.AccountID `json:"account"`
	Login     string          `json:"login"`
	Name      string          `json:"name"`
	CreatedAt time.Time       `json:"createdAt"`
	ExpiresAt time.Time       `json:"expiresAt"`
}

// AccountChange changes fields of an account; nil leaves one as it is.
type AccountChange struct {
	Login, Name, Email, ExternalID *string
	Active                         *bool
	// Check is asked with the account as it stands.
	Check func(store.Account) error
}

// GroupChange changes a group; nil leaves a field as it is.
type GroupChange struct {
	Name, ExternalID *string
	Add, Remove      []store.AccountID
	// Members replaces all members, unless nil.
	Members *[]store.AccountID
	Check   func(store.AccountGroup) error
}

// TokenSpec is what a token is made of.
type TokenSpec struct {
	Name        string
	Kind        store.TokenKind
	Permissions []Permission
	Scope       store.RowScope
	Realms      []retinue.Realm
	ExpiresAt   time.Time
}

// Device is a device that awaits approval.
type Device struct {
	UserCode  string    `json:"userCode"`
	Name      string    `json:"name" doc:"What the program calls itself"`
	Origin    string    `json:"origin" doc:"The address that it asks from"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	// Permissions are what its token will have.
	Permissions []Permission `json:"permissions"`
}

// BegunDevice is what the device gets. The device code is its secret.
type BegunDevice struct {
	DeviceCode, UserCode, Page string
	ExpiresIn, Interval        time.Duration
}

// The answers of RFC 8628, section 3.5, to a device that asks too early or in
// vain.
var (
	ErrDevicePending = fmt.Errorf("%w: authorization_pending", retinue.ErrConflict)
	ErrDeviceSlow    = fmt.Errorf("%w: slow_down", retinue.ErrConflict)
	ErrDeviceRefused = fmt.Errorf("%w: access_denied", retinue.ErrDenied)
	ErrDeviceExpired = fmt.Errorf("%w: expired_token", retinue.ErrInvalid)
)

// SSOAnswer is what a provider led back with.
type SSOAnswer struct{ State, Code, Issuer, Error string }
