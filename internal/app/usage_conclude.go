package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// conclusion is what is concluded about the use of a thing, as it is kept.
type conclusion struct {
	verdict.Verdict
	// Shared says that several consumers share a credential; nil: nothing says so.
	Shared *usage.Sharing `json:"shared,omitempty"`
	// Ground is what it rests on; zero of what was concluded before that was kept.
	Ground verdict.Ground `json:"ground,omitzero"`
}

// concluded reads what is kept.
func concluded(row store.VerdictRow) (c conclusion, err error) {
	if err = json.Unmarshal(row.Body, &c); err != nil {
		return c, fmt.Errorf("read what is concluded of use: %w", err)
	}
	return c, nil
}

// What is known of the inventory by those who look at use: the revisions up to
// which its changes played their part in the verdicts, and in the signals.
const (
	metaUsed    = "usage.revision"
	metaSignals = "signals.revision"
)

// markTouched has the use judged anew of what changed in the inventory since the
// last time: a source tells another last use, another key, another state; and what
// is dead now may still be tried.
func (a *App) markTouched(ctx context.Context) error {
	var upTo int64
	marks := map[string]int64{}
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		if upTo, err = tx.MaxRevision(); err != nil {
			return err
		}
		for _, name := range []string{metaUsed, metaSignals} {
			word, err := tx.Meta(name)
			if err != nil {
				return err
			}
			// What somebody registers touches a thing beyond the last revision: that
			// it was to end is no verdict's concern, and makes its use a signal.
			if from, _ := strconv.ParseInt(word, 10, 64); word == "" || from != upTo || name == metaSignals {
				marks[name] = from
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for name, from := range marks {
			mark := tx.MarkTouchedUsage
			if name == metaSignals {
				mark = tx.MarkTouchedForSignals
			}
			if err := mark(from); err != nil {
				return err
			}
			if err := tx.SetMeta(name, strconv.FormatInt(upTo, 10)); err != nil {
				return err
			}
		}
		return nil
	})
}

// tellConclusions has the rules look at what is newly concluded.
func (a *App) tellConclusions(ctx context.Context) error {
	var news []store.Touched
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		news, err = tx.UsageNews(0, 1)
		return err
	})
	if err != nil || len(news) == 0 {
		return err
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		return a.insert(ctx, tx, judgeJob{}, jobs.Options{Key: "all"})
	})
}

// usageFacts are what rules may ask about the use of a thing.
func usageFacts(tx *sqlstore.Tx, id retinue.EntityID) (*rules.Usage, error) {
	row, err := tx.Verdict(id)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := concluded(row)
	if err != nil {
		return nil, err
	}
	u := &rules.Usage{Status: string(c.Status), Grade: string(c.Grade), Evidence: EvidenceWord(c.Grade), Reason: c.Reason, LastUsed: c.LastUsed,
		SilentSince: c.SilentSince, SilentUntil: c.SilentUntil}
	if c.Shared == nil {
		return u, nil
	}
	u.SharedFrom, u.SharedTo = c.Shared.From, c.Shared.To
	for _, x := range c.Shared.Consumers {
		u.SharedBy = append(u.SharedBy, rules.Sharer{Kind: x.Kind, Name: x.Name, First: x.First, Last: x.Last, Uses: int(x.Uses), Days: x.Days})
	}
	return u, nil
}

// conclusions judges those about whose use something else is concluded than when
// the rules last looked, and who were not touched otherwise. done are those that
// were judged already.
func (w *judgeStore) conclusions(judge func(store.Touched) error, done map[int64]bool) error {
	after := int64(0)
	for {
		page, err := w.tx.UsageNews(after, judgePage)
		if err != nil {
			return err
		}
		for _, t := range page {
			after = t.Key
			w.told = append(w.told, t.Key)
			if done[t.Key] {
				continue
			}
			if err := judge(t); err != nil {
				return err
			}
		}
		if len(page) < judgePage {
			return nil
		}
	}
}
