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

type listChangesInput struct {
	ListInput
	Types   []string  `query:"type,explode" maxItems:"16" enum:"person,team,application,identity,group,container,policy,credential,resource,membership,attachment,grant,trust,placement,owner_signal"`
	Kinds   []string  `query:"change,explode" maxItems:"3" enum:"added,changed,ended"`
	Sources []string  `query:"source,explode" maxItems:"50" doc:"Names of sources"`
	Entity  string    `query:"entity" maxLength:"64" doc:"Only about this thing, and what hangs on it"`
	From    time.Time `query:"from" doc:"Recorded since"`
	To      time.Time `query:"to"`
}

func (in listChangesInput) query() store.ChangeQuery {
	q := store.ChangeQuery{Kinds: in.Kinds, Sources: in.Sources, Entity: retinue.EntityID(in.Entity), At: store.Window{From: in.From, To: in.To}}
	for _, t := range in.Types {
		q.Types = append(q.Types, retinue.FactType(t))
	}
	return q
}

func (a *API) inventory() {
	s := a.services.Inventory
	if s == nil {
		return
	}
	read := func(ctx context.Context) store.RowScope { return caller(ctx).Scope(auth.PermInventoryRead) }
	tags := []string{"Inventory"}
	add(a, huma.Operation{OperationID: "list-changes", Method: http.MethodGet, Path: "/changes", Tags: tags, Summary: "What changed in the inventory, the newest first",
		Description: "It is not counted: total is how many the page holds."},
		func(ctx context.Context, in *listChangesInput) (*listed[store.RecordedChange], error) {
			q := in.query()
			of := q
			if err := DecodeCursor(in.Cursor, of, &q.Before); err != nil {
				return nil, err
			}
			q.Limit = in.Limit
			p, err := s.ListChanges(ctx, read(ctx), q)
			if err != nil {
				return nil, err
			}
			next := ""
			if p.Next.Revision > 0 {
				if next, err = EncodeCursor(of, p.Next); err != nil {
					return nil, err
				}
			}
			return pageOf(p.Items, next, int64(len(p.Items)), next != ""), nil
		})
	add(a, huma.Operation{OperationID: "list-grants", Method: http.MethodGet, Path: "/grants", Tags: tags, Summary: "What identities are granted, as documents say",
		Description: "A page holds all grants of limit identities; total counts identities. Filters and sort are those of identities."},
		func(ctx context.Context, in *ListIdentitiesInput) (*listed[inventory.Grant], error) {
			p, err := s.ListGrants(ctx, read(ctx), in.query(retinue.FactIdentity))
			return pageOf(p.Items, p.Next, p.Identities, p.TotalIsMore), err
		})
	add(a, huma.Operation{OperationID: "search-everything", Method: http.MethodGet, Path: "/search", Tags: tags, Summary: "Look for a text everywhere"},
		func(ctx context.Context, in *struct {
			Text  string `query:"text" required:"true" minLength:"1" maxLength:"200"`
			Limit int    `query:"limit" minimum:"1" maximum:"20" default:"6" doc:"How many of each kind"`
		}) (*listed[SearchGroup], error) {
			v, err := s.Search(ctx, caller(ctx), in.Text, in.Limit)
			return wholeList(v), err
		})
	a.facets(s, read)
}

func (a *API) facets(s Inventory, read func(context.Context) store.RowScope) {
	const about = "At most 200 values, the most frequent first; the filter on the column itself does not limit. An empty value stands for none."
	add(a, huma.Operation{OperationID: "get-identity-facets", Method: http.MethodGet, Path: "/facets/identities", Tags: []string{"Inventory"},
		Summary: "Identities by the values of a column", Description: about},
		func(ctx context.Context, in *struct {
			Column string `query:"column" required:"true" enum:"source,kind,subtype,class,state,environment,criticality,owner,managed,severity"`
			ThingFilter
			AsOfInput
		}) (*listed[store.Facet], error) {
			v, err := s.Facets(ctx, read(ctx), in.asOf(), retinue.FactIdentity, in.filter(), in.Column)
			return wholeList(v), err
		})
	add(a, huma.Operation{OperationID: "get-credential-facets", Method: http.MethodGet, Path: "/facets/credentials", Tags: []string{"Inventory"},
		Summary: "Credentials by the values of a column", Description: about},
		func(ctx context.Context, in *struct {
			Column string `query:"column" required:"true" enum:"source,kind,subtype,class,state,environment,criticality,owner,managed,severity"`
			ThingFilter
			CredentialFilter
			AsOfInput
		}) (*listed[store.Facet], error) {
			f := ListCredentialsInput{ThingFilter: in.ThingFilter, CredentialFilter: in.CredentialFilter}.filter()
			v, err := s.Facets(ctx, read(ctx), in.asOf(), retinue.FactCredential, f, in.Column)
			return wholeList(v), err
		})
}
