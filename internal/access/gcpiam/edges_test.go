package gcpiam

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/testkit"
)

// estate holds one target of every sort that techniques reach.
func estate() State {
	s := world()
	s.Roles = []Role{{Name: "projects/pay/roles/held"}}
	s.ServiceAccounts = []ServiceAccount{{Email: "deploy@pay.iam.gserviceaccount.com", UniqueID: "42", Project: "projects/pay"}}
	for _, t := range Techniques() {
		if t.Workload != "" {
			s.Workloads = append(s.Workloads, Workload{Name: "//" + strings.Replace(t.Workload, "/", "/projects/pay/x/", 1), Type: t.Workload, RunsAs: []string{"deploy@pay.iam.gserviceaccount.com"}})
		}
	}
	return s
}

// TestEveryTechnique gives exactly what a technique needs and finds its edge;
// with any one permission missing, elsewhere, or denied, it does not.
func TestEveryTechnique(t *testing.T) {
	for _, tech := range Techniques() {
		t.Run(tech.ID, func(t *testing.T) {
			at := "projects/pay"
			if tech.Gain == GainNode && tech.Node != "projects" {
				at = map[string]string{"folders": "folders/2", "organizations": "organizations/1"}[tech.Node]
			}
			var all []string
			for _, n := range tech.Needs {
				all = append(all, n.Permission)
			}
			found := func(at string, denied string, permissions []string) bool {
				s := estate()
				s.Roles = append(s.Roles, Role{Name: "roles/needed", Permissions: permissions})
				s.Policies = []AllowPolicy{bind(at, "roles/needed", "", alice), bind("projects/pay", "projects/pay/roles/held", "", alice)}
				if denied != "" {
					p := splitPermission(denied)
					s.Denies = []DenyPolicy{{Name: "d", Resource: "organizations/1", Rules: []DenyRule{{DeniedPrincipals: []string{"principalSet://goog/public:all"}, DeniedPermissions: []string{p.service + "/" + p.resource + "." + p.verb}}}}}
				}
				edges := index(t, s).Edges(Principal{ID: alice})
				return slices.ContainsFunc(edges, func(e Edge) bool {
					return e.Technique == tech.ID && e.Outcome == access.Allowed && e.To != "" && len(e.Because) > 0
				})
			}
			if tech.Title == "" || tech.Source == "" || len(all) == 0 {
				t.Errorf("%+v: title, source and needs are all wanted", tech)
			}
			if !found(at, "", all) {
				t.Errorf("with %v on %s: no edge", all, at)
			}
			if found("projects/lone", "", all) && tech.Gain != GainNode {
				t.Errorf("with %v on another project: an edge", all)
			}
			for i, p := range all {
				if found(at, "", slices.Delete(slices.Clone(all), i, i+1)) {
					t.Errorf("without %s: an edge", p)
				}
				if found(at, p, all) {
					t.Errorf("with %s denied: an edge", p)
				}
			}
		})
	}
}

func TestImplicitDelegation(t *testing.T) {
	s := estate()
	s.Roles = append(s.Roles, Role{Name: "roles/d", Permissions: []string{"iam.serviceAccounts.implicitDelegation"}}, Role{Name: "roles/t", Permissions: []string{"iam.serviceAccounts.getAccessToken"}})
	s.ServiceAccounts = append(s.ServiceAccounts, ServiceAccount{Email: "top@pay.iam.gserviceaccount.com", Project: "projects/pay"})
	// The policy of an account may be named by the account's number.
	s.Policies = []AllowPolicy{bind("//iam.googleapis.com/projects/pay/serviceAccounts/42", "roles/d", "", alice),
		bind("//iam.googleapis.com/projects/pay/serviceAccounts/top@pay.iam.gserviceaccount.com", "roles/t", "", "serviceAccount:deploy@pay.iam.gserviceaccount.com")}
	edges := index(t, s).Edges(Principal{ID: alice})
	if len(edges) != 1 || edges[0].Technique != "sa-implicit-delegation" || edges[0].To != "serviceAccount:top@pay.iam.gserviceaccount.com" {
		t.Errorf("%+v", edges)
	}
}

func TestAdministrator(t *testing.T) {
	s := world()
	s.Policies = []AllowPolicy{bind("projects/pay", "roles/owner", "", alice)}
	x := index(t, s)
	for id, want := range map[string]access.Outcome{alice: access.Allowed, robot: access.ImplicitlyDenied} {
		if d := x.Administrator(Principal{ID: id}, "projects/pay"); d.Outcome != want {
			t.Errorf("%s: %+v", id, d)
		}
	}
}

// predefined reads the sample of every predefined role.
func predefined(t testing.TB) []Role {
	t.Helper()
	f, err := os.Open(testkit.Data(t, "roles/gcp-predefined-roles.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]Role
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		t.Fatal(err)
	}
	out := make([]Role, 0, len(all))
	for name, r := range all {
		r.Name = name
		out = append(out, r)
	}
	return out
}

// TestPredefinedRoles asks about real roles, and that every permission of a
// technique exists in one of them.
func TestPredefinedRoles(t *testing.T) {
	roles := predefined(t)
	s := world()
	s.Roles = roles
	s.Policies = []AllowPolicy{bind("projects/pay", "roles/iam.serviceAccountTokenCreator", "", alice), bind("projects/pay", "roles/editor", "", robot), bind("folders/2", "roles/owner", "", "user:o@example.com")}
	s.ServiceAccounts = []ServiceAccount{{Email: "deploy@pay.iam.gserviceaccount.com", Project: "projects/pay"}}
	x := index(t, s)
	for _, c := range []struct {
		id, permission string
		want           access.Outcome
	}{
		{alice, "iam.serviceAccounts.getAccessToken", access.Allowed}, {alice, "iam.serviceAccountKeys.create", access.ImplicitlyDenied},
		{robot, "storage.buckets.create", access.Allowed}, {robot, "resourcemanager.projects.setIamPolicy", access.ImplicitlyDenied},
		{"user:o@example.com", "resourcemanager.projects.setIamPolicy", access.Allowed},
	} {
		if d := x.Decide(Question{Principal: Principal{ID: c.id}, Permission: c.permission, Resource: "projects/pay"}); d.Outcome != c.want {
			t.Errorf("%s %s: %s, want %s", c.id, c.permission, d.Outcome, c.want)
		}
	}
	if d := x.Administrator(Principal{ID: robot}, "projects/pay"); d.Outcome != access.ImplicitlyDenied {
		t.Errorf("an editor is no administrator: %+v", d)
	}
	for _, tech := range Techniques() {
		for _, n := range tech.Needs {
			if _, ok := x.perms[n.Permission]; !ok {
				t.Errorf("technique %s: no predefined role has %s", tech.ID, n.Permission)
			}
		}
	}
}

func TestParseCase(t *testing.T) {
	line := `{"id":"a","principal":"user:alice@example.com","permission":"storage.objects.get","resource":"//storage.googleapis.com/b/o","expected":"x",
		"hierarchy":[{"name":"//storage.googleapis.com/b","parent":"projects/p"},{"name":"projects/p"}],
		"allowPolicies":[{"resource":"projects/p","policy":{"bindings":[{"role":"r","members":["group:g@example.com"]}]}}],
		"roles":[{"name":"r","includedPermissions":["storage.objects.get"]}],"groupMembers":{"g@example.com":["user:alice@example.com"]}}`
	c, err := ParseCase([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Decide(nil); c.ID != "a" || d.Outcome != access.Allowed || len(d.Unread) != 0 {
		t.Errorf("%s: %+v", c.ID, d)
	}
	for _, bad := range []string{``, `{}`, `{"principal":"a","permission":"b"}`, `[1]`, `{"principal":"a","permission":"b","resource":"c","denyPolicies":[{"policy":{"rules":[{}]}}]}`} {
		if _, err := ParseCase([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	bare, err := ParseCase([]byte(`{"principal":"user:a@b","permission":"b","resource":"c"}`))
	if err != nil || bare.Decide(nil).Outcome != access.Unknown {
		t.Errorf("a case without a state: %v", err)
	}
}

func TestStateOf(t *testing.T) {
	s, errs := StateOf([]Document{
		{Name: "p", Target: "projects/pay", Text: `{"bindings":[{"role":"roles/x","members":["user:alice@example.com"]}],"etag":"e","version":1}`},
		{Name: "policies/cloudresourcemanager.googleapis.com%2Fprojects%2Flone/denypolicies/no", Text: `{"name":"policies/cloudresourcemanager.googleapis.com%2Fprojects%2Flone/denypolicies/no","rules":[{"denyRule":{"deniedPrincipals":["principalSet://goog/public:all"],"deniedPermissions":["a.googleapis.com/b.c"]}}]}`},
		{Name: "roles/x", Text: `{"name":"roles/x","includedPermissions":["a.b.c"],"stage":"GA"}`},
		{Name: "broken", Text: `{`, Target: "projects/pay"}, {Name: "nowhere", Text: `{"bindings":[]}`},
	}, world().Resources, nil)
	if len(errs) != 2 || len(s.Policies) != 1 || len(s.Denies) != 1 || len(s.Roles) != 1 || s.Denies[0].Resource != "projects/lone" {
		t.Fatalf("%v %+v", errs, s)
	}
	if d := index(t, s).Decide(Question{Principal: Principal{ID: alice}, Permission: "a.b.c", Resource: "projects/123"}); d.Outcome != access.Allowed {
		t.Errorf("%+v", d)
	}
}
