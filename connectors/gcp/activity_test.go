package gcp

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/testkit"
)

// one decodes a record that has exactly one event.
func one(t *testing.T, record string) retinue.Event {
	t.Helper()
	evs, err := auditDecoder{}.decode([]byte(record))
	if err != nil || len(evs) != 1 {
		t.Fatalf("decode: %d events, %v", len(evs), err)
	}
	return evs[0]
}

const impersonated = `{"insertId":"abc","logName":"projects/pay/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-03-01T10:00:00.5Z",
 "resource":{"type":"gcs_bucket","labels":{"project_id":"pay","location":"eu"}},
 "protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"storage.googleapis.com","methodName":"storage.objects.get",
 "resourceName":"projects/_/buckets/ledger/objects/2026/q1.csv",
 "authenticationInfo":{"principalEmail":"deploy@pay.iam.gserviceaccount.com","principalSubject":"serviceAccount:deploy@pay.iam.gserviceaccount.com",
  "serviceAccountKeyName":"//iam.googleapis.com/projects/pay/serviceAccounts/first@pay.iam.gserviceaccount.com/keys/0123abcd",
  "serviceAccountDelegationInfo":[
   {"principalSubject":"principal://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/github/subject/repo:acme/shop:ref:refs/heads/main"},
   {"firstPartyPrincipal":{"principalEmail":"first@pay.iam.gserviceaccount.com"},"principalSubject":"serviceAccount:first@pay.iam.gserviceaccount.com"}]},
 "authorizationInfo":[{"permission":"storage.objects.get","granted":true,"resource":"projects/_/buckets/ledger/objects/2026/q1.csv"},
  {"permission":"storage.objects.getIamPolicy","resource":"projects/_/buckets/ledger"}],
 "requestMetadata":{"callerIp":"192.0.2.7","callerSuppliedUserAgent":"gcloud/1 interactive/True from-script/False"},"status":{}}}`

func TestAuditChain(t *testing.T) {
	ev := one(t, impersonated)
	account := retinue.NewRef("gcp:pay", "service_account", "deploy@pay.iam.gserviceaccount.com")
	for what, ok := range map[string]bool{
		"identity":   ev.Identity == account && !ev.Person,
		"credential": ev.Credential == retinue.NewRef("gcp:pay", "service_account_key", "first@pay.iam.gserviceaccount.com/0123abcd"),
		"join":       len(ev.Joins) == 1 && ev.Joins[0].Value == "gcp:0123abcd",
		"chain": len(ev.Via) == 2 && ev.Via[0].Key == "first@pay.iam.gserviceaccount.com" && ev.Via[1].Kind == "federated" &&
			ev.Via[1].Realm == "gcp:42",
		"pipeline": ev.Origin.Workload == retinue.NewRef("gcp:42", "pipeline", "repo:acme/shop:ref:refs/heads/main"),
		// The call went through: what it asked in vain was not needed.
		"action":   ev.Action == "storage.objects.get" && ev.More == nil && ev.Outcome == retinue.OutcomeSuccess,
		"resource": ev.Resource == retinue.NewRef("gcp:pay", "storage_bucket", "//storage.googleapis.com/projects/_/buckets/ledger"),
		"origin":   ev.Origin.Address.String() == "192.0.2.7" && ev.Origin.Interactive && ev.Region == "eu",
		"class":    ev.Class == retinue.EventData && ev.Log == "gcp.audit" && ev.Realm == "gcp:pay",
		"id":       ev.ID == "projects/pay/logs/cloudaudit.googleapis.com%2Fdata_access/1772359200500000000/abc",
	} {
		if !ok {
			t.Errorf("%s: %+v", what, ev)
		}
	}
	numbered, err := auditDecoder{numbers: map[string]string{"42": "ci"}}.decode([]byte(impersonated))
	if err != nil || numbered[0].Via[1].Realm != "gcp:ci" {
		t.Errorf("a number that is explained: %v, %v", numbered, err)
	}
}

// TestAuditEnvelope: the same entry has the same id whichever way it arrives.
func TestAuditEnvelope(t *testing.T) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(impersonated)); err != nil {
		t.Fatal(err)
	}
	pushed := one(t, fmt.Sprintf(`{"message":{"data":%q,"messageId":"7"},"subscription":"projects/pay/subscriptions/s"}`, base64.StdEncoding.EncodeToString(compact.Bytes())))
	if plain := one(t, impersonated); pushed.ID == "" || pushed.ID != plain.ID || pushed.Identity != plain.Identity {
		t.Errorf("pushed %q, read %q", pushed.ID, plain.ID)
	}
	if _, err := (auditDecoder{}).decode([]byte(`{"message":{"data":"%%"}}`)); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("bad base64: %v", err)
	}
}

// entryOf makes an entry of project pay.
func entryOf(log, method, payload string) string {
	return `{"insertId":"1","logName":"projects/pay/logs/cloudaudit.googleapis.com%2F` + log + `","timestamp":"2026-03-01T10:00:00Z","protoPayload":{"methodName":"` + method + `",` + payload + `}}`
}

func TestAuditTouches(t *testing.T) {
	account := retinue.NewRef("gcp:pay", "service_account", "job@pay.iam.gserviceaccount.com")
	key := retinue.NewRef("gcp:pay", "service_account_key", account.Key+"/k1")
	secret := retinue.NewRef("gcp:pay", "secretmanager_secret", "//secretmanager.googleapis.com/projects/pay/secrets/db")
	sink := retinue.NewRef("gcp:pay", "resource", "//logging.googleapis.com/projects/pay/sinks/all")
	project := retinue.NewRef("gcp:pay", "project", "projects/pay")
	for _, c := range []struct {
		name, method, payload string
		want                  []retinue.Touch
	}{
		{"create an account", "google.iam.admin.v1.CreateServiceAccount", `"serviceName":"iam.googleapis.com","resourceName":"projects/pay","response":{"email":"job@pay.iam.gserviceaccount.com"},
			"authorizationInfo":[{"permission":"iam.serviceAccounts.create","granted":true,"resource":"projects/pay"}]`,
			[]retinue.Touch{{Kind: retinue.TouchCreate, Target: account}}},
		{"create a key", "google.iam.admin.v1.CreateServiceAccountKey", `"serviceName":"iam.googleapis.com","resourceName":"projects/-/serviceAccounts/job@pay.iam.gserviceaccount.com",
			"response":{"name":"projects/pay/serviceAccounts/job@pay.iam.gserviceaccount.com/keys/k1"},"authorizationInfo":[{"permission":"iam.serviceAccountKeys.create","granted":true}]`,
			[]retinue.Touch{{Kind: retinue.TouchIssue, Target: account}, {Kind: retinue.TouchIssue, Target: key}}},
		{"read a secret", "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion", `"serviceName":"secretmanager.googleapis.com","resourceName":"projects/pay/secrets/db/versions/3",
			"authorizationInfo":[{"permission":"secretmanager.versions.access","granted":true,"resource":"projects/pay/secrets/db/versions/3"}]`,
			[]retinue.Touch{{Kind: retinue.TouchRead, Target: secret}}},
		{"delete a sink", "google.logging.v2.ConfigServiceV2.DeleteSink", `"serviceName":"logging.googleapis.com","resourceName":"projects/pay/sinks/all"`,
			[]retinue.Touch{{Kind: retinue.TouchSilence, Target: sink}}},
		{"exempt a member and open to all", "SetIamPolicy", `"serviceName":"cloudresourcemanager.googleapis.com","resourceName":"projects/pay",
			"serviceData":{"policyDelta":{"bindingDeltas":[{"action":"ADD","role":"roles/owner","member":"serviceAccount:job@pay.iam.gserviceaccount.com"},{"action":"ADD","role":"r","member":"allUsers"}],
			"auditConfigDeltas":[{"action":"ADD","exemptedMember":"user:a@example.com","service":"allServices"},{"action":"ADD","logType":"DATA_READ"}]}}`,
			[]retinue.Touch{{Kind: retinue.TouchEdit, Target: project}, {Kind: retinue.TouchEdit, Target: account}, {Kind: retinue.TouchExpose, Target: project}, {Kind: retinue.TouchSilence, Target: project}}},
		{"run as an account", "google.cloud.run.v1.Services.CreateService", `"serviceName":"run.googleapis.com","resourceName":"namespaces/pay/services/x",
			"request":{"service":{"spec":{"template":{"spec":{"serviceAccountName":"job@pay.iam.gserviceaccount.com"}}}}},"authorizationInfo":[{"permission":"run.services.create","granted":true}]`,
			[]retinue.Touch{{Kind: retinue.TouchRun, Target: account}}},
		{"nothing was done", "google.iam.admin.v1.CreateServiceAccountKey", `"status":{"code":7},"authorizationInfo":[{"permission":"iam.serviceAccountKeys.create"}]`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := one(t, entryOf("activity", c.method, c.payload)).Touches; fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("touches\n%v\nwant\n%v", got, c.want)
			}
		})
	}
}

func TestAuditCallers(t *testing.T) {
	for _, c := range []struct {
		info   string
		want   string
		person bool
	}{
		{`{"principalEmail":"Ada@Example.com"}`, "google:example.com/user/ada@example.com", true},
		{`{"principalSubject":"user:ada@example.com"}`, "google:example.com/user/ada@example.com", true},
		{`{"principalEmail":"7-compute@developer.gserviceaccount.com"}`, "gcp:7/service_account/7-compute@developer.gserviceaccount.com", false},
		{`{"principalSubject":"serviceAccount:pay.svc.id.goog[shop/web]"}`, "gcp:pay/federated/serviceAccount:pay.svc.id.goog[shop/web]", false},
		{`{"principalSubject":"principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/ada"}`,
			"gcp:pay/federated/principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/ada", true},
		{`{"principalEmail":"system:serviceaccount:shop:web"}`, "gcp:pay/kubernetes_subject/system:serviceaccount:shop:web", false},
		{`{"principalEmail":"system@google.com"}`, "", false},
		{`{}`, "", false},
	} {
		ev := one(t, entryOf("activity", "m", `"authenticationInfo":`+c.info))
		if ev.Identity.String() != c.want || ev.Person != c.person {
			t.Errorf("%s: %s, person %v", c.info, ev.Identity, ev.Person)
		}
	}
}

func TestAuditOutcomes(t *testing.T) {
	for _, c := range []struct {
		log, payload, action, reason string
		want                         retinue.Outcome
	}{
		{"activity", `"status":{"code":7},"authorizationInfo":[{"permission":"a.b.get","granted":true},{"permission":"a.b.set"}]`, "a.b.set", "PERMISSION_DENIED", retinue.OutcomeDenied},
		{"activity", `"status":{"code":5,"message":"no such thing"},"authorizationInfo":[{"permission":"a.b.get","granted":true}]`, "a.b.get", "NOT_FOUND", retinue.OutcomeError},
		{"policy", `"status":{}`, "", "POLICY", retinue.OutcomeDenied},
		{"activity", `"authorizationInfo":[{"permission":"a.b.get"}]`, "a.b.get", "NOT_GRANTED", retinue.OutcomeDenied},
		{"activity", `"serviceName":"x.googleapis.com"`, "", "", retinue.OutcomeSuccess},
	} {
		ev := one(t, entryOf(c.log, "m", c.payload))
		if ev.Outcome != c.want || ev.Reason != c.reason || ev.Action != c.action {
			t.Errorf("%s: %s %s %s", c.payload, ev.Action, ev.Outcome, ev.Reason)
		}
	}
}

// TestAuditOthers: what is no audit entry has no event, what is one of an
// unknown form is kept.
func TestAuditOthers(t *testing.T) {
	if evs, err := (auditDecoder{}).decode([]byte(`{"logName":"projects/pay/logs/stdout","textPayload":"hello","timestamp":"2026-03-01T10:00:00Z"}`)); err != nil || evs != nil {
		t.Errorf("another log: %v, %v", evs, err)
	}
	for _, record := range []string{``, `[]`, `{`, `{"a":1}`, `{"logName":"projects/pay/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"methodName":"m"}}`} {
		if _, err := (auditDecoder{}).decode([]byte(record)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%q: %v", record, err)
		}
	}
	ev := one(t, `{"insertId":"1","logName":"projects/pay/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-03-01T10:00:00Z","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.Later"}}`)
	if ev.Class != retinue.EventUnknown || len(ev.Raw) == 0 || ev.ID == "" {
		t.Errorf("a form to come: %+v", ev)
	}
}

// TestAuditSamples: what is expected of entries that a detection product
// collected, some of them shortened by hand.
func TestAuditSamples(t *testing.T) {
	want := map[int]string{
		0:  "google:company.com/user/some.user@company.com||compute.instances.create|success|1.2.3.4",
		3:  "google:serviceaccount.gcp.com/user/user1@serviceaccount.gcp.com|||denied|1.2.3.4",
		7:  "gcp:company/service_account/some-project@company.iam.gserviceaccount.com|a378358365ff3d22e9c1a72fecf4605ddff76b47|iam.serviceAccounts.signBlob|denied|1.2.3.4",
		13: "|||success|192.168.1.100",
		15: "gcp:platform/service_account/terraform@platform.iam.gserviceaccount.com|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|resourcemanager.organizations.setIamPolicy|success|100.100.100.100",
		22: "google:domain.com/user/user@domain.com||appengine.applications.update|success|12.12.12.12",
		38: "gcp:test-project/principal/service-111111111111-gs-project-accounts.iam.gserviceaccount.com|||error|invalid IP",
		79: "google:company.com/user/some.user@company.com|||error|1.2.3.4",
	}
	undecodable := map[int]bool{1: true, 23: true, 41: true, 60: true, 63: true, 76: true} // no time, or nothing but a method's name
	f, err := os.Open(testkit.Data(t, "cloudtrail/events-by-source/GCP.AuditLog.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n, attributed, silenced, passed := 0, 0, 0, 0
	for ; lines.Scan(); n++ {
		var sample struct{ Event json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &sample); err != nil {
			t.Fatal(err)
		}
		evs, err := auditDecoder{}.decode(sample.Event)
		if (err != nil) != undecodable[n] {
			t.Errorf("sample %d: %v", n, err)
		}
		if err != nil {
			continue
		}
		if len(evs) == 0 { // of a cluster: that is in the cluster's own log
			passed++
			continue
		}
		ev := evs[0]
		check(t, &ev)
		_, key, _ := strings.Cut(ev.Credential.Key, "/")
		got := strings.Join([]string{ev.Identity.String(), key, ev.Action, string(ev.Outcome), ev.Origin.Address.String()}, "|")
		if want[n] != "" && got != want[n] {
			t.Errorf("sample %d: %s\nwant %s", n, got, want[n])
		}
		if !ev.Identity.IsZero() {
			attributed++
		}
		for _, touch := range ev.Touches {
			if touch.Kind == retinue.TouchSilence {
				silenced++
			}
		}
	}
	if n != 84 || attributed != 60 || silenced != 2 || passed != 8 {
		t.Errorf("%d samples, %d say who, %d silence a log, %d are of a cluster", n, attributed, silenced, passed)
	}
}

// check fails where an event breaks the bounds or names something wrongly.
func check(t testing.TB, ev *retinue.Event) {
	t.Helper()
	refs := append([]retinue.Ref{ev.Identity, ev.Credential, ev.OnBehalfOf, ev.Resource, ev.Origin.Workload}, ev.Via...)
	for _, touch := range ev.Touches {
		refs = append(refs, touch.Target)
	}
	for _, r := range refs {
		if !r.IsZero() && r.Validate() != nil {
			t.Errorf("ref %v: %v", r, r.Validate())
		}
	}
	for _, s := range []string{ev.Action, ev.Operation, ev.Reason, ev.Region, ev.Origin.Agent, ev.Origin.Application} {
		if len(s) > retinue.MaxEventText || retinue.CleanName(s) != s {
			t.Errorf("text %q", s)
		}
	}
	if ev.Realm.Validate() != nil || ev.At.IsZero() || (ev.ID == "") != (ev.Digest != [16]byte{}) || len(ev.ID) > retinue.MaxEventIDLength || len(ev.Via) > retinue.MaxEventVia ||
		len(ev.More) > retinue.MaxEventActions || len(ev.Touches) > retinue.MaxEventTouches || (ev.Raw != nil) != (ev.Class == retinue.EventUnknown) {
		t.Errorf("event %+v", ev)
	}
}

func FuzzAuditDecode(f *testing.F) {
	f.Add([]byte(impersonated))
	f.Add([]byte(entryOf("activity", "SetIamPolicy", `"serviceData":{"policyDelta":{"bindingDeltas":[{"member":"principal://iam.googleapis.com/projects/1/x"}]}}`)))
	f.Add([]byte(entryOf("data_access", "x", `"resourceName":"projects/p/locations/l/keyRings/a/cryptoKeys/b","authenticationInfo":{"principalEmail":"@"}`)))
	f.Add([]byte(`{"message":{"data":"e30="}}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		evs, err := auditDecoder{numbers: map[string]string{"1": "one"}}.decode(record)
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error of another kind: %v", err)
		}
		for i := range evs {
			check(t, &evs[i])
		}
	})
}

// TestAuditPage: the connector's page names every blind spot, option and example
// of the log.
func TestAuditPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/connectors/gcp.md")
	if err != nil {
		t.Fatal(err)
	}
	a := Spec().Activity
	var texts []string
	for _, e := range a.Examples {
		texts = append(texts, e.Form, e.Help)
	}
	for _, log := range a.Logs {
		texts = append(texts, "`"+log.Name+"`")
		for _, b := range log.BlindSpots {
			texts = append(texts, "`"+b.Code+"`", b.Text, b.Raise, b.Cost)
		}
	}
	for _, text := range texts {
		if !strings.Contains(string(raw), text) {
			t.Errorf("the page lacks: %s", text)
		}
	}
}
