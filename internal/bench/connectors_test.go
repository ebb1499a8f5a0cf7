package bench_test

import (
	"path/filepath"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/connectors/github"
	"github.com/retinue-id/retinue/connectors/host"
	"github.com/retinue-id/retinue/connectors/kubernetes"
	"github.com/retinue-id/retinue/connectors/people"
	"github.com/retinue-id/retinue/connectors/postgres"
	"github.com/retinue-id/retinue/connectors/repo"
	"github.com/retinue-id/retinue/internal/bench"
)

// specs are the connectors that read what is made up.
func specs() map[string]connector.Spec {
	out := map[string]connector.Spec{}
	for _, s := range []connector.Spec{aws.Spec(), github.Spec(), host.Spec(), kubernetes.Spec(), people.Spec(), postgres.Spec(), repo.Spec()} {
		out[s.Kind] = s
	}
	return out
}

// enterprise makes a small one with everything planted.
func enterprise(t testing.TB, o bench.Options) (bench.Truth, bench.Manifest) {
	t.Helper()
	o.Seed, o.Identities, o.Out = 7, 120, filepath.Join(t.TempDir(), "out")
	if o.Days == 0 {
		o.Days = 40
	}
	truth, err := bench.Generate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := bench.ReadManifest(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	return truth, m
}

func config(s bench.Source) connector.Config {
	return connector.Config{Name: s.Name, Target: s.Target, Options: s.Options}
}

// TestConnectorsReadTheExports: every export is read without a problem, and
// together they list the identities of which the truth says that they are
// listed, and no other one of its kind.
func TestConnectorsReadTheExports(t *testing.T) {
	truth, m := enterprise(t, bench.Options{Days: 10})
	kinds := specs()
	found := map[retinue.Ref]bool{}
	owners := map[retinue.Ref]string{}
	keys := map[retinue.Ref][]string{}
	for _, s := range m.Scans {
		spec := kinds[s.Kind]
		if err := spec.Validate(config(s)); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		c, err := spec.Open(t.Context(), config(s), connectortest.Env(t))
		if err != nil {
			t.Errorf("%s: open: %v", s.Name, err)
			continue
		}
		r := connectortest.DiscoverWith(t.Context(), t, c, connector.Request{Now: connectortest.Epoch()})
		_ = c.Close()
		if r.Err != nil {
			t.Errorf("%s: %v", s.Name, r.Err)
		}
		for scope, problems := range r.Problems {
			t.Errorf("%s: %s: %v", s.Name, scope, problems)
		}
		for _, id := range connectortest.All[retinue.Identity](r) {
			found[id.Ref] = true
		}
		for _, o := range connectortest.All[retinue.OwnerSignal](r) {
			owners[o.Subject] = o.Candidate
		}
		for _, c := range connectortest.All[retinue.Credential](r) {
			keys[c.Identity] = append(keys[c.Identity], c.Ref.Key)
		}
	}
	listed := map[retinue.Ref]bool{}
	for _, id := range truth.Identities {
		listed[id.Ref] = id.Listed
		if found[id.Ref] != id.Listed {
			t.Errorf("%s: found %v, listed %v", id.Ref, found[id.Ref], id.Listed)
		}
		checkTraces(t, id, owners, keys)
	}
	for ref := range found {
		switch ref.Kind {
		case "user", "service_account", "account":
			if _, ok := listed[ref]; !ok && ref.Realm.Kind() != "postgres" && ref.Key != "root" && ref.Key != "nobody" {
				t.Errorf("%s is listed and not in the truth", ref)
			}
		}
	}
}

// checkTraces compares owners and keys that connectors state with the truth.
func checkTraces(t *testing.T, id bench.Identity, owners map[retinue.Ref]string, keys map[retinue.Ref][]string) {
	t.Helper()
	if !id.Listed {
		return
	}
	for _, s := range id.Owner.Signals {
		if k := s.Kind; (k == "tag" || k == "label") && owners[id.Ref] != s.Candidate {
			t.Errorf("%s: owner signal %q, want %q", id.Ref, owners[id.Ref], s.Candidate)
		}
	}
	for _, c := range id.Credentials {
		if c.Kind != retinue.CredentialAccessKey {
			continue
		}
		named := false
		for _, key := range keys[id.Ref] {
			named = named || key == c.ID
		}
		if !named {
			t.Errorf("%s: keys %v, want %s", id.Ref, keys[id.Ref], c.ID)
		}
	}
}
