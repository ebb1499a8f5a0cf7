package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const tokenColumns = `t.id, t.public_id, t.kind, t.name, coalesce(t.account_id, 0), coalesce(a.public_id, ''), t.hint, t.permissions, t.scope, t.realms,
	t.created_at, t.created_by, t.expires_at, t.last_used, t.revoked_at FROM api_tokens t LEFT JOIN accounts a ON a.id = t.account_id`

func scanToken(row scanner) (store.Token, error) {
	var t store.Token
	var permissions, scope, realms string
	var created, expires int64
	var used, revoked sql.NullInt64
	if err := row.Scan(&t.Key, &t.ID, &t.Kind, &t.Name, &t.AccountKey, &t.Account, &t.Hint, &permissions, &scope, &realms,
		&created, &t.CreatedBy, &expires, &used, &revoked); err != nil {
		return t, err
	}
	t.CreatedAt, t.ExpiresAt, t.LastUsed, t.RevokedAt = observed(created), observed(expires), fromMicros(used), fromMicros(revoked)
	return t, errors.Join(json.Unmarshal([]byte(permissions), &t.Permissions), json.Unmarshal([]byte(scope), &t.Scope),
		json.Unmarshal([]byte(realms), &t.Realms))
}

// CreateToken adds a token by the hash of its value.
func (tx *Tx) CreateToken(t store.Token, hash []byte) (store.Token, error) {
	k := keys{tx: tx, table: "api_tokens"}
	key, err := k.take()
	if err != nil {
		return t, err
	}
	permissions, err1 := json.Marshal(t.Permissions)
	scope, err2 := json.Marshal(t.Scope)
	realms, err3 := json.Marshal(t.Realms)
	if err := errors.Join(err1, err2, err3); err != nil {
		return t, err
	}
	t.Key, t.ID, t.CreatedAt = key, store.TokenID(retinue.NewID("tok_", tx.at)), tx.at
	return t, tx.exec(`INSERT INTO api_tokens (id, public_id, kind, name, account_id, hash, hint, permissions, scope, realms, created_at, created_by, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, t.Key, string(t.ID), string(t.Kind), t.Name, keyOrNull(t.AccountKey), hash,
		t.Hint, string(permissions), string(scope), string(realms), tx.at.UnixMicro(), t.CreatedBy, t.ExpiresAt.UnixMicro())
}

// TokenByHash returns the token whose value has a hash.
func (tx *Tx) TokenByHash(hash []byte) (store.Token, error) {
	return tx.tokenWhere("t.hash = $1", hash)
}

// Token returns a token by its id.
func (tx *Tx) Token(id store.TokenID) (store.Token, error) {
	return tx.tokenWhere("t.public_id = $1", string(id))
}

func (tx *Tx) tokenWhere(where string, arg any) (store.Token, error) {
	t, err := scanToken(tx.queryRow("SELECT "+tokenColumns+" WHERE "+where, arg))
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("%w: no such token", retinue.ErrNotFound)
	}
	return t, err
}

// Tokens lists tokens, the oldest first.
func (tx *Tx) Tokens(q store.TokenQuery) ([]store.Token, error) {
	where, args := "TRUE", []any{}
	add := func(cond string, v any) {
		args = append(args, v)
		where += " AND " + strings.ReplaceAll(cond, "?", fmt.Sprintf("$%d", len(args)))
	}
	if q.ID != "" {
		add("t.public_id = ?", string(q.ID))
	}
	if q.Account != "" {
		add("a.public_id = ?", string(q.Account))
	}
	if q.Kind != "" {
		add("t.kind = ?", string(q.Kind))
	}
	if !q.Ended {
		add("t.revoked_at IS NULL AND t.expires_at > ?", tx.at.UnixMicro())
	}
	if q.After != "" {
		add("t.public_id > ?", string(q.After))
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100_000
	}
	var out []store.Token
	err := tx.query(func(rows *sql.Rows) error {
		t, err := scanToken(rows)
		out = append(out, t)
		return err
	}, fmt.Sprintf("SELECT %s WHERE %s ORDER BY t.public_id LIMIT %d", tokenColumns, where, limit), args...)
	return out, err
}

// UseToken keeps when a token was last used.
func (tx *Tx) UseToken(key int64) error {
	return tx.exec("UPDATE api_tokens SET last_used = $2 WHERE id = $1", key, tx.at.UnixMicro())
}

// RevokeToken ends a token for good. It reports false for one that has ended.
func (tx *Tx) RevokeToken(key int64) (bool, error) {
	return tx.affects("UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", key, tx.at.UnixMicro())
}

// RevokeTokensOf ends the tokens of an account and returns how many.
func (tx *Tx) RevokeTokensOf(account int64) (int64, error) {
	r, err := tx.execResult("UPDATE api_tokens SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL", account, tx.at.UnixMicro())
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
