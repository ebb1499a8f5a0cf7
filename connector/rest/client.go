package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/retinue-id/retinue"
)

// Options bounds a Client. The zero value of a field means its default.
type Options struct {
	// UserAgent is sent with every request, as connector.Env gives it.
	UserAgent string
	// Authorize adds the credentials to a request. It is called before each
	// attempt, so that a token that expires can be renewed, and only for
	// requests to the scheme and host of the URL given to New.
	Authorize func(*http.Request) error
	// Attempts is how often a request that may be repeated is tried; default 5.
	Attempts int
	// MinWait is the first pause between attempts, which doubles up to MaxWait.
	// A server that asks for a longer pause than MaxWait gets no further
	// attempt. Defaults: 500 ms and 2 minutes.
	MinWait, MaxWait time.Duration
	// Timeout bounds the wait for a response's header, and for each further
	// part of its body; default 30 s.
	Timeout time.Duration
	// PerSecond and Burst pace the requests to one host; default 10 and 10.
	PerSecond float64
	Burst     int
	// MaxBody bounds a response body, in bytes after decompression; default
	// 64 MiB.
	MaxBody int64
	// MaxRequests bounds the attempts over the life of the client; default none.
	MaxRequests int64
	// Transport carries the requests; default a clone of http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock that X-RateLimit-Reset is compared with where a response
	// has no Date; default time.Now.
	Now func() time.Time
}

// maxRequestBody bounds what JSON sends, in bytes.
const maxRequestBody = 16 << 20

// Client reads one API.
type Client struct {
	base *url.URL
	http *http.Client
	rt   *transport
}

// New returns a client of the API at base, an absolute http or https URL
// without credentials. Relative URLs are resolved against it, so it should end
// in a slash.
func New(base string, opt Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%w: API URL: want https://host/path/", retinue.ErrInvalid)
	}
	if u.User != nil {
		return nil, fmt.Errorf("%w: API URL of %s: it holds credentials: give them apart", retinue.ErrInvalid, u.Host)
	}
	rt := newTransport(u, opt)
	return &Client{base: u, rt: rt, http: &http.Client{Transport: rt, CheckRedirect: sameHost(u)}}, nil
}

// sameHost refuses redirects to another host or scheme, which would be told
// what was asked for, and long chains.
func sameHost(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if !same(base, req.URL) {
			return fmt.Errorf("%w: redirected to another host", retinue.ErrUnsupported)
		}
		if len(via) >= 5 {
			return fmt.Errorf("%w: more than 5 redirects", retinue.ErrUnavailable)
		}
		return nil
	}
}

func same(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// Requests returns how many attempts the client has made.
func (c *Client) Requests() int64 { return c.rt.made.Load() }

// Resolve returns an absolute URL for a reference, refusing other hosts.
func (c *Client) Resolve(ref string) (*url.URL, error) {
	u, err := c.base.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("%w: URL in the API of %s", retinue.ErrInvalid, c.base.Host)
	}
	if !same(c.base, u) || u.User != nil {
		return nil, fmt.Errorf("%w: URL of %s in the API of %s", retinue.ErrInvalid, retinue.CleanName(u.Host), c.base.Host)
	}
	return u, nil
}

// Do sends a request. The response may have any status; its body is bounded.
// The caller closes it. The error wraps one of the root package's kinds, or is
// the context's.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err == nil {
		return resp, nil
	}
	if ctxErr := req.Context().Err(); ctxErr != nil {
		return nil, ctxErr
	}
	return nil, fmt.Errorf("%s: %w", describe(req.Method, req.URL), plain(err))
}

// Get reads a JSON document into out and returns the response's header.
func (c *Client) Get(ctx context.Context, ref string, out any) (http.Header, error) {
	return c.JSON(ctx, http.MethodGet, ref, nil, out)
}

// JSON sends in, where it is not nil, as JSON and decodes the answer into out,
// where it is not nil. A status outside 200 to 299 is a [StatusError].
func (c *Client) JSON(ctx context.Context, method, ref string, in, out any) (http.Header, error) {
	u, err := c.Resolve(ref)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil || len(b) > maxRequestBody {
			return nil, fmt.Errorf("%s: %w: body cannot be encoded, or exceeds %d bytes", describe(method, u), retinue.ErrInvalid, maxRequestBody)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%w: request to %s", retinue.ErrInvalid, u.Host)
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	defer drain(resp.Body)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.Header, newStatusError(req, resp)
	}
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return resp.Header, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return resp.Header, decodeFailure(ctx, describe(method, u), err)
	}
	return resp.Header, nil
}

// decodeFailure tells an answer that is not the JSON wanted from one that broke
// off. The decoder's own text may quote the body, so it is left out.
func decodeFailure(ctx context.Context, what string, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: %w: the answer is no JSON at byte %d", what, retinue.ErrInvalid, syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: %w: the answer has another type than expected at byte %d", what, retinue.ErrInvalid, kind.Offset)
	}
	return fmt.Errorf("%s: read the answer: %w", what, plain(err))
}
