package app

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// maxPastEstates is at how many times of the past it is looked at most what an
// identity was granted, for one question. Halving finds the time among two
// thousand; beyond it, the latest that is possible is told.
const maxPastEstates = 12

// grantDates finds since when things have been granted to an identity: by asking
// the engines what it held when something changed that bears on it. Where nothing
// changed, nothing is asked.
type grantDates struct {
	ctx context.Context //nolint:containedctx // of the one question that this is made for
	app *App
	ref retinue.Ref
	// born is when the identity was made, if it is later than its uses could begin.
	born time.Time
	// from is when the uses begin, or what was granted is known, if that is later.
	from    time.Time
	enough  time.Duration // how long something must have been unused to be called so
	changes []time.Time   // after from, the oldest first
	held    map[int][]access.Held
	err     error
}

// grantDates returns what finds since when the identity of a simulation has been
// granted what it holds.
func (a *App) grantDates(ctx context.Context, s *simulation) (*grantDates, error) {
	d := &grantDates{ctx: ctx, app: a, ref: s.Ref, from: s.Window.From, held: map[int][]access.Held{}}
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		e, err := oneEntity(tx, s.ID)
		if err != nil {
			return err
		}
		idle, err := a.idleAfter(tx)
		if err != nil {
			return err
		}
		if e.CreatedAt.After(s.Window.From) {
			d.born = e.CreatedAt
		}
		d.enough = time.Duration(idle.Of(e.Kind)) * 24 * time.Hour
		known, err := tx.GrantsKnownFrom(s.Ref.Realm)
		if err != nil {
			return err
		}
		d.from = laterOf(d.from, known)
		// Access lists of PostgreSQL name whom they give something.
		d.changes, err = tx.GrantChanges(e.InternalKey, d.from, s.Ref.Realm.Kind() == "postgres")
		return err
	})
	return d, err
}

// since is for [replay.UnusedGrants.Date].
func (d *grantDates) since(h access.Held, action string, resources []string) time.Time {
	if at := d.listed(h, action, resources); !at.IsZero() {
		return at
	}
	return d.born
}

// listed is when something that is held was first read after from, zero where it
// was held then already. What it was not held by at the last change is at least as
// new as that.
func (d *grantDates) listed(h access.Held, action string, resources []string) time.Time {
	gave := func(i int) bool { return replay.Gives(d.at(i), h, action, resources) }
	if len(d.changes) == 0 || gave(-1) || d.err != nil {
		return time.Time{}
	}
	i := sort.Search(len(d.changes)-1, gave)
	if d.err != nil {
		return time.Time{}
	}
	return d.changes[i]
}

// at is what the identity held at a change, or at from.
func (d *grantDates) at(i int) []access.Held {
	if held, ok := d.held[i]; ok || d.err != nil {
		return held
	}
	if len(d.held) >= maxPastEstates {
		return nil
	}
	when := d.from
	if i >= 0 {
		when = d.changes[i]
	}
	e, err := d.app.Estate(d.ctx, store.AsOf{Observed: when})
	if err != nil {
		d.err = err
		return nil
	}
	d.held[i] = slices.Clone(e.Held(d.ref))
	return d.held[i]
}
