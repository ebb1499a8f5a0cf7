package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// SavedViews lists the views of a list that an account saved or that others
// share; of every list where list is empty.
func (tx *Tx) SavedViews(account store.AccountID, list string) ([]store.SavedView, error) {
	var out []store.SavedView
	err := tx.query(func(rows *sql.Rows) error {
		var v store.SavedView
		var shared, at int64
		var body string
		if err := rows.Scan(&v.ID, &v.Account, &v.List, &v.Name, &shared, &at, &body); err != nil {
			return err
		}
		v.Shared, v.UpdatedAt, v.Body = shared == 1, observed(at), json.RawMessage(body)
		out = append(out, v)
		return nil
	}, `SELECT public_id, account, list, name, shared, updated_at, body FROM saved_views
		WHERE (account = $1 OR shared = 1) AND ($2 = '' OR list = $2) ORDER BY list, name, id LIMIT 1000`, string(account), list)
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	return out, nil
}

// maxViews bounds how many views an account keeps.
const maxViews = 500

// SaveView keeps a view of its account under its id.
func (tx *Tx) SaveView(v store.SavedView) error {
	var id int64
	var account string
	err := tx.queryRow("SELECT id, account FROM saved_views WHERE public_id = $1", string(v.ID)).Scan(&id, &account)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return tx.insertView(v)
	case err != nil:
		return fmt.Errorf("save view: %w", err)
	case account != string(v.Account):
		return fmt.Errorf("%w: view %s", retinue.ErrNotFound, v.ID)
	}
	if err := tx.freeName(v); err != nil {
		return err
	}
	if err := tx.exec("UPDATE saved_views SET list = $1, name = $2, shared = $3, updated_at = $4, body = $5 WHERE id = $6",
		v.List, v.Name, bit(v.Shared), tx.at.UnixMicro(), string(v.Body), id); err != nil {
		return fmt.Errorf("save view: %w", err)
	}
	return nil
}

func (tx *Tx) insertView(v store.SavedView) error {
	if err := tx.freeName(v); err != nil {
		return err
	}
	var n int
	if err := tx.queryRow("SELECT count(*) FROM saved_views WHERE account = $1", string(v.Account)).Scan(&n); err != nil {
		return fmt.Errorf("save view: %w", err)
	}
	if n >= maxViews {
		return fmt.Errorf("%w: save view: there are %d already: delete one", retinue.ErrConflict, n)
	}
	id, err := tx.db.d.block(tx.ctx, tx.tx, "saved_views", 1)
	if err != nil {
		return err
	}
	if err := tx.exec("INSERT INTO saved_views (id, public_id, account, list, name, shared, updated_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		id, string(v.ID), string(v.Account), v.List, v.Name, bit(v.Shared), tx.at.UnixMicro(), string(v.Body)); err != nil {
		return fmt.Errorf("save view: %w", err)
	}
	return nil
}

// freeName reports another view of the account under the same name.
func (tx *Tx) freeName(v store.SavedView) error {
	var n int
	err := tx.queryRow("SELECT count(*) FROM saved_views WHERE account = $1 AND list = $2 AND name = $3 AND public_id <> $4",
		string(v.Account), v.List, v.Name, string(v.ID)).Scan(&n)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: there is a view of %s named %q already", retinue.ErrConflict, v.List, v.Name)
	}
	return err
}

// DeleteView deletes a view of an account.
func (tx *Tx) DeleteView(account store.AccountID, id store.ViewID) error {
	res, err := tx.execResult("DELETE FROM saved_views WHERE public_id = $1 AND account = $2", string(id), string(account))
	if err != nil {
		return fmt.Errorf("delete view: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("%w: view %s", retinue.ErrNotFound, id))
	}
	return nil
}

// Preferences returns what an account prefers as JSON, nil where it never said.
func (tx *Tx) Preferences(account store.AccountID) (json.RawMessage, error) {
	var body string
	err := tx.queryRow("SELECT body FROM preferences WHERE account = $1", string(account)).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	return json.RawMessage(body), nil
}

// SetPreferences keeps what an account prefers.
func (tx *Tx) SetPreferences(account store.AccountID, body json.RawMessage) error {
	if err := tx.exec(`INSERT INTO preferences (account, updated_at, body) VALUES ($1, $2, $3)
		ON CONFLICT (account) DO UPDATE SET updated_at = excluded.updated_at, body = excluded.body`,
		string(account), tx.at.UnixMicro(), string(body)); err != nil {
		return fmt.Errorf("set preferences: %w", err)
	}
	return nil
}
