package jobs_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
)

// clock is a time that tests move.
type clock struct{ us atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.us.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.us.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.us.Add(d.Microseconds()) }

func setSchedule(t *testing.T, q *jobs.Queue, db jobs.Database, s jobs.Schedule) {
	t.Helper()
	if err := transact(t, db, func(tx jobs.Tx) error { return q.SetSchedule(t.Context(), tx, s) }); err != nil {
		t.Fatal(err)
	}
}

func tick(t *testing.T, q *jobs.Queue) time.Time {
	t.Helper()
	next, err := q.Tick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestScheduleRunsMissedRunOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db, c := reopen(), newClock()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h, Now: c.now})
		setSchedule(t, q, db, jobs.Schedule{Name: "weekly", Every: 7 * 24 * time.Hour, Args: noteArgs{Text: "scan"}})

		tick(t, q)
		if drain(t, q); len(got.sorted()) != 0 {
			t.Fatal("a new schedule ran before its time")
		}
		// The server is down for a month; another process starts.
		c.advance(30 * 24 * time.Hour)
		db = reopen()
		q = open(t, db, jobs.Config{Handlers: h, Now: c.now})
		setSchedule(t, q, db, jobs.Schedule{Name: "weekly", Every: 7 * 24 * time.Hour, Args: noteArgs{Text: "scan"}})
		next := tick(t, q)
		tick(t, q)
		drain(t, q)
		if want := []string{"scan"}; !slices.Equal(got.sorted(), want) {
			t.Errorf("ran %v, want the missed runs made up for by one", got.sorted())
		}
		if want := c.now().Add(7 * 24 * time.Hour); !next.Equal(want) {
			t.Errorf("next run %s, want %s", next, want)
		}
		list, err := q.Schedules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || !list[0].LastRun.Equal(c.now()) || list[0].Kind != "note" || list[0].Every != 7*24*time.Hour {
			t.Errorf("schedules = %+v", list)
		}
	})
}

func TestScheduleByCron(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db, c := reopen(), newClock()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h, Now: c.now})
		setSchedule(t, q, db, jobs.Schedule{Name: "nightly", Cron: "30 2 * * *", Args: noteArgs{Text: "night"}})
		if next, want := tick(t, q), time.Date(2026, 3, 2, 2, 30, 0, 0, time.UTC); !next.Equal(want) {
			t.Errorf("next run %s, want %s", next, want)
		}
		for range 3 {
			c.advance(24 * time.Hour)
			tick(t, q)
			drain(t, q)
		}
		if len(got.sorted()) != 3 {
			t.Errorf("ran %d times in 3 days", len(got.sorted()))
		}
	})
}

// An altered schedule starts anew; runs that nothing worked off do not pile up.
func TestScheduleAlteredAndRemoved(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db, c := reopen(), newClock()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h, Now: c.now})
		setSchedule(t, q, db, jobs.Schedule{Name: "s", Every: time.Hour, Args: noteArgs{Text: "old"}})
		setSchedule(t, q, db, jobs.Schedule{Name: "s", Every: time.Minute, Args: noteArgs{Text: "new"}})
		if next, want := tick(t, q), c.now().Add(time.Minute); !next.Equal(want) {
			t.Errorf("next run %s, want %s", next, want)
		}
		for range 5 {
			c.advance(time.Minute)
			tick(t, q)
		}
		drain(t, q)
		if want := []string{"new"}; !slices.Equal(got.sorted(), want) {
			t.Errorf("ran %v, want the waiting runs coalesced into one", got.sorted())
		}
		remove := func() error {
			return transact(t, db, func(tx jobs.Tx) error { return q.RemoveSchedule(t.Context(), tx, "s") })
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if err := remove(); !errors.Is(err, retinue.ErrNotFound) {
			t.Errorf("removing twice: %v", err)
		}
		if next := tick(t, q); !next.IsZero() {
			t.Errorf("next run %s of no schedule", next)
		}
	})
}

// A replica that found a schedule due and was overtaken by another inserts
// nothing, even when the other's job is done by then and its key free again.
func TestScheduleOfTwoReplicas(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		c := newClock()
		got, h := collector()
		db1, db2 := reopen(), reopen()
		q1 := open(t, db1, jobs.Config{Handlers: h, Now: c.now})
		q2 := open(t, db2, jobs.Config{Handlers: h, Now: c.now})
		setSchedule(t, q1, db1, jobs.Schedule{Name: "s", Every: time.Hour, Args: noteArgs{Text: "run"}})
		c.advance(time.Hour)
		overtake := func() {
			tick(t, q1)
			drain(t, q1)
		}
		if err := q2.FireStale(t.Context(), c.now(), overtake); err != nil {
			t.Fatal(err)
		}
		drain(t, q2)
		if want := []string{"run"}; !slices.Equal(got.sorted(), want) {
			t.Errorf("ran %v, want one run", got.sorted())
		}
	})
}

func TestRunTicks(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		ran := make(chan struct{}, 10)
		h := &jobs.Handlers{}
		jobs.Handle(h, func(context.Context, noteArgs) error {
			ran <- struct{}{}
			return nil
		})
		q := open(t, db, jobs.Config{Handlers: h})
		setSchedule(t, q, db, jobs.Schedule{Name: "s", Every: time.Second, Args: noteArgs{}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		for range 2 {
			select {
			case <-ran:
			case <-time.After(20 * time.Second):
				t.Fatal("the schedule did not run")
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

func TestSetScheduleRefuses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		_, h := collector()
		q := open(t, db, jobs.Config{Handlers: h})
		for name, s := range map[string]jobs.Schedule{
			"no name":   {Every: time.Hour, Args: noteArgs{}},
			"no job":    {Name: "s", Every: time.Hour},
			"no time":   {Name: "s", Args: noteArgs{}},
			"two times": {Name: "s", Every: time.Hour, Cron: "* * * * *", Args: noteArgs{}},
			"too often": {Name: "s", Every: time.Millisecond, Args: noteArgs{}},
			"bad cron":  {Name: "s", Cron: "61 * * * *", Args: noteArgs{}},
			"no day":    {Name: "s", Cron: "0 0 30 2 *", Args: noteArgs{}},
		} {
			err := transact(t, db, func(tx jobs.Tx) error { return q.SetSchedule(t.Context(), tx, s) })
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
