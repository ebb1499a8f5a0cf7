package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// errSession says that only a person in a browser can do something.
var errSession = fmt.Errorf("%w: it needs a session of a browser", retinue.ErrDenied)

// own reads the account of a session, pending or not.
func (s *Service) own(tx *sqlstore.Tx, c auth.Caller) (store.Account, store.Session, error) {
	if c.Kind != auth.KindSession {
		return store.Account{}, store.Session{}, errSession
	}
	session, err := tx.Session(c.Session)
	if err != nil {
		return store.Account{}, session, err
	}
	account, err := tx.AccountByKey(session.AccountKey)
	if err == nil && !account.Active {
		err = errInactive
	}
	return account, session, err
}

func hasFactor(a store.Account) bool { return a.HasTOTP || a.Passkeys > 0 }

// freshFor reports a caller who has a second factor and did not just prove it.
// The first one is set up without.
func (s *Service) freshFor(c auth.Caller, a store.Account) error {
	if hasFactor(a) && (c.Pending != "" || !c.IsFresh(s.db.Now())) {
		return auth.ErrNotFresh
	}
	return nil
}

// Factors lists what the caller's account proves itself with.
func (s *Service) Factors(ctx context.Context, c auth.Caller) (f auth.Factors, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		account, _, err := s.own(tx, c)
		if err != nil {
			return err
		}
		f.Password, f.TOTP = account.HasPassword, account.HasTOTP
		keys, err1 := tx.Passkeys(account.Key)
		left, err2 := tx.RecoveryCodesLeft(account.Key)
		subjects, err3 := tx.SubjectsOf(account.Key, "")
		f.Passkeys, f.RecoveryCodes, f.SingleSignOn = keys, left, subjects > 0
		return errors.Join(err1, err2, err3)
	})
	return f, err
}

// SetPassword sets the caller's password. It wants the present one, or where
// there is none a fresh second factor, and ends the other sessions.
func (s *Service) SetPassword(ctx context.Context, p auth.Presented, c auth.Caller, present, password string) error {
	var account store.Account
	var session store.Session
	var secrets store.AccountSecrets
	err := s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		if account, session, err = s.own(tx, c); err != nil {
			return err
		}
		secrets, err = tx.AccountSecrets(account.Key)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.freshFor(c, account); err != nil {
		return err
	}
	if err := auth.CheckPassword(password, account.Login, account.Name, account.Email); err != nil {
		return err
	}
	t := ticket{}
	if account.HasPassword {
		if t, err = s.admitFactor(ctx, p, account); err != nil {
			return err
		}
		ok, _, err := s.passwords.Verify(ctx, secrets.Password, present)
		if err != nil {
			return err
		}
		if !ok {
			return s.failed(ctx, p, "password")
		}
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := t.settle(tx); err != nil {
			return err
		}
		if err := tx.SetPassword(account.Key, hash); err != nil {
			return err
		}
		if err := tx.ForgetDevices(account.Key); err != nil {
			return err
		}
		ended, err := tx.EndSessionsOf(account.Key, session.Key)
		record(tx, c.Actor, retinue.RecordPasswordSet, string(account.ID), details{"sessionsEnded": ended}, nil)
		return err
	})
}

// totpFlow is what is remembered of it: sealed.
type totpFlow struct {
	Sealed []byte `json:"sealed"`
}

// BeginTOTP makes a secret of one-time codes for the caller's account.
func (s *Service) BeginTOTP(ctx context.Context, c auth.Caller) (auth.NewTOTP, *http.Cookie, error) {
	var account store.Account
	err := s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		account, _, err = s.own(tx, c)
		return err
	})
	if err == nil {
		err = s.freshFor(c, account)
	}
	if err != nil {
		return auth.NewTOTP{}, nil, err
	}
	secret := auth.NewTOTPSecret()
	sealed, err := s.seal.Seal(ctx, secret, totpPlace(account.ID))
	if err != nil {
		return auth.NewTOTP{}, nil, err
	}
	var cookie *http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		cookie, err = s.begin(tx, store.Flow{Kind: flowTOTP, AccountKey: account.Key}, totpFlow{sealed})
		return err
	})
	return auth.NewTOTP{Secret: auth.TOTPSecretText(secret), URL: auth.TOTPURL("Retinue", account.Login, secret)}, cookie, err
}

// FinishTOTP sets one-time codes up once the first code is right. It returns
// recovery codes, shown this once, when the account had none left.
func (s *Service) FinishTOTP(ctx context.Context, p auth.Presented, c auth.Caller, code string) ([]string, []*http.Cookie, error) {
	var account store.Account
	var flow store.Flow
	var body totpFlow
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		if account, _, err = s.own(tx, c); err != nil {
			return err
		}
		if err = s.freshFor(c, account); err != nil {
			return err
		}
		if flow, err = peek(tx, flowTOTP, p.Flow, &body); err != nil {
			return err
		}
		if flow.AccountKey != account.Key {
			return auth.Wrong("flow of another account")
		}
		_, err = tx.TryFlow(flow.Key)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if flow.Attempts >= maxTries {
		return nil, nil, s.failed(ctx, p, "code")
	}
	secret, err := s.seal.Open(ctx, body.Sealed, totpPlace(account.ID))
	if err != nil {
		return nil, nil, err
	}
	defer clear(secret)
	step, ok := auth.CheckTOTP(secret, code, 0, s.db.Now())
	if !ok {
		return nil, nil, auth.Wrong("code")
	}
	var codes []string
	var cookies []*http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if ended, err := tx.EndFlow(flow.Key); err != nil || !ended {
			return errors.Join(err, auth.Wrong("flow ended"))
		}
		if err := tx.SetTOTP(account.Key, body.Sealed, step); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordFactorAdded, string(account.ID), details{"factor": "totp"}, nil)
		left, err := tx.RecoveryCodesLeft(account.Key)
		if err == nil && left == 0 {
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

// newCodes replaces an account's recovery codes.
func newCodes(tx *sqlstore.Tx, c auth.Caller, account store.Account) ([]string, error) {
	codes := auth.NewRecoveryCodes()
	hashes := make([][]byte, len(codes))
	for i, code := range codes {
		hashes[i], _ = auth.HashRecoveryCode(code)
	}
	record(tx, c.Actor, retinue.RecordFactorAdded, string(account.ID), details{"factor": "recovery codes", "count": len(codes)}, nil)
	return codes, tx.SetRecoveryCodes(account.Key, hashes)
}

// NewRecoveryCodes replaces the caller's recovery codes. They are shown this
// once.
func (s *Service) NewRecoveryCodes(ctx context.Context, c auth.Caller) (codes []string, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, _, err := s.own(tx, c)
		if err != nil {
			return err
		}
		if !hasFactor(account) {
			return auth.ErrNoFactor
		}
		if err := s.freshFor(c, account); err != nil {
			return err
		}
		codes, err = newCodes(tx, c, account)
		return err
	})
	return codes, err
}

// RemoveTOTP removes the caller's one-time codes. The last second factor of an
// account that signs in by a password stays.
func (s *Service) RemoveTOTP(ctx context.Context, c auth.Caller) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, _, err := s.own(tx, c)
		if err != nil {
			return err
		}
		if err := s.freshFor(c, account); err != nil {
			return err
		}
		if !account.HasTOTP {
			return fmt.Errorf("%w: there are no one-time codes", retinue.ErrNotFound)
		}
		if err := s.keepFactor(account, account.Passkeys); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordFactorRemoved, string(account.ID), details{"factor": "totp"}, nil)
		return tx.SetTOTP(account.Key, nil, 0)
	})
}

// keepFactor reports that an account with left factors could not sign in, or
// not by two factors.
func (s *Service) keepFactor(account store.Account, left int) error {
	if left > 0 || s.loopback && account.HasPassword {
		return nil
	}
	return fmt.Errorf("%w: it is the last second factor: set up another first", retinue.ErrConflict)
}

// elevate marks the session as fresh with nothing pending, and gives it a new
// value: what it may do has changed.
func (s *Service) elevate(tx *sqlstore.Tx, p auth.Presented, c auth.Caller) ([]*http.Cookie, error) {
	session, err := tx.Session(c.Session)
	if err != nil {
		return nil, err
	}
	if err := tx.FreshenSession(session.Key, ""); err != nil {
		return nil, err
	}
	hash, ok := auth.ParseSecret(p.Session)
	if !ok {
		return nil, nil
	}
	value := auth.NewSecret()
	cookies := []*http.Cookie{s.front.FlowCookie("")}
	rotated, err := tx.RotateSession(session.Key, hash, auth.HashSecret(value), session.RotatedAt)
	if rotated {
		cookies = append(cookies, s.front.SessionCookie(value, session.ExpiresAt.Sub(tx.At())))
	}
	if session.Pending != "" && err == nil {
		device := auth.NewSecret()
		cookies = append(cookies, s.front.DeviceCookie(device))
		err = tx.KnowDevice(auth.HashSecret(device), session.AccountKey)
	}
	return cookies, err
}

// RefreshCode proves a second factor anew by a one-time or recovery code.
func (s *Service) RefreshCode(ctx context.Context, p auth.Presented, c auth.Caller, code string) ([]*http.Cookie, error) {
	account, err := s.ownAccount(ctx, c)
	if err != nil {
		return nil, err
	}
	t, err := s.admitFactor(ctx, p, account)
	if err != nil {
		return nil, err
	}
	how, err := s.proveCode(ctx, account, code)
	if err != nil {
		return nil, err
	}
	if how == nil {
		return nil, s.failed(ctx, p, "code")
	}
	wrong := false
	var cookies []*http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		used, err := how(tx)
		if err != nil || !used {
			wrong = !used
			return err
		}
		cookies, err = s.refreshed(tx, p, c, account, t, "code")
		return err
	})
	if err == nil && wrong {
		err = s.failed(ctx, p, "code used again")
	}
	return cookies, err
}

// RefreshPassword stands in for a second factor while the account has none.
func (s *Service) RefreshPassword(ctx context.Context, p auth.Presented, c auth.Caller, password string) ([]*http.Cookie, error) {
	account, err := s.ownAccount(ctx, c)
	if err != nil {
		return nil, err
	}
	if hasFactor(account) || !s.loopback {
		return nil, fmt.Errorf("%w: confirm with a second factor instead", retinue.ErrConflict)
	}
	t, err := s.admitFactor(ctx, p, account)
	if err != nil {
		return nil, err
	}
	var secrets store.AccountSecrets
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		secrets, err = tx.AccountSecrets(account.Key)
		return err
	})
	if err != nil {
		return nil, err
	}
	ok, _, err := s.passwords.Verify(ctx, secrets.Password, password)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, s.failed(ctx, p, "password")
	}
	var cookies []*http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		cookies, err = s.refreshed(tx, p, c, account, t, "password")
		return err
	})
	return cookies, err
}

func (s *Service) refreshed(tx *sqlstore.Tx, p auth.Presented, c auth.Caller, account store.Account, t ticket, factor string) ([]*http.Cookie, error) {
	if err := t.settle(tx); err != nil {
		return nil, err
	}
	record(tx, person(account.ID), retinue.RecordFactorConfirmed, string(account.ID), details{"factor": factor, "session": c.Session},
		map[string]string{"origin": p.Client})
	return s.elevate(tx, p, c)
}

// ownAccount reads the account of a session with nothing pending.
func (s *Service) ownAccount(ctx context.Context, c auth.Caller) (account store.Account, err error) {
	if !c.SignedIn() {
		return account, errSession
	}
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		account, _, err = s.own(tx, c)
		return err
	})
	return account, err
}

// challenge is what a passkey's challenge leaves in a flow.
type challenge struct {
	Name  string          `json:"name,omitempty"`
	State json.RawMessage `json:"state"`
}
