package openai_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/openai"
	"github.com/retinue-id/retinue/internal/testkit"
)

const planted = "planted" + " name of a key"

// sample is the nth of a series of entries.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	e := map[string]any{
		"object": "organization.audit_log", "id": fmt.Sprintf("audit_log-%d", n), "effective_at": time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Unix() + int64(n),
		"type": "api_key.created", "api_key.created": map[string]any{"id": fmt.Sprintf("key_%d", n), "data": map[string]any{"name": planted}},
		"actor": map[string]any{"type": "session", "session": map[string]any{"user": map[string]any{"id": "user-1", "email": "ann@example.com"}, "ip_address": "192.0.2.1", "user_agent": "agent"}},
	}
	if n%2 == 1 {
		e["type"], e["service_account_deleted"] = "service_account.deleted", map[string]any{"id": fmt.Sprintf("svc-%d", n)}
		e["actor"] = map[string]any{"type": "api_key", "api_key": map[string]any{"id": "key_7", "type": "service_account", "service_account": map[string]any{"id": "svc-7"}}}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: openai.Spec(), Open: connectortest.OpenActivity(openai.Spec(), nil), File: "openai-audit.ndjson",
		Write: connectortest.Lines(sample, `{"type":"`+connectortest.DamagedText+`", "a" 1}`), Record: sample, Secrets: []string{planted},
	})
}

// TestSamples says what is expected of real entries.
func TestSamples(t *testing.T) {
	var samples []connectortest.Sample
	for _, e := range testkit.SourceEvents(t, "OpenAI.Audit") {
		samples = append(samples, connectortest.Sample{Name: e.Name(), Record: e.Event})
	}
	connectortest.Samples(t, openai.Spec(), samples, connectortest.Expected{Known: 17, Events: map[string]string{
		"OpenAI.CredentialStuffing/Match - Failed Login": "openai:default 2023-12-18T00:00:00.000Z sign_in | by user/user-123* | op login.failed | " +
			"denied invalid_credentials | from 203.0.113.100 | agent Mozilla/5.0 | interactive",
		"OpenAI.API.Key.Anomalous.Activity/API key created with read-only scopes - No Alert": "openai:default 2023-12-18T00:00:00.000Z management | " +
			"by user/user-developer456* | op api_key.created | on api_key/key-abc123 | success | from 203.0.113.50 | agent Mozilla/5.0 | interactive | issue api_key/key-abc123",
		// A key makes a key.
		"OpenAI.API.Key.Anomalous.Activity/API key with 'all' scope - Alert HIGH": "openai:default 2023-12-18T00:00:00.000Z management | by user/user-suspicious002* | " +
			"with api_key/key-parent001 | known openai:key-parent001 | op api_key.created | on api_key/key-child001 | success | issue api_key/key-child001",
		"OpenAI.Admin.Role.Assignment/Group assigned owner role - Alert": "openai:default 2023-12-18T00:00:00.000Z management | by user/user-admin123* | " +
			"op role.assignment.created | on role_assignment/role_assignment_role-api-organization-owner__api-organization__org-abc123_group-engineering001 | success | " +
			"from 203.0.113.100 | agent Mozilla/5.0 | interactive | edit group/group-engineering001",
		"OpenAI.SCIM.Configuration.Change/SCIM disabled - Alert HIGH": "openai:default 2023-12-18T00:00:00.000Z management | by user/user-suspicious001* | " +
			"op scim.disabled | on organization/org-abc123 | success | from 192.0.2.100 | agent curl/7.68.0 | interactive | edit organization/org-abc123",
		"OpenAI.IP.Allowlist.Changes/IP allowlist deactivated - Alert CRITICAL": "openai:default 2023-12-18T00:00:00.000Z management | by user/user-suspicious001* | " +
			"op ip_allowlist.config.deactivated | success | from 192.0.2.100 | agent curl/7.68.0 | interactive | edit",
	}})
}

// TestServiceAccount names the service account behind a key, and the organisation
// that the option gives.
func TestServiceAccount(t *testing.T) {
	dir := connectortest.LogFile(t, "audit.json", `{"object":"list","data":[`+string(sample(t, 1))+`],"has_more":false,"first_id":"a","last_id":"b"}`)
	r := connectortest.Read(t, connectortest.OpenActivity(openai.Spec(), map[string]string{"organization": "org-example"})(t, connectortest.Env(t), dir), nil)
	if len(r.Events) != 1 || len(r.Faults) > 0 {
		t.Fatalf("events %+v, faults %v", r.Events, r.Faults)
	}
	want := "management | by service_account/svc-7 | with api_key/key_7 | known openai:key_7 | op service_account.deleted | on service_account/svc-1 | success | delete service_account/svc-1"
	if got := connectortest.Brief(r.Events[0]); got != want || r.Events[0].Realm != "openai:org-example" {
		t.Errorf("\n got %s %s\nwant %s", r.Events[0].Realm, got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for n := range 2 {
		f.Add(sample(f, n))
	}
	spec := openai.Spec()
	f.Fuzz(func(t *testing.T, record []byte) {
		events, err := spec.Activity.Decode(record)
		if err != nil {
			return
		}
		for _, e := range events {
			if err := connectortest.CheckEvent(spec, e); err != nil {
				t.Error(err)
			}
		}
	})
}
