package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/jobs"
)

// A transaction coalesces with a waiting job and commits late. Workers run
// meanwhile. The job must see what the transaction wrote: had it run before the
// commit, the change would be lost on it.
func TestCoalescedChangeIsSeen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		if _, err := db.DB.ExecContext(t.Context(), "create table state (v text)"); err != nil {
			t.Fatal(err)
		}
		var runs, rows int
		h := &jobs.Handlers{}
		jobs.Handle(h, func(ctx context.Context, _ noteArgs) error {
			runs++
			return db.DB.QueryRowContext(ctx, "select count(*) from state").Scan(&rows)
		})
		q := open(t, db, jobs.Config{Handlers: h, Workers: 1})
		insert(t, q, db, noteArgs{}, jobs.Options{Key: "k"})

		ended := make(chan error, 1)
		err := transact(t, db, func(tx jobs.Tx) error {
			if _, err := tx.Tx.ExecContext(t.Context(), "insert into state values ('late')"); err != nil {
				return err
			}
			added, err := q.Insert(t.Context(), tx, noteArgs{}, jobs.Options{Key: "k"})
			if added {
				t.Error("the job was added beside the one that waits")
			}
			go func() {
				_, err := q.Drain(context.Background())
				ended <- err
			}()
			<-time.After(300 * time.Millisecond) // for the workers to go wrong
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if runs != 1 || rows != 1 {
			t.Errorf("the job ran %d times and saw %d rows, want one run that sees the row", runs, rows)
		}
	})
}

// Many transactions with one key while workers run: every change is seen by a
// run that began after it, and there are fewer runs than changes.
func TestEveryChangeIsSeen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		if _, err := db.DB.ExecContext(t.Context(), "create table state (v bigint)"); err != nil {
			t.Fatal(err)
		}
		const changes = 60
		saw := make(chan int64, 10*changes)
		h := &jobs.Handlers{}
		jobs.Handle(h, func(ctx context.Context, _ noteArgs) error {
			var highest int64
			err := db.DB.QueryRowContext(ctx, "select coalesce(max(v), 0) from state").Scan(&highest)
			saw <- highest
			return err
		})
		q := open(t, db, jobs.Config{Handlers: h})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		for i := range changes {
			err := transact(t, db, func(tx jobs.Tx) error {
				if _, err := tx.Tx.ExecContext(t.Context(), "insert into state values ($1)", i+1); err != nil {
					return err
				}
				_, err := q.Insert(t.Context(), tx, noteArgs{}, jobs.Options{Key: "k"})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		timeout := time.After(30 * time.Second)
		for seen := false; !seen; {
			select {
			case highest := <-saw:
				seen = highest == changes
			case <-timeout:
				t.Fatal("no run saw the last change")
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkDrain is jobs a second: inserted one by one in one transaction, and
// worked by a handler that does nothing.
func BenchmarkDrain(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			db := benchDatabase(b, kind)
			h := &jobs.Handlers{}
			jobs.Handle(h, func(context.Context, noteArgs) error { return nil })
			q, err := jobs.Open(db, jobs.Config{Handlers: h})
			if err != nil {
				b.Fatal(err)
			}
			conn, err := db.DB.Conn(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			tx, err := conn.BeginTx(b.Context(), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for range b.N {
				if _, err := q.Insert(b.Context(), jobs.Tx{Tx: tx, Conn: conn}, noteArgs{}, jobs.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				b.Fatal(err)
			}
			inserted := b.Elapsed()
			if s, err := q.Drain(b.Context()); err != nil || s.Done != b.N {
				b.Fatalf("drained %+v, %v", s, err)
			}
			b.ReportMetric(float64(b.N)/(b.Elapsed()-inserted).Seconds(), "drained/s")
			b.ReportMetric(float64(b.N)/inserted.Seconds(), "inserted/s")
		})
	}
}
