package app

import (
	"context"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// For how long counts of use are kept by hour where they were written, and by
// hour and by day at all. What rhythm, verdicts and simulation need outlives the
// hours.
const (
	unpackedUse = 48 * time.Hour
	hourlyUse   = 400 * 24 * time.Hour
	dailyUse    = 800 * 24 * time.Hour
	// keepPushes is for how long a batch that was pushed with an id is known again,
	// whatever became of its events.
	keepPushes = 30 * 24 * time.Hour
)

// usageJob forms the verdicts that are due; usageKeepJob packs counts of use.
type (
	usageJob     struct{}
	usageKeepJob struct{}
)

// Kind implements jobs.Args.
func (usageJob) Kind() string { return "usage" }

// Kind implements jobs.Args.
func (usageKeepJob) Kind() string { return "usage_keep" }

func (a *App) usageHandlers(h *jobs.Handlers) {
	jobs.Handle(h, func(ctx context.Context, _ usageJob) error {
		_, err := a.JudgeUsage(ctx)
		return err
	})
	jobs.Handle(h, func(ctx context.Context, _ usageKeepJob) error { return a.KeepUsage(ctx) })
}

// KeepUsage packs the counts of hours that are over, keeps older ones coarser,
// and forgets which events were counted beyond the horizon.
func (a *App) KeepUsage(ctx context.Context) error {
	a.usageTurn.Lock()
	a.usageKnown = 0 // now and then everything is looked at: what was gone may be back
	a.usageTurn.Unlock()
	now := a.DB.Now()
	if _, err := a.DB.PackUsage(ctx, now.Add(-unpackedUse)); err != nil {
		return err
	}
	if _, err := a.DB.CoarsenUsage(ctx, now.Add(-hourlyUse), now.Add(-dailyUse)); err != nil {
		return err
	}
	horizon := sqlstore.DefaultHorizon
	for _, s := range a.Specs {
		if s.Activity == nil {
			continue
		}
		for _, l := range s.Activity.Logs {
			horizon = max(horizon, l.Lateness)
		}
	}
	if _, err := a.DB.ForgetEvents(ctx, horizon); err != nil {
		return err
	}
	if _, err := a.DB.ForgetPushes(ctx, now.Add(-keepPushes)); err != nil {
		return err
	}
	if _, err := a.pruneEvents(ctx); err != nil {
		return err
	}
	return a.joinEvents(ctx)
}

// startUsage has verdicts formed and counts packed from now on.
func (a *App) startUsage(ctx context.Context) error {
	if err := a.noteKeeping(ctx, retinue.Actor{Kind: "system", Name: "configuration"}); err != nil {
		return err
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		sqltx, conn := tx.SQL()
		at := jobs.Tx{Tx: sqltx, Conn: conn}
		for _, s := range []jobs.Schedule{
			{Name: "usage", Every: time.Minute, Args: usageJob{}},
			{Name: "usage_keep", Every: 6 * time.Hour, Args: usageKeepJob{}},
		} {
			if err := a.queue.SetSchedule(ctx, at, s); err != nil {
				return err
			}
		}
		return nil
	})
}
