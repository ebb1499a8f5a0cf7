package kubernetes

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// config is a configuration of the connector.
func config(target string, options map[string]string) connector.Config {
	return connector.Config{Name: "test", Target: target, Options: options}
}

func discover(t *testing.T, cfg connector.Config) *connectortest.Result {
	t.Helper()
	conn, err := Spec().Open(t.Context(), cfg, connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	return connectortest.Discover(t, conn)
}

// find returns the facts that one type and a substring of the ref select.
func find(r *connectortest.Result, ft retinue.FactType, key string) []retinue.Fact {
	var out []retinue.Fact
	for _, e := range r.Emitted {
		if e.Fact.FactType() == ft && strings.Contains(e.Fact.FactRef().String(), key) {
			out = append(out, e.Fact)
		}
	}
	return out
}

func one[T retinue.Fact](t *testing.T, r *connectortest.Result, ft retinue.FactType, key string) T {
	t.Helper()
	got := find(r, ft, key)
	if len(got) != 1 {
		t.Fatalf("%s facts about %q: %d, want 1: %v", ft, key, len(got), got)
	}
	return got[0].(T)
}
