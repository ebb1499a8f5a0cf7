package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// SignalRow is a signal as it is kept, as the interface has it.
type SignalRow = api.NoticedSignal

// SignalDismissal is what somebody said is all right, as the interface has it.
type SignalDismissal = api.SignalDismissal

// Locker takes an identity or credential out of use so that it can be given back.
// No part of this program does so yet: an App without one tells how it is done by
// hand.
type Locker interface {
	// Locks reports whether it can lock a thing.
	Locks(e store.ListedSignal) bool
}

// Signals implements api.Signals.
func (a *App) Signals(ctx context.Context, scope store.RowScope, q store.SignalQuery) ([]api.NoticedSignal, error) {
	out := []api.NoticedSignal{}
	err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		list, err := tx.Signals(q)
		for _, row := range list {
			s, err := a.shownSignal(row)
			if err != nil {
				return err
			}
			if s.ByHand, err = a.lockWords(tx, row); err != nil {
				return err
			}
			out = append(out, s)
		}
		return err
	})
	return out, err
}

// shownSignal is a kept signal without people's names.
func (a *App) shownSignal(row store.ListedSignal) (api.NoticedSignal, error) {
	var kept keptSignal
	if err := json.Unmarshal(row.Body, &kept); err != nil {
		return api.NoticedSignal{}, fmt.Errorf("read signal: %w", err)
	}
	s := kept.Signal
	if len(kept.People) > 0 {
		mask := func(v string) string {
			if slices.Contains(kept.People, v) {
				return a.pseudonym(v)
			}
			return v
		}
		s.What, s.Consumer.Name, s.Consumer.Network = mask(s.What), mask(s.Consumer.Name), mask(s.Consumer.Network)
		s.Compared.Usual = slices.Clone(s.Compared.Usual)
		for i, v := range s.Compared.Usual {
			s.Compared.Usual[i] = mask(v)
		}
	}
	return api.NoticedSignal{Signal: s, Of: api.SignalOf{ID: row.ID, Type: row.Type, Name: row.Name, Kind: row.EntityKind, Owner: row.Owner}, State: row.State,
		Finding: row.Finding, FindingState: row.FindingState, NoticedAt: row.ToldAt, History: row.ToldAt.Sub(row.Last) > signalNews}, nil
}

// lockWords say how to lock what a signal is about by hand, where nothing else
// locks it.
func (a *App) lockWords(tx *sqlstore.Tx, row store.ListedSignal) (string, error) {
	if a.locker != nil && a.locker.Locks(row) {
		return "", nil
	}
	e, err := tx.NoticeSubject(row.Entity)
	return lockByHand(e), err
}

// UnmaskUsage implements api.Signals.
func (a *App) UnmaskUsage(ctx context.Context, c auth.Caller, id retinue.EntityID, reason string) (api.Usage, error) {
	return a.Unmask(ctx, c.Actor, c.Scope(auth.PermUsagePeople), id, reason)
}

// Unmask is what is known of the use of a thing with the names and addresses of
// people. Who asked, why, and whose names were shown goes on record before they
// are: names as commitments, beside which they are kept for as long as those of
// people are.
func (a *App) Unmask(ctx context.Context, by retinue.Actor, scope store.RowScope, id retinue.EntityID, reason string) (api.Usage, error) {
	if reason = strings.TrimSpace(reason); len(reason) < 5 || len(reason) > 500 || retinue.CleanName(reason) != reason {
		return api.Usage{}, badField("body.reason", "say in 5 to 500 characters why people's names are needed")
	}
	u, err := a.UsageOf(ctx, scope, id)
	if err != nil {
		return u, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var names []string
		for _, x := range u.Consumers {
			if x.Person {
				names = append(names, x.Name)
			}
		}
		for _, t := range u.Touches {
			if t.Person {
				names = append(names, t.By.String())
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
		details := map[string]any{"reason": reason, "people": len(names)}
		payloads := commitPeople(details, names)
		tx.Record(by, retinue.RecordPeopleShown, string(u.ID), details, payloads...)
		return nil
	})
	if err != nil {
		return api.Usage{}, err
	}
	return u, nil
}

// MaskedUsage is UsageOf with people by a pseudonym.
func (a *App) MaskedUsage(ctx context.Context, scope store.RowScope, id retinue.EntityID) (api.Usage, error) {
	u, err := a.Usage(ctx, scope, id)
	if err != nil || !strings.HasPrefix(string(u.ID), "idn_") {
		return u, err
	}
	unused, err := a.UnusedGrants(ctx, scope, u.ID)
	u.UnusedGrants = &unused
	return u, err
}

// maxNamedPeople is how many people a record that they were shown names.
const maxNamedPeople = 100
