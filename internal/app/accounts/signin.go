package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// The kinds of flow.
const (
	flowFactor     = "factor"      // a password was right; a code is wanted
	flowPasskey    = "passkey"     // a challenge to sign in
	flowConfirm    = "confirm"     // a challenge for a fresh second factor
	flowAddPasskey = "add-passkey" // a challenge to register
	flowTOTP       = "totp"        // a secret that awaits its first code
	flowSSO        = "sso"         // away at a provider
	flowSetUp      = "set-up"      // the link of the first start
	flowLink       = "link"        // a one-time link
	flowInvitation = "invitation"
	flowDevice     = "device"
)

// maxTries is how many codes one sign-in may try.
const maxTries = 5

// begin keeps a flow and returns the cookie that finishes it.
func (s *Service) begin(tx *sqlstore.Tx, f store.Flow, body any) (*http.Cookie, error) {
	secret, _, err := s.beginSecret(tx, f, auth.FlowFor, body)
	return s.front.FlowCookie(secret), err
}

func (s *Service) beginSecret(tx *sqlstore.Tx, f store.Flow, life time.Duration, body any) (string, store.Flow, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", f, err
	}
	f.Body, f.ExpiresAt = b, tx.At().Add(life)
	secret := auth.NewSecret()
	f, err = tx.CreateFlow(f, auth.HashSecret(secret))
	return secret, f, err
}

// take finds the flow of a secret and ends it: it counts once.
func take(tx *sqlstore.Tx, kind, secret string, body any) (store.Flow, error) {
	f, err := peek(tx, kind, secret, body)
	if err != nil {
		return f, err
	}
	ended, err := tx.EndFlow(f.Key)
	if err == nil && !ended {
		err = auth.Wrong("flow ended")
	}
	return f, err
}

// peek finds the flow of a secret.
func peek(tx *sqlstore.Tx, kind, secret string, body any) (store.Flow, error) {
	hash, ok := auth.ParseSecret(secret)
	if !ok {
		return store.Flow{}, auth.Wrong("no flow")
	}
	f, err := tx.FlowByHash(kind, hash)
	if notFound(err) {
		return f, auth.Wrong("flow not found")
	}
	if err != nil || body == nil {
		return f, err
	}
	return f, json.Unmarshal(f.Body, body)
}

// SignInPassword takes the first step of signing in by a password. A login that
// does not exist, one without a password, an inactive one and a wrong password
// take the same time and get the same answer.
func (s *Service) SignInPassword(ctx context.Context, p auth.Presented, login, password string) (auth.Outcome, error) {
	t, err := s.admit(ctx, p, login)
	if err != nil {
		return auth.Outcome{}, err
	}
	var account store.Account
	var secrets store.AccountSecrets
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		if account, err = tx.AccountByLogin(auth.ThrottleLogin(login)); err != nil {
			if notFound(err) {
				return nil
			}
			return err
		}
		secrets, err = tx.AccountSecrets(account.Key)
		return err
	})
	if err != nil {
		return auth.Outcome{}, err
	}
	ok, stale, err := s.passwords.Verify(ctx, secrets.Password, password)
	if err != nil {
		return auth.Outcome{}, err
	}
	if !ok || !account.Active {
		return auth.Outcome{}, s.failed(ctx, p, "password")
	}
	rehashed := ""
	if stale {
		if rehashed, err = s.passwords.Hash(ctx, password); err != nil {
			return auth.Outcome{}, err
		}
	}
	var out auth.Outcome
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := t.settle(tx); err != nil {
			return err
		}
		if rehashed != "" {
			if err := tx.SetPassword(account.Key, rehashed); err != nil {
				return err
			}
		}
		out, err = s.afterPassword(tx, p, account)
		return err
	})
	return out, err
}

// afterPassword says what comes after a right password.
func (s *Service) afterPassword(tx *sqlstore.Tx, p auth.Presented, account store.Account) (auth.Outcome, error) {
	switch {
	case account.HasTOTP:
		cookie, err := s.begin(tx, store.Flow{Kind: flowFactor, AccountKey: account.Key}, struct{}{})
		return auth.Outcome{Next: auth.NextCode, Cookies: []*http.Cookie{cookie}}, err
	case account.Passkeys > 0:
		return auth.Outcome{Next: auth.NextPasskey}, nil
	case s.loopback:
		return s.enter(tx, p, account, entry{method: "password", fresh: true})
	}
	return s.enter(tx, p, account, entry{method: "password", pending: auth.PendingEnrol})
}

// SignInCode takes the second step: a one-time code or a recovery code.
func (s *Service) SignInCode(ctx context.Context, p auth.Presented, code string) (auth.Outcome, error) {
	var flow store.Flow
	var account store.Account
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		if flow, err = peek(tx, flowFactor, p.Flow, nil); err != nil {
			return err
		}
		tries, err := tx.TryFlow(flow.Key)
		if err != nil {
			return err
		}
		if tries > maxTries {
			flow.Key = 0
			return nil
		}
		account, err = tx.AccountByKey(flow.AccountKey)
		return err
	})
	if err != nil {
		return auth.Outcome{}, err
	}
	if flow.Key == 0 || !account.Active {
		return auth.Outcome{}, s.failed(ctx, p, "code")
	}
	t, err := s.admitFactor(ctx, p, account)
	if err != nil {
		return auth.Outcome{}, err
	}
	how, err := s.proveCode(ctx, account, code)
	if err != nil {
		return auth.Outcome{}, err
	}
	if how == nil {
		return auth.Outcome{}, s.failed(ctx, p, "code")
	}
	var out auth.Outcome
	wrong := false
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		used, err := how(tx)
		if err != nil || !used {
			wrong = !used
			return err
		}
		if ended, err := tx.EndFlow(flow.Key); err != nil || !ended {
			wrong = !ended
			return err
		}
		if err := t.settle(tx); err != nil {
			return err
		}
		out, err = s.enter(tx, p, account, entry{method: "password", fresh: true})
		return err
	})
	if err == nil && wrong {
		err = s.failed(ctx, p, "code used again")
	}
	return out, err
}

// proveCode checks a one-time or recovery code of an account. It returns what
// uses the code up, or nil for one that is wrong.
func (s *Service) proveCode(ctx context.Context, account store.Account, code string) (func(*sqlstore.Tx) (bool, error), error) {
	if hash, ok := auth.HashRecoveryCode(code); ok {
		return func(tx *sqlstore.Tx) (bool, error) { return tx.UseRecoveryCode(account.Key, hash) }, nil
	}
	var secrets store.AccountSecrets
	err := s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		secrets, err = tx.AccountSecrets(account.Key)
		return err
	})
	if err != nil || len(secrets.TOTP) == 0 {
		return nil, err
	}
	secret, err := s.seal.Open(ctx, secrets.TOTP, totpPlace(account.ID))
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	step, ok := auth.CheckTOTP(secret, code, secrets.TOTPStep, s.db.Now())
	if !ok {
		return nil, nil
	}
	return func(tx *sqlstore.Tx) (bool, error) { return tx.UseTOTPStep(account.Key, step) }, nil
}

// entry is how a session begins.
type entry struct {
	method  string
	pending string
	fresh   bool
}

// enter begins a session. One that the browser had ends, so that no value that
// somebody planted is ever signed in.
func (s *Service) enter(tx *sqlstore.Tx, p auth.Presented, account store.Account, e entry) (auth.Outcome, error) {
	if hash, ok := auth.ParseSecret(p.Session); ok {
		old, err := tx.SessionByHash(hash)
		if err == nil {
			err = tx.EndSession(old.Key)
		}
		if err != nil && !notFound(err) {
			return auth.Outcome{}, err
		}
	}
	value := auth.NewSecret()
	session := store.Session{AccountKey: account.Key, Hash: auth.HashSecret(value), Method: e.method, Pending: e.pending,
		ExpiresAt: tx.At().Add(s.limits.Absolute), Origin: p.Client, Agent: p.Agent}
	if e.fresh {
		session.FreshAt = tx.At()
	}
	session, err := tx.CreateSession(session)
	if err != nil {
		return auth.Outcome{}, err
	}
	out := auth.Outcome{Next: auth.NextDone, Cookies: []*http.Cookie{s.front.SessionCookie(value, s.limits.Absolute), s.front.FlowCookie("")}}
	if e.pending == auth.PendingEnrol {
		out.Next = auth.NextEnrol
	} else {
		device := p.Device
		if known, err := knownDevice(tx, p, account.Key); err != nil {
			return out, err
		} else if !known {
			device = auth.NewSecret()
		}
		if err := tx.KnowDevice(auth.HashSecret(device), account.Key); err != nil {
			return out, err
		}
		out.Cookies = append(out.Cookies, s.front.DeviceCookie(device))
	}
	if err := tx.SignedIn(account.Key); err != nil {
		return out, err
	}
	record(tx, person(account.ID), retinue.RecordSignedIn, string(account.ID),
		details{"method": e.method, "session": session.ID, "pending": e.pending}, map[string]string{"origin": p.Client, "agent": p.Agent})
	return out, nil
}

// SignOut ends the session that was presented.
func (s *Service) SignOut(ctx context.Context, p auth.Presented) ([]*http.Cookie, error) {
	gone := []*http.Cookie{s.front.SessionCookie("", 0), s.front.FlowCookie("")}
	hash, ok := auth.ParseSecret(p.Session)
	if !ok {
		return gone, nil
	}
	return gone, s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		session, err := tx.SessionByHash(hash)
		if err != nil {
			if notFound(err) {
				return nil
			}
			return err
		}
		record(tx, person(session.Account), retinue.RecordSignedOut, string(session.ID), nil, nil)
		return tx.EndSession(session.Key)
	})
}

// errInactive is what a session or token of an inactive account gets.
var errInactive = fmt.Errorf("%w: the account is not active", retinue.ErrDenied)
