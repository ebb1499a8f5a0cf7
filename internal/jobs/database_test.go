package jobs_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/testkit"
)

// eachDatabase runs a test on an empty, migrated database of each dialect. The
// function it passes opens the same database once more, as another process
// would.
func eachDatabase(t *testing.T, test func(t *testing.T, reopen func() jobs.Database)) {
	t.Helper()
	run := func(name string, open func(t *testing.T) func() jobs.Database) {
		t.Run(name, func(t *testing.T) {
			reopen := open(t)
			if err := jobs.Migrate(t.Context(), reopen()); err != nil {
				t.Fatal(err)
			}
			test(t, reopen)
		})
	}
	run("sqlite", func(t *testing.T) func() jobs.Database {
		path := filepath.Join(t.TempDir(), "jobs.db")
		return func() jobs.Database { return openSQLite(t, path) }
	})
	run("postgres", func(t *testing.T) func() jobs.Database {
		url := testkit.Postgres(t).Database(t)
		return func() jobs.Database { return openPostgres(t, url) }
	})
}

func openSQLite(t *testing.T, path string) jobs.Database {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return jobs.Database{DB: db}
}

func openPostgres(t *testing.T, url string) jobs.Database {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = db.Close(); pool.Close() })
	return jobs.Database{DB: db, Pool: pool}
}

// transact runs fn in a transaction as the store would, and rolls back when it
// fails.
func transact(t *testing.T, db jobs.Database, fn func(jobs.Tx) error) error {
	t.Helper()
	conn, err := db.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := fn(jobs.Tx{Tx: tx, Conn: conn}); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

func open(t *testing.T, db jobs.Database, cfg jobs.Config) *jobs.Queue {
	t.Helper()
	q, err := jobs.Open(db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// insert adds one job in a transaction of its own.
func insert(t *testing.T, q *jobs.Queue, db jobs.Database, args jobs.Args, opts jobs.Options) bool {
	t.Helper()
	var added bool
	err := transact(t, db, func(tx jobs.Tx) (err error) {
		added, err = q.Insert(t.Context(), tx, args, opts)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func drain(t *testing.T, q *jobs.Queue) jobs.Summary {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := q.Drain(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noteArgs are a job that carries a text.
type noteArgs struct {
	Text string `json:"text"`
}

func (noteArgs) Kind() string { return "note" }
