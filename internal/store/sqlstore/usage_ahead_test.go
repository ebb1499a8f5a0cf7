package sqlstore_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// aheadTold is what is asked of a thing whose use is judged.
type aheadTold struct {
	Entity       store.Entity
	Facts        []store.Fact
	Credentials  []store.Fact
	Uses         []retinue.Use
	Registration *retinue.Registration
	Used         []store.Used
	Deeds        []store.UsedDeed
	Verdict      store.VerdictRow
}

func askAhead(tx *sqlstore.Tx, e store.Entity) (a aheadTold, err error) {
	steps := []func() error{
		func() (err error) { a.Entity, err = tx.NoticeSubject(e.InternalKey); return err },
		func() (err error) { a.Facts, err = tx.FactsOf(e.InternalKey, true); return err },
		func() (err error) {
			a.Credentials, err = tx.Related(e.InternalKey, 500, store.EdgeIdentity)
			return err
		},
		func() (err error) { a.Uses, err = tx.Uses(e.InternalKey); return err },
		func() (err error) { a.Registration, err = tx.Registration(e.InternalKey); return err },
		func() (err error) { a.Used, err = tx.Usage(e.ID); return err },
		func() (err error) { a.Deeds, err = tx.UsageDeeds(e.ID); return err },
		func() (err error) {
			if a.Verdict, err = tx.Verdict(e.ID); errors.Is(err, retinue.ErrNotFound) {
				return nil
			}
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return a, err
		}
	}
	return a, nil
}

// TestAheadIsWhatIsAskedLater: what is read of many things at a time is what is
// read of each; things with much are read in parts.
func TestAheadIsWhatIsAskedLater(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		const realm = retinue.Realm("test:ahead")
		var facts []retinue.Fact
		for i := range 4 {
			id := retinue.NewRef(realm, "account", fmt.Sprint("svc-", i))
			facts = append(facts, retinue.Identity{Ref: id, Name: id.Key, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, State: retinue.StateActive})
			for k := range i {
				key := retinue.NewRef(realm, "access_key", fmt.Sprintf("%s-%d", id.Key, k))
				facts = append(facts, retinue.Credential{Ref: key, Name: key.Key, Kind: retinue.CredentialAccessKey, State: retinue.CredentialActive, Identity: id,
					Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "test:" + key.Key}}}, retinue.Use{Subject: key, Meaning: "last_used", At: day(k)})
			}
		}
		facts = append(facts, retinue.Use{Subject: retinue.NewRef(realm, "account", "svc-1"), Meaning: "last_used", Never: true})
		w.scan("s", listing{scope: retinue.NewScope(realm, "all"), at: day(2), facts: facts})
		for i := range 4 {
			b := store.UsageBatch{Log: "ahead", Input: fmt.Sprint(i)}
			for k := range []int{3, 2500, 2500, 40}[i] {
				x := store.Behaviour{Log: "ahead", Realm: realm, Class: retinue.EventData, Identity: retinue.NewRef(realm, "account", fmt.Sprint("svc-", i)),
					Action: fmt.Sprint("act-", k), Outcome: retinue.OutcomeSuccess, Consumer: store.Consumer{Kind: "network", Network: fmt.Sprintf("10.0.%d.0/24", k%3)}}
				if k%2 == 0 {
					x.Credential = store.KeyRef(string(retinue.JoinProviderID), fmt.Sprintf("test:svc-%d-0", i))
				}
				if k%5 == 0 {
					x.Via = retinue.NewRef(realm, "account", "svc-0")
				}
				b.Behaviours = append(b.Behaviours, x)
				b.Events = append(b.Events, store.UsageEvent{Hash: uint64(i*10_000 + k), At: day(1).Unix() + int64(k%7)*3600, Behaviour: int32(k)}) //nolint:gosec // few
				if k%10 == 1 {
					b.Touches = append(b.Touches, store.UsageTouch{Kind: retinue.TouchRead, Target: retinue.NewRef(realm, "account", "svc-3"), Event: int32(k)}) //nolint:gosec // few
				}
			}
			if _, err := w.CountUsage(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				if _, err := w.PackUsage(t.Context(), day(3)); err != nil {
					t.Fatal(err)
				}
			}
		}
		things := append(w.list(store.EntityQuery{Type: retinue.FactIdentity}), w.list(store.EntityQuery{Type: retinue.FactCredential})...)
		w.update(func(tx *sqlstore.Tx) error {
			return errors.Join(tx.Register(things[0].InternalKey, retinue.Registration{Application: "pay"}, retinue.Actor{Kind: "test"}),
				tx.SetVerdicts([]int64{things[1].InternalKey}, []store.VerdictRow{{Status: "idle", Grade: retinue.GradeB, Body: []byte("{}")}}))
		})
		keys := make([]int64, len(things))
		alone := make([]aheadTold, len(things))
		w.view(store.Everything(), func(tx *sqlstore.Tx) (err error) {
			for i, e := range things {
				keys[i] = e.InternalKey
				if alone[i], err = askAhead(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		parts := 0
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			for from := 0; from < len(keys); parts++ {
				n, err := tx.Ahead(keys[from:])
				if err != nil || n < 1 {
					t.Fatalf("%d were read ahead, %v", n, err)
				}
				for i := from; i < from+n; i++ {
					got, err := askAhead(tx, things[i])
					if err != nil {
						return err
					}
					if !reflect.DeepEqual(got, alone[i]) {
						t.Errorf("%s:\nread ahead %+v\nasked      %+v", things[i].Key, got, alone[i])
					}
				}
				from += n
			}
			return nil
		})
		if parts < 2 {
			t.Errorf("they were read in %d parts, want more", parts)
		}
	})
}
