package accounts

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Authenticate finds out who sends a request. A request without credentials is
// nobody's and no error. The cookies are to be set with the answer: a session
// that was rotated has a new value, one that ended is removed.
func (s *Service) Authenticate(ctx context.Context, p auth.Presented) (auth.Caller, []*http.Cookie, error) {
	switch {
	case p.Bearer != "":
		c, err := s.token(ctx, p)
		return c, nil, err
	case p.Session != "":
		return s.session(ctx, p)
	}
	return auth.Caller{}, nil, nil
}

func (s *Service) session(ctx context.Context, p auth.Presented) (auth.Caller, []*http.Cookie, error) {
	hash, ok := auth.ParseSecret(p.Session)
	if !ok {
		return auth.Caller{}, nil, nil
	}
	var session store.Session
	var c auth.Caller
	err := s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		if session, err = tx.SessionByHash(hash); err != nil {
			return err
		}
		c, err = callerOf(tx, session.AccountKey)
		return err
	})
	if notFound(err) {
		// The cookie is left alone: a request that was overtaken by a new
		// value must not remove that.
		return auth.Caller{}, nil, nil
	}
	if err != nil {
		return auth.Caller{}, nil, err
	}
	c.Kind, c.Session, c.Fresh, c.Pending = auth.KindSession, session.ID, session.FreshAt, session.Pending
	if c.Pending != "" {
		c.Bindings, c.Owners = nil, nil
	}
	step := s.limits.Step(session, s.db.Now())
	if c.Account == "" {
		step = auth.SessionEnded // the account is not active
	}
	cookies, live, err := s.step(ctx, session, hash, step)
	if err != nil || !live {
		return auth.Caller{}, cookies, err
	}
	return c, cookies, nil
}

// step does what is to be done with a session that was presented, and reports
// whether it lives.
func (s *Service) step(ctx context.Context, session store.Session, hash []byte, step auth.SessionStep) (cookies []*http.Cookie, live bool, err error) {
	switch step {
	case auth.SessionUse:
		return nil, true, nil
	case auth.SessionSee:
		return nil, true, s.db.Update(ctx, func(tx *sqlstore.Tx) error { return tx.SeeSession(session.Key) })
	case auth.SessionConfirm:
		return nil, true, s.db.Update(ctx, func(tx *sqlstore.Tx) error { return tx.ConfirmSession(session.Key) })
	case auth.SessionRotate:
		value, rotated := auth.NewSecret(), false
		err := s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
			rotated, err = tx.RotateSession(session.Key, hash, auth.HashSecret(value), session.RotatedAt)
			return err
		})
		if rotated {
			cookies = []*http.Cookie{s.front.SessionCookie(value, session.ExpiresAt.Sub(s.db.Now()))}
		}
		return cookies, true, err
	}
	action := retinue.RecordSignedOut
	if step == auth.SessionReplayed {
		action = retinue.RecordSessionReplayed
	}
	return []*http.Cookie{s.front.SessionCookie("", 0)}, false, s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		record(tx, retinue.Actor{Kind: "system", Name: "sign-in"}, action, string(session.ID), details{"account": session.Account}, nil)
		return tx.EndSession(session.Key)
	})
}

// callerOf returns what an account may do. An inactive one has no id and may do
// nothing.
func callerOf(tx *sqlstore.Tx, key int64) (auth.Caller, error) {
	account, err := tx.AccountByKey(key)
	if err != nil || !account.Active {
		return auth.Caller{}, err
	}
	c := auth.Caller{Actor: person(account.ID), Account: account.ID, Owners: []string{string(account.ID), account.Login}}
	if account.Email != "" {
		c.Owners = append(c.Owners, account.Email, strings.ToLower(account.Email))
	}
	slices.Sort(c.Owners)
	c.Owners = slices.Compact(c.Owners)
	groups, err := tx.GroupsOf(key)
	if err != nil {
		return c, err
	}
	teams := make([]string, len(groups))
	for i, g := range groups {
		teams[i] = g.Name
	}
	rows, err := tx.BindingsOf(key)
	for _, b := range rows {
		c.Bindings = append(c.Bindings, auth.Binding{ID: b.ID, Role: auth.Role(b.Role), Scope: resolve(b, c.Owners, teams)})
	}
	c.Owners = append(c.Owners, teams...)
	return c, err
}

// resolve replaces "own" by what that is now.
func resolve(b store.RoleBinding, owners, teams []string) store.RowScope {
	if !b.Own {
		return b.Scope
	}
	return b.Scope.Union(store.RowScope{Owners: owners, Teams: teams})
}

// token finds out who sends a token.
func (s *Service) token(ctx context.Context, p auth.Presented) (auth.Caller, error) {
	hash, err := auth.ParseToken(p.Bearer)
	if err != nil {
		return auth.Caller{}, err
	}
	var t store.Token
	var c auth.Caller
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		if t, err = tx.TokenByHash(hash); err != nil {
			return err
		}
		c, err = TokenCaller(tx, t)
		return err
	})
	if notFound(err) {
		return auth.Caller{}, s.unknownToken(ctx, p)
	}
	if err != nil {
		return auth.Caller{}, err
	}
	now := s.db.Now()
	switch {
	case !t.RevokedAt.IsZero():
		return auth.Caller{}, fmt.Errorf("%w: the token was revoked", retinue.ErrDenied)
	case !now.Before(t.ExpiresAt):
		return auth.Caller{}, fmt.Errorf("%w: the token expired on %s", retinue.ErrDenied, t.ExpiresAt.Format(time.DateOnly))
	case c.Kind == auth.KindNone:
		return auth.Caller{}, errInactive
	}
	if now.Sub(t.LastUsed) >= auth.SeenEvery {
		err = s.db.Update(ctx, func(tx *sqlstore.Tx) error { return tx.UseToken(t.Key) })
	}
	return c, err
}

// TokenCaller is what a token may do: what it was made for, and no more than
// its account may now. A token without an account belongs to the installation.
func TokenCaller(tx *sqlstore.Tx, t store.Token) (auth.Caller, error) {
	limit := &auth.Limit{Scope: t.Scope}
	for _, p := range t.Permissions {
		limit.Permissions = append(limit.Permissions, auth.Permission(p))
	}
	c := auth.Caller{Actor: retinue.Actor{Kind: "token", Name: string(t.ID)},
		Bindings: []auth.Binding{{Role: auth.RoleAdmin, Scope: store.Everything()}}}
	if t.Kind == store.TokenKindCollector {
		c.Kind, c.Actor.Kind = auth.KindCollector, "collector"
	} else {
		c.Kind = auth.KindToken
	}
	if t.AccountKey != 0 {
		of, err := callerOf(tx, t.AccountKey)
		if err != nil {
			return auth.Caller{}, err
		}
		if of.Account == "" {
			return auth.Caller{}, nil
		}
		c.Account, c.Bindings, c.Owners = of.Account, of.Bindings, of.Owners
		c.Actor = retinue.Actor{Kind: "person", Name: string(of.Account), Host: string(t.ID)}
	}
	c.Token, c.Limit, c.Realms = t.ID, limit, t.Realms
	return c, nil
}

// unknownToken slows whoever tries tokens.
func (s *Service) unknownToken(ctx context.Context, p auth.Presented) error {
	var refused error
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		c := check{auth.ThrottleKey("token", auth.ThrottleOrigin(p.Client)), auth.PaceToken()}
		if refused, err = tooEarly(tx, []check{c}); err != nil || refused != nil {
			return err
		}
		return countAll(tx, [][]byte{c.key})
	})
	if err != nil {
		return err
	}
	if refused != nil {
		return refused
	}
	return fmt.Errorf("%w: the token is not known", retinue.ErrDenied)
}
