package azurerbac

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue/internal/access"
)

// rank orders outcomes by how much they allow.
func rank(o access.Outcome) int {
	switch o {
	case access.Allowed:
		return 3
	case access.Conditional, access.Unknown:
		return 2
	}
	return 1
}

func genScope(t *rapid.T) string {
	return rapid.SampledFrom([]string{"/", managementGroup + "prod", managementGroup + "test", sub, sub2, rg, blob}).Draw(t, "scope")
}

func genCondition(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", "@Resource[a:b] StringEquals 'x'", "!(ActionMatches{'*/read'})", "bad ("}).Draw(t, "condition")
}

func genAssignment(t *rapid.T) Assignment {
	a := assign(rapid.SampledFrom([]string{user, other, team, inner, "foreign"}).Draw(t, "principal"), rapid.SampledFrom([]string{owner, read, contr, data, "none"}).Draw(t, "role"), genScope(t), genCondition(t))
	a.PrincipalType = rapid.SampledFrom([]string{"User", "Group", ""}).Draw(t, "type")
	a.Eligible = rapid.IntRange(0, 5).Draw(t, "eligible") == 0
	return a
}

func genDeny(t *rapid.T) DenyAssignment {
	subject := func(label string) Subject {
		return Subject{ID: rapid.SampledFrom([]string{user, team, Everyone, "foreign"}).Draw(t, label), Type: "Group"}
	}
	d := DenyAssignment{ID: "d", Scope: genScope(t), Principals: []Subject{subject("denied")}, OnlyHere: rapid.Bool().Draw(t, "here"), Condition: genCondition(t),
		Permissions: []Permission{{Actions: []string{rapid.SampledFrom([]string{"*", "*/read", "*/write"}).Draw(t, "action")}, DataActions: []string{"*"}}}}
	if rapid.Bool().Draw(t, "excludes") {
		d.Excluded = []Subject{subject("excluded")}
	}
	return d
}

func genQuestion(t *rapid.T) Question {
	return Question{Principal: Principal{ID: rapid.SampledFrom([]string{user, other}).Draw(t, "who")}, Scope: genScope(t), Open: rapid.Bool().Draw(t, "open"), Data: rapid.Bool().Draw(t, "data"),
		Action: rapid.SampledFrom([]string{readBlob, "Microsoft.Authorization/roleAssignments/write", "Microsoft.Compute/virtualMachines/read"}).Draw(t, "action")}
}

func decideOn(t *rapid.T, s State, q Question) access.Decision {
	x, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return x.Decide(q)
}

// TestDenyNeverAllowsMore: a further deny assignment never makes an answer
// allow more.
func TestDenyNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := world()
		s.Assignments = rapid.SliceOfN(rapid.Custom(genAssignment), 0, 5).Draw(t, "assignments")
		s.Denies = rapid.SliceOfN(rapid.Custom(genDeny), 0, 2).Draw(t, "denies")
		q := genQuestion(t)
		before := decideOn(t, s, q)
		s.Denies = append(s.Denies, genDeny(t))
		if after := decideOn(t, s, q); rank(after.Outcome) > rank(before.Outcome) {
			t.Fatalf("%s became %s", before.Outcome, after.Outcome)
		}
	})
}

// TestUnionIsMonotone: a further assignment never takes anything away.
func TestUnionIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := world()
		s.Assignments = rapid.SliceOfN(rapid.Custom(genAssignment), 0, 5).Draw(t, "assignments")
		s.Denies = rapid.SliceOfN(rapid.Custom(genDeny), 0, 2).Draw(t, "denies")
		q := genQuestion(t)
		before := decideOn(t, s, q)
		s.Assignments = append(s.Assignments, genAssignment(t))
		if after := decideOn(t, s, q); rank(after.Outcome) < rank(before.Outcome) {
			t.Fatalf("%s became %s", before.Outcome, after.Outcome)
		}
	})
}

func FuzzCondition(f *testing.F) {
	f.Add("((!(ActionMatches{'a/b'})) OR (@Resource[a:b] ForAnyOfAnyValues:StringLike {'x*', 'y'}))")
	f.Add("NOT Exists @Request[a] && @Environment[b] DateTimeLessThan '2026-01-01T00:00:00Z'")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseCondition(text)
		if c == nil {
			return
		}
		if (c.root == nil) != (c.broken != "") && c.broken == "" {
			t.Fatalf("neither understood nor broken: %q", text)
		}
		if c.broken == "" {
			c.root.eval(newSetting("a/b", map[string]any{"@resource[a:b]": "xx"}, false))
		}
	})
}

func FuzzParseCase(f *testing.F) {
	f.Add([]byte(`{"principal":"p","action":"a/b","scope":"/","documents":[{"id":"d","permissions":[{"actions":["*"]}]},{"principalId":"p","roleDefinitionId":"d","scope":"/"}]}`))
	f.Add([]byte(`{"principal":"p","permission":"x","documents":[{"appRoleId":"x","principalId":"p","resourceId":"00000003-0000-0000-c000-000000000000"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := ParseCase(line)
		if err != nil {
			return
		}
		if d := c.Decide(nil); d.Outcome == "" || len(d.Because) == 0 {
			t.Errorf("no outcome or no reason: %+v", d)
		}
	})
}
