package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Views keeps the saved views and preferences of accounts.
type Views interface {
	ListViews(ctx context.Context, account store.AccountID, list string) ([]store.SavedView, error)
	SaveView(ctx context.Context, c auth.Caller, v store.SavedView) (store.SavedView, error)
	DeleteView(ctx context.Context, c auth.Caller, id store.ViewID) error
	Preferences(ctx context.Context, account store.AccountID) (json.RawMessage, error)
	SetPreferences(ctx context.Context, account store.AccountID, body json.RawMessage) error
	// MarkVisit notes that the account was here now and returns the time of
	// the visit before.
	MarkVisit(ctx context.Context, account store.AccountID) (time.Time, error)
}

// View is a saved view.
type View struct {
	ID        store.ViewID   `json:"id"`
	List      string         `json:"list"`
	Name      string         `json:"name"`
	Shared    bool           `json:"shared"`
	Mine      bool           `json:"mine" doc:"The caller may change it"`
	UpdatedAt time.Time      `json:"updatedAt"`
	Body      map[string]any `json:"body"`
}

// ViewBody is what is saved.
type ViewBody struct {
	List   string         `json:"list" minLength:"1" maxLength:"40" pattern:"^[a-z-]+$" doc:"identities, credentials, findings, …"`
	Name   string         `json:"name" minLength:"1" maxLength:"80"`
	Shared bool           `json:"shared,omitempty" doc:"Everyone sees it; only its account changes it"`
	Body   map[string]any `json:"body" doc:"Filters, sort and columns, in the console's words; up to 16 KiB"`
}

// Preferences are what an account prefers, in the console's words.
type Preferences struct {
	Body map[string]any `json:"preferences"`
}

const maxViewBody = 24 << 10

func (a *API) views() {
	s := a.services.Views
	if s == nil {
		return
	}
	tags := []string{"Me"}
	add(a, huma.Operation{OperationID: "list-views", Method: http.MethodGet, Path: "/views", Tags: tags, Summary: "Saved views: the caller's own and shared ones"},
		func(ctx context.Context, in *struct {
			List string `query:"list" maxLength:"40" doc:"Only of this list"`
		}) (*listed[View], error) {
			vs, err := s.ListViews(ctx, caller(ctx).Account, in.List)
			out := make([]View, len(vs))
			for i, v := range vs {
				out[i] = viewOf(v, caller(ctx))
			}
			return wholeList(out), err
		})
	add(a, huma.Operation{OperationID: "put-view", Method: http.MethodPut, Path: "/views/{id}", Tags: tags, Summary: "Save a view", MaxBodyBytes: maxViewBody,
		Description: "The id new makes a view; any other changes that one of the caller's."}, a.putView)
	add(a, huma.Operation{OperationID: "delete-view", Method: http.MethodDelete, Path: "/views/{id}", Tags: tags, Summary: "Delete a view", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*struct{}, error) {
			if err := ownAccount(ctx); err != nil {
				return nil, err
			}
			return none(s.DeleteView(ctx, caller(ctx), store.ViewID(in.ID)))
		})
	add(a, huma.Operation{OperationID: "get-preferences", Method: http.MethodGet, Path: "/preferences", Tags: tags, Summary: "What the caller prefers"},
		func(ctx context.Context, _ *struct{}) (*single[Preferences], error) {
			return one(a.preferences(ctx))
		})
	add(a, huma.Operation{OperationID: "put-preferences", Method: http.MethodPut, Path: "/preferences", Tags: tags, Summary: "Set what the caller prefers", MaxBodyBytes: maxViewBody}, a.putPreferences)
	add(a, huma.Operation{OperationID: "mark-visit", Method: http.MethodPost, Path: "/me/visit", Tags: tags, Summary: "Note that the caller is here",
		Description: "What changed since the visit before is in the overview. Two calls within half an hour are one visit."},
		func(ctx context.Context, _ *struct{}) (*single[Visit], error) {
			if err := ownAccount(ctx); err != nil {
				return nil, err
			}
			at, err := s.MarkVisit(ctx, caller(ctx).Account)
			return one(Visit{Before: at}, err)
		})
}

// Visit tells about the visit before this one.
type Visit struct {
	Before time.Time `json:"before,omitzero" doc:"When the caller was here before; absent on the first visit"`
}

func viewOf(v store.SavedView, c auth.Caller) View {
	out := View{ID: v.ID, List: v.List, Name: v.Name, Shared: v.Shared, Mine: v.Account == c.Account, UpdatedAt: v.UpdatedAt, Body: map[string]any{}}
	_ = json.Unmarshal(v.Body, &out.Body) // it was an object when it was saved
	return out
}

// ownAccount refuses callers that are no account: they have nothing of their
// own.
func ownAccount(ctx context.Context) error {
	if caller(ctx).Account == "" {
		return fail(http.StatusForbidden, ProblemPermission, "only an account has this")
	}
	return nil
}

type putViewInput struct {
	ID string `path:"id" maxLength:"64"`
	IfMatch
	Body ViewBody
}

func (a *API) putView(ctx context.Context, in *putViewInput) (*single[View], error) {
	if err := ownAccount(ctx); err != nil {
		return nil, err
	}
	c := caller(ctx)
	body, err := json.Marshal(in.Body.Body)
	if err != nil {
		return nil, err
	}
	v := store.SavedView{Account: c.Account, List: in.Body.List, Name: in.Body.Name, Shared: in.Body.Shared, Body: body}
	if in.ID != "new" {
		v.ID = store.ViewID(in.ID)
		if err := a.matchView(ctx, in.IfMatch, v.ID); err != nil {
			return nil, err
		}
	}
	v, err = a.services.Views.SaveView(ctx, c, v)
	return one(viewOf(v, c), err)
}

func (a *API) matchView(ctx context.Context, m IfMatch, id store.ViewID) error {
	if m.IfMatch == "" {
		return nil
	}
	c := caller(ctx)
	vs, err := a.services.Views.ListViews(ctx, c.Account, "")
	if err != nil {
		return err
	}
	for _, v := range vs {
		if v.ID == id {
			return m.check(viewOf(v, c))
		}
	}
	return nil
}

func (a *API) preferences(ctx context.Context) (Preferences, error) {
	p := Preferences{Body: map[string]any{}}
	if caller(ctx).Account == "" {
		return p, nil
	}
	raw, err := a.services.Views.Preferences(ctx, caller(ctx).Account)
	if err != nil || raw == nil {
		return p, err
	}
	return p, json.Unmarshal(raw, &p.Body)
}

func (a *API) putPreferences(ctx context.Context, in *struct {
	IfMatch
	Body Preferences
}) (*single[Preferences], error) {
	if err := ownAccount(ctx); err != nil {
		return nil, err
	}
	now, err := a.preferences(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.check(now); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(in.Body.Body)
	if err != nil {
		return nil, err
	}
	return one(in.Body, a.services.Views.SetPreferences(ctx, caller(ctx).Account, raw))
}
