package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Tx is a transaction. It is used by one goroutine and not after its function
// returned. Reading methods work in a View and in an Update.
type Tx struct {
	ctx     context.Context
	tx      *sql.Tx
	conn    *sql.Conn
	db      *DB
	at      time.Time
	write   bool
	scope   store.RowScope
	seen    *lens // the scope in keys, once it was asked for
	records []pendingRecord
	stmts   map[string]*sql.Stmt
	realms  map[retinue.Realm]int64
	words   map[string]int64 // interned in this transaction
	// addresses are those of repositories, once they were asked for.
	addresses *repositories
	// What a reading transaction remembers of the usage history: words by table and
	// key, the hours that are not packed, and what was read ahead.
	texts    map[string]map[int64]string
	unpacked []int64
	ahead    *ahead
	following
	// Touched is true once the transaction changed something that findings
	// depend on.
	touched bool
	// conflicts are attributes on which scopes disagree, found on the way.
	conflicts []string
	// saved and finished are what the update did that somebody may have to be
	// told of.
	saved    []store.SavedFinding
	finished []store.Run
}

// View runs fn in a reading transaction: everything that it reads is of one
// moment, and of what the scope sees.
func (db *DB) View(ctx context.Context, scope store.RowScope, fn func(*Tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if db.d.name() == "sqlite" {
		opts = nil // query_only connections; a SQLite read transaction is a snapshot
	}
	tx, err := db.read.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("%w: read database: %v", kindOf(err), err)
	}
	defer func() { _ = tx.Rollback() }()
	return fn(&Tx{ctx: ctx, tx: tx, db: db, at: db.now(), scope: scope, stmts: map[string]*sql.Stmt{}})
}

// Update runs fn in a writing transaction and commits it with the records that
// fn added. When fn or the commit fails nothing has happened. It sees
// everything: who acts for a caller asks Visible in a View, or with Within.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%w: write database: %v", kindOf(err), err)
	}
	defer func() { _ = conn.Close() }()
	sqltx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%w: write database: %v", kindOf(err), err)
	}
	defer func() { _ = sqltx.Rollback() }()
	tx := &Tx{ctx: ctx, tx: sqltx, conn: conn, db: db, write: true, scope: store.Everything(), stmts: map[string]*sql.Stmt{}, realms: map[retinue.Realm]int64{},
		following: newFollowing()}
	if err := db.d.begin(ctx, sqltx); err != nil {
		return fmt.Errorf("%w: write database: %v", kindOf(err), err)
	}
	tx.at = db.now() // after the writer's turn has come, so that times do not go back
	if err := fn(tx); err != nil {
		return dbError(err)
	}
	if err := tx.settle(); err != nil {
		return dbError(err)
	}
	listed := len(tx.finished) > 0 // the hooks take what was finished
	for _, hook := range db.hooks {
		if err := hook(ctx, tx); err != nil {
			return dbError(err)
		}
	}
	if err := tx.appendRecords(); err != nil {
		return dbError(err)
	}
	if err := sqltx.Commit(); err != nil {
		return fmt.Errorf("%w: commit: %v", kindOf(err), err)
	}
	if listed {
		db.learn(ctx, conn, learnFrom)
	}
	return nil
}

// dbError gives an error of the database its kind and leaves others as they
// are.
func dbError(err error) error {
	for _, kind := range []error{retinue.ErrInvalid, retinue.ErrNotFound, retinue.ErrConflict, retinue.ErrDenied,
		retinue.ErrUnsupported, retinue.ErrUnavailable, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", kindOf(err), err)
}

// At is the time of the transaction.
func (tx *Tx) At() time.Time { return tx.at }

// SQL returns the transaction and its connection, for the job queue only.
func (tx *Tx) SQL() (*sql.Tx, *sql.Conn) { return tx.tx, tx.conn }

// Touched reports whether the transaction changed something that findings
// depend on, so that they must be judged again.
func (tx *Tx) Touched() bool { return tx.touched }

func (tx *Tx) exec(q string, args ...any) error {
	_, err := tx.execResult(q, args...)
	return err
}

func (tx *Tx) execResult(q string, args ...any) (sql.Result, error) {
	if tx.db.pool != nil {
		return tx.tx.ExecContext(tx.ctx, q, args...)
	}
	st, err := tx.prepare(q) //nolint:sqlclosecheck // it is kept for the transaction, whose end closes it
	if err != nil {
		return nil, err
	}
	return st.ExecContext(tx.ctx, args...)
}

// prepare keeps the statements of a transaction. On PostgreSQL the connection
// does that by itself, beyond the transaction: preparing there would cost three
// more trips to the server for each statement.
func (tx *Tx) prepare(q string) (*sql.Stmt, error) {
	if st := tx.stmts[q]; st != nil {
		return st, nil
	}
	st, err := tx.tx.PrepareContext(tx.ctx, q)
	if err != nil {
		return nil, err
	}
	if tx.stmts != nil {
		tx.stmts[q] = st
	}
	return st, nil
}

func (tx *Tx) queryRow(q string, args ...any) *sql.Row {
	if tx.db.pool != nil {
		return tx.tx.QueryRowContext(tx.ctx, q, args...)
	}
	st, err := tx.prepare(q) //nolint:sqlclosecheck // it is kept for the transaction, whose end closes it
	if err != nil {
		return tx.tx.QueryRowContext(tx.ctx, q, args...) // which reports what is wrong
	}
	return st.QueryRowContext(tx.ctx, args...)
}

// query runs q and calls scan for each row.
func (tx *Tx) query(scan func(*sql.Rows) error, q string, args ...any) error {
	rows, err := tx.rows(q, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (tx *Tx) rows(q string, args ...any) (*sql.Rows, error) {
	if tx.db.pool != nil {
		return tx.tx.QueryContext(tx.ctx, q, args...)
	}
	st, err := tx.prepare(q) //nolint:sqlclosecheck // it is kept for the transaction, whose end closes it
	if err != nil {
		return nil, err
	}
	return st.QueryContext(tx.ctx, args...)
}

// keys hands out internal keys of a table from reserved blocks.
type keys struct {
	tx         *Tx
	table      string
	next, last int64
	size       int64
}

func (k *keys) take() (int64, error) {
	if k.next >= k.last {
		k.size = min(max(k.size*4, 4), 4096)
		first, err := k.tx.db.d.block(k.tx.ctx, k.tx.tx, k.table, k.size)
		if err != nil {
			return 0, err
		}
		k.next, k.last = first, first+k.size
	}
	k.next++
	return k.next - 1, nil
}

// micros turns a time into the store's form; the zero time is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicros(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64).UTC()
}

// observed is the observed-time domain of the store: microseconds.
func observed(us int64) time.Time { return time.UnixMicro(us).UTC() }
