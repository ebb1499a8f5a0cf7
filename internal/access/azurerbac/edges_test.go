package azurerbac

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

const (
	identity = rg + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mi"
	miObject = "55555555-0000-0000-0000-000000000001"
	appSP    = "66666666-0000-0000-0000-000000000001"
	appObj   = "66666666-0000-0000-0000-000000000002"
	appID    = "66666666-0000-0000-0000-000000000003"
)

// estate holds one target of every sort.
func estate() State {
	s := world()
	s.ServicePrincipals = []ServicePrincipal{{ObjectID: miObject, ManagedIdentity: identity}, {ObjectID: appSP, AppID: appID}}
	s.Applications = []Application{{ObjectID: appObj, AppID: appID}}
	for _, t := range Techniques() {
		if t.Workload != "" {
			s.Workloads = append(s.Workloads, Workload{ID: rg + "/providers/" + t.Workload + "/w", Type: t.Workload, Principals: []string{miObject}})
		}
	}
	return s
}

func has(t *testing.T, s State, technique string) bool {
	t.Helper()
	return slices.ContainsFunc(index(t, s).Edges(Principal{ID: user}), func(e Edge) bool {
		return e.Technique == technique && e.Outcome == access.Allowed && e.To != "" && len(e.Because) > 0
	})
}

// TestEveryActionTechnique gives exactly what a technique needs and finds its
// edge; with any one action missing, in another subscription, or denied, it
// does not.
func TestEveryActionTechnique(t *testing.T) {
	for _, tech := range Techniques() {
		if tech.Title == "" || tech.Source == "" {
			t.Errorf("%s: title and source are wanted", tech.ID)
		}
		all := slices.Concat(tech.Actions, tech.Elsewhere)
		if len(all)+len(tech.DataActions) == 0 {
			continue
		}
		t.Run(tech.ID, func(t *testing.T) {
			with := func(actions, data []string, at string, denied string) bool {
				s := estate()
				s.Definitions = append(s.Definitions, RoleDefinition{ID: "c", Name: "needed", Custom: true, Permissions: []Permission{{Actions: actions, DataActions: data}}})
				s.Assignments = []Assignment{{ID: "a", DefinitionID: "c", PrincipalID: user, Scope: at}}
				if denied != "" {
					s.Denies = []DenyAssignment{{ID: "d", Scope: "/", Principals: []Subject{{ID: Everyone}}, Permissions: []Permission{{Actions: []string{denied}, DataActions: []string{denied}}}}}
				}
				return has(t, s, tech.ID)
			}
			if !with(all, tech.DataActions, sub, "") {
				t.Errorf("with %v %v: no edge", all, tech.DataActions)
			}
			if with(all, tech.DataActions, sub2, "") && tech.Gain != GainScope && tech.Gain != GainRole {
				t.Error("in another subscription: an edge")
			}
			for i, a := range all {
				if with(slices.Delete(slices.Clone(all), i, i+1), tech.DataActions, sub, "") || with(all, tech.DataActions, sub, a) {
					t.Errorf("without %s, or with it denied: an edge", a)
				}
			}
			for i, a := range tech.DataActions {
				if with(all, slices.Delete(slices.Clone(tech.DataActions), i, i+1), sub, "") || with(all, tech.DataActions, sub, a) {
					t.Errorf("without %s, or with it denied: an edge", a)
				}
			}
		})
	}
}

// TestEveryDirectoryTechnique gives each role, permission and ownership alone.
func TestEveryDirectoryTechnique(t *testing.T) {
	for _, tech := range Techniques() {
		object := map[Gain]string{GainServicePrincipal: appSP, GainGroup: team, GainTenant: ""}[tech.Gain]
		base := estate()
		base.Groups = []Group{{ID: team, RoleAssignable: tech.ID == "add-role-group-member"}}
		if len(tech.Roles)+len(tech.AppPermissions) > 0 && has(t, base, tech.ID) {
			t.Errorf("%s: an edge from nothing", tech.ID)
		}
		for _, role := range tech.Roles {
			for scope, want := range map[string]bool{"/": true, "/" + object: object != "", "/elsewhere": false, "/administrativeUnits/u": false} {
				s := base
				s.Units = []AdministrativeUnit{{ID: "u", Members: []string{"nobody"}}}
				s.DirectoryAssignments = []DirectoryAssignment{{ID: "d", DefinitionID: role, PrincipalID: user, Scope: scope}}
				if object == "" && scope == "/" {
					want = true
				}
				if got := has(t, s, tech.ID); got != want {
					t.Errorf("%s by role %s at %s: %v, want %v", tech.ID, role, scope, got, want)
				}
			}
		}
		for _, p := range tech.AppPermissions {
			s := base
			s.AppRoles = []AppRoleGrant{{PrincipalID: user, ResourceAppID: graphAppID, Value: p}}
			if got := has(t, s, tech.ID); got == tech.OwnedOnly {
				t.Errorf("%s by %s without owning: %v", tech.ID, p, got)
			}
			s.Owners = []Ownership{{ObjectID: object, OwnerID: user}}
			if !has(t, s, tech.ID) {
				t.Errorf("%s by %s as owner: no edge", tech.ID, p)
			}
			s.Owners, s.AppRoles = nil, []AppRoleGrant{{PrincipalID: user, ResourceAppID: "another api", Value: p}}
			if has(t, s, tech.ID) {
				t.Errorf("%s by %s of another API: an edge", tech.ID, p)
			}
		}
		if tech.Owner {
			s := base
			s.Owners = []Ownership{{ObjectID: object, OwnerID: user}}
			if !has(t, s, tech.ID) {
				t.Errorf("%s by ownership: no edge", tech.ID)
			}
		}
	}
}

// TestPropertyLock: a locked service principal takes no secret of its own, but
// its application still does ("App instance property lock").
func TestPropertyLock(t *testing.T) {
	s := estate()
	s.ServicePrincipals[1].Locked = true
	s.Owners = []Ownership{{ObjectID: appSP, OwnerID: user}}
	if has(t, s, "add-app-secret") {
		t.Error("owner of a locked service principal: an edge")
	}
	s.Owners = []Ownership{{ObjectID: appObj, OwnerID: user}}
	if !has(t, s, "add-app-secret") {
		t.Error("owner of its application: no edge")
	}
}

func TestAdministrators(t *testing.T) {
	s := world()
	s.Assignments = []Assignment{assign(user, owner, sub, ""), assign(other, contr, sub, "")}
	s.AppRoles = []AppRoleGrant{{PrincipalID: other, ResourceAppID: graphAppID, Value: "RoleManagement.ReadWrite.Directory"}}
	x := index(t, s)
	for _, c := range []struct {
		d    access.Decision
		want access.Outcome
	}{
		{x.Administrator(Principal{ID: user}, sub), access.Allowed}, {x.Administrator(Principal{ID: other}, sub), access.ImplicitlyDenied},
		{x.Administrator(Principal{ID: user}, "/"), access.ImplicitlyDenied},
		{x.TenantAdministrator(Principal{ID: user}), access.ImplicitlyDenied}, {x.TenantAdministrator(Principal{ID: other}), access.Allowed},
	} {
		if c.d.Outcome != c.want {
			t.Errorf("%+v, want %s", c.d, c.want)
		}
	}
}

// TestBuiltInRoles reads every built-in role as `az role definition list` prints
// them, and asks about some.
func TestBuiltInRoles(t *testing.T) {
	s := builtIn(t)
	for _, c := range []struct {
		role, action string
		data         bool
		want         access.Outcome
	}{
		{"Owner", "Microsoft.Authorization/roleAssignments/write", false, access.Allowed},
		{"Contributor", "Microsoft.Authorization/roleAssignments/write", false, access.ImplicitlyDenied},
		{"Contributor", "Microsoft.Compute/virtualMachines/runCommand/action", false, access.Allowed},
		{"Reader", "Microsoft.Compute/virtualMachines/runCommand/action", false, access.ImplicitlyDenied},
		{"User Access Administrator", "Microsoft.Authorization/roleAssignments/write", false, access.Allowed},
		{"Storage Blob Data Reader", readBlob, true, access.Allowed},
		{"Storage Blob Data Reader", "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write", true, access.ImplicitlyDenied},
		{"Key Vault Secrets User", "Microsoft.KeyVault/vaults/secrets/getSecret/action", true, access.Allowed},
		{"Managed Identity Operator", "Microsoft.ManagedIdentity/userAssignedIdentities/foo/assign/action", false, access.Allowed},
	} {
		i := slices.IndexFunc(s.Definitions, func(d RoleDefinition) bool { return d.Name == c.role })
		if i < 0 {
			t.Errorf("no role %s", c.role)
			continue
		}
		s.Assignments = []Assignment{assign(user, guid(s.Definitions[i].ID), sub, "")}
		if d := index(t, s).Decide(Question{Principal: Principal{ID: user}, Action: c.action, Data: c.data, Scope: rg}); d.Outcome != c.want {
			t.Errorf("%s %s: %+v", c.role, c.action, d)
		}
	}
	broken := 0
	for _, d := range s.Definitions {
		for _, p := range d.Permissions {
			if c := parseCondition(p.Condition); c != nil && c.broken != "" {
				broken++
				t.Errorf("%s: %s: %s", d.Name, c.broken, p.Condition)
			}
		}
	}
}

func builtIn(t testing.TB) State {
	t.Helper()
	f, err := os.Open(testkit.Data(t, "roles/azure-built-in-roles.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var list []json.RawMessage
	if err := json.NewDecoder(z).Decode(&list); err != nil {
		t.Fatal(err)
	}
	var docs []Document
	for _, r := range list {
		docs = append(docs, Document{Text: string(r)})
	}
	s, errs := StateOf(docs)
	if len(errs) > 0 || len(s.Definitions) < 900 {
		t.Fatalf("%d definitions, %v", len(s.Definitions), errs)
	}
	s.DenyRead = true
	return s
}

func TestParseCase(t *testing.T) {
	line := `{"id":7,"principal":"p","action":"a/b/write","scope":"/subscriptions/s/resourceGroups/r","expected":"Allowed",
		"documents":[{"id":"/subscriptions/s/x/roleDefinitions/d","roleName":"R","permissions":[{"actions":["a/*"]}]},
		{"id":"as","principalId":"g","principalType":"Group","roleDefinitionId":"d","scope":"/providers/Microsoft.Management/managementGroups/m","condition":null},
		{"text":"{\"id\":\"den\",\"properties\":{\"denyAssignmentName\":\"n\",\"principals\":[{\"id\":\"q\"}],\"permissions\":[{\"actions\":[\"*\"]}],\"scope\":\"/subscriptions/s\"}}"}],
		"scopes":[{"id":"/subscriptions/s","parent":"/providers/Microsoft.Management/managementGroups/m"},{"id":"/providers/Microsoft.Management/managementGroups/m"}],"groupMembers":{"g":["p"]}}`
	c, err := ParseCase([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Decide(nil); c.ID != "7" || d.Outcome != access.Allowed || len(c.State.Denies) != 1 || c.State.Denies[0].Scope == "" {
		t.Errorf("%s: %+v %+v", c.ID, d, c.State)
	}
	dir, err := ParseCase([]byte(`{"principal":"p","action":"microsoft.directory/applications/create","target":"/","documents":[{"displayName":"R","id":"r","rolePermissions":[{"allowedResourceActions":["microsoft.directory/applications/create"]}]},{"roleDefinitionId":"r","principalId":"p","directoryScopeId":"/"}]}`))
	if err != nil || dir.Decide(nil).Outcome != access.Allowed {
		t.Errorf("directory: %v %+v", err, dir.Decide(nil))
	}
	for _, bad := range []string{``, `{}`, `{"principal":"p","action":"a","dataAction":"b","scope":"/"}`, `{"principal":"p","action":"a"}`, `{"principal":"p","action":"a","scope":"/","documents":[{"x":1}]}`} {
		if _, err := ParseCase([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	s := builtIn(b)
	for i := range 200 {
		d := s.Definitions[i%len(s.Definitions)]
		s.Assignments = append(s.Assignments, assign(user, guid(d.ID), sub, ""))
	}
	x := index(b, s)
	q := Question{Principal: Principal{ID: user}, Action: "No.Such/thing/action", Scope: rg + "/providers/Microsoft.Storage/storageAccounts/a"}
	b.ReportAllocs()
	for b.Loop() {
		if x.Decide(q).Outcome == access.ExplicitlyDenied {
			b.Fatal("denied")
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	c := parseCondition("((!(ActionMatches{'" + readBlob + "'})) OR (@Resource[a:name] StringLike 'x*y*z'))")
	set := newSetting(canonical(readBlob), map[string]any{"@Resource[a:name]": strings.Repeat("xy", 20) + "z"}, false)
	b.ReportAllocs()
	for b.Loop() {
		c.root.eval(set)
	}
}
