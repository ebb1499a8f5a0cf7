package jobs_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
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
	run := func(name string, locate func(t *testing.T) string) {
		t.Run(name, func(t *testing.T) {
			where := locate(t)
			reopen := func() jobs.Database {
				db, err := openDatabase(where)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					_ = db.DB.Close()
					if db.Pool != nil {
						db.Pool.Close()
					}
				})
				return db
			}
			if err := jobs.Migrate(t.Context(), reopen()); err != nil {
				t.Fatal(err)
			}
			test(t, reopen)
		})
	}
	run("sqlite", func(t *testing.T) string { return filepath.Join(t.TempDir(), "jobs.db") })
	run("postgres", func(t *testing.T) string { return testkit.Postgres(t).Database(t) })
}

// openDatabase opens a PostgreSQL URL or a SQLite file.
func openDatabase(where string) (jobs.Database, error) {
	if !strings.HasPrefix(where, "postgres://") {
		db, err := sql.Open("sqlite", "file:"+where+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate")
		if err == nil {
			db.SetMaxOpenConns(1)
		}
		return jobs.Database{DB: db}, err
	}
	pool, err := pgxpool.New(context.Background(), where)
	if err != nil {
		return jobs.Database{}, err
	}
	return jobs.Database{DB: stdlib.OpenDBFromPool(pool), Pool: pool}, nil
}

// benchDatabase is an empty, migrated database for a benchmark.
func benchDatabase(b *testing.B, kind string) jobs.Database {
	b.Helper()
	where := filepath.Join(b.TempDir(), "jobs.db")
	if kind == "postgres" {
		where = testkit.Postgres(b).Database(b)
	}
	db, err := openDatabase(where)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = db.DB.Close()
		if db.Pool != nil {
			db.Pool.Close()
		}
	})
	if err := jobs.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	return db
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
