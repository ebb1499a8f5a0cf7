package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// The rows of accounts are not part of the inventory: who may read them is
// decided by a permission of the installation, never by a row scope.

const accountColumns = `a.id, a.public_id, a.login, a.name, a.email, a.external_id, a.origin, a.active, a.password <> '',
	a.totp IS NOT NULL, (SELECT count(*) FROM passkeys p WHERE p.account_id = a.id), a.created_at, a.updated_at, a.last_sign_in, a.version`

type scanner interface{ Scan(dest ...any) error }

func scanAccount(row scanner) (store.Account, error) {
	var a store.Account
	var active int64
	var created, updated int64
	var signedIn sql.NullInt64
	err := row.Scan(&a.Key, &a.ID, &a.Login, &a.Name, &a.Email, &a.ExternalID, &a.Origin, &active, &a.HasPassword,
		&a.HasTOTP, &a.Passkeys, &created, &updated, &signedIn, &a.Version)
	a.Active, a.CreatedAt, a.UpdatedAt, a.LastSignIn = active != 0, observed(created), observed(updated), fromMicros(signedIn)
	return a, err
}

// CreateAccount adds an account and returns it with its key. ErrConflict says
// that the login is taken.
func (tx *Tx) CreateAccount(a store.Account) (store.Account, error) {
	if _, err := tx.AccountByLogin(a.Login); !errors.Is(err, retinue.ErrNotFound) {
		if err != nil {
			return a, err
		}
		return a, fmt.Errorf("%w: create account: the login is taken", retinue.ErrConflict)
	}
	k := keys{tx: tx, table: "accounts"}
	key, err := k.take()
	if err != nil {
		return a, err
	}
	a.Key, a.ID, a.Version = key, store.AccountID(retinue.NewID("acc_", tx.at)), 1
	a.Login, a.CreatedAt, a.UpdatedAt = strings.ToLower(a.Login), tx.at, tx.at
	err = tx.exec(`INSERT INTO accounts (id, public_id, login, name, email, external_id, origin, active, password, totp_step, created_at, updated_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', 0, $9, $9, 1)`,
		a.Key, string(a.ID), a.Login, a.Name, a.Email, a.ExternalID, string(a.Origin), bit(a.Active), tx.at.UnixMicro())
	return a, err
}

// UpdateAccount writes the login, name, e-mail address, external id, origin
// and activity of an account.
func (tx *Tx) UpdateAccount(a store.Account) error {
	if have, err := tx.AccountByLogin(a.Login); err == nil && have.Key != a.Key {
		return fmt.Errorf("%w: change account: the login is taken", retinue.ErrConflict)
	} else if err != nil && !errors.Is(err, retinue.ErrNotFound) {
		return err
	}
	return tx.exec(`UPDATE accounts SET login = $2, name = $3, email = $4, external_id = $5, origin = $6, active = $7, updated_at = $8,
		version = version + 1 WHERE id = $1`,
		a.Key, strings.ToLower(a.Login), a.Name, a.Email, a.ExternalID, string(a.Origin), bit(a.Active), tx.at.UnixMicro())
}

// DeleteAccount removes an account with all that is its own. Records about it
// stay; they know its id only.
func (tx *Tx) DeleteAccount(key int64) error {
	for _, table := range []string{"account_codes", "account_subjects", "passkeys", "account_group_members", "role_bindings",
		"sessions", "api_tokens", "sign_in_flows", "known_devices"} {
		if err := tx.exec("DELETE FROM "+table+" WHERE account_id = $1", key); err != nil {
			return err
		}
	}
	return tx.exec("DELETE FROM accounts WHERE id = $1", key)
}

// Account returns an account by its id.
func (tx *Tx) Account(id store.AccountID) (store.Account, error) {
	return tx.accountWhere("a.public_id = $1", string(id))
}

// AccountByKey returns an account by its internal key.
func (tx *Tx) AccountByKey(key int64) (store.Account, error) {
	return tx.accountWhere("a.id = $1", key)
}

// AccountByLogin returns an account by its login, whatever its case.
func (tx *Tx) AccountByLogin(login string) (store.Account, error) {
	return tx.accountWhere("a.login = $1", strings.ToLower(login))
}

func (tx *Tx) accountWhere(where string, arg any) (store.Account, error) {
	a, err := scanAccount(tx.queryRow("SELECT "+accountColumns+" FROM accounts a WHERE "+where, arg))
	if errors.Is(err, sql.ErrNoRows) {
		return a, fmt.Errorf("%w: no such account", retinue.ErrNotFound)
	}
	return a, err
}

// Accounts lists accounts in the order of their logins, and says how many
// match in all.
func (tx *Tx) Accounts(q store.AccountQuery) ([]store.Account, int64, error) {
	where, args := "TRUE", []any{}
	add := func(cond string, v any) {
		args = append(args, v)
		where += " AND " + strings.ReplaceAll(cond, "?", fmt.Sprintf("$%d", len(args)))
	}
	if q.ID != "" {
		add("a.public_id = ?", string(q.ID))
	}
	if q.Login != "" {
		add("a.login = ?", strings.ToLower(q.Login))
	}
	if q.ExternalID != "" {
		add("a.external_id = ?", q.ExternalID)
	}
	if q.Text != "" {
		add(`(lower(a.login) LIKE ? ESCAPE '\' OR lower(a.name) LIKE ? ESCAPE '\' OR lower(a.email) LIKE ? ESCAPE '\')`, "%"+escapeLike(strings.ToLower(q.Text))+"%")
	}
	if q.Active != nil {
		add("a.active = ?", bit(*q.Active))
	}
	if q.Origin != "" {
		add("a.origin = ?", string(q.Origin))
	}
	var total int64
	if err := tx.queryRow("SELECT count(*) FROM accounts a WHERE "+where, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	if q.After != "" {
		add("a.login > ?", q.After)
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100_000
	}
	var out []store.Account
	err := tx.query(func(rows *sql.Rows) error {
		a, err := scanAccount(rows)
		out = append(out, a)
		return err
	}, fmt.Sprintf("SELECT %s FROM accounts a WHERE %s ORDER BY a.login LIMIT %d OFFSET %d", accountColumns, where, limit, max(q.Offset, 0)), args...)
	return out, total, err
}

// CountAccounts returns how many accounts there are.
func (tx *Tx) CountAccounts() (n int64, err error) {
	err = tx.queryRow("SELECT count(*) FROM accounts").Scan(&n)
	return n, err
}

// AccountSecrets returns what an account proves itself with.
func (tx *Tx) AccountSecrets(key int64) (s store.AccountSecrets, err error) {
	err = tx.queryRow("SELECT password, totp, totp_step FROM accounts WHERE id = $1", key).Scan(&s.Password, &s.TOTP, &s.TOTPStep)
	return s, err
}

// SetPassword sets the hash of an account's password; an empty one removes it.
func (tx *Tx) SetPassword(key int64, hash string) error {
	return tx.exec("UPDATE accounts SET password = $2, version = version + 1, updated_at = $3 WHERE id = $1", key, hash, tx.at.UnixMicro())
}

// SetTOTP sets the sealed secret of an account's one-time codes; nil removes
// it.
func (tx *Tx) SetTOTP(key int64, sealed []byte, step int64) error {
	var v any
	if len(sealed) > 0 {
		v = sealed
	}
	return tx.exec("UPDATE accounts SET totp = $2, totp_step = $3, version = version + 1, updated_at = $4 WHERE id = $1", key, v, step, tx.at.UnixMicro())
}

// UseTOTPStep accepts a time step once: it reports false for one that is not
// later than the last.
func (tx *Tx) UseTOTPStep(key, step int64) (bool, error) {
	return tx.affects("UPDATE accounts SET totp_step = $2 WHERE id = $1 AND totp_step < $2", key, step)
}

// SignedIn keeps when an account signed in.
func (tx *Tx) SignedIn(key int64) error {
	return tx.exec("UPDATE accounts SET last_sign_in = $2 WHERE id = $1", key, tx.at.UnixMicro())
}

// SetRecoveryCodes replaces an account's recovery codes by hashes.
func (tx *Tx) SetRecoveryCodes(key int64, hashes [][]byte) error {
	if err := tx.exec("DELETE FROM account_codes WHERE account_id = $1", key); err != nil {
		return err
	}
	for _, h := range hashes {
		if err := tx.exec("INSERT INTO account_codes (account_id, hash) VALUES ($1, $2)", key, h); err != nil {
			return err
		}
	}
	return nil
}

// UseRecoveryCode accepts a recovery code once.
func (tx *Tx) UseRecoveryCode(key int64, hash []byte) (bool, error) {
	return tx.affects("UPDATE account_codes SET used_at = $3 WHERE account_id = $1 AND hash = $2 AND used_at IS NULL", key, hash, tx.at.UnixMicro())
}

// RecoveryCodesLeft counts the recovery codes that were not used.
func (tx *Tx) RecoveryCodesLeft(key int64) (n int64, err error) {
	err = tx.queryRow("SELECT count(*) FROM account_codes WHERE account_id = $1 AND used_at IS NULL", key).Scan(&n)
	return n, err
}

// affects runs a statement and reports whether it changed a row.
func (tx *Tx) affects(q string, args ...any) (bool, error) {
	r, err := tx.execResult(q, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
