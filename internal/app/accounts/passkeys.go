package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// maxPasskeys bounds the passkeys of an account.
const maxPasskeys = 20

// SignInPasskeyBegin asks the browser for a passkey of this server. Nothing is
// said about whose, so that no account can be tried out.
func (s *Service) SignInPasskeyBegin(ctx context.Context) (any, *http.Cookie, error) {
	ceremony, err := s.passkeys.BeginUse(nil, nil)
	if err != nil {
		return nil, nil, err
	}
	var cookie *http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		if n, err := tx.CountFlows(flowPasskey); err != nil || n > maxOpenFlows {
			return errors.Join(err, errBusy)
		}
		cookie, err = s.begin(tx, store.Flow{Kind: flowPasskey}, challenge{State: ceremony.State})
		return err
	})
	return ceremony.Options, cookie, err
}

// maxOpenFlows bounds what strangers can have begun at once.
const maxOpenFlows = 10_000

var errBusy = fmt.Errorf("%w: too many sign-ins are under way", retinue.ErrUnavailable)

// SignInPasskey signs in by what the browser's passkey answered.
func (s *Service) SignInPasskey(ctx context.Context, p auth.Presented, answer []byte) (auth.Outcome, error) {
	account, key, err := s.usePasskey(ctx, p, flowPasskey, 0, answer)
	if err != nil {
		return auth.Outcome{}, err
	}
	if !account.Active {
		return auth.Outcome{}, s.failed(ctx, p, "inactive")
	}
	var out auth.Outcome
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.UsePasskey(key.CredentialID, key.Body); err != nil {
			return err
		}
		out, err = s.enter(tx, p, account, entry{method: "passkey", fresh: true})
		return err
	})
	return out, err
}

// usePasskey ends a challenge and checks the answer to it.
func (s *Service) usePasskey(ctx context.Context, p auth.Presented, kind string, account int64, answer []byte) (store.Account, store.Passkey, error) {
	var body challenge
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		f, err := take(tx, kind, p.Flow, &body)
		if err == nil && f.AccountKey != account {
			err = auth.Wrong("flow of another account")
		}
		return err
	})
	if err != nil {
		return store.Account{}, store.Passkey{}, err
	}
	a, key, err := s.passkeys.FinishUse(body.State, answer, func(id store.AccountID) (a store.Account, keys []store.Passkey, err error) {
		err = s.view(ctx, func(tx *sqlstore.Tx) error {
			if a, err = tx.Account(id); err != nil {
				return err
			}
			keys, err = tx.Passkeys(a.Key)
			return err
		})
		return a, keys, err
	})
	if errors.Is(err, retinue.ErrDenied) {
		return a, key, s.failed(ctx, p, "passkey")
	}
	return a, key, err
}

// RefreshPasskeyBegin asks the browser for one of the caller's passkeys.
func (s *Service) RefreshPasskeyBegin(ctx context.Context, c auth.Caller) (any, *http.Cookie, error) {
	account, err := s.ownAccount(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if account.Passkeys == 0 {
		return nil, nil, auth.ErrNoFactor
	}
	var ceremony auth.Ceremony
	var cookie *http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		keys, err := tx.Passkeys(account.Key)
		if err != nil {
			return err
		}
		if ceremony, err = s.passkeys.BeginUse(&account, keys); err != nil {
			return err
		}
		cookie, err = s.begin(tx, store.Flow{Kind: flowConfirm, AccountKey: account.Key}, challenge{State: ceremony.State})
		return err
	})
	return ceremony.Options, cookie, err
}

// RefreshPasskey proves a second factor anew by a passkey.
func (s *Service) RefreshPasskey(ctx context.Context, p auth.Presented, c auth.Caller, answer []byte) ([]*http.Cookie, error) {
	account, err := s.ownAccount(ctx, c)
	if err != nil {
		return nil, err
	}
	used, key, err := s.usePasskey(ctx, p, flowConfirm, account.Key, answer)
	if err != nil {
		return nil, err
	}
	if used.Key != account.Key {
		return nil, s.failed(ctx, p, "passkey of another account")
	}
	var cookies []*http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.UsePasskey(key.CredentialID, key.Body); err != nil {
			return err
		}
		cookies, err = s.refreshed(tx, p, c, account, ticket{}, "passkey")
		return err
	})
	return cookies, err
}

// AddPasskeyBegin asks the browser to make a passkey for the caller's account.
func (s *Service) AddPasskeyBegin(ctx context.Context, c auth.Caller, name string) (any, *http.Cookie, error) {
	if name = clean(name); name == "" {
		name = "Passkey"
	}
	var ceremony auth.Ceremony
	var cookie *http.Cookie
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, _, err := s.own(tx, c)
		if err != nil {
			return err
		}
		if err := s.freshFor(c, account); err != nil {
			return err
		}
		if account.Passkeys >= maxPasskeys {
			return fmt.Errorf("%w: an account has at most %d passkeys", retinue.ErrConflict, maxPasskeys)
		}
		keys, err := tx.Passkeys(account.Key)
		if err != nil {
			return err
		}
		if ceremony, err = s.passkeys.BeginAdd(account, keys); err != nil {
			return err
		}
		cookie, err = s.begin(tx, store.Flow{Kind: flowAddPasskey, AccountKey: account.Key}, challenge{Name: name, State: ceremony.State})
		return err
	})
	return ceremony.Options, cookie, err
}

// AddPasskey adds what the browser made. It returns recovery codes, shown this
// once, when the account has none.
func (s *Service) AddPasskey(ctx context.Context, p auth.Presented, c auth.Caller, answer []byte) (codes []string, cookies []*http.Cookie, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, _, err := s.own(tx, c)
		if err != nil {
			return err
		}
		if err := s.freshFor(c, account); err != nil {
			return err
		}
		var body challenge
		flow, err := take(tx, flowAddPasskey, p.Flow, &body)
		if err != nil {
			return err
		}
		if flow.AccountKey != account.Key {
			return auth.Wrong("flow of another account")
		}
		key, err := s.passkeys.FinishAdd(account, body.State, answer)
		if err != nil {
			return err
		}
		key.Name = body.Name
		if key, err = tx.AddPasskey(key); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordFactorAdded, string(account.ID), details{"factor": "passkey", "passkey": key.ID}, map[string]string{"name": key.Name})
		left, err := tx.RecoveryCodesLeft(account.Key)
		if err == nil && left == 0 && account.HasPassword {
			codes, err = newCodes(tx, c, account)
		}
		if err != nil {
			return err
		}
		cookies, err = s.elevate(tx, p, c)
		return err
	})
	return codes, cookies, err
}

// RemovePasskey removes a passkey of the caller's. The last second factor
// stays.
func (s *Service) RemovePasskey(ctx context.Context, c auth.Caller, id store.PasskeyID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, _, err := s.own(tx, c)
		if err != nil {
			return err
		}
		if err := s.freshFor(c, account); err != nil {
			return err
		}
		left := account.Passkeys - 1
		if account.HasTOTP && account.HasPassword {
			left++
		}
		if id == "" {
			return fmt.Errorf("%w: no such passkey", retinue.ErrNotFound)
		}
		removed, err := tx.RemovePasskey(account.Key, id)
		if err != nil {
			return err
		}
		if !removed {
			return fmt.Errorf("%w: no such passkey", retinue.ErrNotFound)
		}
		if err := s.keepFactor(account, left); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordFactorRemoved, string(account.ID), details{"factor": "passkey", "passkey": id}, nil)
		return nil
	})
}
