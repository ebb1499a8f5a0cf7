package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// SignIn signs people in and out.
type SignIn interface {
	SignInPassword(ctx context.Context, p auth.Presented, login, password string) (auth.Outcome, error)
	SignInCode(ctx context.Context, p auth.Presented, code string) (auth.Outcome, error)
	SignInPasskeyBegin(ctx context.Context) (any, *http.Cookie, error)
	SignInPasskey(ctx context.Context, p auth.Presented, answer []byte) (auth.Outcome, error)
	SignInLink(ctx context.Context, p auth.Presented, secret string) (auth.Outcome, error)
	SignOut(ctx context.Context, p auth.Presented) ([]*http.Cookie, error)
}

// SetUp makes the first account, and accepts invitations.
type SetUp interface {
	NeedsSetUp(ctx context.Context) (bool, error)
	SetUp(ctx context.Context, p auth.Presented, n auth.NewPerson) (auth.Outcome, error)
	AcceptInvitation(ctx context.Context, p auth.Presented, n auth.NewPerson) (auth.Outcome, error)
}

// SignInSSO signs people in at providers.
type SignInSSO interface {
	SignInProviders(ctx context.Context) ([]store.SSOProvider, error)
	// StartSSO returns where to go. A caller who is signed in proves a second
	// factor anew.
	StartSSO(ctx context.Context, c auth.Caller, provider store.ProviderID, to string) (string, *http.Cookie, error)
	FinishSSO(ctx context.Context, p auth.Presented, a auth.SSOAnswer) (auth.Outcome, error)
}

// ProblemWrong is the type of the answer to a proof that was wrong.
const ProblemWrong = "urn:retinue:problem:wrong"

// ProblemEnrol is the type of the answer to who has no second factor yet.
const ProblemEnrol = "urn:retinue:problem:enrol-second-factor"

var errEnrol = fail(http.StatusForbidden, ProblemEnrol, "set up a second factor first")

// told turns the errors of sign-in into what the caller is told: a wrong proof
// is one answer, whatever was wrong.
func told(err error) error {
	var w *auth.WrongError
	switch {
	case errors.As(err, &w):
		return fail(http.StatusUnauthorized, ProblemWrong, w.Text)
	case errors.Is(err, auth.ErrNotFresh):
		return errFresh
	}
	return err
}

// cookied is the output of what sets cookies.
type cookied[T any] struct {
	SetCookie    []*http.Cookie `header:"Set-Cookie"`
	CacheControl string         `header:"Cache-Control"`
	Body         T
}

// withCookies is the answer that sets cookies. It is never stored.
func withCookies[T any](body T, cookies []*http.Cookie, err error) (*cookied[T], error) {
	if err != nil {
		return nil, told(err)
	}
	return &cookied[T]{SetCookie: cookies, CacheControl: "no-store", Body: body}, nil
}

// nextStep is what comes after a step of signing in.
type nextStep struct {
	Next auth.Next `json:"next" enum:"done,code,passkey,enrol" doc:"done: signed in; code: send a one-time or recovery code; passkey: sign in with the passkey; enrol: set up a second factor"`
}

func stepped(o auth.Outcome, err error) (*cookied[nextStep], error) {
	return withCookies(nextStep{o.Next}, o.Cookies, err)
}

// onlyCookies is an answer without a body.
type onlyCookies struct {
	SetCookie    []*http.Cookie `header:"Set-Cookie"`
	CacheControl string         `header:"Cache-Control"`
}

func justCookies(cookies []*http.Cookie, err error) (*onlyCookies, error) {
	if err != nil {
		return nil, told(err)
	}
	return &onlyCookies{SetCookie: cookies, CacheControl: "no-store"}, nil
}

// begun is a challenge for the browser.
type begun struct {
	Options any `json:"options" doc:"What navigator.credentials takes, as JSON (WebAuthn Level 3, section 5.1)"`
}

func challenged(options any, cookie *http.Cookie, err error) (*cookied[begun], error) {
	return withCookies(begun{options}, []*http.Cookie{cookie}, err)
}

type methods struct {
	SetUp     bool             `json:"setUp" doc:"Nobody has an account yet: the server printed a link"`
	Providers []signInProvider `json:"providers"`
}

type signInProvider struct {
	ID   store.ProviderID `json:"id"`
	Name string           `json:"name"`
}

type passwordInput struct {
	Body struct {
		Login    string `json:"login" maxLength:"300"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type codeInput struct {
	Body struct {
		Code string `json:"code" maxLength:"64" doc:"A one-time code, or a recovery code"`
	}
}

type credentialInput struct {
	Body json.RawMessage `doc:"The PublicKeyCredential that the browser made, as JSON"`
}

type linkInput struct {
	Body struct {
		Token string `json:"token" maxLength:"128" doc:"What stands after # in the link"`
	}
}

type setUpInput struct {
	Body struct {
		Token    string `json:"token" maxLength:"128" doc:"What stands after # in the link"`
		Login    string `json:"login" maxLength:"200"`
		Name     string `json:"name" maxLength:"200"`
		Email    string `json:"email,omitempty" maxLength:"254"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type invitedInput struct {
	Body struct {
		Token    string `json:"token" maxLength:"128" doc:"What stands after # in the link"`
		Name     string `json:"name,omitempty" maxLength:"200"`
		Password string `json:"password" maxLength:"1024"`
	}
}

func authOp(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Sign-in"}, Summary: summary, MaxBodyBytes: 64 << 10}
}

// signIn registers the operations by which people come in. All are public:
// what they ask for is the proof itself.
func (a *API) signIn() {
	s := a.services.SignIn
	if s == nil {
		return
	}
	add(a, authOp("sign-in-password", http.MethodPost, "/auth/sign-in/password", "Sign in by a password, first step"),
		func(ctx context.Context, in *passwordInput) (*cookied[nextStep], error) {
			return stepped(s.SignInPassword(ctx, auth.PresentedBy(ctx), in.Body.Login, in.Body.Password))
		})
	add(a, authOp("sign-in-code", http.MethodPost, "/auth/sign-in/code", "Sign in by a password, second step"),
		func(ctx context.Context, in *codeInput) (*cookied[nextStep], error) {
			return stepped(s.SignInCode(ctx, auth.PresentedBy(ctx), in.Body.Code))
		})
	add(a, authOp("begin-sign-in-passkey", http.MethodPost, "/auth/sign-in/passkey/begin", "Sign in by a passkey: the challenge"),
		func(ctx context.Context, _ *struct{}) (*cookied[begun], error) {
			return challenged(s.SignInPasskeyBegin(ctx))
		})
	add(a, authOp("sign-in-passkey", http.MethodPost, "/auth/sign-in/passkey/finish", "Sign in by a passkey: the answer"),
		func(ctx context.Context, in *credentialInput) (*cookied[nextStep], error) {
			return stepped(s.SignInPasskey(ctx, auth.PresentedBy(ctx), in.Body))
		})
	add(a, authOp("sign-in-link", http.MethodPost, "/auth/sign-in/link", "Sign in by the one-time link that the server printed on a terminal"),
		func(ctx context.Context, in *linkInput) (*cookied[nextStep], error) {
			return stepped(s.SignInLink(ctx, auth.PresentedBy(ctx), in.Body.Token))
		})
	add(a, authOp("sign-out", http.MethodPost, "/auth/sign-out", "Sign out"),
		func(ctx context.Context, _ *struct{}) (*onlyCookies, error) {
			return justCookies(s.SignOut(ctx, auth.PresentedBy(ctx)))
		})
	a.setUp()
	a.signInSSO()
}

func (a *API) setUp() {
	s, sso := a.services.SetUp, a.services.SignInSSO
	if s == nil || sso == nil {
		return
	}
	add(a, authOp("get-sign-in-methods", http.MethodGet, "/auth/methods", "How people sign in here"),
		func(ctx context.Context, _ *struct{}) (*cookied[methods], error) {
			need, err := s.NeedsSetUp(ctx)
			if err != nil {
				return nil, err
			}
			rows, err := sso.SignInProviders(ctx)
			m := methods{SetUp: need, Providers: []signInProvider{}}
			for _, p := range rows {
				m.Providers = append(m.Providers, signInProvider{p.ID, p.Name})
			}
			return withCookies(m, nil, err)
		})
	add(a, authOp("set-up", http.MethodPost, "/auth/setup", "Make the first administrator, with the link that the server printed"),
		func(ctx context.Context, in *setUpInput) (*cookied[nextStep], error) {
			b := in.Body
			return stepped(s.SetUp(ctx, auth.PresentedBy(ctx), auth.NewPerson{Token: b.Token, Login: b.Login, Name: b.Name, Email: b.Email, Password: b.Password}))
		})
	add(a, authOp("accept-invitation", http.MethodPost, "/auth/invitation", "Accept an invitation: set a password, and sign in as far as setting up a second factor"),
		func(ctx context.Context, in *invitedInput) (*cookied[nextStep], error) {
			b := in.Body
			return stepped(s.AcceptInvitation(ctx, auth.PresentedBy(ctx), auth.NewPerson{Token: b.Token, Name: b.Name, Password: b.Password}))
		})
}

type ssoStartInput struct {
	Body struct {
		Provider store.ProviderID `json:"provider" maxLength:"64"`
		To       string           `json:"to,omitempty" maxLength:"1000" doc:"The path of the console to come back to"`
	}
}

type ssoStarted struct {
	URL string `json:"url" doc:"Where to go"`
}

func (a *API) signInSSO() {
	s := a.services.SignInSSO
	if s == nil {
		return
	}
	add(a, authOp("start-sign-in-sso", http.MethodPost, "/auth/sign-in/oidc/start", "Sign in at a provider: where to go. Somebody who is signed in confirms their second factor this way"),
		func(ctx context.Context, in *ssoStartInput) (*cookied[ssoStarted], error) {
			to, cookie, err := s.StartSSO(ctx, caller(ctx), in.Body.Provider, in.Body.To)
			return withCookies(ssoStarted{to}, []*http.Cookie{cookie}, err)
		})
	op := authOp("finish-sign-in-sso", http.MethodGet, "/auth/sign-in/oidc/callback", "Where a provider leads back to; answers with a redirect to the console")
	op.Responses = map[string]*huma.Response{"303": {Description: "Back to the console; with ?error= where the sign-in failed"}}
	addRaw(a, op, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		o, err := s.FinishSSO(r.Context(), auth.PresentedBy(r.Context()), auth.SSOAnswer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")})
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		for _, c := range o.Cookies {
			http.SetCookie(w, c)
		}
		to := o.To
		if err != nil {
			to = "/sign-in?error=" + url.QueryEscape(ssoReason(err))
			if !errors.Is(err, retinue.ErrDenied) {
				_ = a.failed(r.Context(), op.OperationID, err)
			}
		}
		if !strings.HasPrefix(to, "/") {
			to = "/"
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
	})
}

// ssoReason is the word by which the console tells why a sign-in at a provider
// failed.
func ssoReason(err error) string {
	var w *auth.WrongError
	switch {
	case errors.As(err, &w) && (w.Reason == "no flow" || w.Reason == "flow not found"):
		return "expired"
	case errors.As(err, &w) && w.Reason == "unknown":
		return "unknown"
	case errors.Is(err, retinue.ErrDenied):
		return "denied"
	}
	return "failed"
}
