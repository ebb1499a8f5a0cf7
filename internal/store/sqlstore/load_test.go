package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/testkit/estate"
)

// TestALoadedEstateIsWhatScansWouldWrite: rows, marks and figures of a loaded
// estate equal what projecting its facts gives, and scans go on from it.
func TestALoadedEstateIsWhatScansWouldWrite(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		size := estate.Size{Identities: 1000, Credentials: 2500, Seed: 1}
		if err := estate.Make(t.Context(), w.DB, size); err != nil {
			t.Fatal(err)
		}
		if err := estate.Make(t.Context(), w.DB, size); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("a second estate in one database: %v", err)
		}
		w.want("identities", w.page(store.ListQuery{Type: retinue.FactIdentity, Count: store.CountExact}).Total, 1000)
		w.want("credentials", w.page(store.ListQuery{Type: retinue.FactCredential, Count: store.CountExact}).Total, 2500)
		figures, rows, marks := w.kept()
		versions := w.versions()
		if err := w.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.Refill() }); err != nil {
			t.Fatal(err)
		}
		figures2, rows2, marks2 := w.kept()
		compareSorted(t, "figures", figures, figures2)
		compareSorted(t, "rows", rows, rows2)
		compareSorted(t, "marks", marks, marks2)
		compareSorted(t, "versions", versions, w.versions())
		if len(versions) < 300 {
			t.Errorf("%d earlier rows", len(versions))
		}
		w.scan("another", iam(day(1), identity("x")))
		w.want("after a scan", w.page(store.ListQuery{Type: retinue.FactIdentity, Count: store.CountExact}).Total, 1001)
	})
}

// versions are the rows that things had before, and since when those that they
// have stand.
func (w *world) versions() []string {
	w.t.Helper()
	return append(rowsOf(w.t, w, `SELECT CAST(id AS TEXT) || ' from ' || CAST(from_at AS TEXT) || ' to ' || CAST(to_at AS TEXT) || ' ' || public_id || ' ' || search ||
		' ' || kind || ' ' || state || ' ' || owner || ' ' || class || ' ' || environment || ' seen ' || CAST(first_seen AS TEXT) || ' worst ' || CAST(worst AS TEXT) || ' ' ||
		CAST(priority AS TEXT) || ' credentials ' || CAST(credentials AS TEXT) FROM entity_versions ORDER BY id, from_at`),
		rowsOf(w.t, w, `SELECT CAST(id AS TEXT) || ' since ' || CAST(version_from AS TEXT) || ' gone ' || COALESCE(CAST(gone_at AS TEXT), '-') || ' ' || state ||
		' seen ' || CAST(first_seen AS TEXT) FROM entities ORDER BY id`)...)
}

// compareSorted reports the first difference of long lists.
func compareSorted(t *testing.T, what string, a, b []string) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("%s: %d loaded, %d projected", what, len(a), len(b))
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("%s differ first in:\n%s\n%s", what, a[i], b[i])
			return
		}
	}
}

// TestSQLiteLearnsWhatFiltersSelect: it looks at columns once there is much,
// and not before.
func TestSQLiteLearnsWhatFiltersSelect(t *testing.T) {
	w := open(t, t.TempDir()+"/r.db")
	if err := estate.Make(t.Context(), w.DB, estate.Size{Identities: 2000, Credentials: 2000, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(t, w, "SELECT name FROM sqlite_master WHERE name = 'sqlite_stat1'"); len(rows) > 0 {
		t.Errorf("it learned from 4,000 things: %v", rows)
	}
	for range 2 {
		if err := w.Learn(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if rows := rowsOf(t, w, "SELECT stat FROM sqlite_stat1 WHERE idx = 'entities_by_owner'"); len(rows) != 1 {
		t.Errorf("it learned of owners: %v", rows)
	}
}

// TestPostgresLooksAtWhatAScanBrought: it knows how many things there are before
// anybody asks about all of them, and is not told again for a few more; also where
// somebody takes note of what was scanned.
func TestPostgresLooksAtWhatAScanBrought(t *testing.T) {
	w := open(t, testkit.Postgres(t).Database(t))
	w.OnUpdate(func(_ context.Context, tx *sqlstore.Tx) error {
		tx.TakeSaved()
		return nil
	})
	for _, table := range []string{"entities", "facts"} { // it looks by itself too, nobody knows when
		if _, err := w.Handle().ExecContext(t.Context(), "ALTER TABLE "+table+" SET (autovacuum_enabled = off)"); err != nil {
			t.Fatal(err)
		}
	}
	rows := func() []string {
		return rowsOf(t, w, "SELECT relname || ' ' || CAST(CAST(reltuples AS BIGINT) AS TEXT) FROM pg_class WHERE relname IN ('entities', 'facts') ORDER BY relname")
	}
	emit := func(n int) {
		facts := make([]retinue.Fact, n)
		for i := range facts {
			facts[i] = identity(fmt.Sprint("r", i))
		}
		w.scan("src", iam(w.time, facts...))
	}
	emit(600)
	if got := rows(); !slices.Equal(got, []string{"entities 600", "facts 600"}) {
		t.Errorf("after 600: %v", got)
	}
	emit(700)
	if got := rows(); !slices.Equal(got, []string{"entities 600", "facts 600"}) {
		t.Errorf("after 700: %v", got)
	}
}

// TestSampleIsSpread: a sample of many is of all parts of them, and stays much the
// same as more come.
func TestSampleIsSpread(t *testing.T) {
	w := open(t, t.TempDir()+"/r.db")
	sample := func(n int) map[string]bool {
		out := map[string]bool{}
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for page, err := range tx.Sample(retinue.FactIdentity, n, 7) {
				if err != nil || len(page) > 7 {
					return fmt.Errorf("a page of %d: %w", len(page), err)
				}
				for _, e := range page {
					out[e.Key] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	emit := func(n int) {
		facts := make([]retinue.Fact, n)
		for i := range facts {
			facts[i] = identity(fmt.Sprintf("r%04d", i))
		}
		w.scan("src", iam(w.time, facts...))
	}
	emit(400)
	w.want("of no more than there are", len(sample(1000)), 400)
	before := sample(100)
	w.want("of more", len(before), 100)
	tenths := map[byte]int{}
	for key := range before {
		tenths[key[2]]++ // r0000 to r0399
	}
	if len(tenths) != 4 || tenths['0'] < 10 || tenths['3'] < 10 {
		t.Errorf("by hundreds: %v", tenths)
	}
	emit(440)
	stayed := 0
	for key := range sample(100) {
		if before[key] {
			stayed++
		}
	}
	if stayed < 75 || stayed == 100 {
		t.Errorf("%d of 100 stayed as a tenth was added", stayed)
	}
}

func TestEqualSeedsMakeEqualEstates(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		size := estate.Size{Identities: 1000, Credentials: 1000, Seed: 7}
		if err := estate.Make(t.Context(), w.DB, size); err != nil {
			t.Fatal(err)
		}
		other := open(t, t.TempDir()+"/other.db")
		if err := estate.Make(t.Context(), other.DB, size); err != nil {
			t.Fatal(err)
		}
		_, a, _ := w.kept()
		_, b, _ := other.kept()
		compareSorted(t, "rows", a, b)
	})
}

// TestScopesOfAnySizeSeeWhatTheyName: a scope that sees much is tried row by
// row, one that sees little is looked up; both see what the like filter
// selects.
func TestScopesOfAnySizeSeeWhatTheyName(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		if err := estate.Make(t.Context(), w.DB, estate.Size{Identities: 2000, Credentials: 4000, Seed: 3}); err != nil {
			t.Fatal(err)
		}
		unit := w.list(store.EntityQuery{Type: retinue.FactContainer, Source: "kubernetes-01"})[0]
		for name, c := range map[string]struct {
			scope  store.RowScope
			filter store.Filter
		}{
			"much":  {store.RowScope{Sources: []string{"aws-00"}}, store.Filter{Sources: []string{"aws-00"}}},
			"some":  {store.RowScope{Sources: []string{"github-02"}}, store.Filter{Sources: []string{"github-02"}}},
			"owner": {store.RowScope{Owners: []string{"owner-007@example.com"}}, store.Filter{Owners: []string{"owner-007@example.com"}}},
			"tag":   {store.RowScope{Tags: []string{"team=team-007"}}, store.Filter{Tags: []string{"team=team-007"}}},
			"unit":  {store.RowScope{Units: []string{string(unit.ID)}}, store.Filter{Units: []string{string(unit.ID)}}},
		} {
			for _, typ := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential} {
				want := w.page(store.ListQuery{Type: typ, Filter: c.filter, Count: store.CountExact}).Total
				err := w.View(t.Context(), c.scope, func(tx *sqlstore.Tx) error {
					p, err := tx.List(store.ListQuery{Type: typ, Count: store.CountExact})
					if err != nil {
						return err
					}
					if p.Total != want || want == 0 {
						t.Errorf("%s: %d of type %s, the filter selects %d", name, p.Total, typ, want)
					}
					f, err := tx.Figures()
					if n := map[retinue.FactType]int64{retinue.FactIdentity: f.Entities["identity"], retinue.FactCredential: f.Credentials}[typ]; n != want {
						t.Errorf("%s: figures say %d of type %s, the filter selects %d", name, n, typ, want)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
