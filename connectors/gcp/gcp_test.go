package gcp_test

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
	"github.com/retinue-id/retinue/connectors/gcp"
	"github.com/retinue-id/retinue/internal/testkit"
)

const realm = retinue.Realm("gcp:pay-prod")

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

// planted is a key's material, built here so that none stands in the
// repository.
func planted() string { return strings.Join([]string{"Qm9", "zT1", "xK7", "vR3", "pL5"}, "w") }

const (
	project  = `[{"projectId":"pay-prod","projectNumber":"123456","name":"Pay","lifecycleState":"ACTIVE","parent":{"type":"folder","id":"77"},"labels":{"owner":"ada@example.com"}}]`
	accounts = `[{"name":"projects/pay-prod/serviceAccounts/deploy@pay-prod.iam.gserviceaccount.com","projectId":"pay-prod","email":"deploy@pay-prod.iam.gserviceaccount.com","uniqueId":"42","displayName":"Deploys"},
		{"name":"projects/pay-prod/serviceAccounts/123456-compute@developer.gserviceaccount.com","projectId":"pay-prod","email":"123456-compute@developer.gserviceaccount.com","uniqueId":"43","disabled":true}]`
	pools     = `[{"name":"projects/123456/locations/global/workloadIdentityPools/ci","state":"ACTIVE"}]`
	providers = `[{"name":"projects/123456/locations/global/workloadIdentityPools/ci/providers/gh","state":"ACTIVE","attributeCondition":"assertion.repository_owner == 'acme'","attributeMapping":{"google.subject":"assertion.sub"},"oidc":{"issuerUri":"https://token.actions.githubusercontent.com"}}]`
	policies  = `[{"resource":"//cloudresourcemanager.googleapis.com/projects/pay-prod","assetType":"cloudresourcemanager.googleapis.com/Project","project":"projects/123456","policy":{"bindings":[
			{"role":"roles/editor","members":["serviceAccount:deploy@pay-prod.iam.gserviceaccount.com","user:ada@example.com","group:ops@example.com"]},
			{"role":"roles/viewer","members":["user:ada@example.com"],"condition":{"expression":"request.time < timestamp('2027-01-01T00:00:00Z')","title":"t"}},
			{"role":"projects/pay-prod/roles/reader","members":["allUsers","deleted:user:gone@example.com?uid=1"]}]}},
		{"resource":"//iam.googleapis.com/projects/pay-prod/serviceAccounts/42","assetType":"iam.googleapis.com/ServiceAccount","project":"projects/123456","policy":{"bindings":[
			{"role":"roles/iam.workloadIdentityUser","members":["principal://iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/ci/subject/repo:acme/web:ref:refs/heads/main","serviceAccount:pay-prod.svc.id.goog[shop/web]"]},
			{"role":"roles/iam.serviceAccountTokenCreator","members":["user:ada@example.com"]}]}},
		{"resource":"//storage.googleapis.com/pictures","assetType":"storage.googleapis.com/Bucket","project":"projects/123456","policy":{"bindings":[{"role":"roles/storage.objectViewer","members":["projectViewer:pay-prod"]}]}}]`
	roles = `[{"name":"roles/editor","title":"Editor","includedPermissions":["a.b.c"],"stage":"GA"},{"name":"projects/pay-prod/roles/reader","title":"Reader","includedPermissions":["x.y.z"]},{"name":"roles/viewer","title":"Viewer"}]`
	deny  = `{"name":"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F123456/denypolicies/no","kind":"DenyPolicy","displayName":"No","rules":[{"denyRule":{"deniedPrincipals":["principalSet://goog/public:all"],"deniedPermissions":["iam.googleapis.com/roles.update"]}}]}`
	vm    = `{"name":"//compute.googleapis.com/projects/pay-prod/zones/z/instances/web","assetType":"compute.googleapis.com/Instance","ancestors":["projects/123456"],"resource":{"version":"v1","data":{"name":"web","labels":{"team":"pay"},"serviceAccounts":[{"email":"deploy@pay-prod.iam.gserviceaccount.com","scopes":["x"]}]}}}`
)

func keys() string {
	return `[{"name":"projects/pay-prod/serviceAccounts/deploy@pay-prod.iam.gserviceaccount.com/keys/0a1b2c","keyType":"USER_MANAGED","keyOrigin":"GOOGLE_PROVIDED","keyAlgorithm":"KEY_ALG_` + `RSA_2048","validAfterTime":"2024-01-02T03:04:05Z","validBeforeTime":"9999-12-31T23:59:59Z","privateKeyData":"` + planted() + `"},
		{"name":"projects/pay-prod/serviceAccounts/deploy@pay-prod.iam.gserviceaccount.com/keys/ffff","keyType":"SYSTEM_MANAGED","keyAlgorithm":"KEY_ALG_` + `RSA_2048","validAfterTime":"2026-11-01T00:00:00Z","validBeforeTime":"2026-12-01T00:00:00Z"}]`
}

func whole(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{"project.json": project, "accounts.json": accounts, "keys.json": keys(), "pools.json": pools, "providers.json": providers, "policies.json": policies,
		"roles.json": roles, "deny.json": deny, "assets.jsonl": vm + "\n", "empty.json": "[]", "notes.txt": "not read",
		"key.json": `{"type":"service_account","project_id":"pay-prod","private_key":"` + planted() + `"}`}
}

func open(path string, options map[string]string) func(testing.TB, connector.Env) connector.Connector {
	return connectortest.OpenSpec(gcp.Spec(), connector.Config{Name: "test", Target: path, Options: options})
}

func TestConformance(t *testing.T) {
	dir := write(t, whole(t))
	broken := whole(t)
	broken["policies.json"] = policies[:len(policies)*2/3]
	same := whole(t)
	delete(same, "accounts.json")
	for i, a := range []string{"deploy@pay-prod.iam.gserviceaccount.com", "123456-compute@developer.gserviceaccount.com"} {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(accounts), &list); err != nil {
			t.Fatal(err)
		}
		same["assets.jsonl"] += `{"name":"//iam.googleapis.com/projects/pay-prod/serviceAccounts/` + a + `","assetType":"iam.googleapis.com/ServiceAccount","ancestors":["projects/123456"],"resource":{"data":` + strings.ReplaceAll(string(list[i]), "\n", "") + "}}\n"
	}
	connectortest.Run(t, connectortest.Subject{
		Spec: gcp.Spec(), Open: open(dir, nil), Named: connectortest.NameSpec(gcp.Spec(), connector.Config{Target: dir}),
		Broken: open(write(t, broken), nil), Same: open(write(t, same), nil), Secrets: []string{planted()},
	})
}

func stated(r *connectortest.Result, f retinue.Fact) bool {
	enc, _ := retinue.MarshalFact(f)
	return slices.ContainsFunc(r.Emitted, func(e connectortest.Emitted) bool {
		got, _ := retinue.MarshalFact(e.Fact)
		return string(got) == string(enc)
	})
}

func TestFacts(t *testing.T) {
	r := connectortest.Discover(t, open(write(t, whole(t)), nil)(t, connectortest.Env(t)))
	deploy := retinue.NewRef(realm, "service_account", "deploy@pay-prod.iam.gserviceaccount.com")
	node := retinue.NewRef(realm, "project", "projects/pay-prod")
	ada := retinue.NewRef("google:example.com", "user", "ada@example.com")
	policy := retinue.NewRef(realm, "allow_policy", "projects/pay-prod")
	subject := "principal://iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/ci/subject/repo:acme/web:ref:refs/heads/main"
	saPolicy := retinue.NewRef(realm, "allow_policy", "//iam.googleapis.com/projects/pay-prod/serviceAccounts/42")
	for _, f := range []retinue.Fact{
		retinue.Attachment{Policy: policy, Target: node, Role: retinue.AttachResource},
		retinue.Attachment{Policy: retinue.NewRef("gcp:google", "role", "roles/editor"), Target: deploy, Role: retinue.AttachIdentity, Within: node, Via: policy},
		retinue.Attachment{Policy: retinue.NewRef("gcp:google", "role", "roles/viewer"), Target: ada, Role: retinue.AttachIdentity, Within: node, Via: policy,
			Options: retinue.Attrs{"conditions": []string{"request.time < timestamp('2027-01-01T00:00:00Z')"}}},
		retinue.Trust{Subject: deploy, Kind: retinue.TrusteeFederated, Trustee: retinue.NewRef(realm, "federated", subject), Name: subject, Via: saPolicy,
			Federation: &retinue.Federation{Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:acme/web:ref:refs/heads/main"}},
		retinue.Trust{Subject: deploy, Kind: retinue.TrusteePrincipal, Trustee: ada, Name: "user:ada@example.com", Via: saPolicy},
		retinue.OwnerSignal{Subject: node, Candidate: "ada@example.com", Signal: "label", Quote: "owner=ada@example.com"},
		retinue.Attachment{Policy: retinue.NewRef(realm, "deny_policy", "policies/cloudresourcemanager.googleapis.com%2Fprojects%2F123456/denypolicies/no"), Target: node, Role: retinue.AttachDeny},
	} {
		if !stated(r, f) {
			enc, _ := retinue.MarshalFact(f)
			t.Errorf("not stated: %s", enc)
		}
	}
	key := connectortest.Get[retinue.Credential](t, r, "service_account_key", deploy.Key+"/0a1b2c")
	if !key.NeverExpires || key.Bits != 2048 || key.Identity != deploy || key.Joins[0].Value != "gcp:0a1b2c" {
		t.Errorf("key: %+v", key)
	}
	if k := connectortest.Get[retinue.Credential](t, r, "service_account_key", deploy.Key+"/ffff"); k.Managed != retinue.ManagedByProvider || k.ExpiresAt.IsZero() {
		t.Errorf("Google's key: %+v", k)
	}
	if id := connectortest.Get[retinue.Identity](t, r, "service_account", "123456-compute@developer.gserviceaccount.com"); id.State != retinue.StateDisabled || id.Managed != retinue.ManagedByPlatform || id.Ref.Realm != realm {
		t.Errorf("default account: %+v", id)
	}
	if c := connectortest.Get[retinue.Container](t, r, "project", "projects/pay-prod"); c.Parent.Key != "folders/77" || c.Attrs["number"] != "123456" {
		t.Errorf("project: %+v", c)
	}
	if w := connectortest.Get[retinue.Resource](t, r, "compute_instance", "//compute.googleapis.com/projects/pay-prod/zones/z/instances/web"); len(w.RunsAs) != 1 || w.RunsAs[0] != deploy {
		t.Errorf("machine: %+v", w)
	}
	if b := connectortest.Get[retinue.Resource](t, r, "storage_bucket", "//storage.googleapis.com/projects/_/buckets/pictures"); b.Container != node || b.Attrs["assetType"] != "storage.googleapis.com/Bucket" {
		t.Errorf("bucket: %+v", b)
	}
	for _, a := range connectortest.All[retinue.Attachment](r) {
		if strings.Contains(a.Target.Key, "gone@") {
			t.Errorf("a deleted member is attached: %+v", a)
		}
	}
	for _, path := range []string{"project", "iam/service-accounts", "iam/service-account-keys/deploy@pay-prod.iam.gserviceaccount.com", "iam/roles", "iam/policies", "iam/deny-policies", "iam/workload-identity-pools", "iam/workload-identity-providers/ci"} {
		if _, ok := r.Completed[retinue.NewScope(realm, strings.Split(path, "/")...)]; !ok {
			t.Errorf("scope %s is not complete: %v", path, r.Problems)
		}
	}
}

// lastUses is what `gcloud policy-intelligence query-activity` prints of both
// types.
const lastUses = `[{"activity":{"lastAuthenticatedTime":"2026-01-27T08:00:00Z","serviceAccount":{"fullResourceName":"//iam.googleapis.com/projects/pay-prod/serviceAccounts/deploy@pay-prod.iam.gserviceaccount.com","projectNumber":"123456","serviceAccountId":"42"}},
		"activityType":"serviceAccountLastAuthentication","fullResourceName":"//iam.googleapis.com/projects/pay-prod/serviceAccounts/deploy@pay-prod.iam.gserviceaccount.com","observationPeriod":{"endTime":"2026-02-20T08:00:00Z","startTime":"2025-11-01T08:00:00Z"}},
	{"activity":{"serviceAccount":{"projectNumber":"123456","serviceAccountId":"43"}},
		"activityType":"serviceAccountLastAuthentication","fullResourceName":"//iam.googleapis.com/projects/pay-prod/serviceAccounts/123456-compute@developer.gserviceaccount.com","observationPeriod":{"endTime":"2026-02-20T08:00:00Z","startTime":"2025-11-01T08:00:00Z"}},
	{"activity":{"lastAuthenticatedTime":"2026-01-26T08:00:00Z","serviceAccountKey":{"fullResourceName":"//iam.googleapis.com/projects/pay-prod/serviceAccounts/42/keys/0a1b2c","projectNumber":"123456"}},
		"activityType":"serviceAccountKeyLastAuthentication","fullResourceName":"//iam.googleapis.com/projects/pay-prod/serviceAccounts/42/keys/0a1b2c","observationPeriod":{"endTime":"2026-02-20T08:00:00Z","startTime":"2025-11-01T08:00:00Z"}}]`

// TestLastAuthentications: what Activity Analyzer says is weak evidence of use of
// an account and of a key; what did not authenticate while it watched is counted
// and not said to have never done so.
func TestLastAuthentications(t *testing.T) {
	files := whole(t)
	files["use.json"] = lastUses
	r := connectortest.Discover(t, open(write(t, files), nil)(t, connectortest.Env(t)))
	observed := retinue.Attrs{"observedFrom": "2025-11-01T08:00:00Z", "observedTo": "2026-02-20T08:00:00Z"}
	use := func(kind, key string, day int) retinue.Use {
		return retinue.Use{Subject: retinue.NewRef(realm, kind, key), Meaning: "last_authenticated", At: time.Date(2026, 1, day, 8, 0, 0, 0, time.UTC), Precision: 86400, Grade: retinue.GradeC, Attrs: observed}
	}
	email := "deploy@pay-prod.iam.gserviceaccount.com"
	for _, u := range []retinue.Use{use("service_account", email, 27), use("service_account_key", email+"/0a1b2c", 26)} {
		if !stated(r, u) {
			t.Errorf("not stated: %+v in %+v", u, connectortest.All[retinue.Use](r))
		}
	}
	if n := len(connectortest.All[retinue.Use](r)); n != 2 {
		t.Errorf("%d uses, want 2", n)
	}
	connectortest.Get[retinue.Credential](t, r, "service_account_key", email+"/0a1b2c") // the key of which the use is
	if !slices.ContainsFunc(r.NotesOf(connector.NoteFold), func(n connector.Note) bool {
		return n.Count == 1 && strings.Contains(n.Text, "does not say whether they ever did")
	}) {
		t.Errorf("the silent account is not told: %+v", r.Notes)
	}
	page := `{"activities":` + lastUses + `,"nextPageToken":"x"}`
	delete(files, "use.json")
	files["page.json"] = page
	if uses := connectortest.All[retinue.Use](connectortest.Discover(t, open(write(t, files), nil)(t, connectortest.Env(t)))); len(uses) != 2 {
		t.Errorf("a page of the API gave %d uses", len(uses))
	}
}

func TestPolicyWithoutAName(t *testing.T) {
	text := `{"bindings":[{"role":"roles/owner","members":["user:ada@example.com"]}],"etag":"e","version":1}`
	c := open(write(t, map[string]string{"p.json": text}), nil)(t, connectortest.Env(t))
	if _, err := c.Check(t.Context()); !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "resource=") {
		t.Errorf("check: %v", err)
	}
	r := connectortest.Discover(t, open(write(t, map[string]string{"p.json": text}), map[string]string{"resource": "projects/pay-prod"})(t, connectortest.Env(t)))
	if p := connectortest.Get[retinue.Policy](t, r, "allow_policy", "projects/pay-prod"); p.Ref.Realm != realm || p.Document == "" {
		t.Errorf("%+v", p)
	}
}

// TestUnplaced: a bucket's name does not tell its project; without it nothing
// is stated of it.
func TestUnplaced(t *testing.T) {
	files := whole(t)
	files["bucket.json"] = `[{"resource":"//storage.googleapis.com/lost","assetType":"storage.googleapis.com/Bucket","policy":{"bindings":[{"role":"roles/viewer","members":["allUsers"]}]}}]`
	r := connectortest.Discover(t, open(write(t, files), nil)(t, connectortest.Env(t)))
	if !slices.ContainsFunc(r.NotesOf(connector.NoteWarning), func(n connector.Note) bool { return strings.Contains(n.Text, "which project they lie") }) {
		t.Errorf("nothing is said of it: %v", r.Notes)
	}
	if strings.Contains(r.Dump(), "buckets/lost") {
		t.Error("stated in some realm")
	}
}

// TestAnOrganisationsExportListsItsProjects: only an export that holds the
// organisation and projects in one file was made of all of it, and only to its end.
func TestAnOrganisationsExportListsItsProjects(t *testing.T) {
	organisation := `{"name":"//cloudresourcemanager.googleapis.com/organizations/12","assetType":"cloudresourcemanager.googleapis.com/Organization","ancestors":["organizations/12"],"resource":{"data":{"name":"organizations/12","displayName":"example.com","state":"ACTIVE"}}}` + "\n"
	project := `{"name":"//cloudresourcemanager.googleapis.com/projects/123456","assetType":"cloudresourcemanager.googleapis.com/Project","ancestors":["projects/123456","organizations/12"],"resource":{"data":{"projectId":"pay-prod","projectNumber":"123456","name":"projects/123456","lifecycleState":"ACTIVE","parent":{"type":"organization","id":"12"}}}}` + "\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"together":        {map[string]string{"a.jsonl": organisation + project}, true},
		"the other way":   {map[string]string{"a.jsonl": project + organisation}, true},
		"no project":      {map[string]string{"a.jsonl": organisation}, false},
		"no organisation": {map[string]string{"a.jsonl": project}, false},
		"two exports":     {map[string]string{"a.jsonl": organisation, "b.jsonl": project}, false},
		"cut":             {map[string]string{"a.jsonl": organisation + project + project[:40]}, false},
	} {
		r := connectortest.Discover(t, open(write(t, c.files), nil)(t, connectortest.Env(t)))
		_, got := r.Completed[retinue.NewScope("gcp:organizations/12", retinue.SystemsListed)]
		if got != c.want {
			t.Errorf("%s: completed %v: %v", name, got, r.Completed)
		}
	}
}

func TestNothingRecognised(t *testing.T) {
	for _, text := range []string{`{"hello":1}`, `[]`, `{"truncated":`, `{"type":"service_account","private_key":"` + planted() + `"}`} {
		c := open(write(t, map[string]string{"p.json": text}), nil)(t, connectortest.Env(t))
		if _, err := c.Check(t.Context()); !errors.Is(err, retinue.ErrInvalid) || strings.Contains(err.Error(), planted()) {
			t.Errorf("%.20s: %v", text, err)
		}
	}
}

// TestVendorShapes reads real shapes of Google's APIs.
func TestVendorShapes(t *testing.T) {
	for name, wants := range map[string]map[string]int{
		"iam.json": {"role": 1}, "policy_bindings.json": {"service_account": 1, "role": 1}, "workload_identity.json": {"workload_identity_pool": 1, "workload_identity_provider": 1}, "crm.json": {"project": 1, "folder": 1, "organization": 1},
	} {
		raw, err := os.ReadFile(testkit.Data(t, "vendor-fixtures/gcp/"+name))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for k, v := range all {
			var nested map[string]json.RawMessage
			if strings.HasPrefix(k, "LIST_WORKLOAD_IDENTITY_PROVIDERS") && json.Unmarshal(v, &nested) == nil {
				for pool, page := range nested {
					files[strings.ReplaceAll(k+pool, "/", "_")+".json"] = string(page)
				}
				continue
			}
			files[k+".json"] = string(v)
		}
		r := connectortest.Discover(t, open(write(t, files), nil)(t, connectortest.Env(t)))
		got := map[string]int{}
		for _, e := range r.Emitted {
			got[e.Fact.FactRef().Kind]++
		}
		for kind, least := range wants {
			if got[kind] < least {
				t.Errorf("%s: %d of kind %s, want at least %d: %v", name, got[kind], kind, least, got)
			}
		}
	}
}

func TestPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/connectors/gcp.md")
	if err != nil {
		t.Fatal(err)
	}
	page, s := string(raw), gcp.Spec()
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
