package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/retinue-id/retinue"
)

// maxErrorBody is how much of a failed answer a StatusError keeps, in bytes.
const maxErrorBody = 16 << 10

// StatusError is an answer with a status outside 200 to 299. It wraps the root
// package's error of its kind.
type StatusError struct {
	Method string
	// URL is the address without query.
	URL    string
	Status int
	// RetryAfter is how long the server asks to wait, zero where it does not.
	RetryAfter time.Duration
	// Body is the beginning of the answer, for callers that know the vendor's
	// error codes. It is not part of the text: a vendor may echo a credential.
	Body []byte
	kind error
}

func newStatusError(req *http.Request, resp *http.Response) *StatusError {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	wait, _ := serverWait(resp, time.Now)
	return &StatusError{Method: req.Method, URL: bare(req.URL), Status: resp.StatusCode, RetryAfter: wait, Body: body,
		kind: kindOf(resp)}
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %v: status %d %s", e.Method, e.URL, e.kind, e.Status, http.StatusText(e.Status))
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(", try again in %s", e.RetryAfter.Round(time.Second))
	}
	return text
}

// Unwrap returns the kind.
func (e *StatusError) Unwrap() error { return e.kind }

// kindOf maps a status to a kind of error, following RFC 9110 section 15 and
// RFC 6585 section 4.
func kindOf(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case throttled(resp):
		return retinue.ErrUnavailable
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusProxyAuthRequired:
		return retinue.ErrDenied
	case s == http.StatusNotFound, s == http.StatusGone:
		return retinue.ErrNotFound
	case s == http.StatusConflict, s == http.StatusPreconditionFailed:
		return retinue.ErrConflict
	case s == http.StatusNotImplemented, s == http.StatusMethodNotAllowed:
		return retinue.ErrUnsupported
	case s == http.StatusRequestTimeout, s >= 500:
		return retinue.ErrUnavailable
	case s >= 400:
		return retinue.ErrInvalid
	}
	return retinue.ErrUnsupported // an informational or redirecting answer
}

// plain takes the URL out of an error of net/http and gives it a kind.
func plain(err error) error {
	var ue *url.Error
	for errors.As(err, &ue) {
		err = ue.Err
	}
	for _, kind := range []error{retinue.ErrInvalid, retinue.ErrNotFound, retinue.ErrConflict, retinue.ErrDenied,
		retinue.ErrUnsupported, retinue.ErrUnavailable} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return fmt.Errorf("%w: %s", retinue.ErrUnavailable, cause(err))
}

// cause says in fixed words what went wrong on the network: other texts of
// net/http may quote a header or an address with its query. A cancelled attempt
// is one that took too long: the caller's own context was looked at before.
func cause(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "the host's address was not found"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), isTimeout(err):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer was complete"
	case errors.As(err, &op):
		return op.Op + " failed: " + retinue.CleanName(op.Err.Error())
	}
	return "the request failed on the way"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// describe names a request without what may be secret.
func describe(method string, u *url.URL) string { return method + " " + bare(u) }

// bare is the address without credentials, query and fragment.
func bare(u *url.URL) string {
	return retinue.CleanName((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
