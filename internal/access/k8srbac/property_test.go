package k8srbac_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

func drawRule(t *rapid.T) k8srbac.Rule {
	list := func(name string, words ...string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(words), 0, 3).Draw(t, name)
	}
	if rapid.IntRange(0, 5).Draw(t, "url") == 0 {
		return k8srbac.Rule{Verbs: list("verbs", "get", "*"), NonResourceURLs: list("urls", "/x", "/x/*", "*")}
	}
	r := k8srbac.Rule{Verbs: list("verbs", "get", "list", "create", "*"), APIGroups: list("groups", "", "apps", "*"),
		Resources: list("resources", "pods", "pods/log", "*/log", "secrets", "*")}
	if rapid.Bool().Draw(t, "named") {
		r.ResourceNames = list("names", "a", "b")
	}
	return r
}

func drawState(t *rapid.T) k8srbac.State {
	var s k8srbac.State
	for i := range rapid.IntRange(0, 4).Draw(t, "roles") {
		s.Roles = append(s.Roles, k8srbac.Role{Namespace: rapid.SampledFrom([]string{"", "n"}).Draw(t, "ns"), Name: fmt.Sprint("r", i),
			Rules: rapid.SliceOfN(rapid.Custom(drawRule), 0, 3).Draw(t, "rules")})
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "bindings") {
		s.Bindings = append(s.Bindings, drawBinding(t, s.Roles, fmt.Sprint("b", i)))
	}
	return s
}

func drawBinding(t *rapid.T, roles []k8srbac.Role, name string) k8srbac.Binding {
	b := k8srbac.Binding{Name: name, Namespace: rapid.SampledFrom([]string{"", "n", "m"}).Draw(t, "in"), RoleName: "absent"}
	if len(roles) > 0 {
		r := rapid.SampledFrom(roles).Draw(t, "role")
		b.RoleName, b.RoleNamespace = r.Name, r.Namespace
	}
	b.Subjects = rapid.SliceOfN(rapid.SampledFrom([]k8srbac.Subject{{Kind: k8srbac.User, Name: "u"}, {Kind: k8srbac.Group, Name: "g"},
		{Kind: k8srbac.ServiceAccount, Namespace: "n", Name: "s"}, {Kind: k8srbac.ServiceAccount, Name: "s"}}), 0, 3).Draw(t, "subjects")
	return b
}

func drawQuestion(t *rapid.T) (k8srbac.Who, k8srbac.Attributes) {
	w := k8srbac.Who{User: rapid.SampledFrom([]string{"u", "system:serviceaccount:n:s", "other"}).Draw(t, "user"),
		Groups: rapid.SliceOfN(rapid.SampledFrom([]string{"g", "h"}), 0, 2).Draw(t, "groups")}
	pick := func(name string, words ...string) string { return rapid.SampledFrom(words).Draw(t, name) }
	if rapid.IntRange(0, 5).Draw(t, "path") == 0 {
		return w, k8srbac.Attributes{Verb: pick("verb", "get", "list"), Path: pick("path", "/x", "/x/y", "/z")}
	}
	return w, k8srbac.Attributes{Verb: pick("verb", "get", "create", "delete"), APIGroup: pick("group", "", "apps", "batch"),
		Resource: pick("resource", "pods", "secrets", "other"), Subresource: pick("sub", "", "log"), Name: pick("name", "", "a", "c"),
		Namespace: pick("namespace", "", "n", "m")}
}

func index(t rapid.TB, s k8srbac.State) *k8srbac.Index {
	x, err := k8srbac.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestMoreNeverAllowsLess: another binding, rule, group or a wider namespace
// takes nothing away.
func TestMoreNeverAllowsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		w, a := drawQuestion(t)
		if _, ok := index(t, s).Can(w, &a); !ok {
			return
		}
		more := k8srbac.State{Roles: slices.Clone(s.Roles), Bindings: append(slices.Clone(s.Bindings), drawBinding(t, s.Roles, "more"))}
		for i := range more.Roles {
			more.Roles[i].Rules = append(slices.Clone(more.Roles[i].Rules), drawRule(t))
		}
		w.Groups = append(slices.Clone(w.Groups), "more")
		if _, ok := index(t, more).Can(w, &a); !ok {
			t.Fatalf("%v %v was allowed before", w, a)
		}
	})
}

// TestAnswersAgree: WhoCan, Every, Grants, RulesFor and Decide say what Can
// says.
func TestAnswersAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := index(t, drawState(t))
		w, a := drawQuestion(t)
		_, ok := x.Can(w, &a)
		if got := len(x.Every(w, &a)) > 0; got != ok {
			t.Fatalf("Every says %v", got)
		}
		d := x.Decide(w, &a)
		if got := d.Outcome == access.Allowed; got != ok || len(d.Because) == 0 {
			t.Fatalf("Decide says %+v", d)
		}
		holds := slices.ContainsFunc(x.WhoCan(&a), func(h k8srbac.Holder) bool {
			return h.Subject.Kind == k8srbac.Group && slices.Contains(w.Groups, h.Subject.Name) || h.Subject.Kind != k8srbac.Group && h.Subject.UserName() == w.User
		})
		if holds != ok {
			t.Fatalf("WhoCan says %v: %+v", holds, x.WhoCan(&a))
		}
		one := k8srbac.Rule{Verbs: []string{a.Verb}, NonResourceURLs: []string{a.Path}}
		if a.Path == "" {
			one = k8srbac.Rule{Verbs: []string{a.Verb}, APIGroups: []string{a.APIGroup}, Resources: []string{a.Resource}}
			if a.Subresource != "" {
				one.Resources[0] += "/" + a.Subresource
			}
			if a.Name != "" {
				one.ResourceNames = []string{a.Name}
			}
		}
		covered, _, err := k8srbac.Covers(x.RulesFor(w, a.Namespace), []k8srbac.Rule{one})
		if err != nil || ok != covered && a.Name != "" || covered && !ok {
			t.Fatalf("RulesFor covers: %v %v", covered, err)
		}
	})
}

// TestCoversIsAnOrder: a role covers itself, and what it covers covers less.
func TestCoversIsAnOrder(t *testing.T) {
	rules := rapid.SliceOfN(rapid.Custom(drawRule), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rules.Draw(t, "a"), rules.Draw(t, "b"), rules.Draw(t, "c")
		covers := func(o, s []k8srbac.Rule) bool {
			ok, _, err := k8srbac.Covers(o, s)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if !covers(a, a) || !covers(append(slices.Clone(a), b...), a) {
			t.Fatal("a role does not cover itself or a part of it")
		}
		if covers(a, b) && covers(b, c) && !covers(a, c) {
			t.Fatal("not transitive")
		}
	})
}

// TestHostileStates: roles and questions that are made to be slow end soon or
// are refused.
func TestHostileStates(t *testing.T) {
	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprint("w", i)
	}
	rule := k8srbac.Rule{Verbs: many, APIGroups: many, Resources: many, ResourceNames: many}
	start := time.Now()
	_, _, err := k8srbac.Covers([]k8srbac.Rule{{Verbs: many, APIGroups: many, Resources: many[:1500]}, {Verbs: many, APIGroups: many, Resources: many[1500:]}}, []k8srbac.Rule{rule})
	if !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("81e12 permissions: %v", err)
	}
	url := strings.Repeat("/*", 100_000)
	s := k8srbac.State{Roles: []k8srbac.Role{{Name: "r", Rules: []k8srbac.Rule{rule, {Verbs: []string{"*"}, NonResourceURLs: []string{url, url + "*"}}}}}}
	for i := range 20_000 {
		s.Bindings = append(s.Bindings, k8srbac.Binding{Name: fmt.Sprint(i), RoleName: "r", Subjects: []k8srbac.Subject{{Kind: k8srbac.Group, Name: "g"}}})
	}
	x := index(t, s)
	who := k8srbac.Who{User: "u", Groups: []string{"g"}}
	for range 20 {
		if _, ok := x.Can(who, &k8srbac.Attributes{Verb: "w1", APIGroup: "w2", Resource: "w3", Name: "absent"}); ok {
			t.Error("allowed by another name")
		}
		x.Can(who, &k8srbac.Attributes{Verb: "w1", Path: url})
	}
	if d := x.Decide(who, &k8srbac.Attributes{Verb: "w1", APIGroup: "w2", Resource: "w3", Name: "w4"}); len(d.Because) > 50 || len(d.Because[0].Text) > 5000 {
		t.Errorf("%d reasons, the first of %d bytes", len(d.Because), len(d.Because[0].Text))
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzParseCase(f *testing.F) {
	f.Add([]byte(`{"user":"u","groups":["g"],"verb":"get","apiGroup":"","resource":"pods","subresource":"log","name":"x","namespace":"n","allowed":true}`))
	f.Add([]byte(`{"user":"u","verb":"get","nonResourceURL":"/x"}`))
	f.Add([]byte(`{"user":"u","verb":"get","path":""}`))
	x, err := k8srbac.New(k8srbac.State{Roles: []k8srbac.Role{{Name: "r", Rules: []k8srbac.Rule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*/log", "pods"}}}}},
		Bindings: []k8srbac.Binding{{Name: "b", RoleName: "r", Subjects: []k8srbac.Subject{{Kind: k8srbac.User, Name: "u"}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := k8srbac.ParseCase(line)
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		d := c.Decide(x)
		_, ok := x.Can(c.Who, &c.Asks)
		if ok != (d.Outcome == access.Allowed) || len(d.Because) == 0 {
			t.Fatalf("%v and %+v", ok, d)
		}
	})
}

func FuzzParseRules(f *testing.F) {
	f.Add(`[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := k8srbac.ParseRules(text)
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		b, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := k8srbac.ParseRules(string(b)); err != nil || len(again) != len(rules) {
			t.Fatalf("%s: %v", b, err)
		}
		if _, err := k8srbac.New(k8srbac.State{Roles: []k8srbac.Role{{Name: "r", Rules: rules}}}); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkCan(b *testing.B) {
	x, cases := sampleIndex(b), sampleCases(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := &cases[i%len(cases)]
		x.Can(c.Who, &c.Asks)
	}
}

func BenchmarkNew(b *testing.B) {
	s := sampleState(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k8srbac.New(s); err != nil {
			b.Fatal(err)
		}
	}
}
