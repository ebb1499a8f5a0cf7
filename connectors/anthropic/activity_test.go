package anthropic_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/anthropic"
	"github.com/retinue-id/retinue/internal/testkit"
)

const planted = "planted" + " name of a chat"

// sample is the nth of a series of entries.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	e := map[string]any{
		"id": fmt.Sprintf("activity_%d", n), "created_at": time.Date(2026, 3, 2, 8, 0, n, 0, time.UTC).Format(time.RFC3339), "organization_id": "org_1",
		"type": "service_key_created", "service_key_id": fmt.Sprintf("skey_%d", n), "name": planted,
		"actor": map[string]any{"type": "user_actor", "user_id": "user_1", "email_address": "ann@example.com", "ip_address": "192.0.2.1", "user_agent": "agent"},
	}
	if n%2 == 1 {
		e["type"], e["claude_chat_id"], e["chat_name"] = "claude_chat_viewed", "chat_1", planted
		e["actor"] = map[string]any{"type": "api_actor", "api_key_id": "apikey_7", "ip_address": "2001:db8::7", "user_agent": "python"}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: anthropic.Spec(), Open: connectortest.OpenActivity(anthropic.Spec(), nil), File: "anthropic.ndjson",
		Write: connectortest.Lines(sample, `{"type":"`+connectortest.DamagedText+`", "a" 1}`), Record: sample, Secrets: []string{planted},
	})
}

// TestSamples says what is expected of real entries.
func TestSamples(t *testing.T) {
	var samples []connectortest.Sample
	for _, e := range testkit.SourceEvents(t, "Anthropic.Activity") {
		samples = append(samples, connectortest.Sample{Name: e.Name(), Record: e.Event})
	}
	connectortest.Samples(t, anthropic.Spec(), samples, connectortest.Expected{Known: 19, Events: map[string]string{
		"Anthropic.Activity.Role.Granted/Role granted": "anthropic:org_01XYZ 2026-05-07T13:02:42.000Z management | by user/user_01ABC* | op role_assignment_granted | " +
			"on chat_project/claude_proj_01ABC | success | from 10.0.0.1 | agent Mozilla/5.0 | edit user/user_01DEF",
		// Which key it was, the sample does not say.
		"Anthropic.Activity.Service.Key.Created/Service key created": "anthropic:org_01XYZ 2026-05-07T10:00:00.000Z management | by user/user_01ABC* | " +
			"op service_key_created | success | from 10.0.0.1 | agent Mozilla/5.0 | issue",
		"Anthropic.Activity.Service.Key.Revoked/Service key revoked": "anthropic:org_01XYZ 2026-05-07T10:00:00.000Z management | by user/user_01ABC* | " +
			"op service_key_revoked | success | from 10.0.0.1 | agent Mozilla/5.0 | disable",
		"Anthropic.Activity.SSO.Disabled/SSO toggled off": "anthropic:org_01XYZ 2026-05-07T10:00:00.000Z management | by user/user_01ABC* | op org_sso_toggled | success | " +
			"from 10.0.0.1 | agent Mozilla/5.0 | silence organization/org_01XYZ",
		"Anthropic.Activity.SSO.Login.Failed/SSO login failed": "anthropic:org_01XYZ 2026-05-05T21:33:29.000Z sign_in | op sso_login_failed | denied | " +
			"from 192.168.1.1 | agent Mozilla/5.0",
		"Anthropic.Activity.Artifact.Shared.Publicly/Artifact shared publicly": "anthropic:org_01XYZ 2026-05-07T09:10:01.000Z data | by user/user_01ABC* | " +
			"op claude_artifact_sharing_updated | on artifact/claude_artifact_01ABC | success | from 10.0.0.1 | agent Mozilla/5.0 | expose artifact/claude_artifact_01ABC",
		"Anthropic.Activity.MCP.Server.Created/MCP server created": "anthropic:org_01XYZ 2026-04-28T19:26:58.000Z management | by user/user_01ABC* | op mcp_server_created | " +
			"on mcp_server/mcpsrv_01ABC | success | from 10.0.0.1 | agent Mozilla/5.0 | create mcp_server/mcpsrv_01ABC",
		"Anthropic.Activity.Org.User.Deleted/Org user deleted": "anthropic:org_01XYZ 2026-05-07T10:00:00.000Z management | by user/user_01ABC* | op org_user_deleted | " +
			"on user/user_01DEF | success | from 10.0.0.1 | agent Mozilla/5.0 | delete user/user_01DEF",
	}})
}

// TestActors reads every kind of actor, and one that is not known yet.
func TestActors(t *testing.T) {
	for _, c := range []struct{ entry, want string }{
		{`"actor":{"type":"admin_api_key_actor","admin_api_key_id":"akey_1"},"type":"api_key_created","api_key_id":"apikey_2"`,
			"management | with admin_api_key/akey_1 | known anthropic:akey_1 | op api_key_created | on api_key/apikey_2 | success | issue api_key/apikey_2"},
		{`"actor":{"type":"scim_directory_sync_actor","directory_id":"dir_1"},"type":"scim_user_created","user_id":"user_2"`,
			"management | by directory_sync/dir_1 | op scim_user_created | success | create user/user_2"},
		{`"actor":{"type":"system_actor","service":"cleaner"},"type":"platform_api_key_updated","api_key_id":"apikey_2"`,
			"management | op platform_api_key_updated | on api_key/apikey_2 | success | service cleaner | edit api_key/apikey_2"},
		{`"actor":{"type":"service_account_actor","service_account_id":"svac_1"},"type":"platform_federation_rule_archived","federation_rule_id":"fdrl_1"`,
			"management | by service_account/svac_1 | op platform_federation_rule_archived | on federation_rule/fdrl_1 | success | disable federation_rule/fdrl_1"},
		{`"actor":{"type":"api_actor","api_key_id":"apikey_7"},"type":"compliance_api_accessed","status_code":403`,
			"management | with api_key/apikey_7 | known anthropic:apikey_7 | op compliance_api_accessed | denied"},
	} {
		got, err := anthropic.Spec().Activity.Decode([]byte(`{"id":"x","created_at":"2026-03-02T08:00:00Z","organization_id":"org_1",` + c.entry + `}`))
		if err != nil || len(got) != 1 || connectortest.Brief(got[0]) != c.want {
			t.Errorf("%v\n got %v\nwant %s", err, connectortest.Brief(got[0]), c.want)
		}
	}
	got, err := anthropic.Spec().Activity.Decode([]byte(`{"id":"x","created_at":"2026-03-02T08:00:00Z","type":"sso_login_failed","actor":{"type":"unauthenticated_user_actor"}}`))
	if err != nil || len(got) != 1 || got[0].Class != retinue.EventUnknown {
		t.Errorf("an entry of no organisation: %+v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	for n := range 2 {
		f.Add(sample(f, n))
	}
	spec := anthropic.Spec()
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
