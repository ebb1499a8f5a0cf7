package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const groupColumns = `g.id, g.public_id, g.name, g.external_id, g.origin,
	(SELECT count(*) FROM account_group_members m WHERE m.group_id = g.id), g.created_at, g.updated_at, g.version`

func scanGroup(row scanner) (store.AccountGroup, error) {
	var g store.AccountGroup
	var created, updated int64
	err := row.Scan(&g.Key, &g.ID, &g.Name, &g.ExternalID, &g.Origin, &g.Members, &created, &updated, &g.Version)
	g.CreatedAt, g.UpdatedAt = observed(created), observed(updated)
	return g, err
}

// CreateGroup adds a group of accounts. ErrConflict says that its name is
// taken.
func (tx *Tx) CreateGroup(g store.AccountGroup) (store.AccountGroup, error) {
	if taken, err := tx.groupNamed(g.Name); err != nil || taken != 0 {
		return g, errors.Join(err, taken.conflict())
	}
	k := keys{tx: tx, table: "account_groups"}
	key, err := k.take()
	if err != nil {
		return g, err
	}
	g.Key, g.ID, g.Version = key, store.AccountGroupID(retinue.NewID("agr_", tx.at)), 1
	g.CreatedAt, g.UpdatedAt = tx.at, tx.at
	return g, tx.exec(`INSERT INTO account_groups (id, public_id, name, external_id, origin, created_at, updated_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $6, 1)`, g.Key, string(g.ID), g.Name, g.ExternalID, string(g.Origin), tx.at.UnixMicro())
}

// UpdateGroup writes the name and external id of a group.
func (tx *Tx) UpdateGroup(g store.AccountGroup) error {
	if taken, err := tx.groupNamed(g.Name); err != nil || taken != 0 && int64(taken) != g.Key {
		return errors.Join(err, taken.conflict())
	}
	return tx.exec("UPDATE account_groups SET name = $2, external_id = $3, updated_at = $4, version = version + 1 WHERE id = $1",
		g.Key, g.Name, g.ExternalID, tx.at.UnixMicro())
}

// groupKey is the key of the group that has a name, 0 for none.
type groupKey int64

func (k groupKey) conflict() error {
	if k == 0 {
		return nil
	}
	return fmt.Errorf("%w: write group: the name is taken", retinue.ErrConflict)
}

func (tx *Tx) groupNamed(name string) (k groupKey, err error) {
	err = tx.queryRow("SELECT id FROM account_groups WHERE name = $1", name).Scan(&k)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return k, err
}

// DeleteGroup removes a group with its memberships and bindings.
func (tx *Tx) DeleteGroup(key int64) error {
	for _, q := range []string{"DELETE FROM account_group_members WHERE group_id = $1", "DELETE FROM role_bindings WHERE group_id = $1",
		"DELETE FROM account_groups WHERE id = $1"} {
		if err := tx.exec(q, key); err != nil {
			return err
		}
	}
	return nil
}

// Group returns a group by its id.
func (tx *Tx) Group(id store.AccountGroupID) (store.AccountGroup, error) {
	g, err := scanGroup(tx.queryRow("SELECT "+groupColumns+" FROM account_groups g WHERE g.public_id = $1", string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return g, fmt.Errorf("%w: no such group", retinue.ErrNotFound)
	}
	return g, err
}

// Groups lists groups by name, or the one that has a name, and says how many
// match in all.
func (tx *Tx) Groups(name string, offset, limit int) ([]store.AccountGroup, int64, error) {
	where, args := "TRUE", []any{}
	if name != "" {
		where, args = "g.name = $1", []any{name}
	}
	var total int64
	if err := tx.queryRow("SELECT count(*) FROM account_groups g WHERE "+where, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	var out []store.AccountGroup
	err := tx.query(func(rows *sql.Rows) error {
		g, err := scanGroup(rows)
		out = append(out, g)
		return err
	}, fmt.Sprintf("SELECT %s FROM account_groups g WHERE %s ORDER BY g.name LIMIT %d OFFSET %d", groupColumns, where, max(limit, 0), max(offset, 0)), args...)
	return out, total, err
}

// GroupsOf lists the groups of an account.
func (tx *Tx) GroupsOf(account int64) ([]store.AccountGroup, error) {
	var out []store.AccountGroup
	err := tx.query(func(rows *sql.Rows) error {
		g, err := scanGroup(rows)
		out = append(out, g)
		return err
	}, "SELECT "+groupColumns+" FROM account_groups g JOIN account_group_members m ON m.group_id = g.id WHERE m.account_id = $1 ORDER BY g.name", account)
	return out, err
}

// MembersOf lists the accounts of a group.
func (tx *Tx) MembersOf(group int64) ([]store.Account, error) {
	var out []store.Account
	err := tx.query(func(rows *sql.Rows) error {
		a, err := scanAccount(rows)
		out = append(out, a)
		return err
	}, "SELECT "+accountColumns+" FROM accounts a JOIN account_group_members m ON m.account_id = a.id WHERE m.group_id = $1 ORDER BY a.login", group)
	return out, err
}

// AddMember adds an account to a group; one that is there stays.
func (tx *Tx) AddMember(group, account int64) error {
	return tx.exec("INSERT INTO account_group_members (group_id, account_id) VALUES ($1, $2) ON CONFLICT (group_id, account_id) DO NOTHING", group, account)
}

// RemoveMember takes an account out of a group.
func (tx *Tx) RemoveMember(group, account int64) error {
	return tx.exec("DELETE FROM account_group_members WHERE group_id = $1 AND account_id = $2", group, account)
}

const bindingColumns = `b.public_id, coalesce(a.public_id, ''), coalesce(g.public_id, ''), b.role, b.scope, b.own, b.origin, b.created_at, b.created_by
	FROM role_bindings b LEFT JOIN accounts a ON a.id = b.account_id LEFT JOIN account_groups g ON g.id = b.group_id`

func scanBinding(row scanner) (store.RoleBinding, error) {
	var b store.RoleBinding
	var scope string
	var own, created int64
	if err := row.Scan(&b.ID, &b.Account, &b.Group, &b.Role, &scope, &own, &b.Origin, &created, &b.CreatedBy); err != nil {
		return b, err
	}
	b.Own, b.CreatedAt = own != 0, observed(created)
	return b, json.Unmarshal([]byte(scope), &b.Scope)
}

// Bind gives an account (key) or a group (key, the other 0) a role.
func (tx *Tx) Bind(b store.RoleBinding, account, group int64) (store.RoleBinding, error) {
	k := keys{tx: tx, table: "role_bindings"}
	key, err := k.take()
	if err != nil {
		return b, err
	}
	scope, err := json.Marshal(b.Scope)
	if err != nil {
		return b, err
	}
	b.ID, b.CreatedAt = store.BindingID(retinue.NewID("rbd_", tx.at)), tx.at
	return b, tx.exec(`INSERT INTO role_bindings (id, public_id, account_id, group_id, role, scope, own, origin, created_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, key, string(b.ID), keyOrNull(account), keyOrNull(group), b.Role, string(scope),
		bit(b.Own), b.Origin, tx.at.UnixMicro(), b.CreatedBy)
}

// Unbind removes a binding.
func (tx *Tx) Unbind(id store.BindingID) error {
	return tx.exec("DELETE FROM role_bindings WHERE public_id = $1", string(id))
}

// Binding returns a binding by its id.
func (tx *Tx) Binding(id store.BindingID) (store.RoleBinding, error) {
	b, err := scanBinding(tx.queryRow("SELECT "+bindingColumns+" WHERE b.public_id = $1", string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return b, fmt.Errorf("%w: no such role binding", retinue.ErrNotFound)
	}
	return b, err
}

// Bindings lists every binding, the oldest first.
func (tx *Tx) Bindings() ([]store.RoleBinding, error) { return tx.bindingsWhere("TRUE") }

// BindingsOf lists the bindings that an account has by itself and through its
// groups.
func (tx *Tx) BindingsOf(account int64) ([]store.RoleBinding, error) {
	return tx.bindingsWhere("b.account_id = $1 OR b.group_id IN (SELECT group_id FROM account_group_members WHERE account_id = $1)", account)
}

func (tx *Tx) bindingsWhere(where string, args ...any) ([]store.RoleBinding, error) {
	var out []store.RoleBinding
	err := tx.query(func(rows *sql.Rows) error {
		b, err := scanBinding(rows)
		out = append(out, b)
		return err
	}, "SELECT "+bindingColumns+" WHERE "+where+" ORDER BY b.id", args...)
	return out, err
}

func keyOrNull(key int64) any {
	if key == 0 {
		return nil
	}
	return key
}
