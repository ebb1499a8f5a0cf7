package eventstream

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// State is how the reading of a stream goes. The counts are of this process
// since it started; Lag and Unacknowledged are of the consumer, which all
// processes share.
type State struct {
	Name      string `json:"name"`
	Stream    string `json:"stream"`
	Consumer  string `json:"consumer"`
	Connected bool   `json:"connected"`
	// Error is what keeps it from being read, empty where nothing does; ErrorAt is
	// since when.
	Error   string    `json:"error,omitempty"`
	ErrorAt time.Time `json:"errorAt,omitzero"`
	// Lag is how many messages nobody was given yet, Unacknowledged how many were
	// given out and not counted yet.
	Lag            int64     `json:"lag"`
	Unacknowledged int64     `json:"unacknowledged"`
	AskedAt        time.Time `json:"askedAt,omitzero"`
	Messages       int64     `json:"messages"`
	// Redelivered of Messages had been given out before, GivenBack could not be
	// counted yet.
	Redelivered int64 `json:"redelivered"`
	GivenBack   int64 `json:"givenBack"`
	Events      int64 `json:"events"`
	New         int64 `json:"new"`
	Repeated    int64 `json:"repeated"`
	// LateUnverified were counted although it can no longer be told whether they
	// had been.
	LateUnverified int64 `json:"lateUnverified"`
	Unknown        int64 `json:"unknown"`
	Faults         int64 `json:"faults"`
	// Dropped messages went out of the stream before anybody read them, at least.
	Dropped int64 `json:"dropped"`
	// LastMessageAt is when the newest message that was read came into the stream.
	LastMessageAt time.Time `json:"lastMessageAt,omitzero"`
}

// State returns how the reading goes.
func (r *Reader) State() State {
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	return r.state.s
}

type tracker struct {
	mu sync.Mutex
	s  State
}

func (t *tracker) set(fn func(*State)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fn(&t.s)
}

func (t *tracker) message(m *nats.MsgMetadata) {
	t.set(func(s *State) {
		s.Messages++
		if m.NumDelivered > 1 {
			s.Redelivered++
		}
		if m.Timestamp.After(s.LastMessageAt) {
			s.LastMessageAt = m.Timestamp.UTC()
		}
	})
}

func (t *tracker) counted(c Counted) {
	t.set(func(s *State) {
		s.Events += c.Events
		s.New += c.New
		s.Repeated += c.Repeated
		s.LateUnverified += c.LateUnverified
		s.Unknown += c.Unknown
	})
}

func (t *tracker) fault(n int64)    { t.set(func(s *State) { s.Faults += n }) }
func (t *tracker) gaveBack(n int64) { t.set(func(s *State) { s.GivenBack += n }) }
func (t *tracker) well()            { t.set(func(s *State) { s.Error, s.ErrorAt = "", time.Time{} }) }

func (t *tracker) failed(err error, now time.Time) {
	t.set(func(s *State) {
		if s.Error == "" {
			s.ErrorAt = now.UTC()
		}
		s.Error = err.Error()
	})
}

func (r *Reader) connected(nc *nats.Conn) {
	r.state.set(func(s *State) { s.Connected = true })
	r.cfg.Log.Info("event stream is connected", "name", r.cfg.Name, "server", nc.ConnectedServerName())
}

func (r *Reader) disconnected(err error) {
	r.state.set(func(s *State) { s.Connected = false })
	if err != nil { // without one it was closed from here
		r.cfg.Log.Warn("event stream is disconnected", "name", r.cfg.Name, "error", err.Error())
	}
}

// backoff waits longer with every failure, and not at the same time as others.
type backoff struct{ failures int }

func (b *backoff) reset() { b.failures = 0 }

func (b *backoff) wait(ctx context.Context, say func(time.Duration)) {
	d := min(maxPause, 250*time.Millisecond<<min(b.failures, 10))
	d = d/2 + rand.N(d/2) //nolint:gosec // only spreads attempts
	b.failures++
	if b.failures > 2 { // an election takes a moment
		say(d.Round(time.Millisecond))
	}
	sleep(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// paceBehind is how far behind its pace a process may be and catch up.
const paceBehind = time.Second

// pace keeps a process to so many messages a second.
type pace struct {
	rate int
	mu   sync.Mutex
	next time.Time
}

func (p *pace) wait(ctx context.Context, n int) {
	if p.rate <= 0 {
		return
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now.Add(-paceBehind)) {
		p.next = now.Add(-min(paceBehind, time.Duration(n)*time.Second/time.Duration(p.rate)))
	}
	p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	d := p.next.Sub(now)
	p.mu.Unlock()
	sleep(ctx, d)
}
