package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// rescue takes jobs back from workers that died while running them, and returns
// how many. A job that has used up its attempts that way is discarded: it may
// be what kills the workers.
func (q *Queue) rescue(ctx context.Context, r *run) (int, error) {
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

// rescueFrom takes back the jobs of one worker if it is dead.
func (q *Queue) rescueFrom(ctx context.Context, r *run, id string) (int, error) {
	release, dead, err := r.presence.bury(ctx, id)
	if err != nil || !dead {
		return 0, err
	}
	defer release()
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
