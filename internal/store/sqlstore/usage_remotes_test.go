package sqlstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestUseUnderAnAddressIsOfTheRepository: what logs name by a repository's address
// is the use of what was found in the repository, whichever came first.
func TestUseUnderAnAddressIsOfTheRepository(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		own := retinue.Realm("git:" + strings.Repeat("ab", 20))
		const path = ".github/workflows/release.yml"
		pipeline := retinue.Identity{Ref: retinue.NewRef(own, "pipeline", path), Name: "release", Kind: retinue.IdentityPipeline, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		repository := retinue.Container{Ref: retinue.NewRef(own, "repository", "/"), Name: "pay", Kind: retinue.ContainerRepository,
			Attrs: retinue.Attrs{"remotes": []string{"github.com/acme/pay", "git.example.com/mirror/pay"}}}
		count := func(hash uint64, realm retinue.Realm) {
			t.Helper()
			_, err := w.CountUsage(t.Context(), store.UsageBatch{Log: "github.audit", Input: "i", Keep: true, Events: []store.UsageEvent{{Hash: hash, At: day(1).Unix()}},
				Behaviours: []store.Behaviour{{Log: "github.audit", Realm: realm, Identity: retinue.NewRef(realm, "pipeline", path), Outcome: retinue.OutcomeSuccess, Action: "run"}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		due := func() (out []retinue.Ref) {
			t.Helper()
			w.update(func(tx *sqlstore.Tx) error {
				list, err := tx.TakeUsageDue(0, 0, 100)
				for _, s := range list {
					out = append(out, s.Ref)
					err = errors.Join(err, tx.SetVerdict(s.Key, store.VerdictRow{Status: "unknown", Grade: retinue.GradeD, Body: []byte("{}")}), tx.SignalsLooked(s.Key))
				}
				return err
			})
			return out
		}
		unlisted := func() (n int) {
			t.Helper()
			w.view(store.Everything(), func(tx *sqlstore.Tx) error {
				list, err := tx.Unlisted(10)
				n = len(list)
				return err
			})
			return n
		}

		count(1, "git:origin=github.com/acme/pay")
		if got := due(); len(got) != 0 || unlisted() != 1 {
			t.Errorf("before the repository is known: due %v, %d unlisted", got, unlisted())
		}
		w.scan("s", listing{scope: retinue.NewScope(own, "files"), at: day(2), facts: []retinue.Fact{repository, pipeline}})
		if got := due(); !slices.Equal(got, []retinue.Ref{pipeline.Ref}) || unlisted() != 0 {
			t.Errorf("once it is known: due %v, %d unlisted", got, unlisted())
		}
		count(2, "git:origin=git.example.com/mirror/pay")
		if got := due(); !slices.Equal(got, []retinue.Ref{pipeline.Ref}) {
			t.Errorf("after further use: due %v", got)
		}
		count(3, "git:origin=github.com/other/pay")
		if got := due(); len(got) != 0 || unlisted() != 1 {
			t.Errorf("after use of another repository: due %v, %d unlisted", got, unlisted())
		}
		things := w.list(store.EntityQuery{Type: retinue.FactIdentity})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			used, err := tx.Usage(things[0].ID)
			if len(used) != 2 {
				t.Errorf("%d ways of use, want that by each address: %+v", len(used), used)
			}
			return err
		})
	})
}
