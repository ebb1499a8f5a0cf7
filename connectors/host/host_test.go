package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

func openAt(t testing.TB, root string, options map[string]string) connector.Connector {
	t.Helper()
	return connectortest.OpenSpec(Spec(), connector.Config{Name: "test", Target: root, Options: options})(t, connectortest.Env(t))
}

func TestConformance(t *testing.T) {
	f := newFake(t)
	cfg := connector.Config{Name: "test", Target: f.root, Options: map[string]string{"include": "/srv/app"}}
	connectortest.Run(t, connectortest.Subject{
		Spec:  Spec(),
		Open:  connectortest.OpenSpec(Spec(), cfg),
		Named: connectortest.NameSpec(Spec(), cfg),
		Broken: func(t testing.TB, env connector.Env) connector.Connector {
			broken := connector.Config{Name: "test", Target: f.broken(t), Options: cfg.Options}
			return connectortest.OpenSpec(Spec(), broken)(t, env)
		},
		Same: func(t testing.TB, env connector.Env) connector.Connector {
			// A copy of the machine at another place.
			other := connector.Config{Name: "test", Target: f.copy(t), Options: cfg.Options}
			return connectortest.OpenSpec(Spec(), other)(t, env)
		},
		Secrets: f.secrets,
	})
}

// TestThisMachine reads the machine that runs the test, with whatever rights
// the test has: it must neither fail nor take long.
func TestThisMachine(t *testing.T) {
	start := time.Now()
	c := openAt(t, "", nil)
	a, err := c.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := connectortest.Discover(t, c)
	if r.Count(retinue.FactIdentity) == 0 || r.Count(retinue.FactContainer) != 1 {
		t.Errorf("%d identities and %d containers", r.Count(retinue.FactIdentity), r.Count(retinue.FactContainer))
	}
	for _, e := range r.Emitted {
		if err := e.Fact.Validate(); err != nil {
			t.Error(err)
		}
	}
	took := time.Since(start)
	t.Logf("%s (%s): %d facts, %d scopes complete, %d with problems, %d notes in %s", a.Name, a.Realm, len(r.Emitted), len(r.Completed), len(r.Problems), len(r.Notes), took)
	if took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	if raw, err := os.ReadFile("/etc/machine-id"); err == nil {
		if id := strings.TrimSpace(string(raw)); id != "" && strings.Contains(r.Dump(), id) {
			t.Errorf("the machine id itself is published")
		}
	}
	if testing.Verbose() && os.Getenv("RETINUE_DUMP") != "" {
		if err := os.WriteFile(filepath.Join(os.Getenv("RETINUE_DUMP"), "dump.txt"), []byte(r.Dump()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
