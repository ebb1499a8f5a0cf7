package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// both runs a test on SQLite and on PostgreSQL.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, filepath.Join(t.TempDir(), "r.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, testkit.Postgres(t).Database(t))) })
}

// world is a store with a clock that a test moves.
type world struct {
	*sqlstore.DB
	t    *testing.T
	time time.Time
}

var day0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func day(n int) time.Time { return day0.AddDate(0, 0, n) }

func open(t *testing.T, addr string) *world {
	w := &world{t: t, time: day0}
	db, err := sqlstore.Open(t.Context(), addr, sqlstore.Options{Now: func() time.Time {
		w.time = w.time.Add(time.Millisecond)
		return w.time
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.DB = db
	return w
}

const realm = retinue.Realm("test:1")

// listing is what a scripted connector states about one scope.
type listing struct {
	scope    retinue.Scope
	facts    []retinue.Fact
	at       time.Time
	fail     error
	open     bool // never completed
	children []retinue.Scope
	lists    bool
	auth     connector.Authority
}

type scripted struct {
	access   connector.Access
	listings []listing
}

func (s scripted) Check(context.Context) (connector.Access, error) { return s.access, nil }
func (s scripted) Close() error                                    { return nil }
func (s scripted) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	for _, l := range s.listings {
		if err := sink.Emit(l.scope, l.facts...); err != nil {
			return err
		}
		if l.fail != nil {
			sink.Problem(l.scope, l.fail)
			continue
		}
		if l.open {
			continue
		}
		if err := sink.Complete(l.scope, connector.Completion{ObservedAt: l.at, Basis: "scripted", Children: l.children,
			ListsChildren: l.lists, Authority: l.auth}); err != nil {
			return err
		}
	}
	return nil
}

var actor = retinue.Actor{Kind: "os_user", Name: "tester"}

func (w *world) scan(name string, listings ...listing) store.Run {
	w.t.Helper()
	return w.run(connector.Access{Realm: realm}, name, listings...)
}

func (w *world) run(access connector.Access, name string, listings ...listing) store.Run {
	w.t.Helper()
	run, err := ingest.Run(w.t.Context(), w.DB, "test", name, name, scripted{access, listings},
		ingest.Options{Actor: actor, Now: w.Now, SpillMemory: 4096, SpillDir: w.t.TempDir()})
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func iam(at time.Time, facts ...retinue.Fact) listing {
	return listing{scope: retinue.NewScope(realm, "iam"), at: at, facts: facts}
}

func identity(key string, change ...func(*retinue.Identity)) retinue.Identity {
	id := retinue.Identity{Ref: retinue.NewRef(realm, "role", key), Name: key, Kind: retinue.IdentityRole,
		Class: retinue.ClassNonHuman, State: retinue.StateActive}
	for _, c := range change {
		c(&id)
	}
	return id
}

func described(text string) func(*retinue.Identity) {
	return func(i *retinue.Identity) { i.Description = text }
}

func (w *world) list(q store.EntityQuery) []store.Entity {
	w.t.Helper()
	var out []store.Entity
	err := w.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for e, err := range tx.Entities(q) {
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) keys(q store.EntityQuery) []string {
	q.Type = retinue.FactIdentity
	var out []string
	for _, e := range w.list(q) {
		out = append(out, e.Key)
	}
	return out
}

func (w *world) want(what string, got, want any) {
	w.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestRescanWritesOnlyChanges(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		first := w.scan("a", iam(day(0), identity("x"), identity("y"), identity("z")))
		w.want("first", first.Scopes[0].Counts, store.Counts{Facts: 3, Added: 3})
		before := w.list(store.EntityQuery{Type: retinue.FactIdentity})
		again := w.scan("a", iam(day(1), identity("z"), identity("x"), identity("y")))
		w.want("again", again.Scopes[0].Counts, store.Counts{Facts: 3, Unchanged: 3})
		changed := w.scan("a", iam(day(2), identity("x", described("new")), identity("y"), identity("w")))
		w.want("changed", changed.Scopes[0].Counts, store.Counts{Facts: 3, Added: 1, Changed: 1, Ended: 1, Unchanged: 1})
		w.want("now", w.keys(store.EntityQuery{}), []string{"w", "x", "y"})
		w.want("with gone", w.keys(store.EntityQuery{Gone: true}), []string{"w", "x", "y", "z"})
		w.want("day 1", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(1)}}), []string{"x", "y", "z"})
		if after := w.list(store.EntityQuery{Type: retinue.FactIdentity, Key: "x"}); after[0].ID != before[0].ID {
			t.Errorf("a change gave %s a new id", after[0].Key)
		}
	})
}

func TestAnIdentityThatComesBackKeepsItsID(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x"), identity("y")))
		id := w.list(store.EntityQuery{Type: retinue.FactIdentity, Key: "x"})[0].ID
		w.scan("a", iam(day(1), identity("y")))
		w.scan("a", iam(day(2), identity("x"), identity("y")))
		w.want("id", w.list(store.EntityQuery{Type: retinue.FactIdentity, Key: "x"})[0].ID, id)
		w.want("gone between", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(1)}}), []string{"y"})
	})
}

func TestFailureEndsNothing(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x"), identity("y")))
		failed := iam(day(1), identity("y", described("seen")), identity("n"))
		failed.fail = retinue.ErrUnavailable
		run := w.scan("a", failed)
		w.want("state", run.State, store.RunPartial)
		w.want("scope", run.Scopes[0].State, store.ScopePartial)
		w.want("kept", w.keys(store.EntityQuery{}), []string{"n", "x", "y"})
		open := iam(day(2), identity("y"))
		open.open = true
		w.want("unfinished", w.scan("a", open).Scopes[0].State, store.ScopePartial)
		w.want("kept", w.keys(store.EntityQuery{}), []string{"n", "x", "y"})
	})
}

func TestOldExportChangesHistoryNotNow(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(10), identity("x", described("new")), identity("y")))
		run := w.scan("old file", iam(day(5), identity("x", described("old")), identity("z")))
		w.want("state", run.Scopes[0].State, store.ScopeHistoric)
		w.want("now", w.keys(store.EntityQuery{}), []string{"x", "y"})
		w.want("then", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(6)}}), []string{"x", "z"})
		w.want("before all", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(4)}}), []string(nil))
		w.want("later", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(11)}}), []string{"x", "y"})
		// An export from between two scans cuts what held through it.
		w.scan("a", iam(day(20), identity("x", described("new")), identity("y")))
		w.scan("between", iam(day(15), identity("x", described("new"))))
		w.want("between", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(16)}}), []string{"x"})
		w.want("after", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(20)}}), []string{"x", "y"})
		w.want("earlier", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(11)}}), []string{"x", "y"})
		w.want("now", w.keys(store.EntityQuery{}), []string{"x", "y"})
	})
}

func TestWhatWasKnownThen(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(10), identity("x")))
		known := w.Now()
		w.time = w.time.Add(time.Hour)
		w.scan("a", iam(day(12), identity("x"), identity("y")))
		w.scan("old", iam(day(5), identity("z")))
		w.want("now known", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(6)}}), []string{"z"})
		w.want("then known", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(6), Known: known}}), []string(nil))
		w.want("then believed to go on", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(30), Known: known}}), []string{"x"})
	})
}

func TestMassEndingWaits(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		var many []retinue.Fact
		for i := range 40 {
			many = append(many, identity(fmt.Sprintf("r%02d", i)))
		}
		w.scan("a", iam(day(0), many...))
		held := w.scan("a", iam(day(1), many[0], many[1]))
		w.want("state", held.Scopes[0].State, store.ScopeHeld)
		w.want("kept", len(w.keys(store.EntityQuery{})), 40)
		second := w.scan("a", iam(day(2), many[0], many[1]))
		w.want("second", second.Scopes[0].State, store.ScopeComplete)
		w.want("ended", len(w.keys(store.EntityQuery{})), 2)
	})
}

func TestParentEndsChildren(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ns := func(n string) retinue.Scope { return retinue.NewScope(realm, "namespace", n) }
		pods := func(n string) retinue.Scope { return retinue.NewScope(realm, "namespace", n, "pods") }
		scan := func(d int, names ...string) {
			root := listing{scope: retinue.NewScope(realm, "namespace"), at: day(d), lists: true}
			var rest []listing
			for _, n := range names {
				root.children = append(root.children, ns(n))
				rest = append(rest, listing{scope: ns(n), at: day(d), facts: []retinue.Fact{identity(n)}},
					listing{scope: pods(n), at: day(d), facts: []retinue.Fact{identity(n + "-pod")}})
			}
			w.scan("a", append(rest, root)...)
		}
		scan(0, "pay", "pay2")
		scan(1, "pay")
		w.want("now", w.keys(store.EntityQuery{}), []string{"pay", "pay-pod"})
		scan(2, "pay", "pay2")
		w.want("back", w.keys(store.EntityQuery{}), []string{"pay", "pay-pod", "pay2", "pay2-pod"})
	})
}

func TestOneThingCountsOnce(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("live", iam(day(0), identity("x"), identity("y")))
		report := listing{scope: retinue.NewScope(realm, "iam-report"), at: day(0), auth: connector.AuthorityReport,
			facts: []retinue.Fact{identity("x", func(i *retinue.Identity) { i.Description, i.Name = "from the report", "other" })}}
		w.scan("report", report)
		w.scan("renamed", iam(day(1), identity("x"), identity("y")))
		w.want("count", w.keys(store.EntityQuery{}), []string{"x", "y"})
		var totals store.Totals
		if err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) { totals, err = tx.Totals(); return err }); err != nil {
			t.Fatal(err)
		}
		w.want("totals", totals.NonHuman, 2)
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			key, err := tx.Resolve(retinue.NewRef(realm, "role", "x"))
			if err != nil {
				return err
			}
			f, _, err := tx.Merged(key)
			if id, ok := f.(retinue.Identity); !ok || id.Name != "x" || id.Description != "from the report" {
				t.Errorf("merged %+v", f)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		// The report's own end does not end what the system lists.
		w.scan("report", listing{scope: report.scope, at: day(2), auth: connector.AuthorityReport})
		w.want("after the report", w.keys(store.EntityQuery{}), []string{"x", "y"})
	})
}

func TestDeclaredIsNotDeployed(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		plan := listing{scope: retinue.NewScope(realm, "declared"), at: day(0), auth: connector.AuthorityDeclared, facts: []retinue.Fact{identity("x")}}
		w.scan("plan", plan)
		w.want("declared", w.list(store.EntityQuery{Type: retinue.FactIdentity})[0].State, "declared")
		w.scan("live", iam(day(1), identity("x")))
		w.want("deployed", w.list(store.EntityQuery{Type: retinue.FactIdentity})[0].State, "active")
		w.scan("live", iam(day(2)))
		w.want("deleted", w.list(store.EntityQuery{Type: retinue.FactIdentity})[0].State, "declared")
	})
}

var testKey, _ = retinue.ParseFingerprintKey("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")
var nextKey, _ = retinue.ParseFingerprintKey("ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100")

func credential(key, value string, under ...retinue.FingerprintKey) retinue.Credential {
	if len(under) == 0 {
		under = []retinue.FingerprintKey{testKey}
	}
	c := retinue.Credential{Ref: retinue.NewRef(realm, "file_secret", key), Name: key, Kind: retinue.CredentialAPIKey}
	for _, k := range under {
		c.Fingerprints = append(c.Fingerprints, k.Fingerprint(retinue.NewSecret(value)))
	}
	return c
}

func (w *world) credentials() []store.Entity {
	return w.list(store.EntityQuery{Type: retinue.FactCredential})
}

func TestEqualValuesAreOneCredential(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		files := func(d int, c ...retinue.Fact) {
			w.scan("host", listing{scope: retinue.NewScope(realm, "files"), at: day(d), facts: c})
		}
		files(0, credential("a", "one"), credential("b", "two"))
		w.want("two values", len(w.credentials()), 2)
		files(1, credential("a", "one"), credential("b", "one"), credential("c", "one"))
		w.want("one value in three files", len(w.credentials()), 1)
		kept := w.credentials()[0].ID
		files(2, credential("a", "one"), credential("b", "one"), credential("c", "rotated"))
		w.want("one file rotated", len(w.credentials()), 2)
		files(3, credential("a", "one"))
		w.want("one left", w.credentials()[0].ID, kept)
	})
}

func TestMergedIDLeadsOn(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		files := func(d int, c ...retinue.Fact) {
			w.scan("host", listing{scope: retinue.NewScope(realm, "files"), at: day(d), facts: c})
		}
		files(0, credential("a", "one"), credential("b", "two"))
		ids := w.credentials()
		files(1, credential("a", "one"), credential("b", "one"))
		w.want("left", len(w.credentials()), 1)
		for _, e := range ids {
			got := w.list(store.EntityQuery{ID: e.ID})
			if len(got) != 1 {
				t.Errorf("id %s leads to %d entities", e.ID, len(got))
			}
		}
	})
}

func TestFingerprintKeyRotation(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		files := func(d int, c ...retinue.Fact) store.Run {
			return w.scan("host", listing{scope: retinue.NewScope(realm, "files"), at: day(d), facts: c})
		}
		files(0, credential("a", "one"), credential("b", "one"))
		run := files(1, credential("a", "one", testKey, nextKey), credential("b", "one", testKey, nextKey))
		w.want("no version", run.Scopes[0].Counts.Changed, 0)
		// Another scope that was scanned under the new key only still joins.
		w.scan("repo", listing{scope: retinue.NewScope(realm, "repo"), at: day(2), facts: []retinue.Fact{credential("r", "one", nextKey)}})
		w.want("one credential", len(w.credentials()), 1)
	})
}

func TestUsesAreNotVersions(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		use := func(n int) retinue.Use {
			return retinue.Use{Subject: retinue.NewRef(realm, "role", "x"), Meaning: "last_used", At: day(n), Grade: retinue.GradeC}
		}
		w.scan("a", iam(day(10), identity("x"), use(1)))
		run := w.scan("a", iam(day(11), identity("x"), use(2)))
		w.want("counts", run.Scopes[0].Counts, store.Counts{Facts: 1, Unchanged: 1, Uses: 1})
		run = w.scan("a", iam(day(12), identity("x"), use(2)))
		w.want("same use", run.Scopes[0].Counts, store.Counts{Facts: 1, Unchanged: 1})
		w.want("last used", w.list(store.EntityQuery{Type: retinue.FactIdentity})[0].LastUsed, day(2))
	})
}

func TestDiff(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x"), identity("y"), identity("z")))
		w.scan("a", iam(day(5), identity("x", described("new")), identity("y"), identity("n")))
		var got []string
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			cs, err := tx.Changes(day(1), day(6))
			for _, c := range cs {
				got = append(got, c.Kind+" "+c.Name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		w.want("diff", got, []string{"added n", "changed x", "ended z"})
	})
}

func TestRecordsAreChained(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x")))
		w.scan("a", iam(day(1), identity("x")))
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			prev := retinue.RecordGenesis
			n := int64(0)
			for r, err := range tx.Records(1) {
				if err != nil {
					return err
				}
				n++
				if r.Seq != n || r.PrevHash != prev || r.Hash != r.ComputeHash() {
					t.Errorf("record %d: %+v", n, r)
				}
				prev = r.Hash
			}
			seq, head, err := tx.Head()
			w.want("head", fmt.Sprint(seq, head), fmt.Sprint(n, prev))
			w.want("records", n, 6)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestLeaseIsFenced(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		old, err := w.AcquireLease(t.Context(), realm, "one", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.AcquireLease(t.Context(), realm, "two", time.Minute); err == nil {
			t.Fatal("two holders")
		}
		w.time = w.time.Add(time.Hour)
		if _, err := w.AcquireLease(t.Context(), realm, "two", time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ApplyScope(t.Context(), store.ScopeUpdate{Lease: old, Scope: retinue.NewScope(realm, "iam")}); err == nil {
			t.Fatal("an update under a lost lease was written")
		}
	})
}

func TestShrunkenAccessIsPartial(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x"), identity("y")))
		run, err := ingest.Run(t.Context(), w.DB, "test", "a", "a", scripted{connector.Access{Realm: realm, Missing: []connector.Missing{{
			Permission: "list", Scope: retinue.NewScope(realm, "iam"), Consequence: "half is hidden"}}}, []listing{iam(day(1), identity("x"))}},
			ingest.Options{Actor: actor, Now: w.Now})
		if err != nil {
			t.Fatal(err)
		}
		w.want("state", run.Scopes[0].State, store.ScopePartial)
		w.want("kept", w.keys(store.EntityQuery{}), []string{"x", "y"})
	})
}

func TestTwoTypesOfOneThingAreReported(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x")))
		res := retinue.Resource{Ref: retinue.NewRef(realm, "role", "x"), Name: "other", Kind: "role"}
		run := w.scan("b", listing{scope: retinue.NewScope(realm, "plan"), at: day(1), auth: connector.AuthorityDeclared, facts: []retinue.Fact{res}})
		w.want("state", run.State, store.RunComplete)
		w.want("problems", len(run.Scopes[0].Problems), 1)
		w.want("identities", w.keys(store.EntityQuery{}), []string{"x"})
		w.want("name", w.list(store.EntityQuery{Key: "x"})[0].Name, "x")
	})
}

func TestFailedScopeIsOnRecord(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x")))
		failed := iam(day(1))
		failed.fail = retinue.ErrDenied
		run := w.scan("a", failed)
		w.want("run", run.State, store.RunFailed)
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			runs, err := tx.LastRuns()
			if err != nil {
				return err
			}
			w.want("scopes on record", len(runs[0].Scopes), 1)
			w.want("state on record", runs[0].Scopes[0].State, store.ScopeFailed)
			scopes, err := tx.Scopes()
			w.want("observed", scopes[0].ObservedAt, day(0))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.want("kept", w.keys(store.EntityQuery{}), []string{"x"})
	})
}

func TestThingsAsOfADate(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		policy := retinue.Policy{Ref: retinue.NewRef(realm, "policy", "p"), Name: "p", Language: retinue.LanguageAWSIAM, Document: `{"Statement":[]}`}
		attached := retinue.Attachment{Policy: policy.Ref, Target: retinue.NewRef(realm, "role", "x"), Role: retinue.AttachIdentity}
		w.scan("a", iam(day(0), identity("x", described("old")), policy, attached))
		w.scan("a", iam(day(10), identity("x", described("new")), policy))
		grants := func(when store.AsOf) (n int, description string) {
			err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
				key, err := tx.Resolve(retinue.NewRef(realm, "role", "x"))
				if err != nil {
					return err
				}
				things := inventory.New(tx)
				if !when.IsZero() {
					then, err := tx.Then(when)
					if err != nil {
						return err
					}
					things = inventory.New(then)
				}
				th, err := things.Thing(key)
				if err != nil {
					return err
				}
				id, _ := th.Fact.(retinue.Identity)
				n, description = len(th.Attachments), id.Description
				for g, err := range things.Grants(tx, store.EntityQuery{Type: retinue.FactIdentity, AsOf: when}) {
					if err != nil {
						return err
					}
					w.want("document seen", g.DocumentSeen, true)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return n, description
		}
		n, text := grants(store.AsOf{})
		w.want("now", fmt.Sprint(n, text), "0new")
		n, text = grants(store.AsOf{Observed: day(5)})
		w.want("then", fmt.Sprint(n, text), "1old")
	})
}

// TestFullDiskLosesNothing limits the database as a full disk would.
func TestFullDiskLosesNothing(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "r.db"))
	w.scan("a", iam(day(0), identity("x")))
	limit := func(pages string) {
		if _, err := w.Handle().ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	var pages int
	if err := w.Handle().QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit(fmt.Sprint(pages + 2))
	var many []retinue.Fact
	for i := range 500 {
		many = append(many, identity(fmt.Sprint("r", i)))
	}
	_, err := ingest.Run(t.Context(), w.DB, "test", "a", "a", scripted{connector.Access{Realm: realm}, []listing{iam(day(1), many...)}},
		ingest.Options{Actor: actor, Now: w.Now})
	if !errors.Is(err, retinue.ErrUnavailable) {
		t.Fatalf("a full disk gave %v", err)
	}
	limit("1000000")
	w.want("kept", w.keys(store.EntityQuery{}), []string{"x"})
	w.scan("a", iam(day(2), append(many, identity("x"))...))
	w.want("after", len(w.keys(store.EntityQuery{})), 501)
}

func TestDisagreementIsReported(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x", described("one"))))
		run := w.scan("b", listing{scope: retinue.NewScope(realm, "other"), at: day(1), facts: []retinue.Fact{identity("x", described("two"))}})
		w.want("state", run.State, store.RunComplete)
		if p := run.Scopes[0].Problems; len(p) != 1 || !strings.Contains(p[0], "disagree on description") {
			t.Errorf("problems %v", p)
		}
	})
}

// TestRefusedRunSaysNothingOfTheSource: a scan that found its realm held by
// another must not make the source look failed.
func TestRefusedRunSaysNothingOfTheSource(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("x")))
		if _, err := w.AcquireLease(t.Context(), realm, "another", time.Hour); err != nil {
			t.Fatal(err)
		}
		run, err := ingest.Run(t.Context(), w.DB, "test", "a", "a", scripted{connector.Access{Realm: realm}, []listing{iam(day(1), identity("x"))}},
			ingest.Options{Actor: actor, Now: w.Now})
		if !errors.Is(err, retinue.ErrConflict) {
			t.Fatalf("a held realm gave %v", err)
		}
		w.want("state", run.State, store.RunRefused)
		err = w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			runs, err := tx.LastRuns()
			w.want("last run", runs[0].State, store.RunComplete)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
