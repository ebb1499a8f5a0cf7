package sqlstore

import (
	"context"
	"database/sql"
)

const (
	// learnFrom is from how many things on SQLite keeps statistics. Plans for few
	// things would be bad ones for the many that the next scan may bring.
	learnFrom = 20_000
	// learnFromPostgres is from how many on PostgreSQL is told to look.
	learnFromPostgres = 500
)

// learn has the database look at how columns are filled, where there is four times
// of what it last looked at: by that it chooses between indexes. It takes seconds
// for millions of things, and nothing but speed depends on it.
func (db *DB) learn(ctx context.Context, conn *sql.Conn, from int64) {
	if db.d.name() == "sqlite" {
		db.learnLists(ctx, conn, from)
		return
	}
	db.learnThings(ctx, conn)
}

// learnLists has SQLite look at the columns of lists.
func (db *DB) learnLists(ctx context.Context, conn *sql.Conn, from int64) {
	var last sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT max(id) FROM entities").Scan(&last); err != nil || last.Int64 < from {
		return
	}
	known := db.learned // by this process; the table is not there before the first time
	var stat int64
	if err := conn.QueryRowContext(ctx, `SELECT CAST(stat AS BIGINT) FROM sqlite_stat1 WHERE tbl = 'entities' AND idx LIKE 'sqlite_autoindex%'`).Scan(&stat); err == nil {
		known = max(known, stat)
	}
	if last.Int64 < 4*known {
		return
	}
	db.learned = last.Int64
	analyze(ctx, conn, "entities", "entity_versions", "findings")
}

// learnThings has PostgreSQL look at what a first scan brought. It does so by
// itself within a minute; those who look at all things right after the scan would
// until then have every fact read for each few of them.
func (db *DB) learnThings(ctx context.Context, conn *sql.Conn) {
	var last sql.NullInt64
	var known float64 // rows by PostgreSQL's own count, -1 before it has one
	err := conn.QueryRowContext(ctx, "SELECT (SELECT max(id) FROM entities), (SELECT reltuples FROM pg_class WHERE oid = to_regclass('entities'))").Scan(&last, &known)
	if err == nil && last.Int64 >= learnFromPostgres && float64(last.Int64) >= 4*known {
		analyze(ctx, conn, "entities", "refs", "facts", "edges", "credential_keys", "scopes", "realms")
	}
}

func analyze(ctx context.Context, conn *sql.Conn, tables ...string) {
	for _, table := range tables {
		if _, err := conn.ExecContext(ctx, "ANALYZE "+table); err != nil {
			return
		}
	}
}
