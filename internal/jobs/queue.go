// Package jobs is the durable queue and schedule. A stage never calls the next
// one: it inserts the next stage's job in the transaction that writes its own
// result, so that both happen or neither does.
//
// The queue is River (github.com/riverqueue/river) in the same database as
// everything else, SQLite or PostgreSQL; this package hides the two drivers,
// makes jobs unique by a key of the caller's, takes jobs back from workers that
// died, and keeps schedules in a table of its own (River's periodic jobs live
// in the memory of a leader, and a weekly one never runs on a server that
// restarts more often than that).
//
// # What a handler may rely on
//
// A job runs at least once: a process that dies after a handler finished and
// before that was written runs it again. Handlers are therefore idempotent, and
// two jobs with one key may for a moment run side by side; what must be
// exclusive takes a lease of the store. A job inserted with a key coalesces
// with one that waits under the same key, but not with one that runs, since
// that one may have read the state before the change that asks for the new one.
//
// # SQLite
//
// The queue works on the single write handle. A transaction that holds it
// longer than about half a minute can cost the note that another job finished,
// which is then run again after the next start; stages keep their transactions
// shorter than that.
package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/retinue-id/retinue"
)

// Database is where the queue lives.
type Database struct {
	// DB is the handle that writes. On SQLite it has one connection
	// (SetMaxOpenConns(1)) and begins transactions with the write lock
	// (_txlock=immediate). On PostgreSQL it comes from
	// stdlib.OpenDBFromPool(Pool).
	DB *sql.DB
	// Pool is set on PostgreSQL only, and tells the two apart.
	Pool *pgxpool.Pool
}

// Config holds what a queue can be told. The zero value works, for inserting.
type Config struct {
	// Handlers are the kinds of job that this process knows. A queue without
	// them only inserts, and does not check kinds.
	Handlers *Handlers
	// Workers is how many jobs run at once; 0 means 1 on SQLite, which has one
	// writer, and 4 on PostgreSQL.
	Workers int
	// LongWorkers is how many jobs of kinds with a HandleLong run at once beside
	// those; 0 means 2.
	LongWorkers int
	// Timeout ends the context of a job that runs longer; 0 means 6 hours.
	Timeout time.Duration
	// MaxAttempts is how often a failing job is tried; 0 means 12, which with
	// the delays of retryDelay takes a little more than an hour.
	MaxAttempts int
	// StopGrace is how long running jobs may go on after Run was told to end;
	// 0 means 20 seconds.
	StopGrace time.Duration
	// Shared says that other processes may work on the same SQLite file at the
	// same time; each then holds a locked file beside it. Otherwise every job
	// that stands as running when work starts was left by a process that died,
	// and is taken back at once. On PostgreSQL it says nothing: there the
	// server knows which workers live.
	Shared bool
	// Logger receives what the queue has to say; nil drops it.
	Logger *slog.Logger
	// Now is the clock of the schedules; nil means time.Now. Jobs themselves
	// are due by the real clock.
	Now func() time.Time
}

// Queue inserts jobs, works them and runs schedules. It is safe for concurrent
// use; at most one of Run and Drain is active at a time.
type Queue struct {
	db      Database
	cfg     Config
	dialect dialect
	insert  engine
	active  sync.Mutex // held while Run or Drain works
}

// Open prepares a queue over a database that Migrate has prepared. It starts
// nothing. The database stays the caller's to close, after Run and Drain ended.
func Open(db Database, cfg Config) (*Queue, error) {
	if db.DB == nil {
		return nil, fmt.Errorf("open queue: %w: no database handle", retinue.ErrInvalid)
	}
	q := &Queue{db: db, cfg: cfg.withDefaults(db.Pool != nil), dialect: sqliteDialect()}
	if db.Pool != nil {
		q.dialect = postgresDialect()
	}
	var err error
	if q.insert, err = q.newEngine(nil); err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	return q, nil
}

func (c Config) withDefaults(postgres bool) Config {
	if c.Workers <= 0 {
		c.Workers = 1
		if postgres {
			c.Workers = 4
		}
	}
	if c.LongWorkers <= 0 {
		c.LongWorkers = 2
	}
	if c.Timeout <= 0 {
		c.Timeout = 6 * time.Hour
	}
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = 12
	}
	if c.StopGrace <= 0 {
		c.StopGrace = 20 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// newEngine makes a River client. Without a run it only inserts.
func (q *Queue) newEngine(r *run) (engine, error) {
	cfg := &river.Config{
		Logger:      q.cfg.Logger,
		MaxAttempts: q.cfg.MaxAttempts,
		RetryPolicy: retryPolicy{},
		JobTimeout:  q.cfg.Timeout,
		// Longer than any job may run, so that River never takes a living job
		// for a dead one; rescue finds the dead ones in seconds.
		RescueStuckJobsAfter:        q.cfg.Timeout + time.Hour,
		CompletedJobRetentionPeriod: retainCompleted,
		CancelledJobRetentionPeriod: retainFailed,
		DiscardedJobRetentionPeriod: retainFailed,
		// Only the PostgreSQL driver has a real LISTEN; on SQLite both ways
		// poll, and this one needs no extra table reads.
		PollOnly: q.db.Pool == nil,
	}
	if q.cfg.Handlers != nil {
		cfg.Workers = q.cfg.Handlers.workers(q, r)
	}
	if r != nil {
		cfg.ID = r.id
		cfg.SoftStopTimeout = q.cfg.StopGrace
		cfg.FetchCooldown, cfg.FetchPollInterval = r.cooldown, r.poll
		cfg.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.cfg.Workers}}
		if r.long {
			cfg.Queues[longLane] = river.QueueConfig{MaxWorkers: q.cfg.LongWorkers}
			cfg.Queues[asideLane] = river.QueueConfig{MaxWorkers: asideWorkers}
		}
	}
	if q.db.Pool != nil {
		return newPostgresEngine(q.db.Pool, cfg)
	}
	return newSQLiteEngine(q.db.DB, cfg)
}

// How long finished jobs stay to be looked at.
const (
	retainCompleted = 24 * time.Hour
	retainFailed    = 30 * 24 * time.Hour
)

// Migrate brings River's tables and the table of schedules to the version of
// this program. It is idempotent and stands apart from the migrations of the
// store, which runs it after its own: the tables of the queue belong to the
// queue, no other table refers to them, and their history is River's.
func Migrate(ctx context.Context, db Database) error {
	if db.DB == nil {
		return fmt.Errorf("migrate queue: %w: no database handle", retinue.ErrInvalid)
	}
	d := sqliteDialect()
	migrate := func() error { return migrateSQLite(ctx, db.DB) }
	if db.Pool != nil {
		d = postgresDialect()
		migrate = func() error { return migratePostgres(ctx, db.Pool) }
	}
	if err := migrate(); err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	if _, err := db.DB.ExecContext(ctx, d.createSchedules); err != nil {
		return fmt.Errorf("migrate schedules: %w", err)
	}
	return nil
}
