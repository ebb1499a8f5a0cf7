// Package outlet holds what the ways out of an installation have in common,
// whether they tell people, keep tickets, or pass evidence on: options and
// secrets that are described and checked, posts of JSON whose errors hold no
// secret, refusals sorted by whether trying again may help, and mail under TLS.
package outlet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Config is what a way out is opened with.
type Config struct {
	Options map[string]string
	Secrets map[string]retinue.Secret
	// HTTP is the client for all HTTP, Dial the dialler for everything else.
	HTTP *http.Client
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time
	// Agent is the user agent.
	Agent string
	// Endpoint replaces the address of a vendor that has one for all its
	// customers, in tests.
	Endpoint string
}

// Field describes an option or a secret.
type Field struct {
	Name     string   `json:"name"`
	Says     string   `json:"says"`
	Required bool     `json:"required,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Default  string   `json:"default,omitempty"`
	OneOf    []string `json:"oneOf,omitempty"`
}

// Check reports options and secrets that are unknown, missing or malformed,
// by name and without their values.
func Check(fields []Field, options map[string]string, secrets map[string]retinue.Secret) error {
	known := func(name string, secret bool) bool {
		return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name && f.Secret == secret })
	}
	for name := range options {
		if !known(name, false) {
			return Invalid("options."+name, "there is no such option")
		}
	}
	for name := range secrets {
		if !known(name, true) {
			return Invalid("secrets."+name, "there is no such secret")
		}
	}
	for _, f := range fields {
		v, where := options[f.Name], "options."
		if f.Secret {
			v, where = secrets[f.Name].Reveal(), "secrets."
		}
		switch {
		case v == "" && f.Required:
			return Invalid(where+f.Name, "is required: "+f.Says)
		case v != "" && len(f.OneOf) > 0 && !slices.Contains(f.OneOf, v):
			return Invalid(where+f.Name, "want one of "+strings.Join(f.OneOf, ", "))
		case len(v) > 16<<10:
			return Invalid(where+f.Name, "is too long")
		case !f.Secret && f.Name != "ca" && strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return Invalid(where+f.Name, "has control characters")
		}
	}
	return nil
}

// Invalid is an error about one field.
func Invalid(field, text string) error {
	return &retinue.FieldError{Field: field, Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, text)}
}

// WithDefaults returns the options with those defaults that were not given.
func WithDefaults(fields []Field, options map[string]string) map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		if v := options[f.Name]; v != "" {
			out[f.Name] = v
		} else if f.Default != "" {
			out[f.Name] = f.Default
		}
	}
	return out
}

// HTTPSURL checks an address that things are posted to.
func HTTPSURL(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return Invalid(field, "want an https URL without a password")
	}
	return nil
}

// rejection is an answer that refuses a message.
type rejection struct {
	kind   error
	text   string
	status int
	after  time.Duration
}

func (r *rejection) Error() string { return r.kind.Error() + ": " + r.text }
func (r *rejection) Unwrap() error { return r.kind }

// RetryAfter returns how long the other side asked to wait, zero for not.
func RetryAfter(err error) time.Duration {
	var r *rejection
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// Post sends a JSON body. See [Call].
func Post(ctx context.Context, c Config, to string, header http.Header, body any) (status int, answer []byte, err error) {
	return Call(ctx, c, http.MethodPost, to, header, body)
}

// Call makes a request with a JSON body, or with none when body is nil, and
// returns the answer of one that succeeded. Neither the address nor any header
// is in its errors, since both can hold a secret; what the other side answers
// is quoted, cut and cleaned. A []byte is sent as it is, with the content type
// that the header names.
func Call(ctx context.Context, c Config, method, to string, header http.Header, body any) (status int, answer []byte, err error) {
	raw, ok := body.([]byte)
	if !ok && body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return 0, nil, fmt.Errorf("%w: encode message: %v", retinue.ErrInvalid, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: send message: the address cannot be parsed", retinue.ErrInvalid)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if req.Header.Get("Content-Type") == "" && body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Agent != "" {
		req.Header.Set("User-Agent", c.Agent)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, nil, WithoutURL(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return res.StatusCode, nil, fmt.Errorf("%w: read answer: %v", retinue.ErrUnavailable, WithoutURL(err))
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res.StatusCode, answer, nil
	}
	return res.StatusCode, answer, reject(res, answer)
}

func reject(res *http.Response, answer []byte) error {
	r := &rejection{kind: retinue.ErrUnavailable, status: res.StatusCode, text: fmt.Sprintf("the receiver answered %d %s", res.StatusCode, Quote(answer))}
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		r.kind = retinue.ErrInvalid
	case http.StatusUnauthorized, http.StatusForbidden:
		r.kind = retinue.ErrDenied
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		r.after = min(time.Duration(s)*time.Second, time.Hour)
	}
	return r
}

// WithoutURL drops the address from an error of the HTTP client.
func WithoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, retinue.ErrDenied) {
		return err
	}
	return fmt.Errorf("%w: %v", retinue.ErrUnavailable, err)
}

// Quote cuts and cleans what the other side said.
func Quote(b []byte) string {
	s := retinue.CleanName(string(b))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// Clean makes text from outside fit for a message: one line, no control or
// bidirectional characters, not longer than n runes.
func Clean(s string, n int) string {
	r := []rune(retinue.CleanName(s))
	if len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return string(r)
}
