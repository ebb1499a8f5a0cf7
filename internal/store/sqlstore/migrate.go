package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrationFiles embed.FS

func (db *DB) migrate(ctx context.Context) error {
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
		return fmt.Errorf("migrate database: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return db.fill(ctx)
}
