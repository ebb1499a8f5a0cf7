package gcpiam

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

const (
	pool  = "iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/github"
	alice = "user:alice@example.com"
	robot = "serviceAccount:robot@pay.iam.gserviceaccount.com"
)

// world is a small organisation: a folder, two projects, a bucket.
func world() State {
	return State{
		DenyRead: true, BoundariesRead: true,
		Resources: []Resource{
			{Name: "organizations/1"},
			{Name: "folders/2", Parent: "organizations/1"},
			{Name: "projects/pay", Aliases: []string{"projects/123"}, Parent: "folders/2", Tags: map[string]string{"1/env": "prod"}, TagsRead: true},
			{Name: "projects/lone", Root: true},
			{Name: "//storage.googleapis.com/projects/_/buckets/b", Parent: "projects/pay"},
		},
		Roles: []Role{
			{Name: "roles/storage.objectViewer", Permissions: []string{"storage.objects.get", "storage.objects.list"}},
			{Name: "roles/owner", Permissions: []string{"resourcemanager.projects.delete", "resourcemanager.projects.setIamPolicy", "storage.objects.get", "iam.roles.update"}},
			{Name: "roles/iam.serviceAccountTokenCreator", Permissions: []string{"iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.implicitDelegation"}},
			{Name: "projects/pay/roles/off", Stage: "DISABLED", Permissions: []string{"storage.objects.get"}},
			{Name: "projects/pay/roles/gone", Deleted: true, Permissions: []string{"storage.objects.get"}},
		},
		Groups: []Group{{Email: "team@example.com", Members: []string{"group:inner@example.com", robot}}, {Email: "inner@example.com", Members: []string{alice}}},
	}
}

func bind(resource, role string, condition string, members ...string) AllowPolicy {
	b := Binding{Role: role, Members: members}
	if condition != "" {
		b.Condition = &Expr{Expression: condition}
	}
	return AllowPolicy{Resource: resource, Bindings: []Binding{b}}
}

func index(t testing.TB, s State) *Index {
	t.Helper()
	x, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

const (
	viewer = "roles/storage.objectViewer"
	object = "//storage.googleapis.com/projects/_/buckets/b/objects/dir/f.txt"
)

// TestMembers follows the examples of Google's "Principal identifiers" (v1 and
// v2).
func TestMembers(t *testing.T) {
	for _, c := range []struct {
		member string
		who    Principal
		want   access.Outcome
	}{
		{alice, Principal{ID: "user:Alice@Example.com"}, access.Allowed},
		{"principal://goog/subject/alice@example.com", Principal{ID: alice}, access.Allowed},
		{alice, Principal{ID: "user:bob@example.com"}, access.ImplicitlyDenied},
		{"deleted:user:alice@example.com?uid=1", Principal{ID: alice}, access.ImplicitlyDenied},
		{alice, Principal{ID: "deleted:user:alice@example.com?uid=1"}, access.ImplicitlyDenied},
		{"group:inner@example.com", Principal{ID: alice}, access.Allowed},
		{"group:team@example.com", Principal{ID: alice}, access.Allowed}, // nested
		{"group:team@example.com", Principal{ID: "user:bob@example.com"}, access.ImplicitlyDenied},
		{"group:elsewhere@example.com", Principal{ID: alice}, access.Unknown},
		{"group:elsewhere@example.com", Principal{ID: alice, GroupsComplete: true}, access.ImplicitlyDenied},
		{"group:elsewhere@example.com", Principal{ID: alice, Groups: []string{"elsewhere@example.com"}}, access.Allowed},
		{"domain:example.com", Principal{ID: alice}, access.Allowed},
		{"domain:example.com", Principal{ID: robot}, access.ImplicitlyDenied},
		{"allUsers", Principal{ID: "allUsers"}, access.Allowed},
		{"allUsers", Principal{ID: "principal://" + pool + "/subject/s"}, access.Allowed},
		{"allAuthenticatedUsers", Principal{ID: robot}, access.Allowed},
		{"allAuthenticatedUsers", Principal{ID: "allUsers"}, access.ImplicitlyDenied},
		{"allAuthenticatedUsers", Principal{ID: "principal://" + pool + "/subject/s"}, access.ImplicitlyDenied},
		{"principal://" + pool + "/subject/repo:o/r:ref:refs/heads/main", Principal{ID: "principal://" + pool + "/subject/repo:o/r:ref:refs/heads/main"}, access.Allowed},
		{"principal://" + pool + "/subject/s", Principal{ID: "principal://" + pool + "/subject/S"}, access.ImplicitlyDenied},
		{"principalSet://" + pool + "/*", Principal{ID: "principal://" + pool + "/subject/s"}, access.Allowed},
		{"principalSet://" + pool + "2/*", Principal{ID: "principal://" + pool + "/subject/s"}, access.ImplicitlyDenied},
		{"principalSet://" + pool + "/attribute.repository/o/r", Principal{ID: "principal://" + pool + "/subject/s", Attributes: map[string][]string{"attribute.repository": {"o/r"}}}, access.Allowed},
		{"principalSet://" + pool + "/attribute.repository/o/r", Principal{ID: "principal://" + pool + "/subject/s", Attributes: map[string][]string{"attribute.repository": {"o/x"}}}, access.ImplicitlyDenied},
		{"principalSet://" + pool + "/attribute.repository/o/r", Principal{ID: "principal://" + pool + "/subject/s"}, access.Unknown},
		{"principalSet://" + pool + "/group/g", Principal{ID: "principal://" + pool + "/subject/s", Attributes: map[string][]string{"group": {"g", "h"}}}, access.Allowed},
		{"principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/admins", Principal{ID: "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/a@example.com", Attributes: map[string][]string{"group": {"admins"}}}, access.Allowed},
		{"principal://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pay.svc.id.goog/subject/ns/shop/sa/web", Principal{ID: "serviceAccount:pay.svc.id.goog[shop/web]"}, access.Allowed},
		{"serviceAccount:pay.svc.id.goog[shop/web]", Principal{ID: "serviceAccount:pay.svc.id.goog[shop/other]"}, access.ImplicitlyDenied},
		{"principalSet://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pay.svc.id.goog/namespace/shop", Principal{ID: "serviceAccount:pay.svc.id.goog[shop/web]"}, access.Allowed},
		{"principalSet://cloudresourcemanager.googleapis.com/projects/123/type/ServiceAccount", Principal{ID: robot}, access.Allowed},
		{"principalSet://cloudresourcemanager.googleapis.com/organizations/1", Principal{ID: robot}, access.Allowed},
		{"principalSet://cloudresourcemanager.googleapis.com/projects/lone", Principal{ID: robot}, access.ImplicitlyDenied},
		{"principalSet://cloudresourcemanager.googleapis.com/organizations/1", Principal{ID: "serviceAccount:x@elsewhere.iam.gserviceaccount.com"}, access.Unknown},
		{"something:new", Principal{ID: alice}, access.Unknown},
	} {
		s := world()
		s.Policies = []AllowPolicy{bind("projects/pay", viewer, "", c.member)}
		d := index(t, s).Decide(Question{Principal: c.who, Permission: "storage.objects.get", Resource: object})
		if d.Outcome != c.want {
			t.Errorf("member %s, %s: %s, want %s: %+v", c.member, c.who.ID, d.Outcome, c.want, d.Because)
		}
	}
}

// TestHierarchy: "Policy evaluation", inheritance of allow policies.
func TestHierarchy(t *testing.T) {
	for _, c := range []struct {
		at, role, resource string
		want               access.Outcome
	}{
		{"organizations/1", viewer, object, access.Allowed},
		{"folders/2", viewer, object, access.Allowed},
		{"projects/123", viewer, object, access.Allowed}, // by its number
		{"//storage.googleapis.com/b", viewer, object, access.Allowed},
		{"//cloudresourcemanager.googleapis.com/projects/pay", viewer, "projects/pay", access.Allowed},
		{object, viewer, "//storage.googleapis.com/projects/_/buckets/b", access.ImplicitlyDenied},
		{"projects/pay", viewer, "//storage.googleapis.com/projects/_/buckets/unknown", access.Unknown},
		{"projects/pay", viewer, "projects/lone", access.ImplicitlyDenied},
		{"projects/pay", viewer, "projects/nobody-knows", access.Unknown},
		{"projects/pay", "projects/pay/roles/off", object, access.ImplicitlyDenied},
		{"projects/pay", "projects/pay/roles/gone", object, access.ImplicitlyDenied},
		{"projects/pay", "roles/not.imported", object, access.Unknown},
		{"projects/pay", viewer, "//secretmanager.googleapis.com/projects/pay/secrets/s/versions/1", access.Allowed},
		{"//secretmanager.googleapis.com/projects/pay/secrets/s", viewer, "//secretmanager.googleapis.com/projects/pay/secrets/s/versions/1", access.Allowed},
		{"projects/pay", viewer, "//compute.googleapis.com/projects/pay/zones/z/instances/i", access.Allowed},
		{"//cloudkms.googleapis.com/projects/pay/locations/global/keyRings/r", viewer, "//cloudkms.googleapis.com/projects/pay/locations/global/keyRings/r/cryptoKeys/k", access.Allowed},
		{"projects/pay", viewer, "//cloudkms.googleapis.com/projects/pay/locations/global/keyRings/r/cryptoKeys/k", access.Allowed},
	} {
		s := world()
		s.Policies = []AllowPolicy{bind(c.at, c.role, "", alice)}
		d := index(t, s).Decide(Question{Principal: Principal{ID: alice}, Permission: "storage.objects.get", Resource: c.resource})
		if d.Outcome != c.want {
			t.Errorf("%s at %s, asked on %s: %s, want %s: %+v", c.role, c.at, c.resource, d.Outcome, c.want, d.Because)
		}
	}
}

// TestConditions uses the expressions of "Attribute reference for IAM
// Conditions" and "Overview of IAM Conditions".
func TestConditions(t *testing.T) {
	at := map[string]any{"request.time": "2026-06-01T12:00:00Z"}
	for _, c := range []struct {
		condition    string
		context      map[string]any
		closed, open access.Outcome
	}{
		{`request.time < timestamp("2027-01-01T00:00:00Z")`, at, access.Allowed, access.Allowed},
		{`request.time < timestamp("2025-01-01T00:00:00Z")`, at, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{`request.time < timestamp("2027-01-01T00:00:00Z")`, nil, access.Unknown, access.Conditional},
		{`request.time.getHours("Europe/Berlin") >= 9 && request.time.getDayOfWeek("Europe/Berlin") <= 5`, at, access.Allowed, access.Allowed},
		{`resource.name.startsWith("projects/_/buckets/b/objects/dir/")`, nil, access.Allowed, access.Allowed},
		{`resource.name.startsWith("projects/_/buckets/c")`, nil, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{`resource.type == "storage.googleapis.com/Bucket"`, nil, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{`resource.type == "storage.googleapis.com/Object" && resource.service == "storage.googleapis.com"`, nil, access.Allowed, access.Allowed},
		{`resource.type != "storage.googleapis.com/Object" || resource.name.endsWith(".txt")`, nil, access.Allowed, access.Allowed},
		{`resource.name.extract("buckets/{name}/") == "b"`, nil, access.Allowed, access.Allowed},
		{`resource.name.extract("nothing/{name}/") == ""`, nil, access.Allowed, access.Allowed},
		{`resource.matchTag("1/env", "prod")`, map[string]any{"resource.tags": map[string]any{"1/env": "prod"}}, access.Allowed, access.Allowed},
		{`resource.matchTag("1/env", "test")`, map[string]any{"resource.tags": map[string]any{"1/env": "prod"}}, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{`!resource.hasTagKey("1/env")`, map[string]any{"resource.tags": map[string]any{"1/env": "prod"}}, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{`resource.matchTag("1/env", "prod")`, nil, access.Unknown, access.Conditional},
		{`api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly(["roles/viewer"])`, map[string]any{"api.iam.googleapis.com/modifiedGrantsByRole": []any{"roles/viewer"}}, access.Allowed, access.Allowed},
		{`api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly(["roles/viewer"])`, map[string]any{"api.iam.googleapis.com/modifiedGrantsByRole": []any{"roles/owner"}}, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{`api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly(["roles/viewer"])`, nil, access.Unknown, access.Conditional},
		{`"accessPolicies/1/accessLevels/office" in request.auth.access_levels`, nil, access.Unknown, access.Conditional},
		{`"accessPolicies/1/accessLevels/office" in request.auth.access_levels`, map[string]any{"request.auth.access_levels": []any{"accessPolicies/1/accessLevels/office"}}, access.Allowed, access.Allowed},
		{`false && request.time < timestamp("2027-01-01T00:00:00Z")`, nil, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{`true || request.time < timestamp("2027-01-01T00:00:00Z")`, nil, access.Allowed, access.Allowed},
		{`destination.ip == "10.0.0.1" && destination.port == 22`, nil, access.Unknown, access.Conditional},
		{`this is no expression`, nil, access.Unknown, access.Unknown},
		{`"text"`, nil, access.Unknown, access.Unknown},
		{`unheard.of(1)`, nil, access.Unknown, access.Unknown},
		{strings.Repeat("(", 20000), nil, access.Unknown, access.Unknown},
	} {
		s := world()
		s.Policies = []AllowPolicy{bind("projects/pay", viewer, c.condition, alice)}
		x := index(t, s)
		for _, open := range []bool{false, true} {
			want := c.closed
			if open {
				want = c.open
			}
			d := x.Decide(Question{Principal: Principal{ID: alice}, Permission: "storage.objects.get", Resource: object, Context: c.context, Open: open})
			if d.Outcome != want {
				t.Errorf("%.60s open=%v: %s, want %s: %+v", c.condition, open, d.Outcome, want, d.Because)
			}
			if (d.Outcome == access.Conditional) != (len(d.Remains) > 0) {
				t.Errorf("%.60s: %s with remains %v", c.condition, d.Outcome, d.Remains)
			}
		}
	}
}

// TestTagsOfNodes: a node's own tags decide where the state knows them all.
func TestTagsOfNodes(t *testing.T) {
	s := world()
	s.Policies = []AllowPolicy{bind("projects/pay", "roles/owner", `resource.matchTag("1/env", "prod")`, alice)}
	d := index(t, s).Decide(Question{Principal: Principal{ID: alice}, Permission: "resourcemanager.projects.delete", Resource: "projects/123"})
	if d.Outcome != access.Allowed {
		t.Errorf("%+v", d)
	}
}

// TestDeny follows the examples of Google's "Deny policies" and "Permissions in
// deny policies".
func TestDeny(t *testing.T) {
	everyone := []string{"principalSet://goog/public:all"}
	for name, c := range map[string]struct {
		at         string
		rule       DenyRule
		permission string
		context    map[string]any
		want, open access.Outcome
	}{
		"deny wins":         {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"cloudresourcemanager.googleapis.com/projects.delete"}}, "resourcemanager.projects.delete", nil, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"inherited":         {"organizations/1", DenyRule{DeniedPrincipals: []string{"principal://goog/subject/alice@example.com"}, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}}, "iam.roles.update", nil, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"elsewhere":         {"projects/lone", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}}, "iam.roles.update", nil, access.Allowed, access.Allowed},
		"other permission":  {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.delete"}}, "iam.roles.update", nil, access.Allowed, access.Allowed},
		"group of verbs":    {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.*"}}, "iam.roles.update", nil, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"whole service":     {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/*.*"}}, "iam.roles.update", nil, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"verb anywhere":     {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/*.update"}}, "iam.roles.update", nil, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"excepted":          {"projects/pay", DenyRule{DeniedPrincipals: everyone, ExceptionPrincipals: []string{"principalSet://goog/group/team@example.com"}, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}}, "iam.roles.update", nil, access.Allowed, access.Allowed},
		"excepted right":    {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.*"}, ExceptionPermissions: []string{"iam.googleapis.com/roles.update"}}, "iam.roles.update", nil, access.Allowed, access.Allowed},
		"unknown group":     {"projects/pay", DenyRule{DeniedPrincipals: []string{"principalSet://goog/group/elsewhere@example.com"}, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}}, "iam.roles.update", nil, access.Unknown, access.Unknown},
		"unknown exception": {"projects/pay", DenyRule{DeniedPrincipals: everyone, ExceptionPrincipals: []string{"principalSet://goog/group/elsewhere@example.com"}, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}}, "iam.roles.update", nil, access.Unknown, access.Unknown},
		"condition holds":   {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}, DenialCondition: &Expr{Expression: `resource.matchTag("1/env", "prod")`}}, "iam.roles.update", nil, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"condition fails":   {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}, DenialCondition: &Expr{Expression: `!resource.matchTag("1/env", "prod")`}}, "iam.roles.update", nil, access.Allowed, access.Allowed},
		"condition is open": {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}, DenialCondition: &Expr{Expression: `request.auth.claims.x == "y"`}}, "iam.roles.update", nil, access.Unknown, access.Conditional},
		"cannot evaluate":   {"projects/pay", DenyRule{DeniedPrincipals: everyone, DeniedPermissions: []string{"iam.googleapis.com/roles.update"}, DenialCondition: &Expr{Expression: `resource.missing == "y"`}}, "iam.roles.update", nil, access.ExplicitlyDenied, access.ExplicitlyDenied},
	} {
		s := world()
		s.Policies = []AllowPolicy{bind("projects/pay", "roles/owner", "", alice)}
		s.Denies = []DenyPolicy{{Name: "d", Resource: c.at, Rules: []DenyRule{c.rule}}}
		x := index(t, s)
		for _, open := range []bool{false, true} {
			want := c.want
			if open {
				want = c.open
			}
			d := x.Decide(Question{Principal: Principal{ID: alice}, Permission: c.permission, Resource: "projects/pay", Context: c.context, Open: open})
			if d.Outcome != want {
				t.Errorf("%s open=%v: %s, want %s: %+v", name, open, d.Outcome, want, d)
			}
		}
	}
}

// TestConvenienceValues: projectOwner and its like mean who holds the basic role
// in the project's policy ("Principal identifiers").
func TestConvenienceValues(t *testing.T) {
	s := world()
	s.Policies = []AllowPolicy{
		bind("projects/pay", "roles/owner", "", alice), bind("folders/2", "roles/owner", "", "user:carol@example.com"),
		bind("//storage.googleapis.com/b", viewer, "", "projectOwner:pay"),
	}
	x := index(t, s)
	ask := func(id string) access.Outcome {
		return x.Decide(Question{Principal: Principal{ID: id}, Permission: "storage.objects.list", Resource: object}).Outcome
	}
	if got := ask(alice); got != access.Allowed {
		t.Errorf("owner: %s", got)
	}
	if got := ask("user:bob@example.com"); got != access.ImplicitlyDenied {
		t.Errorf("nobody: %s", got)
	}
	if got := ask("user:carol@example.com"); got != access.Unknown {
		t.Errorf("inherited owner: %s", got)
	}
}

func TestUnreadLayersAreNamed(t *testing.T) {
	s := world()
	s.DenyRead, s.BoundariesRead = false, false
	s.Policies = []AllowPolicy{bind("projects/pay", viewer, "", alice)}
	d := index(t, s).Decide(Question{Principal: Principal{ID: alice}, Permission: "storage.objects.get", Resource: object})
	if d.Outcome != access.Allowed || strings.Join(d.Unread, "; ") != "deny policies; principal access boundary policies" {
		t.Errorf("%+v", d)
	}
}

func TestHostileStates(t *testing.T) {
	if _, err := New(State{Resources: []Resource{{Name: "folders/1", Parent: "folders/2"}, {Name: "folders/2", Parent: "folders/1"}}}); err == nil {
		t.Error("a circle in the hierarchy is no error")
	}
	s := world()
	s.Groups = []Group{{Email: "a@x", Members: []string{"group:b@x"}}, {Email: "b@x", Members: []string{"group:a@x", alice}}}
	s.Policies = []AllowPolicy{bind("projects/pay", viewer, "", "group:a@x")}
	if d := index(t, s).Decide(Question{Principal: Principal{ID: alice}, Permission: "storage.objects.get", Resource: object}); d.Outcome != access.Allowed {
		t.Errorf("groups in a circle: %+v", d)
	}
	s.Policies = []AllowPolicy{bind("projects/pay", viewer, strings.Repeat("[1,2,3,4,5,6,7,8,9].all(x, ", 12)+"true"+strings.Repeat(")", 12), alice)}
	if d := index(t, s).Decide(Question{Principal: Principal{ID: alice}, Permission: "storage.objects.get", Resource: object}); d.Outcome != access.Unknown {
		t.Errorf("a condition that never ends: %s", d.Outcome)
	}
}
