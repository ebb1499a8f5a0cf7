package sqlstore_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

func (w *world) view(scope store.RowScope, fn func(tx *sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.View(w.t.Context(), scope, fn); err != nil {
		w.t.Fatal(err)
	}
}

// keyOf returns the key of an identity by its vendor's key.
func (w *world) keyOf(key string) int64 {
	w.t.Helper()
	for _, e := range w.list(store.EntityQuery{Type: retinue.FactIdentity, Key: key, Gone: true}) {
		return e.InternalKey
	}
	w.t.Fatalf("no identity %s", key)
	return 0
}

func TestOwnershipIsVersionedAndShown(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("s", iam(day(0), identity("a"), identity("b")))
		a, b := w.keyOf("a"), w.keyOf("b")
		own := func(o ...store.Ownership) (n int) {
			w.update(func(tx *sqlstore.Tx) (err error) { n, err = tx.Own(o); return err })
			return n
		}
		rule := store.Ownership{Entity: a, Owner: "@pay", How: "rule", Rule: "own_1", Why: "tag", By: actor}
		if n := own(rule, store.Ownership{Entity: b, How: "none"}); n != 1 {
			t.Errorf("%d changed, want 1: nobody is no change where nobody was", n)
		}
		if n := own(rule); n != 0 {
			t.Errorf("%d changed, want none the second time", n)
		}
		w.time = day(2)
		own(store.Ownership{Entity: a, Owner: "ann", Backup: "@pay", How: "explicit", By: actor})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			all, err := tx.Ownerships(a)
			if err != nil {
				return err
			}
			if len(all) != 2 || all[0].Owner != "ann" || !all[0].To.IsZero() || all[1].Owner != "@pay" || !all[1].To.Equal(all[0].From) || all[1].Why != "tag" || all[0].By != actor {
				t.Errorf("history %+v", all)
			}
			p, err := tx.List(store.ListQuery{Type: retinue.FactIdentity, Filter: store.Filter{Owners: []string{"ann"}}})
			if len(p.Items) != 1 || p.Items[0].Key != "a" {
				t.Errorf("listed %+v", p.Items)
			}
			return err
		})
		for owner, sees := range map[string]bool{"ann": true, "ben": false} {
			w.view(store.RowScope{Owners: []string{owner}}, func(tx *sqlstore.Tx) error {
				all, err := tx.Ownerships(a)
				if (len(all) > 0) != sees {
					t.Errorf("%s sees %d versions", owner, len(all))
				}
				figures, err2 := tx.OwnerFigures()
				if (len(figures) > 0) != sees {
					t.Errorf("%s sees figures %+v", owner, figures)
				}
				_, _, err3 := tx.RegistrationOf(w.list(store.EntityQuery{Key: "a"})[0].ID)
				if errors.Is(err3, retinue.ErrNotFound) == sees {
					t.Errorf("%s reads the registration: %v", owner, err3)
				}
				return errors.Join(err, err2)
			})
		}
		own(store.Ownership{Entity: a, How: "none"})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			o, err := tx.Owner(a)
			if o.Owner != "" {
				t.Errorf("owner %+v after it was taken away", o)
			}
			all, _ := tx.Ownerships(a)
			if len(all) != 2 || all[0].To.IsZero() {
				t.Errorf("history %+v", all)
			}
			return err
		})
	})
}

func TestOwnerFigures(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("s", iam(day(0), identity("a"), identity("b"), identity("c"), identity("p", func(i *retinue.Identity) { i.Class = retinue.ClassPerson })))
		a, b := w.keyOf("a"), w.keyOf("b")
		w.update(func(tx *sqlstore.Tx) error {
			for i, k := range []int64{a, b} {
				g := retinue.Registration{Entity: w.list(store.EntityQuery{Key: []string{"a", "b"}[i]})[0].ID, Owner: "ann"}
				if k == a {
					g.ReviewDate = day(30)
				}
				if err := tx.Register(k, g, actor); err != nil {
					return err
				}
			}
			_, err := tx.Own([]store.Ownership{{Entity: a, Owner: "ann", Backup: "@pay", How: "explicit", By: actor}, {Entity: b, Owner: "ann", How: "explicit", By: actor}})
			return err
		})
		w.update(func(tx *sqlstore.Tx) error {
			return tx.SaveFinding(a, retinue.Finding{ID: retinue.NewFindingID(w.Now()), Fingerprint: "f", Rule: "r", Severity: retinue.SeverityHigh, State: retinue.FindingOpen, FirstSeen: w.Now(), LastSeen: w.Now()}, true)
		})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			all, err := tx.OwnerFigures()
			if err != nil {
				return err
			}
			by := map[string]store.OwnerFigures{}
			for _, f := range all {
				by[f.Owner] = f
			}
			if f := by["ann"]; f.Identities != 2 || f.Explicit != 2 || f.Unreviewed != 1 || f.Findings[retinue.SeverityHigh] != 1 {
				t.Errorf("ann %+v", f)
			}
			if f := by[""]; f.Identities != 1 || f.Explicit != 0 || f.Unreviewed != 1 {
				t.Errorf("nobody %+v", f)
			}
			if f := by["@pay"]; f.BackupFor != 1 || f.Identities != 0 {
				t.Errorf("backup %+v", f)
			}
			one, err := tx.OwnerFigures("ann")
			if len(one) != 1 || one[0].Identities != 2 || one[0].Unreviewed != 1 {
				t.Errorf("ann alone %+v", one)
			}
			return err
		})
	})
}

func TestOwnables(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		account := retinue.Container{Ref: retinue.NewRef(realm, "account", "1"), Name: "prod", Kind: retinue.ContainerAccount, Labels: map[string]string{"team": "pay"}}
		ns := retinue.Container{Ref: retinue.NewRef(realm, "namespace", "n"), Name: "n", Kind: retinue.ContainerNamespace, Parent: account.Ref}
		place := retinue.Place{Kind: retinue.PlaceGit, Realm: realm, Path: "iam.tf"}
		w.scan("s", iam(day(0), account, ns, identity("a", func(i *retinue.Identity) { i.Container = ns.Ref }),
			identity("p", func(i *retinue.Identity) { i.Class = retinue.ClassPerson })))
		w.scan("code", listing{scope: retinue.NewScope(realm, "code"), at: day(0), auth: 20, facts: []retinue.Fact{
			identity("a", func(i *retinue.Identity) { i.Declared = []retinue.Place{place} }), identity("b")}})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			page, err := tx.Ownables().Page(0, 0, 10)
			if err != nil {
				return err
			}
			if len(page) != 2 {
				t.Fatalf("%d identities, want those that are no person's", len(page))
			}
			x := page[0]
			if x.RefKey != "a" || len(x.Containers) != 2 || x.Containers[1].Container.Labels["team"] != "pay" || x.Containers[0].ID == "" ||
				len(x.Sources) != 2 || len(x.Identity.Declared) != 1 || x.Identity.Declared[0].Path != "iam.tf" {
				t.Errorf("read %+v", x)
			}
			rest, err := tx.Ownables().Page(0, x.Key, 10)
			if len(rest) != 1 || rest[0].RefKey != "b" {
				t.Errorf("next page %+v", rest)
			}
			rev, err2 := tx.MaxRevision()
			none, err3 := tx.Ownables().Page(rev, 0, 10)
			if len(none) != 0 {
				t.Errorf("touched after the last revision: %+v", none)
			}
			return errors.Join(err, err2, err3)
		})
	})
}

func TestOwnershipRulesAndDenials(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("s", iam(day(0), identity("a")))
		a := w.keyOf("a")
		for i, body := range []string{`{"rules":[1]}`, `{"rules":[2]}`} {
			w.time = day(i + 1)
			w.update(func(tx *sqlstore.Tx) error { return tx.SetOwnershipRules(json.RawMessage(body), actor) })
		}
		w.update(func(tx *sqlstore.Tx) error {
			return errors.Join(tx.DenyOwner(store.OwnerDenial{Entity: a, Candidate: "x", By: actor}), tx.DenyOwner(store.OwnerDenial{Entity: a, Candidate: "x", Reason: "again", By: actor}))
		})
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			now, err := tx.OwnershipRules()
			if string(now.Body) != `{"rules":[2]}` || now.By != actor {
				t.Errorf("in force %s", now.Body)
			}
			all, err2 := tx.OwnershipRulesVersions()
			if len(all) != 2 || !all[1].To.Equal(all[0].From) {
				t.Errorf("versions %+v", all)
			}
			denied, err3 := tx.DeniedOwners(a)
			if len(denied) != 1 || denied[0] != "x" {
				t.Errorf("denied %v", denied)
			}
			return errors.Join(err, err2, err3)
		})
	})
}

func TestUndoIsTakenOnceByItsCallerInTime(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		save := func(token string) {
			w.update(func(tx *sqlstore.Tx) error {
				return tx.SaveUndo(store.Undo{Token: token, Caller: "ann", Kind: "k", Expires: tx.At().Add(store.UndoTime), Body: json.RawMessage(`{"a":1}`)})
			})
		}
		take := func(token, caller string) error {
			return w.Update(t.Context(), func(tx *sqlstore.Tx) error {
				u, err := tx.TakeUndo(token, caller)
				if err == nil && (u.Kind != "k" || string(u.Body) != `{"a":1}`) {
					t.Errorf("took %+v", u)
				}
				return err
			})
		}
		save("one")
		if err := take("one", "ben"); !errors.Is(err, retinue.ErrNotFound) {
			t.Errorf("another caller: %v", err)
		}
		if err := take("one", "ann"); err != nil {
			t.Error(err)
		}
		if err := take("one", "ann"); !errors.Is(err, retinue.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		save("two")
		w.time = w.time.Add(store.UndoTime + time.Second)
		if err := take("two", "ann"); !errors.Is(err, retinue.ErrNotFound) {
			t.Errorf("late: %v", err)
		}
	})
}

func TestPeopleKeepsThoseWhoAreGoneAsTheyWereLast(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		staff := func(at time.Time, facts ...retinue.Fact) listing {
			return listing{scope: retinue.NewScope(realm, "staff"), at: at, facts: facts}
		}
		person := func(key, mail string) retinue.Person {
			return retinue.Person{Ref: retinue.NewRef(realm, "person", key), Name: key, Email: mail, State: retinue.StateActive}
		}
		team := retinue.Team{Ref: retinue.NewRef(realm, "team", "t"), Name: "T"}
		w.scan("staff", staff(day(0), person("p1", "one@x"), person("p2", "two@x"), person("p3", "three@x"), team))
		w.time = day(1)
		w.scan("staff", staff(day(1), person("p1", "new@x"), person("p3", "three@x"), team))
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			people, teams, err := tx.People()
			mails := map[string]bool{}
			for _, p := range people {
				mails[p.Person.Email] = p.Gone
			}
			if gone, ok := mails["two@x"]; !ok || !gone || len(mails) != 3 || mails["new@x"] || len(teams) != 1 {
				t.Errorf("people %v, teams %v", mails, teams)
			}
			return err
		})
	})
}
