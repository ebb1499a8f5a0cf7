package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// Inventory answers about the inventory as a whole.
type Inventory interface {
	// Expiries counts the credentials that expire on each day of a span.
	Expiries(ctx context.Context, scope store.RowScope, from, to time.Time) ([]store.DayCount, error)
	// Facets counts identities or credentials by the values of a column, as of
	// a date.
	Facets(ctx context.Context, scope store.RowScope, at store.AsOf, t retinue.FactType, f store.Filter, column string) ([]store.Facet, error)
	// ListGrants returns what a page of identities are granted.
	ListGrants(ctx context.Context, scope store.RowScope, q store.ListQuery) (GrantPage, error)
	ListChanges(ctx context.Context, scope store.RowScope, q store.ChangeQuery) (store.ChangePage, error)
	// Search looks for a text everywhere.
	Search(ctx context.Context, c auth.Caller, text string, limit int) ([]SearchGroup, error)
}

// GrantPage is what a page of identities are granted.
type GrantPage struct {
	Items []inventory.Grant
	Next  string
	// Identities counts the identities that match, not their grants.
	Identities  int64
	TotalIsMore bool
}

// SearchGroup is what a search found of one kind.
type SearchGroup struct {
	Kind  string      `json:"kind" enum:"identities,credentials,findings,rules"`
	Items []SearchHit `json:"items"`
	More  bool        `json:"more" doc:"There are more of this kind"`
}

// SearchHit is one thing that a search found.
type SearchHit struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// ListCredentialsInput is what the list of credentials takes, and so does their export.
type ListCredentialsInput struct {
	ListInput
	AsOfInput
	ThingFilter
	CredentialFilter
	Sort string `query:"sort" default:"name" enum:"name,-name,kind,-kind,source,-source,owner,-owner,environment,-environment,criticality,-criticality,created,-created,expires,-expires,lastUsed,-lastUsed,firstSeen,-firstSeen,priority,-priority" doc:"A column; with a leading minus, downwards"`
}

// CredentialFilter are the filters of credentials alone.
type CredentialFilter struct {
	Holder   string    `query:"holder" maxLength:"64" doc:"The id of who holds it"`
	Static   string    `query:"static" enum:"true,false" doc:"true: it lives until someone changes it"`
	BornFrom time.Time `query:"born_from" doc:"Since when its value is what it is: last rotated, else made"`
	BornTo   time.Time `query:"born_to"`
}

func (in ListCredentialsInput) filter() store.Filter {
	f := in.ThingFilter.filter()
	f.Holder, f.Static, f.Born = retinue.EntityID(in.Holder), optional(in.Static), store.Window{From: in.BornFrom, To: in.BornTo}
	return f
}

func (in ListCredentialsInput) query() store.ListQuery {
	q := store.ListQuery{Type: retinue.FactCredential, Filter: in.filter(), Cursor: in.Cursor, Limit: in.Limit, Count: in.count(), AsOf: in.asOf()}
	q.Sort, q.Desc = sorting(in.Sort)
	return q
}

func (a *API) credentials() {
	if s := a.services.Identities; s != nil {
		add(a, huma.Operation{OperationID: "list-credentials", Method: http.MethodGet, Path: "/credentials", Tags: []string{"Credentials"},
			Summary: "Credentials: what lets identities act"},
			func(ctx context.Context, in *ListCredentialsInput) (*listed[store.ListRow], error) {
				p, err := s.ListThings(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.query())
				return pageOf(p.Items, p.Next, p.Total, p.TotalIsMore), err
			})
	}
	s := a.services.Inventory
	if s == nil {
		return
	}
	add(a, huma.Operation{OperationID: "get-credential-calendar", Method: http.MethodGet, Path: "/credentials/calendar", Tags: []string{"Credentials"},
		Summary: "How many credentials expire on each day (UTC)"},
		func(ctx context.Context, in *struct {
			From time.Time `query:"from" doc:"Today where absent"`
			To   time.Time `query:"to" doc:"A year after from where absent; at most five years"`
		}) (*listed[store.DayCount], error) {
			from, to, err := a.span(in.From, in.To, 365*24*time.Hour, 5*366*24*time.Hour)
			if err != nil {
				return nil, err
			}
			v, err := s.Expiries(ctx, caller(ctx).Scope(auth.PermInventoryRead), from, to)
			return wholeList(v), err
		})
}

// span fills in and checks a span of time.
func (a *API) span(from, to time.Time, usual, longest time.Duration) (time.Time, time.Time, error) {
	if from.IsZero() {
		from = a.services.Now().UTC().Truncate(24 * time.Hour)
		if !to.IsZero() {
			from = to.Add(-usual)
		}
	}
	if to.IsZero() {
		to = from.Add(usual)
	}
	if !to.After(from) || to.Sub(from) > longest {
		return from, to, invalidField("query.to", "want a time after from, and at most "+longest.String()+" after it")
	}
	return from, to, nil
}
