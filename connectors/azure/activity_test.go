package azure

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/testkit"
)

const (
	tenant  = "11111111-1111-1111-1111-111111111111"
	realm   = retinue.Realm("azure:" + tenant)
	sp      = "22222222-2222-2222-2222-222222222222"
	app     = "33333333-3333-3333-3333-333333333333"
	keyGUID = "44444444-4444-4444-4444-444444444444"
	vm      = "/subscriptions/55555555-5555-5555-5555-555555555555/resourceGroups/Pay/providers/Microsoft.Compute/virtualMachines/Web"
	account = "/subscriptions/55555555-5555-5555-5555-555555555555/resourceGroups/Pay/providers/Microsoft.Storage/storageAccounts/ledger"
)

func one(t *testing.T, record string) retinue.Event {
	t.Helper()
	evs, err := logDecoder{}.decode([]byte(record))
	if err != nil || len(evs) != 1 {
		t.Fatalf("decode: %d events, %v", len(evs), err)
	}
	check(t, &evs[0])
	return evs[0]
}

// compare fails where the named parts of an event are not as wanted.
func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %s\nwant %s", k, got[k], v)
		}
	}
}

func parts(ev *retinue.Event) map[string]string {
	return map[string]string{"log": ev.Log, "class": string(ev.Class), "who": ev.Identity.String(), "person": fmt.Sprint(ev.Person), "credential": ev.Credential.String(), "joins": fmt.Sprint(ev.Joins),
		"via": fmt.Sprint(ev.Via), "for": ev.OnBehalfOf.String(), "action": ev.Action, "operation": ev.Operation, "resource": ev.Resource.String(),
		"outcome": strings.TrimSuffix(string(ev.Outcome)+" "+ev.Reason, " "), "address": ev.Origin.Address.String(), "workload": ev.Origin.Workload.String(), "touches": fmt.Sprint(ev.Touches), "id": ev.ID}
}

// TestActivityForms: a call reads the same from the API and from an export.
func TestActivityForms(t *testing.T) {
	claims := `{"http://schemas.microsoft.com/identity/claims/objectidentifier":"` + sp + `","appid":"` + app + `","idtyp":"app","xms_mirid":"` + vm + `"}`
	api := one(t, `{"eventTimestamp":"2026-03-01T10:00:00Z","eventDataId":"E1","caller":"`+sp+`","authorization":{"action":"Microsoft.Storage/storageAccounts/listKeys/action","scope":"`+account+`"},
		"claims":`+claims+`,"category":{"value":"Administrative"},"operationName":{"value":"Microsoft.Storage/storageAccounts/listKeys/action"},"resourceId":"`+account+`","status":{"value":"Succeeded"},
		"httpRequest":{"clientIpAddress":"192.0.2.9"},"tenantId":"`+tenant+`"}`)
	export := one(t, `{"time":"2026-03-01T10:00:00Z","resourceId":"`+strings.ToUpper(account)+`","operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","category":"Administrative",
		"resultType":"Success","resultSignature":"Succeeded.OK","callerIpAddress":"192.0.2.9","identity":{"authorization":{"scope":"`+account+`","action":"Microsoft.Storage/storageAccounts/listKeys/action"},"claims":`+claims+`},
		"tenantId":"`+tenant+`"}`)
	key := string(realm) + "/storage_storage_accounts/" + strings.ToLower(account)
	want := map[string]string{"who": string(realm) + "/service_principal/" + sp, "person": "false", "action": "microsoft.storage/storageaccounts/listkeys/action", "operation": "", "resource": key,
		"outcome": "success", "address": "192.0.2.9", "workload": string(realm) + "/compute_virtual_machines/" + strings.ToLower(vm), "touches": "[{read " + key + "}]", "log": LogActivity}
	compare(t, parts(&api), want)
	compare(t, parts(&export), want)
	if api.ID != "e1" || export.ID != "" {
		t.Errorf("ids %q and %q", api.ID, export.ID)
	}
}

func TestActivityCallersAndOutcomes(t *testing.T) {
	record := func(rest string) string {
		return `{"time":"2026-03-01T10:00:00Z","tenantId":"` + tenant + `","category":"Administrative","operationName":"Microsoft.Authorization/roleAssignments/write","resourceId":"/subscriptions/55555555-5555-5555-5555-555555555555/providers/Microsoft.Authorization/roleAssignments/r",` + rest + `}`
	}
	subscription := string(realm) + "/subscription//subscriptions/55555555-5555-5555-5555-555555555555"
	ev := one(t, record(`"resultType":"Success","identity":{"claims":{"oid":"`+sp+`","upn":"ada@example.com","appid":"`+app+`"}},
		"properties":{"requestbody":"{\"Properties\":{\"PrincipalId\":\"`+keyGUID+`\",\"PrincipalType\":\"ServicePrincipal\"}}"}`))
	compare(t, parts(&ev), map[string]string{"who": string(realm) + "/user/" + sp, "person": "true", "via": "[" + string(realm) + "/client/" + app + "]", "resource": subscription,
		"touches": "[{edit " + string(realm) + "/service_principal/" + keyGUID + "} {edit " + subscription + "}]"})
	for rest, want := range map[string]string{
		`"resultType":"Start"`: "unknown",
		`"resultType":"Failure","resultSignature":"Failed.Forbidden"`:                          "denied Failed.Forbidden",
		`"resultType":"Failure","resultSignature":"Failed.Conflict"`:                           "error Failed.Conflict",
		`"resultType":"Failure","resultSignature":"x","properties":{"statusCode":"Forbidden"}`: "denied x Forbidden",
		`"status":{"value":"Failed"},"subStatus":{"value":"Unauthorized"}`:                     "denied Unauthorized",
		`"resultType":"Accept"`: "success",
	} {
		ev := one(t, record(rest))
		compare(t, parts(&ev), map[string]string{"outcome": want})
		if ev.Outcome != retinue.OutcomeSuccess && ev.Touches != nil {
			t.Errorf("%s: touched %v", rest, ev.Touches)
		}
	}
	if ev := one(t, strings.Replace(record(`"resultType":"Success"`), "Administrative", "Policy", 1)); ev.Class != retinue.EventInsight || ev.Action != "" {
		t.Errorf("what Azure Policy saw: %+v", ev)
	}
}

func TestSignIns(t *testing.T) {
	graph := func(rest string) string {
		return `{"id":"S1","createdDateTime":"2026-03-01T10:00:00Z","appId":"` + app + `","resourceId":"00000003-0000-0000-c000-000000000000","resourceDisplayName":"Microsoft Graph","resourceTenantId":"` + tenant + `","ipAddress":"192.0.2.3",` + rest + `}`
	}
	export := func(category, rest string) string {
		return `{"time":"2026-03-01T10:00:01Z","resourceId":"/tenants/` + tenant + `/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"` + category + `","tenantId":"` + tenant + `","resultType":"0","properties":` + graph(rest) + `}`
	}
	principal := `"servicePrincipalId":"` + sp + `","servicePrincipalCredentialKeyId":"` + keyGUID + `","clientCredentialType":"clientSecret","status":{"errorCode":0}`
	certificate := strings.Replace(principal, `"clientCredentialType":"clientSecret"`, `"servicePrincipalCredentialThumbprint":"AB12"`, 1)
	who, join := string(realm)+"/service_principal/"+sp, "[{provider_id azure:"+keyGUID+"}]"
	for name, c := range map[string]struct {
		record string
		want   map[string]string
	}{
		"a secret, of Graph":       {graph(principal), map[string]string{"who": who, "credential": string(realm) + "/client_secret/" + keyGUID, "joins": join, "outcome": "success", "person": "false", "id": "s1"}},
		"a secret, exported":       {export("ServicePrincipalSignInLogs", principal), map[string]string{"who": who, "credential": string(realm) + "/client_secret/" + keyGUID, "joins": join, "id": "s1"}},
		"a certificate":            {graph(certificate), map[string]string{"credential": string(realm) + "/certificate/" + keyGUID, "joins": join}},
		"which of both, not told":  {graph(strings.Replace(principal, `"clientCredentialType":"clientSecret",`, "", 1)), map[string]string{"credential": "", "joins": join}},
		"a wrong secret":           {graph(strings.Replace(principal, `"errorCode":0`, `"errorCode":7000215`, 1)), map[string]string{"outcome": "denied AADSTS7000215"}},
		"a federated credential":   {graph(`"servicePrincipalId":"` + sp + `","federatedCredentialId":"F1","clientCredentialType":"federatedIdentityCredential","status":{"errorCode":0}`), map[string]string{"credential": string(realm) + "/federated_credential/f1"}},
		"a managed identity":       {export("ManagedIdentitySignInLogs", `"servicePrincipalId":"`+sp+`","managedServiceIdentity":{"msiType":"systemAssigned","associatedResourceId":"`+vm+`"},"status":{"errorCode":0}`), map[string]string{"who": who, "workload": string(realm) + "/compute_virtual_machines/" + strings.ToLower(vm)}},
		"an app acting for a user": {export("NonInteractiveUserSignInLogs", `"userId":"`+keyGUID+`","userPrincipalName":"ada@example.com","isInteractive":false,"status":{"errorCode":0}`), map[string]string{"who": string(realm) + "/user/" + keyGUID, "person": "true", "via": "[" + string(realm) + "/client/" + app + "]"}},
		"an agent for a user":      {graph(`"userId":"` + keyGUID + `","agent":{"agentType":"agenticAppInstance"},"status":{"errorCode":0}`), map[string]string{"who": string(realm) + "/client/" + app, "person": "false", "for": string(realm) + "/user/" + keyGUID}},
		"a second factor asked":    {graph(`"userId":"` + keyGUID + `","status":{"errorCode":50076}`), map[string]string{"outcome": "error AADSTS50076"}},
	} {
		t.Run(name, func(t *testing.T) {
			ev := one(t, c.record)
			compare(t, parts(&ev), c.want)
			compare(t, parts(&ev), map[string]string{"log": LogSignIn, "class": "sign_in", "address": "192.0.2.3", "resource": string(realm) + "/client/00000003-0000-0000-c000-000000000000"})
		})
	}
}

func TestDirectory(t *testing.T) {
	record := func(activity, rest string) string {
		return `{"id":"D1","activityDateTime":"2026-03-01T10:00:00Z","activityDisplayName":"` + activity + `","result":"success","tenantId":"` + tenant + `","initiatedBy":{"app":{"servicePrincipalId":"` + sp + `","displayName":"ci"}},` + rest + `}`
	}
	application := string(realm) + "/application/" + app
	secret := record("Update application \u2013 Certificates and secrets management ", `"targetResources":[{"id":"`+app+`","type":"Application","modifiedProperties":[{"displayName":"KeyDescription","oldValue":"[]",
		"newValue":"[\"[KeyIdentifier=`+keyGUID+`,KeyType=Password,KeyUsage=Verify,DisplayName=ci]\"]"}]}]`)
	ev := one(t, secret)
	compare(t, parts(&ev), map[string]string{"log": LogDirectory, "who": string(realm) + "/service_principal/" + sp, "person": "false", "resource": application, "outcome": "success",
		"touches": "[{issue " + application + "} {issue " + string(realm) + "/client_secret/" + keyGUID + "}]"})
	for activity, want := range map[string]string{"Add owner to application": "edit", "Consent to application": "edit", "Delete application": "delete", "Add service principal": "create",
		"Disable account": "disable", "Reset user password": "rotate", "Add member to role": "edit", "Add app role assignment to service principal": "edit", "Hard Delete application": "delete"} {
		ev := one(t, record(activity, `"targetResources":[{"id":"`+app+`","type":"Application"}]`))
		compare(t, parts(&ev), map[string]string{"touches": "[{" + want + " " + application + "}]"})
	}
	if ev := one(t, strings.Replace(secret, `"success"`, `"failure"`, 1)); ev.Touches != nil || ev.Outcome != retinue.OutcomeError {
		t.Errorf("a change that failed: %+v", ev)
	}
}

func TestResourceLogs(t *testing.T) {
	vault := "/subscriptions/55555555-5555-5555-5555-555555555555/resourceGroups/Pay/providers/Microsoft.KeyVault/vaults/pay"
	ref := string(realm) + "/key_vault_vaults/" + strings.ToLower(vault)
	ev := one(t, `{"time":"2026-03-01T10:00:00Z","category":"AuditEvent","operationName":"SecretGet","resourceId":"`+strings.ToUpper(vault)+`","resultType":"Success","resultSignature":"OK","callerIpAddress":"192.0.2.4","tenantId":"`+tenant+`",
		"identity":{"claim":{"oid":"`+sp+`","appid":"`+app+`"}},"properties":{"id":"https://pay.vault.azure.net/secrets/db/0123","clientInfo":"azsdk-go","httpStatusCode":200}}`)
	compare(t, parts(&ev), map[string]string{"log": LogResource, "class": "data", "who": string(realm) + "/service_principal/" + sp, "action": "microsoft.keyvault/vaults/secrets/getsecret/action", "resource": ref, "outcome": "success",
		"touches": "[{read " + string(realm) + "/key_vault_object/" + strings.ToLower(vault) + "/secrets/db}]"})
	blob := func(identity, rest string) string {
		return `{"time":"2026-03-01T10:00:00Z","category":"StorageRead","operationName":"GetBlob","resourceId":"` + account + `/blobServices/default","callerIpAddress":"192.0.2.4:5123","tenantId":"` + tenant + `","identity":` + identity + rest + `}`
	}
	ev = one(t, blob(`{"type":"AccountKey","tokenHash":"key1(0123)"}`, `,"statusCode":200,"statusText":"Success"`))
	compare(t, parts(&ev), map[string]string{"who": "", "credential": string(realm) + "/storage_account_key/" + strings.ToLower(account) + "/key1", "operation": "GetBlob", "outcome": "success", "address": "192.0.2.4"})
	ev = one(t, blob(`{"type":"OAuth","requester":{"objectId":"`+sp+`","appId":"`+app+`"},"authorization":[{"action":"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read","result":"Granted"}]}`, `,"statusCode":403,"statusText":"AuthorizationPermissionMismatch"`))
	compare(t, parts(&ev), map[string]string{"who": string(realm) + "/service_principal/" + sp, "action": "microsoft.storage/storageaccounts/blobservices/containers/blobs/read", "outcome": "denied AuthorizationPermissionMismatch"})
}

func TestDecodeEnvelopesAndOthers(t *testing.T) {
	record := `{"time":"2026-03-01T10:00:00Z","tenantId":"` + tenant + `","category":"Administrative","operationName":"a/b/write","resourceId":"/"}`
	evs, err := logDecoder{}.decode([]byte(`{"records":[` + record + `, ` + record + `]}`))
	if err != nil || len(evs) != 2 || evs[0].Digest != one(t, record).Digest {
		t.Errorf("an envelope: %d events, %v", len(evs), err)
	}
	if evs, err := (logDecoder{}).decode([]byte(`{"time":"2026-03-01T10:00:00Z","category":"kube-audit","operationName":"x","resourceId":"/"}`)); err != nil || evs != nil {
		t.Errorf("another resource's log: %v, %v", evs, err)
	}
	nested := strings.Repeat(`{"records":[`, 20) + strings.Repeat(`]}`, 20)
	for _, bad := range []string{"", "{", "[]", `{"a":1}`, nested, `{"records":3}`, strings.Replace(record, "2026", "never", 1), strings.Replace(record, tenant, "", 1)} {
		if _, err := (logDecoder{}).decode([]byte(bad)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	evs, err = logDecoder{tenant: tenant}.decode([]byte(strings.Replace(record, tenant, "", 1)))
	if err != nil || evs[0].Realm != realm {
		t.Errorf("the option: %v, %v", evs, err)
	}
}

// TestActivitySamples: what is expected of records that a detection product
// collected, some of them shortened by hand.
func TestActivitySamples(t *testing.T) {
	for _, c := range []struct {
		file     string
		expected map[int]string // who|action|outcome|address
		lines    int
		bad      int // no tenant, or no category
		logs     string
	}{
		{"Azure.Audit", map[int]string{
			4:  "azure:tenant-123/user/admin-123||success|2.2.2.2",
			8:  "azure:tenant-123/user/user-001||denied|4.4.4.4",
			15: "azure:a2aa49aa-2c0c-49d2-af87-f402c421df0b/service_principal/b1c34143-e405-4058-8e29-84596ad737b8||denied|12.12.12.12",
			18: "azure:85e54ec3-85ee-4b03-9e3b-863075eb9b62/service_principal/4b6986ec-c49c-40c0-89ce-b2ac51213e39||success|12.12.12.12",
		}, 24, 0, "map[azure.directory:9 azure.signin:15]"},
		{"Azure.MonitorActivity", map[int]string{
			0:  "azure:87654321-4321-4321-4321-111111111111/user/denethor@lotr.com|microsoft.storage/storageaccounts/write|success|1.1.1.1",
			62: "|microsoft.web/sites/hostruntime/host/action|denied|6.6.6.6",
			81: "azure:22222222-2222-2222-2222-222222222222/client/87654321-4321-4321-4321-123456789abc|microsoft.keyvault/vaults/certificates/read|success|2.2.2.2",
		}, 107, 8, "map[azure.activity:99]"},
	} {
		f, err := os.Open(testkit.Data(t, "cloudtrail/events-by-source/"+c.file+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		n, bad, logs := 0, 0, map[string]int{}
		for ; lines.Scan(); n++ {
			var sample struct{ Event json.RawMessage }
			if err := json.Unmarshal(lines.Bytes(), &sample); err != nil {
				t.Fatal(err)
			}
			evs, err := logDecoder{}.decode(sample.Event)
			if err != nil {
				bad++
				continue
			}
			ev := evs[0]
			check(t, &ev)
			logs[ev.Log]++
			got := strings.Join([]string{ev.Identity.String(), ev.Action, string(ev.Outcome), ev.Origin.Address.String()}, "|")
			if want := c.expected[n]; want != "" && got != want {
				t.Errorf("%s %d: %s\nwant %s", c.file, n, got, want)
			}
		}
		if n != c.lines || bad != c.bad || fmt.Sprint(logs) != c.logs {
			t.Errorf("%s: %d lines, %d refused, %v", c.file, n, bad, logs)
		}
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
	for _, s := range []string{ev.Action, ev.Operation, ev.Reason, ev.Region, ev.Origin.Agent, ev.Origin.Application, ev.Origin.Service} {
		if len(s) > retinue.MaxEventText || retinue.CleanName(s) != s {
			t.Errorf("text %q", s)
		}
	}
	if ev.Realm.Validate() != nil || ev.At.IsZero() || (ev.ID == "") != (ev.Digest != [16]byte{}) || len(ev.ID) > retinue.MaxEventIDLength || len(ev.Via) > retinue.MaxEventVia ||
		len(ev.Touches) > retinue.MaxEventTouches || len(ev.Context) > retinue.MaxEventContext || (ev.Raw != nil) != (ev.Class == retinue.EventUnknown) {
		t.Errorf("event %+v", ev)
	}
}

// TestActivityPage: the page names every log, blind spot and example.
func TestActivityPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/connectors/azure.md")
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

func FuzzLogDecode(f *testing.F) {
	f.Add([]byte(`{"records":[{"time":"2026-03-01T10:00:00Z","tenantId":"t","category":"Administrative","operationName":"microsoft.authorization/roleassignments/write","resourceId":"/subscriptions/s/resourceGroups/g","resultType":"Success","properties":{"requestbody":"{}"}}]}`))
	f.Add([]byte(`{"createdDateTime":"2026-03-01T10:00:00Z","appId":"a","resourceId":"r","tenantId":"t","servicePrincipalId":"s","status":{"errorCode":"7000215"}}`))
	f.Add([]byte(`{"activityDateTime":"2026-03-01T10:00:00Z","activityDisplayName":"Add service principal credentials","tenantId":"t","result":"success","targetResources":[{"type":"Application","id":"i","modifiedProperties":[{"displayName":"KeyDescription","newValue":"KeyIdentifier=44444444-4444-4444-4444-444444444444,"}]}]}`))
	f.Add([]byte(`{"time":"2026-03-01T10:00:00Z","category":"AuditEvent","operationName":"SecretGet","tenantId":"t","resultType":"Success","resourceId":"/x","properties":{"id":"/secrets/?"}}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		evs, err := logDecoder{}.decode(record)
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error of another kind: %v", err)
		}
		for i := range evs {
			check(t, &evs[i])
		}
	})
}
