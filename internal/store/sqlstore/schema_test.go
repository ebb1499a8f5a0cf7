package sqlstore_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestSchemasAreAlike compares tables, columns, their types and nullability,
// and indexes of the two databases.
func TestSchemasAreAlike(t *testing.T) {
	lite := open(t, filepath.Join(t.TempDir(), "r.db"))
	pg := open(t, testkit.Postgres(t).Database(t))
	compareLists(t, "columns", columnsOf(t, lite, `SELECT m.name, c.name, c.type, c."notnull" OR c.pk > 0 FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose%'`),
		columnsOf(t, pg, `SELECT table_name, column_name, data_type, is_nullable = 'NO' FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'`))
	compareLists(t, "indexes", rowsOf(t, lite, `SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'`),
		rowsOf(t, pg, `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key' AND tablename NOT LIKE 'goose%'`))
	// Text must collate bytewise on PostgreSQL, as it does on SQLite.
	compareLists(t, "collation", rowsOf(t, pg, `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' AND table_name NOT LIKE 'goose%'`), nil)
}

func compareLists(t *testing.T, what string, a, b []string) {
	t.Helper()
	slices.Sort(a)
	slices.Sort(b)
	for _, x := range a {
		if !slices.Contains(b, x) {
			t.Errorf("%s: SQLite has %s", what, x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			t.Errorf("%s: PostgreSQL has %s", what, x)
		}
	}
}

func columnsOf(t *testing.T, w *world, q string) []string {
	t.Helper()
	rows, err := w.Handle().QueryContext(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var table, column, typ string
		var required bool
		if err := rows.Scan(&table, &column, &typ, &required); err != nil {
			t.Fatal(err)
		}
		typ = map[string]string{"integer": "bigint", "blob": "bytes", "bytea": "bytes"}[strings.ToLower(typ)] + map[string]string{"bigint": "bigint", "text": "text"}[strings.ToLower(typ)]
		out = append(out, fmt.Sprintf("%s.%s %s required=%v", table, column, typ, required))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func rowsOf(t *testing.T, w *world, q string) []string {
	t.Helper()
	rows, err := w.Handle().QueryContext(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKeysAreOrderedBytewise(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.scan("a", iam(day(0), identity("b"), identity("A"), identity("a"), identity("B"), identity("ä"), identity("-"), identity("_")))
		w.want("order", w.keys(store.EntityQuery{}), []string{"-", "A", "B", "_", "a", "b", "ä"})
		w.want("as of", w.keys(store.EntityQuery{AsOf: store.AsOf{Observed: day(1)}}), []string{"-", "A", "B", "_", "a", "b", "ä"})
		w.want("text", w.keys(store.EntityQuery{Text: "_"}), []string{"_"})
		w.want("limit", w.keys(store.EntityQuery{Type: retinue.FactIdentity, Limit: 2}), []string{"-", "A"})
	})
}

// TestPostgresWeighsAllJoins sees that PostgreSQL chooses the order of all
// joins of what reads facts most widely, and does not guess at it.
func TestPostgresWeighsAllJoins(t *testing.T) {
	pg := open(t, testkit.Postgres(t).Database(t))
	var limit, guesses int
	for name, to := range map[string]*int{"join_collapse_limit": &limit, "geqo_threshold": &guesses} {
		if err := pg.Pool().QueryRow(t.Context(), "SELECT current_setting($1)::int", name).Scan(to); err != nil {
			t.Fatal(err)
		}
	}
	if n := sqlstore.FactTables(); n > limit || limit >= guesses {
		t.Errorf("%d tables are joined; %d are weighed, and from %d on it guesses", n, limit, guesses)
	}
}
