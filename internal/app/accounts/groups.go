package accounts

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Groups lists groups of accounts by name, or the one that has a name, and says
// how many match in all.
func (s *Service) Groups(ctx context.Context, name string, offset, limit int) (out []store.AccountGroup, total int64, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		out, total, err = tx.Groups(name, offset, limit)
		return err
	})
	return out, total, err
}

// Group returns a group with its members.
func (s *Service) Group(ctx context.Context, id store.AccountGroupID) (g store.AccountGroup, members []store.Account, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		if g, err = tx.Group(id); err != nil {
			return err
		}
		members, err = tx.MembersOf(g.Key)
		return err
	})
	return g, members, err
}

// GroupsOf lists the groups of an account.
func (s *Service) GroupsOf(ctx context.Context, id store.AccountID) (out []store.AccountGroup, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		a, err := tx.Account(id)
		if err != nil {
			return err
		}
		out, err = tx.GroupsOf(a.Key)
		return err
	})
	return out, err
}

// CreateGroup makes a group with members.
func (s *Service) CreateGroup(ctx context.Context, c auth.Caller, g store.AccountGroup, members []store.AccountID) (out store.AccountGroup, err error) {
	if g.Name = clean(g.Name); g.Name == "" || len(g.Name) > 300 {
		return g, &retinue.FieldError{Field: "body.name", Err: fmt.Errorf("%w: a group has a name of at most 300 bytes", retinue.ErrInvalid)}
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if out, err = tx.CreateGroup(g); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordGroupCreated, string(out.ID), details{"origin": g.Origin, "members": members}, map[string]string{"name": g.Name})
		for _, id := range members {
			a, err := tx.Account(id)
			if err != nil {
				return err
			}
			if err := tx.AddMember(out.Key, a.Key); err != nil {
				return err
			}
		}
		out, err = tx.Group(out.ID)
		return err
	})
	return out, err
}

// ChangeGroup changes the name or the members of a group. Whoever changes the
// members gives or takes the roles of the group, and must have them.
func (s *Service) ChangeGroup(ctx context.Context, c auth.Caller, id store.AccountGroupID, ch auth.GroupChange) (g store.AccountGroup, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if g, err = tx.Group(id); err != nil {
			return err
		}
		if ch.Check != nil {
			if err := ch.Check(g); err != nil {
				return err
			}
		}
		if err := mayFill(tx, c, g); err != nil {
			return err
		}
		personal := map[string]string{}
		if ch.Name != nil {
			g.Name, personal["name"] = clean(*ch.Name), clean(*ch.Name)
		}
		if ch.ExternalID != nil {
			g.ExternalID = *ch.ExternalID
		}
		if g.Name == "" || len(g.Name) > 300 {
			return &retinue.FieldError{Field: "body.name", Err: fmt.Errorf("%w: a group has a name of at most 300 bytes", retinue.ErrInvalid)}
		}
		if err := tx.UpdateGroup(g); err != nil {
			return err
		}
		d, err := fill(tx, g, ch)
		if err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordGroupChanged, string(g.ID), d, personal)
		if g, err = tx.Group(id); err != nil {
			return err
		}
		return keepAdmin(tx)
	})
	return g, err
}

// fill changes the members of a group.
func fill(tx *sqlstore.Tx, g store.AccountGroup, ch auth.GroupChange) (details, error) {
	add, remove := ch.Add, ch.Remove
	if ch.Members != nil {
		have, err := tx.MembersOf(g.Key)
		if err != nil {
			return nil, err
		}
		for _, a := range have {
			remove = append(remove, a.ID)
		}
		add = append(add, *ch.Members...)
	}
	for _, id := range remove {
		a, err := tx.Account(id)
		if notFound(err) {
			continue
		}
		if err == nil {
			err = tx.RemoveMember(g.Key, a.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, id := range add {
		a, err := tx.Account(id)
		if err != nil {
			return nil, err
		}
		if err := tx.AddMember(g.Key, a.Key); err != nil {
			return nil, err
		}
	}
	return details{"added": add, "removed": remove}, nil
}

// mayFill reports a group that has roles which the caller has not.
func mayFill(tx *sqlstore.Tx, c auth.Caller, g store.AccountGroup) error {
	if provisioning(c) {
		if g.Origin == store.OriginSCIM {
			return nil
		}
		return fmt.Errorf("%w: the group was not provisioned", retinue.ErrDenied)
	}
	bindings, err := tx.Bindings()
	if err != nil {
		return err
	}
	for _, b := range bindings {
		if b.Group != g.ID {
			continue
		}
		if err := mayBind(c, b.Role, b.Scope, b.Own); err != nil {
			return fmt.Errorf("%w: the group has the role %s, which you cannot give", retinue.ErrDenied, b.Role)
		}
	}
	return nil
}

// DeleteGroup removes a group with its role bindings.
func (s *Service) DeleteGroup(ctx context.Context, c auth.Caller, id store.AccountGroupID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		g, err := tx.Group(id)
		if err != nil {
			return err
		}
		if err := mayFill(tx, c, g); err != nil {
			return err
		}
		if err := tx.DeleteGroup(g.Key); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordGroupDeleted, string(g.ID), nil, map[string]string{"name": g.Name})
		return keepAdmin(tx)
	})
}
