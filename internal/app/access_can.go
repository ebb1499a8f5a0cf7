package app

import (
	"context"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Access answers questions about what identities can do, from one moment of an
// inventory, to one reader.
type Access struct {
	db     *sqlstore.DB
	scope  store.RowScope
	estate *estate.Estate
	at     store.AsOf
}

// AccessOf opens the inventory for questions of access, now or as of a date.
func (a *App) AccessOf(ctx context.Context, scope store.RowScope, at store.AsOf) (*Access, error) {
	e, err := a.Estate(ctx, at)
	if err != nil {
		return nil, err
	}
	return &Access{db: a.DB, scope: scope, estate: e, at: at}, nil
}

// AccessState opens exports for questions of access, in place of an inventory,
// as long as fn runs.
func AccessState(ctx context.Context, exports []StateExport, opt ScanOptions, fn func(*Access) error) error {
	return throwaway(ctx, exports, opt, func(a *App, _ []retinue.Realm) error {
		x, err := a.AccessOf(ctx, store.Everything(), store.AsOf{})
		if err != nil {
			return err
		}
		return fn(x)
	})
}

// read runs fn with the things of the estate as the reader may see them.
func (x *Access) read(ctx context.Context, fn func(*reader) error) error {
	return x.db.View(ctx, x.scope, func(tx *sqlstore.Tx) error { return fn(newReader(tx, x.scope, x.estate)) })
}

// Gaps say of a system, or with "" of all, what was not read or not understood.
// They are told to those who see everything.
func (x *Access) Gaps(realm retinue.Realm) []string {
	if !x.scope.All {
		return nil
	}
	return x.estate.Gaps(realm)
}

// Languages names the languages that questions can be put in.
func (x *Access) Languages() []string { return x.estate.Languages() }

// CanAnswer answers whether an identity may do something.
type CanAnswer struct {
	Identity AccessThing `json:"identity"`
	Action   string      `json:"action"`
	Resource string      `json:"resource,omitempty"`
	// Answers has one answer for each language that the question is of, mostly
	// one.
	Answers []estate.Answer `json:"answers"`
	Gaps    []string        `json:"gaps,omitempty"`
}

// Can answers whether an identity may do something. The identity is a public id,
// a vendor's key or a name that only one has.
func (x *Access) Can(ctx context.Context, identity string, realm retinue.Realm, action, resource string) (out CanAnswer, err error) {
	err = x.read(ctx, func(r *reader) error {
		out = CanAnswer{Action: action, Resource: resource}
		if out.Identity, err = r.find(identity, realm, retinue.FactIdentity, retinue.FactGroup); err != nil {
			return err
		}
		out.Answers, err = x.estate.Can(out.Identity.ref, action, resource)
		out.Gaps = x.Gaps(out.Identity.Realm)
		return err
	})
	return out, err
}

// HeldAnswer is what an identity can do.
type HeldAnswer struct {
	Identity AccessThing `json:"identity"`
	// Judged is false where no engine speaks for its system, so that nothing
	// follows from an empty list.
	Judged bool          `json:"judged"`
	Held   []access.Held `json:"held"`
	Gaps   []string      `json:"gaps,omitempty"`
}

// Held lists what an identity can do, worst first.
func (x *Access) Held(ctx context.Context, identity string, realm retinue.Realm) (out HeldAnswer, err error) {
	err = x.read(ctx, func(r *reader) error {
		if out.Identity, err = r.find(identity, realm, retinue.FactIdentity, retinue.FactGroup); err != nil {
			return err
		}
		out.Held, out.Judged, out.Gaps = x.estate.Held(out.Identity.ref), x.estate.Judged(out.Identity.ref), x.Gaps(out.Identity.Realm)
		return nil
	})
	return out, err
}

// WhoCanAnswer is who may do something.
type WhoCanAnswer struct {
	Action   string         `json:"action"`
	Resource string         `json:"resource,omitempty"`
	Holders  []AccessHolder `json:"holders"`
	// Hidden is true where there are others that the reader may not see.
	Hidden bool     `json:"hidden,omitempty"`
	Gaps   []string `json:"gaps,omitempty"`
}

// AccessHolder is one who may do it.
type AccessHolder struct {
	Language string      `json:"language"`
	Identity AccessThing `json:"identity"`
	access.Decision
}

// WhoCan lists who may do something, in the systems of one realm and language
// or, where these are empty, in all; the surest first.
func (x *Access) WhoCan(ctx context.Context, realm retinue.Realm, language, action, resource string) (out WhoCanAnswer, err error) {
	err = x.read(ctx, func(r *reader) error {
		out = WhoCanAnswer{Action: action, Resource: resource, Holders: []AccessHolder{}, Gaps: x.Gaps(realm)}
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
func (a *App) AccessHere(ctx context.Context, at store.AsOf) (*Access, error) {
	return a.AccessOf(ctx, store.Everything(), at)
}

// IsAccessLanguage reports whether a kind of source is also the name of a
// language that answers about its systems.
func IsAccessLanguage(name string) bool {
	return slices.Contains([]string{"aws", "azure", "gcp", "kubernetes", "postgres"}, name)
}
