package api

import (
	"context"
	"net/http"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Factors are what the caller's account proves itself with.
type Factors interface {
	Factors(ctx context.Context, c auth.Caller) (auth.Factors, error)
	SetPassword(ctx context.Context, p auth.Presented, c auth.Caller, present, password string) error
	BeginTOTP(ctx context.Context, c auth.Caller) (auth.NewTOTP, *http.Cookie, error)
	FinishTOTP(ctx context.Context, p auth.Presented, c auth.Caller, code string) ([]string, []*http.Cookie, error)
	RemoveTOTP(ctx context.Context, c auth.Caller) error
	NewRecoveryCodes(ctx context.Context, c auth.Caller) ([]string, error)
}

// OwnPasskeys are the passkeys of the caller's account.
type OwnPasskeys interface {
	AddPasskeyBegin(ctx context.Context, c auth.Caller, name string) (any, *http.Cookie, error)
	AddPasskey(ctx context.Context, p auth.Presented, c auth.Caller, answer []byte) ([]string, []*http.Cookie, error)
	RemovePasskey(ctx context.Context, c auth.Caller, id store.PasskeyID) error
}

// Refresh proves a second factor anew.
type Refresh interface {
	RefreshCode(ctx context.Context, p auth.Presented, c auth.Caller, code string) ([]*http.Cookie, error)
	RefreshPassword(ctx context.Context, p auth.Presented, c auth.Caller, password string) ([]*http.Cookie, error)
	RefreshPasskeyBegin(ctx context.Context, c auth.Caller) (any, *http.Cookie, error)
	RefreshPasskey(ctx context.Context, p auth.Presented, c auth.Caller, answer []byte) ([]*http.Cookie, error)
}

type newPasswordInput struct {
	Body struct {
		Present  string `json:"present,omitempty" maxLength:"1024" doc:"The present password, where there is one"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type confirmPasswordInput struct {
	Body struct {
		Password string `json:"password" maxLength:"1024"`
	}
}

type namedInput struct {
	Body struct {
		Name string `json:"name" maxLength:"100"`
	}
}

type passkeyInput struct {
	ID store.PasskeyID `path:"id" maxLength:"64"`
}

type newTOTP struct {
	Secret string `json:"secret" doc:"To be typed into an authenticator app; shown this once"`
	URL    string `json:"url" doc:"The same for a picture that the app reads"`
}

type recoveryCodes struct {
	Codes []string `json:"codes,omitempty" doc:"New recovery codes, shown this once"`
}

// factors registers the operations on what one proves oneself with. Who still
// has to set up a second factor may call them too.
func (a *API) factors() {
	f, k := a.services.Factors, a.services.OwnPasskeys
	if f == nil || k == nil {
		return
	}
	add(a, authOp("list-factors", http.MethodGet, "/auth/factors", "By what the caller's account signs in"),
		func(ctx context.Context, _ *struct{}) (*cookied[auth.Factors], error) {
			v, err := f.Factors(ctx, caller(ctx))
			return withCookies(v, nil, err)
		})
	add(a, authOp("set-password", http.MethodPut, "/auth/password", "Set the caller's password; other sessions end"),
		func(ctx context.Context, in *newPasswordInput) (*struct{}, error) {
			return none(told(f.SetPassword(ctx, auth.PresentedBy(ctx), caller(ctx), in.Body.Present, in.Body.Password)))
		})
	add(a, authOp("begin-totp", http.MethodPost, "/auth/totp/begin", "Set up one-time codes: the secret"),
		func(ctx context.Context, _ *struct{}) (*cookied[newTOTP], error) {
			n, cookie, err := f.BeginTOTP(ctx, caller(ctx))
			return withCookies(newTOTP{n.Secret, n.URL}, []*http.Cookie{cookie}, err)
		})
	add(a, authOp("finish-totp", http.MethodPost, "/auth/totp/finish", "Set up one-time codes: the first code"),
		func(ctx context.Context, in *codeInput) (*cookied[recoveryCodes], error) {
			codes, cookies, err := f.FinishTOTP(ctx, auth.PresentedBy(ctx), caller(ctx), in.Body.Code)
			return withCookies(recoveryCodes{codes}, cookies, err)
		})
	add(a, authOp("remove-totp", http.MethodDelete, "/auth/totp", "Remove one-time codes"),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return none(told(f.RemoveTOTP(ctx, caller(ctx))))
		})
	add(a, authOp("make-recovery-codes", http.MethodPost, "/auth/recovery-codes", "Make new recovery codes; the old ones end"),
		func(ctx context.Context, _ *struct{}) (*cookied[recoveryCodes], error) {
			codes, err := f.NewRecoveryCodes(ctx, caller(ctx))
			return withCookies(recoveryCodes{codes}, nil, err)
		})
	add(a, authOp("begin-add-passkey", http.MethodPost, "/auth/passkeys/begin", "Add a passkey: the challenge"),
		func(ctx context.Context, in *namedInput) (*cookied[begun], error) {
			return challenged(k.AddPasskeyBegin(ctx, caller(ctx), in.Body.Name))
		})
	add(a, authOp("add-passkey", http.MethodPost, "/auth/passkeys/finish", "Add a passkey: what the browser made"),
		func(ctx context.Context, in *credentialInput) (*cookied[recoveryCodes], error) {
			codes, cookies, err := k.AddPasskey(ctx, auth.PresentedBy(ctx), caller(ctx), in.Body)
			return withCookies(recoveryCodes{codes}, cookies, err)
		})
	add(a, authOp("remove-passkey", http.MethodDelete, "/auth/passkeys/{id}", "Remove a passkey"),
		func(ctx context.Context, in *passkeyInput) (*struct{}, error) {
			return none(told(k.RemovePasskey(ctx, caller(ctx), in.ID)))
		})
	a.refresh()
}

// refresh registers the operations by which a second factor is proven anew.
func (a *API) refresh() {
	s := a.services.Refresh
	if s == nil {
		return
	}
	add(a, authOp("refresh-factor-code", http.MethodPost, "/auth/refresh-factor/code", "Confirm the second factor by a code"),
		func(ctx context.Context, in *codeInput) (*onlyCookies, error) {
			return justCookies(s.RefreshCode(ctx, auth.PresentedBy(ctx), caller(ctx), in.Body.Code))
		})
	add(a, authOp("refresh-factor-password", http.MethodPost, "/auth/refresh-factor/password", "Confirm by the password, on loopback and while there is no second factor"),
		func(ctx context.Context, in *confirmPasswordInput) (*onlyCookies, error) {
			return justCookies(s.RefreshPassword(ctx, auth.PresentedBy(ctx), caller(ctx), in.Body.Password))
		})
	add(a, authOp("begin-refresh-factor-passkey", http.MethodPost, "/auth/refresh-factor/passkey/begin", "Confirm the second factor by a passkey: the challenge"),
		func(ctx context.Context, _ *struct{}) (*cookied[begun], error) {
			return challenged(s.RefreshPasskeyBegin(ctx, caller(ctx)))
		})
	add(a, authOp("refresh-factor-passkey", http.MethodPost, "/auth/refresh-factor/passkey/finish", "Confirm the second factor by a passkey: the answer"),
		func(ctx context.Context, in *credentialInput) (*onlyCookies, error) {
			return justCookies(s.RefreshPasskey(ctx, auth.PresentedBy(ctx), caller(ctx), in.Body))
		})
}
