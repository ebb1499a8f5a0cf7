package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	msqlite "modernc.org/sqlite"

	"github.com/retinue-id/retinue"
)

// dialect is what differs between the databases.
type dialect interface {
	name() string
	// begin prepares a writing transaction: writers take turns.
	begin(ctx context.Context, tx *sql.Tx) error
	// block reserves n keys of a table and returns the first.
	block(ctx context.Context, tx *sql.Tx, table string, n int64) (int64, error)
	// values returns the text of n rows of m parameters, and each the
	// expression that yields the elements of a list parameter as column v.
	values(n, m int) string
	each(param string) string
	eachBytes(param string) string
	// eachInt is each for whole numbers given by ints.
	eachInt(param string) string
	ints(v []int64) any
	// lesser and greater are the functions of two values.
	lesser() string
	greater() string
	// rows is how many rows a statement inserts at best.
	rows() int
	list(v []string) any
	bytesList(v [][]byte) any
	// unseen is a parameter of a type that has no part in planning.
	unseen(kind string) string
	// lower is the expression for matching without regard to case.
	migrations() string
}

type sqlite struct{}

func (sqlite) name() string                         { return "sqlite" }
func (sqlite) begin(context.Context, *sql.Tx) error { return nil } // _txlock=immediate
func (sqlite) migrations() string                   { return "migrations/sqlite" }

// values writes "?" parameters: modernc matches many $N in quadratic time.
func (sqlite) values(n, m int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", m), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(row+",", n), ",")
}

func (sqlite) each(param string) string { return "(SELECT value AS v FROM json_each(" + param + "))" }

func (sqlite) eachBytes(param string) string {
	return "(SELECT unhex(value) AS v FROM json_each(" + param + "))"
}

func (sqlite) eachInt(param string) string {
	return "(SELECT value AS v FROM json_each(" + param + "))"
}

func (sqlite) ints(v []int64) any {
	b, _ := json.Marshal(v) // numbers: it cannot fail
	return string(b)
}

func (sqlite) lesser() string  { return "min" }
func (sqlite) greater() string { return "max" }
func (sqlite) rows() int       { return 64 }

func (sqlite) unseen(string) string { return "?" }

func (sqlite) list(v []string) any { return jsonList(v) }

func (sqlite) bytesList(v [][]byte) any {
	hex := make([]string, len(v))
	for i, b := range v {
		hex[i] = fmt.Sprintf("%X", b)
	}
	return jsonList(hex)
}

func (sqlite) block(ctx context.Context, tx *sql.Tx, table string, n int64) (int64, error) {
	return takeBlock(ctx, tx, table, n)
}

// takeBlock advances a counter. Writers take turns, so the row is never
// contended.
func takeBlock(ctx context.Context, tx *sql.Tx, table string, n int64) (int64, error) {
	var next int64
	err := tx.QueryRowContext(ctx, `INSERT INTO counters (name, next) VALUES ($1, $2 + 1)
		ON CONFLICT (name) DO UPDATE SET next = counters.next + $2 RETURNING next`, table, n).Scan(&next)
	if err != nil {
		return 0, fmt.Errorf("reserve keys of %s: %w", table, err)
	}
	return next - n, nil
}

type postgres struct{}

func (postgres) name() string       { return "postgres" }
func (postgres) migrations() string { return "migrations/postgres" }

// writeLock is the advisory lock that writers take, an arbitrary number.
const writeLock = 0x5245_5449_4e55 // "RETINU"

func (postgres) begin(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(writeLock))
	return err
}

func (postgres) values(n, m int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for j := range m {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "$%d", i*m+j+1)
		}
		b.WriteByte(')')
	}
	return b.String()
}

func (postgres) each(param string) string {
	return "(SELECT unnest(" + param + "::text[]) COLLATE \"C\" AS v)"
}

// unseen hides the parameter in a subquery of its own. PostgreSQL plans a
// statement anew for each value unless that is as good as a plan for any, by
// its estimates; where a page begins should not tip them, since planning takes
// longer than the page. (A plan is kept after five executions on a connection:
// plan_cache_mode in PostgreSQL's documentation.)
func (postgres) unseen(kind string) string { return "(SELECT CAST(? AS " + kind + "))" }

func (postgres) eachBytes(param string) string { return "(SELECT unnest(" + param + "::bytea[]) AS v)" }
func (postgres) eachInt(param string) string {
	return "(SELECT unnest(" + param + "::bigint[]) AS v)"
}
func (postgres) ints(v []int64) any       { return v }
func (postgres) lesser() string           { return "least" }
func (postgres) greater() string          { return "greatest" }
func (postgres) rows() int                { return 1000 }
func (postgres) list(v []string) any      { return v }
func (postgres) bytesList(v [][]byte) any { return v }

func (postgres) block(ctx context.Context, tx *sql.Tx, table string, n int64) (int64, error) {
	return takeBlock(ctx, tx, table, n)
}

func jsonList(v []string) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// kindOf sorts a database error into the error kinds.
func kindOf(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case strings.HasPrefix(pg.Code, "23"), pg.Code == "40001", pg.Code == "40P01":
			return retinue.ErrConflict
		case strings.HasPrefix(pg.Code, "22"): // a value that it cannot hold
			return retinue.ErrInvalid
		case strings.HasPrefix(pg.Code, "28"), pg.Code == "42501":
			return retinue.ErrDenied
		}
		return retinue.ErrUnavailable
	}
	var lite *msqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
			return retinue.ErrUnavailable
		case 13: // SQLITE_FULL
			return retinue.ErrUnavailable
		case 19: // SQLITE_CONSTRAINT
			return retinue.ErrConflict
		case 8, 14: // SQLITE_READONLY, SQLITE_CANTOPEN
			return retinue.ErrDenied
		case 26: // SQLITE_NOTADB
			return retinue.ErrInvalid
		}
	}
	return retinue.ErrUnavailable
}
