package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// RoleBindings say who has which role where.
type RoleBindings interface {
	RoleBindings(ctx context.Context, account store.AccountID, group store.AccountGroupID) ([]store.RoleBinding, error)
	Bind(ctx context.Context, c auth.Caller, b store.RoleBinding) (store.RoleBinding, error)
	Unbind(ctx context.Context, c auth.Caller, id store.BindingID) error
}

// AccountGroups are groups of accounts.
type AccountGroups interface {
	Groups(ctx context.Context, name string, offset, limit int) ([]store.AccountGroup, int64, error)
	Group(ctx context.Context, id store.AccountGroupID) (store.AccountGroup, []store.Account, error)
	CreateGroup(ctx context.Context, c auth.Caller, g store.AccountGroup, members []store.AccountID) (store.AccountGroup, error)
	ChangeGroup(ctx context.Context, c auth.Caller, id store.AccountGroupID, ch auth.GroupChange) (store.AccountGroup, error)
	DeleteGroup(ctx context.Context, c auth.Caller, id store.AccountGroupID) error
}

type bindingsInput struct {
	ListInput
	Account store.AccountID      `query:"account" maxLength:"64"`
	Group   store.AccountGroupID `query:"group" maxLength:"64"`
}

type bindingInput struct {
	ID store.BindingID `path:"id" maxLength:"64"`
}

type bindInput struct {
	Body struct {
		Account store.AccountID      `json:"account,omitempty" maxLength:"64" doc:"An account, or a group"`
		Group   store.AccountGroupID `json:"group,omitempty" maxLength:"64"`
		RoleGrant
	}
}

// bindings registers the operations on roles.
func (a *API) bindings() {
	s := a.services.RoleBindings
	if s == nil {
		return
	}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Roles"}, Summary: summary}
	}
	add(a, op("list-roles", http.MethodGet, "/roles", "The roles and what they allow"),
		func(context.Context, *struct{}) (*listed[auth.RoleInfo], error) { return wholeList(auth.Roles()), nil })
	add(a, op("list-role-bindings", http.MethodGet, "/role-bindings", "Who has which role where"),
		func(ctx context.Context, in *bindingsInput) (*listed[store.RoleBinding], error) {
			rows, err := s.RoleBindings(ctx, in.Account, in.Group)
			if err != nil {
				return nil, err
			}
			return wholeList(rows), nil
		})
	add(a, op("bind-role", http.MethodPost, "/role-bindings", "Give an account or a group a role; nobody gives more than they have"),
		func(ctx context.Context, in *bindInput) (*single[store.RoleBinding], error) {
			b := in.Body
			return one(s.Bind(ctx, caller(ctx), store.RoleBinding{Account: b.Account, Group: b.Group, Role: string(b.Role), Scope: b.Scope, Own: b.Own}))
		})
	add(a, op("unbind-role", http.MethodDelete, "/role-bindings/{id}", "Take a role back; somebody must remain an administrator"),
		func(ctx context.Context, in *bindingInput) (*struct{}, error) {
			return none(s.Unbind(ctx, caller(ctx), in.ID))
		})
	a.accountGroups()
}

type groupsInput struct {
	Limit  int `query:"limit" minimum:"1" maximum:"500" default:"100"`
	Offset int `query:"offset" minimum:"0" maximum:"1000000"`
}

// GroupInput names a group of accounts.
type GroupInput struct {
	ID store.AccountGroupID `path:"id" maxLength:"64"`
}

type newGroupInput struct {
	Body struct {
		Name    string            `json:"name" maxLength:"300"`
		Members []store.AccountID `json:"members,omitempty" maxItems:"10000"`
	}
}

type changeGroupInput struct {
	GroupInput
	Body struct {
		Name   *string           `json:"name,omitempty" maxLength:"300"`
		Add    []store.AccountID `json:"add,omitempty" maxItems:"10000"`
		Remove []store.AccountID `json:"remove,omitempty" maxItems:"10000"`
	}
}

type groupWithMembers struct {
	store.AccountGroup
	Accounts []store.Account `json:"accounts"`
}

func (a *API) accountGroups() {
	s := a.services.AccountGroups
	if s == nil {
		return
	}
	add(a, peopleOp("list-account-groups", http.MethodGet, "/account-groups", "Groups of accounts"),
		func(ctx context.Context, in *groupsInput) (*listed[store.AccountGroup], error) {
			rows, total, err := s.Groups(ctx, "", in.Offset, in.Limit)
			if err != nil {
				return nil, err
			}
			return pageOf(rows, "", total, false), nil
		})
	add(a, peopleOp("get-account-group", http.MethodGet, "/account-groups/{id}", "One group with its members"),
		func(ctx context.Context, in *GroupInput) (*single[groupWithMembers], error) {
			g, members, err := s.Group(ctx, in.ID)
			if members == nil {
				members = []store.Account{}
			}
			return one(groupWithMembers{g, members}, err)
		})
	add(a, peopleOp("create-account-group", http.MethodPost, "/account-groups", "Make a group of accounts"),
		func(ctx context.Context, in *newGroupInput) (*single[store.AccountGroup], error) {
			return one(s.CreateGroup(ctx, caller(ctx), store.AccountGroup{Name: in.Body.Name, Origin: store.OriginLocal}, in.Body.Members))
		})
	add(a, peopleOp("change-account-group", http.MethodPatch, "/account-groups/{id}", "Rename a group, or change its members"),
		func(ctx context.Context, in *changeGroupInput) (*single[store.AccountGroup], error) {
			return one(s.ChangeGroup(ctx, caller(ctx), in.ID, auth.GroupChange{Name: in.Body.Name, Add: in.Body.Add, Remove: in.Body.Remove}))
		})
	add(a, peopleOp("delete-account-group", http.MethodDelete, "/account-groups/{id}", "Remove a group with its roles"),
		func(ctx context.Context, in *GroupInput) (*struct{}, error) {
			return none(s.DeleteGroup(ctx, caller(ctx), in.ID))
		})
}
