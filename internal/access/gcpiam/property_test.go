package gcpiam

import (
	"encoding/json"
	"fmt"
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

func genMember(t *rapid.T) string {
	return rapid.SampledFrom([]string{alice, "user:bob@example.com", robot, "group:team@example.com", "group:inner@example.com", "group:elsewhere@example.com",
		"allUsers", "allAuthenticatedUsers", "domain:example.com", "projectOwner:pay", "principalSet://" + pool + "/*",
		"principalSet://" + pool + "/attribute.a/b", "deleted:" + alice + "?uid=1", "nonsense"}).Draw(t, "member")
}

func genPolicy(t *rapid.T) AllowPolicy {
	at := rapid.SampledFrom([]string{"organizations/1", "folders/2", "projects/pay", "projects/lone", "//storage.googleapis.com/b"}).Draw(t, "at")
	role := rapid.SampledFrom([]string{viewer, "roles/owner", "roles/iam.serviceAccountTokenCreator", "roles/none", "projects/pay/roles/off"}).Draw(t, "role")
	condition := rapid.SampledFrom([]string{"", "", "true", "false", `request.time < timestamp("2027-01-01T00:00:00Z")`, `resource.type == "storage.googleapis.com/Object"`, "bad ("}).Draw(t, "condition")
	return bind(at, role, condition, rapid.SliceOfN(rapid.Custom(genMember), 1, 3).Draw(t, "members")...)
}

func genDeny(t *rapid.T) DenyPolicy {
	r := DenyRule{DeniedPrincipals: rapid.SliceOfN(rapid.Custom(genMember), 1, 2).Draw(t, "denied"),
		ExceptionPrincipals: rapid.SliceOfN(rapid.Custom(genMember), 0, 1).Draw(t, "excepted"),
		DeniedPermissions:   []string{rapid.SampledFrom([]string{"storage.googleapis.com/objects.get", "storage.googleapis.com/*.*", "iam.googleapis.com/roles.update"}).Draw(t, "permission")}}
	if c := rapid.SampledFrom([]string{"", "true", "false", "request.auth.claims.a == 'b'"}).Draw(t, "condition"); c != "" {
		r.DenialCondition = &Expr{Expression: c}
	}
	return DenyPolicy{Name: "d", Resource: rapid.SampledFrom([]string{"organizations/1", "projects/pay", "projects/lone"}).Draw(t, "at"), Rules: []DenyRule{r}}
}

func genQuestion(t *rapid.T) Question {
	return Question{
		Principal:  Principal{ID: rapid.SampledFrom([]string{alice, "user:bob@example.com", robot, "allUsers", "principal://" + pool + "/subject/s"}).Draw(t, "who")},
		Permission: rapid.SampledFrom([]string{"storage.objects.get", "storage.objects.list", "iam.roles.update", "no.such.permission"}).Draw(t, "permission"),
		Resource:   rapid.SampledFrom([]string{object, "projects/pay", "projects/lone", "//storage.googleapis.com/projects/_/buckets/x"}).Draw(t, "resource"),
		Open:       rapid.Bool().Draw(t, "open"),
	}
}

func decideOn(t *rapid.T, s State, q Question) access.Decision {
	x, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return x.Decide(q)
}

// TestDenyNeverAllowsMore: a further deny policy never makes an answer allow
// more.
func TestDenyNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := world()
		s.Policies = rapid.SliceOfN(rapid.Custom(genPolicy), 0, 4).Draw(t, "policies")
		s.Denies = rapid.SliceOfN(rapid.Custom(genDeny), 0, 2).Draw(t, "denies")
		q := genQuestion(t)
		before := decideOn(t, s, q)
		s.Denies = append(s.Denies, genDeny(t))
		if after := decideOn(t, s, q); rank(after.Outcome) > rank(before.Outcome) {
			t.Fatalf("%s became %s", before.Outcome, after.Outcome)
		}
	})
}

// TestUnionIsMonotone: a further allow policy never takes anything away.
func TestUnionIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := world()
		s.Policies = rapid.SliceOfN(rapid.Custom(genPolicy), 0, 4).Draw(t, "policies")
		s.Denies = rapid.SliceOfN(rapid.Custom(genDeny), 0, 2).Draw(t, "denies")
		q := genQuestion(t)
		before := decideOn(t, s, q)
		s.Policies = append(s.Policies, genPolicy(t))
		if after := decideOn(t, s, q); rank(after.Outcome) < rank(before.Outcome) {
			t.Fatalf("%s became %s", before.Outcome, after.Outcome)
		}
	})
}

// TestKnowingMoreDecides: a definite yes or no of an open question stays one
// when more of its context is known; only the sort of no may change.
func TestKnowingMoreDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := world()
		s.Policies = rapid.SliceOfN(rapid.Custom(genPolicy), 0, 4).Draw(t, "policies")
		s.Denies = rapid.SliceOfN(rapid.Custom(genDeny), 0, 2).Draw(t, "denies")
		q := genQuestion(t)
		q.Open = true
		before := decideOn(t, s, q)
		q.Context = map[string]any{"request.time": "2026-01-01T00:00:00Z", "request.auth.claims": map[string]any{"a": "b"}}
		after := decideOn(t, s, q)
		if rank(before.Outcome) != 2 && rank(before.Outcome) != rank(after.Outcome) {
			t.Fatalf("%s became %s", before.Outcome, after.Outcome)
		}
	})
}

func FuzzParseCase(f *testing.F) {
	f.Add([]byte(`{"id":1,"principal":"user:a@b","permission":"a.b.c","resource":"projects/p","allowPolicies":[{"resource":"projects/p","policy":{"bindings":[{"role":"r","members":["user:a@b"]}]}}],"roles":[{"name":"r","includedPermissions":["a.b.c"]}]}`))
	f.Add([]byte(`{"principal":"x","permission":"y","resource":"//s/projects/p/a/b","denyPolicies":[{"policy":{"name":"policies/x%2Fy/denypolicies/z","rules":[{"denyRule":{}}]}}]}`))
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

func FuzzDocument(f *testing.F) {
	f.Add(`{"bindings":[{"role":"roles/owner","members":["user:a@b"],"condition":{"expression":"true"}}]}`, "projects/p")
	f.Add(`{"rules":[{"denyRule":{"deniedPrincipals":["principalSet://goog/public:all"],"deniedPermissions":["a/b.c"]}}]}`, "projects/p")
	f.Fuzz(func(t *testing.T, text, target string) {
		var s State
		if err := s.AddDocument(Document{Name: "d", Text: text, Target: target}); err != nil {
			return
		}
		if x, err := New(s); err == nil {
			x.Decide(Question{Principal: Principal{ID: "user:a@b"}, Permission: "a.b.c", Resource: target, Open: true})
		}
	})
}

func FuzzMember(f *testing.F) {
	for _, s := range []string{"user:a@b", "principalSet://" + pool + "/attribute.a/b", "serviceAccount:p.svc.id.goog[a/b]", "principal://iam.googleapis.com/x/subject/"} {
		f.Add(s)
	}
	x, err := New(world())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := parseMember(text)
		if m.key == "" && text != "" && m.kind != memberOther {
			t.Errorf("%q: no key", text)
		}
		x.is(x.resolve(Principal{ID: text}), &m)
	})
}

// large is a state of n projects with 50 bindings each.
func large(n int) State {
	s := world()
	for i := range n {
		project := fmt.Sprintf("projects/p%d", i)
		s.Resources = append(s.Resources, Resource{Name: project, Parent: "folders/2"})
		p := AllowPolicy{Resource: project}
		for j := range 50 {
			b := Binding{Role: viewer, Members: []string{fmt.Sprintf("user:u%d@example.com", j), fmt.Sprintf("serviceAccount:s%d@p%d.iam.gserviceaccount.com", j, i)}}
			if j%10 == 0 {
				b.Condition = &Expr{Expression: `resource.name.startsWith("projects/_/buckets/b")`}
			}
			p.Bindings = append(p.Bindings, b)
		}
		s.Policies = append(s.Policies, p)
	}
	return s
}

func BenchmarkDecide(b *testing.B) {
	x := index(b, large(1000))
	q := Question{Principal: Principal{ID: "user:u40@example.com"}, Permission: "storage.objects.get", Resource: "//pubsub.googleapis.com/projects/p7/topics/t", Open: true}
	b.ReportAllocs()
	for b.Loop() {
		if d := x.Decide(q); d.Outcome != access.Conditional && d.Outcome != access.ImplicitlyDenied && d.Outcome != access.Allowed {
			b.Fatal(d)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	s := large(1000)
	b.ReportAllocs()
	for b.Loop() {
		index(b, s)
	}
}

func BenchmarkCase(b *testing.B) {
	x := index(b, large(100))
	line, _ := json.Marshal(map[string]any{"id": 1, "principal": "user:u40@example.com", "permission": "storage.objects.get", "resource": "//pubsub.googleapis.com/projects/p7/topics/t"})
	b.ReportAllocs()
	for b.Loop() {
		c, err := ParseCase(line)
		if err != nil {
			b.Fatal(err)
		}
		c.Decide(x)
	}
}
