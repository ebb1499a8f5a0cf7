package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const sessionColumns = `s.id, s.public_id, s.account_id, a.public_id, s.hash, s.rotated_at, s.confirmed_at, s.created_at, s.seen_at,
	s.expires_at, s.fresh_at, s.method, s.pending, s.origin, s.agent FROM sessions s JOIN accounts a ON a.id = s.account_id`

func scanSession(row scanner) (store.Session, error) {
	var s store.Session
	var rotated, created, seen, expires int64
	var confirmed, fresh sql.NullInt64
	err := row.Scan(&s.Key, &s.ID, &s.AccountKey, &s.Account, &s.Hash, &rotated, &confirmed, &created, &seen, &expires, &fresh,
		&s.Method, &s.Pending, &s.Origin, &s.Agent)
	s.RotatedAt, s.CreatedAt, s.SeenAt, s.ExpiresAt = observed(rotated), observed(created), observed(seen), observed(expires)
	s.ConfirmedAt, s.FreshAt = fromMicros(confirmed), fromMicros(fresh)
	return s, err
}

// CreateSession adds a session.
func (tx *Tx) CreateSession(s store.Session) (store.Session, error) {
	k := keys{tx: tx, table: "sessions"}
	key, err := k.take()
	if err != nil {
		return s, err
	}
	s.Key, s.ID = key, store.SessionID(retinue.NewID("ses_", tx.at))
	s.CreatedAt, s.SeenAt, s.RotatedAt, s.ConfirmedAt = tx.at, tx.at, tx.at, tx.at
	return s, tx.exec(`INSERT INTO sessions (id, public_id, account_id, hash, rotated_at, confirmed_at, created_at, seen_at, expires_at, fresh_at,
		method, pending, origin, agent) VALUES ($1, $2, $3, $4, $5, $5, $5, $5, $6, $7, $8, $9, $10, $11)`,
		s.Key, string(s.ID), s.AccountKey, s.Hash, tx.at.UnixMicro(), s.ExpiresAt.UnixMicro(), micros(s.FreshAt), s.Method, s.Pending, s.Origin, s.Agent)
}

// SessionByHash returns the session whose present or previous value has a
// hash; Replaced says which.
func (tx *Tx) SessionByHash(hash []byte) (store.Session, error) {
	s, err := scanSession(tx.queryRow("SELECT "+sessionColumns+" WHERE s.hash = $1", hash))
	if errors.Is(err, sql.ErrNoRows) {
		s, err = scanSession(tx.queryRow("SELECT "+sessionColumns+" WHERE s.previous = $1", hash))
		s.Replaced = true
	}
	if errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("%w: no such session", retinue.ErrNotFound)
	}
	return s, err
}

// Session returns a session by its id.
func (tx *Tx) Session(id store.SessionID) (store.Session, error) {
	s, err := scanSession(tx.queryRow("SELECT "+sessionColumns+" WHERE s.public_id = $1", string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("%w: no such session", retinue.ErrNotFound)
	}
	return s, err
}

// SessionsOf lists the sessions of an account, the latest first.
func (tx *Tx) SessionsOf(account int64) ([]store.Session, error) {
	var out []store.Session
	err := tx.query(func(rows *sql.Rows) error {
		s, err := scanSession(rows)
		out = append(out, s)
		return err
	}, "SELECT "+sessionColumns+" WHERE s.account_id = $1 ORDER BY s.seen_at DESC, s.id DESC", account)
	return out, err
}

// RotateSession gives a session a new value. The value that was presented
// stays as the previous one until the new one has been seen. It reports false
// when another request rotated it first.
func (tx *Tx) RotateSession(key int64, presented, next []byte, before time.Time) (bool, error) {
	return tx.affects(`UPDATE sessions SET hash = $3, previous = $2, rotated_at = $4, confirmed_at = NULL, seen_at = $4
		WHERE id = $1 AND rotated_at = $5`, key, presented, next, tx.at.UnixMicro(), before.UnixMicro())
}

// ConfirmSession keeps when a session's new value was first presented.
func (tx *Tx) ConfirmSession(key int64) error {
	return tx.exec("UPDATE sessions SET confirmed_at = $2 WHERE id = $1 AND confirmed_at IS NULL", key, tx.at.UnixMicro())
}

// SeeSession keeps when a session was last used.
func (tx *Tx) SeeSession(key int64) error {
	return tx.exec("UPDATE sessions SET seen_at = $2 WHERE id = $1", key, tx.at.UnixMicro())
}

// FreshenSession keeps that a second factor was proven, and whether something
// is still pending.
func (tx *Tx) FreshenSession(key int64, pending string) error {
	return tx.exec("UPDATE sessions SET fresh_at = $2, pending = $3 WHERE id = $1", key, tx.at.UnixMicro(), pending)
}

// EndSession ends a session.
func (tx *Tx) EndSession(key int64) error { return tx.exec("DELETE FROM sessions WHERE id = $1", key) }

// EndSessionsOf ends the sessions of an account but one, and returns how many.
func (tx *Tx) EndSessionsOf(account, but int64) (int64, error) {
	r, err := tx.execResult("DELETE FROM sessions WHERE account_id = $1 AND id <> $2", account, but)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// SweepSignIn removes what has run out: sessions, flows, throttles of long
// ago, and devices that were not seen for the time given.
func (tx *Tx) SweepSignIn(idle, throttle, device time.Duration) error {
	for _, s := range []struct {
		q  string
		at time.Time
	}{
		{"DELETE FROM sessions WHERE expires_at < $1", tx.at},
		{"DELETE FROM sessions WHERE seen_at < $1", tx.at.Add(-idle)},
		{"DELETE FROM sign_in_flows WHERE expires_at < $1", tx.at},
		{"DELETE FROM sign_in_throttles WHERE last_at < $1", tx.at.Add(-throttle)},
		{"DELETE FROM known_devices WHERE last_used < $1", tx.at.Add(-device)},
	} {
		if err := tx.exec(s.q, s.at.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}
