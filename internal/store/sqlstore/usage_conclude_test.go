package sqlstore_test

import (
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// scannedIdentities scans identities of the world's realm.
func (w *world) scannedIdentities(names ...string) map[string]store.UsageSubject {
	w.t.Helper()
	var facts []retinue.Fact
	for _, n := range names {
		facts = append(facts, retinue.Identity{Ref: retinue.NewRef(realm, "role", n), Name: n, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman})
	}
	w.scan("src", listing{scope: retinue.Scope{Realm: realm, Path: "iam"}, facts: facts, at: w.time})
	return w.dueUsage()
}

// dueUsage forms a verdict on everything that is due, and says what that was.
func (w *world) dueUsage() map[string]store.UsageSubject {
	w.t.Helper()
	out := map[string]store.UsageSubject{}
	err := w.Update(w.t.Context(), func(tx *sqlstore.Tx) error {
		due, err := sqlstore.TakeUsageDue(tx, 0, 0, 100)
		for _, s := range due {
			out[s.Ref.Key] = s
			if err := tx.SetVerdicts([]int64{s.Key}, []store.VerdictRow{{Status: "idle", Grade: retinue.GradeC, Body: []byte("{}")}}); err != nil {
				return err
			}
			if err := tx.SignalsLooked(s.Key); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) news() []int64 {
	w.t.Helper()
	var out []int64
	err := w.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		list, err := tx.UsageNews(0, 100)
		for _, x := range list {
			out = append(out, x.Key)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestNewsOfUsage: what is concluded anew is news until the rules looked at it,
// and what is concluded once more is none.
func TestNewsOfUsage(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		s := w.scannedIdentities("a")["a"]
		if got := w.news(); len(got) != 1 || got[0] != s.Key {
			t.Fatalf("news %v, want that of the identity", got)
		}
		told := w.Now()
		set := func(v store.VerdictRow) {
			w.update(func(tx *sqlstore.Tx) error {
				v.Body = []byte("{}")
				return tx.SetVerdicts([]int64{s.Key}, []store.VerdictRow{v})
			})
		}
		tell := func(upTo time.Time) {
			w.update(func(tx *sqlstore.Tx) error { return tx.UsageNewsTold(upTo.UnixMicro(), s.Key) })
		}
		tell(told)
		if got := w.news(); len(got) != 0 {
			t.Fatalf("news %v after they were told", got)
		}
		set(store.VerdictRow{Status: "idle", Grade: retinue.GradeC})
		if got := w.news(); len(got) != 0 {
			t.Fatalf("the same verdict is news")
		}
		for _, v := range []store.VerdictRow{{Status: "dormant", Grade: retinue.GradeC}, {Status: "dormant", Grade: retinue.GradeB},
			{Status: "dormant", Grade: retinue.GradeB, Shared: true}} {
			set(v)
			if got := w.news(); len(got) != 1 {
				t.Errorf("%s %s, shared %v is no news", v.Status, v.Grade, v.Shared)
			}
			tell(told) // of a snapshot before
			if got := w.news(); len(got) != 1 {
				t.Errorf("%s %s, shared %v was told before it was concluded", v.Status, v.Grade, v.Shared)
			}
			tell(w.Now())
		}
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for shared, want := range map[bool]int{true: 1, false: 1} {
				if list, err := tx.Verdicts(store.VerdictQuery{Shared: shared}); err != nil || len(list) != want || !list[0].Shared {
					t.Errorf("verdicts with shared %v: %v, %v", shared, list, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestVerdictsFollowTheInventoryAndTheLog: a verdict is formed again when its
// thing changed, and those of a whole realm when its log tells more than that it
// goes on.
func TestVerdictsFollowTheInventoryAndTheLog(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scannedIdentities("a", "b")
		due := func(why string, want int) {
			t.Helper()
			if got := w.dueUsage(); len(got) != want {
				t.Errorf("%s: %d verdicts are due, want %d", why, len(got), want)
			}
		}
		due("nothing happened", 0)
		cover := func(c retinue.Coverage) {
			t.Helper()
			c.Log, c.Realm, c.Classes = "test.log", realm, []retinue.EventClass{retinue.EventManagement}
			w.update(func(tx *sqlstore.Tx) error { return tx.AddCoverage(c) })
		}
		now := w.time
		from := now.AddDate(0, 0, -30)
		cover(retinue.Coverage{From: from, To: now.AddDate(0, 0, -3)})
		due("a log was read for the first time", 2)
		cover(retinue.Coverage{From: from, To: now.AddDate(0, 0, -3)})
		due("the same was read again", 0)
		cover(retinue.Coverage{From: now.AddDate(0, 0, -3), To: now})
		due("a log that had ended goes on", 2)
		cover(retinue.Coverage{From: now.Add(-time.Hour), To: now.Add(time.Minute)})
		due("a log goes on", 0)
		cover(retinue.Coverage{From: now.Add(-time.Hour), To: now.Add(time.Minute), Proof: "whole"})
		due("a log goes on with other words", 0)
		cover(retinue.Coverage{From: from.AddDate(0, 0, -1), To: from})
		due("a log reaches further back", 2)
		cover(retinue.Coverage{From: from, To: now, Proof: "whole"})
		due("a log is proven to be whole", 2)

		var rev int64
		w.update(func(tx *sqlstore.Tx) (err error) { rev, err = tx.MaxRevision(); return err })
		w.time = w.time.Add(time.Hour)
		w.scannedChange("a")
		w.update(func(tx *sqlstore.Tx) error { return tx.MarkTouchedUsage(rev) })
		if got := w.dueUsage(); len(got) != 1 || got["a"].Key == 0 {
			t.Errorf("due %v, want what changed", got)
		}
	})
}

// scannedChange scans the two identities again, one of them disabled.
func (w *world) scannedChange(name string) {
	var facts []retinue.Fact
	for _, n := range []string{"a", "b"} {
		f := retinue.Identity{Ref: retinue.NewRef(realm, "role", n), Name: n, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman}
		if n == name {
			f.State = retinue.StateDisabled
		}
		facts = append(facts, f)
	}
	w.scan("src", listing{scope: retinue.Scope{Realm: realm, Path: "iam"}, facts: facts, at: w.time})
}
