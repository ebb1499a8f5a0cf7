package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// answersFor is how long answers to actions are kept, claimedFor how long an
// action without an answer holds its key: whoever carried it out has died
// then.
const (
	answersFor = 24 * time.Hour
	claimedFor = 10 * time.Minute
)

// ClaimAnswer takes the key of an action, or returns the answer that is stored
// under it. ErrConflict says that the key was used for another request, or
// that the first is still being carried out.
func (tx *Tx) ClaimAnswer(k store.AnswerKey) ([]byte, error) {
	now := tx.at.UnixMicro()
	if err := tx.exec("DELETE FROM action_answers WHERE at < $1 OR (answer IS NULL AND at < $2)",
		tx.at.Add(-answersFor).UnixMicro(), tx.at.Add(-claimedFor).UnixMicro()); err != nil {
		return nil, fmt.Errorf("claim action: %w", err)
	}
	var request string
	var answer []byte
	err := tx.queryRow("SELECT request, answer FROM action_answers WHERE caller = $1 AND operation = $2 AND key = $3",
		k.Caller, k.Operation, k.Key).Scan(&request, &answer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = tx.exec("INSERT INTO action_answers (caller, operation, key, request, at) VALUES ($1, $2, $3, $4, $5)",
			k.Caller, k.Operation, k.Key, k.Request, now)
		if err != nil {
			err = fmt.Errorf("claim action: %w", err)
		}
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("claim action: %w", err)
	case request != k.Request:
		return nil, fmt.Errorf("%w: the idempotency key was used for another request", retinue.ErrConflict)
	case answer == nil:
		return nil, fmt.Errorf("%w: the first request under this idempotency key is still being carried out", retinue.ErrConflict)
	}
	return answer, nil
}

// KeepAnswer stores the answer to an action whose key was claimed.
func (tx *Tx) KeepAnswer(k store.AnswerKey, answer []byte) error {
	if err := tx.exec("UPDATE action_answers SET answer = $1 WHERE caller = $2 AND operation = $3 AND key = $4 AND request = $5",
		answer, k.Caller, k.Operation, k.Key, k.Request); err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// DropAnswer gives back the key of an action that failed.
func (tx *Tx) DropAnswer(k store.AnswerKey) error {
	if err := tx.exec("DELETE FROM action_answers WHERE caller = $1 AND operation = $2 AND key = $3 AND request = $4 AND answer IS NULL",
		k.Caller, k.Operation, k.Key, k.Request); err != nil {
		return fmt.Errorf("drop answer: %w", err)
	}
	return nil
}
