package api_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/testkit"
)

// postgresEnv makes the scenarios run on PostgreSQL.
const postgresEnv = "RETINUE_API_ON_POSTGRES"

// harnessDatabase is the database of a harness: a file of its own, or a
// database of the test server.
func harnessDatabase(t *testing.T, file string) string {
	t.Helper()
	if os.Getenv(postgresEnv) == "" {
		return file
	}
	return testkit.Postgres(t).Database(t)
}

// TestScenariosOnPostgreSQL runs every test of this package that asks a real
// installation once more, on PostgreSQL.
func TestScenariosOnPostgreSQL(t *testing.T) {
	if os.Getenv(postgresEnv) != "" {
		t.Skip("it is running")
	}
	if testing.Short() {
		t.Skip("it runs the package again")
	}
	testkit.Postgres(t) // says why where there is none
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.count=1", "-test.skip=OpenAPI|TestUnknownRoutes|TestScimParse|Fuzz")
	c.Env = append(os.Environ(), postgresEnv+"=1", testkit.PostgresEnv+"="+testkit.Postgres(t).URL())
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("on PostgreSQL: %v\n%s", err, out)
	}
}
