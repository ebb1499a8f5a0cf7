package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// holdConnection keeps a connection open, so that there is one to be seen.
func holdConnection(t testing.TB, dsn string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
}

func TestConformanceLive(t *testing.T) {
	s, dsn := sampleServer(t, testkit.PostgresConfig{}, "1")
	execSQL(t, dsn, extraSQL())
	id := systemIdentifier(t, s.URL())
	dumps := dumpServer(t, s, "db1")
	holdConnection(t, dsn)
	target := strings.Replace(dsn, "postgres://postgres@", "postgres://postgres:"+plantedPassword()+"@", 1)
	connectortest.Run(t, connectortest.Subject{
		Spec:  Spec(),
		Open:  connectortest.OpenSpec(Spec(), connector.Config{Name: "a", Target: target}),
		Named: connectortest.NameSpec(Spec(), connector.Config{Target: dsn}),
		Broken: connectortest.OpenSpec(Spec(), connector.Config{Name: "a", Target: dsn,
			Options: map[string]string{"databases": "db1;no_such_database"}}),
		Same: connectortest.OpenSpec(Spec(), connector.Config{Name: "b", Target: dumps,
			Options: map[string]string{"system-identifier": id}}),
		Secrets: []string{plantedPassword(), verifierOf(t, s.URL(), "replica"), verifierOf(t, s.URL(), "old_md5")},
	})
}

func TestConformanceDump(t *testing.T) {
	s, dsn := sampleServer(t, testkit.PostgresConfig{}, "2")
	execSQL(t, dsn, extraSQL())
	dir := dumpServer(t, s, "db2")
	cut := cutOff(t, filepath.Join(dir, "db2.sql"))
	connectortest.Run(t, connectortest.Subject{
		Spec:   Spec(),
		Open:   connectortest.OpenSpec(Spec(), connector.Config{Name: "a", Target: dir}),
		Named:  connectortest.NameSpec(Spec(), connector.Config{Target: dir}),
		Broken: connectortest.OpenSpec(Spec(), connector.Config{Name: "a", Target: filepath.Join(dir, "globals.sql") + ";" + cut}),
		Same: connectortest.OpenSpec(Spec(), connector.Config{Name: "b",
			Target: filepath.Join(dir, "db2.sql") + ";" + filepath.Join(dir, "globals.sql")}),
		Secrets: []string{plantedPassword(), verifierOf(t, s.URL(), "replica"), verifierOf(t, s.URL(), "old_md5")},
	})
}

func TestConformanceCatalog(t *testing.T) {
	sample := testkit.Data(t, "access", "postgres", "seed1-catalog.json")
	connectortest.Run(t, connectortest.Subject{
		Spec:   Spec(),
		Open:   connectortest.OpenSpec(Spec(), connector.Config{Name: "a", Target: sample}),
		Named:  connectortest.NameSpec(Spec(), connector.Config{Target: sample}),
		Broken: connectortest.OpenSpec(Spec(), connector.Config{Name: "a", Target: cutOff(t, sample)}),
	})
}

// cutOff copies the first part of a file.
func cutOff(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(cut, b[:len(b)*2/3], 0o600); err != nil {
		t.Fatal(err)
	}
	return cut
}

func queryText(t testing.TB, dsn, sql string, args ...any) string {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var out string
	if err := c.QueryRow(context.Background(), sql, args...).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func systemIdentifier(t testing.TB, dsn string) string {
	t.Helper()
	return queryText(t, dsn, "select system_identifier::text from pg_control_system()")
}

// verifierOf returns the salted part of a role's verifier.
func verifierOf(t testing.TB, dsn, role string) string {
	t.Helper()
	v := queryText(t, dsn, "select rolpassword from pg_authid where rolname = $1", role)
	return v[len(v)-20:]
}

// plantedPassword is made here: no file of the repository holds one.
func plantedPassword() string { return strings.Repeat("not-", 3) + "secret" }
