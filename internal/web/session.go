package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Reached returns how people reach a server that is configured so: its public
// address and the host names that it answers to.
func (c Config) Reached() (*url.URL, []string, error) {
	s := &Server{cfg: c}
	if err := s.check(); err != nil {
		return nil, nil, fmt.Errorf("serve on %s: %w", c.Listen, err)
	}
	return s.public, slices.Sorted(maps.Keys(s.hosts)), nil
}

// People find out who sends a request.
type People interface {
	// Authenticate returns the caller and the cookies to set with the answer.
	Authenticate(ctx context.Context, p auth.Presented) (auth.Caller, []*http.Cookie, error)
	// CountDenial keeps a refusal for the audit log.
	CountDenial(client, reason string)
}

// Sessions turns the cookie or token of a request into a caller, and refuses
// requests that another site made a browser send. It is the
// [api.Authenticator] of what it wraps.
type Sessions struct {
	people People
	front  auth.Front
}

// NewSessions returns sessions of people at a public address.
func NewSessions(p People, f auth.Front) *Sessions { return &Sessions{people: p, front: f} }

type identified struct {
	caller auth.Caller
	err    error
}

type identifiedKey struct{}

// Authenticate returns whom Handler found.
func (s *Sessions) Authenticate(r *http.Request) (auth.Caller, error) {
	i, _ := r.Context().Value(identifiedKey{}).(identified)
	return i.caller, i.err
}

// Handler wraps what needs to know who calls.
func (s *Sessions) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := s.front.Present(r, client(r))
		if p.Bearer == "" && fromBrowser(r) && !s.front.SameSite(r) {
			s.people.CountDenial(p.Client, "another site")
			api.WriteProblem(w, r, http.StatusForbidden, "the request comes from another site")
			return
		}
		c, cookies, err := s.people.Authenticate(r.Context(), p)
		for _, cookie := range cookies {
			http.SetCookie(w, cookie)
		}
		ctx := context.WithValue(auth.WithPresented(r.Context(), p), identifiedKey{}, identified{c, err})
		watch := &denialWatch{ResponseWriter: w}
		next.ServeHTTP(watch, r.WithContext(ctx))
		if reason := watch.reason(p, err); reason != "" && !strings.HasPrefix(r.URL.Path, api.Base+"/auth/") {
			s.people.CountDenial(p.Client, reason)
		}
	})
}

// client is the address of who sends a request, as the server found it.
func client(r *http.Request) string {
	if a := api.OriginOf(r.Context()).Addr; a.IsValid() {
		return a.WithZone("").String()
	}
	return "unknown"
}

// fromBrowser reports a request that carries anything which a page could have
// made a browser send.
func fromBrowser(r *http.Request) bool {
	return len(r.Cookies()) > 0 || r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}

// denialWatch sees whether a request was refused.
type denialWatch struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *denialWatch) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *denialWatch) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// reason says why a request counts as refused, or nothing. A page that asks who
// is signed in before anybody is was not refused anything.
func (w *denialWatch) reason(p auth.Presented, err error) string {
	switch {
	case w.status == http.StatusForbidden:
		return "permission"
	case w.status == http.StatusUnauthorized && p.Bearer != "":
		return "token"
	case errors.Is(err, retinue.ErrUnavailable):
		return "too many attempts"
	}
	return ""
}
