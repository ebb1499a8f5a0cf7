package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Provisioned lists the accounts that a directory provisioned. Others do not
// exist for it.
func (s *Service) Provisioned(ctx context.Context, q store.AccountQuery) (out []store.Account, total int64, err error) {
	q.Origin = store.OriginSCIM
	return s.Accounts(ctx, q)
}

// ProvisionedGroups lists the groups that a directory provisioned.
func (s *Service) ProvisionedGroups(ctx context.Context, name string, offset, limit int) (out []store.AccountGroup, total int64, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		all, _, err := tx.Groups(name, 0, 100_000)
		if err != nil {
			return err
		}
		for _, g := range all {
			if g.Origin != store.OriginSCIM {
				continue
			}
			if total++; total > int64(offset) && len(out) < limit {
				out = append(out, g)
			}
		}
		return nil
	})
	return out, total, err
}

// Provision makes an account for a directory, or takes one over that single
// sign-on made. It signs in by single sign-on; nobody is invited.
func (s *Service) Provision(ctx context.Context, c auth.Caller, a store.Account) (made store.Account, err error) {
	if err := CheckLogin(a.Login); err != nil {
		return a, err
	}
	a.Name, a.Origin = clean(a.Name), store.OriginSCIM
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		have, err := tx.AccountByLogin(a.Login)
		switch {
		case err == nil && have.Origin == store.OriginSSO:
			a.Key, a.ID, a.Login = have.Key, have.ID, strings.ToLower(a.Login)
			if err := tx.UpdateAccount(a); err != nil {
				return err
			}
			record(tx, c.Actor, retinue.RecordAccountChanged, string(a.ID), details{"origin": a.Origin}, map[string]string{"externalId": a.ExternalID})
			if have.Active && !a.Active {
				if err := s.endAll(tx, c, a); err != nil {
					return err
				}
			}
			made, err = tx.Account(a.ID)
			return err
		case err == nil:
			return fmt.Errorf("%w: provision account: the login is taken", retinue.ErrConflict)
		case !errors.Is(err, retinue.ErrNotFound):
			return err
		}
		if made, err = tx.CreateAccount(a); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordAccountCreated, string(made.ID), details{"origin": made.Origin},
			map[string]string{"login": made.Login, "name": made.Name, "email": made.Email, "externalId": made.ExternalID})
		return nil
	})
	return made, err
}
