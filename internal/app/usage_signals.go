package app

import (
	"context"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// signalDays is how far back what is unusual is told.
const signalDays = 30

// SignalsSince is what was unusual about a thing's use since a time, the zero
// time being the beginning of its history.
func (a *App) SignalsSince(ctx context.Context, id retinue.EntityID, from time.Time) (out []behave.Signal, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		e, err := oneEntity(tx, id)
		if err != nil {
			return err
		}
		v, err := a.judgeOne(ctx, tx, e)
		if err != nil {
			return err
		}
		used, err := tx.Usage(id)
		if err == nil {
			out, err = a.signals(tx, e, v, used, from, false)
		}
		return err
	})
	return out, err
}

// signals are what is unusual about a thing's use since a time. With masked,
// sentences call people's places and clients by a pseudonym.
func (a *App) signals(tx *sqlstore.Tx, e store.Entity, v verdict.Verdict, used []store.Used, from time.Time, masked bool) ([]behave.Signal, error) {
	s := behave.Subject{Ref: e.Ref(), Person: e.Class == retinue.ClassPerson, Since: v.Window.From, Rhythm: v.Rhythm.Class, DeadSince: e.GoneAt}
	switch e.Type {
	case retinue.FactIdentity:
		s.Kind, s.State = retinue.IdentityKind(e.Kind), retinue.State(e.State)
	case retinue.FactCredential:
		s.Credential = retinue.CredentialState(e.State)
	}
	deeds, err := tx.UsageDeeds(e.ID)
	if err != nil {
		return nil, err
	}
	for _, d := range deeds {
		s.Deeds = append(s.Deeds, behave.Deed{Kind: d.Kind, Target: d.Target, Behaviour: d.Behaviour, N: d.N, First: d.First, Last: d.Last})
	}
	o := behave.Options{From: from}
	if masked {
		people := map[string]bool{}
		for _, u := range used {
			if c := u.Behaviour.Consumer; u.Behaviour.Person {
				people[c.Name], people[c.Network] = true, true
			}
		}
		o.Mask = func(_, value string) string {
			if people[value] {
				return a.pseudonym(value)
			}
			return value
		}
	}
	out := behave.Detect(s, used, o)
	if out == nil {
		out = []behave.Signal{}
	}
	return out, nil
}
