package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const flowColumns = "id, public_id, kind, code, coalesce(account_id, 0), body, attempts, created_at, expires_at FROM sign_in_flows"

func scanFlow(row scanner) (store.Flow, error) {
	var f store.Flow
	var body string
	var created, expires int64
	err := row.Scan(&f.Key, &f.ID, &f.Kind, &f.Code, &f.AccountKey, &body, &f.Attempts, &created, &expires)
	f.Body, f.CreatedAt, f.ExpiresAt = []byte(body), observed(created), observed(expires)
	return f, err
}

// CreateFlow keeps something begun, by the hash of what the other side holds.
func (tx *Tx) CreateFlow(f store.Flow, hash []byte) (store.Flow, error) {
	k := keys{tx: tx, table: "sign_in_flows"}
	key, err := k.take()
	if err != nil {
		return f, err
	}
	f.Key, f.ID, f.CreatedAt = key, store.FlowID(retinue.NewID("flw_", tx.at)), tx.at
	if len(f.Body) == 0 {
		f.Body = []byte("{}")
	}
	return f, tx.exec(`INSERT INTO sign_in_flows (id, public_id, kind, hash, code, account_id, body, attempts, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)`, f.Key, string(f.ID), f.Kind, hash, f.Code, keyOrNull(f.AccountKey), string(f.Body),
		tx.at.UnixMicro(), f.ExpiresAt.UnixMicro())
}

// FlowByHash returns what was begun under a hash, unless it ran out.
func (tx *Tx) FlowByHash(kind string, hash []byte) (store.Flow, error) {
	return tx.flowWhere("kind = $1 AND hash = $2 AND expires_at > $3", kind, hash, tx.at.UnixMicro())
}

// FlowByCode returns what awaits a code that a person types.
func (tx *Tx) FlowByCode(kind, code string) (store.Flow, error) {
	return tx.flowWhere("kind = $1 AND code = $2 AND expires_at > $3", kind, code, tx.at.UnixMicro())
}

// Flow returns something begun by its id.
func (tx *Tx) Flow(id store.FlowID) (store.Flow, error) {
	return tx.flowWhere("public_id = $1 AND expires_at > $2", string(id), tx.at.UnixMicro())
}

func (tx *Tx) flowWhere(where string, args ...any) (store.Flow, error) {
	f, err := scanFlow(tx.queryRow("SELECT "+flowColumns+" WHERE "+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return f, fmt.Errorf("%w: it was never begun, is finished, or took too long", retinue.ErrNotFound)
	}
	return f, err
}

// Flows lists what was begun and awaits the other side.
func (tx *Tx) Flows(kind string) ([]store.Flow, error) {
	var out []store.Flow
	err := tx.query(func(rows *sql.Rows) error {
		f, err := scanFlow(rows)
		out = append(out, f)
		return err
	}, "SELECT "+flowColumns+" WHERE kind = $1 AND expires_at > $2 ORDER BY id", kind, tx.at.UnixMicro())
	return out, err
}

// UpdateFlow writes the account and the body of something begun.
func (tx *Tx) UpdateFlow(f store.Flow) error {
	return tx.exec("UPDATE sign_in_flows SET account_id = $2, body = $3 WHERE id = $1", f.Key, keyOrNull(f.AccountKey), string(f.Body))
}

// TryFlow counts an attempt and returns how many there were.
func (tx *Tx) TryFlow(key int64) (n int, err error) {
	err = tx.queryRow("UPDATE sign_in_flows SET attempts = attempts + 1 WHERE id = $1 RETURNING attempts", key).Scan(&n)
	return n, err
}

// EndFlow removes something begun. It reports false when that was done
// already, so that of two that finish it one does.
func (tx *Tx) EndFlow(key int64) (bool, error) {
	return tx.affects("DELETE FROM sign_in_flows WHERE id = $1", key)
}

// EndFlows removes everything of a kind.
func (tx *Tx) EndFlows(kind string) error {
	return tx.exec("DELETE FROM sign_in_flows WHERE kind = $1", kind)
}

// CountFlows returns how many of a kind are open.
func (tx *Tx) CountFlows(kind string) (n int64, err error) {
	err = tx.queryRow("SELECT count(*) FROM sign_in_flows WHERE kind = $1 AND expires_at > $2", kind, tx.at.UnixMicro()).Scan(&n)
	return n, err
}

// KnowDevice keeps that an account signed in from a browser.
func (tx *Tx) KnowDevice(hash []byte, account int64) error {
	return tx.exec(`INSERT INTO known_devices (hash, account_id, created_at, last_used) VALUES ($1, $2, $3, $3)
		ON CONFLICT (hash) DO UPDATE SET account_id = $2, last_used = $3`, hash, account, tx.at.UnixMicro())
}

// DeviceKnown reports whether an account has signed in from a browser.
func (tx *Tx) DeviceKnown(hash []byte, account int64) (bool, error) {
	var n int64
	err := tx.queryRow("SELECT count(*) FROM known_devices WHERE hash = $1 AND account_id = $2", hash, account).Scan(&n)
	return n > 0, err
}

// ForgetDevices forgets the browsers of an account.
func (tx *Tx) ForgetDevices(account int64) error {
	return tx.exec("DELETE FROM known_devices WHERE account_id = $1", account)
}

// Throttle returns how often signing in failed for a subject.
func (tx *Tx) Throttle(subject []byte) (store.Throttle, error) {
	var t store.Throttle
	var at int64
	err := tx.queryRow("SELECT failures, last_at FROM sign_in_throttles WHERE subject = $1", subject).Scan(&t.Failures, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return t, nil
	}
	t.LastAt = observed(at)
	return t, err
}

// CountFailure counts a failure of a subject. Failures longer ago than the
// window are forgotten.
func (tx *Tx) CountFailure(subject []byte, window time.Duration) error {
	return tx.exec(`INSERT INTO sign_in_throttles (subject, failures, last_at) VALUES ($1, 1, $2)
		ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN sign_in_throttles.last_at < $3 THEN 1 ELSE sign_in_throttles.failures + 1 END, last_at = $2`,
		subject, tx.at.UnixMicro(), tx.at.Add(-window).UnixMicro())
}

// UncountFailure takes one failure of a subject back: it was none.
func (tx *Tx) UncountFailure(subject []byte) error {
	return tx.exec("UPDATE sign_in_throttles SET failures = failures - 1 WHERE subject = $1 AND failures > 0", subject)
}

// ForgetFailures forgets the failures of a subject.
func (tx *Tx) ForgetFailures(subject []byte) error {
	return tx.exec("DELETE FROM sign_in_throttles WHERE subject = $1", subject)
}

// CountDenials adds to the failures of a minute and an origin.
func (tx *Tx) CountDenials(d store.Denials) error {
	return tx.exec(`INSERT INTO sign_in_denials (minute, origin, reason, count) VALUES ($1, $2, $3, $4)
		ON CONFLICT (minute, origin, reason) DO UPDATE SET count = sign_in_denials.count + $4`,
		d.Minute.UTC().Truncate(time.Minute).UnixMicro(), d.Origin, d.Reason, d.Count)
}

// TakeDenials returns the failures of minutes before a time and removes them.
func (tx *Tx) TakeDenials(before time.Time) ([]store.Denials, error) {
	var out []store.Denials
	err := tx.query(func(rows *sql.Rows) error {
		var d store.Denials
		var minute int64
		err := rows.Scan(&minute, &d.Origin, &d.Reason, &d.Count)
		d.Minute = observed(minute)
		out = append(out, d)
		return err
	}, "SELECT minute, origin, reason, count FROM sign_in_denials WHERE minute < $1 ORDER BY minute, origin, reason", before.UnixMicro())
	if err != nil {
		return nil, err
	}
	return out, tx.exec("DELETE FROM sign_in_denials WHERE minute < $1", before.UnixMicro())
}

// LinkSubject keeps whom an issuer knows an account as.
func (tx *Tx) LinkSubject(issuer, subject string, account int64) error {
	return tx.exec("INSERT INTO account_subjects (issuer, subject, account_id) VALUES ($1, $2, $3)", issuer, subject, account)
}

// AccountOfSubject returns the account that an issuer knows as a subject.
func (tx *Tx) AccountOfSubject(issuer, subject string) (store.Account, error) {
	a, err := scanAccount(tx.queryRow("SELECT "+accountColumns+` FROM accounts a JOIN account_subjects s ON s.account_id = a.id
		WHERE s.issuer = $1 AND s.subject = $2`, issuer, subject))
	if errors.Is(err, sql.ErrNoRows) {
		return a, fmt.Errorf("%w: no such account", retinue.ErrNotFound)
	}
	return a, err
}

// SubjectsOf returns by how many issuers' subjects an account is known.
func (tx *Tx) SubjectsOf(account int64, issuer string) (n int64, err error) {
	err = tx.queryRow("SELECT count(*) FROM account_subjects WHERE account_id = $1 AND ($2 = '' OR issuer = $2)", account, issuer).Scan(&n)
	return n, err
}
