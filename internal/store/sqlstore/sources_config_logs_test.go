package sqlstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestSourceLogs takes the logs of a source through a read: one process has them
// at a time, who asks meanwhile gets another read, and what came of it is kept.
func TestSourceLogs(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		c := w.configured("prod")
		logs := func() (l store.SourceLogs) {
			w.update(func(tx *sqlstore.Tx) (err error) {
				l, err = tx.SourceLogsOf("prod")
				return err
			})
			return l
		}
		w.update(func(tx *sqlstore.Tx) error { return tx.SetSourceLogs(c.Source.Key, "s3://trail", 5*time.Minute) })
		first := logs()
		if first.Target != "s3://trail" || first.Interval != 5*time.Minute || first.DueAt.IsZero() || first.Asked || first.Holder != "" {
			t.Errorf("%+v", first)
		}
		var mine store.SourceLogs
		w.update(func(tx *sqlstore.Tx) (err error) {
			if err := tx.AskSourceLogs(c.Source.Key, actor); err != nil {
				return err
			}
			mine, err = tx.BeginSourceLogs(first, "one")
			return err
		})
		if mine.AskedBy != actor || mine.Holder != "one" {
			t.Errorf("%+v", mine)
		}
		w.update(func(tx *sqlstore.Tx) error {
			if _, err := tx.BeginSourceLogs(first, "two"); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("a second process: %v", err)
			}
			if _, err := tx.BeatSourceLogs(c.Source.Key, "two"); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("a sign of life of who does not read them: %v", err)
			}
			paused, err := tx.BeatSourceLogs(c.Source.Key, "one")
			if paused {
				t.Error("paused by nobody")
			}
			return errors.Join(err, tx.AskSourceLogs(c.Source.Key, retinue.Actor{}))
		})
		if now := logs(); now.Signs <= mine.Signs || !now.Asked {
			t.Errorf("%+v", now)
		}
		mine.ReadAt, mine.DueAt, mine.Standing.Total = mine.StartedAt, mine.StartedAt.Add(time.Hour), store.LogsCount{Reads: 1, New: 7}
		w.update(func(tx *sqlstore.Tx) error { return tx.EndSourceLogs(mine) })
		if now := logs(); now.Holder != "" || now.Standing.Total.New != 7 || !now.Asked || !now.DueAt.Before(mine.DueAt) || now.ReadAt.IsZero() {
			t.Errorf("%+v", now)
		}
		// Who took over has them, and the earlier one finds that out.
		w.update(func(tx *sqlstore.Tx) (err error) {
			now, err := tx.SourceLogsOf("prod")
			if err != nil {
				return err
			}
			one, err := tx.BeginSourceLogs(now, "one")
			if err != nil {
				return err
			}
			now.Holder = "one"
			if _, err = tx.BeginSourceLogs(now, "two"); err != nil {
				return err
			}
			if err := tx.EndSourceLogs(one); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("the end of a read that was taken over: %v", err)
			}
			return tx.PauseSourceLogs(c.Source.Key, actor)
		})
		w.update(func(tx *sqlstore.Tx) error {
			paused, err := tx.BeatSourceLogs(c.Source.Key, "two")
			if !paused {
				t.Error("the process that reads does not hear that it is paused")
			}
			return errors.Join(err, tx.Within(store.RowScope{Sources: []string{"dev"}}, func() error {
				list, err := tx.SourceLogs()
				if len(list) != 0 {
					t.Errorf("seen by who sees another source: %+v", list)
				}
				return err
			}), tx.RemoveSource(c, actor))
		})
		w.update(func(tx *sqlstore.Tx) error {
			if _, err := tx.SourceLogsOf("prod"); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("after the source was removed: %v", err)
			}
			return nil
		})
	})
}

// TestAttestations has somebody's word stand on a part of what a log covers, and
// withdrawn.
func TestAttestations(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		realm := retinue.Realm("test:logs")
		at := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
		cover := retinue.Coverage{Log: "app.audit", Realm: realm, From: at(1), To: at(20), Classes: []retinue.EventClass{retinue.EventData}}
		proven := cover
		proven.From, proven.To, proven.Proof = at(20), at(25), "digest files chain without a gap"
		word := store.Attestation{Log: "app.audit", Realm: realm, From: at(5), To: at(8), By: actor}
		w.update(func(tx *sqlstore.Tx) error {
			later := word
			later.From, later.To = at(7), at(22) // reaches into what is proven
			return errors.Join(tx.AddCoverage(cover), tx.AddCoverage(proven), tx.Attest(word), tx.Attest(later))
		})
		check := func(want ...int) {
			t.Helper()
			w.update(func(tx *sqlstore.Tx) error {
				list, err := tx.UsageCoverage(realm)
				var got []int
				for _, c := range list {
					if c.Proof != "" && c.Proof != proven.Proof {
						got = append(got, c.From.Day(), c.To.Day())
					}
				}
				if len(got) != len(want) || len(want) > 0 && (got[0] != want[0] || got[1] != want[1]) {
					t.Errorf("attested: %v, want %v, of %+v", got, want, list)
				}
				return err
			})
		}
		check(5, 20)
		var words []store.Attestation
		w.update(func(tx *sqlstore.Tx) (err error) {
			words, err = tx.Attestations("")
			return err
		})
		if len(words) != 1 || words[0].By != actor || words[0].To != at(22) {
			t.Fatalf("%+v", words)
		}
		w.update(func(tx *sqlstore.Tx) error { return tx.WithdrawAttestation(words[0].Key, actor) })
		check()
		w.update(func(tx *sqlstore.Tx) error {
			if err := tx.WithdrawAttestation(words[0].Key, actor); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("withdrawn twice: %v", err)
			}
			return nil
		})
	})
}
