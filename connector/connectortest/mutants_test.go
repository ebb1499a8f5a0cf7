package connectortest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// verdict stands in for a *testing.T and keeps what a clause says.
type verdict struct {
	testing.TB
	mu   sync.Mutex
	said []string
}

func (v *verdict) say(s string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.said = append(v.said, s)
}

func (v *verdict) Error(args ...any)            { v.say(fmt.Sprint(args...)) }
func (v *verdict) Errorf(f string, args ...any) { v.say(fmt.Sprintf(f, args...)) }
func (v *verdict) Fatal(args ...any)            { v.say(fmt.Sprint(args...)); runtime.Goexit() }
func (v *verdict) Fatalf(f string, args ...any) { v.say(fmt.Sprintf(f, args...)); runtime.Goexit() }
func (v *verdict) Fail()                        { v.say("failed") }
func (v *verdict) FailNow()                     { v.say("failed"); runtime.Goexit() }
func (v *verdict) Failed() bool                 { return len(v.said) > 0 }

// judge runs a clause and returns what it found wrong.
func judge(t *testing.T, c clause, s Subject) []string {
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.check(v, s)
	}()
	<-done
	return v.said
}

// TestMutants proves that each clause finds the fault that is planted for it,
// and that no other clause mistakes it for its own.
func TestMutants(t *testing.T) {
	mutants := []struct {
		fault  fault
		clause string
	}{
		{faultNone, ""},
		{faultSpecBlind, clauseSpec},
		{faultSpecExample, clauseSpec},
		{faultCheckRealm, clauseCheck},
		{faultNameRealm, clauseName},
		{faultClockFact, clauseRepeat},
		{faultInvalidFact, clauseValid},
		{faultPointerFact, clauseValid},
		{faultForeignChild, clauseScope},
		{faultForgottenChild, clauseScope},
		{faultOpenScope, clauseEnded},
		{faultNoBasis, clauseExplained},
		{faultBareProblem, clauseExplained},
		{faultFoldWithoutCount, clauseExplained},
		{faultLateFact, clauseOrder},
		{faultTwice, clauseUnique},
		{faultProblemComplete, clauseProblem},
		{faultBrokenComplete, clauseBroken},
		{faultBrokenParent, clauseBroken},
		{faultBrokenSilent, clauseBroken},
		{faultCancelStart, clauseCancelStart},
		{faultCancelNil, clauseCancelStart},
		{faultCancelMiddle, clauseCancelMiddle},
		{faultLeak, clauseLeak},
		{faultSecretAttr, clauseSecrets},
		{faultSecretLog, clauseSecrets},
		{faultSecretHalf, clauseSecrets},
		{faultSecretProblem, clauseSecrets},
		{faultSecretHash, clauseSecrets},
		{faultDryEmits, clauseDryRun},
		{faultDrySilent, clauseDryRun},
		{faultSameDiffers, clauseSame},
		{faultCloseFresh, clauseClose},
	}
	covered := map[string]bool{}
	for _, m := range mutants {
		covered[m.clause] = true
		t.Run(strings.TrimSpace(m.clause+" "+string(m.fault)), func(t *testing.T) {
			for _, c := range clauses() {
				said := judge(t, c, subject(t, m.fault))
				switch {
				case c.name == m.clause && len(said) == 0:
					t.Errorf("the clause did not notice")
				case c.name != m.clause && len(said) > 0:
					t.Errorf("clause %q noticed as well: %s", c.name, strings.Join(said, "; "))
				}
			}
		})
	}
	for _, c := range clauses() {
		if !covered[c.name] {
			t.Errorf("clause %q has no mutant", c.name)
		}
	}
}

func TestRunOnTheReference(t *testing.T) { Run(t, subject(t, faultNone)) }

func TestResult(t *testing.T) {
	s := subject(t, faultNone)
	r := Discover(t, s.Open(t, Env(t)))
	one := Get[retinue.Identity](t, r, "account", "one")
	if one.Name != "one" || r.Count(retinue.FactIdentity) != 2 || len(All[retinue.Credential](r)) != 3 {
		t.Errorf("accounts and keys: got %+v, %d identities, %d credentials", one, r.Count(retinue.FactIdentity), len(All[retinue.Credential](r)))
	}
	want := Key(t).Fingerprint(retinue.NewSecret(s.Secrets[0]))
	if got := Get[retinue.Credential](t, r, "key", "a1").Fingerprints; !slices.Equal(got, []retinue.Fingerprint{want}) {
		t.Errorf("fingerprints %v, want %v", got, want)
	}
	if env := Env(t); len(env.Fingerprint(retinue.CredentialPassword, retinue.NewSecret("x"))) != 0 {
		t.Errorf("a low-entropy value was fingerprinted")
	}
	if n := r.NotesOf(connector.NoteFold); len(n) != 1 || n[0].Count != 3 {
		t.Errorf("folds: %+v", n)
	}
	again := Discover(t, s.Open(t, Env(t)))
	if d := cmp.Diff(r.Dump(), again.Dump()); d != "" {
		t.Errorf("dumps differ:\n%s", d)
	}
	if !strings.Contains(r.Dump(), `"shell":"<none> & co"`) || !strings.Contains(r.Dump(), "  child memory:7/namespace/b\n") {
		t.Errorf("dump:\n%s", r.Dump())
	}
}
