//go:build live

package pgacl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/testkit"
)

// moreEnv names further versions to compare with: folders with bin/postgres,
// separated by colons.
const moreEnv = "RETINUE_POSTGRES_MORE"

// TestAnswersOfOtherVersionsLive is TestAnswersOfRealServers and
// TestStepsOfRealServers on version 18 and on whatever else is there.
func TestAnswersOfOtherVersionsLive(t *testing.T) {
	t.Run("18", func(t *testing.T) {
		s := testkit.Postgres18(t)
		compareRounds(t, s, rounds())
		compareSteps(t, s)
	})
	for _, dir := range strings.FieldsFunc(os.Getenv(moreEnv), func(c rune) bool { return c == ':' }) {
		t.Run(dir, func(t *testing.T) {
			s := testkit.PrivatePostgres(t, testkit.PostgresConfig{Bin: dir + "/bin"})
			compareRounds(t, s, rounds())
			compareSteps(t, s)
		})
	}
}
