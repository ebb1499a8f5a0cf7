package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
)

// Schedule inserts a job again and again. It is kept in the database, with the
// time of its next run: a run that was missed because nothing worked at that
// time is made up for once, however many were missed.
type Schedule struct {
	// Name tells schedules apart.
	Name string
	// Every is the time between runs, at least a second; or Cron is five
	// fields (see ParseCron). Exactly one of the two is set.
	Every time.Duration
	Cron  string
	// Args is the job, and Key its key (see Options.Key); an empty key means
	// the schedule's name, so that runs do not pile up.
	Args Args
	Key  string
}

// ScheduleState is a schedule as it stands.
type ScheduleState struct {
	Name    string
	Every   time.Duration
	Cron    string
	Kind    string
	NextRun time.Time
	LastRun time.Time // zero before the first run
}

// SetSchedule adds or alters a schedule in the caller's transaction. A new one,
// or one whose times were altered, first runs at its next time from now; one
// that is set again unchanged keeps its next run, so that a program may set its
// schedules at every start.
func (q *Queue) SetSchedule(ctx context.Context, tx Tx, s Schedule) error {
	fail := func(err error) error { return fmt.Errorf("set schedule %q: %w", s.Name, err) }
	if s.Name == "" || s.Args == nil {
		return fail(fmt.Errorf("%w: it needs a name and a job", retinue.ErrInvalid))
	}
	if h := q.cfg.Handlers; h != nil && h.kinds[s.Args.Kind()] == "" {
		return fail(fmt.Errorf("%w: no handler of the kind %s", retinue.ErrInvalid, s.Args.Kind()))
	}
	next, err := nextRun(s.Every, s.Cron, q.cfg.Now())
	if err != nil {
		return fail(err)
	}
	body, err := json.Marshal(s.Args)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", retinue.ErrInvalid, err))
	}
	key := s.Key
	if key == "" {
		key = s.Name
	}
	_, err = tx.Tx.ExecContext(ctx, `insert into schedules (name, every_us, cron, kind, job_key, args, next_run)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (name) do update set kind = excluded.kind, job_key = excluded.job_key, args = excluded.args,
			next_run = case when schedules.every_us = excluded.every_us and schedules.cron = excluded.cron
				then schedules.next_run else excluded.next_run end,
			every_us = excluded.every_us, cron = excluded.cron`,
		s.Name, s.Every.Microseconds(), s.Cron, s.Args.Kind(), key, string(body), next.UnixMicro())
	if err != nil {
		return fail(err)
	}
	return nil
}

// RemoveSchedule removes a schedule in the caller's transaction. It fails with
// retinue.ErrNotFound when there is none of that name.
func (q *Queue) RemoveSchedule(ctx context.Context, tx Tx, name string) error {
	res, err := tx.Tx.ExecContext(ctx, "delete from schedules where name = $1", name)
	if err != nil {
		return fmt.Errorf("remove schedule %q: %w", name, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fmt.Errorf("remove schedule %q: %w", name, errors.Join(retinue.ErrNotFound, err))
	}
	return nil
}

// Schedules lists the schedules by name.
func (q *Queue) Schedules(ctx context.Context) ([]ScheduleState, error) {
	rows, err := q.db.DB.QueryContext(ctx,
		"select name, every_us, cron, kind, next_run, last_run from schedules order by name")
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	defer rows.Close()
	var list []ScheduleState
	for rows.Next() {
		var s ScheduleState
		var every, next int64
		var last sql.NullInt64
		if err := rows.Scan(&s.Name, &every, &s.Cron, &s.Kind, &next, &last); err != nil {
			return nil, fmt.Errorf("list schedules: %w", err)
		}
		s.Every = time.Duration(every) * time.Microsecond
		s.NextRun = time.UnixMicro(next).UTC()
		if last.Valid {
			s.LastRun = time.UnixMicro(last.Int64).UTC()
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	return list, nil
}

// Tick inserts the jobs of the schedules that are due by Config.Now and returns
// when the next one will be, zero for never. Run calls it; of several processes
// one inserts each run.
func (q *Queue) Tick(ctx context.Context) (time.Time, error) {
	now := q.cfg.Now()
	due, err := q.dueSchedules(ctx, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("run schedules: %w", err)
	}
	var failed []error
	for _, s := range due {
		if err := q.fire(ctx, s, now); err != nil {
			failed = append(failed, fmt.Errorf("run schedule %q: %w", s.name, err))
		}
	}
	if len(failed) > 0 {
		return time.Time{}, errors.Join(failed...)
	}
	var next sql.NullInt64
	if err := q.db.DB.QueryRowContext(ctx, "select min(next_run) from schedules").Scan(&next); err != nil {
		return time.Time{}, fmt.Errorf("run schedules: %w", err)
	}
	if !next.Valid {
		return time.Time{}, nil
	}
	return time.UnixMicro(next.Int64).UTC(), nil
}

// storedSchedule is a row that is due.
type storedSchedule struct {
	name, cron string
	every      time.Duration
	nextRun    int64
	job        sealed
}

func (q *Queue) dueSchedules(ctx context.Context, now time.Time) ([]storedSchedule, error) {
	rows, err := q.db.DB.QueryContext(ctx, `select name, every_us, cron, kind, job_key, args, next_run
		from schedules where next_run <= $1 order by next_run, name`, now.UnixMicro())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var due []storedSchedule
	for rows.Next() {
		var s storedSchedule
		var every int64
		var args string
		if err := rows.Scan(&s.name, &every, &s.cron, &s.job.kind, &s.job.Key, &args, &s.nextRun); err != nil {
			return nil, err
		}
		s.every = time.Duration(every) * time.Microsecond
		s.job.Args = json.RawMessage(args)
		due = append(due, s)
	}
	return due, rows.Err()
}

// fire inserts the job of a schedule and moves its next run on, in one
// transaction. Who finds that the next run has moved already was second.
func (q *Queue) fire(ctx context.Context, s storedSchedule, now time.Time) error {
	next, err := nextRun(s.every, s.cron, now)
	if err != nil {
		return err
	}
	return q.begin(ctx, func(tx Tx) error {
		res, err := tx.Tx.ExecContext(ctx,
			"update schedules set next_run = $1, last_run = $2 where name = $3 and next_run = $4",
			next.UnixMicro(), now.UnixMicro(), s.name, s.nextRun)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		_, err = q.insertRaw(ctx, tx, s.job, Options{Key: s.job.Key})
		return err
	})
}

// nextRun is the first time after now.
func nextRun(every time.Duration, cron string, now time.Time) (time.Time, error) {
	switch {
	case (every == 0) == (cron == ""):
		return time.Time{}, fmt.Errorf("%w: exactly one of an interval and a cron line is needed", retinue.ErrInvalid)
	case cron != "":
		c, err := ParseCron(cron)
		if err != nil {
			return time.Time{}, err
		}
		return c.Next(now)
	case every < time.Second:
		return time.Time{}, fmt.Errorf("%w: the interval %s is shorter than a second", retinue.ErrInvalid, every)
	}
	return now.Add(every), nil
}
