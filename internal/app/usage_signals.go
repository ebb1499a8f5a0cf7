package app

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

const (
	// signalDays is how far back what is unusual is told.
	signalDays = 30
	// signalNews is how long ago the end of something unusual may lie that people
	// are sent a notice of. What a first import finds in old logs is older.
	signalNews = 48 * time.Hour
)

// SignalsSince is what was unusual about a thing's use since a time, the zero
// time being the beginning of its history. What is like something that was
// dismissed is left out.
func (a *App) SignalsSince(ctx context.Context, id retinue.EntityID, from time.Time) (out []behave.Signal, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		e, err := oneEntity(tx, id)
		if err != nil {
			return err
		}
		v, err := a.verdictOf(ctx, tx, e)
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

// verdictOf is the verdict that is kept on a thing, or one formed now.
func (a *App) verdictOf(ctx context.Context, tx *sqlstore.Tx, e store.Entity) (v verdict.Verdict, err error) {
	row, err := tx.Verdict(e.ID)
	if errors.Is(err, retinue.ErrNotFound) {
		return a.judgeOne(ctx, tx, e)
	}
	if err == nil {
		err = json.Unmarshal(row.Body, &v)
	}
	return v, err
}

// signals are what is unusual about a thing's use since a time. With masked,
// sentences call people's places and clients by a pseudonym.
func (a *App) signals(tx *sqlstore.Tx, e store.Entity, v verdict.Verdict, used []store.Used, from time.Time, masked bool) ([]behave.Signal, error) {
	o := behave.Options{From: from, Zones: a.zones()}
	dismissed, err := tx.DismissalsInForce(tx.At())
	if err != nil {
		return nil, err
	}
	if o.Dismissed, err = silences(dismissed); err != nil {
		return nil, err
	}
	if masked {
		o.Mask = a.maskPeople(peopleIn(used))
	}
	out := []behave.Signal{}
	if len(used) > 0 {
		var found []behave.Signal
		found, err = a.detectSignals(tx, e, v, behave.Replay(used), o)
		out = append(out, found...)
	}
	return out, err
}

// detectSignals looks for what is unusual in a thing's use. What is new to it is
// held against what its peers do; they are read only where something is.
func (a *App) detectSignals(tx *sqlstore.Tx, e store.Entity, v verdict.Verdict, used *behave.History, o behave.Options) ([]behave.Signal, error) {
	s, err := signalSubject(tx, e, v)
	if err != nil {
		return nil, err
	}
	out := used.Detect(s, o)
	for i := range out {
		if isNovel(out[i].Kind) {
			if o.Peers, err = peersOf(tx, e); err != nil || o.Peers == nil {
				return out, err
			}
			return used.Detect(s, o), nil
		}
	}
	return out, nil
}

// signalSubject is a thing as signals are looked for of it.
func signalSubject(tx *sqlstore.Tx, e store.Entity, v verdict.Verdict) (behave.Subject, error) {
	s := behave.Subject{Ref: e.Ref(), Person: e.Class == retinue.ClassPerson, Privileged: e.Privileged, Since: v.Window.From, Rhythm: v.Rhythm.Class}
	switch e.Type {
	case retinue.FactIdentity:
		s.Kind, s.State = retinue.IdentityKind(e.Kind), retinue.State(e.State)
	case retinue.FactCredential:
		s.Credential = retinue.CredentialState(e.State)
	}
	var err error
	if s.DeadSince, err = deadSince(tx, e); err != nil {
		return s, err
	}
	deeds, err := tx.UsageDeeds(e.ID)
	for _, d := range deeds {
		s.Deeds = append(s.Deeds, behave.Deed{Kind: d.Kind, Target: d.Target, Behaviour: d.Behaviour, N: d.N, First: d.First, Last: d.Last})
	}
	return s, err
}

// deadSince is since when a thing is known to be dead: it went, its time ran out,
// or its registration says that it was to end by then. Zero where none of that is
// so; its source may still say that it is disabled, though not since when.
func deadSince(tx *sqlstore.Tx, e store.Entity) (time.Time, error) {
	var since time.Time
	add := func(t time.Time) {
		if !t.IsZero() && !t.After(tx.At()) && (since.IsZero() || t.Before(since)) {
			since = t
		}
	}
	add(e.GoneAt)
	add(e.ExpiresAt)
	if e.Type == retinue.FactIdentity {
		g, err := tx.Registration(e.InternalKey)
		if err != nil {
			return since, err
		}
		if g != nil {
			add(g.EndDate)
		}
	}
	return since, nil
}

// peopleIn are the names and networks of people among uses.
func peopleIn(used []store.Used) map[string]bool {
	people := map[string]bool{}
	for i := range used {
		if b := &used[i].Behaviour; b.Person {
			for _, v := range []string{b.Consumer.Name, b.Consumer.Network} {
				if v != "" {
					people[v] = true
				}
			}
		}
	}
	return people
}

// maskPeople calls people by a pseudonym.
func (a *App) maskPeople(people map[string]bool) func(dimension, value string) string {
	return func(_, value string) string {
		if people[value] {
			return a.pseudonym(value)
		}
		return value
	}
}

// isNovel reports whether a signal is about something that is new.
func isNovel(k behave.Kind) bool {
	switch k {
	case behave.FirstAction, behave.FirstAgent, behave.FirstNetwork, behave.FirstRegion, behave.FirstService:
		return true
	}
	return false
}

// IdentitySignal is a signal and the identity that it is about: of a credential's,
// the one to which it belongs.
type IdentitySignal struct {
	Identity retinue.Ref
	Signal   behave.Signal
}

// EverySignal yields what is unusual in all that is known of use, however long
// ago, of what is gone too: what findings tell, and what ended before they do.
func (a *App) EverySignal(ctx context.Context) iter.Seq2[IdentitySignal, error] {
	return func(yield func(IdentitySignal, error) bool) {
		err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
			for _, t := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential} {
				for page, err := range tx.EntityPages(store.EntityQuery{Type: t, Gone: true}, usageRound) {
					if err != nil {
						return err
					}
					for _, e := range page {
						if more, err := a.yieldSignals(tx, e, yield); err != nil || !more {
							return err
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			yield(IdentitySignal{}, err)
		}
	}
}

func (a *App) yieldSignals(tx *sqlstore.Tx, e store.Entity, yield func(IdentitySignal, error) bool) (more bool, err error) {
	used, err := tx.Usage(e.ID)
	if err != nil || len(used) == 0 {
		return true, err
	}
	var v verdict.Verdict
	row, err := tx.Verdict(e.ID)
	if err == nil {
		err = json.Unmarshal(row.Body, &v)
	}
	if err != nil && !errors.Is(err, retinue.ErrNotFound) {
		return false, err
	}
	n, err := a.notice(tx, store.UsageSubject{Key: e.InternalKey, ID: e.ID, Type: store.TypeIndex(e.Type), Ref: e.Ref()}, v, used)
	if err != nil {
		return false, err
	}
	about := e.Ref()
	if len(n.signals) > 0 && e.Type == retinue.FactCredential {
		holder, err := userOf(tx, e, used)
		if err != nil {
			return false, err
		}
		if holder != 0 {
			id, err := tx.NoticeSubject(holder)
			if err != nil {
				return false, err
			}
			about = id.Ref()
		}
	}
	for _, s := range n.signals {
		if !yield(IdentitySignal{about, s}, nil) {
			return false, nil
		}
	}
	return true, nil
}
