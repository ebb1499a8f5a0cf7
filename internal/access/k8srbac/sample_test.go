package k8srbac_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
	"github.com/retinue-id/retinue/internal/testkit"
)

// object is what the test needs of RBAC objects as kubectl prints them. The
// command reads them through the connector; here the engine is by itself.
type object struct {
	Metadata struct{ Name, Namespace string }
	Rules    []k8srbac.Rule
	RoleRef  struct{ Kind, Name string }
	Subjects []k8srbac.Subject
}

func sampleState(t testing.TB) k8srbac.State {
	t.Helper()
	var s k8srbac.State
	dir := testkit.Data(t, "access", "kubernetes", "cluster")
	for _, name := range []string{"clusterroles", "roles", "clusterrolebindings", "rolebindings"} {
		b, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Items []object }
		if err := json.Unmarshal(b, &list); err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			ns := o.Metadata.Namespace
			if o.RoleRef.Name == "" {
				s.Roles = append(s.Roles, k8srbac.Role{Namespace: ns, Name: o.Metadata.Name, Rules: o.Rules})
				continue
			}
			b := k8srbac.Binding{Namespace: ns, Name: o.Metadata.Name, RoleName: o.RoleRef.Name, Subjects: o.Subjects}
			if o.RoleRef.Kind == "Role" {
				b.RoleNamespace = ns
			}
			for i, s := range b.Subjects {
				if s.Kind == k8srbac.ServiceAccount && s.Namespace == "" {
					b.Subjects[i].Namespace = ns
				}
			}
			s.Bindings = append(s.Bindings, b)
		}
	}
	return s
}

func sampleIndex(t testing.TB) *k8srbac.Index {
	t.Helper()
	x, err := k8srbac.New(sampleState(t))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

type sample struct {
	k8srbac.Case
	allowed bool
}

func sampleCases(t testing.TB) []sample {
	t.Helper()
	f, err := os.Open(testkit.Data(t, "access", "kubernetes", "check-samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []sample
	in := bufio.NewScanner(f)
	for in.Scan() {
		c, err := k8srbac.ParseCase(in.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var want struct{ Allowed bool }
		if err := json.Unmarshal(in.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		out = append(out, sample{c, want.Allowed})
	}
	if in.Err() != nil || len(out) == 0 {
		t.Fatalf("%d cases: %v", len(out), in.Err())
	}
	return out
}

// TestSamples compares with the answers of the real authorizer.
func TestSamples(t *testing.T) {
	x := sampleIndex(t)
	yes := 0
	for i, c := range sampleCases(t) {
		d := c.Decide(x)
		if (d.Outcome == access.Allowed) != c.allowed || d.Outcome == access.Unknown || len(d.Because) == 0 {
			t.Errorf("line %d: %s %v: %s: %+v, the authorizer says %v", i+1, c.Who.User, c.Who.Groups, c.Asks.String(), d, c.allowed)
		}
		by, ok := x.Can(c.Who, &c.Asks)
		if ok != c.allowed || ok && by.Binding != nil && by.Role == nil {
			t.Errorf("line %d: Can says %v", i+1, ok)
		}
		if ok {
			yes++
		}
	}
	if yes < 100 {
		t.Errorf("only %d answers were yes", yes)
	}
}

// TestCoversSamples compares with the answers of the real library.
func TestCoversSamples(t *testing.T) {
	s := sampleState(t)
	b, err := os.ReadFile(testkit.Data(t, "access", "kubernetes", "covers-samples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	name := func(r *k8srbac.Role) string {
		if r.Namespace == "" {
			return "ClusterRole/" + r.Name
		}
		return "Role/" + r.Namespace + "/" + r.Name
	}
	asked := 0
	for i := range s.Roles {
		list, ok := want[name(&s.Roles[i])]
		if !ok {
			continue
		}
		for j := range s.Roles {
			if i == j || len(s.Roles[j].Rules) == 0 {
				continue // the samples leave out roles without rules, which anything covers
			}
			ok, missing, err := k8srbac.Covers(s.Roles[i].Rules, s.Roles[j].Rules)
			if err != nil {
				t.Fatal(err)
			}
			asked++
			if ok != slices.Contains(list, name(&s.Roles[j])) || ok != (missing == nil) {
				t.Errorf("%s covers %s: %v, missing %v", name(&s.Roles[i]), name(&s.Roles[j]), ok, missing)
			}
		}
	}
	if asked < 1000 {
		t.Errorf("only %d pairs were asked", asked)
	}
}
