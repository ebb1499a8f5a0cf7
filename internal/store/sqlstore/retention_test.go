package sqlstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// prune deletes a class to its end, in batches of two.
func (w *world) prune(c store.RetentionClass, before time.Time) (total int64) {
	w.t.Helper()
	for more := true; more; {
		w.update(func(tx *sqlstore.Tx) error {
			n, rest, err := tx.Prune(c, before, 2)
			total, more = total+n, rest
			return err
		})
	}
	return total
}

func (w *world) count(q string) (n int) {
	w.t.Helper()
	if err := w.Handle().QueryRowContext(w.t.Context(), q).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestPruneHistoryKeepsWhatIsInForce(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		person := retinue.Person{Ref: retinue.NewRef(realm, "person", "p"), Name: "P", Email: "p@x", State: retinue.StateActive}
		for i := range 6 {
			w.time = day(i * 10)
			facts := []retinue.Fact{identity("a", described(strings.Repeat("x", i+1))), identity("stays")}
			if i < 2 {
				person.Name = strings.Repeat("P", i+1)
				facts = append(facts, identity("goes"), person)
			}
			w.scan("s", iam(day(i*10), facts...))
		}
		then := store.AsOf{Observed: day(35)}
		before := w.list(store.EntityQuery{AsOf: then, Type: retinue.FactIdentity})
		n := w.prune(store.RetainHistory, day(30))
		if n == 0 {
			t.Fatal("nothing was deleted")
		}
		if again := w.prune(store.RetainHistory, day(30)); again != 0 {
			t.Errorf("deleted %d more the second time", again)
		}
		if after := w.list(store.EntityQuery{AsOf: then, Type: retinue.FactIdentity}); len(after) != len(before) || len(after) != 2 {
			t.Errorf("as of a kept date: %d identities, were %d", len(after), len(before))
		}
		if now := w.list(store.EntityQuery{Type: retinue.FactIdentity}); len(now) != 2 {
			t.Errorf("now: %+v", now)
		}
		if edges := w.count("SELECT count(*) FROM edges x WHERE NOT EXISTS (SELECT 1 FROM facts f WHERE f.id = x.fact_id)"); edges != 0 {
			t.Errorf("%d edges of facts that are gone", edges)
		}
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			people, _, err := tx.People()
			if len(people) != 1 || people[0].Person.Name != "PP" || !people[0].Gone {
				t.Errorf("who left is known as %+v", people)
			}
			return err
		})
	})
}

func TestPruneRunsKeepsTheLastWordOnEveryScope(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		other := retinue.NewScope(realm, "other")
		w.scan("s", iam(day(0), identity("a")), listing{scope: other, at: day(0), facts: []retinue.Fact{identity("o")}})
		for i := 1; i < 5; i++ {
			w.time = day(i * 10)
			w.scan("s", iam(day(i*10), identity("a")))
		}
		w.time = day(50)
		w.scan("s", listing{scope: retinue.NewScope(realm, "iam"), at: day(50), fail: errors.New("no")})
		revs := w.count("SELECT max(rev) FROM revisions")
		if n := w.prune(store.RetainRuns, day(49)); n != 3 {
			t.Errorf("deleted %d runs, want 3: the first observed a scope last, the last but one was complete", n)
		}
		if now := w.count("SELECT max(rev) FROM revisions"); now != revs {
			t.Errorf("last revision %d, was %d", now, revs)
		}
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			runs, err := tx.LastRuns()
			if len(runs) != 1 || runs[0].State == store.RunComplete {
				t.Errorf("last runs %+v", runs)
			}
			return err
		})
		if len(w.list(store.EntityQuery{Type: retinue.FactIdentity})) != 2 {
			t.Error("an identity is gone")
		}
	})
}

func TestPruneUsesKeepsTheLatestOfEachKind(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		a := identity("a")
		use := func(meaning string, at time.Time) retinue.Use {
			return retinue.Use{Subject: a.Ref, Meaning: meaning, At: at, Grade: retinue.GradeC}
		}
		for i := range 5 {
			w.time = day(i * 10)
			w.scan("s", iam(day(i*10), a, use("last_used", day(i*10-1)), use("login", day(-5))))
		}
		if n := w.prune(store.RetainUses, day(365)); n != 4 {
			t.Errorf("deleted %d uses, want 4", n)
		}
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			uses, err := tx.Uses(w.keyOf("a"))
			if len(uses) != 2 {
				t.Errorf("uses %+v", uses)
			}
			return err
		})
	})
}

func TestPruneFindingsKeepsOpenAndAccepted(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("s", iam(day(0), identity("a")))
		a := w.keyOf("a")
		save := func(fp string, state retinue.FindingState, at time.Time) {
			w.time = at
			f := retinue.Finding{ID: retinue.NewFindingID(at), Fingerprint: fp, Rule: "r", Family: "fam", Severity: retinue.SeverityLow, State: state, FirstSeen: at, LastSeen: at}
			if state == retinue.FindingResolved {
				f.ResolvedAt = at
			}
			if state == retinue.FindingAccepted {
				f.Accepted = &retinue.Acceptance{By: "ann", Reason: "r", Until: day(1000), At: at}
			}
			w.update(func(tx *sqlstore.Tx) error { return tx.SaveFinding(a, f, true) })
		}
		save("open", retinue.FindingOpen, day(1))
		save("accepted", retinue.FindingAccepted, day(1))
		save("fixed", retinue.FindingOpen, day(1))
		save("fixed", retinue.FindingResolved, day(2))
		save("just fixed", retinue.FindingResolved, day(100))
		w.update(func(tx *sqlstore.Tx) error {
			return errors.Join(tx.Accept("fam", retinue.Acceptance{By: "ann", Reason: "r", Until: day(1000)}), tx.Accept("old", retinue.Acceptance{By: "ann", Reason: "r", Until: day(20)}))
		})
		w.prune(store.RetainFindings, day(50))
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			left := map[string]bool{}
			for f, err := range tx.Findings(store.FindingQuery{Resolved: true}) {
				if err != nil {
					return err
				}
				left[f.Fingerprint] = true
			}
			if len(left) != 3 || left["fixed"] {
				t.Errorf("left %v", left)
			}
			acc, err := tx.Acceptances(day(60))
			if len(acc) != 1 {
				t.Errorf("acceptances %v", acc)
			}
			return err
		})
		if v := w.count("SELECT count(*) FROM finding_versions v WHERE NOT EXISTS (SELECT 1 FROM findings f WHERE f.id = v.finding_id)"); v != 0 {
			t.Errorf("%d versions of findings that are gone", v)
		}
		if n := w.count("SELECT n FROM figures WHERE name = 'findings' AND key LIKE '%resolved%'"); n != 1 {
			t.Errorf("figures count %d resolved findings, want 1", n)
		}
	})
}

func TestPruneGovernancePeopleAndTheRest(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("s", iam(day(0), identity("a")))
		a := w.keyOf("a")
		for i, owner := range []string{"ann", "ben", "cat"} {
			w.time = day(i * 10)
			w.update(func(tx *sqlstore.Tx) error {
				tx.Record(actor, retinue.RecordRegistrationSet, "x", map[string]any{"owner": "commitment"}, sqlstore.Payload{Name: "owner", Salt: "s", Data: owner})
				_, err := tx.Own([]store.Ownership{{Entity: a, Owner: owner, How: "explicit", By: actor}})
				return errors.Join(err, tx.Register(a, retinue.Registration{Owner: owner}, actor))
			})
		}
		records := w.count("SELECT count(*) FROM records")
		if n := w.prune(store.RetainGovernance, day(15)); n != 2 {
			t.Errorf("deleted %d, want the first owner and the first registration", n)
		}
		if n := w.prune(store.RetainPeople, day(15)); n != 2 {
			t.Errorf("deleted %d payloads, want 2", n)
		}
		for _, c := range store.RetentionClasses() {
			w.prune(c, day(15))
		}
		if now := w.count("SELECT count(*) FROM records"); now != records {
			t.Errorf("%d records, were %d: none may be deleted", now, records)
		}
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			all, err := tx.Ownerships(a)
			if len(all) != 2 || all[0].Owner != "cat" {
				t.Errorf("owners %+v", all)
			}
			return err
		})
	})
}

func TestPurgePerson(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		person := retinue.Person{Ref: retinue.NewRef(realm, "person", "7"), Name: "Ann Example", Email: "Ann@x", State: retinue.StateActive}
		w.scan("s", iam(day(0), identity("a"), person))
		a := w.keyOf("a")
		set := func(owner string) {
			w.time = w.time.Add(time.Hour)
			w.update(func(tx *sqlstore.Tx) error {
				tx.Record(actor, retinue.RecordRegistrationSet, "x", nil, sqlstore.Payload{Name: "owner", Salt: "s", Data: owner})
				_, err := tx.Own([]store.Ownership{{Entity: a, Owner: owner, How: "explicit", By: actor}})
				return errors.Join(err, tx.Register(a, retinue.Registration{Owner: owner}, actor))
			})
		}
		purge := func() error {
			return w.Update(t.Context(), func(tx *sqlstore.Tx) error {
				_, err := tx.PurgePerson([]string{"ann@x", "Ann Example"}, nil)
				return err
			})
		}
		set("ann@x")
		if err := purge(); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("still an owner: %v", err)
		}
		set("ben@x")
		if err := purge(); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("still stated: %v", err)
		}
		who := retinue.NewRef("okta:acme", "user", "acme/Ann@x")
		_, err := w.CountUsage(t.Context(), store.UsageBatch{Log: "okta.system", Input: "i", Keep: true, Events: []store.UsageEvent{{Hash: 1, At: day(1).Unix()}},
			Behaviours: []store.Behaviour{{Log: "okta.system", Realm: "okta:acme", Identity: who, Person: true, Consumer: store.Consumer{Kind: "application", Name: "ann example"}, Outcome: retinue.OutcomeSuccess}}})
		if err != nil {
			t.Fatal(err)
		}
		w.time = day(2)
		w.scan("s", iam(day(2), identity("a")))
		if err := purge(); err != nil {
			t.Fatal(err)
		}
		if used := usedOf(t, w); len(used) != 1 || len(used[0].Months) != 1 || used[0].Behaviour.Consumer.Name != sqlstore.Erased {
			t.Errorf("use is known as %+v", used)
		}
		for _, q := range []string{"SELECT count(*) FROM facts WHERE lower(body) LIKE '%ann%'", "SELECT count(*) FROM record_payloads WHERE lower(payload) LIKE '%ann%'",
			"SELECT count(*) FROM refs WHERE lower(key) LIKE '%ann%'",
			"SELECT count(*) FROM ownerships WHERE lower(owner) LIKE '%ann%'", "SELECT count(*) FROM registrations WHERE lower(body) LIKE '%ann%'",
			"SELECT count(*) FROM entities WHERE lower(name) LIKE '%ann%' OR lower(owner) LIKE '%ann%'", "SELECT count(*) FROM entity_versions WHERE lower(name) LIKE '%ann%' OR lower(owner) LIKE '%ann%'"} {
			if n := w.count(q); n != 0 {
				t.Errorf("%s: %d", q, n)
			}
		}
		if n := w.count("SELECT count(*) FROM record_payloads"); n != 1 {
			t.Errorf("%d payloads left, want that of another", n)
		}
	})
}

// What was noticed of a person's use names them in many places, and goes on to
// name the same thing when they are erased: nobody is told of it anew.
func TestPurgePersonFromSignals(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("s", iam(day(0), identity("job")))
		key := w.keyOf("job")
		ref := identity("job").Ref
		mask := func(name string) string {
			return fmt.Sprintf("person %08x", crc32.ChecksumIEEE([]byte(strings.ToLower(name))))
		}
		hers, ours := store.Consumer{Kind: "network", Name: "psql from 198.51.100.0/24", Network: "198.51.100.0/24", Agent: "psql"},
			store.Consumer{Kind: "application", Name: "ann@x", Network: "192.0.2.0/24", Agent: "psql"}
		home := store.Consumer{Kind: "application", Name: "Ann@x", Network: "198.51.100.0/24"}
		job := store.Consumer{Kind: "workload", Name: "ann@xylophone", Network: "192.0.2.0/24"}
		who := retinue.NewRef("okta:acme", "user", "Ann@x")
		b := store.Behaviour{Log: "postgres.log", Realm: realm, Identity: ref, Outcome: retinue.OutcomeSuccess}
		batch := store.UsageBatch{Log: "postgres.log", Input: "i", Keep: true}
		for i, c := range []store.Consumer{hers, ours, home, job} {
			x := b
			if x.Consumer = c; i == 0 {
				x.Behalf = who
			}
			batch.Behaviours = append(batch.Behaviours, x)
			batch.Events = append(batch.Events, store.UsageEvent{Hash: uint64(i + 1), At: day(1).Unix(), Behaviour: int32(i)})
		}
		if _, err := w.CountUsage(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		signal := func(what string, c store.Consumer, people ...string) (string, []byte) {
			body, err := json.Marshal(map[string]any{"signal": map[string]any{"kind": "human_use", "subject": ref, "what": what, "consumer": c,
				"sentence": "job looks used by " + mask("ann@x") + "."}, "behaviours": []string{}, "people": people})
			if err != nil {
				t.Fatal(err)
			}
			return store.SignalFingerprint(ref, "human_use", what), body
		}
		var names []string
		w.update(func(tx *sqlstore.Tx) error {
			for i, c := range []store.Consumer{hers, ours, job} {
				name, body := signal(c.Network+" "+c.Agent+" "+c.Name, c, c.Name)
				f := retinue.Finding{ID: retinue.NewFindingID(day(i)), Fingerprint: name, Rule: "signal-human-use", State: retinue.FindingAccepted, Severity: retinue.SeverityMedium, Name: "job",
					Message: "job looks used by " + mask(c.Name), Evidence: map[string]any{"consumer": c.Name, "network": c.Network}, FirstSeen: day(1), LastSeen: day(1),
					Accepted: &retinue.Acceptance{By: "Ann@x", Reason: "known", At: day(1), Until: day(100)}}
				if err := tx.SaveFinding(key, f, true); err != nil {
					return err
				}
				if err := tx.KeepSignal(store.Signal{Fingerprint: name, Entity: key, Kind: "human_use", State: store.SignalTold, First: day(1), Last: day(1), ToldAt: day(1), Finding: f.ID, Body: body}); err != nil {
					return err
				}
				if _, err := tx.AddDismissal(store.Dismissal{Entity: key, Finding: f.ID, Kind: "human_use", By: "ann@x", Reason: "Ann@x works there.", Until: day(400),
					Body: []byte(`{"kind":"human_use","network":"` + c.Network + `","consumer":"` + c.Name + `"}`)}); err != nil {
					return err
				}
				names = append(names, name)
			}
			return nil
		})
		var n map[string]int64
		w.update(func(tx *sqlstore.Tx) (err error) {
			n, err = tx.PurgePerson([]string{"Ann@x"}, mask)
			return err
		})
		if n["signals"] != 3 || n["dismissals"] != 3 {
			t.Errorf("purged %v", n)
		}
		for _, table := range []string{"findings", "finding_versions", "usage_signals"} {
			for _, word := range []string{`ann@x"`, "ann@x ", "198.51.100.0", mask("ann@x") + "."} {
				if n := w.count("SELECT count(*) FROM " + table + " WHERE lower(body) LIKE '%" + word + "%'"); n != 0 {
					t.Errorf("%s: %d with %q", table, n, word)
				}
			}
			if n := w.count("SELECT count(*) FROM " + table + " WHERE body LIKE '%ann@xylophone%'"); n != 1 {
				t.Errorf("%s: %d with the name of another, want 1", table, n)
			}
		}
		for q, want := range map[string]int64{
			"SELECT count(*) FROM usage_dismissals WHERE lower(made_by || reason || body) LIKE '%ann@x%' AND body NOT LIKE '%xylophone%'":                                                    0,
			"SELECT count(*) FROM usage_dismissals WHERE body LIKE '%198.51%'":                                                                                                               0,
			"SELECT count(*) FROM usage_dismissals WHERE body LIKE '%192.0.2.0/24%'":                                                                                                         2,
			"SELECT count(*) FROM usage_consumers WHERE network LIKE '%198.51%' OR name LIKE '%198.51%'":                                                                                     0,
			"SELECT count(*) FROM usage_consumers WHERE network = '192.0.2.0/24'":                                                                                                            2,
			"SELECT count(*) FROM findings WHERE fingerprint = '" + names[0] + "' OR body LIKE '%" + names[0] + "%'":                                                                         0,
			"SELECT count(*) FROM usage_signals WHERE fingerprint = '" + store.SignalFingerprint(ref, "human_use", "[erased] psql psql from [erased]") + "'":                                 1,
			"SELECT count(*) FROM findings f JOIN usage_signals s ON s.fingerprint = f.fingerprint AND s.finding = f.public_id":                                                              3,
			"SELECT count(*) FROM findings WHERE fingerprint = '" + store.SignalFingerprint(ref, "human_use", "192.0.2.0/24 psql [erased]") + "' AND body LIKE '%" + mask("[erased]") + "%'": 1,
		} {
			if n := w.count(q); int64(n) != want {
				t.Errorf("%s: %d, want %d", q, n, want)
			}
		}
	})
}
