package app

import (
	"cmp"
	"slices"
	"time"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// maxThen is on how many days of the past it is looked for one simulation what was
// granted then.
const maxThen = 4

// explainThen looks of uses that are denied by what is granted now whether they
// were allowed by what was granted on the day when they were last made, the latest
// first. It says nothing of days before grants were read.
func (s *simulation) explainThen() error {
	var open []*replay.Line
	for i := range s.Lines {
		if l := &s.Lines[i]; l.Fate == replay.Unexplained && l.Action != "" {
			open = append(open, l)
		}
	}
	if len(open) == 0 {
		return nil
	}
	slices.SortStableFunc(open, func(a, b *replay.Line) int { return cmp.Compare(b.Last.Unix(), a.Last.Unix()) })
	var known time.Time
	err := s.app.DB.View(s.ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		known, err = tx.GrantsKnownFrom(s.Ref.Realm)
		return err
	})
	days := map[string]*estate.Estate{}
	for _, l := range open {
		if err != nil || known.IsZero() || l.Last.Before(known) {
			return err
		}
		day := l.Last.UTC().Format(time.DateOnly)
		if _, ok := days[day]; !ok {
			if len(days) == maxThen {
				return nil
			}
			if days[day], err = s.app.Estate(s.ctx, store.AsOf{Observed: l.Last}); err != nil {
				return err
			}
		}
		d := heldBy{days[day], s.Ref}.Decide(l.Action, l.Resource, nil)
		if d.Outcome == access.Allowed || d.Outcome == access.Conditional {
			l.AllowedThen = true
			l.Why = "it was allowed by what was granted on " + day + ", which has been taken away since; the change takes nothing from it"
			s.AllowedThen += l.Uses
		}
	}
	return nil
}
