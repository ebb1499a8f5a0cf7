package jobs

import (
	"context"
	"time"
)

// FireStale reads the schedules that are due, calls between, and fires what it
// read, as a replica does that another one overtakes.
func (q *Queue) FireStale(ctx context.Context, now time.Time, between func()) error {
	due, err := q.dueSchedules(ctx, now)
	if err != nil {
		return err
	}
	between()
	for _, s := range due {
		if err := q.fire(ctx, s, now); err != nil {
			return err
		}
	}
	return nil
}
