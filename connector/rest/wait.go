package rest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
)

// pacer spaces the requests to one host: Burst at once, then one each gap.
type pacer struct {
	gap   time.Duration
	burst int

	mu sync.Mutex
	// due is when the next request would start if there were no burst.
	due    time.Time
	paused time.Time
}

// wait returns when the next request may start.
func (p *pacer) wait(ctx context.Context) error {
	for {
		d := p.reserve(time.Now())
		if d <= 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

// reserve takes a place and returns zero, or returns how long to wait before
// asking again.
func (p *pacer) reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.paused.Sub(now); d > 0 {
		return d
	}
	if p.due.Before(now) {
		p.due = now
	}
	if d := p.due.Sub(now) - time.Duration(p.burst-1)*p.gap; d > 0 {
		return d
	}
	p.due = p.due.Add(p.gap)
	return 0
}

// pause holds every request back for a time.
func (p *pacer) pause(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.paused) {
		p.paused = until
	}
}

// worthRepeating reports an answer that may be another one next time.
func worthRepeating(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return throttled(resp)
}

// throttled reports an answer that says there were too many requests: 429, and
// 403 with the headers by which GitHub and others say so.
func throttled(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return resp.Header.Get("Retry-After") != "" || header(resp, "Remaining") == "0"
	}
	return false
}

// header reads one of the X-RateLimit-… headers, which the IETF draft and some
// vendors write without "X-".
func header(resp *http.Response, name string) string {
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-", "X-Rate-Limit-"} {
		if v := strings.TrimSpace(resp.Header.Get(prefix + name)); v != "" {
			return v
		}
	}
	return ""
}

// serverWait returns how long the server asks to wait. Retry-After is seconds
// or a date (RFC 9110 section 10.2.3). X-RateLimit-Reset, heeded when nothing
// remains, is an epoch second with some vendors and seconds from now with
// others; numbers of more than thirty years are taken for the former.
func serverWait(resp *http.Response, now func() time.Time) (time.Duration, bool) {
	clock := now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		clock = date // the server's clock, by which it speaks
	}
	if v := strings.TrimSpace(resp.Header.Get("Retry-After")); v != "" {
		if s, ok := seconds(v); ok {
			return s, true
		}
		if at, err := http.ParseTime(v); err == nil {
			return max(at.Sub(clock), 0), true
		}
	}
	if header(resp, "Remaining") == "0" {
		if s, ok := seconds(header(resp, "Reset")); ok {
			if s > 30*365*24*time.Hour {
				s = max(time.Unix(0, 0).Add(s).Sub(clock), 0)
			}
			return s, true
		}
	}
	return 0, false
}

func seconds(v string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 9e9 {
		return 0, false
	}
	return time.Duration(math.Ceil(f)) * time.Second, true
}

// temporary reports a failure on the way that may not happen again. Errors with
// a kind of their own are final, but for unavailability.
func temporary(err error) bool {
	for _, final := range []error{retinue.ErrInvalid, retinue.ErrDenied, retinue.ErrUnsupported, retinue.ErrNotFound,
		retinue.ErrConflict, context.Canceled} {
		if errors.Is(err, final) {
			return false
		}
	}
	return true
}
