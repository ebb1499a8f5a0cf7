package app

import (
	"context"
	"errors"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
)

// judgeAgainMost is the number of identities up to which all are judged again
// when access moved anywhere. Beyond it those of the systems that were touched
// are, and the rest waits for the day's full run.
const judgeAgainMost = 20_000

// prepare makes ready what rules ask about access: the labels of what was
// touched, on which what counts as production rests, and then the estate.
func (w *judgeStore) prepare(ctx context.Context, things *inventory.Things) error {
	if !w.app.set.AsksAccess() {
		return nil
	}
	relabelled, some := false, false
	err := w.touched(w.labelFrom, func(t store.Touched) error {
		some = true
		th, err := things.Thing(t.Key)
		if errors.Is(err, retinue.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		w.label(t, subjectOf(t, th))
		relabelled = relabelled || len(w.labels) > 0
		if len(w.labels) < judgePage {
			return ctx.Err()
		}
		return w.flush(ctx)
	})
	if err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	w.labelled = w.labelFrom <= w.from
	moved, err := w.tx.FactsMoved(w.from, estate.Facts()...)
	if err != nil {
		return err
	}
	w.again = w.from > 0 && (moved || relabelled)
	if !some && !w.again && w.from > 0 {
		if news, err := w.tx.UsageNews(0, 1); err != nil || len(news) == 0 {
			return err // nobody will be judged
		}
	}
	w.access, err = w.app.accessForJudge(ctx)
	return err
}

// touched pages through what was touched after a revision.
func (w *judgeStore) touched(from int64, fn func(store.Touched) error) error {
	after := int64(0)
	for {
		page, err := w.tx.TouchedSince(from, after, judgePage, retinue.FactIdentity, retinue.FactCredential, retinue.FactResource)
		if err != nil {
			return err
		}
		for _, t := range page {
			after = t.Key
			if err := fn(t); err != nil {
				return err
			}
		}
		if len(page) < judgePage {
			return nil
		}
	}
}

// restOfAccess judges identities again that were not touched themselves, and
// whose access may have changed with that of others.
func (w *judgeStore) restOfAccess(things *inventory.Things, seen map[int64]bool, realms map[retinue.Realm]bool, fn func(*rules.Subject) error) error {
	if !w.again || w.access == nil {
		return nil
	}
	var rest, near []store.Touched
	for e, err := range w.tx.Entities(store.EntityQuery{Type: retinue.FactIdentity}) {
		if err != nil {
			return err
		}
		if seen[e.InternalKey] || !w.access.estate.Judged(e.Ref()) {
			continue
		}
		t := store.Touched{Key: e.InternalKey, ID: e.ID, Type: e.Type}
		if rest = append(rest, t); realms[e.Realm] {
			near = append(near, t)
		}
	}
	if len(rest) > judgeAgainMost {
		rest = near
	}
	w.untouched = true
	defer func() { w.untouched = false }()
	for _, t := range rest {
		seen[t.Key] = true
		th, err := things.Thing(t.Key)
		if errors.Is(err, retinue.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.subjects(t, th, fn); err != nil {
			return err
		}
	}
	return nil
}
