package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/evidence/deliver"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// checkpointsJob puts a checkpoint into every place.
type checkpointsJob struct{}

// Kind implements jobs.Args.
func (checkpointsJob) Kind() string { return "checkpoints_push" }

const (
	// checkpointLook is how often places are looked at for which is due: the
	// shortest interval that a place can have.
	checkpointLook = 15 * time.Minute
	// watchEvery is how often causes that come with time are looked for, and
	// pollEvery how often tickets are read from their systems.
	watchEvery = time.Hour
	pollEvery  = 30 * time.Minute
)

// scheduleTelling sets the schedules of what is told by the clock.
func (a *App) scheduleTelling(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		sqltx, conn := tx.SQL()
		for _, s := range []jobs.Schedule{
			{Name: "notices", Every: watchEvery, Args: watchJob{}},
			{Name: "notices_route", Every: 5 * time.Minute, Args: routeJob{}, Key: "all"},
			{Name: "tickets", Every: pollEvery, Args: pollTicketsJob{}},
			{Name: "streams", Every: streamEvery, Args: streamsJob{}},
			{Name: "checkpoints", Every: checkpointLook, Args: checkpointsJob{}},
		} {
			if err := a.queue.SetSchedule(ctx, jobs.Tx{Tx: sqltx, Conn: conn}, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// pushCheckpoints puts a checkpoint into every place that is switched on and
// due. One that fails does not keep the others from it.
func (a *App) pushCheckpoints(ctx context.Context) error {
	places, err := a.Outlets(ctx, store.PurposeCheckpoint)
	if err != nil {
		return err
	}
	for _, o := range places {
		due, err := a.pushDue(ctx, o)
		if err != nil {
			return err
		}
		if !o.Enabled || !due {
			continue
		}
		if _, err := a.pushTo(ctx, tellActor(), o); err != nil {
			return err // of the database, or of ctx: that a push failed is kept
		}
	}
	return nil
}

// pushDue reports whether a place is to get a checkpoint: its interval after
// the last one is over, but for the few moments by which a look comes early.
func (a *App) pushDue(ctx context.Context, o store.Outlet) (due bool, err error) {
	set, err := settingsOf(o)
	if err != nil {
		return false, err
	}
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		last, err := tx.Pushes(o.Key, 0, 1)
		due = len(last) == 0 || tx.At().Sub(last[0].At) >= deliver.Every(set.Options)-time.Minute
		return err
	})
	return due, err
}

// checkpointNow signs the head of the audit log.
func (a *App) checkpointNow(ctx context.Context) (deliver.Note, string, error) {
	key, err := a.signingKey(ctx)
	if err != nil {
		return deliver.Note{}, "", err
	}
	var cp evidence.Checkpoint
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		seq, head, err := tx.Head()
		cp = evidence.Checkpoint{Origin: key.Origin(), Size: seq, Head: head, At: a.DB.Now()}
		return err
	})
	if err != nil {
		return deliver.Note{}, "", err
	}
	signed, err := key.Sign(cp)
	return deliver.Note{Signed: signed, Origin: cp.Origin, Size: cp.Size, Head: cp.Head, At: cp.At}, key.Public(), err
}

// pushTo puts a checkpoint into one place and keeps the receipt; a failure is
// kept too, and is a notice until a push succeeds.
func (a *App) pushTo(ctx context.Context, by retinue.Actor, o store.Outlet) (store.Push, error) {
	n, _, err := a.checkpointNow(ctx)
	if err != nil {
		return store.Push{}, err
	}
	p := store.Push{Outlet: o.Key, Size: n.Size, Head: n.Head, Note: string(n.Signed)}
	receipt, cause := a.putNote(ctx, o, n)
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	p.OK, p.Place, p.Proof = cause == nil, receipt.Place, receipt.Proof
	if cause != nil {
		p.Error = outlet.Clean(cause.Error(), 500)
	}
	return p, a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		if err := tx.AddPush(&p); err != nil {
			return err
		}
		r, err := a.newRaiser(tx)
		if err != nil {
			return err
		}
		key := "checkpoint/" + string(o.ID)
		if cause == nil {
			tx.Record(by, retinue.RecordCheckpointPushed, string(o.ID), map[string]any{"push": p.ID, "name": o.Name, "size": p.Size, "head": p.Head})
			err = errors.Join(tx.OutletWorked(o.Key, 0), r.settle(key, store.NoticeResolved, ""))
		} else {
			tx.Record(by, retinue.RecordCheckpointFailed, string(o.ID), map[string]any{"push": p.ID, "name": o.Name, "size": p.Size})
			err = errors.Join(tx.OutletFailed(o.Key, p.Error, tx.At().Add(checkpointLook)), r.raise(store.Notice{Key: key, Kind: string(notice.CheckpointFailed),
				Severity: retinue.SeverityHigh, Body: store.NoticeBody{Title: "Checkpoint not pushed to " + o.Name, Path: "/audit",
					Text: "Until one is pushed, changes of the audit log since the last one cannot be proven to somebody who does not trust this database. " + p.Error}}))
		}
		return errors.Join(err, r.done(ctx))
	})
}

func (a *App) putNote(ctx context.Context, o store.Outlet, n deliver.Note) (deliver.Receipt, error) {
	place, err := a.openPlace(ctx, o)
	if err != nil {
		return deliver.Receipt{}, err
	}
	return place.Put(ctx, n)
}

func (a *App) openPlace(ctx context.Context, o store.Outlet) (deliver.Place, error) {
	k, ok := deliver.FindPlace(o.Kind)
	if !ok {
		return nil, fmt.Errorf("%w: there are no places of kind %q", retinue.ErrUnsupported, o.Kind)
	}
	c, _, err := a.openConfig(ctx, o)
	if err != nil {
		return nil, err
	}
	return k.Open(c)
}

// Pushes implements api.Checkpoints.
func (a *App) Pushes(ctx context.Context, place retinue.ChannelID, before int64, limit int) (out []api.Push, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var key int64
		if place != "" {
			o, err := tx.Outlet(store.PurposeCheckpoint, place)
			if err != nil {
				return err
			}
			key = o.Key
		}
		all, err := tx.Pushes(key, before, limit)
		for _, p := range all {
			o, err := tx.OutletByKey(p.Outlet)
			if err != nil {
				return err
			}
			out = append(out, shownPush(p, o))
		}
		return err
	})
	return out, err
}

func shownPush(p store.Push, o store.Outlet) api.Push {
	return api.Push{ID: p.ID, Place: o.ID, PlaceName: o.Name, Kind: o.Kind, At: p.At, OK: p.OK, Size: p.Size, Head: p.Head, Receipt: p.Place, Note: p.Note,
		Error: p.Error, Key: p.Key}
}

// PushCheckpoint implements api.Checkpoints.
func (a *App) PushCheckpoint(ctx context.Context, by auth.Caller, place retinue.ChannelID) (api.Push, error) {
	o, err := a.Outlet(ctx, store.PurposeCheckpoint, place)
	if err != nil {
		return api.Push{}, err
	}
	p, err := a.pushTo(ctx, by.Actor, o)
	return shownPush(p, o), err
}

// VerifyPush implements api.Checkpoints: the log is held to the checkpoint as
// it lies in its place. Where that cannot be read back, the copy in the
// database is used, which proves as much as its signature does.
func (a *App) VerifyPush(ctx context.Context, id retinue.PushID) (out api.PushVerified, err error) {
	var p store.Push
	var o store.Outlet
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if p, err = tx.Push(id); err != nil {
			return err
		}
		o, err = tx.OutletByKey(p.Outlet)
		return err
	})
	if err != nil {
		return out, err
	}
	if !p.OK {
		return out, fmt.Errorf("%w: push %s failed: there is nothing to verify against", retinue.ErrConflict, id)
	}
	signed := []byte(p.Note)
	out.From = "database"
	if place, err := a.openPlace(ctx, o); err == nil {
		if f, ok := place.(deliver.Fetcher); ok {
			if signed, err = f.Fetch(ctx, p.Place); err != nil {
				return out, fmt.Errorf("read checkpoint back from %s: %w", o.Name, err)
			}
			out.From = "place"
		}
		if prover, ok := place.(deliver.Prover); ok {
			if out.Proof, err = prover.Prove(signed, p.Proof); err != nil {
				out.Says = outlet.Clean(err.Error(), 500)
				return out, nil
			}
		}
	}
	key, err := a.signingKey(ctx)
	if err != nil {
		return out, err
	}
	out.OK, out.Says, err = a.verifyAgainst(ctx, signed, key.Public())
	return out, err
}

// verifyAgainst holds the audit log to a signed checkpoint.
func (a *App) verifyAgainst(ctx context.Context, signed []byte, public string) (ok bool, says string, err error) {
	cp, err := evidence.OpenCheckpoint(signed, public)
	if errors.Is(err, retinue.ErrInvalid) {
		return false, outlet.Clean(err.Error(), 500), nil
	}
	if err != nil {
		return false, "", err
	}
	var v evidence.Verification
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		v, err = evidence.Verify(ctx, tx.Records(1), evidence.Against(cp))
		return err
	})
	return v.OK(), v.String(), err
}
