package slack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/slack"
	"github.com/retinue-id/retinue/internal/testkit"
)

const planted = "https://hooks.example.com/" + "planted"

// sample is the nth of a series of entries.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	user := map[string]any{"id": "W012A3CDE", "name": "ann", "email": "ann@example.com", "team": "T1"}
	e := map[string]any{
		"id": fmt.Sprintf("0123a45b-%d", n), "date_create": time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Unix() + int64(n),
		"actor": map[string]any{"type": "user", "user": user}, "entity": map[string]any{"type": "user", "user": user},
		"context": map[string]any{"location": map[string]any{"type": "workspace", "id": "T1", "name": "example"}, "ua": "agent", "ip_address": "192.0.2.1"},
		"action":  "user_login",
	}
	switch n % 3 {
	case 1:
		e["action"], e["entity"] = "app_installed", map[string]any{"type": "app", "app": map[string]any{"id": fmt.Sprintf("A%d", n), "name": "App", "scopes": []string{"admin"}}}
		e["details"] = map[string]any{"webhook_url": planted}
	case 2:
		e["action"], e["entity"] = "file_downloaded", map[string]any{"type": "file", "file": map[string]any{"id": "F1", "name": planted}}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: slack.Spec(), Open: connectortest.OpenActivity(slack.Spec(), nil), File: "slack-audit.ndjson",
		Write: connectortest.Lines(sample, `{"action":"`+connectortest.DamagedText+`", "a" 1}`), Record: sample, Secrets: []string{planted},
	})
}

// TestAnswers reads whole answers of the API.
func TestAnswers(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: slack.Spec(), Open: connectortest.OpenActivity(slack.Spec(), map[string]string{"enterprise": "E1"}), File: "slack-audit.json", Whole: true, Record: sample,
		Options: map[string]string{"enterprise": "E1"},
		Write: func(t testing.TB, w io.Writer, records []int) {
			entries := make([]json.RawMessage, 0, len(records))
			for _, n := range records {
				entries = append(entries, sample(t, n))
			}
			if err := json.NewEncoder(w).Encode(map[string]any{"entries": entries, "response_metadata": map[string]any{"next_cursor": ""}}); err != nil {
				t.Fatal(err)
			}
		},
	})
	dir := connectortest.LogFile(t, "a.json", `{"entries": [`+string(sample(t, 1))+`], "response_metadata": {"next_cursor": "x"}}`)
	r := connectortest.Read(t, connectortest.OpenActivity(slack.Spec(), map[string]string{"enterprise": "E1"})(t, connectortest.Env(t), dir), nil)
	if len(r.Events) != 1 || r.Events[0].Realm != "slack:E1" || len(r.Faults) != 0 {
		t.Errorf("events %+v, faults %v", r.Events, r.Faults)
	}
}

// TestSamples says what is expected of real entries. Most of them say no time: they
// were cut down to what a detection looks at.
func TestSamples(t *testing.T) {
	var samples []connectortest.Sample
	for _, e := range testkit.SourceEvents(t, "Slack.AuditLogs") {
		samples = append(samples, connectortest.Sample{Name: e.Name(), Record: e.Event})
	}
	const agent = "agent Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/103.0.0.0 Safari/537.36"
	connectortest.Samples(t, slack.Spec(), samples, connectortest.Expected{Known: 13, Timeless: 20, Events: map[string]string{
		// Which app was widened, this entry does not say.
		"Slack.AuditLogs.AppAccessExpanded/App Scopes Expanded": "slack:T01234N56GB 2022-07-28T16:48:14.000Z management | by user/A012B3CDEFG* | op app_scopes_expanded | " +
			"on workspace/T01234N56GB | success | from 1.2.3.4 | " + agent + " | edit",
		"Slack.AuditLogs.AppAdded/App Approved": "slack:T01770N79GB 2021-06-08T22:16:15.000Z management | by user/W012J3FEWAU* | op app_installed | on app/A012F34BFEF | " +
			"success | from 1.2.3.4 | agent Go-http-client/2.0 | create app/A012F34BFEF",
		"Slack.AuditLogs.AppRemoved/App Uninstalled": "slack:T01770N79GB 2021-06-08T22:16:15.000Z management | by user/W012J3FEWAU* | op app_uninstalled | " +
			"on app/A012F34BFEF | success | from 1.2.3.4 | agent Go-http-client/2.0 | delete app/A012F34BFEF",
		"Slack.AuditLogs.AppRemoved/User Logout": "slack:T01234N56GB 2022-07-28T15:22:32.000Z sign_in | by user/W012J3FEWAU* | op user_logout | on user/W012J3FEWAU | " +
			"success | from 1.2.3.4 | " + agent,
		"Slack.AuditLogs.UserPrivilegeChangedToUser/Role Changed to User": "slack:T017E0M3CQ4 2023-02-24T18:34:18.000Z management | by user/W015MH5MPGE* | " +
			"op role_change_to_user | on user/U04R70MM40K | success | from 12.12.12.12 | " +
			"agent Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0.0.0 Safari/537.36 | edit user/U04R70MM40K",
		"Slack.AuditLogs.IDPConfigurationChanged/IDP Configuration Deleted": "slack:T01234N56GB 2022-07-28T16:48:14.000Z management | by user/A012B3CDEFG* | " +
			"op idp_configuration_deleted | success | from 1.2.3.4 | " + agent + " | silence",
		"Slack.AuditLogs.PassthroughAnomaly/Session Fingerprint": "slack:T01234N56GB 2024-08-19T13:54:53.000Z insight | by user/W012J3FEWAU* | op anomaly | " +
			"on user/W012J3FEWAU | unknown | from 1.2.3.4 | " + agent,
	}})
}

// TestActors tells apps, bots and people apart.
func TestActors(t *testing.T) {
	for _, c := range []struct{ entry, want string }{
		{`"actor":{"type":"user","user":{"id":"W1"}},"context":{"location":{"id":"T1"},"app":{"id":"A9","name":"Deployer"}},"action":"pref.allow_calls","entity":{"type":"workspace","workspace":{"id":"T1"}}`,
			"management | by app/A9 | for user/W1 | op pref.allow_calls | on workspace/T1 | success | edit workspace/T1"},
		{`"actor":{"type":"user","user":{"id":"USLACKBOT","team":"T1"}},"action":"user_deactivated","entity":{"type":"user","user":{"id":"W2"}}`,
			"management | by user/USLACKBOT | op user_deactivated | on user/W2 | success | disable user/W2"},
		{`"actor":{"type":"app","app":{"id":"A9"}},"context":{"location":{"id":"T1"}},"action":"file_public_link_created","entity":{"type":"file","file":{"id":"F2"}}`,
			"data | by app/A9 | op file_public_link_created | on file/F2 | success | expose file/F2"},
		{`"actor":{"type":"user","user":{"id":"W1","team":"T1"}},"action":"user_login_failed","entity":{"type":"user","user":{"id":"W1"}}`,
			"sign_in | by user/W1* | op user_login_failed | on user/W1 | denied"},
	} {
		got, err := slack.Spec().Activity.Decode([]byte(`{"id":"x","date_create":1521214343,` + c.entry + `}`))
		if err != nil || len(got) != 1 || connectortest.Brief(got[0]) != c.want {
			t.Errorf("%v\n got %v\nwant %s", err, got, c.want)
		}
	}
	got, err := slack.Spec().Activity.Decode([]byte(`{"id":"x","date_create":1521214343,"action":"user_login","actor":{"type":"user","user":{"id":"W1"}}}`))
	if err != nil || len(got) != 1 || got[0].Class != retinue.EventUnknown || got[0].Realm != "" {
		t.Errorf("an entry that names no workspace: %+v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	for n := range 3 {
		f.Add(sample(f, n))
	}
	spec := slack.Spec()
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
