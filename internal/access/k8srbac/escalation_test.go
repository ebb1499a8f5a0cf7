package k8srbac_test

import (
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

// TestEscalationChecks: the verbs escalate, bind and impersonate, and the rule
// that nobody gives what they do not hold.
func TestEscalationChecks(t *testing.T) {
	pods := k8srbac.Rule{Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{"pods"}}
	rbac := func(verb, resource string, names ...string) k8srbac.Rule {
		return k8srbac.Rule{Verbs: []string{verb}, APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{resource}, ResourceNames: names}
	}
	admin := k8srbac.Role{Name: "admin", Rules: []k8srbac.Rule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}}
	s := k8srbac.State{Roles: []k8srbac.Role{admin,
		{Name: "reader", Rules: []k8srbac.Rule{pods}},
		{Namespace: "n", Name: "binder", Rules: []k8srbac.Rule{rbac("bind", "clusterroles", "admin")}},
		{Name: "escalator", Rules: []k8srbac.Rule{rbac("escalate", "roles")}},
		{Name: "actor", Rules: []k8srbac.Rule{{Verbs: []string{"impersonate"}, APIGroups: []string{""}, Resources: []string{"users", "serviceaccounts"}, ResourceNames: []string{"boss"}}}}},
		Bindings: []k8srbac.Binding{
			{Name: "1", RoleName: "reader", Subjects: []k8srbac.Subject{{Kind: k8srbac.ServiceAccount, Namespace: "n", Name: "s"}}},
			{Namespace: "n", Name: "2", RoleName: "binder", RoleNamespace: "n", Subjects: []k8srbac.Subject{{Kind: k8srbac.User, Name: "b"}}},
			{Name: "3", RoleName: "escalator", Subjects: []k8srbac.Subject{{Kind: k8srbac.User, Name: "e"}}},
			{Name: "4", RoleName: "actor", Subjects: []k8srbac.Subject{{Kind: k8srbac.Group, Name: "system:serviceaccounts:n"}}}}}
	x := index(t, s)
	account, b, e := k8srbac.Account("n", "s"), k8srbac.Who{User: "b"}, k8srbac.Who{User: "e"}
	one := k8srbac.Rule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"x"}}
	for _, c := range []struct {
		name string
		got  access.Decision
		want bool
	}{
		{"a role within what is held", x.MayWriteRules(account, "n", "new", []k8srbac.Rule{one}), true},
		{"a role beyond what is held", x.MayWriteRules(account, "n", "new", admin.Rules), false},
		{"escalate", x.MayWriteRules(e, "n", "new", admin.Rules), true},
		{"escalate roles is not escalate clusterroles", x.MayWriteRules(e, "", "new", admin.Rules), false},
		{"bind what is held", x.MayBind(account, "m", &s.Roles[1]), true},
		{"bind by name in the namespace", x.MayBind(b, "n", &s.Roles[0]), true},
		{"not in another namespace", x.MayBind(b, "m", &s.Roles[0]), false},
		{"not another role", x.MayBind(b, "n", &s.Roles[1]), false},
		{"impersonate a user", x.MayImpersonate(account, k8srbac.Subject{Kind: k8srbac.User, Name: "boss"}), true},
		{"impersonate an account", x.MayImpersonate(account, k8srbac.Subject{Kind: k8srbac.ServiceAccount, Namespace: "m", Name: "boss"}), true},
		{"not a group", x.MayImpersonate(account, k8srbac.Subject{Kind: k8srbac.Group, Name: "boss"}), false},
		{"not another user", x.MayImpersonate(account, k8srbac.Subject{Kind: k8srbac.User, Name: "king"}), false},
		{"system:masters", x.MayBind(k8srbac.Who{Groups: []string{"system:masters"}}, "", &s.Roles[0]), true},
	} {
		if (c.got.Outcome == access.Allowed) != c.want || len(c.got.Because) == 0 {
			t.Errorf("%s: %+v", c.name, c.got)
		}
	}
	grants := x.Grants(account)
	if len(grants) != 2 || grants[0].String() != "may get, list on pods in the whole cluster, by ClusterRoleBinding 1" || grants[1].Through != "system:serviceaccounts:n" {
		t.Errorf("grants: %+v", grants)
	}
}

// TestCollector builds a state from facts as the connector states them.
func TestCollector(t *testing.T) {
	realm := retinue.NewRealm("kubernetes", "x")
	ref := func(kind, key string) retinue.Ref { return retinue.NewRef(realm, kind, key) }
	var c k8srbac.Collector
	for _, f := range []retinue.Fact{
		retinue.Policy{Ref: ref("cluster_role", "reader"), Language: retinue.LanguageK8sRBAC, Document: `[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]`},
		retinue.Policy{Ref: ref("cluster_role", "reader"), Language: retinue.LanguageK8sRBAC, Document: `[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]`},
		retinue.Policy{Ref: ref("role", "n/own"), Language: retinue.LanguageK8sRBAC, Document: `[{"verbs":["list"],"apiGroups":[""],"resources":["pods"]}]`},
		retinue.Attachment{Policy: ref("cluster_role", "reader"), Target: ref("service_account", "n/s"), Role: retinue.AttachIdentity, Within: ref("namespace", "n"), Via: ref("role_binding", "n/b")},
		retinue.Attachment{Policy: ref("role", "n/own"), Target: ref("group", "g"), Role: retinue.AttachGroup, Within: ref("namespace", "n"), Via: ref("role_binding", "n/c")},
		retinue.Attachment{Policy: ref("cluster_role", "reader"), Target: ref("user", "u"), Role: retinue.AttachIdentity, Via: ref("cluster_role_binding", "d")},
		retinue.Attachment{Policy: ref("cluster_role", "reader"), Target: ref("user", "u"), Role: retinue.AttachIdentity, Via: ref("cluster_role_binding", "d")},
		retinue.Attachment{Policy: ref("other", "x"), Target: ref("user", "u"), Role: retinue.AttachIdentity},
	} {
		if err := c.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	s := c.State()
	if len(s.Roles) != 2 || len(s.Bindings) != 3 || len(s.Bindings[2].Subjects) != 1 {
		t.Fatalf("%+v", s)
	}
	x := index(t, s)
	for _, q := range []struct {
		who             k8srbac.Who
		verb, namespace string
		want            bool
	}{
		{k8srbac.Account("n", "s"), "get", "n", true}, {k8srbac.Account("n", "s"), "get", "m", false},
		{k8srbac.Who{User: "x", Groups: []string{"g"}}, "list", "n", true}, {k8srbac.Who{User: "u"}, "get", "m", true}, {k8srbac.Who{User: "u"}, "delete", "m", false},
	} {
		by, ok := x.Can(q.who, &k8srbac.Attributes{Verb: q.verb, Resource: "pods", Namespace: q.namespace})
		if ok != q.want {
			t.Errorf("%+v: %v", q, ok)
		}
		if ok && by.Binding.Title() == "" {
			t.Error("no binding")
		}
	}
	if err := c.Add(retinue.Policy{Ref: ref("cluster_role", "bad"), Language: retinue.LanguageK8sRBAC, Document: `{`}); err == nil {
		t.Error("a document that is no list was taken")
	}
}
