package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestMeasures: what is behind the headline metrics, with a threshold that
// differs by kind, now as it is kept and as of a date as it is counted.
func TestMeasures(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		of := func(key string, kind retinue.IdentityKind) retinue.Identity {
			return identity(key, func(i *retinue.Identity) { i.Kind = kind })
		}
		use := func(key string, days int) retinue.Use {
			return retinue.Use{Subject: retinue.NewRef(realm, "role", key), Meaning: "last_used", At: day(-days), Grade: retinue.GradeC}
		}
		person := identity("p", func(i *retinue.Identity) { i.Class = retinue.ClassPerson })
		w.scan("a", iam(day(0), of("new", retinue.IdentityRole), of("old", retinue.IdentityRole), of("never", retinue.IdentityRole), person,
			of("w1", retinue.IdentityWorkload), of("w2", retinue.IdentityWorkload),
			retinue.Credential{Ref: retinue.NewRef(realm, "key", "k"), Kind: retinue.CredentialAPIKey, Identity: retinue.NewRef(realm, "role", "old"), CreatedAt: day(-200)},
			use("new", 5), use("old", 91), use("w1", 40), use("w2", 10), use("p", 300)))
		for _, e := range w.list(store.EntityQuery{Type: retinue.FactIdentity}) {
			if e.Name == "old" {
				if err := w.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.SetLabels(e.InternalKey, sqlstore.Labels{Privileged: true}) }); err != nil {
					t.Fatal(err)
				}
			}
		}
		first := store.Measures{IdleDays: 90, Privileged: 1, StrongCredentials: 1, StaticOld: 1, IdleIdentities: 1, UnknownIdentities: 1,
			UnknownCredentials: 1, Workloads: 2}
		w.measures("now", store.AsOf{}, store.IdleAfter{}, first)
		strict := first
		strict.IdleDays, strict.IdleIdentities, strict.DormantWorkloads = 100, 1, 1
		w.measures("by kind", store.AsOf{}, store.IdleAfter{Days: 100, ByKind: map[string]int{string(retinue.IdentityWorkload): 30}}, strict)
		w.time = day(2)
		w.scan("a", iam(day(2), of("new", retinue.IdentityRole), of("never", retinue.IdentityRole), of("w1", retinue.IdentityWorkload), use("w1", 0)))
		w.measures("later", store.AsOf{}, store.IdleAfter{}, store.Measures{IdleDays: 90, UnknownIdentities: 1, Workloads: 1})
		first.Privileged, first.StrongCredentials = 1, 1
		w.measures("as of before", store.AsOf{Observed: day(1)}, store.IdleAfter{}, first)
		w.measures("before anything", store.AsOf{Observed: day(-1)}, store.IdleAfter{})
	})
}

// measures compares what is measured of the one source.
func (w *world) measures(what string, a store.AsOf, idle store.IdleAfter, want ...store.Measures) {
	w.t.Helper()
	err := w.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		got, err := tx.Measures(a, idle)
		if err != nil {
			return err
		}
		if len(got) != len(want) {
			w.t.Errorf("%s: %d sources, want %d", what, len(got), len(want))
		}
		for _, m := range want {
			if x := got["a"]; x == nil || *x != m {
				w.t.Errorf("%s:\n got %+v\nwant %+v", what, x, m)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestThePastIsCountedAsItIsListed: as of a date, figures and facets are what
// the list of that date holds.
func TestThePastIsCountedAsItIsListed(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		c := &churn{world: w, Rand: rand.New(rand.NewPCG(12, 3))}
		for range 30 {
			c.step()
		}
		seen := 0
		for d := 0; d < c.day; d += 3 {
			a := store.AsOf{Observed: day(d).Add(time.Hour)}
			rows := w.page(store.ListQuery{Type: retinue.FactIdentity, AsOf: a, Limit: store.MaxPage}).Items
			kinds, people := map[string]int64{}, int64(0)
			for _, r := range rows {
				kinds[string(r.Environment)]++
				if r.Class == retinue.ClassPerson {
					people++
				}
			}
			seen += len(rows)
			err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
				facets, err := tx.FacetsAt(a, retinue.FactIdentity, store.Filter{}, "environment")
				if err != nil {
					return err
				}
				got := map[string]int64{}
				for _, x := range facets {
					got[x.Value] = x.Count
				}
				f, err := tx.FiguresAt(a)
				if fmt.Sprint(got) != fmt.Sprint(kinds) || f.Persons != people || f.Entities[string(retinue.FactIdentity)] != int64(len(rows)) {
					t.Errorf("day %d: %d rows, facets %v, want %v; %d people, want %d", d, f.Entities[string(retinue.FactIdentity)], got, kinds, f.Persons, people)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if seen < 20 {
			t.Errorf("only %d rows were seen", seen)
		}
	})
}
