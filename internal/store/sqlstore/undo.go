package sqlstore

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// SaveUndo keeps what a bulk action replaced, and drops what can be taken back
// no more.
func (tx *Tx) SaveUndo(u store.Undo) error {
	if err := tx.exec("DELETE FROM undos WHERE expires_at < $1", tx.at.UnixMicro()); err != nil {
		return fmt.Errorf("keep undo: %w", err)
	}
	err := tx.exec("INSERT INTO undos (token, caller, kind, made_at, expires_at, body) VALUES ($1, $2, $3, $4, $5, $6)",
		undoHash(u.Token), u.Caller, u.Kind, tx.at.UnixMicro(), u.Expires.UnixMicro(), string(u.Body))
	if err != nil {
		return fmt.Errorf("keep undo: %w", err)
	}
	return nil
}

// TakeUndo returns what a bulk action of the caller replaced, once. ErrNotFound
// says that there is nothing of theirs under that token, or that its time is
// over or it was taken back already.
func (tx *Tx) TakeUndo(token, caller string) (store.Undo, error) {
	u := store.Undo{Token: token, Caller: caller}
	var expires int64
	var body string
	err := tx.queryRow("SELECT kind, expires_at, body FROM undos WHERE token = $1 AND caller = $2 AND used_at IS NULL AND expires_at > $3",
		undoHash(token), caller, tx.at.UnixMicro()).Scan(&u.Kind, &expires, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return u, fmt.Errorf("%w: undo: there is nothing to take back any more", retinue.ErrNotFound)
	}
	if err != nil {
		return u, fmt.Errorf("undo: %w", err)
	}
	u.Expires, u.Body = observed(expires), json.RawMessage(body)
	return u, tx.exec("UPDATE undos SET used_at = $1, body = '' WHERE token = $2", tx.at.UnixMicro(), undoHash(token))
}

func undoHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
