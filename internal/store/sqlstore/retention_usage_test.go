package sqlstore_test

import (
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestPruneUsageClaimsNoSilence deletes old months of the usage history whole,
// leaves the others as they were, and has no log cover a time whose counts are
// gone.
func TestPruneUsageClaimsNoSilence(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		m := makeUp(8, 2, 400, day(0), 200*24*time.Hour)
		if _, err := w.CountUsage(t.Context(), m.batch("a", m.events)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.PackUsage(t.Context(), day(190)); err != nil {
			t.Fatal(err)
		}
		const realm = retinue.Realm("aws:111111111111")
		cover := func(from, to time.Time) retinue.Coverage {
			return retinue.Coverage{Log: "aws.cloudtrail", Realm: realm, From: from, To: to, Proof: "digests"}
		}
		w.update(func(tx *sqlstore.Tx) error {
			if err := tx.AddCoverage(cover(day(0), day(5))); err != nil {
				return err
			}
			return tx.AddCoverage(cover(day(20), day(200)))
		})
		before := usedOf(t, w)
		cut := store.UsageMonth(day(100).Unix())
		start := time.Unix(store.MonthStart(cut)*3600, 0).UTC()
		clearTouched(t, w)

		if n := w.prune(store.RetainUsage, day(100)); n == 0 {
			t.Fatal("nothing was deleted")
		}
		if n := w.prune(store.RetainUsage, day(100)); n != 0 {
			t.Errorf("deleted %d more the second time", n)
		}
		after := usedOf(t, w)
		if len(after) != len(before) {
			t.Fatalf("%d ways of use, were %d", len(after), len(before))
		}
		for i := range after {
			var want []store.Month
			for _, x := range before[i].Months {
				if x.Month >= cut {
					want = append(want, x)
				}
			}
			if len(want) == len(before[i].Months) || len(after[i].Months) != len(want) {
				t.Errorf("%d months of %d left, want %d", len(after[i].Months), len(before[i].Months), len(want))
				continue
			}
			for j, x := range after[i].Months {
				if x.N != want[j].N || x.First != want[j].First || x.Last != want[j].Last {
					t.Errorf("month %d: %+v, want %+v", x.Month, x, want[j])
				}
			}
		}
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			list, err := tx.UsageCoverage(realm)
			if len(list) != 1 || !list[0].From.Equal(start) || !list[0].To.Equal(day(200)) {
				t.Errorf("covered %+v, want from %s", list, start)
			}
			return err
		})
		if n := w.count("SELECT count(*) FROM usage_touched"); n == 0 {
			t.Error("nobody's verdict is to be formed anew")
		}
	})
}

func clearTouched(t *testing.T, w *world) {
	t.Helper()
	if _, err := w.Handle().ExecContext(t.Context(), "DELETE FROM usage_touched"); err != nil {
		t.Fatal(err)
	}
}
