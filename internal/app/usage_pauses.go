package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

const (
	// metaPauses is how often what seems to have stopped goes on here.
	metaPauses = "usage.pauses"
	// pauseSample is of how many identities that is learned, and pauseSeen how many
	// are looked through for those that have a history.
	pauseSample = 400
	pauseSeen   = 4000
)

// learnedPauses is what was learned of pauses.
type learnedPauses struct {
	rhythm.Estate
	// Covered names what logs covered, to the day, when it was learned.
	Covered string `json:"covered"`
}

// pauses is by what factor it is likelier here than is assumed that what seems to
// have stopped goes on. It is learned again when the logs cover another day, or
// other logs do; where it then is another, all that is silent is judged again.
func (a *App) pauses(ctx context.Context, j *usageJudge) (float64, error) {
	var kept learnedPauses
	covered := coveredDays(j.coverage)
	now := learnedPauses{Covered: covered}
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		word, err := tx.Meta(metaPauses)
		if err != nil {
			return err
		}
		if word != "" {
			if err := json.Unmarshal([]byte(word), &kept); err != nil {
				return fmt.Errorf("read what is known of pauses: %w", err)
			}
		}
		if kept.Covered != covered {
			now.Estate, err = j.lookBack(tx)
		}
		return err
	})
	if err != nil || kept.Covered == covered {
		return kept.Factor(), err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		body, err := json.Marshal(now)
		if err != nil {
			return err
		}
		if now.Factor() != kept.Factor() {
			j.again = true // those of the round were taken before
			if err := tx.MarkSilentUsage(); err != nil {
				return err
			}
		}
		return tx.SetMeta(metaPauses, string(body))
	})
	return now.Factor(), err
}

// lookBack learns of pauses from what some identities did. What it takes does not
// grow with how many there are, but for their keys.
func (j *usageJudge) lookBack(tx *sqlstore.Tx) (rhythm.Estate, error) {
	var e rhythm.Estate
	sampled := 0
	for page, err := range tx.Sample(retinue.FactIdentity, pauseSeen, usagePart) {
		if err != nil {
			return e, err
		}
		page = slices.DeleteFunc(page, func(x store.Entity) bool { return x.Class == retinue.ClassPerson })
		keys := make([]int64, len(page))
		for i, x := range page {
			keys[i] = x.InternalKey
		}
		for len(page) > 0 {
			n, err := tx.Ahead(keys)
			if err != nil {
				return e, err
			}
			for _, x := range page[:n] {
				used, err := tx.Usage(x.ID)
				if err != nil {
					return e, err
				}
				if len(used) == 0 {
					continue
				}
				evidence := verdict.Evidence{Now: tx.At(), Coverage: j.coverage[x.Ref().Realm], Subject: verdict.Subject{Ref: x.Ref()}}
				seriesInto(&evidence, used)
				e.Add(verdict.Pauses(j.fitter, evidence))
				if sampled++; sampled == pauseSample {
					return e, nil
				}
			}
			page, keys = page[n:], keys[n:]
		}
	}
	return e, nil
}

// coveredDays names what logs cover, to the day.
func coveredDays(coverage map[retinue.Realm][]retinue.Coverage) string {
	sum := sha256.New()
	for _, realm := range slices.Sorted(maps.Keys(coverage)) {
		for _, c := range coverage[realm] {
			fmt.Fprintf(sum, "%s\x00%s\x00%s\x00%s\n", realm, c.Log, c.From.UTC().Format(time.DateOnly), c.To.UTC().Format(time.DateOnly))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
}
