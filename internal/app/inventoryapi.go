package app

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ListThings implements api.Identities.
func (a *App) ListThings(ctx context.Context, scope store.RowScope, q store.ListQuery) (p store.ListPage, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		p, err = tx.List(q)
		return err
	})
	return p, err
}

// Expiries implements api.Inventory.
func (a *App) Expiries(ctx context.Context, scope store.RowScope, from, to time.Time) (out []store.DayCount, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		out, err = tx.Expiries(from, to)
		return err
	})
	return out, err
}

// Facets implements api.Inventory.
func (a *App) Facets(ctx context.Context, scope store.RowScope, at store.AsOf, t retinue.FactType, f store.Filter, column string) (out []store.Facet, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		out, err = tx.FacetsAt(at, t, f, column)
		return err
	})
	return out, err
}

// ListChanges implements api.Inventory.
func (a *App) ListChanges(ctx context.Context, scope store.RowScope, q store.ChangeQuery) (p store.ChangePage, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		p, err = tx.ListChanges(q)
		return err
	})
	return p, err
}

// ListGrants implements api.Inventory.
func (a *App) ListGrants(ctx context.Context, scope store.RowScope, q store.ListQuery) (out api.GrantPage, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		p, err := tx.List(q)
		if err != nil {
			return err
		}
		out.Next, out.Identities, out.TotalIsMore = p.Next, p.Total, p.TotalIsMore
		return grantsOf(tx, q.AsOf, p.Items, func(g inventory.Grant) error {
			out.Items = append(out.Items, g)
			return nil
		})
	})
	return out, err
}

// grantsOf passes on what identities are granted.
func grantsOf(tx *sqlstore.Tx, at store.AsOf, rows []store.ListRow, fn func(inventory.Grant) error) error {
	things := inventory.New(tx)
	if !at.IsZero() {
		then, err := tx.Then(at)
		if err != nil {
			return err
		}
		things = inventory.New(then)
	}
	for _, row := range rows {
		th, err := things.Thing(row.InternalKey)
		if errors.Is(err, retinue.ErrNotFound) {
			continue // it has ended
		}
		if err != nil {
			return err
		}
		for _, g := range inventory.GrantsOf(row.Entity, th) {
			if err := fn(g); err != nil {
				return err
			}
		}
	}
	return nil
}

// Search implements api.Inventory.
func (a *App) Search(ctx context.Context, c auth.Caller, text string, limit int) (out []api.SearchGroup, err error) {
	text = strings.TrimSpace(text)
	err = a.DB.View(ctx, c.Scope(auth.PermInventoryRead), func(tx *sqlstore.Tx) error {
		for _, x := range []struct {
			kind string
			t    retinue.FactType
		}{{"identities", retinue.FactIdentity}, {"credentials", retinue.FactCredential}} {
			g, err := searchThings(tx, x.kind, x.t, text, limit)
			if err != nil {
				return err
			}
			out = append(out, g)
		}
		p, err := tx.ListFindings(store.FindingList{Filter: store.FindingFilter{Text: text}, Sort: store.SortPriority, Desc: true, Limit: limit, Count: store.CountNone})
		if err != nil {
			return err
		}
		g := api.SearchGroup{Kind: "findings", Items: []api.SearchHit{}, More: p.Next != ""}
		for _, f := range p.Items {
			g.Items = append(g.Items, api.SearchHit{ID: string(f.ID), Name: f.Title, Kind: string(f.Severity), Detail: cmp.Or(f.Name, f.Subject.Key)})
		}
		out = append(out, g)
		return nil
	})
	if err == nil && c.Can(auth.PermRulesRead) {
		out = append(out, a.searchRules(text, limit))
	}
	return out, err
}

func searchThings(tx *sqlstore.Tx, kind string, t retinue.FactType, text string, limit int) (api.SearchGroup, error) {
	g := api.SearchGroup{Kind: kind, Items: []api.SearchHit{}}
	f := store.Filter{Text: text}
	if prefix, _ := retinue.EntityPrefix(t); retinue.CheckID(prefix, text) == nil {
		f = store.Filter{IDs: []retinue.EntityID{retinue.EntityID(text)}}
	}
	p, err := tx.List(store.ListQuery{Type: t, Filter: f, Limit: limit, Count: store.CountNone})
	for _, e := range p.Items {
		g.Items = append(g.Items, api.SearchHit{ID: string(e.ID), Name: cmp.Or(e.Name, e.Key), Kind: e.Kind, Detail: e.Source})
	}
	g.More = p.Next != ""
	return g, err
}

func (a *App) searchRules(text string, limit int) api.SearchGroup {
	g := api.SearchGroup{Kind: "rules", Items: []api.SearchHit{}}
	lower := strings.ToLower(text)
	for _, r := range a.everyRule() {
		if !strings.Contains(strings.ToLower(r.ID+" "+r.Title), lower) {
			continue
		}
		if len(g.Items) == limit {
			g.More = true
			break
		}
		g.Items = append(g.Items, api.SearchHit{ID: r.ID, Name: r.Title, Kind: string(r.Severity), Detail: string(r.Over)})
	}
	return g
}
