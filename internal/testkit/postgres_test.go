package testkit_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue/internal/testkit"
)

func TestDatabaseIsFreshAndDropped(t *testing.T) {
	s := testkit.Postgres(t)
	ctx := context.Background()
	var name string
	t.Run("use", func(t *testing.T) {
		url := s.Database(t)
		c, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		// Left open: dropping the database must not wait for it.
		var tables int
		if err := c.QueryRow(ctx, "select current_database(), (select count(*) from pg_tables where schemaname = 'public')").Scan(&name, &tables); err != nil {
			t.Fatal(err)
		}
		if tables != 0 {
			t.Errorf("a fresh database has %d tables", tables)
		}
	})
	c, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	var left int
	if err := c.QueryRow(ctx, "select count(*) from pg_database where datname = $1", name).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestStopEndsServerAndRemovesFiles(t *testing.T) {
	s := testkit.PrivatePostgres(t, testkit.PostgresConfig{Settings: []string{"application_name=private"}})
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	var dir string
	if err := c.QueryRow(ctx, "show data_directory").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("stat %s after Stop: %v, want not exist", dir, err)
	}
	if _, err := pgx.Connect(ctx, s.URL()); err == nil {
		t.Error("the server still answers")
	}
}

func TestWithPostgresSharesServerAndForwardsExitCode(t *testing.T) {
	testkit.Postgres(t) // skips where there is no server
	run := func(args ...string) (string, int) {
		cmd := exec.Command("go", append([]string{"run", "./cmd/withpostgres", "--"}, args...)...)
		cmd.Env = append(os.Environ(), testkit.PostgresEnv+"=")
		out, err := cmd.Output()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
	}
	url, code := run("sh", "-c", "echo $"+testkit.PostgresEnv)
	if code != 0 || !strings.HasPrefix(url, "postgres://") {
		t.Errorf("url %q, exit code %d", url, code)
	}
	if _, err := pgx.Connect(context.Background(), url); err == nil {
		t.Error("the server outlived withpostgres")
	}
	if _, code := run("sh", "-c", "exit 7"); code == 0 {
		t.Error("exit code 7 became 0")
	}
}
