package app

import (
	"context"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Access answers questions about what identities can do, from one moment of an
// inventory, to one reader. It is used by one goroutine.
type Access struct {
	app   *App
	scope store.RowScope
	at    store.AsOf
	// estate is made when a question needs it.
	estate *estate.Estate
}

// AccessOf opens the inventory for questions of access, now or as of a date.
func (a *App) AccessOf(scope store.RowScope, at store.AsOf) *Access {
	return &Access{app: a, scope: scope, at: at}
}

// AccessState opens exports for questions of access, in place of an inventory,
// as long as fn runs.
func AccessState(ctx context.Context, exports []StateExport, opt ScanOptions, fn func(*Access) error) error {
	return throwaway(ctx, exports, opt, func(a *App, _ []retinue.Realm) error {
		return fn(a.AccessOf(store.Everything(), store.AsOf{}))
	})
}

// read runs fn with the things of the estate as the reader may see them.
func (x *Access) read(ctx context.Context, fn func(*reader) error) (err error) {
	if x.estate == nil {
		if x.estate, err = x.app.Estate(ctx, x.at); err != nil {
			return err
		}
	}
	return x.app.DB.View(ctx, x.scope, func(tx *sqlstore.Tx) error { return fn(newReader(tx, x.scope, x.estate)) })
}

// gaps say of a system, or with "" of all, what was not read or not understood.
// They are told to those who see everything.
func (x *Access) gaps(realm retinue.Realm) []string {
	if !x.scope.All {
		return nil
	}
	return x.estate.Gaps(realm)
}

// Can answers whether an identity may do something. The identity is a public id,
// a vendor's key or a name that only one has.
func (x *Access) Can(ctx context.Context, identity string, realm retinue.Realm, action, resource string) (out CanAnswer, err error) {
	err = x.read(ctx, func(r *reader) error {
		out = CanAnswer{Action: action, Resource: resource}
		if out.Identity, err = r.find(identity, realm, retinue.FactIdentity, retinue.FactGroup); err != nil {
			return err
		}
		out.Answers, err = x.estate.Can(out.Identity.Ref, action, resource)
		out.Gaps = x.gaps(out.Identity.Realm)
		return err
	})
	return out, err
}

// Held lists what an identity can do, worst first.
func (x *Access) Held(ctx context.Context, identity string, realm retinue.Realm) (out HeldAnswer, err error) {
	err = x.read(ctx, func(r *reader) error {
		if out.Identity, err = r.find(identity, realm, retinue.FactIdentity, retinue.FactGroup); err != nil {
			return err
		}
		out.Held, out.Judged, out.Gaps = x.estate.Held(out.Identity.Ref), x.estate.Judged(out.Identity.Ref), x.gaps(out.Identity.Realm)
		return nil
	})
	return out, err
}

// WhoCan lists who may do something, in the systems of one realm and language
// or, where these are empty, in all; the surest first.
func (x *Access) WhoCan(ctx context.Context, realm retinue.Realm, language, action, resource string) (out WhoCanAnswer, err error) {
	err = x.read(ctx, func(r *reader) error {
		out = WhoCanAnswer{Action: action, Resource: resource, Holders: []AccessHolder{}, Gaps: x.gaps(realm)}
		holders, err := x.estate.WhoCan(realm, language, action, resource)
		if err != nil {
			return err
		}
		for _, h := range holders {
			who := AccessThing{Kind: "outside", Key: h.Name, Name: h.Name}
			switch {
			case !h.Subject.IsZero():
				if who, err = r.ref(h.Subject); err != nil {
					return err
				}
				if who.Name == "" && !who.Hidden {
					who.Name = h.Name
				}
			case !x.scope.All && h.Name != "anyone":
				who = hiddenThing()
			}
			if who.Hidden {
				out.Hidden = true
				continue
			}
			out.Holders = append(out.Holders, AccessHolder{Language: h.Language, Identity: who, Decision: h.Decision})
		}
		return nil
	})
	return out, err
}

// AccessHere opens this installation for questions of access by whoever can read
// its database.
func (a *App) AccessHere(at store.AsOf) *Access { return a.AccessOf(store.Everything(), at) }

// IsAccessLanguage reports whether a kind of source is also the name of a
// language that answers about its systems.
func IsAccessLanguage(name string) bool {
	return slices.Contains([]string{"aws", "azure", "gcp", "kubernetes", "postgres"}, name)
}
