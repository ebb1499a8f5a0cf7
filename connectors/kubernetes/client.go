package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"github.com/retinue-id/retinue"
)

const (
	// requestTimeout bounds the wait for an answer to begin, and for more of
	// it; a page of 500 objects takes a busy server a few seconds. A whole
	// answer may take maxSlow times as long.
	requestTimeout = 60 * time.Second
	maxSlow        = 5
	// maxAttempts is how often a request is sent before it has failed.
	maxAttempts = 6
	// maxHangs is how often a request is sent that finds no connection or gets
	// no answer in time.
	maxHangs = 2
	// maxWait bounds the wait that a server may ask for by Retry-After.
	maxWait = 60 * time.Second
	// maxAnswer bounds answers that are not lists, in bytes.
	maxAnswer = 4 << 20
)

const acceptJSON = "application/json"

// acceptTable asks for a table of metadata, in which Secrets have no values.
// Without an alternative in the header a server that cannot do that refuses.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
const acceptTable = "application/json;as=Table;v=v1;g=meta.k8s.io"

// client sends requests to one API server. It is safe for concurrent use.
type client struct {
	http *http.Client
	base *url.URL
	now  func() time.Time
	// sleep waits; tests replace it.
	sleep   func(context.Context, time.Duration) error
	timeout time.Duration
	page    int
	// failed is set once the server did not answer at all in spite of every
	// attempt. What follows is tried once only, so that a dead server costs
	// one timeout for each kind and not many.
	failed atomic.Bool
	last   atomic.Int64 // the server's time at its last answer, Unix seconds
}

// newClient makes a client with the authentication of a kubeconfig. The
// server's certificate is checked as it says there.
func newClient(cfg *rest.Config, now func() time.Time, page int) (*client, error) {
	base, err := serverURL(cfg)
	if err != nil {
		return nil, err
	}
	// Certificates that stay in files are watched by a goroutine of client-go
	// that never ends.
	if err := rest.LoadTLSFiles(cfg); err != nil {
		return nil, fmt.Errorf("%w: kubeconfig: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	cfg.CertFile, cfg.KeyFile, cfg.CAFile = "", "", ""
	h, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: kubeconfig: %v", retinue.ErrInvalid, err)
	}
	own := *h // http.DefaultClient is shared
	// A redirect would carry the credentials to whomever the server names.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{http: &own, base: base, now: now, sleep: wait, timeout: requestTimeout, page: page}, nil
}

// serverURL returns the server's address; a host without a scheme means HTTPS.
func serverURL(cfg *rest.Config) (*url.URL, error) {
	host := cfg.Host
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	u, err := url.Parse(host)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%w: kubeconfig: server %q: want https://HOST:PORT", retinue.ErrInvalid, retinue.CleanName(cfg.Host))
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u, nil
}

// wait sleeps unless the context ends first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// get reads one object.
func (c *client) get(ctx context.Context, path string, into any) error {
	return c.retry(ctx, "get "+path, func(ctx context.Context) error {
		return c.once(ctx, http.MethodGet, path, nil, acceptJSON, nil, func(_ time.Time, body io.Reader) error {
			b, err := io.ReadAll(io.LimitReader(body, maxAnswer))
			if err != nil {
				return err
			}
			return decode(b, into)
		})
	})
}

// ask posts a review, which changes nothing, and reads the answer.
func (c *client) ask(ctx context.Context, path string, question, into any) error {
	q, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode review: %w", err)
	}
	return c.retry(ctx, "post "+path, func(ctx context.Context) error {
		return c.once(ctx, http.MethodPost, path, nil, acceptJSON, q, func(_ time.Time, body io.Reader) error {
			b, err := io.ReadAll(io.LimitReader(body, maxAnswer))
			if err != nil {
				return err
			}
			return decode(b, into)
		})
	})
}

// list reads a kind page by page, in one namespace or everywhere. It says the
// server's time at the first page by began. When the server has forgotten the
// snapshot that the pages come from, it starts again without pages; visit may
// then see an object a second time.
func (c *client) list(ctx context.Context, k kind, namespace, accept string, began func(time.Time), visit func(*document, json.RawMessage) error) error {
	first := true
	limit, token := c.page, ""
	for {
		q := url.Values{}
		if limit > 0 {
			q.Set("limit", strconv.Itoa(limit))
		}
		if token != "" {
			q.Set("continue", token)
		}
		var next string
		err := c.retry(ctx, k.permission("list", namespace), func(ctx context.Context) error {
			return c.once(ctx, http.MethodGet, k.path(url.PathEscape(namespace)), q, accept, nil, func(at time.Time, body io.Reader) error {
				if first {
					began(at)
					first = false
				}
				return decodeDocuments(body, visit, func(d *document) error {
					next = d.Metadata.Continue
					if !d.List {
						return fmt.Errorf("%w: answer is no list", retinue.ErrInvalid)
					}
					return nil
				})
			})
		})
		var gone *statusError
		if errors.As(err, &gone) && gone.code == http.StatusGone && limit > 0 {
			limit, token, first = 0, "", true
			continue
		}
		if err != nil || next == "" {
			return err
		}
		if next == token {
			return fmt.Errorf("%w: %s: the server sends the same page again and again", retinue.ErrInvalid, k.permission("list", namespace))
		}
		token = next
	}
}

// once sends one request and hands the body of a good answer on.
func (c *client) once(ctx context.Context, method, path string, q url.Values, accept string, body []byte, use func(time.Time, io.Reader) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(c.timeout, func() { cancel(context.DeadlineExceeded) })
	defer stall.Stop()
	u := *c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + path
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %v", retinue.ErrInvalid, err)
	}
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", acceptJSON)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return stalled(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	stall.Stop()
	in := &timedReader{r: resp.Body, stall: stall, limit: c.timeout}
	at := c.serverTime(resp)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return readStatus(resp, in)
	}
	return stalled(ctx, use(at, in))
}

// stalled says of an error that follows from a request that took too long that
// it does.
func stalled(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// timedReader bounds how long the server may keep a read waiting, and all reads
// of an answer together. The time that the reader's user takes does not count.
type timedReader struct {
	r     io.Reader
	stall *time.Timer
	limit time.Duration
	spent time.Duration
}

// Read implements io.Reader.
func (t *timedReader) Read(p []byte) (int, error) {
	if t.spent > maxSlow*t.limit {
		return 0, context.DeadlineExceeded
	}
	start := time.Now()
	t.stall.Reset(t.limit)
	n, err := t.r.Read(p)
	t.stall.Stop()
	t.spent += time.Since(start)
	return n, err
}

// serverTime is the time at which the server says that it answered.
func (c *client) serverTime(resp *http.Response) time.Time {
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		t = c.now()
	}
	c.last.Store(t.Unix())
	return t.UTC()
}

// lastAnswer is the server's time at its last answer.
func (c *client) lastAnswer() time.Time {
	if s := c.last.Load(); s != 0 {
		return time.Unix(s, 0).UTC()
	}
	return c.now().UTC()
}

// retry repeats a request that may succeed later, waiting as long as the
// server asks or ever longer.
func (c *client) retry(ctx context.Context, what string, try func(context.Context) error) error {
	hangs := 0
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var stop errStop
		if errors.As(err, &stop) {
			return stop.err
		}
		again, pause := repeatable(err)
		if unreachable(err) {
			hangs++
		}
		if !again || attempt >= maxAttempts || hangs >= maxHangs || c.failed.Load() {
			c.failed.CompareAndSwap(false, again && !answered(err))
			return explain(what, err)
		}
		if pause == 0 {
			pause = backoff(attempt)
		}
		if err := c.sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// backoff is half a second, doubled with each attempt up to ten, give or take
// a quarter.
func backoff(attempt int) time.Duration {
	d := min(500*time.Millisecond<<(attempt-1), 10*time.Second)
	return d*3/4 + rand.N(d/2) //nolint:gosec // it only spreads clients out
}
