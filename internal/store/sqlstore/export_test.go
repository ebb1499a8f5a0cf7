package sqlstore

import (
	"context"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/retinue-id/retinue/internal/store"
)

// Refill computes from nothing what is kept while it changes.
func (tx *Tx) Refill() error { return tx.fill() }

// DownTo takes the schema back to an earlier version.
func (db *DB) DownTo(ctx context.Context, version int64) error {
	dir, err := fs.Sub(migrationFiles, db.d.migrations())
	if err != nil {
		return err
	}
	dialect := goose.DialectSQLite3
	if db.d.name() == "postgres" {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, db.write, dir)
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, version)
	return err
}

// TagMark is the key of a label's mark.
func TagMark(tag string) int64 { return markOf(markTag, tag) }

// Learn has SQLite look at how columns are filled, from so many things on.
func (db *DB) Learn(ctx context.Context, from int64) error {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	db.learn(ctx, conn, from)
	return conn.Close()
}

// AllUsage reads every behaviour with its counts.
func (tx *Tx) AllUsage() ([]store.Used, error) { return tx.usedFrom("usage_behaviours b") }

// DueStatement selects whose verdict is due.
func DueStatement(newer int64) string { return dueStatement(newer, 100) }

// NewsStatement selects whose use tells something new.
func NewsStatement() string { return newsStatement("", 100) }

// TakeUsageDue takes what is due as a round does.
func TakeUsageDue(tx *Tx, after, newer int64, limit int) ([]store.UsageSubject, error) {
	keys, _, err := tx.UsageDue(after, newer, limit)
	if err != nil {
		return nil, err
	}
	return tx.TakeUsage(keys)
}

// FactTables is how many tables are joined when facts are read by an edge and
// by the refs of an entity: edges, facts, refs and those of factJoins.
func FactTables() int { return 3 + strings.Count(factJoins, "JOIN ") }
