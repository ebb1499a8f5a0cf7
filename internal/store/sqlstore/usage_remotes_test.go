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
				list, err := sqlstore.TakeUsageDue(tx, 0, 0, 100)
				for _, s := range list {
					out = append(out, s.Ref)
					err = errors.Join(err, tx.SetVerdicts([]int64{s.Key}, []store.VerdictRow{{Status: "unknown", Grade: retinue.GradeD, Body: []byte("{}")}}), tx.SignalsLooked(s.Key))
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
		// A forge does not tell capital letters from small ones.
		count(4, "git:origin=github.com/Acme/PAY")
		if got := due(); !slices.Equal(got, []retinue.Ref{pipeline.Ref}) || unlisted() != 1 {
			t.Errorf("after use under the address in other letters: due %v, %d unlisted", got, unlisted())
		}
		things := w.list(store.EntityQuery{Type: retinue.FactIdentity})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			used, err := tx.Usage(things[0].ID)
			if len(used) != 3 {
				t.Errorf("%d ways of use, want that by each address: %+v", len(used), used)
			}
			return err
		})
	})
}

// TestLettersOfAddresses: of repositories whose addresses differ in capital letters
// alone, a log means the one that is spelled as it has it, and none if that cannot be
// told.
func TestLettersOfAddresses(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		const path = "ci.yml"
		repository := func(digit, address string) retinue.Ref {
			realm := retinue.Realm("git:" + strings.Repeat(digit, 40))
			id := retinue.Identity{Ref: retinue.NewRef(realm, "pipeline", path), Name: address, Kind: retinue.IdentityPipeline, Class: retinue.ClassNonHuman, State: retinue.StateActive}
			box := retinue.Container{Ref: retinue.NewRef(realm, "repository", "/"), Name: address, Kind: retinue.ContainerRepository, Attrs: retinue.Attrs{"remotes": []string{address}}}
			w.scan("s"+digit, listing{scope: retinue.NewScope(realm, "files"), at: day(1), facts: []retinue.Fact{box, id}})
			return id.Ref
		}
		small, large := repository("a", "git.example.com/srv/pay"), repository("b", "git.example.com/srv/Pay")
		for i, realm := range []retinue.Realm{"git:origin=git.example.com/srv/pay", "git:origin=git.example.com/srv/Pay", "git:origin=git.example.com/srv/PAY"} {
			_, err := w.CountUsage(t.Context(), store.UsageBatch{Log: "github.audit", Input: "i", Keep: true, Events: []store.UsageEvent{{Hash: uint64(i), At: day(2).Unix()}},
				Behaviours: []store.Behaviour{{Log: "github.audit", Realm: realm, Identity: retinue.NewRef(realm, "pipeline", path), Outcome: retinue.OutcomeSuccess, Action: "run"}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		things := w.list(store.EntityQuery{Type: retinue.FactIdentity})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			for _, e := range things {
				used, err := tx.Usage(e.ID)
				if err != nil {
					return err
				}
				want := map[retinue.Ref]retinue.Realm{small: "git:origin=git.example.com/srv/pay", large: "git:origin=git.example.com/srv/Pay"}[e.Ref()]
				if len(used) != 1 || used[0].Behaviour.Realm != want {
					t.Errorf("%s: %+v, want the use under %s", e.Ref(), used, want)
				}
			}
			list, err := tx.Unlisted(10)
			if len(list) != 1 || list[0].Ref.Realm != "git:origin=git.example.com/srv/PAY" {
				t.Errorf("in logs only: %+v", list)
			}
			return err
		})
	})
}
