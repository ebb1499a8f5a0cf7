package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// The types of problems that tell more than the kind of an error.
const (
	ProblemSignIn       = "urn:retinue:problem:sign-in"
	ProblemSecondFactor = "urn:retinue:problem:fresh-second-factor"
	ProblemPermission   = "urn:retinue:problem:permission"
	ProblemChanged      = "urn:retinue:problem:changed-meanwhile"
	ProblemRateLimit    = "urn:retinue:problem:rate-limit"
	ProblemCursor       = "urn:retinue:problem:cursor"
)

// maxProblem bounds what is read of an error's body, in bytes.
const maxProblem = 1 << 20

// Error is what a server says is wrong (RFC 9457). It wraps the kind of error
// of the root package that the status stands for.
type Error struct {
	Status int          `json:"status"`
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Detail string       `json:"detail"`
	Fields []FieldError `json:"errors"`
	// RequestID finds the request in the server's log.
	RequestID string `json:"-"`

	kind       error
	retryAfter time.Duration
}

// FieldError is what is wrong with one field.
type FieldError struct {
	Location string `json:"location"`
	Message  string `json:"message"`
}

// Error says what the server said, with the fields that are wrong.
func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	for _, f := range e.Fields {
		if !strings.Contains(text, f.Message) {
			text += "; " + strings.TrimSpace(f.Location+" "+f.Message)
		}
	}
	if e.Status >= http.StatusInternalServerError && e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	if k := e.kind.Error(); !strings.HasPrefix(text, k) {
		text = k + ": " + text
	}
	return text
}

// Unwrap returns the kind of the error.
func (e *Error) Unwrap() error { return e.kind }

func readError(resp *http.Response) error {
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id"), kind: kindOf(resp.StatusCode), retryAfter: retryAfter(resp)}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		err = json.Unmarshal(b, e)
	}
	e.Status = resp.StatusCode
	if err != nil || e.Detail == "" && e.Title == "" {
		e.Title = fmt.Sprintf("the server answered %s", resp.Status)
	}
	return e
}

// kindOf is the kind of error that a status stands for.
func kindOf(status int) error {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return retinue.ErrNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return retinue.ErrConflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return retinue.ErrDenied
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return retinue.ErrUnsupported
	case http.StatusTooManyRequests:
		return retinue.ErrUnavailable
	}
	if status >= http.StatusInternalServerError {
		return retinue.ErrUnavailable
	}
	return retinue.ErrInvalid
}

// worthAgain reports whether a request may succeed when it is sent again: the
// server could not be reached or is busy, and did not fail on the request.
func worthAgain(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return errors.Is(err, retinue.ErrUnavailable)
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
