package gitlab_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/gitlab"
	"github.com/retinue-id/retinue/internal/testkit"
)

const planted = "planted" + "-value-of-a-parameter"

// sample is the nth of a series of entries of all three logs.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute).Format("2006-01-02T15:04:05.000Z")
	e := map[string]any{}
	switch n % 4 {
	case 0:
		e["id"], e["author_id"], e["entity_id"], e["entity_type"], e["created_at"] = n+1, 7, 3, "Project", at
		e["entity_path"], e["event_type"], e["author_name"], e["ip_address"] = "example/app", "deploy_token_created", "Ann", "192.0.2.3"
		e["target_id"], e["target_type"], e["details"] = 40+n, "DeployToken", map[string]any{"custom_message": "made " + planted, "author_name": "Ann"}
	case 1:
		e["time"], e["status"], e["method"], e["path"], e["route"] = at, 200, "GET", "/api/v4/projects/3?private_token="+planted, "/api/:version/projects/:id"
		e["params"] = []any{map[string]any{"key": "q", "value": planted}}
		e["remote_ip"], e["ua"], e["user_id"], e["username"], e["token_type"], e["token_id"] = "192.0.2.4, 127.0.0.1", "curl/8", 43, "project_34_bot3", "PersonalAccessToken", 13
	case 2:
		e["time"], e["status"], e["method"], e["path"], e["controller"], e["action"] = at, 401, "GET", "/x", "Repositories::GitHttpController", "git_upload_pack"
		e["remote_ip"], e["ua"], e["meta.project"], e["n"] = "2001:db8::1", "git/2.44", "example/app", n
	case 3:
		e["severity"], e["time"], e["author_id"], e["entity_id"], e["entity_type"] = "INFO", at, 3, 2, "Project"
		e["change"], e["from"], e["to"], e["author_name"], e["entity_path"] = "visibility", "Private", "Public", "Ann", "example/app"
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: gitlab.Spec(), Open: connectortest.OpenActivity(gitlab.Spec(), nil), File: "audit_json.log",
		Write: connectortest.Lines(sample, `{"entity_type":"`+connectortest.DamagedText+`", "a" 1}`), Record: sample, Secrets: []string{planted},
	})
}

// TestSamples says what is expected of real entries: these were cut down to what a
// detection looks at, and say no time.
func TestSamples(t *testing.T) {
	var samples []connectortest.Sample
	for _, e := range testkit.SourceEvents(t, "GitLab.Audit") {
		samples = append(samples, connectortest.Sample{Name: e.Name(), Record: e.Event})
	}
	connectortest.Samples(t, gitlab.Spec(), samples, connectortest.Expected{Timeless: 2})
}

// TestEntries decodes entries as GitLab writes them.
func TestEntries(t *testing.T) {
	for _, c := range []struct{ name, entry, want string }{
		{"a group's token, by the API", `{"id":5,"author_id":9,"entity_id":3,"entity_type":"Group","created_at":"2026-03-02T08:00:00Z","event_name":"group_access_token_created","details":{"author_name":"Ann","author_email":"ann@example.com","author_class":"User","target_id":77,"target_type":"PersonalAccessToken","target_details":"ci","ip_address":"192.0.2.1","entity_path":"example"}}`,
			"forge:gitlab.com/example management | by user/9* | op group_access_token_created | on group/example | success | from 192.0.2.1 | issue personal_access_token/77"},
		{"a bot's push, streamed", `{"id":"a1","author_id":43,"author_name":"ci","entity_id":3,"entity_type":"Project","details":{"author_email":"project_34_bot_ab@noreply.gitlab.com","custom_message":{"protocol":"http","action":"git-receive-pack"}},"ip_address":"192.0.2.2","entity_path":"example/app","created_at":"2026-03-02T08:00:00Z","event_type":"repository_git_operation"}`,
			"forge:gitlab.com/example data | by user/43 | op repository_git_operation | needs write_repository | on project/example/app | success | from 192.0.2.2"},
		{"a deploy token's clone", `{"id":"a2","author_id":-2,"author_name":"puller","entity_id":3,"entity_type":"Project","details":{"author_class":"Gitlab::Audit::DeployTokenAuthor","custom_message":"{\"protocol\":\"http\",\"action\":\"git-upload-pack\"}"},"entity_path":"example/app","created_at":"2026-03-02T08:00:00Z","event_type":"repository_git_operation"}`,
			"forge:gitlab.com/example data | by deploy_token/puller | op repository_git_operation | needs read_repository | on project/example/app | success"},
		{"a variable of a project", `{"id":6,"author_id":9,"entity_id":3,"entity_type":"Project","entity_path":"example/app","created_at":"2026-03-02T08:00:00Z","event_type":"ci_variable_updated","target_type":"Ci::Variable","target_id":4,"target_details":"DEPLOY_KEY"}`,
			"forge:gitlab.com/example management | by user/9* | op ci_variable_updated | on project/example/app | success | edit git:origin=gitlab.com/example/app/named_secret/gitlab_ci:DEPLOY_KEY"},
		{"a member, in an old form", `{"id":7,"author_id":9,"entity_id":3,"entity_type":"Project","created_at":"2026-03-02T08:00:00Z","details":{"add":"user_access","as":"Guest","target_id":12,"target_type":"User","entity_path":"example/app"}}`,
			"forge:gitlab.com/example management | by user/9* | op add_user_access | on project/example/app | success | edit user/12"},
		{"words of a message", `{"id":8,"author_id":9,"entity_id":9,"entity_type":"User","created_at":"2026-03-02T08:00:00Z","details":{"custom_message":"Created personal access token with id 12"}}`,
			"forge:gitlab.com management | by user/9* | op created_personal_access_token_with_id | on user/9 | success | issue"},
		{"streaming that is taken away", `{"id":9,"author_id":9,"entity_id":3,"entity_type":"Group","entity_path":"example","created_at":"2026-03-02T08:00:00Z","event_type":"destroy_event_streaming_destination"}`,
			"forge:gitlab.com/example management | by user/9* | op destroy_event_streaming_destination | on group/example | success | silence group/example"},
		{"a delivery with its headers", `{"headers":{"x-gitlab-audit-event-type":["ci_runner_registered"],"Content-Type":"application/x-www-form-urlencoded"},"body":"{\"id\":\"u-1\",\"author_id\":9,\"entity_id\":3,\"entity_type\":\"Project\",\"entity_path\":\"example/app\",\"target_type\":\"Ci::Runner\",\"target_id\":31,\"created_at\":\"2026-03-02T08:00:00Z\"}"}`,
			"forge:gitlab.com/example management | by user/9* | op ci_runner_registered | on project/example/app | success | create runner/31"},
		{"a failed sign-in", `{"id":10,"author_id":-1,"entity_id":-1,"entity_type":"User","created_at":"2026-03-02T08:00:00Z","event_type":"login_failed_with_standard_authentication","ip_address":"192.0.2.8","details":{"failed_login":"STANDARD"}}`,
			"forge:gitlab.com sign_in | op login_failed_with_standard_authentication | denied STANDARD | from 192.0.2.8"},
		{"a project token's call", `{"time":"2026-03-02T08:00:00.401Z","status":404,"method":"POST","route":"/api/:version/projects/:id/issues","remote_ip":"172.18.0.2, 127.0.0.1","ua":"Gitlab Ruby Gem 4.19.0","user_id":43,"username":"project_34_bot3","token_type":"PersonalAccessToken","token_id":13,"meta.project":"example/app"}`,
			"forge:gitlab.com/example data | by user/43 | with personal_access_token/13 | known gitlab-personal-access-token:gitlab.com/13 | op POST /api/:version/projects/:id/issues | needs api | on project/example/app | error 404 | from 172.18.0.2 | agent Gitlab Ruby Gem 4.19.0"},
		{"a job's call", `{"time":"2026-03-02T08:00:00.401Z","status":200,"method":"GET","route":"/api/:version/projects/:id/packages","user_id":9,"username":"ann","token_type":"Ci::Build","token_id":500,"meta.project":"example/app","meta.pipeline_id":61}`,
			"forge:gitlab.com/example data | with ci_job_token/500 | known gitlab-ci-job-token:gitlab.com/500 | for user/9 | op GET /api/:version/projects/:id/packages | needs read_api | on project/example/app | success | run 61"},
		{"a page", `{"time":"2026-03-02T08:00:00.401Z","status":200,"method":"GET","format":"html","controller":"Projects::IssuesController","action":"show","user_id":9,"username":"ann","remote_ip":"192.0.2.1","ua":"Mozilla/5.0"}`,
			"forge:gitlab.com data | by user/9* | op Projects::IssuesController#show | success | from 192.0.2.1 | agent Mozilla/5.0 | interactive"},
	} {
		got, err := gitlab.Spec().Activity.Decode([]byte(c.entry))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d events, %v", c.name, len(got), err)
			continue
		}
		if b := fmt.Sprintf("%s %s", got[0].Realm, connectortest.Brief(got[0])); b != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, b, c.want)
		}
	}
}

// TestFolder reads of a server's folder what is of interest, also rotated, and no
// other log that lies there.
func TestFolder(t *testing.T) {
	dir := connectortest.LogFile(t, "api_json.log", string(sample(t, 1))+"\n")
	for name, content := range map[string]string{"audit_json.log.1": string(sample(t, 3)), "production_json.log": string(sample(t, 2)), "export.json": "[" + string(sample(t, 0)) + "]",
		"application_json.log": "no JSON", "sidekiq.log": "no JSON either", "audit_json.log.2.gz": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		old := connectortest.Epoch().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	r := connectortest.Read(t, connectortest.OpenActivity(gitlab.Spec(), map[string]string{"host": "gitlab.example.com"})(t, connectortest.Env(t), dir), nil)
	logs := map[string]int{}
	for _, e := range r.Events {
		logs[e.Log]++
		if e.Realm != "forge:gitlab.example.com" {
			t.Errorf("event of %s", e.Realm)
		}
	}
	if len(r.Faults) > 0 || logs["gitlab.audit"] != 2 || logs["gitlab.api"] != 1 || logs["gitlab.production"] != 1 {
		t.Errorf("events %v, faults %v", logs, r.Faults)
	}
}

func FuzzDecode(f *testing.F) {
	for n := range 4 {
		f.Add(sample(f, n))
	}
	spec := gitlab.Spec()
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
