package azure_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/azure"
	"github.com/retinue-id/retinue/internal/testkit"
)

const (
	tenant = "11111111-1111-1111-1111-111111111111"
	realm  = retinue.Realm("azure:" + tenant)
	sub    = "22222222-2222-2222-2222-222222222222"
	spID   = "33333333-0000-0000-0000-000000000001"
	miSP   = "33333333-0000-0000-0000-000000000002"
	appObj = "44444444-0000-0000-0000-000000000001"
	appID  = "55555555-0000-0000-0000-000000000001"
	ada    = "66666666-0000-0000-0000-000000000001"
	team   = "77777777-0000-0000-0000-000000000001"
	graph  = "33333333-0000-0000-0000-00000000000f"
	owner  = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	rg     = "/subscriptions/" + sub + "/resourceGroups/Pay"
)

func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := connectortest.Epoch().Add(-time.Hour)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// planted is a client secret and its hint, built here so that none stands in
// the repository.
func planted() string { return strings.Join([]string{"Zk3", "qP9", "vT7", "xM2", "rB8"}, "~") }

func whole() map[string]string {
	return map[string]string{
		"subs.json": `[{"id":"` + sub + `","name":"Pay","state":"Enabled","tenantId":"` + tenant + `","isDefault":true}]`,
		"sps.json": `[{"id":"` + spID + `","appId":"` + appID + `","displayName":"Web","servicePrincipalType":"Application","accountEnabled":true,"appOwnerOrganizationId":"` + tenant + `","appRoles":[],"keyCredentials":[],"passwordCredentials":[]},
			{"id":"` + graph + `","appId":"00000003-0000-0000-c000-000000000000","displayName":"Microsoft Graph","servicePrincipalType":"Application","appOwnerOrganizationId":"f8cdef31-a31e-4b4a-93e4-5f571e91255a","appRoles":[{"id":"1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9","value":"Application.ReadWrite.All"}]},
			{"id":"` + miSP + `","appId":"55555555-0000-0000-0000-000000000002","displayName":"mi","servicePrincipalType":"ManagedIdentity","alternativeNames":["isExplicit=True","` + rg + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mi"]}]`,
		"apps.json": `[{"id":"` + appObj + `","appId":"` + appID + `","displayName":"Web","signInAudience":"AzureADMyOrg","createdDateTime":"2024-01-02T03:04:05Z",
			"passwordCredentials":[{"keyId":"AAAAAAAA-0000-0000-0000-000000000001","displayName":"ci","startDateTime":"2024-01-02T03:04:05Z","endDateTime":"2026-01-02T03:04:05.1234567Z","hint":"` + planted()[:10] + `","secretText":"` + planted() + `"}],
			"keyCredentials":[{"keyId":"aaaaaaaa-0000-0000-0000-000000000002","type":"AsymmetricX509Cert","usage":"Verify","customKeyIdentifier":"AAECAwQFBgcICQoLDA0ODxAREhM="}],
			"owners":[{"@odata.type":"#microsoft.graph.user","id":"` + ada + `","userPrincipalName":"ada@example.com"}],
			"federatedIdentityCredentials":[{"id":"f1","name":"gh","issuer":"https://token.actions.githubusercontent.com","subject":"repo:acme/web:ref:refs/heads/main","audiences":["api://AzureADTokenExchange"]}]}]`,
		"assignments.json": `[{"id":"` + rg + `/providers/Microsoft.Authorization/roleAssignments/a1","name":"a1","principalId":"` + spID + `","principalType":"ServicePrincipal","roleDefinitionId":"/subscriptions/` + sub + `/providers/Microsoft.Authorization/roleDefinitions/` + owner + `","scope":"` + rg + `","type":"Microsoft.Authorization/roleAssignments","condition":null},
			{"id":"/providers/Microsoft.Management/managementGroups/root/providers/Microsoft.Authorization/roleAssignments/a2","properties":{"principalId":"` + team + `","principalType":"Group","roleDefinitionId":"/x/roleDefinitions/custom1","scope":"/providers/Microsoft.Management/managementGroups/root","condition":"@Resource[a:b] StringEquals 'x'"}}]`,
		"definitions.json": `[{"id":"/subscriptions/` + sub + `/providers/Microsoft.Authorization/roleDefinitions/` + owner + `","name":"` + owner + `","roleName":"Owner","roleType":"BuiltInRole","type":"Microsoft.Authorization/roleDefinitions","assignableScopes":["/"],"permissions":[{"actions":["*"]}]},
			{"id":"/x/roleDefinitions/custom1","name":"custom1","roleName":"Mine","roleType":"CustomRole","type":"Microsoft.Authorization/roleDefinitions","assignableScopes":["/subscriptions/` + sub + `"],"permissions":[{"actions":["*/read"]}]}]`,
		"deny.json":       `{"value":[{"id":"` + rg + `/providers/Microsoft.Authorization/denyAssignments/d1","type":"Microsoft.Authorization/denyAssignments","properties":{"denyAssignmentName":"stack","scope":"` + rg + `","permissions":[{"actions":["*/delete"]}],"principals":[{"id":"00000000-0000-0000-0000-000000000000","type":"SystemDefined"}]}}]}`,
		"identities.json": `[{"id":"` + rg + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mi","name":"mi","type":"Microsoft.ManagedIdentity/userAssignedIdentities","clientId":"55555555-0000-0000-0000-000000000002","principalId":"` + miSP + `","tenantId":"` + tenant + `","tags":{"Owner":"ada@example.com"}}]`,
		"mifed.json":      `[{"id":"` + rg + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mi/federatedIdentityCredentials/k8s","name":"k8s","issuer":"https://oidc.example.com","subject":"system:serviceaccount:shop:web","audiences":["api://AzureADTokenExchange"]}]`,
		"vms.json":        `[{"id":"` + rg + `/providers/Microsoft.Compute/virtualMachines/web","name":"web","type":"Microsoft.Compute/virtualMachines","identity":{"type":"UserAssigned","userAssignedIdentities":{"` + rg + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mi":{"principalId":"` + miSP + `"}}}}]`,
		"vaults.json":     `[{"id":"` + rg + `/providers/Microsoft.KeyVault/vaults/v","name":"v","type":"Microsoft.KeyVault/vaults","identity":null},{"id":"` + rg + `/providers/Microsoft.Network/virtualNetworks/n","name":"n","type":"Microsoft.Network/virtualNetworks"}]`,
		"groups.json":     `{"@odata.context":"x","value":[{"id":"` + team + `","displayName":"Team","securityEnabled":true,"isAssignableToRole":true,"members":[{"@odata.type":"#microsoft.graph.user","id":"` + ada + `"}]}]}`,
		"users.json":      `{"value":[{"id":"` + ada + `","userPrincipalName":"ada@example.com","displayName":"Ada","accountEnabled":false}]}`,
		"roles.json":      `{"value":[{"id":"62e90394-69f5-4237-9190-012177145e10","templateId":"62e90394-69f5-4237-9190-012177145e10","displayName":"Global Administrator","isBuiltIn":true,"rolePermissions":[{"allowedResourceActions":["microsoft.directory/applications/allProperties/allTasks"]}]}]}`,
		"dir.json":        `{"value":[{"id":"lAPpYvVpN0KRkAEhdxReEMmO4KwRqtpKkUWt3wOYIz4-1","roleDefinitionId":"62e90394-69f5-4237-9190-012177145e10","principalId":"` + spID + `","directoryScopeId":"/"}]}`,
		"approles.json":   `{"value":[{"id":"xY1","appRoleId":"1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9","principalId":"` + spID + `","principalType":"ServicePrincipal","resourceId":"` + graph + `","resourceDisplayName":"Microsoft Graph"}]}`,
		"mg.json":         `{"id":"/providers/Microsoft.Management/managementGroups/root","name":"root","type":"Microsoft.Management/managementGroups","displayName":"Root","tenantId":"` + tenant + `","children":[{"id":"/subscriptions/` + sub + `","type":"/subscriptions","displayName":"Pay"}]}`,
		"signins.json": `{"@odata.context":"x","value":[
			{"appId":"` + appID + `","appObjectId":"` + appObj + `","credentialOrigin":"application","expirationDate":"2026-01-02T03:04:05Z","id":"QUFB","keyId":"AAAAAAAA-0000-0000-0000-000000000001","keyType":"clientSecret","keyUsage":"verify","resourceId":"` + graph + `","servicePrincipalObjectId":"` + spID + `","signInActivity":{"lastSignInDateTime":"2025-03-18T01:23:46-8:00","lastSignInRequestId":"g1"}},
			{"appId":"` + appID + `","credentialOrigin":"application","id":"QUFC","keyId":"aaaaaaaa-0000-0000-0000-000000000002","keyType":"certificate","signInActivity":{"lastSignInDateTime":"2025-04-01T00:00:00Z"}},
			{"appId":"` + appID + `","id":"QUFD","keyId":"aaaaaaaa-0000-0000-0000-000000000003","keyType":"clientSecret","signInActivity":{"lastSignInDateTime":"0001-01-01T00:00:00Z"}},
			{"appId":"` + appID + `","id":"QUFE","keyId":"aaaaaaaa-0000-0000-0000-000000000004","keyType":"unknownFutureValue","signInActivity":{"lastSignInDateTime":"2025-04-01T00:00:00Z"}}]}`,
		"spsignins.json": `{"value":[
			{"appId":"` + appID + `","id":"x","applicationAuthenticationClientSignInActivity":{"lastSignInDateTime":"2025-03-01T10:20:30Z"},"applicationAuthenticationResourceSignInActivity":{"lastSignInDateTime":"2025-06-01T10:20:30Z"},
				"delegatedClientSignInActivity":{"lastSignInDateTime":"2025-02-01T10:20:30Z"},"delegatedResourceSignInActivity":null,"lastSignInActivity":{"lastSignInDateTime":"2025-06-01T10:20:30Z"}},
			{"appId":"00000003-0000-0000-c000-000000000000","id":"y","applicationAuthenticationResourceSignInActivity":{"lastSignInDateTime":"2025-06-01T10:20:30Z"},"lastSignInActivity":{"lastSignInDateTime":"2025-06-01T10:20:30Z"}},
			{"appId":"55555555-0000-0000-0000-00000000000f","id":"z","delegatedClientSignInActivity":{"lastSignInDateTime":"2025-06-01T10:20:30Z"},"lastSignInActivity":{"lastSignInDateTime":"2025-06-01T10:20:30Z"}}]}`,
		"other.json": `{"hello":"world"}`,
	}
}

func open(path string, options map[string]string) func(testing.TB, connector.Env) connector.Connector {
	return connectortest.OpenSpec(azure.Spec(), connector.Config{Name: "test", Target: path, Options: options})
}

// hound is the same as some of whole, as AzureHound writes it.
func hound(t testing.TB, files map[string]string) string {
	t.Helper()
	var out []map[string]any
	for name, kind := range map[string]string{"sps.json": "AZServicePrincipal", "apps.json": "AZApp", "users.json": "AZUser"} {
		text := strings.TrimSuffix(strings.TrimPrefix(files[name], `{"value":`), "}")
		if files[name][0] == '[' {
			text = files[name]
		}
		var list []map[string]any
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			o["tenantId"] = tenant
			out = append(out, map[string]any{"kind": kind, "data": o})
		}
	}
	enc, err := json.Marshal(map[string]any{"data": out, "meta": map[string]any{"type": "azure", "version": 5}})
	if err != nil {
		t.Fatal(err)
	}
	return string(enc)
}

func TestConformance(t *testing.T) {
	files := whole()
	broken := whole()
	broken["sps.json"] = broken["sps.json"][:len(broken["sps.json"])/2]
	same := whole()
	same["hound.json"] = hound(t, files)
	for _, n := range []string{"sps.json", "apps.json", "users.json"} {
		delete(same, n)
	}
	dir := write(t, files)
	connectortest.Run(t, connectortest.Subject{
		Spec: azure.Spec(), Open: open(dir, nil), Named: connectortest.NameSpec(azure.Spec(), connector.Config{Target: dir}),
		Broken: open(write(t, broken), nil), Same: open(write(t, same), nil), Secrets: []string{planted(), planted()[:10]},
	})
}

func stated(r *connectortest.Result, f retinue.Fact) bool {
	enc, _ := retinue.MarshalFact(f)
	return slices.ContainsFunc(r.Emitted, func(e connectortest.Emitted) bool {
		got, _ := retinue.MarshalFact(e.Fact)
		return string(got) == string(enc)
	})
}

func ref(kind, key string) retinue.Ref { return retinue.NewRef(realm, kind, strings.ToLower(key)) }

func TestFacts(t *testing.T) {
	r := connectortest.Discover(t, open(write(t, whole()), nil)(t, connectortest.Env(t)))
	sp, app := ref("service_principal", spID), ref("application", appObj)
	mi := ref("managed_identity", rg+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mi")
	assignment := ref("role_assignment", rg+"/providers/Microsoft.Authorization/roleAssignments/a1")
	inherited := ref("role_assignment", "/providers/Microsoft.Management/managementGroups/root/providers/Microsoft.Authorization/roleAssignments/a2")
	vaults := 0
	for _, x := range connectortest.All[retinue.Resource](r) {
		if x.Attrs["type"] == "Microsoft.KeyVault/vaults" && len(x.RunsAs) == 0 && x.Name == "v" {
			vaults++
		}
		if x.Name == "n" {
			t.Errorf("a network holds no data: %+v", x)
		}
	}
	if vaults != 1 {
		t.Errorf("%d vaults", vaults)
	}
	for _, f := range []retinue.Fact{
		retinue.Attachment{Policy: retinue.NewRef("azure:microsoft", "role_definition", owner), Target: sp, Role: retinue.AttachIdentity, Within: ref("resource_group", rg), Via: assignment},
		retinue.Attachment{Policy: ref("role_definition", "custom1"), Target: ref("group", team), Role: retinue.AttachGroup, Within: ref("management_group", "/providers/Microsoft.Management/managementGroups/root"), Via: inherited,
			Options: retinue.Attrs{"condition": "@Resource[a:b] StringEquals 'x'"}},
		retinue.Attachment{Policy: ref("deny_assignment", rg+"/providers/Microsoft.Authorization/denyAssignments/d1"), Target: ref("resource_group", rg), Role: retinue.AttachDeny},
		retinue.Membership{Group: ref("group", team), Member: ref("user", ada)},
		retinue.Trust{Subject: sp, Kind: retinue.TrusteePrincipal, Trustee: app, Name: "credentials of the app registration"},
		retinue.Trust{Subject: app, Kind: retinue.TrusteePrincipal, Trustee: ref("user", ada), Name: "owner", Attrs: retinue.Attrs{"ownership": true}},
		retinue.Trust{Subject: mi, Kind: retinue.TrusteeFederated, Name: "https://oidc.example.com", Federation: &retinue.Federation{Issuer: "https://oidc.example.com", Subject: "system:serviceaccount:shop:web", Audience: "api://AzureADTokenExchange"}, Attrs: retinue.Attrs{"credential": "k8s"}},
		retinue.Grant{Subject: sp, Privileges: []string{"Application.ReadWrite.All"}, Resource: ref("service_principal", graph), ResourceName: "Microsoft Graph", Via: retinue.NewRef(realm, "app_role_assignment", "xY1")},
		retinue.OwnerSignal{Subject: mi, Candidate: "ada@example.com", Signal: "tag", Quote: "owner=ada@example.com"},
	} {
		if !stated(r, f) {
			enc, _ := retinue.MarshalFact(f)
			t.Errorf("not stated: %s", enc)
		}
	}
	secret := connectortest.Get[retinue.Credential](t, r, "client_secret", "aaaaaaaa-0000-0000-0000-000000000001")
	if secret.Identity != sp || secret.ExpiresAt.Year() != 2026 || secret.Joins[0].Value != "azure:aaaaaaaa-0000-0000-0000-000000000001" {
		t.Errorf("secret: %+v", secret)
	}
	if c := connectortest.Get[retinue.Credential](t, r, "certificate", "aaaaaaaa-0000-0000-0000-000000000002"); c.Attrs["thumbprint"] != "000102030405060708090A0B0C0D0E0F10111213" {
		t.Errorf("certificate: %+v", c)
	}
	if id := connectortest.Get[retinue.Identity](t, r, "service_principal", graph); id.Managed != retinue.ManagedByProvider {
		t.Errorf("Microsoft's: %+v", id)
	}
	if u := connectortest.Get[retinue.Identity](t, r, "user", ada); u.Class != retinue.ClassPerson || u.State != retinue.StateDisabled {
		t.Errorf("user: %+v", u)
	}
	if w := connectortest.Get[retinue.Resource](t, r, "compute_virtual_machines", strings.ToLower(rg+"/providers/Microsoft.Compute/virtualMachines/web")); len(w.RunsAs) != 1 || w.RunsAs[0] != ref("service_principal", miSP) {
		t.Errorf("machine: %+v", w)
	}
	for _, path := range [][]string{{"directory", "applications"}, {"directory", "service-principals"}, {"rbac", "role-assignments", "subscription", sub}, {"rbac", "role-assignments", "management-group", "root"},
		{"rbac", "role-definitions", "built-in"}, {"rbac", "deny-assignments", "subscription", sub}, {"directory", "group-members", team}, {"directory", "role-assignments"}} {
		if _, ok := r.Completed[retinue.NewScope(realm, slices.Clone(path)...)]; !ok {
			t.Errorf("scope %v is not complete: %v", path, r.Problems)
		}
	}
}

// TestLastSignIns: what Graph's reports say is weak evidence of use of each secret
// and service principal; that others signed in to an application is none, and a
// line that does not say whose it is is counted.
func TestLastSignIns(t *testing.T) {
	r := connectortest.Discover(t, open(write(t, whole()), nil)(t, connectortest.Env(t)))
	day := func(y, m, d, h, minute, s int) time.Time {
		return time.Date(y, time.Month(m), d, h, minute, s, 0, time.UTC)
	}
	want := []retinue.Use{
		{Subject: ref("client_secret", "aaaaaaaa-0000-0000-0000-000000000001"), Meaning: "last_used", At: day(2025, 3, 18, 9, 23, 46), Precision: 1, Grade: retinue.GradeC, Attrs: retinue.Attrs{"report": "appCredentialSignInActivities"}},
		{Subject: ref("certificate", "aaaaaaaa-0000-0000-0000-000000000002"), Meaning: "last_used", At: day(2025, 4, 1, 0, 0, 0), Precision: 86400, Grade: retinue.GradeC, Attrs: retinue.Attrs{"report": "appCredentialSignInActivities"}},
		{Subject: ref("service_principal", spID), Meaning: "last_used", At: day(2025, 3, 1, 10, 20, 30), Precision: 1, Grade: retinue.GradeC, Attrs: retinue.Attrs{"flow": "application", "report": "servicePrincipalSignInActivities"}},
	}
	for _, u := range want {
		if !stated(r, u) {
			t.Errorf("not stated: %+v", u)
		}
	}
	if uses := connectortest.All[retinue.Use](r); len(uses) != len(want) {
		t.Errorf("%d uses, want %d: %+v", len(uses), len(want), uses)
	}
	if !slices.ContainsFunc(r.Notes, func(n connector.Note) bool { return n.Count == 2 && strings.HasPrefix(n.Text, "2 last sign-ins") }) {
		t.Errorf("two last sign-ins do not say whose they are: %+v", r.Notes)
	}
	for _, path := range []string{"credential-sign-ins", "service-principal-sign-ins"} {
		if _, ok := r.Completed[retinue.NewScope(realm, "directory", path)]; !ok {
			t.Errorf("scope %s is not complete", path)
		}
	}
	without := whole()
	delete(without, "signins.json")
	access, err := open(write(t, without), nil)(t, connectortest.Env(t)).Check(t.Context())
	if err != nil || !slices.ContainsFunc(access.NotCovered, func(s string) bool { return strings.Contains(s, "appCredentialSignInActivities") }) ||
		slices.ContainsFunc(access.NotCovered, func(s string) bool { return strings.Contains(s, "servicePrincipalSignInActivities") }) {
		t.Errorf("not covered: %v, %v", access.NotCovered, err)
	}
}

func TestTenant(t *testing.T) {
	only := map[string]string{"a.json": whole()["assignments.json"]}
	c := open(write(t, only), nil)(t, connectortest.Env(t))
	if _, err := c.Check(t.Context()); !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "tenant=") {
		t.Errorf("no tenant: %v", err)
	}
	r := connectortest.Discover(t, open(write(t, only), map[string]string{"tenant": tenant})(t, connectortest.Env(t)))
	if len(r.Completed) == 0 {
		t.Errorf("%v", r.Problems)
	}
	only["b.json"] = `[{"id":"` + sub + `","state":"Enabled","tenantId":"` + tenant + `"},{"id":"` + ada + `","state":"Enabled","tenantId":"` + team + `"}]`
	if _, err := open(write(t, only), nil)(t, connectortest.Env(t)).Check(t.Context()); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("two tenants: %v", err)
	}
	if _, err := azure.Spec().Open(t.Context(), connector.Config{Target: ".", Options: map[string]string{"tenant": "contoso"}}, connectortest.Env(t)); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a tenant that is no id: %v", err)
	}
}

// TestCutPage: a page that names a next one that is not there ends nothing.
func TestCutPage(t *testing.T) {
	files := whole()
	files["users.json"] = strings.TrimSuffix(files["users.json"], "}") + `,"@odata.nextLink":"https://graph.microsoft.com/v1.0/users?$skiptoken=x"}`
	r := connectortest.Discover(t, open(write(t, files), nil)(t, connectortest.Env(t)))
	if _, ok := r.Completed[retinue.NewScope(realm, "directory", "users")]; ok || len(r.Problems) == 0 {
		t.Error("half a listing was completed")
	}
	files["users2.json"] = `{"value":[{"id":"` + team + `","userPrincipalName":"b@example.com"}]}`
	r = connectortest.Discover(t, open(write(t, files), nil)(t, connectortest.Env(t)))
	if _, ok := r.Completed[retinue.NewScope(realm, "directory", "users")]; !ok {
		t.Errorf("both pages were there: %v", r.Problems)
	}
}

// TestHoundAssignments reads the shapes in which AzureHound wraps assignments,
// members and owners.
func TestHoundAssignments(t *testing.T) {
	text := `{"data":[
		{"kind":"AZTenant","data":{"tenantId":"` + tenant + `","displayName":"T"}},
		{"kind":"AZApp","data":{"id":"` + appObj + `","appId":"` + appID + `","displayName":"Web","tenantId":"` + tenant + `"}},
		{"kind":"AZGroupMember","data":{"groupId":"` + team + `","members":[{"groupId":"` + team + `","member":{"@odata.type":"#microsoft.graph.user","id":"` + ada + `"}}]}},
		{"kind":"AZAppOwner","data":{"appId":"` + appID + `","owners":[{"appId":"` + appID + `","owner":{"@odata.type":"#microsoft.graph.user","id":"` + ada + `"}}]}},
		{"kind":"AZRoleAssignment","data":{"roleDefinitionId":"r","roleAssignments":[{"id":"x","principalId":"` + ada + `","roleDefinitionId":"r","directoryScopeId":"/"}],"tenantId":"` + tenant + `"}},
		{"kind":"AZSubscriptionRoleAssignment","data":{"subscriptionId":"/subscriptions/` + sub + `","roleAssignments":[{"roleDefinitionId":"` + owner + `","roleAssignment":{"id":"/subscriptions/` + sub + `/providers/Microsoft.Authorization/roleAssignments/a","properties":{"principalId":"` + spID + `","roleDefinitionId":"/x/` + owner + `","scope":"/subscriptions/` + sub + `"}}}]}}
		],"meta":{"type":"azure"}}`
	r := connectortest.Discover(t, open(write(t, map[string]string{"h.json": text}), nil)(t, connectortest.Env(t)))
	user := ref("user", ada)
	for _, f := range []retinue.Fact{
		retinue.Membership{Group: ref("group", team), Member: user},
		retinue.Trust{Subject: ref("application", appObj), Kind: retinue.TrusteePrincipal, Trustee: user, Name: "owner", Attrs: retinue.Attrs{"ownership": true}},
	} {
		if !stated(r, f) {
			t.Errorf("not stated: %+v in %s", f, r.Dump())
		}
	}
	connectortest.Get[retinue.Policy](t, r, "directory_role_assignment", "x")
	connectortest.Get[retinue.Policy](t, r, "role_assignment", "/subscriptions/"+sub+"/providers/microsoft.authorization/roleassignments/a")
}

func TestNothingRecognised(t *testing.T) {
	for _, text := range []string{`{"hello":1}`, `[]`, `{"truncated":`} {
		if _, err := open(write(t, map[string]string{"p.json": text}), nil)(t, connectortest.Env(t)).Check(t.Context()); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.20s: %v", text, err)
		}
	}
}

// TestBuiltInRoles reads every built-in role as `az role definition list` prints
// them.
func TestBuiltInRoles(t *testing.T) {
	raw := testkit.Data(t, "roles/azure-built-in-roles.json.gz")
	text := gunzip(t, raw)
	r := connectortest.Discover(t, open(write(t, map[string]string{"d.json": text}), map[string]string{"tenant": tenant})(t, connectortest.Env(t)))
	if n := len(connectortest.All[retinue.Policy](r)); n < 900 {
		t.Errorf("%d role definitions", n)
	}
}

func TestPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/connectors/azure.md")
	if err != nil {
		t.Fatal(err)
	}
	page, s := string(raw), azure.Spec()
	texts := slices.Concat(s.Sees, s.BlindSpots, s.CouldRead)
	for _, d := range s.Privileges {
		texts = append(texts, d.Title, d.Body)
	}
	for _, o := range s.Options {
		texts = append(texts, "`"+o.Name+"`")
	}
	for _, e := range s.Examples {
		texts = append(texts, e.Form)
	}
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks: %s", text)
		}
	}
}
