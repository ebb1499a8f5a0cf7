package sqlstore

import (
	"context"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// StartRun begins a run of a source, known by its name or, where it was
// renamed, by kind and target.
func (db *DB) StartRun(ctx context.Context, kind, name, target string, actor retinue.Actor) (run store.Run, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		src, err := tx.EnsureSource(kind, name, target)
		if err != nil {
			return err
		}
		run, err = tx.StartRun(src, actor)
		return err
	})
	return run, err
}

// FinishRun writes how a run ended.
func (db *DB) FinishRun(ctx context.Context, run store.Run) error {
	return db.Update(ctx, func(tx *Tx) error { return tx.FinishRun(run) })
}

// ApplyScope writes a scope's outcome in one transaction.
func (db *DB) ApplyScope(ctx context.Context, u store.ScopeUpdate) (out store.ScopeRun, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		out, err = tx.ApplyScope(u)
		return err
	})
	return out, err
}

// SwapMissing remembers what a realm's access lacks, and the realm's name, and
// returns what it lacked before.
func (db *DB) SwapMissing(ctx context.Context, realm retinue.Realm, name string, missing []string) (before []string, known bool, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		if before, known, err = tx.MissingBefore(realm); err != nil {
			return err
		}
		if err := tx.SetRealmName(realm, name); err != nil {
			return err
		}
		return tx.SetMissing(realm, missing)
	})
	return before, known, err
}
