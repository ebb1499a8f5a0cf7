package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/cli"
)

// asked runs the check over questions about an export and returns the decisions
// by their ids.
func asked(t *testing.T, language string, export map[string]string, questions []string, extra ...string) (map[string]string, int, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range export {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"access", "check", "--language", language, "--cases", "-"}, extra...)
	if export != nil {
		args = append(args, "--state", dir)
	}
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), args, strings.NewReader(strings.Join(questions, "\n")), &out, &errs, os.Getenv)
	got := map[string]string{}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var a struct {
			ID, Decision string
			Because      []json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil || len(a.Because) == 0 {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		got[a.ID] = a.Decision
	}
	return got, code, errs.String()
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for id, w := range want {
		if got[id] != w {
			t.Errorf("%s: %s, want %s", id, got[id], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d answers, want %d", len(got), len(want))
	}
}

func gcpExport() map[string]string {
	return map[string]string{
		"projects.json": `[{"projectId":"pay","projectNumber":"123","lifecycleState":"ACTIVE"},{"projectId":"deep","projectNumber":"456","lifecycleState":"ACTIVE","parent":{"type":"folder","id":"7"}}]`,
		"policies.json": `[{"resource":"//cloudresourcemanager.googleapis.com/projects/pay","assetType":"cloudresourcemanager.googleapis.com/Project","project":"projects/123","policy":{"bindings":[
			{"role":"roles/reader","members":["user:ann@example.com","serviceAccount:deploy@pay.iam.gserviceaccount.com"]},
			{"role":"roles/unknown","members":["user:cleo@example.com"]},
			{"role":"roles/reader","members":["user:dora@example.com"],"condition":{"expression":"request.time < timestamp('2026-01-01T00:00:00Z')"}}]}},
			{"resource":"//storage.googleapis.com/pictures","assetType":"storage.googleapis.com/Bucket","project":"projects/123","policy":{"bindings":[{"role":"roles/reader","members":["allUsers"]}]}},
			{"resource":"//cloudresourcemanager.googleapis.com/projects/deep","assetType":"cloudresourcemanager.googleapis.com/Project","project":"projects/456","policy":{"bindings":[{"role":"roles/reader","members":["user:ann@example.com"]}]}}]`,
		"roles.json": `[{"name":"roles/reader","title":"Reader","includedPermissions":["storage.objects.get","storage.objects.list"]}]`,
		"deny.json":  `{"name":"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F123/denypolicies/no","rules":[{"denyRule":{"deniedPrincipals":["principalSet://goog/public:all"],"exceptionPrincipals":["principal://goog/subject/ann@example.com"],"deniedPermissions":["storage.googleapis.com/objects.list"]}}]}`,
	}
}

func TestAccessCheckGoogleCloudState(t *testing.T) {
	q := func(id, principal, permission, resource, more string) string {
		return `{"id":"` + id + `","principal":"` + principal + `","permission":"` + permission + `","resource":"` + resource + `"` + more + `}`
	}
	const get, list = "storage.objects.get", "storage.objects.list"
	const other = "//storage.googleapis.com/projects/_/buckets/other"
	got, code, errs := asked(t, "gcp", gcpExport(), []string{
		q("granted", "user:ann@example.com", get, "projects/pay", ""),
		q("by number", "user:ann@example.com", get, "projects/123", ""),
		q("not granted", "user:bob@example.com", get, "projects/pay", ""),
		q("denied", "serviceAccount:deploy@pay.iam.gserviceaccount.com", list, "projects/pay", ""),
		q("excepted", "user:ann@example.com", list, "projects/pay", ""),
		q("on a bucket", "user:bob@example.com", get, "//storage.googleapis.com/pictures", ""),
		q("role without a definition", "user:cleo@example.com", get, "projects/pay", ""),
		q("after its time", "user:dora@example.com", get, "projects/pay", `,"context":{"request.time":"2026-06-01T00:00:00Z"}`),
		q("in its time", "user:dora@example.com", get, "projects/pay", `,"context":{"request.time":"2025-06-01T00:00:00Z"}`),
		q("without a time", "user:dora@example.com", get, "projects/pay", ``),
		q("bucket of nobody knows where", "user:bob@example.com", get, other, ""),
		q("what lies above was not read", "user:bob@example.com", get, "projects/deep", ""),
		q("granted all the same", "user:ann@example.com", get, "projects/deep", ""),
		q("brings its own", "user:bob@example.com", get, "projects/pay", `,"allowPolicies":[{"resource":"projects/pay","policy":{"bindings":[{"role":"r","members":["user:bob@example.com"]}]}}],"roles":[{"name":"r","includedPermissions":["`+get+`"]}]`),
	})
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	compare(t, got, map[string]string{"granted": "Allowed", "by number": "Allowed", "not granted": "ImplicitlyDenied", "denied": "ExplicitlyDenied", "excepted": "Allowed",
		"on a bucket": "Allowed", "role without a definition": "Unknown", "after its time": "ImplicitlyDenied", "in its time": "Allowed", "without a time": "Unknown",
		"bucket of nobody knows where": "Unknown", "what lies above was not read": "Unknown", "granted all the same": "Allowed", "brings its own": "Allowed"})
}

// TestAccessCheckGoogleCloudGaps: a policy that cannot be read leaves open what
// lies in its project, and nothing else.
func TestAccessCheckGoogleCloudGaps(t *testing.T) {
	export := gcpExport()
	export["broken.json"] = `[{"resource":"//storage.googleapis.com/broken","assetType":"storage.googleapis.com/Bucket","project":"projects/123","policy":{"bindings":"none"}}]`
	const pictures, topic = "//storage.googleapis.com/pictures", "//pubsub.googleapis.com/projects/pay/topics/t"
	var questions []string
	for id, resource := range map[string]string{"the project": "projects/pay", "its bucket": pictures, "its topic": topic} {
		questions = append(questions, `{"id":"`+id+`","principal":"user:bob@example.com","permission":"storage.objects.list","resource":"`+resource+`"}`)
	}
	questions = append(questions, `{"id":"granted","principal":"user:ann@example.com","permission":"storage.objects.get","resource":"`+topic+`"}`)
	delete(export, "deny.json")
	got, code, errs := asked(t, "gcp", export, questions)
	if code != 0 || !strings.Contains(errs, "not all of Google Cloud was read") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	compare(t, got, map[string]string{"the project": "ImplicitlyDenied", "its bucket": "Allowed", "its topic": "Unknown", "granted": "Allowed"})
}

func azureExport() map[string]string {
	const sub = "/subscriptions/22222222-2222-2222-2222-222222222222"
	return map[string]string{
		"subscriptions.json": `[{"id":"22222222-2222-2222-2222-222222222222","name":"Pay","state":"Enabled","tenantId":"11111111-1111-1111-1111-111111111111"}]`,
		"definitions.json": `[{"id":"` + sub + `/providers/Microsoft.Authorization/roleDefinitions/aaaaaaaa-0000-0000-0000-000000000001","name":"aaaaaaaa-0000-0000-0000-000000000001","roleName":"Operator","roleType":"BuiltInRole","type":"Microsoft.Authorization/roleDefinitions","assignableScopes":["/"],
			"permissions":[{"actions":["Microsoft.Compute/*"],"notActions":["Microsoft.Compute/*/delete"],"dataActions":["Microsoft.KeyVault/vaults/secrets/getSecret/action"]}]}]`,
		"assignments.json": `[{"id":"` + sub + `/providers/Microsoft.Authorization/roleAssignments/1","name":"1","principalId":"33333333-0000-0000-0000-000000000001","principalType":"ServicePrincipal","roleDefinitionId":"` + sub + `/providers/Microsoft.Authorization/roleDefinitions/aaaaaaaa-0000-0000-0000-000000000001","scope":"` + sub + `","type":"Microsoft.Authorization/roleAssignments"},
			{"id":"` + sub + `/providers/Microsoft.Authorization/roleAssignments/2","name":"2","principalId":"77777777-0000-0000-0000-000000000001","principalType":"Group","roleDefinitionId":"` + sub + `/providers/Microsoft.Authorization/roleDefinitions/aaaaaaaa-0000-0000-0000-000000000001","scope":"` + sub + `/resourceGroups/Pay","type":"Microsoft.Authorization/roleAssignments"}]`,
		"groups.json": `{"value":[{"id":"77777777-0000-0000-0000-000000000001","displayName":"Team","securityEnabled":true,"members":[{"@odata.type":"#microsoft.graph.user","id":"66666666-0000-0000-0000-000000000001"}]}]}`,
		"deny.json":   `{"value":[{"id":"` + sub + `/providers/Microsoft.Authorization/denyAssignments/d","type":"Microsoft.Authorization/denyAssignments","properties":{"denyAssignmentName":"stack","scope":"` + sub + `/resourceGroups/locked","permissions":[{"actions":["*/write"]}],"principals":[{"id":"00000000-0000-0000-0000-000000000000","type":"SystemDefined"}]}}]}`,
	}
}

func TestAccessCheckAzureState(t *testing.T) {
	const sub = "/subscriptions/22222222-2222-2222-2222-222222222222"
	q := func(id, principal, kind, action, scope string) string {
		return `{"id":"` + id + `","principal":"` + principal + `-0000-0000-0000-000000000001","` + kind + `":"` + action + `","scope":"` + scope + `"}`
	}
	const start, write = "Microsoft.Compute/virtualMachines/start/action", "Microsoft.Compute/virtualMachines/write"
	got, code, errs := asked(t, "azure", azureExport(), []string{
		q("granted", "33333333", "action", start, sub+"/resourceGroups/other"),
		q("taken out", "33333333", "action", "Microsoft.Compute/virtualMachines/delete", sub),
		q("data", "33333333", "dataAction", "Microsoft.KeyVault/vaults/secrets/getSecret/action", sub),
		q("data as none", "33333333", "action", "Microsoft.KeyVault/vaults/secrets/getSecret/action", sub),
		q("member", "66666666", "action", start, sub+"/resourcegroups/pay"),
		q("member elsewhere", "66666666", "action", start, sub),
		q("denied", "33333333", "action", write, sub+"/resourceGroups/locked"),
		q("another subscription", "33333333", "action", start, "/subscriptions/99999999-2222-2222-2222-222222222222"),
		`{"id":"directory","principal":"33333333-0000-0000-0000-000000000001","action":"microsoft.directory/users/create","target":""}`,
		`{"id":"permission","principal":"33333333-0000-0000-0000-000000000001","permission":"Application.ReadWrite.All"}`,
	})
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	compare(t, got, map[string]string{"granted": "Allowed", "taken out": "ImplicitlyDenied", "data": "Allowed", "data as none": "ImplicitlyDenied", "member": "Allowed", "member elsewhere": "ImplicitlyDenied",
		"denied": "ExplicitlyDenied", "another subscription": "Unknown", "directory": "Unknown", "permission": "Unknown"})
}

// TestAccessCheckCloudInventory asks the inventory by its realm.
func TestAccessCheckCloudInventory(t *testing.T) {
	dir, db := t.TempDir(), filepath.Join(t.TempDir(), "one.db")
	for name, text := range gcpExport() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), []string{"scan", "--db", db, "gcp=" + dir}, strings.NewReader(""), &out, &errs, os.Getenv); code != 0 && code != cli.ExitIncomplete {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	ask := []string{`{"id":"a","principal":"user:ann@example.com","permission":"storage.objects.get","resource":"projects/pay"}`,
		`{"id":"b","principal":"user:bob@example.com","permission":"storage.objects.get","resource":"projects/pay"}`}
	got, code, text := asked(t, "gcp", nil, ask, "--db", db, "--realm", "gcp:pay")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, text)
	}
	compare(t, got, map[string]string{"a": "Allowed", "b": "ImplicitlyDenied"})
	if got, _, _ = asked(t, "gcp", nil, ask, "--db", db); got["a"] != "Unknown" {
		t.Errorf("without a realm the inventory answered: %v", got)
	}
	for _, realm := range []string{"gcp:elsewhere", "gcp:google"} {
		if _, code, _ := asked(t, "gcp", nil, ask, "--db", db, "--realm", realm); code == 0 {
			t.Errorf("%s: no error", realm)
		}
	}
}
