package accounts

import (
	"context"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// ownWord stands in a scope for what is an account's own, when it is asked
// whether somebody may grant it.
const ownWord = "own"

// RoleBindings lists every role binding, or those of an account or group.
func (s *Service) RoleBindings(ctx context.Context, account store.AccountID, group store.AccountGroupID) (out []store.RoleBinding, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		if out, err = tx.Bindings(); err != nil {
			return err
		}
		out = slices.DeleteFunc(out, func(b store.RoleBinding) bool {
			return account != "" && b.Account != account || group != "" && b.Group != group
		})
		return nil
	})
	return out, err
}

// Bind gives an account or group a role on a scope. Nobody gives more than they
// have.
func (s *Service) Bind(ctx context.Context, c auth.Caller, b store.RoleBinding) (out store.RoleBinding, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		out, err = s.bind(tx, c, b)
		return err
	})
	return out, err
}

func (s *Service) bind(tx *sqlstore.Tx, c auth.Caller, b store.RoleBinding) (store.RoleBinding, error) {
	if err := mayBind(c, b.Role, b.Scope, b.Own); err != nil {
		return b, err
	}
	var account, group int64
	switch {
	case (b.Account == "") == (b.Group == ""):
		return b, &retinue.FieldError{Field: "body.account", Err: fmt.Errorf("%w: name an account or a group", retinue.ErrInvalid)}
	case b.Account != "":
		a, err := tx.Account(b.Account)
		if err != nil {
			return b, err
		}
		account = a.Key
	default:
		g, err := tx.Group(b.Group)
		if err != nil {
			return b, err
		}
		group = g.Key
	}
	b.Origin, b.CreatedBy = "manual", c.Actor.Name
	out, err := tx.Bind(b, account, group)
	record(tx, c.Actor, retinue.RecordRoleBound, string(out.ID), bound(out), nil)
	return out, err
}

func bound(b store.RoleBinding) details {
	return details{"account": b.Account, "group": b.Group, "role": b.Role, "scope": b.Scope, "own": b.Own, "origin": b.Origin}
}

// mayBind reports a role and scope that are more than the caller has, or
// nothing at all.
func mayBind(c auth.Caller, role string, scope store.RowScope, own bool) error {
	if err := auth.Role(role).Validate(); err != nil {
		return &retinue.FieldError{Field: "body.role", Err: err}
	}
	if scope.Empty() && !own {
		return &retinue.FieldError{Field: "body.scope", Err: fmt.Errorf("%w: a role needs a scope: all, sources, units, tags, teams, owners, or own", retinue.ErrInvalid)}
	}
	if own {
		// Whose own it is is not known to the caller, so only who sees
		// everything may give it.
		scope = scope.Union(store.RowScope{Owners: []string{ownWord}})
	}
	return c.MayGrant(auth.Role(role), scope)
}

// Unbind removes a role binding. The last administrator keeps theirs.
func (s *Service) Unbind(ctx context.Context, c auth.Caller, id store.BindingID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		b, err := tx.Binding(id)
		if err != nil {
			return err
		}
		if err := mayBind(c, b.Role, b.Scope, b.Own); err != nil {
			return err
		}
		if err := tx.Unbind(id); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordRoleUnbound, string(id), bound(b), nil)
		return keepAdmin(tx)
	})
}
