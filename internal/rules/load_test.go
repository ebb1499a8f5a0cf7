package rules

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/retinue-id/retinue"
)

const goodRule = `rules:
  - id: x-one
    title: t
    over: identity
    when: "true"
    severity: low
    message: m
    remediation: r
`

func TestLoad(t *testing.T) {
	p, err := Load(fstest.MapFS{
		"b.yaml":      {Data: []byte(strings.ReplaceAll(goodRule, "x-one", "x-two"))},
		"a/a.yml":     {Data: []byte(goodRule)},
		"README.md":   {Data: []byte("no rule")},
		"empty.yaml":  {},
		"labels.yaml": {Data: []byte("labels: [{id: l-a, sets: environment, when: \"true\", value: test}]")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Rules) != 2 || len(p.Labels) != 1 || p.Rules[0].Where() != "a/a.yml:2" {
		t.Errorf("got %d rules, %d label rules, first at %s", len(p.Rules), len(p.Labels), p.Rules[0].Where())
	}
}

// TestErrorsNameThePlace: every mistake is found when a pack is loaded or
// compiled, with its file and line and what would be right.
func TestErrorsNameThePlace(t *testing.T) {
	edit := func(old, with string) string { return strings.Replace(goodRule, old, with, 1) }
	tests := []struct{ name, text, want string }{
		{"not YAML", "rules: [", "p.yaml"},
		{"unknown field", edit("    title: t\n", "    titel: t\n"), "line 3: field titel not found"},
		{"two documents", goodRule + "---\n" + goodRule, "more than one document"},
		{"bad id", edit("x-one", "X one"), "p.yaml:2: rule X one: id"},
		{"unknown kind", edit("over: identity", "over: person"), "p.yaml:4"},
		{"unknown severity", edit("severity: low", "severity: bad"), "p.yaml:6"},
		{"no condition", edit(`    when: "true"`+"\n", ""), "when is missing"},
		{"unknown name", edit(`"true"`, "identiti.name == ''"), "p.yaml:5: "},
		{"unknown field of a struct", edit(`"true"`, "identity.nmae == ''"), "p.yaml:5: "},
		{"wrong type", edit(`"true"`, "identity.name"), "gives string: want bool"},
		{"no such comparison", edit(`"true"`, "identity.name > 3"), "no matching overload"},
		{"bad template", edit("message: m", "message: 'a {name'"), "p.yaml:7: "},
		{"bad expression in a template", edit("message: m", "message: 'a {nope}'"), "undeclared reference to 'nope'"},
		{"empty expression", edit("message: m", "message: 'a {}'"), "empty expression"},
		{"unknown risk", goodRule + "    owasp: [NHI11]\n", "p.yaml:9"},
		{"bad control", goodRule + "    controls: [compliant]\n", "want FRAMEWORK:ID"},
		{"label with a wrong value", "labels: [{id: l-a, sets: environment, when: \"true\", value: prod}]", "p.yaml:1"},
		{"label of nothing", "labels: [{id: l-a, sets: colour, when: \"true\", value: red}]", "want environment, criticality or data_class"},
		{"long expression", edit(`"true"`, "name == '"+strings.Repeat("x", maxExpression)+"'"), "the limit is"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("p.yaml", []byte(tt.text))
			if err == nil {
				_, err = Compile(p, Options{})
			}
			if !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v: want ErrInvalid with %q", err, tt.want)
			}
		})
	}
}

func TestMergeRefusesASecondDefinition(t *testing.T) {
	a, err := Parse("a.yaml", []byte(goodRule))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("b.yaml", []byte(goodRule))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Merge(a, b); !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "b.yaml:2") || !strings.Contains(err.Error(), "a.yaml:2") {
		t.Errorf("error %v: want both places", err)
	}
}

func TestReadLabels(t *testing.T) {
	rows, err := ReadLabels("labels.csv", strings.NewReader("\ufeffName, environment,criticality,container,data_class\n"+
		"pay-*,production,critical,,cardholder\n,staging,,acme-*,\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, `labels: [{id: l-dev, sets: environment, when: "true", value: development}, {id: l-low, sets: criticality, when: "true", value: low}]`)
	s.csv = rows
	l, problems := s.Label(&Subject{Kind: OverIdentity, Name: "pay-api", Ref: retinue.NewRef("aws:1", "role", "x")})
	want := Labels{Environment: "production", EnvironmentBy: "labels.csv line 2", Criticality: "critical", CriticalityBy: "labels.csv line 2",
		DataClass: "cardholder", DataClassBy: "labels.csv line 2", Done: true}
	if l != want || problems != nil {
		t.Errorf("got %+v, %v: want %+v", l, problems, want)
	}
	l, _ = s.Label(&Subject{Kind: OverIdentity, Name: "web", Containers: []retinue.Container{{Name: "acme-7"}}})
	if l.Environment != "staging" || l.EnvironmentBy != "labels.csv line 3" || l.Criticality != "low" || l.CriticalityBy != "l-low" || l.DataClass != "" {
		t.Errorf("got %+v: want the file's environment and the rule's criticality", l)
	}
	l, _ = s.Label(&Subject{Kind: OverIdentity, Name: "pay-x", Registration: &retinue.Registration{Environment: "test"}})
	if l.Environment != "test" || l.EnvironmentBy != "registration" {
		t.Errorf("got %+v: want the registration's", l)
	}
	for text, want := range map[string]string{
		"colour\nred\n": "labels.csv:1", "name,environment\nx,prod\n": "labels.csv:2", "name,environment\n,test\n": "no pattern",
		"name,name\nx,y\n": "at most once", "": "column names", "name,environment\n\"x\n": "labels.csv",
	} {
		if _, err := ReadLabels("labels.csv", strings.NewReader(text)); !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v: want ErrInvalid with %q", text, err, want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{{"", "x", true}, {"x", "x", true}, {"x", "xy", false}, {"x*", "xy", true}, {"*y", "xy", true}, {"a*b*c", "aXbYc", true},
		{"a*b*c", "aXcYb", false}, {"ab*b", "ab", false}, {"*", "", true}} {
		if got := glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("glob(%q, %q) = %t: want %t", tt.pattern, tt.s, got, tt.want)
		}
	}
}

// FuzzParse: whatever stands in a file, loading and compiling it ends in a pack
// or in an error that wraps ErrInvalid, and its cases run without a panic.
func FuzzParse(f *testing.F) {
	f.Add(goodRule)
	f.Add("rules:\n  - {id: a-b, title: t, over: credential, when: 'placements.all(p, p.historic)', severity: low, message: '{name}}}', remediation: r, cases: {fire: [{name: a, subject: {credential: {kind: x}}}]}}")
	f.Add("labels: [{id: l-a, sets: data_class, when: 'tags[\"a\"] == \"b\"', value: x, cases: {set: [{name: x, subject: 3}]}}]")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("p.yaml", []byte(text))
		if err == nil {
			_, err = Test(p)
		}
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error %v does not wrap ErrInvalid", err)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	f.Add("{name} has {{braces}} and {'}'}")
	f.Add("{ {1: 2}[1] }")
	f.Fuzz(func(t *testing.T, s string) {
		texts, exprs, err := splitTemplate(s)
		if err == nil && len(texts) != len(exprs)+1 {
			t.Fatalf("%d texts around %d expressions", len(texts), len(exprs))
		}
	})
}

func FuzzReadLabels(f *testing.F) {
	f.Add("name,environment\npay-*,production\n")
	f.Fuzz(func(t *testing.T, s string) {
		rows, err := ReadLabels("l.csv", strings.NewReader(s))
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error %v does not wrap ErrInvalid", err)
		}
		for i := range rows {
			rows[i].matches(&Subject{Name: s})
		}
	})
}
