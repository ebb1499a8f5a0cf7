package app

import (
	"context"
	"sync"
	"time"

	"github.com/retinue-id/retinue/internal/store"
)

// The bounds of pushes on their way. Each holds its body in memory.
const (
	maxPushes       = 8 // of all senders
	maxSenderPushes = 4 // of one
	// pushWait is how long a push waits for its turn before it is turned away, and
	// pushAgain when it may come again.
	pushWait  = 5 * time.Second
	pushAgain = 10 * time.Second
)

// busyError says that the database is behind.
type busyError struct{}

// Error says so.
func (*busyError) Error() string { return "too much is being counted already" }

// RetryAfter says when to come again.
func (*busyError) RetryAfter() time.Duration { return pushAgain }

// senders bounds what is pushed at the same time, and remembers what was told of
// each sender lately. It is safe for concurrent use.
type senders struct {
	turns chan struct{}

	mu  sync.Mutex
	all map[store.CollectorID]*sender
}

// sender is what this process knows of one.
type sender struct {
	turns chan struct{}

	mu sync.Mutex
	// noted, recorded and refused are when it was last noted that the sender
	// pushes, and put on record that it did and that it was refused something.
	noted, recorded, refused time.Time
	// faults are how many were kept since faultsSince.
	faults      int
	faultsSince time.Time
}

func newSenders() *senders {
	return &senders{turns: make(chan struct{}, maxPushes), all: map[store.CollectorID]*sender{}}
}

// of returns what is known of a sender: there are as many as collectors.
func (s *senders) of(id store.CollectorID) *sender {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.all[id]
	if v == nil {
		v = &sender{turns: make(chan struct{}, maxSenderPushes)}
		s.all[id] = v
	}
	return v
}

// enter waits for a sender's turn, and returns what ends it.
func (s *senders) enter(ctx context.Context, id store.CollectorID) (release func(), err error) {
	wait, cancel := context.WithTimeout(ctx, pushWait)
	defer cancel()
	own := s.of(id).turns
	for i, c := range []chan struct{}{own, s.turns} {
		select {
		case c <- struct{}{}:
		case <-wait.Done():
			if i == 1 {
				<-own
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, &busyError{}
		}
	}
	return func() {
		<-s.turns
		<-own
	}, nil
}

// due reports whether something that was last done at a time is to be done again,
// and notes that it is.
func (s *sender) due(last *time.Time, now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !last.IsZero() && now.Sub(*last) < every && !now.Before(*last) {
		return false
	}
	*last = now
	return true
}

// maxSenderFaults is how many faults of a sender are kept one by one an hour, so
// that one does not push out those of all others.
const maxSenderFaults = 100

// keep is how many of n faults are to be kept.
func (s *sender) keep(n int, now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.faultsSince) >= time.Hour || now.Before(s.faultsSince) {
		s.faults, s.faultsSince = 0, now
	}
	n = min(n, maxSenderFaults-s.faults)
	s.faults += n
	return n
}
