package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// viewed is one thing in a snapshot, as the reader may see it.
type viewed struct {
	tx     *sqlstore.Tx
	row    store.ListRow
	thing  *inventory.Thing
	things *inventory.Things
	at     store.AsOf
	// seenAt is set where the thing is gone: it is shown as it was last.
	seenAt time.Time
}

// viewThing opens one thing, now, as of a date, or as it was last. A thing
// that the scope does not see does not exist.
func (a *App) viewThing(ctx context.Context, scope store.RowScope, t retinue.FactType, id retinue.EntityID, at store.AsOf, fn func(*viewed) error) error {
	prefix, _ := retinue.EntityPrefix(t)
	if err := retinue.CheckID(prefix, string(id)); err != nil {
		return fmt.Errorf("%w: %s %.64q", retinue.ErrNotFound, t, id)
	}
	return a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		v := &viewed{tx: tx, at: at}
		if err := v.find(t, id); err != nil {
			return err
		}
		v.things = inventory.New(tx)
		if !v.at.IsZero() {
			then, err := tx.Then(v.at)
			if err != nil {
				return err
			}
			v.things = inventory.New(then)
		}
		var err error
		if v.thing, err = v.things.Thing(v.row.InternalKey); err != nil {
			if errors.Is(err, retinue.ErrNotFound) {
				return fmt.Errorf("%w: %s %s was not known at that time", retinue.ErrNotFound, t, id)
			}
			return err
		}
		return fn(v)
	})
}

// find reads the row of a thing: what exists, else what has ended.
func (v *viewed) find(t retinue.FactType, id retinue.EntityID) error {
	for _, gone := range []bool{false, true} {
		p, err := v.tx.List(store.ListQuery{Type: t, Filter: store.Filter{IDs: []retinue.EntityID{id}, Gone: gone}, Limit: 1, Count: store.CountNone, AsOf: v.at})
		if err != nil {
			return err
		}
		if len(p.Items) == 0 {
			continue
		}
		v.row = p.Items[0]
		if gone && v.at.IsZero() {
			v.seenAt = v.row.GoneAt.Add(-time.Microsecond)
			v.at.Observed = v.seenAt
		}
		return nil
	}
	return fmt.Errorf("%w: %s %s", retinue.ErrNotFound, t, id)
}

// named returns what a ref names, with its id where the reader may see it.
func (v *viewed) named(ref retinue.Ref) (api.Named, error) {
	n := api.Named{Kind: ref.Kind, Name: ref.Key, Key: ref.Key}
	key, err := v.tx.Resolve(ref)
	if err != nil || key == 0 {
		return n, err
	}
	fact, facts, err := v.tx.Merged(key)
	if errors.Is(err, retinue.ErrNotFound) {
		return n, nil
	}
	if err != nil || len(facts) == 0 {
		return n, err
	}
	visible, err := v.tx.Visible(facts[0].Entity)
	if err != nil || !visible {
		return n, err
	}
	n.ID, n.Name = facts[0].Entity, cmp.Or(factName(fact), n.Name)
	return n, nil
}

func factName(f retinue.Fact) string {
	switch x := f.(type) {
	case retinue.Identity:
		return x.Name
	case retinue.Credential:
		return x.Name
	case retinue.Container:
		return x.Name
	case retinue.Group:
		return x.Name
	case retinue.Resource:
		return x.Name
	case retinue.Policy:
		return x.Name
	case retinue.Person:
		return x.Name
	}
	return ""
}

// Identity implements api.Things.
func (a *App) Identity(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (out api.IdentityDetail, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, at, func(v *viewed) error {
		out, err = v.identity()
		return err
	})
	return out, err
}

func (v *viewed) identity() (api.IdentityDetail, error) {
	th := v.thing
	f, _ := th.Fact.(retinue.Identity)
	out := api.IdentityDetail{ListRow: v.row, Description: f.Description, ClassReason: f.ClassReason, StateReason: f.StateReason,
		Temporary: f.Temporary, Publisher: f.Publisher, Federation: f.Federation, Labels: f.Labels, Attrs: f.Attrs,
		Refs: th.Refs, Registration: th.Registration, OwnerSignals: orEmpty(th.OwnerSignals), Uses: orEmpty(th.Uses),
		Containers: []api.Named{}, SeenAt: v.seenAt}
	for _, c := range th.Containers {
		n, err := v.named(c.Ref)
		if err != nil {
			return out, err
		}
		n.Kind, n.Name = string(c.Kind), cmp.Or(c.Name, n.Name)
		out.Containers = append(out.Containers, n)
	}
	uses := th.Uses
	for _, c := range th.Credentials {
		uses = append(uses[:len(uses):len(uses)], c.Uses...)
		out.Counts.Placements += int64(len(c.Placements))
	}
	out.Use = useSummary(uses, v.row.Source)
	out.Counts.Placements += int64(len(th.Placements))
	out.Counts.Credentials, out.Counts.Runners = int64(len(th.Credentials)), th.Counts.Runners
	out.Counts.Grants, out.Counts.Trusts = int64(len(inventory.GrantsOf(v.row.Entity, th))), int64(len(th.Trusts))
	for _, n := range v.row.Findings {
		out.Counts.Findings += int64(n)
	}
	return out, nil
}

// useSummary says what observations of use amount to. Sources' own last-used
// fields are grade C, whatever they say.
func useSummary(uses []retinue.Use, source string) api.UseSummary {
	s := api.UseSummary{Status: "unknown", Grade: retinue.GradeD, Reason: "no usage source for " + source}
	never := false
	for _, u := range uses {
		if s.Grade == retinue.GradeD || u.Grade < s.Grade {
			s.Grade = u.Grade
		}
		switch {
		case u.At.After(s.LastUsed):
			s.Status, s.LastUsed, s.Reason = "used", u.At, "the source's own field "+u.Meaning
		case u.Never:
			never = true
		}
	}
	if s.Status == "unknown" && never {
		s.Status, s.Reason = "never_used", "the source says that it was never used"
	}
	return s
}

func orEmpty[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// Credential implements api.Things.
func (a *App) Credential(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (out api.CredentialDetail, err error) {
	err = a.viewThing(ctx, scope, retinue.FactCredential, id, at, func(v *viewed) error {
		th := v.thing
		f, _ := th.Fact.(retinue.Credential)
		f.Fingerprints = nil
		out = api.CredentialDetail{ListRow: v.row, Fact: f, Refs: th.Refs, Placements: orEmpty(th.Placements), Uses: orEmpty(th.Uses),
			Use: useSummary(th.Uses, v.row.Source), Holders: []api.Named{}, SamePublicKey: th.SamePublicKey, SeenAt: v.seenAt}
		seen := map[retinue.Ref]bool{}
		for _, sf := range th.Facts {
			d, err := retinue.DecodeFact(sf.Type, sf.Body)
			if err != nil {
				return err
			}
			c, ok := d.(retinue.Credential)
			if !ok || c.Identity.IsZero() || seen[c.Identity] {
				continue
			}
			seen[c.Identity] = true
			n, err := v.named(c.Identity)
			if err != nil {
				return err
			}
			if n.ID == "" && !scope.All { // who else holds it is told without a name
				n = api.Named{Kind: n.Kind, Name: "an identity that you may not see"}
			}
			out.Holders = append(out.Holders, n)
		}
		return nil
	})
	return out, err
}

// CredentialsOf implements api.Relations.
func (a *App) CredentialsOf(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (out []api.HeldCredential, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, at, func(v *viewed) error {
		for _, c := range v.thing.Credentials {
			n, err := v.named(c.Credential.Ref)
			if err != nil {
				return err
			}
			c.Credential.Fingerprints = nil
			h := api.HeldCredential{ID: n.ID, Credential: c.Credential, Holders: c.Holders, Placements: orEmpty(c.Placements)}
			u := useSummary(c.Uses, v.row.Source)
			h.LastUsed, h.NeverUsed = u.LastUsed, u.Status == "never_used"
			out = append(out, h)
		}
		return nil
	})
	return out, err
}

// TrustsOf implements api.Relations.
func (a *App) TrustsOf(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (out []api.TrustRow, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, at, func(v *viewed) error {
		for _, t := range v.thing.Trusts {
			row := api.TrustRow{Trust: t, Sentence: trustSentence(t, v.row.Name)}
			if !t.Trustee.IsZero() {
				n, err := v.named(t.Trustee)
				if err != nil {
					return err
				}
				row.TrusteeID = n.ID
			}
			out = append(out, row)
		}
		return nil
	})
	return out, err
}

// PlacementsOf implements api.Relations.
func (a *App) PlacementsOf(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (out []api.PlacementRow, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, at, func(v *viewed) error {
		for _, c := range v.thing.Credentials {
			n, err := v.named(c.Credential.Ref)
			if err != nil {
				return err
			}
			for _, p := range c.Placements {
				out = append(out, api.PlacementRow{Credential: n.ID, CredentialName: cmp.Or(c.Credential.Name, c.Credential.Ref.Key), Placement: p})
			}
		}
		for _, p := range v.thing.Placements {
			n, err := v.named(p.Credential)
			if err != nil {
				return err
			}
			out = append(out, api.PlacementRow{Credential: n.ID, CredentialName: n.Name, Placement: p})
		}
		return nil
	})
	return out, err
}

// Facts implements api.Things.
func (a *App) Facts(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (out []store.Fact, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, at, func(v *viewed) error {
		out = v.thing.Facts
		return nil
	})
	return out, err
}
