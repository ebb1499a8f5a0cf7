package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// statusError is an answer other than success.
type statusError struct {
	code       int
	message    string
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	if e.message == "" {
		return "status " + strconv.Itoa(e.code)
	}
	return fmt.Sprintf("status %d: %s", e.code, e.message)
}

// readStatus reads the Status object that the API answers with.
// https://kubernetes.io/docs/reference/using-api/api-concepts/
func readStatus(resp *http.Response, body io.Reader) error {
	e := &statusError{code: resp.StatusCode}
	var s struct {
		Message string `json:"message"`
		Details struct {
			RetryAfterSeconds int `json:"retryAfterSeconds"`
		} `json:"details"`
	}
	b, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err == nil && json.Unmarshal(b, &s) == nil {
		e.message = retinue.CleanName(clip(s.Message, 300))
		e.retryAfter = time.Duration(min(max(s.Details.RetryAfterSeconds, 0), 3600)) * time.Second
	}
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n >= 0 {
		e.retryAfter = time.Duration(min(n, 3600)) * time.Second
	} else if t, err := http.ParseTime(resp.Header.Get("Retry-After")); err == nil {
		e.retryAfter = max(0, time.Until(t))
	}
	return e
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// repeatable reports whether a request may succeed later, and how long the
// server asks to wait before.
func repeatable(err error) (bool, time.Duration) {
	var s *statusError
	if errors.As(err, &s) {
		switch s.code {
		case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
			http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true, min(s.retryAfter, maxWait)
		}
		return false, 0
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return true, 0
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false, 0
	}
	// An alert of TLS and a failing credential plugin stay as they are.
	var network *net.OpError
	if errors.As(err, &network) && !strings.HasSuffix(network.Op, "error") {
		return true, 0
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF), 0
}

// unreachable reports that no connection or no answer came about, which a
// second attempt shows as well as a sixth.
func unreachable(err error) bool {
	var network *net.OpError
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &network) && network.Op == "dial")
}

// answered reports whether the server is there at all.
func answered(err error) bool {
	var s *statusError
	return errors.As(err, &s) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, retinue.ErrInvalid)
}

// explain says what failed in the terms of the root package.
func explain(what string, err error) error {
	var s *statusError
	switch {
	case errors.As(err, &s):
		switch {
		case s.code == http.StatusUnauthorized:
			return fmt.Errorf("%w: %s: the server does not accept the credentials: %w", retinue.ErrDenied, what, err)
		case s.code == http.StatusForbidden:
			return fmt.Errorf("%w: %s: %w", retinue.ErrDenied, what, err)
		case s.code == http.StatusNotFound:
			return fmt.Errorf("%w: %s: %w", retinue.ErrNotFound, what, err)
		case s.code == http.StatusNotAcceptable:
			return fmt.Errorf("%w: %s: %w", retinue.ErrUnsupported, what, err)
		}
		return fmt.Errorf("%w: %s: %w", retinue.ErrUnavailable, what, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %s: the answer ends in the middle", retinue.ErrUnavailable, what)
	case errors.Is(err, retinue.ErrInvalid):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s: no answer in time", retinue.ErrUnavailable, what)
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // its text repeats the address
	}
	return fmt.Errorf("%w: %s: %s", retinue.ErrUnavailable, what, retinue.CleanName(err.Error()))
}

// denied reports a refusal of the API's authorizer.
func denied(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == http.StatusForbidden
}

// unserved reports an API that the server does not have.
func unserved(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == http.StatusNotFound
}
