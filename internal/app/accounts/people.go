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

func wrongReason(err error) (string, bool) {
	var w *auth.WrongError
	if errors.As(err, &w) {
		return w.Reason, true
	}
	return "", false
}

// admins lists the active accounts that administer the whole installation.
func admins(tx *sqlstore.Tx) ([]store.Account, error) {
	bindings, err := tx.Bindings()
	if err != nil {
		return nil, err
	}
	var out []store.Account
	seen := map[store.AccountID]bool{}
	add := func(accounts ...store.Account) {
		for _, a := range accounts {
			if a.Active && !seen[a.ID] {
				seen[a.ID] = true
				out = append(out, a)
			}
		}
	}
	for _, b := range bindings {
		if b.Role != string(auth.RoleAdmin) || !b.Scope.All {
			continue
		}
		if b.Account != "" {
			a, err := tx.Account(b.Account)
			if err != nil {
				return nil, err
			}
			add(a)
			continue
		}
		g, err := tx.Group(b.Group)
		if err != nil {
			return nil, err
		}
		members, err := tx.MembersOf(g.Key)
		if err != nil {
			return nil, err
		}
		add(members...)
	}
	return out, nil
}

// keepAdmin reports a change after which nobody administers the installation.
// It is the last thing in the transaction of the change.
func keepAdmin(tx *sqlstore.Tx) error {
	left, err := admins(tx)
	if err == nil && len(left) == 0 {
		err = fmt.Errorf("%w: somebody must remain an administrator of the whole installation", retinue.ErrConflict)
	}
	return err
}

// above reports an account whose rights the caller does not have all of: nobody
// takes such an account over, by resetting it for instance.
func (s *Service) above(tx *sqlstore.Tx, c auth.Caller, account store.Account) error {
	if provisioning(c) {
		if account.Origin == store.OriginSCIM {
			return nil
		}
		return fmt.Errorf("%w: the account was not provisioned", retinue.ErrDenied)
	}
	rows, err := tx.BindingsOf(account.Key)
	if err != nil {
		return err
	}
	of, err := callerOf(tx, account.Key)
	if err != nil {
		return err
	}
	for _, b := range rows {
		if err := c.MayGrant(auth.Role(b.Role), resolve(b, of.Owners, nil)); err != nil {
			return fmt.Errorf("%w: the account has rights that you have not", retinue.ErrDenied)
		}
	}
	return nil
}

// provisioning reports the token of a provisioning system. What it provisioned
// it changes freely; the roles of its groups were given by a person who had
// them. It touches nothing else, so that a local administrator stays when the
// directory is lost.
func provisioning(c auth.Caller) bool { return c.Kind == auth.KindToken && c.Account == "" }

// Accounts lists accounts.
func (s *Service) Accounts(ctx context.Context, q store.AccountQuery) (out []store.Account, total int64, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		out, total, err = tx.Accounts(q)
		return err
	})
	return out, total, err
}

// Account returns an account.
func (s *Service) Account(ctx context.Context, id store.AccountID) (a store.Account, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		a, err = tx.Account(id)
		return err
	})
	return a, err
}

// CreateAccount makes an account with a role, and the link by which its person
// sets a password. The link is shown this once.
func (s *Service) CreateAccount(ctx context.Context, c auth.Caller, a store.Account, bindings []store.RoleBinding) (made store.Account, link string, err error) {
	if err := CheckLogin(a.Login); err != nil {
		return a, "", err
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		a.Name, a.Email, a.Login = clean(a.Name), strings.TrimSpace(a.Email), strings.TrimSpace(a.Login)
		a.Origin, a.Active = store.OriginLocal, true
		if made, err = tx.CreateAccount(a); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordAccountCreated, string(made.ID), details{"origin": made.Origin},
			map[string]string{"login": made.Login, "name": made.Name, "email": made.Email})
		for _, b := range bindings {
			b.Account = made.ID
			if _, err := s.bind(tx, c, b); err != nil {
				return err
			}
		}
		link, err = s.invite(tx, c.Actor, made)
		return err
	})
	return made, link, err
}

// ChangeAccount changes an account. Deactivating one ends its sessions and
// tokens at once.
func (s *Service) ChangeAccount(ctx context.Context, c auth.Caller, id store.AccountID, ch auth.AccountChange) (a store.Account, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		a, err = s.change(tx, c, id, ch)
		return err
	})
	return a, err
}

func (s *Service) change(tx *sqlstore.Tx, c auth.Caller, id store.AccountID, ch auth.AccountChange) (store.Account, error) {
	a, err := tx.Account(id)
	if err != nil {
		return a, err
	}
	if ch.Check != nil {
		if err := ch.Check(a); err != nil {
			return a, err
		}
	}
	if err := s.above(tx, c, a); err != nil {
		return a, err
	}
	before := a
	personal := map[string]string{}
	set := func(field string, to, v *string) {
		if v != nil && *v != *to {
			*to = *v
			personal[field] = *v
		}
	}
	if ch.Login != nil {
		if err := CheckLogin(*ch.Login); err != nil {
			return a, err
		}
		*ch.Login = strings.ToLower(strings.TrimSpace(*ch.Login))
	}
	if ch.Name != nil {
		*ch.Name = clean(*ch.Name)
	}
	set("login", &a.Login, ch.Login)
	set("name", &a.Name, ch.Name)
	set("email", &a.Email, ch.Email)
	set("externalId", &a.ExternalID, ch.ExternalID)
	if ch.Active != nil {
		a.Active = *ch.Active
	}
	if a == before {
		return a, nil
	}
	if err := tx.UpdateAccount(a); err != nil {
		return a, err
	}
	if len(personal) > 0 {
		record(tx, c.Actor, retinue.RecordAccountChanged, string(a.ID), nil, personal)
	}
	switch {
	case before.Active && !a.Active:
		if err := s.endAll(tx, c, a); err != nil {
			return a, err
		}
	case !before.Active && a.Active:
		record(tx, c.Actor, retinue.RecordAccountActivated, string(a.ID), nil, nil)
	}
	return tx.Account(id)
}

// endAll ends what an account that was deactivated could still act with.
func (s *Service) endAll(tx *sqlstore.Tx, c auth.Caller, a store.Account) error {
	sessions, err1 := tx.EndSessionsOf(a.Key, 0)
	tokens, err2 := tx.RevokeTokensOf(a.Key)
	err3 := tx.ForgetDevices(a.Key)
	record(tx, c.Actor, retinue.RecordAccountDeactivated, string(a.ID), details{"sessionsEnded": sessions, "tokensRevoked": tokens}, nil)
	return errors.Join(err1, err2, err3, keepAdmin(tx))
}

// ResetAccount takes password and second factors from an account whose person
// lost them, ends its sessions, and makes a new invitation. Under a key that is
// not zero it does so once: a repetition, whose sender may not have got the
// link, makes another and takes nothing; it is ErrConflict when the account was
// set up anew in between.
func (s *Service) ResetAccount(ctx context.Context, c auth.Caller, id store.AccountID, once store.AnswerKey) (link string, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		a, err := tx.Account(id)
		if err != nil {
			return err
		}
		if err := s.above(tx, c, a); err != nil {
			return err
		}
		again, err := carriedOut(tx, once)
		if err != nil {
			return err
		}
		if !again {
			if err := s.reset(tx, c, a); err != nil {
				return err
			}
		} else if a.HasPassword || a.HasTOTP || a.Passkeys > 0 {
			return fmt.Errorf("%w: the account was reset under this idempotency key, and set up anew since", retinue.ErrConflict)
		}
		link, err = s.invite(tx, c.Actor, a)
		return err
	})
	return link, err
}

// carriedOut reports whether an action was carried out under a key, and from
// then on it was. Nothing of the answer is kept.
func carriedOut(tx *sqlstore.Tx, once store.AnswerKey) (bool, error) {
	if once.Key == "" {
		return false, nil
	}
	kept, err := tx.ClaimAnswer(once)
	if err != nil || kept != nil {
		return kept != nil, err
	}
	return false, tx.KeepAnswer(once, []byte("{}"))
}

func (s *Service) reset(tx *sqlstore.Tx, c auth.Caller, a store.Account) error {
	_, err1 := tx.RemovePasskey(a.Key, "")
	_, err2 := tx.EndSessionsOf(a.Key, 0)
	_, err3 := tx.RevokeTokensOf(a.Key)
	record(tx, c.Actor, retinue.RecordAccountReset, string(a.ID), nil, nil)
	return errors.Join(err1, err2, err3, tx.SetPassword(a.Key, ""), tx.SetTOTP(a.Key, nil, 0), tx.SetRecoveryCodes(a.Key, nil), tx.ForgetDevices(a.Key))
}

// DeleteAccount removes an account with all that is its own. Records about it
// keep its id.
func (s *Service) DeleteAccount(ctx context.Context, c auth.Caller, id store.AccountID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error { return s.remove(tx, c, id) })
}

func (s *Service) remove(tx *sqlstore.Tx, c auth.Caller, id store.AccountID) error {
	a, err := tx.Account(id)
	if err != nil {
		return err
	}
	if err := s.above(tx, c, a); err != nil {
		return err
	}
	if err := tx.DeleteAccount(a.Key); err != nil {
		return err
	}
	record(tx, c.Actor, retinue.RecordAccountDeleted, string(a.ID), nil, map[string]string{"login": a.Login})
	return keepAdmin(tx)
}
