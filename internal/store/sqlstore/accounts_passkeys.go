package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const passkeyColumns = "public_id, account_id, credential_id, name, body, created_at, last_used FROM passkeys"

func scanPasskey(row scanner) (store.Passkey, error) {
	var p store.Passkey
	var body string
	var created int64
	var used sql.NullInt64
	err := row.Scan(&p.ID, &p.AccountKey, &p.CredentialID, &p.Name, &body, &created, &used)
	p.Body, p.CreatedAt, p.LastUsed = []byte(body), observed(created), fromMicros(used)
	return p, err
}

// AddPasskey adds a passkey. ErrConflict says that the authenticator is
// registered already.
func (tx *Tx) AddPasskey(p store.Passkey) (store.Passkey, error) {
	if _, err := tx.PasskeyByCredential(p.CredentialID); !errors.Is(err, retinue.ErrNotFound) {
		return p, errors.Join(err, fmt.Errorf("%w: add passkey: it is registered already", retinue.ErrConflict))
	}
	k := keys{tx: tx, table: "passkeys"}
	key, err := k.take()
	if err != nil {
		return p, err
	}
	p.ID, p.CreatedAt = store.PasskeyID(retinue.NewID("pky_", tx.at)), tx.at
	return p, tx.exec("INSERT INTO passkeys (id, public_id, account_id, credential_id, name, body, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		key, string(p.ID), p.AccountKey, p.CredentialID, p.Name, string(p.Body), tx.at.UnixMicro())
}

// Passkeys lists the passkeys of an account.
func (tx *Tx) Passkeys(account int64) ([]store.Passkey, error) {
	var out []store.Passkey
	err := tx.query(func(rows *sql.Rows) error {
		p, err := scanPasskey(rows)
		out = append(out, p)
		return err
	}, "SELECT "+passkeyColumns+" WHERE account_id = $1 ORDER BY id", account)
	return out, err
}

// PasskeyByCredential returns the passkey with a credential id.
func (tx *Tx) PasskeyByCredential(id []byte) (store.Passkey, error) {
	p, err := scanPasskey(tx.queryRow("SELECT "+passkeyColumns+" WHERE credential_id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("%w: no such passkey", retinue.ErrNotFound)
	}
	return p, err
}

// UsePasskey writes a passkey's counters after it was used.
func (tx *Tx) UsePasskey(credentialID, body []byte) error {
	return tx.exec("UPDATE passkeys SET body = $2, last_used = $3 WHERE credential_id = $1", credentialID, string(body), tx.at.UnixMicro())
}

// RemovePasskey removes a passkey of an account; all of them without an id.
func (tx *Tx) RemovePasskey(account int64, id store.PasskeyID) (bool, error) {
	return tx.affects("DELETE FROM passkeys WHERE account_id = $1 AND ($2 = '' OR public_id = $2)", account, string(id))
}

const providerColumns = "id, public_id, name, issuer, client_id, client_secret, body, enabled, created_at, updated_at, version FROM sso_providers"

// providerBody is what a provider has beside its columns.
type providerBody struct {
	Scopes      []string           `json:"scopes"`
	GroupsClaim string             `json:"groupsClaim"`
	TrustEmail  bool               `json:"trustEmail"`
	Mappings    []store.SSOMapping `json:"mappings"`
}

func scanProvider(row scanner) (store.SSOProvider, error) {
	var p store.SSOProvider
	var body string
	var enabled, created, updated int64
	if err := row.Scan(&p.Key, &p.ID, &p.Name, &p.Issuer, &p.ClientID, &p.Sealed, &body, &enabled, &created, &updated, &p.Version); err != nil {
		return p, err
	}
	var b providerBody
	err := json.Unmarshal([]byte(body), &b)
	p.Scopes, p.GroupsClaim, p.TrustEmail, p.Mappings = b.Scopes, b.GroupsClaim, b.TrustEmail, b.Mappings
	p.HasSecret, p.Enabled, p.CreatedAt, p.UpdatedAt = len(p.Sealed) > 0, enabled != 0, observed(created), observed(updated)
	return p, err
}

// PutProvider adds a provider of single sign-on (without a key) or changes
// one. The id must be set: the sealed client secret is bound to it.
func (tx *Tx) PutProvider(p store.SSOProvider) (store.SSOProvider, error) {
	body, err := json.Marshal(providerBody{p.Scopes, p.GroupsClaim, p.TrustEmail, p.Mappings})
	if err != nil {
		return p, err
	}
	var sealed any
	if len(p.Sealed) > 0 {
		sealed = p.Sealed
	}
	p.HasSecret, p.UpdatedAt = sealed != nil, tx.at
	if p.Key != 0 {
		p.Version++
		return p, tx.exec(`UPDATE sso_providers SET name = $2, issuer = $3, client_id = $4, client_secret = $5, body = $6, enabled = $7,
			updated_at = $8, version = $9 WHERE id = $1`, p.Key, p.Name, p.Issuer, p.ClientID, sealed, string(body), bit(p.Enabled), tx.at.UnixMicro(), p.Version)
	}
	k := keys{tx: tx, table: "sso_providers"}
	if p.Key, err = k.take(); err != nil {
		return p, err
	}
	p.Version, p.CreatedAt = 1, tx.at
	return p, tx.exec(`INSERT INTO sso_providers (id, public_id, name, issuer, client_id, client_secret, body, enabled, created_at, updated_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1)`, p.Key, string(p.ID), p.Name, p.Issuer, p.ClientID, sealed, string(body), bit(p.Enabled), tx.at.UnixMicro())
}

// Provider returns a provider of single sign-on by its id.
func (tx *Tx) Provider(id store.ProviderID) (store.SSOProvider, error) {
	p, err := scanProvider(tx.queryRow("SELECT "+providerColumns+" WHERE public_id = $1", string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("%w: no such provider of single sign-on", retinue.ErrNotFound)
	}
	return p, err
}

// Providers lists the providers of single sign-on by name.
func (tx *Tx) Providers() ([]store.SSOProvider, error) {
	var out []store.SSOProvider
	err := tx.query(func(rows *sql.Rows) error {
		p, err := scanProvider(rows)
		out = append(out, p)
		return err
	}, "SELECT "+providerColumns+" ORDER BY name")
	return out, err
}

// RemoveProvider removes a provider with the roles and links that it brought.
func (tx *Tx) RemoveProvider(p store.SSOProvider) error {
	if err := tx.exec("DELETE FROM role_bindings WHERE origin = $1", "sso:"+string(p.ID)); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM account_subjects WHERE issuer = $1", p.Issuer); err != nil {
		return err
	}
	return tx.exec("DELETE FROM sso_providers WHERE id = $1", p.Key)
}

// UnbindOrigin removes the bindings of an account that have an origin.
func (tx *Tx) UnbindOrigin(account int64, origin string) error {
	return tx.exec("DELETE FROM role_bindings WHERE account_id = $1 AND origin = $2", account, origin)
}
