// Package sqlstore keeps the inventory, its history, the findings and the
// audit log in SQLite (one file) or PostgreSQL. The two behave the same: the
// SQL is one text with $N parameters, what differs is in [dialect], keys
// collate bytewise, and one test suite runs on both.
//
// A state change, the job that it triggers and the record that proves it are
// one transaction ([DB.Update]). Writers take turns: SQLite has one writer by
// nature, PostgreSQL takes an advisory lock, so that revisions become visible
// in the order of their numbers.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the SQLite driver

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// DB is an open store. It is safe for concurrent use.
type DB struct {
	write *sql.DB
	read  *sql.DB
	pool  *pgxpool.Pool // PostgreSQL only
	d     dialect
	now   func() time.Time
	lock  *fileLock
	path  string
	hooks []func(context.Context, *Tx) error
	gone  func(holder string) bool
	cells cellCache
	usage *usageCache
	// keeping says how events are kept beside their counts.
	keeping store.EventKeeping
	// learned is how many things there were when SQLite last looked at them.
	// Who holds the writing connection may use it.
	learned int64
}

// Options are how a store is opened.
type Options struct {
	// Now is the clock; time.Now where nil.
	Now func() time.Time
	// ReadOnly opens without migrating and without the right to write.
	ReadOnly bool
	// HolderGone reports that the process which holds a lease is known to have
	// died, so that its lease need not run out. Nil means never.
	HolderGone func(holder string) bool
}

// Open opens a store and brings its schema up to date. The address is a file
// or a PostgreSQL URL (postgres://…). A file is made with mode 0600, its
// folder with 0700. ErrConflict says that another process holds the file for
// itself, ErrUnavailable that the server cannot be reached.
func Open(ctx context.Context, addr string, opt Options) (*DB, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	var db *DB
	var err error
	if strings.HasPrefix(addr, "postgres://") || strings.HasPrefix(addr, "postgresql://") {
		db, err = openPostgres(ctx, addr)
	} else if scheme, _, ok := strings.Cut(addr, "://"); ok {
		return nil, fmt.Errorf("%w: open database: scheme %q: want a file, or postgres://…", retinue.ErrInvalid, scheme)
	} else {
		db, err = openSQLite(ctx, addr, opt)
	}
	if err != nil {
		return nil, err
	}
	if db.gone = opt.HolderGone; db.gone == nil {
		db.gone = func(string) bool { return false }
	}
	db.usage = newUsageCache(db.pool != nil)
	db.now = func() time.Time { return opt.Now().UTC().Truncate(time.Microsecond) }
	if !opt.ReadOnly {
		if err := db.migrate(ctx); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	return db, nil
}

func openPostgres(ctx context.Context, url string) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: open database: %v", retinue.ErrInvalid, redactURL(err.Error(), url))
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = max(cfg.MaxConns, poolConns)
	}
	cfg.AfterConnect = joinAll
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: open database: %v", retinue.ErrInvalid, redactURL(err.Error(), url))
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("%w: open database: %v", retinue.ErrUnavailable, redactURL(err.Error(), url))
	}
	w := stdlib.OpenDBFromPool(pool)
	return &DB{write: w, read: w, pool: pool, d: postgres{}, path: "PostgreSQL"}, nil
}

// joinAll has PostgreSQL weigh the order of all joins of a query. It takes the
// ninth and what follows as they are written otherwise, and what a fact is read
// with makes nine: it then read every fact to find those of one identity. From
// twelve on it would guess at an order.
func joinAll(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET join_collapse_limit = 11; SET from_collapse_limit = 11")
	return err
}

// poolConns is how many connections one process opens at most, unless the URL
// says so by pool_max_conns: one for each of eight jobs at once and for what
// each writes beside reading, two that the queue keeps, and some for requests,
// which must not wait behind jobs.
const poolConns = 24

// redactURL keeps a password in the URL out of an error.
func redactURL(text, url string) string { return strings.ReplaceAll(text, url, "[database URL]") }

func openSQLite(ctx context.Context, path string, opt Options) (*DB, error) {
	if strings.Contains(path, "?") {
		return nil, fmt.Errorf("%w: open database %q: a file name must not contain a question mark", retinue.ErrInvalid, path)
	}
	if opt.ReadOnly {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%w: open database: %v", retinue.ErrNotFound, err)
		}
	} else if err := createPrivate(path); err != nil {
		return nil, err
	}
	lock, err := lockShared(path)
	if err != nil {
		return nil, err
	}
	const pragmas = "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=synchronous(1)&_pragma=temp_store(2)"
	w, err := sql.Open("sqlite", path+pragmas+fmt.Sprintf("&_pragma=cache_size(-%d)&_txlock=immediate", writerCache))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	if err := setWAL(ctx, w); err != nil {
		_ = w.Close()
		_ = lock.release()
		return nil, fmt.Errorf("%w: open database %s: %v", kindOf(err), path, err)
	}
	r, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)&_pragma=query_only(1)&_pragma=temp_store(2)"+fmt.Sprintf("&_pragma=cache_size(-%d)", readerCache))
	if err != nil {
		_ = w.Close()
		_ = lock.release()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	r.SetMaxOpenConns(4)
	r.SetConnMaxLifetime(readerLife)
	return &DB{write: w, read: r, d: sqlite{}, lock: lock, path: path}, nil
}

// What a connection keeps of the file, in KiB by SQLite's count. A page of 4 KiB
// with what is kept beside it takes 8 KiB of memory: the allocator behind the
// driver gives powers of two.
const (
	writerCache = 24 << 10
	readerCache = 16 << 10
)

// readerLife is how long a reading connection is kept: it knows the statistics
// that were there when it began.
const readerLife = 15 * time.Minute

// setWAL is done once and with retries before the pools are used: two
// processes that open a fresh file at the same moment race for it.
func setWAL(ctx context.Context, w *sql.DB) error {
	var err error
	for range 20 {
		var mode string
		if err = w.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return err
}

func createPrivate(path string) error {
	if dir := filepath.Dir(path); dir != "." {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("%w: create database folder: %v", retinue.ErrDenied, err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("%w: create database: %v", retinue.ErrDenied, err)
	}
	return f.Close()
}

// Close closes the store.
func (db *DB) Close() error {
	err := db.write.Close()
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
	if db.pool != nil {
		db.pool.Close()
	}
	return errors.Join(err, db.lock.release())
}

// Path returns the file, or the word PostgreSQL: a URL may hold a password.
func (db *DB) Path() string { return db.path }

// Now returns the store's clock, UTC, in microseconds.
func (db *DB) Now() time.Time { return db.now() }

// Dialect returns "sqlite" or "postgres".
func (db *DB) Dialect() string { return db.d.name() }

// Handle returns the writing handle, for the job queue, which keeps its own
// tables in the same database.
func (db *DB) Handle() *sql.DB { return db.write }

// Pool returns the pool behind the handle on PostgreSQL, nil on SQLite.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// OnUpdate registers work that is done in every update's transaction just
// before the audit log is extended: the queue adds the next stage's job there.
// It must be called before the store is used concurrently.
func (db *DB) OnUpdate(hook func(context.Context, *Tx) error) { db.hooks = append(db.hooks, hook) }
