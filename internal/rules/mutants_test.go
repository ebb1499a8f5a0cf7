package rules

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
)

// TestStarterMutants plants faults in the pack: with a condition that always or
// never holds, some case of each rule must fail. A case that only a gate keeps
// quiet (a person, something disabled) proves nothing about the condition.
func TestStarterMutants(t *testing.T) {
	p := starterPack(t)
	for _, when := range []string{"true", "false"} {
		mutant := &Pack{}
		for _, r := range p.Rules {
			r.When = when
			mutant.Rules = append(mutant.Rules, r)
		}
		for _, r := range p.Labels {
			r.When = when
			mutant.Labels = append(mutant.Labels, r)
		}
		report, err := Test(mutant)
		if err != nil {
			t.Fatal(err)
		}
		caught := map[string]bool{}
		for _, f := range report.Failures {
			caught[f.Rule] = true
		}
		for _, r := range mutant.Rules {
			if !caught[r.ID] {
				t.Errorf("rule %s: no case notices the condition %q", r.ID, when)
			}
		}
		for _, r := range mutant.Labels {
			if !caught[r.ID] {
				t.Errorf("label rule %s: no case notices the condition %q", r.ID, when)
			}
		}
	}
}

// TestPriorityProperties: it lies between 1 and 100, and no factor that grows
// worse lowers it.
func TestPriorityProperties(t *testing.T) {
	exposures := []retinue.Exposure{retinue.ExposurePublic, retinue.ExposureWorld, retinue.ExposureGroup, retinue.ExposureOwner}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.IntRange(1, len(retinue.Severities())-1).Draw(t, "severity")
		e := rapid.IntRange(1, len(exposures)-1).Draw(t, "exposure")
		c := rapid.IntRange(1, len(retinue.Criticalities())-1).Draw(t, "criticality")
		idle := rapid.IntRange(1, 500).Draw(t, "idle days")
		of := func(s, e, c, idle int) int {
			n, text := Priority(PriorityInput{Severity: retinue.Severities()[s], Exposure: exposures[e],
				Criticality: retinue.Criticalities()[c], LastUse: CaseNow().AddDate(0, 0, -idle), Now: CaseNow()})
			if n < 1 || n > 100 || text == "" {
				t.Fatalf("priority %d: %q", n, text)
			}
			return n
		}
		base := of(s, e, c, idle)
		if of(s-1, e, c, idle) < base || of(s, e-1, c, idle) < base || of(s, e, c-1, idle) < base || of(s, e, c, idle-1) < base {
			t.Fatal("a worse factor lowered the priority")
		}
	})
}
