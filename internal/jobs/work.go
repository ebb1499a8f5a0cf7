package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/retinue-id/retinue"
)

// Summary is what a Drain did.
type Summary struct {
	// Done is how many runs of jobs succeeded, Failed how many did not.
	Done, Failed int
	// Waiting is how many jobs remain that are not due yet: put off by their
	// inserter, or to be tried again.
	Waiting int
	// Failures names the failed runs, the first maxFailures of them.
	Failures []Failure
}

// Failure is one run of a job that failed.
type Failure struct {
	Kind    string
	Key     string
	Attempt int
	Err     error
}

const maxFailures = 100

// run is one time of working: an identity among the workers and a count.
type run struct {
	id             string
	cooldown, poll time.Duration
	presence       *presence
	long           bool // works the long lane too

	mu      sync.Mutex
	summary Summary
}

func newRun(cooldown, poll time.Duration) *run {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return &run{id: "retinue-" + hex.EncodeToString(b[:]), cooldown: cooldown, poll: poll}
}

func (r *run) count(job *rivertype.JobRow, key string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.summary.Done++
		return
	}
	r.summary.Failed++
	if len(r.summary.Failures) < maxFailures {
		r.summary.Failures = append(r.summary.Failures, Failure{Kind: job.Kind, Key: key, Attempt: job.Attempt, Err: err})
	}
}

// Drain works until no job is due, and returns what was done. It is for the
// command line, which has no server behind it; schedules do not run. A job that
// fails is counted and left to be tried by the next Drain or Run after its
// delay. The error is of the queue itself, or of ctx.
func (q *Queue) Drain(ctx context.Context) (Summary, error) {
	r := newRun(time.Millisecond, 20*time.Millisecond)
	left, err := q.due(ctx)
	if err != nil || left == 0 && q.canWork() {
		return q.drained(ctx, r, err) // without starting anything
	}
	err = q.working(ctx, r, func() error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for round := 1; ; round++ {
			left, err := q.due(ctx)
			if err != nil {
				return err
			}
			if left == 0 {
				return nil
			}
			if round%100 == 0 { // a job that runs elsewhere may have lost its worker
				if _, err := q.rescue(ctx, r); err != nil {
					return err
				}
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
	})
	return q.drained(ctx, r, err)
}

// drained cleans up after a Drain that ended with err, and sums it up.
func (q *Queue) drained(ctx context.Context, r *run, err error) (Summary, error) {
	waiting := 0
	if err == nil {
		waiting, err = q.waiting(ctx)
	}
	if err == nil {
		err = q.sweep(ctx)
	}
	if err != nil {
		err = fmt.Errorf("drain queue: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Waiting = waiting
	return r.summary, err
}

// Run works jobs and runs schedules until ctx ends, then gives running jobs
// Config.StopGrace to finish before their contexts end. It returns nil when ctx
// ended it.
func (q *Queue) Run(ctx context.Context) error {
	r := newRun(20*time.Millisecond, time.Second)
	r.long = true
	if q.db.Pool == nil {
		r.poll = 100 * time.Millisecond // nothing wakes the poller on SQLite
	}
	err := q.working(ctx, r, func() error { return q.tend(ctx, r) })
	if err != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("run queue: %w", err)
	}
	return nil
}

// working takes back what dead workers left, starts the workers, calls fn, and
// stops them again.
func (q *Queue) working(ctx context.Context, r *run, fn func() error) error {
	if !q.canWork() {
		return fmt.Errorf("%w: the queue was opened without handlers", retinue.ErrInvalid)
	}
	if !q.active.TryLock() {
		return fmt.Errorf("%w: the queue is working already", retinue.ErrConflict)
	}
	defer q.active.Unlock()
	var err error
	if r.presence, err = q.announce(ctx, r.id); err != nil {
		return err
	}
	defer r.presence.withdraw()
	if _, err := q.rescue(ctx, r); err != nil {
		return err
	}
	e, err := q.newEngine(r)
	if err != nil {
		return err
	}
	// The workers do not see ctx end: they are stopped in an orderly way, with a
	// grace for their jobs, and what they did is to be written down. River's
	// listener would also spin for ever on a context that ends by its deadline.
	if err := e.start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	failed := fn()
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.cfg.StopGrace+10*time.Second)
	defer cancel()
	return errors.Join(failed, e.stop(stopCtx))
}

func (q *Queue) canWork() bool { return q.cfg.Handlers != nil && len(q.cfg.Handlers.add) > 0 }

// tend runs schedules when they are due and looks for jobs of dead workers.
func (q *Queue) tend(ctx context.Context, r *run) error {
	const pause = 15 * time.Second
	for {
		next, err := q.Tick(ctx)
		if err == nil {
			_, err = q.rescue(ctx, r)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := pause
		if err != nil {
			// The database may be away for a moment; the next round tries
			// again, and the workers say so for themselves.
			q.cfg.Logger.ErrorContext(ctx, "tend queue", "error", err)
		} else if !next.IsZero() {
			wait = min(max(next.Sub(q.cfg.Now()), 10*time.Millisecond), pause)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// due makes put-off jobs available whose time has come, and counts those that
// run or could.
func (q *Queue) due(ctx context.Context) (int, error) {
	now := time.Now().UTC()
	if _, err := q.insert.executor().JobSchedule(ctx, &riverdriver.JobScheduleParams{Max: 10_000, Now: &now}); err != nil {
		return 0, fmt.Errorf("promote jobs: %w", err)
	}
	var n int
	err := q.db.DB.QueryRowContext(ctx, `select count(*) from river_job where queue = $2 and (state = 'running'
		or (state in ('available', 'scheduled', 'retryable') and scheduled_at <= $1))`, q.dialect.now(now), river.QueueDefault).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count jobs: %w", err)
	}
	return n, nil
}

func (q *Queue) waiting(ctx context.Context) (int, error) {
	var n int
	err := q.db.DB.QueryRowContext(ctx,
		"select count(*) from river_job where queue = $1 and state in ('available', 'scheduled', 'retryable', 'pending')", river.QueueDefault).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count jobs: %w", err)
	}
	return n, nil
}

// sweep removes old finished jobs, which on a server River's leader does and
// which a command that runs for a second never lives to see.
func (q *Queue) sweep(ctx context.Context) error {
	now := time.Now()
	_, err := q.insert.executor().JobDeleteBefore(ctx, &riverdriver.JobDeleteBeforeParams{
		CancelledDoDelete: true, CancelledFinalizedAtHorizon: now.Add(-retainFailed),
		CompletedDoDelete: true, CompletedFinalizedAtHorizon: now.Add(-retainCompleted),
		DiscardedDoDelete: true, DiscardedFinalizedAtHorizon: now.Add(-retainFailed),
		Max: 10_000,
	})
	if err == nil && q.db.Pool == nil {
		_, err = q.db.DB.ExecContext(ctx, "delete from river_notification")
	}
	if err != nil {
		return fmt.Errorf("remove old jobs: %w", err)
	}
	return nil
}
