package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
)

// seen collects what handlers were given.
type seen struct {
	mu    sync.Mutex
	texts []string
}

func (s *seen) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

func (s *seen) sorted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.texts))
}

func collector() (*seen, *jobs.Handlers) {
	s, h := &seen{}, &jobs.Handlers{}
	jobs.Handle(h, func(_ context.Context, a noteArgs) error {
		s.add(a.Text)
		return nil
	})
	return s, h
}

func TestMigrateTwice(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		if err := jobs.Migrate(t.Context(), reopen()); err != nil {
			t.Fatalf("second migration: %v", err)
		}
	})
}

func TestDrainWorksEveryJob(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h})
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprintf("n%02d", i))
			insert(t, q, db, noteArgs{Text: want[i]}, jobs.Options{})
		}
		s := drain(t, q)
		if s.Done != 20 || s.Failed != 0 || s.Waiting != 0 {
			t.Errorf("summary = %+v, want 20 done", s)
		}
		if !slices.Equal(got.sorted(), want) {
			t.Errorf("handled %v, want %v", got.sorted(), want)
		}
		if s := drain(t, q); s.Done != 0 {
			t.Errorf("a second drain did %d jobs again", s.Done)
		}
	})
}

// A job is part of the caller's transaction: seen with its rows, or not at all.
func TestInsertIsPartOfTheTransaction(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h})
		if _, err := db.DB.ExecContext(t.Context(), "create table state (v text)"); err != nil {
			t.Fatal(err)
		}
		write := func(text string, outcome error) error {
			return transact(t, db, func(tx jobs.Tx) error {
				if _, err := tx.Tx.ExecContext(t.Context(), "insert into state values ($1)", text); err != nil {
					return err
				}
				if _, err := q.Insert(t.Context(), tx, noteArgs{Text: text}, jobs.Options{Key: "k"}); err != nil {
					return err
				}
				return outcome
			})
		}
		failure := errors.New("the stage failed")
		if err := write("rolled back", failure); !errors.Is(err, failure) {
			t.Fatal(err)
		}
		if s := drain(t, q); s.Done != 0 {
			t.Fatalf("a rolled back transaction left a job: %+v", s)
		}
		if err := write("committed", nil); err != nil {
			t.Fatal(err)
		}
		drain(t, q)
		var rows []string
		if err := collect(t, db, "select v from state", &rows); err != nil {
			t.Fatal(err)
		}
		if want := []string{"committed"}; !slices.Equal(rows, want) || !slices.Equal(got.sorted(), want) {
			t.Errorf("rows %v and jobs %v, want %v for both", rows, got.sorted(), want)
		}
	})
}

func collect(t *testing.T, db jobs.Database, query string, into *[]string) error {
	t.Helper()
	rows, err := db.DB.QueryContext(t.Context(), query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		*into = append(*into, s)
	}
	return rows.Err()
}

// A transaction that has ended must not be written past.
func TestInsertAfterTheTransactionEnded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h})
		conn, err := db.DB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tx, err := conn.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Insert(t.Context(), jobs.Tx{Tx: tx, Conn: conn}, noteArgs{Text: "late"}, jobs.Options{}); err == nil {
			t.Error("inserting after the end of the transaction succeeded")
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if drain(t, q); len(got.sorted()) != 0 {
			t.Error("the job of an ended transaction ran")
		}
	})
}

func TestKeysCoalesce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h})
		steps := []struct {
			text, key string
			added     bool
		}{
			{"a1", "a", true},
			{"a2", "a", false},
			{"b1", "b", true},
			{"free1", "", true},
			{"free2", "", true},
			{"a3", "a", false},
		}
		for _, s := range steps {
			if added := insert(t, q, db, noteArgs{Text: s.text}, jobs.Options{Key: s.key}); added != s.added {
				t.Errorf("inserting %s added = %v, want %v", s.text, added, s.added)
			}
		}
		drain(t, q)
		if want := []string{"a1", "b1", "free1", "free2"}; !slices.Equal(got.sorted(), want) {
			t.Errorf("handled %v, want %v", got.sorted(), want)
		}
		if !insert(t, q, db, noteArgs{Text: "a4"}, jobs.Options{Key: "a"}) {
			t.Error("a finished job still holds its key")
		}
	})
}

// A change that is committed while the job for the one before it runs gets a
// job of its own: the running one may have read the older state.
func TestRunningJobHoldsNoKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		var q *jobs.Queue
		var texts seen
		h := &jobs.Handlers{}
		jobs.Handle(h, func(ctx context.Context, a noteArgs) error {
			texts.add(a.Text)
			if a.Text == "first" && !insert(t, q, db, noteArgs{Text: "second"}, jobs.Options{Key: "k"}) {
				return fmt.Errorf("%w: coalesced with the running job", retinue.ErrInvalid)
			}
			return nil
		})
		q = open(t, db, jobs.Config{Handlers: h})
		insert(t, q, db, noteArgs{Text: "first"}, jobs.Options{Key: "k"})
		if s := drain(t, q); s.Failed != 0 {
			t.Fatalf("failures: %v", s.Failures)
		}
		if want := []string{"first", "second"}; !slices.Equal(texts.sorted(), want) {
			t.Errorf("handled %v, want %v", texts.sorted(), want)
		}
	})
}

func TestFailures(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		h := &jobs.Handlers{}
		jobs.Handle(h, func(_ context.Context, a noteArgs) error {
			switch a.Text {
			case "invalid":
				return fmt.Errorf("read rule: %w", retinue.ErrInvalid)
			case "panic":
				panic("boom")
			case "down":
				return fmt.Errorf("call vendor: %w", retinue.ErrUnavailable)
			}
			return nil
		})
		q := open(t, db, jobs.Config{Handlers: h})
		for _, text := range []string{"invalid", "panic", "down", "fine"} {
			insert(t, q, db, noteArgs{Text: text}, jobs.Options{Key: text})
		}
		s := drain(t, q)
		if s.Done != 1 || s.Failed < 3 {
			t.Errorf("summary = %+v, want 1 done and 3 failed", s)
		}
		if s.Waiting != 2 {
			t.Errorf("%d jobs wait to be tried again, want the two that may succeed later", s.Waiting)
		}
		var reasons []string
		for _, f := range s.Failures {
			reasons = append(reasons, f.Key)
		}
		for _, want := range []string{"invalid", "panic", "down"} {
			if !slices.Contains(reasons, want) {
				t.Errorf("no failure is told for %q: %v", want, s.Failures)
			}
		}
	})
}

func TestInsertRefuses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		q := open(t, db, jobs.Config{Handlers: &jobs.Handlers{}})
		err := transact(t, db, func(tx jobs.Tx) error {
			_, err := q.Insert(t.Context(), tx, noteArgs{}, jobs.Options{})
			return err
		})
		if !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "note") {
			t.Errorf("a kind without handler: %v", err)
		}
		if _, err := q.Insert(t.Context(), jobs.Tx{}, noteArgs{}, jobs.Options{}); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("no transaction: %v", err)
		}
		if _, err := q.Drain(t.Context()); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("working without handlers: %v", err)
		}
	})
}

func TestPutOffJobs(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h})
		insert(t, q, db, noteArgs{Text: "tomorrow"}, jobs.Options{At: time.Now().Add(24 * time.Hour)})
		insert(t, q, db, noteArgs{Text: "past"}, jobs.Options{At: time.Now().Add(-time.Minute)})
		if s := drain(t, q); s.Done != 1 || s.Waiting != 1 {
			t.Errorf("summary = %+v, want 1 done and 1 waiting", s)
		}
		if want := []string{"past"}; !slices.Equal(got.sorted(), want) {
			t.Errorf("handled %v, want %v", got.sorted(), want)
		}
	})
}

// Run takes up a job inserted while it runs, lets it finish when it is told to
// end, and gives the next run nothing to do again.
func TestRunStopsInOrder(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		started, release, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
		h := &jobs.Handlers{}
		jobs.Handle(h, func(ctx context.Context, _ noteArgs) error {
			close(started)
			<-release
			if err := ctx.Err(); err != nil {
				return err
			}
			close(finished)
			return nil
		})
		q := open(t, db, jobs.Config{Handlers: h})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		insert(t, q, db, noteArgs{}, jobs.Options{})
		<-started
		if _, err := q.Drain(t.Context()); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("working twice at once: %v", err)
		}
		cancel()
		close(release)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		select {
		case <-finished:
		default:
			t.Error("Run ended before its job did")
		}
		if s := drain(t, q); s.Done+s.Failed+s.Waiting != 0 {
			t.Errorf("the job was left over: %+v", s)
		}
	})
}
