package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
)

// Problem is an error as the interface tells it (RFC 9457).
type Problem = huma.ErrorModel

// The types of problems that a client tells apart beyond their status. They
// are names, not addresses.
const (
	ProblemSignIn       = "urn:retinue:problem:sign-in"
	ProblemSecondFactor = "urn:retinue:problem:fresh-second-factor"
	ProblemPermission   = "urn:retinue:problem:permission"
	ProblemChanged      = "urn:retinue:problem:changed-meanwhile"
	ProblemRateLimit    = "urn:retinue:problem:rate-limit"
	ProblemCursor       = "urn:retinue:problem:cursor"
)

// statusError is an error with a status and a type of its own.
type statusError struct {
	status int
	typ    string
	text   string
	field  string
}

func (e *statusError) Error() string { return e.text }

// fail returns an error that is answered with a status and a problem type.
func fail(status int, typ, text string) error {
	return &statusError{status: status, typ: typ, text: text}
}

var (
	errSignIn = fail(http.StatusUnauthorized, ProblemSignIn, "sign in, or send a token")
	errFresh  = fail(http.StatusForbidden, ProblemSecondFactor, "confirm your second factor, and try again")
	// ErrChanged says that a resource is no longer as the If-Match of the
	// request says.
	ErrChanged = fail(http.StatusPreconditionFailed, ProblemChanged, "it was changed meanwhile: read it again")
)

// kinds is the one table from the kinds of errors to statuses.
func kinds() []struct {
	kind   error
	status int
} {
	return []struct {
		kind   error
		status int
	}{
		{retinue.ErrInvalid, http.StatusUnprocessableEntity},
		{retinue.ErrNotFound, http.StatusNotFound},
		{retinue.ErrConflict, http.StatusConflict},
		{retinue.ErrDenied, http.StatusForbidden},
		{retinue.ErrUnsupported, http.StatusNotImplemented},
		{retinue.ErrUnavailable, http.StatusServiceUnavailable},
		{context.DeadlineExceeded, http.StatusServiceUnavailable},
		{context.Canceled, 499},
	}
}

// problem turns an error into what the caller is told. Errors of no kind are
// the program's own and are not told.
func problem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var s *statusError
	if errors.As(err, &s) {
		p := newProblem(s.status, s.text)
		p.Type = s.typ
		if s.field != "" {
			p.Errors = []*huma.ErrorDetail{{Location: s.field, Message: s.text}}
		}
		return p
	}
	var wait interface{ RetryAfter() time.Duration }
	if errors.As(err, &wait) {
		p := newProblem(http.StatusTooManyRequests, "too many attempts: try again in "+strconv.Itoa(seconds(wait.RetryAfter()))+" s")
		p.Type = ProblemRateLimit
		return p
	}
	for _, k := range kinds() {
		if !errors.Is(err, k.kind) {
			continue
		}
		text := strings.ToValidUTF8(err.Error(), "�")
		if k.status == http.StatusServiceUnavailable {
			text = "something that this needs cannot be reached now: try again later"
		}
		p := newProblem(k.status, text)
		var f *retinue.FieldError
		if errors.As(err, &f) {
			p.Errors = []*huma.ErrorDetail{{Location: f.Field, Message: f.Err.Error()}}
		}
		return p
	}
	return newProblem(http.StatusInternalServerError, "something went wrong here; the log of the server says what, under the id of this request")
}

func newProblem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// seconds rounds up, so that who waits as long as told is not too early.
func seconds(d time.Duration) int { return int((max(d, time.Second) + time.Second - 1) / time.Second) }

// transformProblem gives a problem the request's id, and takes out the values
// that were sent: they may be secrets.
func transformProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*Problem)
	if !ok {
		return v, nil
	}
	return finish(ctx.Context(), *p), nil
}

func finish(ctx context.Context, p Problem) *Problem {
	if id := RequestID(ctx); id != "" {
		p.Instance = "urn:retinue:request:" + id
	}
	p.Errors = slices.Clone(p.Errors)
	for i, d := range p.Errors {
		p.Errors[i] = &huma.ErrorDetail{Location: d.Location, Message: d.Message}
	}
	return &p
}

// writeProblem answers outside of an operation.
func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="retinue"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(finish(r.Context(), *p))
}

// WriteProblem answers a request that never reaches an operation, such as one
// to a host that is not served.
func WriteProblem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	writeProblem(w, r, newProblem(status, detail))
}

type requestIDKey struct{}

// WithRequestID gives a request its id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id of a request, empty outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
