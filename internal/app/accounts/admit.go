package accounts

import (
	"context"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// ticket is the right to one attempt. Its failure is counted before the proof
// is looked at, so that many attempts at once gain nothing; success takes it
// back.
type ticket struct {
	forget  [][]byte // throttles that a success clears
	uncount [][]byte // throttles that it lowers by its own attempt
}

// knownDevice reports whether the browser has signed in to an account before.
// It asks the store whether or not there is one, so that both take as long.
func knownDevice(tx *sqlstore.Tx, p auth.Presented, account int64) (bool, error) {
	hash, ok := auth.ParseSecret(p.Device)
	if !ok {
		hash = auth.HashSecret("no device")
	}
	known, err := tx.DeviceKnown(hash, account)
	return known && ok && account != 0, err
}

// admit lets an attempt at a password through, or says how long to wait.
func (s *Service) admit(ctx context.Context, p auth.Presented, login string) (t ticket, err error) {
	login = auth.ThrottleLogin(login)
	origin := auth.ThrottleOrigin(p.Client)
	var refused error
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, err := tx.AccountByLogin(login)
		if err != nil && !notFound(err) {
			return err
		}
		known, err := knownDevice(tx, p, account.Key)
		if err != nil {
			return err
		}
		whole := auth.ThrottleKey("account", login)
		attack, err := tx.Throttle(whole)
		if err != nil {
			return err
		}
		checks := []check{{auth.ThrottleKey("pair", login, origin), auth.PacePair(attack.Failures >= auth.AttackAfter)},
			{auth.ThrottleKey("origin", origin), auth.PaceOrigin()}}
		t = ticket{forget: [][]byte{checks[0].key}, uncount: [][]byte{checks[1].key, whole}}
		count := [][]byte{checks[0].key, checks[1].key, whole}
		if known {
			key := auth.ThrottleKey("device", login, string(auth.HashSecret(p.Device)))
			checks = []check{{key, auth.PaceDevice()}}
			t, count = ticket{forget: [][]byte{key}}, [][]byte{key}
		}
		if refused, err = tooEarly(tx, checks); err != nil || refused != nil {
			return err
		}
		return countAll(tx, count)
	})
	if err == nil && refused != nil {
		s.CountDenial(p.Client, "too many attempts")
		err = refused
	}
	return t, err
}

// admitFactor lets an attempt at a second factor through. Whoever gets here has
// the password, or the session.
func (s *Service) admitFactor(ctx context.Context, p auth.Presented, account store.Account) (t ticket, err error) {
	var refused error
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		known, err := knownDevice(tx, p, account.Key)
		if err != nil {
			return err
		}
		c := check{auth.ThrottleKey("factor", string(account.ID)), auth.PaceFactor()}
		if known {
			c = check{auth.ThrottleKey("factor", string(account.ID), string(auth.HashSecret(p.Device))), auth.PaceDevice()}
		}
		t = ticket{forget: [][]byte{c.key}}
		if refused, err = tooEarly(tx, []check{c}); err != nil || refused != nil {
			return err
		}
		return countAll(tx, t.forget)
	})
	if err == nil && refused != nil {
		s.CountDenial(p.Client, "too many attempts")
		err = refused
	}
	return t, err
}

type check struct {
	key  []byte
	pace auth.Pace
}

func tooEarly(tx *sqlstore.Tx, checks []check) (refused, err error) {
	for _, c := range checks {
		t, err := tx.Throttle(c.key)
		if err != nil {
			return nil, err
		}
		if wait := c.pace.Wait(t, tx.At()); wait > 0 {
			return &auth.TooManyError{Wait: wait}, nil
		}
	}
	return nil, nil
}

func countAll(tx *sqlstore.Tx, keys [][]byte) error {
	for _, k := range keys {
		if err := tx.CountFailure(k, auth.ThrottleWindow); err != nil {
			return err
		}
	}
	return nil
}

// settle takes the failure back that admit counted.
func (t ticket) settle(tx *sqlstore.Tx) error {
	for _, k := range t.forget {
		if err := tx.ForgetFailures(k); err != nil {
			return err
		}
	}
	for _, k := range t.uncount {
		if err := tx.UncountFailure(k); err != nil {
			return err
		}
	}
	return nil
}

// failed keeps a failure for the record of its minute, and returns the one
// answer that all failures have.
func (s *Service) failed(ctx context.Context, p auth.Presented, reason string) error {
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		return tx.CountDenials(store.Denials{Minute: tx.At(), Origin: auth.ThrottleOrigin(p.Client), Reason: reason, Count: 1})
	})
	if err != nil {
		return err
	}
	return auth.Wrong(reason)
}
