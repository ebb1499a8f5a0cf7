package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Devices sign in programs on other machines (RFC 8628).
type Devices interface {
	BeginDevice(ctx context.Context, p auth.Presented, client string) (auth.BegunDevice, error)
	Device(ctx context.Context, p auth.Presented, c auth.Caller, userCode string) (auth.Device, error)
	DecideDevice(ctx context.Context, p auth.Presented, c auth.Caller, userCode string, approve bool) error
	PollDevice(ctx context.Context, deviceCode string) (store.Token, string, error)
}

type deviceInput struct {
	Body struct {
		Client string `json:"client" maxLength:"100" doc:"What the program calls itself"`
	}
}

type begunDevice struct {
	DeviceCode      string `json:"deviceCode" doc:"To ask with; a secret of the program"`
	UserCode        string `json:"userCode" doc:"To be shown to the person"`
	VerificationURI string `json:"verificationUri" doc:"The page where the person approves"`
	ExpiresIn       int    `json:"expiresIn" doc:"Seconds"`
	Interval        int    `json:"interval" doc:"Seconds between two questions"`
}

type deviceTokenInput struct {
	Body struct {
		DeviceCode string `json:"deviceCode" maxLength:"128"`
	}
}

type deviceToken struct {
	Error     string        `json:"error,omitempty" enum:"authorization_pending,slow_down,access_denied,expired_token" doc:"As RFC 8628, section 3.5, says; without it there is a token"`
	Token     string        `json:"token,omitempty" doc:"Shown this once"`
	ID        store.TokenID `json:"id,omitempty"`
	ExpiresAt time.Time     `json:"expiresAt,omitzero"`
}

type deviceCodeInput struct {
	Code string `query:"code" required:"true" maxLength:"32" doc:"The code that the program shows"`
}

type decideDeviceInput struct {
	Body struct {
		Code  string `json:"code" maxLength:"32" doc:"The code that the program shows"`
		Allow bool   `json:"allow"`
	}
}

// devices registers the sign-in of programs.
func (a *API) devices() {
	s := a.services.Devices
	if s == nil {
		return
	}
	add(a, authOp("begin-device", http.MethodPost, "/auth/device", "Begin the sign-in of a program on another machine"),
		func(ctx context.Context, in *deviceInput) (*cookied[begunDevice], error) {
			b, err := s.BeginDevice(ctx, auth.PresentedBy(ctx), in.Body.Client)
			return withCookies(begunDevice{b.DeviceCode, b.UserCode, b.Page, int(b.ExpiresIn / time.Second), int(b.Interval / time.Second)}, nil, err)
		})
	add(a, authOp("get-device", http.MethodGet, "/auth/device", "The program that shows a code, so that its person can compare"),
		func(ctx context.Context, in *deviceCodeInput) (*cookied[auth.Device], error) {
			d, err := s.Device(ctx, auth.PresentedBy(ctx), caller(ctx), in.Code)
			return withCookies(d, nil, err)
		})
	add(a, authOp("decide-device", http.MethodPost, "/auth/device/approve", "Let a program in as the caller, or refuse it"),
		func(ctx context.Context, in *decideDeviceInput) (*struct{}, error) {
			return none(told(s.DecideDevice(ctx, auth.PresentedBy(ctx), caller(ctx), in.Body.Code, in.Body.Allow)))
		})
	op := authOp("get-device-token", http.MethodPost, "/auth/device/token", "Ask for the token of a program whose sign-in was begun")
	op.Errors = []int{http.StatusUnprocessableEntity}
	add(a, op, pollDevice(s))
}

func pollDevice(s Devices) func(context.Context, *deviceTokenInput) (*cookied[deviceToken], error) {
	answers := []struct {
		err  error
		word string
	}{{auth.ErrDevicePending, "authorization_pending"}, {auth.ErrDeviceSlow, "slow_down"}, {auth.ErrDeviceRefused, "access_denied"}, {auth.ErrDeviceExpired, "expired_token"}}
	return func(ctx context.Context, in *deviceTokenInput) (*cookied[deviceToken], error) {
		t, value, err := s.PollDevice(ctx, in.Body.DeviceCode)
		for _, a := range answers {
			if errors.Is(err, a.err) {
				return withCookies(deviceToken{Error: a.word}, nil, nil)
			}
		}
		return withCookies(deviceToken{Token: value, ID: t.ID, ExpiresAt: t.ExpiresAt}, nil, err)
	}
}

// OwnSessions are the sessions of the caller's account.
type OwnSessions interface {
	Sessions(ctx context.Context, c auth.Caller) ([]store.Session, error)
	EndSession(ctx context.Context, c auth.Caller, id store.SessionID) error
	EndOtherSessions(ctx context.Context, c auth.Caller) (int64, error)
}

// ownSession is a session as its person sees it.
type ownSession struct {
	store.Session
	Current bool `json:"current" doc:"The one that asks"`
}

type sessionInput struct {
	ID store.SessionID `path:"id" maxLength:"64"`
}

type endedSessions struct {
	Ended int64 `json:"ended" doc:"How many sessions ended"`
}

// sessions registers the operations on the caller's own sessions.
func (a *API) sessions() {
	s := a.services.OwnSessions
	if s == nil {
		return
	}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Sessions"}, Summary: summary}
	}
	add(a, op("list-sessions", http.MethodGet, "/sessions", "Where the caller is signed in"),
		func(ctx context.Context, _ *struct{}) (*listed[ownSession], error) {
			rows, err := s.Sessions(ctx, caller(ctx))
			if err != nil {
				return nil, err
			}
			out := make([]ownSession, len(rows))
			for i, r := range rows {
				out[i] = ownSession{r, r.ID == caller(ctx).Session}
			}
			return wholeList(out), nil
		})
	add(a, op("end-session", http.MethodDelete, "/sessions/{id}", "End a session of the caller's"),
		func(ctx context.Context, in *sessionInput) (*struct{}, error) {
			return none(s.EndSession(ctx, caller(ctx), in.ID))
		})
	add(a, op("end-other-sessions", http.MethodDelete, "/sessions", "End the caller's other sessions"),
		func(ctx context.Context, _ *struct{}) (*cookied[endedSessions], error) {
			n, err := s.EndOtherSessions(ctx, caller(ctx))
			return withCookies(endedSessions{n}, nil, err)
		})
}
