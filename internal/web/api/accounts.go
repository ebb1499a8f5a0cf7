package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// People are the accounts of the installation.
type People interface {
	Accounts(ctx context.Context, q store.AccountQuery) ([]store.Account, int64, error)
	Account(ctx context.Context, id store.AccountID) (store.Account, error)
	// CreateAccount returns the link of the invitation too, shown once.
	CreateAccount(ctx context.Context, c auth.Caller, a store.Account, bindings []store.RoleBinding) (store.Account, string, error)
	ChangeAccount(ctx context.Context, c auth.Caller, id store.AccountID, ch auth.AccountChange) (store.Account, error)
	// ResetAccount resets once under a key that is not zero: a repetition makes
	// a new link alone, and is ErrConflict once the account is set up anew.
	ResetAccount(ctx context.Context, c auth.Caller, id store.AccountID, once store.AnswerKey) (string, error)
	DeleteAccount(ctx context.Context, c auth.Caller, id store.AccountID) error
}

// Invitations are links that were not used yet.
type Invitations interface {
	Invitations(ctx context.Context) ([]auth.Invitation, error)
	WithdrawInvitation(ctx context.Context, c auth.Caller, id store.FlowID) error
}

type accountsInput struct {
	ListInput
	Q      string `query:"q" maxLength:"200" doc:"In the login, the name or the e-mail address"`
	Active string `query:"active" enum:"true,false"`
}

// AccountInput names an account.
type AccountInput struct {
	ID store.AccountID `path:"id" maxLength:"64"`
}

// RoleGrant is a role on a part of the inventory.
type RoleGrant struct {
	Role  auth.Role      `json:"role" doc:"viewer, identity-owner, reviewer, auditor, operator or admin"`
	Scope store.RowScope `json:"scope,omitempty" doc:"Where the role holds"`
	Own   bool           `json:"own,omitempty" doc:"Also on what is registered as the account's own"`
}

type inviteInput struct {
	Body struct {
		Login string `json:"login" maxLength:"200"`
		Name  string `json:"name" maxLength:"200"`
		Email string `json:"email,omitempty" maxLength:"254" doc:"The login, where it is one and this is absent"`
		RoleGrant
	}
}

type invited struct {
	Account store.Account `json:"account"`
	URL     string        `json:"url" doc:"The link by which they set up how they sign in; shown this once"`
}

type changeAccountInput struct {
	AccountInput
	IfMatch
	Body struct {
		Login  *string `json:"login,omitempty" maxLength:"200"`
		Name   *string `json:"name,omitempty" maxLength:"200"`
		Email  *string `json:"email,omitempty" maxLength:"254"`
		Active *bool   `json:"active,omitempty" doc:"false ends the account's sessions and tokens at once"`
	}
}

type resetAccountInput struct {
	AccountInput
	// The link is kept nowhere, so a repetition cannot have the first answer.
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"128" doc:"Sent again with the same key within a day, the account is not reset again: a new link is made, which ends the one before, and once the account is set up anew the answer is 409"`
}

// once is the key under which the reset is carried out once.
func (in *resetAccountInput) once(ctx context.Context) store.AnswerKey {
	if in.IdempotencyKey == "" {
		return store.AnswerKey{}
	}
	return store.AnswerKey{Caller: callerName(ctx), Operation: "reset-account", Key: in.IdempotencyKey, Request: digest(in)}
}

type flowInput struct {
	ID store.FlowID `path:"id" maxLength:"64"`
}

type madeLink struct {
	URL string `json:"url" doc:"Shown this once"`
}

func peopleOp(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Accounts"}, Summary: summary}
}

// people registers the operations on accounts.
func (a *API) people() {
	s := a.services.People
	if s == nil {
		return
	}
	add(a, peopleOp("list-accounts", http.MethodGet, "/accounts", "The people of the platform"),
		func(ctx context.Context, in *accountsInput) (*listed[store.Account], error) {
			return listAccounts(ctx, s, in)
		})
	add(a, peopleOp("get-account", http.MethodGet, "/accounts/{id}", "One account"),
		func(ctx context.Context, in *AccountInput) (*single[store.Account], error) {
			return one(s.Account(ctx, in.ID))
		})
	add(a, peopleOp("change-account", http.MethodPatch, "/accounts/{id}", "Change, deactivate or activate an account"),
		func(ctx context.Context, in *changeAccountInput) (*single[store.Account], error) {
			b := in.Body
			v, err := s.ChangeAccount(ctx, caller(ctx), in.ID, auth.AccountChange{Login: b.Login, Name: b.Name, Email: b.Email, Active: b.Active,
				Check: func(have store.Account) error { return in.check(have) }})
			return one(v, told(err))
		})
	add(a, peopleOp("reset-account", http.MethodPost, "/accounts/{id}/reset", "Take password, factors and sessions from an account whose person lost them, and make a link to set them up anew"),
		func(ctx context.Context, in *resetAccountInput) (*cookied[madeLink], error) {
			url, err := s.ResetAccount(ctx, caller(ctx), in.ID, in.once(ctx))
			return withCookies(madeLink{url}, nil, err)
		})
	add(a, peopleOp("delete-account", http.MethodDelete, "/accounts/{id}", "Remove an account; the audit log keeps its id"),
		func(ctx context.Context, in *AccountInput) (*struct{}, error) {
			return none(s.DeleteAccount(ctx, caller(ctx), in.ID))
		})
	a.invitations()
}

func (a *API) invitations() {
	s, i := a.services.People, a.services.Invitations
	if i == nil {
		return
	}
	add(a, peopleOp("list-invitations", http.MethodGet, "/invitations", "Invitations that were not accepted"),
		func(ctx context.Context, _ *ListInput) (*listed[auth.Invitation], error) {
			rows, err := i.Invitations(ctx)
			if err != nil {
				return nil, err
			}
			return wholeList(rows), nil
		})
	add(a, peopleOp("invite", http.MethodPost, "/invitations", "Make an account with a role, and the link by which its person sets up how they sign in"),
		func(ctx context.Context, in *inviteInput) (*cookied[invited], error) {
			b := in.Body
			if b.Email == "" && strings.Contains(b.Login, "@") {
				b.Email = b.Login
			}
			made, url, err := s.CreateAccount(ctx, caller(ctx), store.Account{Login: b.Login, Name: b.Name, Email: b.Email},
				[]store.RoleBinding{{Role: string(b.Role), Scope: b.Scope, Own: b.Own}})
			return withCookies(invited{made, url}, nil, err)
		})
	add(a, peopleOp("withdraw-invitation", http.MethodDelete, "/invitations/{id}", "End an invitation"),
		func(ctx context.Context, in *flowInput) (*struct{}, error) {
			return none(i.WithdrawInvitation(ctx, caller(ctx), in.ID))
		})
}

func listAccounts(ctx context.Context, s People, in *accountsInput) (*listed[store.Account], error) {
	q := store.AccountQuery{Text: in.Q, Limit: in.Limit + 1}
	if in.Active != "" {
		active := in.Active == "true"
		q.Active = &active
	}
	of := []string{"accounts", in.Q, in.Active}
	if err := DecodeCursor(in.Cursor, of, &q.After); err != nil {
		return nil, err
	}
	rows, total, err := s.Accounts(ctx, q)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		if next, err = EncodeCursor(of, rows[in.Limit-1].Login); err != nil {
			return nil, err
		}
	}
	return pageOf(rows, next, total, false), nil
}
