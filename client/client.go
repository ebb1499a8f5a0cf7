// Package client speaks to an installation of Retinue over its HTTP interface.
//
//	c, err := client.New("https://retinue.example.com", client.Options{Token: token})
//	for identity, err := range c.Identities(ctx, client.ListOptions{Filter: url.Values{"owner": {"none"}}}) {
//		…
//	}
//
// What the interface offers is in its OpenAPI document at
// /api/v1/openapi.json; this package has the resources that programs need
// most, and [Client.Do] and [List] for the rest. Filters are the query
// parameters of the document.
//
// Errors wrap the six kinds of the root package, and are an [*Error] with what
// the server said. Reads are tried again when the server is busy or cannot be
// reached; writes only where the server promises to do them once (with an
// idempotency key). A Client is safe for concurrent use.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

const (
	base = "/api/v1"
	// maxAnswer bounds an answer that is not streamed, in bytes.
	maxAnswer = 64 << 20
	// attempts is how often a request is tried.
	attempts = 4
	// longestPause bounds what a server may ask to wait between attempts.
	longestPause = 30 * time.Second
)

// Options are how a client connects.
type Options struct {
	// Token is an API token, or the token of a device that was approved.
	Token retinue.Secret
	// HTTP is used for requests; a client with a timeout for the answer's
	// beginning where nil. It must not follow redirects to other hosts with
	// the token; the default follows none.
	HTTP *http.Client
	// UserAgent names the program.
	UserAgent string
}

// Client is a connection to an installation.
type Client struct {
	base  *url.URL
	token retinue.Secret
	http  *http.Client
	agent string
	pause func(context.Context, time.Duration) error
}

// New returns a client of the installation at an address, such as
// https://retinue.example.com. A token is sent in clear over http only to
// this machine: ErrInvalid otherwise.
func New(address string, o Options) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("%w: server %q: want an address such as https://retinue.example.com", retinue.ErrInvalid, address)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) && !o.Token.IsZero() {
		return nil, fmt.Errorf("%w: server %s: a token is not sent without TLS: use https", retinue.ErrInvalid, u.Host)
	}
	c := &Client{base: u, token: o.Token, http: o.HTTP, agent: o.UserAgent, pause: pause}
	if c.agent == "" {
		c.agent = "retinue-client"
	}
	if c.http == nil {
		t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // The standard library's own.
		t.ResponseHeaderTimeout = 2 * time.Minute
		c.http = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return c, nil
}

func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// Address is where the installation is.
func (c *Client) Address() string { return c.base.String() }

// Request is one request. Path is without /api/v1.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	// Body is sent as JSON; or, when it is an io.Reader, as it is and once.
	Body any
	// Once adds an idempotency key, so that the request is safe to repeat.
	Once bool
	// IfMatch is the ETag that the resource must still have.
	IfMatch string
	// ContentType is that of a Body that is a reader.
	ContentType string
	// Header has further headers.
	Header http.Header
}

// Do sends a request and reads the answer's JSON into out, which may be nil.
// It returns the answer's ETag.
func (c *Client) Do(ctx context.Context, r Request, out any) (etag string, err error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: read answer of %s: %v", retinue.ErrUnavailable, c.base.Host, err)
	case len(b) > maxAnswer:
		return "", fmt.Errorf("%w: read answer of %s: larger than %d bytes", retinue.ErrInvalid, c.base.Host, maxAnswer)
	case out == nil || len(b) == 0:
		return resp.Header.Get("ETag"), nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return "", fmt.Errorf("%w: read answer of %s: %v", retinue.ErrUnsupported, c.base.Host, err)
	}
	return resp.Header.Get("ETag"), nil
}

// Stream sends a request and returns the answer's body, which the caller
// closes.
func (c *Client) Stream(ctx context.Context, r Request) (io.ReadCloser, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send sends a request, again where that is safe and useful, and returns an
// answer of success.
func (c *Client) send(ctx context.Context, r Request) (*http.Response, error) {
	body, reader, err := encode(r.Body)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for k, v := range r.Header {
		header[k] = v
	}
	if r.Once {
		header.Set("Idempotency-Key", rand.Text())
	}
	again := reader == nil && (r.Once || r.Method == "" || r.Method == http.MethodGet || r.Method == http.MethodPut)
	for n := 1; ; n++ {
		if reader == nil && body != nil {
			r.ContentType = "application/json"
		}
		resp, err := c.try(ctx, r, header, body, reader)
		if err == nil {
			return resp, nil
		}
		var e *Error
		wait := time.Duration(0)
		if errors.As(err, &e) {
			wait = e.retryAfter
		}
		if !again || n == attempts || ctx.Err() != nil || !worthAgain(err) {
			return nil, err
		}
		if wait == 0 {
			wait = time.Duration(1<<n) * 100 * time.Millisecond
		}
		if err := c.pause(ctx, min(wait, longestPause)); err != nil {
			return nil, err
		}
	}
}

func (c *Client) try(ctx context.Context, r Request, header http.Header, body []byte, reader io.Reader) (*http.Response, error) {
	u := *c.base
	u.Path += base + r.Path
	u.RawQuery = r.Query.Encode()
	if body != nil {
		reader = bytes.NewReader(body)
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err != nil {
		return nil, fmt.Errorf("%w: make request: %v", retinue.ErrInvalid, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json, application/problem+json, */*;q=0.5")
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if r.IfMatch != "" {
		req.Header.Set("If-Match", r.IfMatch)
	}
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, which may hold what was asked
		}
		return nil, fmt.Errorf("%w: reach %s: %v", retinue.ErrUnavailable, c.base.Host, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer func() { _ = resp.Body.Close() }()
		return nil, readError(resp)
	}
	return resp, nil
}

func encode(v any) (body []byte, reader io.Reader, err error) {
	switch x := v.(type) {
	case nil:
		return nil, nil, nil
	case io.Reader:
		return nil, x, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: encode request: %v", retinue.ErrInvalid, err)
	}
	return b, nil, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 || n > 1<<20 {
		return 0
	}
	return time.Duration(n) * time.Second
}
