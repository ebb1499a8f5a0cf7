package app

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// nightJobs are the logs of 300 days of jobs that act each night. Those of others
// than old pause for a month, if they pause at all; old begins late, and stops a
// month before the end.
func nightJobs(pausing bool) []string {
	var out []string
	for d := range 300 {
		at := day1.AddDate(0, 0, d-300)
		for _, who := range []string{"anna", "bert", "p1", "p2", "p3"} {
			if !pausing || d < 100 || d >= 130 {
				out = append(out, seenEvent(fmt.Sprint(who, d), who, at, "docs:read", "10.0.1.9", ""))
			}
		}
		if d >= 230 && d < 270 {
			out = append(out, seenEvent(fmt.Sprint("old", d), "old", at, "docs:read", "10.0.1.9", ""))
		}
	}
	return out
}

// learned is what is known of pauses, and what is said of old.
func (w *teller) learned() (p learnedPauses, v verdict.Verdict) {
	w.t.Helper()
	old := w.seenEntity("old")
	err := w.DB.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		word, err := tx.Meta(metaPauses)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(word), &p); err != nil {
			return err
		}
		row, err := tx.Verdict(old.ID)
		if err != nil {
			return err
		}
		return json.Unmarshal(row.Body, &v)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p, v
}

// cover says what the log covers, so many days back.
func (w *teller) cover(days int) {
	w.t.Helper()
	err := w.DB.Update(w.t.Context(), func(tx *sqlstore.Tx) error {
		return tx.AddCoverage(retinue.Coverage{Log: "app.audit", Realm: seenRealm, From: day1.AddDate(0, 0, -days), To: day1, Classes: []retinue.EventClass{retinue.EventData}})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.JudgeUsage(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// TestPausesOfTheEstateAreLearned: where nothing pauses what is silent is surer to
// have stopped than where much does, and it is judged again when more is known.
func TestPausesOfTheEstateAreLearned(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		w.importSeen(nightJobs(false))
		w.cover(320)
		p, calm := w.learned()
		if p.Pauses != 0 || p.Years < 3 || p.Factor() >= 1 || calm.Status != verdict.StatusIdle || calm.DormantOn.IsZero() {
			t.Errorf("calm: %+v, %s by %.4f", p, calm.Status, calm.Confidence)
		}
		// As if it had been learned of another time that much pauses here.
		err := w.DB.Update(t.Context(), func(tx *sqlstore.Tx) error {
			body, err := json.Marshal(learnedPauses{Covered: "before"})
			if err != nil {
				return err
			}
			if err := tx.SetMeta(metaPauses, string(body)); err != nil {
				return err
			}
			p := calm
			p.Confidence = 0.5
			if body, err = json.Marshal(p); err != nil {
				return err
			}
			old := w.seenEntity("old")
			return tx.SetVerdicts([]int64{old.InternalKey}, []store.VerdictRow{{Status: string(p.Status), Grade: p.Grade, LastUsed: p.LastUsed, Silent: p.SilentSince, Body: body}})
		})
		if err != nil {
			t.Fatal(err)
		}
		w.cover(330)
		if _, again := w.learned(); again.Confidence != calm.Confidence {
			t.Errorf("judged again by %.4f, before %.4f", again.Confidence, calm.Confidence)
		}
	})
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		w.importSeen(nightJobs(true))
		w.cover(320)
		p, wild := w.learned()
		if p.Pauses != 5 || p.Factor() < 3 || wild.Status != verdict.StatusIdle || wild.Confidence > 0.96 || wild.DormantConfidence != 0 {
			t.Errorf("where much pauses: %+v, %s by %.4f", p, wild.Status, wild.Confidence)
		}
	})
}
