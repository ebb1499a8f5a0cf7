package accounts

import (
	"context"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// The life of tokens.
const (
	MaxTokenLife = 366 * 24 * time.Hour
	cliTokenLife = 30 * 24 * time.Hour
	maxTokens    = 200 // that live, of one account
)

// CreateToken makes a token and returns its value, shown this once. A token of
// kind api or cli acts for the caller's account, and at every use has the less
// of what it was made for and what the account has then. One of kind scim or
// collector belongs to the installation; whoever makes it must have what it
// may do.
func (s *Service) CreateToken(ctx context.Context, c auth.Caller, n auth.TokenSpec) (t store.Token, value string, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		t, value, err = s.createToken(tx, c, n)
		return err
	})
	return t, value, err
}

func (s *Service) createToken(tx *sqlstore.Tx, c auth.Caller, n auth.TokenSpec) (store.Token, string, error) {
	if c.Kind != auth.KindSession && c.Kind != auth.KindSystem {
		return store.Token{}, "", fmt.Errorf("%w: a token makes no tokens", retinue.ErrDenied)
	}
	if err := checkToken(n, tx.At()); err != nil {
		return store.Token{}, "", err
	}
	t := store.Token{Kind: n.Kind, Name: clean(n.Name), Scope: n.Scope, Realms: n.Realms, ExpiresAt: n.ExpiresAt.UTC().Truncate(time.Microsecond),
		CreatedBy: c.Actor.Name, Permissions: []string{}}
	var err error
	switch n.Kind {
	case store.TokenKindAPI, store.TokenKindCLI:
		if t, err = s.ownToken(tx, c, t); err == nil {
			err = c.MayDelegate(n.Permissions, n.Scope)
		}
	case store.TokenKindSCIM:
		n.Permissions, t.Scope = []auth.Permission{auth.PermAccountsManage}, store.Everything()
		err = c.MayGrant(auth.RoleAdmin, store.Everything())
	case store.TokenKindCollector:
		n.Permissions, t.Scope = []auth.Permission{auth.PermIngestWrite}, store.Everything()
		if err = c.Authorize(auth.PermSourcesManage); err == nil {
			err = c.MayDelegate(n.Permissions, t.Scope)
		}
	}
	if err != nil {
		return t, "", err
	}
	for _, p := range n.Permissions {
		t.Permissions = append(t.Permissions, string(p))
	}
	value := auth.NewToken()
	t.Hint = auth.TokenHint(value)
	t, err = tx.CreateToken(t, auth.HashSecret(value))
	record(tx, c.Actor, retinue.RecordTokenCreated, string(t.ID), details{"kind": t.Kind, "account": t.Account, "permissions": t.Permissions,
		"scope": t.Scope, "realms": t.Realms, "expires": t.ExpiresAt}, map[string]string{"name": t.Name})
	return t, value, err
}

// ownToken binds a token to the caller's account.
func (s *Service) ownToken(tx *sqlstore.Tx, c auth.Caller, t store.Token) (store.Token, error) {
	a, err := tx.Account(c.Account)
	if err != nil {
		return t, fmt.Errorf("%w: a token acts for an account", retinue.ErrDenied)
	}
	have, err := tx.Tokens(store.TokenQuery{Account: a.ID, Limit: maxTokens})
	if err == nil && len(have) >= maxTokens {
		err = fmt.Errorf("%w: an account has at most %d tokens: revoke some", retinue.ErrConflict, maxTokens)
	}
	t.Account, t.AccountKey = a.ID, a.Key
	return t, err
}

func checkToken(n auth.TokenSpec, now time.Time) error {
	field := func(name, why string) error {
		return &retinue.FieldError{Field: "body." + name, Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, why)}
	}
	switch n.Kind {
	case store.TokenKindAPI, store.TokenKindCLI, store.TokenKindSCIM, store.TokenKindCollector:
	default:
		return field("kind", "want api, scim or collector")
	}
	switch {
	case clean(n.Name) == "" || len(n.Name) > 200:
		return field("name", "say what the token is for, in at most 200 bytes")
	case !n.ExpiresAt.After(now):
		return field("expiresAt", "give a time in the future")
	case n.ExpiresAt.Sub(now) > MaxTokenLife:
		return field("expiresAt", "a token lives a year at most")
	case n.Kind == store.TokenKindCollector && len(n.Realms) == 0:
		return field("realms", "a collector is bound to the realms that it may write")
	case n.Kind != store.TokenKindCollector && len(n.Realms) > 0:
		return field("realms", "only a collector is bound to realms")
	}
	if n.Kind == store.TokenKindAPI || n.Kind == store.TokenKindCLI {
		if len(n.Permissions) == 0 {
			return field("permissions", "name at least one")
		}
		if n.Scope.Empty() {
			return field("scope", "say on what: all, sources, units, tags, teams or owners")
		}
	}
	for _, p := range n.Permissions {
		if err := p.Validate(); err != nil {
			return &retinue.FieldError{Field: "body.permissions", Err: err}
		}
	}
	return nil
}

// Tokens lists tokens: the caller's own, or everybody's for who manages them.
func (s *Service) Tokens(ctx context.Context, c auth.Caller, everybody bool, q store.TokenQuery) (out []store.Token, err error) {
	if everybody {
		if err := c.Authorize(auth.PermTokensManage); err != nil {
			return nil, err
		}
	} else if q.Account = c.Account; c.Account == "" {
		return nil, nil
	}
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		out, err = tx.Tokens(q)
		return err
	})
	return out, err
}

// RevokeToken ends a token of the caller's, or anybody's for who manages them.
func (s *Service) RevokeToken(ctx context.Context, c auth.Caller, id store.TokenID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		t, err := tx.Token(id)
		if err != nil {
			return err
		}
		if (t.Account == "" || t.Account != c.Account) && !c.Can(auth.PermTokensManage) {
			return fmt.Errorf("%w: no such token", retinue.ErrNotFound)
		}
		ended, err := tx.RevokeToken(t.Key)
		if err == nil && ended {
			record(tx, c.Actor, retinue.RecordTokenRevoked, string(t.ID), details{"kind": t.Kind, "account": t.Account}, nil)
		}
		return err
	})
}
