package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

func starterPack(t testing.TB) *Pack {
	t.Helper()
	p, err := Starter()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestStarterCases runs the cases of the starting pack.
func TestStarterCases(t *testing.T) {
	r, err := Test(starterPack(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Failures {
		t.Error(f)
	}
	if r.Cases < 2*r.Rules {
		t.Errorf("%d cases for %d rules: want two each at least", r.Cases, r.Rules)
	}
}

// TestStarterCovers holds what the pack promises: two rules at least for each
// OWASP risk, control ids and a remediation on every rule, and no word that
// claims compliance.
func TestStarterCovers(t *testing.T) {
	p := starterPack(t)
	count := map[retinue.OWASP]int{}
	for _, r := range p.Rules {
		for _, o := range r.OWASP {
			count[o]++
		}
		if len(r.Controls) == 0 {
			t.Errorf("%s: rule %s names no control", r.Where(), r.ID)
		}
		all := strings.ToLower(r.Title + r.Message + r.Remediation)
		for _, word := range []string{"complian", "risk score", "violat"} {
			if strings.Contains(all, word) {
				t.Errorf("%s: rule %s says %q", r.Where(), r.ID, word)
			}
		}
		first, _, _ := strings.Cut(r.ID, "-")
		if id := retinue.OWASP(strings.ToUpper(first)); strings.HasPrefix(first, "nhi") && !slices.Contains(r.OWASP, id) {
			t.Errorf("%s: rule %s is not mapped to %s", r.Where(), r.ID, id)
		}
	}
	for _, risk := range retinue.OWASPRisks() {
		if count[risk.ID] < 2 {
			t.Errorf("%s (%s) has %d rules: want two at least", risk.ID, risk.Name, count[risk.ID])
		}
	}
	if n := len(p.Rules); n < 40 {
		t.Errorf("%d rules: want 40 at least", n)
	}
}
