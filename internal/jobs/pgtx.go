package jobs

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/retinue-id/retinue"
)

// withinPgx lends the pgx connection under a database/sql transaction as a
// pgx.Tx, so that River writes in that very transaction. database/sql offers no
// way from a *sql.Tx to its connection, which is why Tx carries both.
func withinPgx(tx Tx, fn func(pgx.Tx) error) error {
	if tx.Conn == nil {
		return fmt.Errorf("%w: no connection beside the transaction", retinue.ErrInvalid)
	}
	return tx.Conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("%w: the connection is of %T and not of pgx", retinue.ErrInvalid, driverConn)
		}
		// A transaction whose context ended is rolled back behind our back, and
		// a statement would then commit on its own.
		switch status := c.Conn().PgConn().TxStatus(); status {
		case 'T':
			return fn(&borrowedTx{conn: c.Conn()})
		case 'E':
			return fmt.Errorf("%w: the transaction has failed", retinue.ErrConflict)
		default:
			return fmt.Errorf("%w: the transaction has ended", retinue.ErrConflict)
		}
	})
}

// borrowedTx is a pgx.Tx over a connection whose transaction somebody else
// began and will end. Begin nests by savepoints, as pgx itself does; Commit and
// Rollback end a savepoint and refuse the transaction itself.
type borrowedTx struct {
	conn  *pgx.Conn
	depth int
	done  bool
}

func (t *borrowedTx) savepoint() string { return "retinue_jobs_" + strconv.Itoa(t.depth) }

// Begin opens a savepoint.
func (t *borrowedTx) Begin(ctx context.Context) (pgx.Tx, error) {
	if t.done {
		return nil, pgx.ErrTxClosed
	}
	inner := &borrowedTx{conn: t.conn, depth: t.depth + 1}
	if _, err := t.conn.Exec(ctx, "savepoint "+inner.savepoint()); err != nil {
		return nil, err
	}
	return inner, nil
}

// Commit releases the savepoint.
func (t *borrowedTx) Commit(ctx context.Context) error {
	return t.end(ctx, "release savepoint ")
}

// Rollback goes back to the savepoint.
func (t *borrowedTx) Rollback(ctx context.Context) error {
	return t.end(ctx, "rollback to savepoint ")
}

func (t *borrowedTx) end(ctx context.Context, statement string) error {
	if t.done {
		return pgx.ErrTxClosed
	}
	if t.depth == 0 {
		return fmt.Errorf("end transaction: %w: it belongs to the caller", retinue.ErrUnsupported)
	}
	t.done = true
	_, err := t.conn.Exec(ctx, statement+t.savepoint())
	return err
}

// CopyFrom copies rows in the transaction.
func (t *borrowedTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	return t.conn.CopyFrom(ctx, table, columns, src)
}

// SendBatch runs a batch in the transaction.
func (t *borrowedTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.conn.SendBatch(ctx, b)
}

// LargeObjects is part of pgx.Tx. It cannot be had from a connection, and
// nothing here stores large objects.
func (t *borrowedTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

// Prepare prepares a statement on the connection.
func (t *borrowedTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return t.conn.Prepare(ctx, name, sql)
}

// Exec runs a statement in the transaction.
func (t *borrowedTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return t.conn.Exec(ctx, sql, args...)
}

// Query runs a query in the transaction.
func (t *borrowedTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, sql, args...)
}

// QueryRow runs a query of one row in the transaction.
func (t *borrowedTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, sql, args...)
}

// Conn is the connection under the transaction.
func (t *borrowedTx) Conn() *pgx.Conn { return t.conn }
