package jobs

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/retinue-id/retinue"
)

// engine is a River client without its type parameter.
type engine interface {
	// insertTx inserts in the caller's transaction and says whether a row was
	// added, or an equal job already waited.
	insertTx(ctx context.Context, tx Tx, args river.JobArgs, opts *river.InsertOpts) (bool, error)
	start(ctx context.Context) error
	stop(ctx context.Context) error
	// executor gives River's own statements, where one exists for our need.
	executor() riverdriver.Executor
}

// client is the engine over one driver. within lends the driver's own kind of
// transaction for the time of a call.
type client[T any] struct {
	river  *river.Client[T]
	within func(tx Tx, fn func(T) error) error
}

func newSQLiteEngine(db *sql.DB, cfg *river.Config) (engine, error) {
	c, err := river.NewClient(riversqlite.New(db), cfg)
	if err != nil {
		return nil, err
	}
	return &client[*sql.Tx]{river: c, within: func(tx Tx, fn func(*sql.Tx) error) error {
		if tx.Tx == nil {
			return fmt.Errorf("%w: no transaction", retinue.ErrInvalid)
		}
		return fn(tx.Tx)
	}}, nil
}

func newPostgresEngine(pool *pgxpool.Pool, cfg *river.Config) (engine, error) {
	c, err := river.NewClient(riverpgxv5.New(pool), cfg)
	if err != nil {
		return nil, err
	}
	return &client[pgx.Tx]{river: c, within: withinPgx}, nil
}

func (c *client[T]) insertTx(ctx context.Context, tx Tx, args river.JobArgs, opts *river.InsertOpts) (bool, error) {
	added := false
	err := c.within(tx, func(native T) error {
		res, err := c.river.InsertTx(ctx, native, args, opts)
		if err != nil {
			return err
		}
		added = !res.UniqueSkippedAsDuplicate
		return nil
	})
	return added, err
}

func (c *client[T]) start(ctx context.Context) error { return c.river.Start(ctx) }
func (c *client[T]) stop(ctx context.Context) error  { return c.river.Stop(ctx) }
func (c *client[T]) executor() riverdriver.Executor  { return c.river.Driver().GetExecutor() }

func migrateSQLite(ctx context.Context, db *sql.DB) error {
	m, err := rivermigrate.New(riversqlite.New(db), nil)
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

func migratePostgres(ctx context.Context, pool *pgxpool.Pool) error {
	m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
