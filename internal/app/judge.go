package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// fullEvery is after how long everything is judged again, changed or not:
// ages and end dates move by themselves.
const fullEvery = 24 * time.Hour

// The names of what the judge remembers.
const (
	metaJudged = "judged.revision"
	metaFull   = "judged.full"
	metaPack   = "judged.pack"
)

// judge brings the findings up to date with the inventory: everything when the
// rules changed or a day went by, else what was touched since the last time.
//
// One judge works at a time, in this process by a lock and among the servers of
// a database by a lease: two would each open the finding that neither sees yet.
func (a *App) judge(ctx context.Context) error {
	a.judging.Lock()
	defer a.judging.Unlock()
	lease, err := a.judgeAlone(ctx)
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	defer func() {
		if err := a.DB.ReleaseLease(context.WithoutCancel(ctx), lease); err != nil {
			a.log.Warn("lease of the judge not released", "error", err.Error())
		}
	}()
	return a.judgeHeld(ctx, lease)
}

// judgeLease names the right to judge among the servers of one database;
// judgeLeaseFor is for how long a judge keeps it without a sign of life.
const (
	judgeLease    = retinue.Realm("retinue:judge")
	judgeLeaseFor = 2 * time.Minute
)

// judgeAlone waits for the right to judge.
func (a *App) judgeAlone(ctx context.Context) (store.Lease, error) {
	// The word tells two installations that are open in one process apart.
	who := holder() + " " + a.fleet.holder[strings.LastIndexByte(a.fleet.holder, '/')+1:]
	until := time.Now().Add(judgeLeaseFor)
	for {
		lease, err := a.DB.AcquireLease(ctx, judgeLease, who, judgeLeaseFor)
		if !errors.Is(err, retinue.ErrConflict) {
			return lease, err
		}
		if time.Now().After(until) {
			return lease, fmt.Errorf("%w: another server judges", retinue.ErrUnavailable) // the job is tried again
		}
		select {
		case <-ctx.Done():
			return lease, ctx.Err()
		case <-time.After(judgeWait):
		}
	}
}

// judgeWait is how often a judge asks whether the other one has ended.
const judgeWait = 50 * time.Millisecond

func (a *App) judgeHeld(ctx context.Context, lease store.Lease) error {
	var from, upTo, labelFrom int64
	full := false
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		if upTo, err = tx.MaxRevision(); err != nil {
			return err
		}
		if from, full, err = a.judgeFrom(tx); err != nil {
			return err
		}
		labelFrom, err = a.labelFrom(tx)
		return err
	})
	if err != nil {
		return err
	}
	w := &judgeStore{app: a, from: from, labelFrom: labelFrom, lease: lease, renewed: time.Now()}
	var seenAt int64
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		w.tx, seenAt = tx, tx.At().UnixMicro()
		report, err := rules.Judge{Set: a.set, Now: a.now}.Run(ctx, w)
		if err != nil {
			return err
		}
		a.addJudged(report)
		return w.flush(ctx)
	})
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.UsageNewsTold(seenAt, w.told...); err != nil {
			return err
		}
		if full {
			if err := tx.SetMeta(metaFull, strconv.FormatInt(a.now().Unix(), 10)); err != nil {
				return err
			}
			if err := a.recordRules(tx); err != nil {
				return err
			}
		}
		if err := a.insert(ctx, tx, driftJob{}, jobs.Options{Key: "all"}); err != nil {
			return err
		}
		return tx.SetMeta(metaJudged, strconv.FormatInt(upTo, 10))
	})
}

// judgeFrom returns the revision after which things must be judged.
func (a *App) judgeFrom(tx *sqlstore.Tx) (from int64, full bool, err error) {
	pack, err := tx.Meta(metaPack)
	if err != nil {
		return 0, false, err
	}
	last, err := tx.Meta(metaFull)
	if err != nil {
		return 0, false, err
	}
	at, _ := strconv.ParseInt(last, 10, 64)
	if pack != a.packID || a.now().Sub(time.Unix(at, 0)) >= fullEvery {
		return 0, true, nil
	}
	rev, err := tx.Meta(metaJudged)
	if err != nil {
		return 0, false, err
	}
	from, _ = strconv.ParseInt(rev, 10, 64)
	// Who owns something that did not change may have left.
	moved, err := tx.PeopleTouched(from)
	if err != nil {
		return 0, false, err
	}
	if moved {
		return 0, true, nil
	}
	return from, false, nil
}

// labelFrom returns the revision after which things may have other labels than
// those that are kept.
func (a *App) labelFrom(tx *sqlstore.Tx) (int64, error) {
	pack, err := tx.Meta(metaPack)
	if err != nil || pack != a.packID {
		return 0, err
	}
	rev, err := tx.Meta(metaJudged)
	from, _ := strconv.ParseInt(rev, 10, 64)
	return from, err
}

func addReports(a, b rules.Report) rules.Report {
	a.Subjects += b.Subjects
	a.Opened += b.Opened
	a.Reopened += b.Reopened
	a.Changed += b.Changed
	a.Resolved += b.Resolved
	a.Unchanged += b.Unchanged
	a.Suppressed += b.Suppressed
	a.Errors = append(a.Errors, b.Errors...)
	a.ErrorCount += b.ErrorCount
	return a
}
