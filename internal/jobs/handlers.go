package jobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/retinue-id/retinue"
)

// Args are the arguments of a job: what JSON encodes, and the kind that names
// the handler. Kind is a constant of the type, made of lower-case words.
type Args interface {
	Kind() string
}

// Handlers is the set of job kinds that a process can work. The zero value is
// empty; Handle adds to it before the queue is opened.
type Handlers struct {
	kinds map[string]string // the lane of each
	add   []func(*river.Workers, *Queue, *run)
}

// Handle registers the handler of T's kind. An error that wraps
// retinue.ErrInvalid or retinue.ErrUnsupported ends the job, since trying again
// does not help; any other is tried again, later and later. Handle panics when
// the kind has a handler, which is a mistake of the program.
func Handle[T Args](h *Handlers, fn func(ctx context.Context, args T) error) {
	handle(h, river.QueueDefault, fn)
}

// longLane is the lane of jobs that take minutes or hours.
const longLane = "long"

// HandleLong registers the handler of a kind whose jobs take minutes or hours.
// They have workers of their own (Config.LongWorkers), so that short ones do
// not wait behind them, and only Run works them: Drain neither does nor waits
// for them.
func HandleLong[T Args](h *Handlers, fn func(ctx context.Context, args T) error) {
	handle(h, longLane, fn)
}

// asideLane is the lane of jobs that wait for others, and asideWorkers how many
// of them run at once.
const (
	asideLane    = "aside"
	asideWorkers = 4
)

// HandleAside registers the handler of a kind whose jobs wait for the network.
// They have workers of their own, so that neither short jobs wait behind a slow
// receiver nor they behind a scan, and only Run works them, as with HandleLong.
func HandleAside[T Args](h *Handlers, fn func(ctx context.Context, args T) error) {
	handle(h, asideLane, fn)
}

func handle[T Args](h *Handlers, lane string, fn func(ctx context.Context, args T) error) {
	var zero T
	kind := zero.Kind()
	if h.kinds[kind] != "" {
		panic("jobs: two handlers for the kind " + kind)
	}
	if h.kinds == nil {
		h.kinds = make(map[string]string)
	}
	h.kinds[kind] = lane
	h.add = append(h.add, func(ws *river.Workers, q *Queue, r *run) {
		river.AddWorker(ws, &worker[T]{queue: q, run: r, fn: fn})
	})
}

func (h *Handlers) workers(q *Queue, r *run) *river.Workers {
	ws := river.NewWorkers()
	for _, add := range h.add {
		add(ws, q, r)
	}
	return ws
}

// envelope is the form in which a job with arguments T is stored. River makes a
// job unique by the fields with its tag, here the caller's key alone.
type envelope[T Args] struct {
	Key  string `json:"key" river:"unique"`
	Args T      `json:"args"`
}

// Kind is the kind of the arguments inside.
func (e envelope[T]) Kind() string { return e.Args.Kind() }

// worker runs the handler of one kind.
type worker[T Args] struct {
	river.WorkerDefaults[envelope[T]]
	queue *Queue
	run   *run
	fn    func(context.Context, T) error
}

// Work gives up the key, then calls the handler.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[envelope[T]]) error {
	if err := w.queue.releaseKey(ctx, job.JobRow); err != nil {
		return err
	}
	err := errPanicked // stands if the handler panics, which River recovers
	defer func() { w.run.count(job.JobRow, job.Args.Key, err) }()
	err = w.fn(ctx, job.Args.Args)
	if errors.Is(err, retinue.ErrInvalid) || errors.Is(err, retinue.ErrUnsupported) {
		return river.JobCancel(err)
	}
	return err
}

var errPanicked = errors.New("run handler: it panicked")

// releaseKey frees the job's unique key before the handler reads anything. A
// change committed before this point is seen by the handler; one committed
// after it finds the key free and inserts a job of its own. A transaction that
// is about to coalesce with this job holds a lock on its row (the insert
// updates it on conflict), so that this statement waits for it.
func (q *Queue) releaseKey(ctx context.Context, job *rivertype.JobRow) error {
	if len(job.UniqueKey) == 0 {
		return nil
	}
	_, err := q.db.DB.ExecContext(ctx, "update river_job set unique_key = null where id = $1", job.ID)
	if err != nil {
		return fmt.Errorf("release job key: %w", err)
	}
	return nil
}

// retryPolicy waits twice as long after each failure, from one second to an
// hour.
type retryPolicy struct{}

// NextRetry is when a job that failed is tried again.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().UTC().Add(retryDelay(len(job.Errors) + 1))
}

func retryDelay(failures int) time.Duration {
	seconds := math.Pow(2, float64(max(failures, 1)-1))
	return min(time.Duration(seconds)*time.Second, time.Hour)
}
