package peers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/component-helpers/auth/rbac/validation"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"

	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

// cluster is a state as the authorizer reads it: by name and by namespace, as
// its informers do.
type cluster struct {
	roles           map[string]*rbacv1.Role
	clusterRoles    map[string]*rbacv1.ClusterRole
	bindings        map[string][]*rbacv1.RoleBinding
	clusterBindings []*rbacv1.ClusterRoleBinding
}

var errNone = errors.New("not found")

func (c *cluster) GetRole(_ context.Context, namespace, name string) (*rbacv1.Role, error) {
	if r := c.roles[namespace+"/"+name]; r != nil {
		return r, nil
	}
	return nil, errNone
}

func (c *cluster) GetClusterRole(_ context.Context, name string) (*rbacv1.ClusterRole, error) {
	if r := c.clusterRoles[name]; r != nil {
		return r, nil
	}
	return nil, errNone
}

func (c *cluster) ListRoleBindings(_ context.Context, namespace string) ([]*rbacv1.RoleBinding, error) {
	return c.bindings[namespace], nil
}

func (c *cluster) ListClusterRoleBindings(context.Context) ([]*rbacv1.ClusterRoleBinding, error) {
	return c.clusterBindings, nil
}

func (c *cluster) authorizer() *rbac.RBACAuthorizer { return rbac.New(c, c, c, c) }

// realCluster turns a state into the authorizer's objects.
func realCluster(s k8srbac.State) *cluster {
	c := &cluster{roles: map[string]*rbacv1.Role{}, clusterRoles: map[string]*rbacv1.ClusterRole{}, bindings: map[string][]*rbacv1.RoleBinding{}}
	for _, r := range s.Roles {
		if r.Namespace == "" {
			c.clusterRoles[r.Name] = &rbacv1.ClusterRole{Rules: realRules(r.Rules)}
			continue
		}
		c.roles[r.Namespace+"/"+r.Name] = &rbacv1.Role{Rules: realRules(r.Rules)}
	}
	for _, b := range s.Bindings {
		meta := metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name}
		ref := rbacv1.RoleRef{Kind: "ClusterRole", Name: b.RoleName}
		if b.RoleNamespace != "" {
			ref.Kind = "Role"
		}
		var subjects []rbacv1.Subject
		for _, s := range b.Subjects {
			subjects = append(subjects, rbacv1.Subject{Kind: string(s.Kind), Namespace: s.Namespace, Name: s.Name})
		}
		if b.Namespace == "" {
			c.clusterBindings = append(c.clusterBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects})
			continue
		}
		c.bindings[b.Namespace] = append(c.bindings[b.Namespace], &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects})
	}
	return c
}

func realRules(rules []k8srbac.Rule) []rbacv1.PolicyRule {
	out := make([]rbacv1.PolicyRule, len(rules))
	for i, r := range rules {
		out[i] = rbacv1.PolicyRule(r)
	}
	return out
}

func realAttributes(w k8srbac.Who, a *k8srbac.Attributes) *authorizer.AttributesRecord {
	return &authorizer.AttributesRecord{User: &user.DefaultInfo{Name: w.User, Groups: w.Groups}, Verb: a.Verb, APIGroup: a.APIGroup,
		Resource: a.Resource, Subresource: a.Subresource, Name: a.Name, Namespace: a.Namespace, Path: a.Path, ResourceRequest: a.Path == ""}
}

// draw makes random states and questions over few words, so that they meet.
type draw struct{ *rand.Rand }

func (d draw) one(list ...string) string { return list[d.IntN(len(list))] }

func (d draw) some(atMost int, list ...string) []string {
	var out []string
	n := 1 + d.IntN(atMost)
	if d.IntN(12) == 0 {
		n = 0
	}
	for range n {
		out = append(out, d.one(list...))
	}
	return out
}

func (d draw) rule() k8srbac.Rule {
	r := k8srbac.Rule{Verbs: d.some(3, "get", "list", "create", "patch", "bind", "escalate", "impersonate", "*")}
	if d.IntN(6) == 0 {
		r.NonResourceURLs = d.some(2, "*", "/", "/healthz", "/healthz/*", "/api*", "/api**", "*/x", "")
		return r
	}
	r.APIGroups = d.some(2, "", "apps", "batch", "*")
	r.Resources = d.some(3, "pods", "secrets", "pods/log", "pods/*", "*/scale", "*/log", "*", "deployments", "deployments/scale", "*/", "*/*", "a/b/c")
	r.ResourceNames = append(d.some(1, "x"), d.some(1, "y", "*", "")...)
	if d.IntN(2) == 0 {
		r.ResourceNames = nil
	}
	return r
}

func (d draw) subject() k8srbac.Subject {
	s := k8srbac.Subject{Kind: k8srbac.SubjectKind(d.one("User", "Group", "ServiceAccount", "Other")), Name: d.one("a", "b", "c", "system:serviceaccount:n1:a", "")}
	if s.Kind == k8srbac.ServiceAccount {
		s.Namespace = d.one("n1", "n2", "")
	}
	return s
}

func (d draw) state() k8srbac.State {
	var s k8srbac.State
	for i := range 8 {
		r := k8srbac.Role{Namespace: d.one("", "", "n1", "n2"), Name: fmt.Sprint("r", i)}
		for range d.IntN(6) {
			r.Rules = append(r.Rules, d.rule())
		}
		s.Roles = append(s.Roles, r)
	}
	for i := range 30 {
		role := s.Roles[d.IntN(len(s.Roles))]
		b := k8srbac.Binding{Namespace: d.one("", "n1", "n2"), Name: fmt.Sprint("b", i), RoleName: role.Name, RoleNamespace: role.Namespace}
		if b.RoleNamespace != "" {
			b.RoleNamespace = b.Namespace // as the name of a Role is read; it may not be there
		}
		for range 1 + d.IntN(4) {
			sub := d.subject()
			if sub.Kind == k8srbac.ServiceAccount && sub.Namespace == "" {
				sub.Namespace = b.Namespace
			}
			b.Subjects = append(b.Subjects, sub)
		}
		s.Bindings = append(s.Bindings, b)
	}
	return s
}

func (d draw) question() (k8srbac.Who, k8srbac.Attributes) {
	w := k8srbac.Who{User: d.one("a", "b", "c", "system:serviceaccount:n1:a", "system:serviceaccount:n2:b", "system:serviceaccount::a", ""), Groups: d.some(2, "a", "b", "c", "d")}
	a := k8srbac.Attributes{Verb: d.one("get", "list", "create", "delete", "bind", "*", ""), Namespace: d.one("", "n1", "n2", "n3")}
	if d.IntN(6) == 0 {
		a.Namespace, a.Path = "", d.one("/", "/healthz", "/healthz/ping", "/api", "/apis", "x", "/x")
		return w, a
	}
	a.APIGroup, a.Resource = d.one("", "apps", "batch", "*", "other"), d.one("pods", "secrets", "deployments", "pods/log", "other", "*", "a", "")
	a.Subresource, a.Name = d.one("", "", "log", "scale", "*", "b/c", "other"), d.one("", "x", "y", "z", "*")
	return w, a
}

// TestRandomStates compares with the authorizer on random states and questions.
func TestRandomStates(t *testing.T) {
	d := draw{rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same draws again
	yes, asked := 0, 0
	for range 3000 {
		s := d.state()
		real := realCluster(s).authorizer()
		x, err := k8srbac.New(s)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			w, a := d.question()
			decision, reason, _ := real.Authorize(t.Context(), realAttributes(w, &a))
			_, ok := x.Can(w, &a)
			asked++
			if ok {
				yes++
			}
			if ok != (decision == authorizer.DecisionAllow) {
				t.Fatalf("%+v %+v: %v, the authorizer says %v (%s)\n%+v", w, a, ok, decision, reason, s)
			}
		}
	}
	if yes < asked/50 {
		t.Errorf("only %d of %d were yes", yes, asked)
	}
	t.Logf("%d questions, %d yes", asked, yes)
}

// TestRandomCovers compares with the library that the server's escalation
// checks use.
func TestRandomCovers(t *testing.T) {
	d := draw{rand.New(rand.NewPCG(3, 4))} //nolint:gosec // the same draws again
	yes := 0
	const pairs = 60_000
	for range pairs {
		var owner, servant []k8srbac.Rule
		for range d.IntN(4) {
			owner = append(owner, d.rule())
		}
		for range 1 + d.IntN(2) {
			servant = append(servant, d.rule())
		}
		want, _ := validation.Covers(realRules(owner), realRules(servant))
		got, missing, err := k8srbac.Covers(owner, servant)
		if err != nil || got != want || got != (missing == nil) {
			t.Fatalf("%+v covers %+v: %v %v, the library says %v", owner, servant, got, err, want)
		}
		if got {
			yes++
		}
	}
	t.Logf("%d pairs, %d covered", pairs, yes)
}

// sampleRoot is the folder of the sample data.
func sampleRoot(t testing.TB) string {
	t.Helper()
	root := os.Getenv("RETINUE_TESTDATA")
	if root == "" {
		root = "../../../../shared/data"
	}
	if _, err := os.Stat(root); err != nil {
		if os.Getenv("RETINUE_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("no sample data")
	}
	return filepath.Join(root, "access", "kubernetes")
}

func sampleState(t testing.TB) k8srbac.State {
	t.Helper()
	dir := filepath.Join(sampleRoot(t), "cluster")
	var s k8srbac.State
	for _, name := range []string{"clusterroles", "roles", "clusterrolebindings", "rolebindings"} {
		b, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Items []struct {
				Metadata struct{ Name, Namespace string }
				Rules    []k8srbac.Rule
				RoleRef  struct{ Kind, Name string }
				Subjects []k8srbac.Subject
			}
		}
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
			s.Bindings = append(s.Bindings, b)
		}
	}
	return s
}

func sampleCases(t testing.TB) []k8srbac.Case {
	t.Helper()
	f, err := os.Open(filepath.Join(sampleRoot(t), "check-samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []k8srbac.Case
	in := bufio.NewScanner(f)
	for in.Scan() {
		c, err := k8srbac.ParseCase(in.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// BenchmarkAuthorizer is the real authorizer on the sample cluster.
func BenchmarkAuthorizer(b *testing.B) {
	s, cases := sampleState(b), sampleCases(b)
	real := realCluster(s).authorizer()
	records := make([]*authorizer.AttributesRecord, len(cases))
	for i := range cases {
		records[i] = realAttributes(cases[i].Who, &cases[i].Asks)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _, _ = real.Authorize(b.Context(), records[i%len(records)])
	}
}

// BenchmarkIndex is ours on the same, with Why the whole reason of each answer.
func BenchmarkIndex(b *testing.B) {
	s, cases := sampleState(b), sampleCases(b)
	x, err := k8srbac.New(s)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Can", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c := &cases[i%len(cases)]
			x.Can(c.Who, &c.Asks)
		}
	})
	b.Run("Why", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			cases[i%len(cases)].Decide(x)
		}
	})
}
