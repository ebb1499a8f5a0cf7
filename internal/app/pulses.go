package app

import (
	"context"
	"sync"
	"time"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// deadAfter is for how long a process gives no sign of life before what it works
// on is taken from it; beatEvery is how often it gives one, and how often others
// look for one.
const (
	deadAfter = 2 * time.Minute
	beatEvery = 10 * time.Second
)

// pulses are the signs of life of other processes, as this one has seen them.
//
// A sign is held against nothing but the sign that was seen before it, and time
// is what passed here while this process looked: no two clocks are compared, and
// neither a clock that jumps nor a machine that slept makes a living process
// look dead. It is safe for concurrent use.
type pulses struct {
	now func() time.Time // whose differences are of the monotonic clock

	mu   sync.Mutex
	seen map[string]pulse
}

type pulse struct {
	sign   string
	at     time.Time // when it was looked for last
	silent time.Duration
}

func newPulses() *pulses { return &pulses{now: time.Now, seen: map[string]pulse{}} }

// dead notes the newest sign of life of who works on something, and reports that
// there was no other for deadAfter.
func (p *pulses) dead(what, sign string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	have, ok := p.seen[what]
	if !ok || have.sign != sign {
		p.seen[what] = pulse{sign: sign, at: now}
		return false
	}
	// A long time between two looks is one in which this process did not look,
	// perhaps because nothing on this machine ran.
	have.silent += min(now.Sub(have.at), 2*beatEvery)
	have.at = now
	p.seen[what] = have
	return have.silent > deadAfter
}

// forget drops what was not looked at for long: it has ended.
func (p *pulses) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for what, have := range p.seen {
		if now.Sub(have.at) > deadAfter {
			delete(p.seen, what)
		}
	}
}

// listen looks for signs of life of the scans of other processes until ctx ends.
func (a *App) listen(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
			open, err := tx.OpenScans()
			for _, s := range open {
				if s.State == store.ScanRunning {
					a.fleet.gone(s)
				}
			}
			return err
		})
		if err != nil && ctx.Err() == nil {
			a.log.Warn("signs of life of scans were not read", "error", err.Error())
		}
		a.fleet.pulses.forget()
	}
}
