package rules

import (
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
)

// That an identity is not used is one finding, whatever its log and its source
// say of it.
func TestSilenceIsOneFinding(t *testing.T) {
	set, err := Compile(starterPack(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	about := []string{"nhi1-unused-identity", "nhi1-never-used-identity", "nhi1-silent-identity"}
	for _, id := range about {
		if !slices.ContainsFunc(set.Rules(), func(r Rule) bool { return r.ID == id }) {
			t.Fatalf("no rule %s", id)
		}
	}
	fired := map[string]int{}
	now := CaseNow()
	for _, status := range []string{"", "active", "idle", "dormant", "never_used", "unknown"} {
		for _, grade := range []string{"A", "B", "C", "D"} {
			for _, used := range []int{0, 10, 80, 200} { // days ago by the log; 0: none
				for _, field := range []int{-1, 0, 10, 80, 200} { // by the source; -1: it says never
					for _, state := range []retinue.State{retinue.StateActive, retinue.StateDeclared} {
						sub := &Subject{Kind: OverIdentity, Ref: retinue.NewRef("aws:1", "role", "r"), Name: "r", Now: now,
							Identity: &retinue.Identity{Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, State: state, CreatedAt: now.AddDate(-2, 0, 0)}}
						switch {
						case field < 0:
							sub.Uses = []retinue.Use{{Meaning: "last_used", Never: true, Grade: retinue.GradeC}}
						case field > 0:
							sub.Uses = []retinue.Use{{Meaning: "last_used", At: now.AddDate(0, 0, -field), Grade: retinue.GradeC}}
						}
						if status != "" {
							sub.Usage = &Usage{Status: status, Grade: grade}
							if used > 0 {
								sub.Usage.LastUsed = now.AddDate(0, 0, -used)
							}
						}
						var got []string
						for _, r := range rulesOf(evaluate(t, set, sub)) {
							if slices.Contains(about, r) {
								got = append(got, r)
								fired[r]++
							}
						}
						if len(got) > 1 {
							t.Errorf("status %q, grade %s, used %d days ago, field %d, %s: %v", status, grade, used, field, state, got)
						}
						proven := status == "never_used" && (grade == "A" || grade == "B") && field < 0 && used == 0 && state == retinue.StateActive
						if proven && !slices.Equal(got, []string{"nhi1-silent-identity"}) {
							t.Errorf("never used by log and field of grade %s: %v", grade, got)
						}
					}
				}
			}
		}
	}
	for _, id := range about {
		if fired[id] == 0 {
			t.Errorf("%s never fired", id)
		}
	}
}
