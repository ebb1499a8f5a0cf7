package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// presence shows the other processes that a worker lives: a PostgreSQL advisory
// lock, held by a session for as long as that lives, under the worker's id. The
// server gives it up when the process dies, however it dies. On SQLite there is
// nobody to show it to.
type presence struct {
	pool *pgxpool.Pool
	conn *pgxpool.Conn
	key  int64
}

func (q *Queue) announce(ctx context.Context, id string) (*presence, error) {
	p := &presence{pool: q.db.Pool, key: workerKey(id)}
	if p.pool == nil {
		return p, nil
	}
	return p, p.renew(ctx)
}

// renew takes the lock, again where the session that held it is gone.
func (p *presence) renew(ctx context.Context) error {
	if p.pool == nil {
		return nil
	}
	if p.conn != nil {
		if err := p.conn.Ping(ctx); err == nil {
			return nil
		}
		p.drop()
	}
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("announce worker: %w", err)
	}
	p.conn = conn
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", p.key); err != nil {
		p.drop()
		return fmt.Errorf("announce worker: %w", err)
	}
	return nil
}

// withdraw gives the lock up.
func (p *presence) withdraw() {
	if p.conn != nil {
		p.drop()
	}
}

// drop closes the session rather than hand it back to the pool: that ends the
// lock whatever state the session is in.
func (p *presence) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.conn.Hijack().Close(ctx) // a session that cannot be closed is gone
	p.conn = nil
}

// workerKey is the number of a worker's advisory lock.
func workerKey(id string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("retinue jobs worker " + id)) // never fails, see hash.Hash
	return int64(h.Sum64())
}

// rescue takes jobs back from workers that died while running them, and returns
// how many. A job that has used up its attempts that way is discarded: it may
// be what kills the workers.
func (q *Queue) rescue(ctx context.Context, r *run) (int, error) {
	if q.db.Pool == nil && q.cfg.Shared {
		return 0, nil
	}
	if err := r.presence.renew(ctx); err != nil {
		return 0, err
	}
	workers, err := q.workersRunning(ctx, r.id)
	if err != nil {
		return 0, fmt.Errorf("rescue jobs: %w", err)
	}
	total := 0
	for _, id := range workers {
		n, err := q.rescueFrom(ctx, r, id)
		if err != nil {
			return total, fmt.Errorf("rescue jobs: %w", err)
		}
		total += n
	}
	return total, nil
}

// workersRunning are the workers, except self, under whose name a job runs.
func (q *Queue) workersRunning(ctx context.Context, self string) ([]string, error) {
	rows, err := q.db.DB.QueryContext(ctx, `select distinct `+q.dialect.lastWorker+` from river_job
		where state = 'running' and `+q.dialect.lastWorker+` <> $1`, self)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// rescueFrom takes back the jobs of one worker if it is dead. On PostgreSQL its
// lock is held meanwhile, so that of several rescuers one does it.
func (q *Queue) rescueFrom(ctx context.Context, r *run, id string) (int, error) {
	if q.db.Pool != nil {
		var dead bool
		if err := r.presence.conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", workerKey(id)).Scan(&dead); err != nil {
			return 0, err
		}
		if !dead {
			return 0, nil
		}
		defer func() {
			// A failed unlock ends with the session.
			_, _ = r.presence.conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", workerKey(id))
		}()
	}
	params, err := q.orphans(ctx, id)
	if err != nil || len(params.ID) == 0 {
		return 0, err
	}
	if _, err := q.insert.executor().JobRescueMany(ctx, params); err != nil {
		return 0, err
	}
	q.cfg.Logger.WarnContext(ctx, "took back jobs of a dead worker", "worker_id", id, "job_count", len(params.ID))
	return len(params.ID), nil
}

// orphans are the jobs that stand as run by a worker, and what becomes of them.
func (q *Queue) orphans(ctx context.Context, id string) (*riverdriver.JobRescueManyParams, error) {
	rows, err := q.db.DB.QueryContext(ctx, `select id, attempt, max_attempts from river_job
		where state = 'running' and `+q.dialect.lastWorker+` = $1`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	now := time.Now().UTC()
	p := &riverdriver.JobRescueManyParams{}
	for rows.Next() {
		var job int64
		var attempt, limit int
		if err := rows.Scan(&job, &attempt, &limit); err != nil {
			return nil, err
		}
		note, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: attempt, Error: "the worker died while it ran the job"})
		if err != nil {
			return nil, err
		}
		state, finalized := rivertype.JobStateAvailable, (*time.Time)(nil)
		if attempt >= limit {
			state, finalized = rivertype.JobStateDiscarded, &now
		}
		p.ID = append(p.ID, job)
		p.Error = append(p.Error, note)
		p.FinalizedAt = append(p.FinalizedAt, finalized)
		p.ScheduledAt = append(p.ScheduledAt, now)
		p.State = append(p.State, string(state))
	}
	return p, rows.Err()
}
