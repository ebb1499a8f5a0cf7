package aws

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
)

// errBudget says that the request budget of an account is used up.
var errBudget = fmt.Errorf("%w: the request budget of the account is used up (max-requests)", retinue.ErrUnavailable)

// budget is the transport of one account: it spaces requests, retries included,
// so that a scan leaves the account's API limits to those who work with it, and
// counts them.
type budget struct {
	next  *http.Transport
	every time.Duration
	limit int64

	mu     sync.Mutex
	free   time.Time // when the next request may start
	count  int64
	server time.Time
}

// burst is how many requests may start at once after a pause.
const burst = 5

func newBudget(next *http.Transport, perSecond float64, limit int64) *budget {
	return &budget{next: next, every: time.Duration(float64(time.Second) / perSecond), limit: limit}
}

// RoundTrip implements http.RoundTripper.
func (b *budget) RoundTrip(r *http.Request) (*http.Response, error) {
	wait, err := b.reserve(time.Now())
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-t.C:
		}
	}
	// The limit is set here and not in http.Client, whose timer keeps a
	// goroutine until the body is closed, which the SDK does not do for answers
	// without one.
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	res, err := b.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	b.answered(res.Header.Get("Date"))
	res.Body = limitedBody{res.Body, cancel}
	return res, nil
}

// limitedBody releases the time limit of an answer that has been read.
type limitedBody struct {
	io.ReadCloser
	done context.CancelFunc
}

// Close implements io.Closer.
func (b limitedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// reserve returns how long to wait before the next request.
func (b *budget) reserve(now time.Time) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit > 0 && b.count >= b.limit {
		return 0, errBudget
	}
	b.count++
	if earliest := now.Add(-burst * b.every); b.free.Before(earliest) {
		b.free = earliest
	}
	b.free = b.free.Add(b.every)
	return b.free.Sub(now), nil
}

func (b *budget) answered(date string) {
	t, err := http.ParseTime(date)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.After(b.server) {
		b.server = t.UTC()
	}
}

func (b *budget) serverTime() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server
}

func (b *budget) close() { b.next.CloseIdleConnections() }
