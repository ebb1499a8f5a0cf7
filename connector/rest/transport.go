package rest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue"
)

// transport adds pacing, repetition and bounds to another one.
type transport struct {
	base *url.URL
	opt  Options
	next http.RoundTripper
	made atomic.Int64

	mu    sync.Mutex
	hosts map[string]*pacer
}

func newTransport(base *url.URL, opt Options) *transport {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&opt.MinWait, 500*time.Millisecond)
	def(&opt.MaxWait, 2*time.Minute)
	def(&opt.Timeout, 30*time.Second)
	if opt.Attempts <= 0 {
		opt.Attempts = 5
	}
	if opt.PerSecond <= 0 {
		opt.PerSecond = 10
	}
	if opt.Burst <= 0 {
		opt.Burst = 10
	}
	if opt.MaxBody <= 0 {
		opt.MaxBody = 64 << 20
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Transport == nil {
		opt.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	return &transport{base: base, opt: opt, next: opt.Transport, hosts: map[string]*pacer{}}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.GetBody != nil { // each attempt reads a copy
		defer req.Body.Close()
	}
	p := t.pacer(req.URL.Host)
	attempts := 1
	if repeatable(req) {
		attempts = t.opt.Attempts
	}
	for n := 1; ; n++ {
		if err := p.wait(req.Context()); err != nil {
			return nil, err
		}
		resp, err := t.once(req)
		wait, again := t.verdict(p, n, resp, err)
		if req.Context().Err() != nil || !again || n >= attempts {
			return resp, err
		}
		if resp != nil {
			drain(resp.Body)
			_ = resp.Body.Close()
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// verdict says whether an attempt is worth repeating and after how long. A
// pause that the server asks for holds for every request to the host.
func (t *transport) verdict(p *pacer, n int, resp *http.Response, err error) (time.Duration, bool) {
	wait := backoff(n, t.opt.MinWait, t.opt.MaxWait)
	if err != nil {
		return wait, temporary(err)
	}
	asked, given := serverWait(resp, t.opt.Now)
	if given && asked <= t.opt.MaxWait {
		p.pause(asked)
		wait = max(wait, asked)
	}
	return wait, worthRepeating(resp) && asked <= t.opt.MaxWait
}

// once makes one attempt.
func (t *transport) once(orig *http.Request) (*http.Response, error) {
	if n := t.made.Add(1); t.opt.MaxRequests > 0 && n > t.opt.MaxRequests {
		return nil, fmt.Errorf("%w: the limit of %d requests is reached", retinue.ErrUnsupported, t.opt.MaxRequests)
	}
	ctx, cancel := context.WithCancel(orig.Context())
	timer := time.AfterFunc(t.opt.Timeout, cancel)
	req := orig.Clone(ctx)
	if orig.GetBody != nil {
		body, err := orig.GetBody()
		if err != nil {
			cancel()
			return nil, fmt.Errorf("%w: read the request's body again", retinue.ErrInvalid)
		}
		req.Body = body
	}
	if t.opt.UserAgent != "" {
		req.Header.Set("User-Agent", t.opt.UserAgent)
	}
	if t.opt.Authorize != nil && same(t.base, req.URL) {
		if err := t.opt.Authorize(req); err != nil {
			cancel()
			return nil, err
		}
	}
	resp, err := t.next.RoundTrip(req)
	if late := !timer.Stop(); err != nil {
		cancel()
		if late && orig.Context().Err() == nil {
			err = context.DeadlineExceeded
		}
		return nil, err
	}
	resp.Body = &limitedBody{body: resp.Body, left: t.opt.MaxBody, limit: t.opt.MaxBody, cancel: cancel, timer: timer, idle: t.opt.Timeout}
	return resp, nil
}

func (t *transport) pacer(host string) *pacer {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.hosts[host]
	if p == nil {
		p = &pacer{gap: time.Duration(float64(time.Second) / t.opt.PerSecond), burst: t.opt.Burst}
		t.hosts[host] = p
	}
	return p
}

// repeatable reports a request that has the same effect twice (RFC 9110 section
// 9.2.2, or one that carries an Idempotency-Key) and whose body can be read
// again.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete, "":
	default:
		if req.Header.Get("Idempotency-Key") == "" {
			return false
		}
	}
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// backoff is the pause after attempt n: MinWait doubled each time up to limit,
// of which a random half is taken off, so that clients do not come back
// together.
func backoff(n int, first, limit time.Duration) time.Duration {
	d := limit
	if n < 32 && first<<(n-1) < limit && first<<(n-1) > 0 {
		d = first << (n - 1)
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // a pause is no secret
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// limitedBody ends with an error when a body is longer than its limit or stands
// still, and ends the attempt's context with the body.
type limitedBody struct {
	body        io.ReadCloser
	left, limit int64
	cancel      context.CancelFunc
	timer       *time.Timer
	idle        time.Duration
}

// Read implements io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.idle)
	defer b.timer.Stop()
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.body.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("%w: the answer exceeds %d bytes", retinue.ErrUnsupported, b.limit)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	return n, err
}

// Close implements io.Closer.
func (b *limitedBody) Close() error {
	b.cancel()
	return b.body.Close()
}

// drain reads a little of what is left, so that the connection can be used
// again.
func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, 64<<10) }
