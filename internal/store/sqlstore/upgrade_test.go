package sqlstore_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestUpgradeFromTheFirstSchema takes a database with a history back to the
// first schema, as the first release wrote it, opens it again, and finds what
// is kept as it was.
func TestUpgradeFromTheFirstSchema(t *testing.T) {
	for name, addr := range map[string]func() string{
		"sqlite":   func() string { return filepath.Join(t.TempDir(), "r.db") },
		"postgres": func() string { return testkit.Postgres(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			addr := addr()
			w := open(t, addr)
			c := &churn{world: w, Rand: rand.New(rand.NewPCG(4, 4))}
			for range 30 {
				c.step()
			}
			figures, rows, marks := w.kept()
			if err := w.DownTo(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			old := rowsOf(t, w, "SELECT public_id FROM entities")
			db, err := sqlstore.Open(t.Context(), addr, sqlstore.Options{Now: w.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			w.DB = db
			figures2, rows2, marks2 := w.kept()
			sameLines(t, "figures", figures, figures2)
			sameLines(t, "rows", rows, rows2)
			sameLines(t, "marks", marks, marks2)
			sameLines(t, "entities", old, rowsOf(t, w, "SELECT public_id FROM entities"))
			w.comparePast(c, "upgraded")
		})
	}
}
