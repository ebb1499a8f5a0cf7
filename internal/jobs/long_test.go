package jobs_test

import (
	"context"
	"testing"

	"github.com/retinue-id/retinue/internal/jobs"
)

type longArgs struct{ Text string }

func (longArgs) Kind() string { return "long" }

type shortArgs struct{}

func (shortArgs) Kind() string { return "short" }

// Long jobs are for a server: a command's Drain neither works them nor waits
// for them, and on a server short jobs do not wait behind them.
func TestLongJobsHaveTheirOwnWorkers(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		_, h := collector()
		begun, release := make(chan struct{}, 2), make(chan struct{})
		short := make(chan struct{}, 1)
		jobs.Handle(h, func(context.Context, shortArgs) error {
			short <- struct{}{}
			return nil
		})
		jobs.HandleLong(h, func(context.Context, longArgs) error {
			begun <- struct{}{}
			<-release
			return nil
		})
		q := open(t, db, jobs.Config{Handlers: h, Workers: 1, LongWorkers: 2})
		insert(t, q, db, longArgs{"a"}, jobs.Options{Key: "a"})
		insert(t, q, db, longArgs{"b"}, jobs.Options{Key: "b"})
		insert(t, q, db, noteArgs{Text: "first"}, jobs.Options{})
		if s := drain(t, q); s.Done != 1 || s.Waiting != 0 {
			t.Errorf("drained %+v, want the short one", s)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		<-begun
		<-begun
		insert(t, q, db, shortArgs{}, jobs.Options{})
		<-short // while both long ones run
		close(release)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
