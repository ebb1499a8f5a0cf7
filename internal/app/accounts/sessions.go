package accounts

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Sessions lists the sessions of the caller's account, the latest first.
func (s *Service) Sessions(ctx context.Context, c auth.Caller) (out []store.Session, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		account, err := tx.Account(c.Account)
		if err != nil {
			return err
		}
		out, err = tx.SessionsOf(account.Key)
		return err
	})
	return out, err
}

// EndSession ends a session of the caller's account.
func (s *Service) EndSession(ctx context.Context, c auth.Caller, id store.SessionID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		session, err := tx.Session(id)
		if err != nil {
			return err
		}
		if session.Account != c.Account || c.Account == "" {
			return fmt.Errorf("%w: no such session", retinue.ErrNotFound)
		}
		record(tx, c.Actor, retinue.RecordSessionRevoked, string(id), nil, nil)
		return tx.EndSession(session.Key)
	})
}

// EndOtherSessions ends the sessions of the caller's account but the one that
// asks, and returns how many.
func (s *Service) EndOtherSessions(ctx context.Context, c auth.Caller) (n int64, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, session, err := s.own(tx, c)
		if err != nil {
			return err
		}
		if n, err = tx.EndSessionsOf(account.Key, session.Key); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordSessionRevoked, string(account.ID), details{"others": n}, nil)
		return tx.ForgetDevices(account.Key)
	})
	return n, err
}

// DisplayName is how the console calls a caller.
func (s *Service) DisplayName(ctx context.Context, c auth.Caller) (name string, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		a, err := tx.Account(c.Account)
		if notFound(err) {
			name = c.Actor.Name
			return nil
		}
		if name = a.Name; name == "" {
			name = a.Login
		}
		return err
	})
	return name, err
}
