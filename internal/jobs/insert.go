package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/retinue-id/retinue"
)

// Tx is an open transaction of the caller's. The caller ends it.
type Tx struct {
	// Tx is the transaction.
	Tx *sql.Tx
	// Conn is the connection on which Tx was begun (db.Conn, then
	// conn.BeginTx). PostgreSQL needs it; SQLite does not. No rows of the
	// transaction may be open during a call that takes it.
	Conn *sql.Conn
}

// Options are the choices about one job.
type Options struct {
	// Key makes the job coalesce with a job of the same kind and key that
	// waits to be run. Empty means that every insert counts.
	Key string
	// At is the earliest time to run it; zero means now.
	At time.Time
	// Priority is 1, the default and the most urgent, to 4.
	Priority int
}

// Insert adds a job in the caller's transaction: it exists if and when that
// commits. It reports false when an equal job already waits and stands for this
// one too.
func (q *Queue) Insert(ctx context.Context, tx Tx, args Args, opts Options) (bool, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return false, fmt.Errorf("insert job %s: %w: %w", args.Kind(), retinue.ErrInvalid, err)
	}
	return q.insertRaw(ctx, tx, sealed{kind: args.Kind(), Key: opts.Key, Args: body}, opts)
}

func (q *Queue) insertRaw(ctx context.Context, tx Tx, s sealed, opts Options) (bool, error) {
	o := &river.InsertOpts{ScheduledAt: opts.At, Priority: opts.Priority}
	if h := q.cfg.Handlers; h != nil {
		if o.Queue = h.kinds[s.kind]; o.Queue == "" {
			return false, fmt.Errorf("insert job %s: %w: no handler of that kind", s.kind, retinue.ErrInvalid)
		}
	}
	if opts.Key != "" {
		o.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: waitingStates()}
	}
	added, err := q.insert.insertTx(ctx, tx, s, o)
	if err != nil {
		return false, fmt.Errorf("insert job %s: %w", s.kind, err)
	}
	return added, nil
}

// sealed is an envelope whose arguments are already encoded.
type sealed struct {
	kind string
	Key  string          `json:"key" river:"unique"`
	Args json.RawMessage `json:"args"`
}

// Kind is the kind of the arguments inside.
func (s sealed) Kind() string { return s.kind }

// waitingStates are those in which a key counts. River insists on running being
// among them; releaseKey takes the key away from a job that runs.
func waitingStates() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}

// begin opens a transaction of the queue's own and calls fn within it.
func (q *Queue) begin(ctx context.Context, fn func(Tx) error) error {
	conn, err := q.db.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(Tx{Tx: tx, Conn: conn}); err != nil {
		_ = tx.Rollback() // the cause is the error worth telling
		return err
	}
	return tx.Commit()
}
