package app

import (
	"context"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Claim implements api.Answers.
func (a *App) Claim(ctx context.Context, k store.AnswerKey) (answer []byte, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		answer, err = tx.ClaimAnswer(k)
		return err
	})
	return answer, err
}

// Keep implements api.Answers.
func (a *App) Keep(ctx context.Context, k store.AnswerKey, answer []byte) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.KeepAnswer(k, answer) })
}

// Drop implements api.Answers.
func (a *App) Drop(ctx context.Context, k store.AnswerKey) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.DropAnswer(k) })
}
