package aws_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/internal/testkit"
)

// scan reads a target with options given as name and value in turn.
func scan(t testing.TB, target string, options ...string) *connectortest.Result {
	t.Helper()
	c := opened(t, target, options...)(t, connectortest.Env(t))
	t.Cleanup(func() { _ = c.Close() })
	return connectortest.Discover(t, c)
}

func settings(target string, options ...string) connector.Config {
	cfg := connector.Config{Name: "test", Target: target, Options: map[string]string{}}
	for i := 0; i+1 < len(options); i += 2 {
		cfg.Options[options[i]] = options[i+1]
	}
	return cfg
}

// counts of the samples were taken from the files with another program.
func TestSampleAuthorizationDetails(t *testing.T) {
	for _, tt := range []struct {
		file                           string
		account                        string
		users, roles, groups, policies int
	}{
		{"aws/authz/cloudsplaining-example.json", "200611803367", 44, 78, 5, 84},
		{"aws/labelled/escalation-lab-authz.json", "111111111111", 32, 39, 3, 38},
		{"aws/authz/cloudsplaining-managed_policy_mismatch.json", "123456789012", 0, 0, 1, 1},
		{"aws/account-with-usage.json", "000000000000", 5, 8, 1, 19},
		{"aws/cloudgoat/ecs_takeover", "111111111111", 0, 2, 0, 2},
	} {
		t.Run(filepath.Base(tt.file), func(t *testing.T) {
			r := scan(t, testkit.Data(t, tt.file))
			realm := retinue.NewRealm("aws", tt.account)
			in := func(path string) []retinue.Fact { return r.In(retinue.NewScope(realm, strings.Split(path, "/")...)) }
			got := [4]int{count[retinue.Identity](in("iam/users")), count[retinue.Identity](in("iam/roles")),
				count[retinue.Group](in("iam/groups")), count[retinue.Policy](in("iam/policies"))}
			want := [4]int{tt.users, tt.roles, tt.groups, tt.policies}
			if got != want {
				t.Errorf("users, roles, groups, policies: got %v, want %v", got, want)
			}
			for scope, errs := range r.Problems {
				t.Errorf("scope %s: %v", scope, errs)
			}
		})
	}
}

func count[T retinue.Fact](facts []retinue.Fact) int {
	n := 0
	for _, f := range facts {
		if _, ok := f.(T); ok {
			n++
		}
	}
	return n
}

func opened(t testing.TB, target string, options ...string) func(testing.TB, connector.Env) connector.Connector {
	t.Helper()
	return connectortest.OpenSpec(aws.Spec(), settings(target, options...))
}
