package sqlstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// What is concluded about a use is kept with when and why it became that, can be
// asked as it was at a time, and goes with the class of the usage history; what is
// concluded now stays.
func TestVerdictsAreKeptOverTime(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("s", iam(day(0), identity("a"), identity("b")))
		set := func(at time.Time, name, status string, grade retinue.Grade, silent time.Time) {
			t.Helper()
			key := w.keyOf(name)
			w.time = at
			w.update(func(tx *sqlstore.Tx) error {
				return tx.SetVerdicts([]int64{key}, []store.VerdictRow{{Status: status, Grade: grade, Silent: silent, Body: []byte("{}"), Version: &store.VerdictVersion{Status: status, Grade: grade,
					Silent: silent, LastUsed: day(1), Reason: status + " then", Why: []store.VerdictCause{{Kind: "events", Text: "It was " + status + "."}}}}})
			})
		}
		set(day(1), "a", "active", "A", time.Time{})
		set(day(2), "b", "unknown", "D", time.Time{})
		set(day(40), "a", "idle", "A", day(5))
		set(day(40), "a", "dormant", "B", day(5)) // of the same moment: it was never idle
		set(day(41), "a", "dormant", "B", day(5)) // another replica found it too
		set(day(50), "a", "active", "A", time.Time{})
		history := func() (out []string) {
			w.view(store.Everything(), func(tx *sqlstore.Tx) error {
				var id retinue.EntityID
				for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity, Key: "a"}) {
					if err != nil {
						return err
					}
					id = e.ID
				}
				list, err := tx.VerdictVersions(id, 0)
				for _, v := range list {
					to := "now"
					if !v.To.IsZero() {
						to = fmt.Sprint(int(v.To.Sub(day(0)).Hours() / 24))
					}
					out = append(out, fmt.Sprintf("%d-%s %s %s %s %v %s", int(v.From.Sub(day(0)).Hours()/24), to, v.Status, v.Grade, v.Reason, v.Silent.IsZero(), v.Why[0].Text))
				}
				return err
			})
			return out
		}
		want := []string{"50-now active A active then true It was active.", "40-50 dormant B dormant then false It was dormant.", "1-40 active A active then true It was active."}
		if got := history(); !slices.Equal(got, want) {
			t.Errorf("history is\n%q\nwant\n%q", got, want)
		}
		then := func(at time.Time, q store.VerdictQuery) (out []string) {
			q.AsOf = at.Add(time.Hour)
			w.view(store.Everything(), func(tx *sqlstore.Tx) error {
				list, err := tx.Verdicts(q)
				for _, v := range list {
					out = append(out, v.Name+" "+v.Status)
				}
				return err
			})
			slices.Sort(out)
			return out
		}
		for at, want := range map[time.Time][]string{
			day(0): nil, day(1): {"a active"}, day(39): {"a active", "b unknown"}, day(40): {"a dormant", "b unknown"}, day(49): {"a dormant", "b unknown"}, day(50): {"a active", "b unknown"},
		} {
			if got := then(at, store.VerdictQuery{NonHuman: true}); !slices.Equal(got, want) {
				t.Errorf("at %s: %v, want %v", at, got, want)
			}
		}
		if got := then(day(45), store.VerdictQuery{Status: "dormant", Grade: "B", Type: retinue.FactIdentity}); !slices.Equal(got, []string{"a dormant"}) {
			t.Errorf("dormant at day 45: %v", got)
		}
		w.time = day(60)
		w.scan("s", iam(day(60), identity("a"))) // b is gone
		if got := then(day(61), store.VerdictQuery{}); !slices.Equal(got, []string{"a active"}) {
			t.Errorf("after b went: %v", got)
		}
		if got := then(day(45), store.VerdictQuery{}); !slices.Equal(got, []string{"a dormant", "b unknown"}) {
			t.Errorf("before b went: %v", got)
		}
		if n := w.prune(store.RetainUsage, day(45)); n != 1 {
			t.Errorf("%d deleted, want what ended before", n)
		}
		if got := history(); !slices.Equal(got, want[:2]) {
			t.Errorf("kept are\n%q\nwant\n%q", got, want[:2])
		}
	})
}
