package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/retinue-id/retinue"
)

// Beside opens a SQLite file next to the process that holds it, for what may
// be done there at any time: copying it, and adding a record about that. It
// takes no lock, changes no schema and runs no hook.
func Beside(ctx context.Context, path string, now func() time.Time) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: open database: %v", retinue.ErrNotFound, err)
	}
	open := func(more string) (*sql.DB, error) {
		return sql.Open("sqlite", path+"?_pragma=busy_timeout(30000)&_pragma=foreign_keys(1)&_pragma=synchronous(1)"+more)
	}
	w, err := open("&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	r, err := open("&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), w.Close())
	}
	db := &DB{write: w, read: r, d: sqlite{}, path: path, gone: func(string) bool { return false },
		now: func() time.Time { return now().UTC().Truncate(time.Microsecond) }}
	if _, err := db.SchemaVersion(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// CopyTo writes a consistent copy of a SQLite database to a file that does not
// exist yet, while others read and write it.
func (db *DB) CopyTo(ctx context.Context, dest string) error {
	if db.d.name() != "sqlite" {
		return fmt.Errorf("%w: copy database: PostgreSQL is copied with pg_dump", retinue.ErrUnsupported)
	}
	// Outside a transaction, and not on a connection that may only query: the
	// statement counts as writing, although it locks nobody out.
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%w: copy database: %v", kindOf(err), err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "VACUUM INTO $1", dest); err != nil {
		return fmt.Errorf("%w: copy database: %v", kindOf(err), err)
	}
	if err := os.Chmod(dest, 0o600); err != nil {
		return fmt.Errorf("%w: copy database: %v", retinue.ErrDenied, err)
	}
	return nil
}

// Intact checks the structure of a SQLite file.
func (db *DB) Intact(ctx context.Context) error {
	if db.d.name() != "sqlite" {
		return nil
	}
	var answer string
	if err := db.read.QueryRowContext(ctx, "PRAGMA quick_check").Scan(&answer); err != nil {
		return fmt.Errorf("%w: check database: %v", kindOf(err), err)
	}
	if answer != "ok" {
		return fmt.Errorf("%w: check database: %s", retinue.ErrInvalid, retinue.CleanName(answer))
	}
	return nil
}

// SchemaVersion is the number of the last migration that was applied.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) {
	var v sql.NullInt64
	if err := db.read.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&v); err != nil {
		return 0, fmt.Errorf("%w: read database: it is no database of Retinue: %v", retinue.ErrInvalid, err)
	}
	return v.Int64, nil
}

// TableCounts counts the rows of the inventory's and the log's tables that
// every version of the schema has.
func (db *DB) TableCounts(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for _, t := range []string{"sources", "realms", "scopes", "runs", "revisions", "refs", "facts", "entities", "uses", "findings",
		"finding_versions", "registrations", "acceptances", "records", "record_payloads"} {
		var n int64
		if err := db.read.QueryRowContext(ctx, "SELECT count(*) FROM "+t).Scan(&n); err != nil {
			return nil, fmt.Errorf("%w: count %s: %v", kindOf(err), t, err)
		}
		out[t] = n
	}
	return out, nil
}

// LogHead returns the number of records and the hash of the last, whatever the
// version of the schema.
func (db *DB) LogHead(ctx context.Context) (seq int64, hash string, err error) {
	err = db.read.QueryRowContext(ctx, "SELECT seq, hash FROM ledger_head WHERE id = 1").Scan(&seq, &hash)
	if err != nil {
		err = fmt.Errorf("%w: read audit log: %v", kindOf(err), err)
	}
	return seq, hash, err
}

// RecordHash returns the hash of one record.
func (tx *Tx) RecordHash(seq int64) (string, error) {
	var h string
	err := tx.queryRow("SELECT hash FROM records WHERE seq = $1", seq).Scan(&h)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%w: record %d", retinue.ErrNotFound, seq)
	}
	return h, err
}

// EndSignIns ends every session and everything that signing in has begun: what
// was ended or revoked after a backup was made must not come back with it.
func (tx *Tx) EndSignIns() error {
	for _, t := range []string{"sessions", "sign_in_flows", "known_devices"} {
		if err := tx.exec("DELETE FROM " + t); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
	}
	return nil
}
