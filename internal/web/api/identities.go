package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Identities lists identities and tells about one.
type Identities interface {
	// ListThings returns a page of identities or credentials.
	ListThings(ctx context.Context, scope store.RowScope, q store.ListQuery) (store.ListPage, error)
}

// ListIdentitiesInput is what the list of identities takes, and so does their export.
type ListIdentitiesInput struct {
	ListInput
	AsOfInput
	ThingFilter
	Sort string `query:"sort" default:"name" enum:"name,-name,kind,-kind,source,-source,owner,-owner,environment,-environment,criticality,-criticality,created,-created,expires,-expires,lastUsed,-lastUsed,firstSeen,-firstSeen,priority,-priority,credentials,-credentials" doc:"A column; with a leading minus, downwards"`
}

func (in ListIdentitiesInput) query(t retinue.FactType) store.ListQuery {
	q := store.ListQuery{Type: t, Filter: in.filter(), Cursor: in.Cursor, Limit: in.Limit, Count: in.count(), AsOf: in.asOf()}
	q.Sort, q.Desc = sorting(in.Sort)
	return q
}

func (a *API) identities() {
	s := a.services.Identities
	if s == nil {
		return
	}
	add(a, huma.Operation{OperationID: "list-identities", Method: http.MethodGet, Path: "/identities", Tags: []string{"Identities"},
		Summary: "Identities: who can act"},
		func(ctx context.Context, in *ListIdentitiesInput) (*listed[store.ListRow], error) {
			p, err := s.ListThings(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.query(retinue.FactIdentity))
			return pageOf(p.Items, p.Next, p.Total, p.TotalIsMore), err
		})
}
