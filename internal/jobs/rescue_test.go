package jobs_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/jobs"
)

// workerEnv makes this test binary a worker that takes a job and never ends it.
const workerEnv = "RETINUE_TEST_JOBS_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		os.Exit(hangingWorker())
	}
	os.Exit(m.Run())
}

// hangingWorker works the database that the environment names, says when it has
// a job, and waits to be killed.
func hangingWorker() int {
	h := &jobs.Handlers{}
	jobs.Handle(h, func(context.Context, noteArgs) error {
		_, _ = os.Stdout.WriteString("working\n")
		time.Sleep(time.Hour) // until killed
		return nil
	})
	db, err := openDatabase(os.Getenv(workerEnv))
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		return 1
	}
	q, err := jobs.Open(db, jobs.Config{Handlers: h, Shared: true})
	if err == nil {
		err = q.Run(context.Background())
	}
	_, _ = fmt.Fprintln(os.Stderr, "the worker ended:", err)
	return 1
}

// A worker is killed in the middle of a job; the next one runs the job again,
// at once, and a second living worker's job is left alone.
func TestKilledWorkersJobRunsAgain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h, Shared: true})
		insert(t, q, db, noteArgs{Text: "survivor"}, jobs.Options{Key: "k"})

		kill(t, startWorker(t, db))
		if left := workerFiles(t, db); db.Pool == nil && len(left) != 1 {
			t.Errorf("the dead worker left %v, want its file", left)
		}
		start := time.Now()
		if s := drain(t, q); s.Done != 1 {
			t.Errorf("summary = %+v, want the job done", s)
		}
		if want := []string{"survivor"}; !slices.Equal(got.sorted(), want) {
			t.Errorf("handled %v, want %v", got.sorted(), want)
		}
		if left := workerFiles(t, db); len(left) != 0 {
			t.Errorf("files of workers remain: %v", left)
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("taking the job back took %s", took)
		}
	})
}

// Two workers of one database: the second does not take what the first is
// doing.
func TestLivingWorkerKeepsItsJob(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		started, release := make(chan struct{}), make(chan struct{})
		var first seen
		h1 := &jobs.Handlers{}
		jobs.Handle(h1, func(_ context.Context, a noteArgs) error {
			first.add(a.Text)
			close(started)
			<-release
			return nil
		})
		q1 := open(t, db, jobs.Config{Handlers: h1, Shared: true})
		insert(t, q1, db, noteArgs{Text: "slow"}, jobs.Options{})
		ended := make(chan error, 1)
		go func() {
			_, err := q1.Drain(context.Background())
			ended <- err
		}()
		<-started

		second, h2 := collector()
		other := reopen()
		q2 := open(t, other, jobs.Config{Handlers: h2, Shared: true})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := q2.Drain(ctx); err == nil {
			t.Error("a drain ended while a job ran elsewhere")
		}
		close(release)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if len(second.sorted()) != 0 || len(first.sorted()) != 1 {
			t.Errorf("first worker ran %v, second %v; want the job once, by the first", first.sorted(), second.sorted())
		}
	})
}

// A drain waits for a job that runs elsewhere, and takes it over when that
// worker dies meanwhile.
func TestWorkerDiesWhileAnotherWaits(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h, Shared: true})
		insert(t, q, db, noteArgs{Text: "survivor"}, jobs.Options{})
		worker := startWorker(t, db)
		ended := make(chan error, 1)
		go func() {
			_, err := q.Drain(context.Background())
			ended <- err
		}()
		select {
		case err := <-ended:
			t.Fatalf("the drain did not wait for the living worker: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		kill(t, worker)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if want := []string{"survivor"}; !slices.Equal(got.sorted(), want) {
			t.Errorf("handled %v, want %v", got.sorted(), want)
		}
	})
}

// startWorker starts a process that takes a job and hangs in it.
func startWorker(t *testing.T, db jobs.Database) *exec.Cmd {
	t.Helper()
	worker := exec.CommandContext(t.Context(), os.Args[0])
	worker.Env = append(os.Environ(), workerEnv+"="+location(t, db))
	worker.Stderr = os.Stderr
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatalf("the worker took no job: %v", err)
	}
	return worker
}

func kill(t *testing.T, worker *exec.Cmd) {
	t.Helper()
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait() // killed
}

// A job that kills every worker is given up when its attempts are used up.
func TestDeadlyJobIsDiscarded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, reopen func() jobs.Database) {
		db := reopen()
		got, h := collector()
		q := open(t, db, jobs.Config{Handlers: h, MaxAttempts: 3})
		insert(t, q, db, noteArgs{Text: "deadly"}, jobs.Options{})
		ghost := "'[\"ghost\"]'"
		if db.Pool != nil {
			ghost = "array['ghost']"
		}
		if _, err := db.DB.ExecContext(t.Context(),
			"update river_job set state = 'running', attempt = 3, attempted_by = "+ghost); err != nil {
			t.Fatal(err)
		}
		if s := drain(t, q); s.Done != 0 || s.Waiting != 0 || len(got.sorted()) != 0 {
			t.Errorf("summary = %+v, want the job given up", s)
		}
		var states []string
		if err := collect(t, db, "select state from river_job", &states); err != nil {
			t.Fatal(err)
		}
		if want := []string{"discarded"}; !slices.Equal(states, want) {
			t.Errorf("states %v, want %v", states, want)
		}
	})
}

// workerFiles are the files of workers beside a SQLite database.
func workerFiles(t *testing.T, db jobs.Database) []string {
	t.Helper()
	if db.Pool != nil {
		return nil
	}
	found, err := filepath.Glob(location(t, db) + ".worker-*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// location names a database for another process.
func location(t *testing.T, db jobs.Database) string {
	t.Helper()
	if db.Pool != nil {
		return db.Pool.Config().ConnString()
	}
	var seq, name, file string
	if err := db.DB.QueryRowContext(t.Context(), "pragma database_list").Scan(&seq, &name, &file); err != nil {
		t.Fatal(err)
	}
	return file
}
