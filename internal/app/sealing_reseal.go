package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// resealJob seals every kept secret under the current key.
type resealJob struct{}

// Kind implements jobs.Args.
func (resealJob) Kind() string { return "reseal" }

const (
	// resealPage is how many secrets are sealed again in one transaction.
	resealPage = 100
	// metaResealing remembers how far the sealing again is.
	metaResealing    = "sealing.reseal"
	resealingRunning = "running"
	resealingDone    = "done"
)

func (a *App) sealingHandlers(h *jobs.Handlers) {
	jobs.HandleLong(h, func(ctx context.Context, _ resealJob) error { return a.reseal(ctx) })
}

// Sealing implements api.Sealings.
func (a *App) Sealing(ctx context.Context) (out api.Sealing, err error) {
	out = api.Sealing{Kind: a.sealKeys.kind, CanRotate: a.sealKeys.kind == sealFile, Keys: []api.SealingKey{}}
	ring, _ := a.sealKeys.keys.(*seal.Ring)
	if out.Key, err = a.sealer.KeyID(ctx); err != nil {
		out.Problem = "the keys could not be reached: " + retinue.CleanName(err.Error())
	}
	count := map[string]int64{}
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		since, err := tx.Meta(metaSealingSince)
		if err != nil {
			return err
		}
		out.Since, _ = time.Parse(time.RFC3339Nano, since)
		if out.Reseal, err = resealing(tx); err != nil {
			return err
		}
		count, err = sealedByKey(tx)
		return err
	})
	if err != nil {
		return out, err
	}
	ids := []string{out.Key}
	if ring != nil {
		ids = ring.IDs()
	}
	for _, id := range ids {
		if id != "" {
			out.Keys = append(out.Keys, api.SealingKey{ID: id, Current: id == out.Key, Held: true, Secrets: count[id]})
			delete(count, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(count)) {
		// A service holds what older versions of its key wrapped; of a ring, the
		// key is gone.
		out.Keys = append(out.Keys, api.SealingKey{ID: id, Held: ring == nil, Secrets: count[id]})
	}
	for _, k := range out.Keys {
		out.Secrets += k.Secrets
		if !k.Current {
			out.Stale += k.Secrets
		}
	}
	return out, nil
}

// sealedByKey counts kept secrets by the key that they are sealed under.
func sealedByKey(tx *sqlstore.Tx) (map[string]int64, error) {
	count := map[string]int64{}
	at := store.SealedValue{}
	for {
		page, err := tx.Sealed(at.Table, at.Row, 10*resealPage)
		if err != nil || len(page) == 0 {
			return count, err
		}
		for _, v := range page {
			id, err := seal.KeyOf(v.Sealed)
			if err != nil {
				id = "unreadable"
			}
			count[id]++
		}
		at = page[len(page)-1]
	}
}

func resealing(tx *sqlstore.Tx) (*store.Resealing, error) {
	text, err := tx.Meta(metaResealing)
	if err != nil || text == "" {
		return nil, err
	}
	var r store.Resealing
	return &r, json.Unmarshal([]byte(text), &r)
}

func setResealing(tx *sqlstore.Tx, r store.Resealing) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.SetMeta(metaResealing, string(b))
}

// ChangeSealing implements api.Sealings.
func (a *App) ChangeSealing(ctx context.Context, c auth.Caller, action string) (api.Sealing, error) {
	var err error
	switch action {
	case api.SealingRotate:
		err = a.RotateSealing(ctx, c.Actor)
	case api.SealingReseal:
		err = a.StartReseal(ctx, c.Actor)
	case api.SealingRetire:
		err = a.RetireSealing(ctx, c.Actor)
	default:
		err = fieldError("body.action", "want %s, %s or %s", api.SealingRotate, api.SealingReseal, api.SealingRetire)
	}
	if err != nil {
		return api.Sealing{}, err
	}
	return a.Sealing(ctx)
}

// RotateSealing starts a new sealing key, where the keys are in a file, and has
// every kept secret sealed under it. The new key is in the file before anything
// is sealed under it, and the old one stays until it is retired: whenever a
// process ends, every secret opens with one of the two.
func (a *App) RotateSealing(ctx context.Context, by retinue.Actor) error {
	ring, ok := a.sealKeys.keys.(*seal.Ring)
	if !ok {
		return fmt.Errorf("%w: rotate sealing key: %s holds it: rotate it there, then have secrets sealed again", retinue.ErrUnsupported, a.sealKeys.kind)
	}
	before, err := a.sealer.KeyID(ctx)
	if err != nil {
		return err
	}
	if err := ring.Rotate(); err != nil {
		return err
	}
	after, err := a.sealer.KeyID(ctx)
	if err != nil {
		return err
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(by, retinue.RecordSealKey, after, map[string]any{"before": before})
		if err := errors.Join(tx.SetMeta(metaSealingKey, after), tx.SetMeta(metaSealingSince, tx.At().Format(time.RFC3339Nano))); err != nil {
			return err
		}
		return a.startReseal(ctx, tx, by)
	})
}

// StartReseal has every kept secret sealed under the current key.
func (a *App) StartReseal(ctx context.Context, by retinue.Actor) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return a.startReseal(ctx, tx, by) })
}

func (a *App) startReseal(ctx context.Context, tx *sqlstore.Tx, by retinue.Actor) error {
	if err := setResealing(tx, store.Resealing{State: resealingRunning, By: by.Name, Begun: tx.At()}); err != nil {
		return err
	}
	_, err := a.queue.Insert(ctx, queueTx(tx), resealJob{}, jobs.Options{Key: "reseal"})
	return err
}

// reseal seals what is not under the current key, a page in a transaction, and
// goes on after a crash where it was. Two that run at once do no harm: each
// value is written only over the one that was read.
func (a *App) reseal(ctx context.Context) error {
	for {
		done, err := a.resealPage(ctx)
		if err != nil || done {
			return err
		}
		a.log.Debug("sealed secrets again", "page", resealPage)
	}
}

func (a *App) resealPage(ctx context.Context) (done bool, err error) {
	var page []store.SealedValue
	var r *store.Resealing
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if r, err = resealing(tx); err != nil || r == nil || r.State != resealingRunning {
			return err
		}
		page, err = tx.Sealed(r.Table, r.Row, resealPage)
		return err
	})
	if err != nil || r == nil || r.State != resealingRunning {
		return true, err
	}
	begun, from := r.Begun, store.SealedValue{Table: r.Table, Row: r.Row}
	again, lost, err := a.sealAgain(ctx, page)
	if err != nil {
		return false, err
	}
	return len(page) == 0, a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for i, b := range again {
			if b == nil {
				continue
			}
			if _, err := tx.Reseal(page[i], b); err != nil {
				return err
			}
		}
		if r, err = resealing(tx); err != nil || r == nil || r.State != resealingRunning || !r.Begun.Equal(begun) || r.Table != from.Table || r.Row != from.Row {
			return err // it was begun anew, or another process was quicker
		}
		if len(page) == 0 {
			r.State, r.Ended = resealingDone, tx.At()
			key, err := tx.Meta(metaSealingKey)
			if err != nil {
				return err
			}
			tx.Record(retinue.Actor{Kind: "system", Name: "sealing"}, retinue.RecordResealed, key, map[string]any{"by": r.By, "resealed": r.Done, "lost": r.Lost})
			return setResealing(tx, *r)
		}
		last := page[len(page)-1]
		r.Table, r.Row, r.Lost = last.Table, last.Row, r.Lost+lost
		for _, b := range again {
			if b != nil {
				r.Done++
			}
		}
		return setResealing(tx, *r)
	})
}

// sealAgain seals values under the current key; nil stands for one that is
// already, or that no key opens. Only those are left: a service that cannot be
// reached is an error.
func (a *App) sealAgain(ctx context.Context, page []store.SealedValue) (again [][]byte, lost int64, err error) {
	again = make([][]byte, len(page))
	for i, v := range page {
		b, changed, err := a.sealer.Reseal(ctx, v.Sealed, seal.Place{Table: v.Table, Row: v.Row, Column: v.Column})
		switch {
		case errors.Is(err, retinue.ErrNotFound), errors.Is(err, retinue.ErrInvalid):
			a.log.Warn("secret does not open", "table", v.Table, "row", v.Row)
			lost++
		case err != nil:
			return nil, 0, err
		case changed:
			again[i] = b
		}
	}
	return again, lost, nil
}

// RetireSealing drops the old sealing keys of a file, once nothing is sealed
// under them.
func (a *App) RetireSealing(ctx context.Context, by retinue.Actor) error {
	ring, ok := a.sealKeys.keys.(*seal.Ring)
	if !ok {
		return fmt.Errorf("%w: retire sealing keys: %s holds them: retire them there", retinue.ErrUnsupported, a.sealKeys.kind)
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		ids := ring.IDs()
		if len(ids) == 1 {
			return fmt.Errorf("%w: retire sealing keys: there is no old one", retinue.ErrConflict)
		}
		count, err := sealedByKey(tx)
		if err != nil {
			return err
		}
		for _, id := range ids[1:] {
			if n := count[id]; n > 0 {
				return fmt.Errorf("%w: retire sealing keys: %d secrets are under %s: have them sealed again first", retinue.ErrConflict, n, id)
			}
		}
		tx.Record(by, retinue.RecordSealKeyRetired, ids[0], map[string]any{"retired": ids[1:]})
		return ring.Retire()
	})
}

// FinishReseal carries out what was begun, and says how it went.
func (a *App) FinishReseal(ctx context.Context) (out store.Resealing, err error) {
	if err := a.reseal(ctx); err != nil {
		return out, err
	}
	return out, a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		r, err := resealing(tx)
		if err == nil && r != nil {
			out = *r
		}
		return err
	})
}
