package postgres

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/testkit"
)

// execSQL runs statements of a file, one after the other, in a database.
func execSQL(t testing.TB, url string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, s := range statements {
		if _, err := c.PgConn().Exec(context.Background(), s).ReadAll(); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
}

// sampleServer starts a server with a random role and grant graph of the
// sample data in its database.
func sampleServer(t testing.TB, cfg testkit.PostgresConfig, seed string) (*testkit.PostgresServer, string) {
	t.Helper()
	sql, err := os.ReadFile(testkit.Data(t, "access", "postgres", "pg15-seed"+seed+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	s := testkit.PrivatePostgres(t, cfg)
	db := "db" + seed
	execSQL(t, s.URL(), "create database "+db)
	execSQL(t, s.DatabaseURL(db), string(sql))
	return s, s.DatabaseURL(db)
}

func openTarget(t testing.TB, env connector.Env, target string, opts map[string]string) connector.Connector {
	t.Helper()
	c, err := Spec().Open(t.Context(), connector.Config{Name: "test", Target: target, Options: opts}, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
