package app

import (
	"context"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// UnusedGrants says what an identity is granted and has not used, by action and
// by resource, with what the log cannot show kept apart.
func (a *App) UnusedGrants(ctx context.Context, scope store.RowScope, id retinue.EntityID) (replay.UnusedGrants, error) {
	s, err := a.simulated(ctx, scope, id)
	none := func(why string) (replay.UnusedGrants, error) {
		return replay.UnusedGrants{Why: why, Unused: []replay.UnusedGrant{}, Unseen: []replay.UnusedGrant{}, Recent: []replay.UnusedGrant{}}, nil
	}
	switch {
	case err != nil:
		return replay.UnusedGrants{}, err
	case s.typ != retinue.FactIdentity:
		return none("grants are an identity's, not a credential's")
	case s.Window.From.IsZero() || s.Grade == retinue.GradeD:
		return none("no log shows what it used")
	}
	e, err := a.Estate(ctx, store.AsOf{})
	if err != nil {
		return replay.UnusedGrants{}, err
	}
	if !e.Judged(s.Ref) {
		return none("nothing is known of what identities of " + string(s.Ref.Realm) + " are granted")
	}
	return s.unused(ctx, e)
}

// unused says what of the things that an identity is granted it has not used, and
// since when it is granted what it has only had for a part of the time.
func (s *simulation) unused(ctx context.Context, e *estate.Estate) (replay.UnusedGrants, error) {
	direct := s.judge(e, nil, nil, nil).Direct
	var used []store.Used
	for i := range s.used {
		if direct(&s.used[i].Behaviour) {
			used = append(used, s.used[i])
		}
	}
	var kind func(string) access.Consequence
	if aws, _ := attachedOf(e, s.Ref); aws != nil {
		kind = aws.Consequence
	}
	out := replay.Unused(e.Held(s.Ref), used, s.Missing, kind)
	if len(out.Unused) == 0 {
		return out, nil
	}
	d, err := s.app.grantDates(ctx, s)
	if err != nil {
		return out, err
	}
	if d.from.After(s.Window.From) {
		out.GrantsKnownFrom = d.from
	}
	out.Date(d.since, s.Window.To.Add(-d.enough))
	return out, d.err
}
