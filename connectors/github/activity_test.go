package github_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/github"
)

// token is a planted value: only its hash may be read, and it is in no log.
func token(n int) string { return fmt.Sprintf("ghp"+"_planted%030d", n) }

// sample is the nth of a series of entries of several sorts.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute).UnixMilli()
	e := map[string]any{"@timestamp": at, "_document_id": fmt.Sprintf("doc-%d", n), "org": "Example-Org", "org_id": 7, "business": "example",
		"actor": "octo", "actor_id": 12, "actor_ip": "192.0.2.7", "user_agent": "agent/" + fmt.Sprint(n)}
	sum := sha256.Sum256([]byte(token(n % 7)))
	switch n % 5 {
	case 0:
		e["action"], e["repo"], e["transport_protocol_name"] = "git.clone", "Example-Org/app", "http"
		e["programmatic_access_type"], e["token_id"] = "Personal access token (classic)", n%7+1
		e["hashed_token"] = base64.StdEncoding.EncodeToString(sum[:])
	case 1:
		e["action"], e["actor"], e["actor_is_bot"] = "workflows.prepared_workflow_job", "octo", false
		e["repo"], e["workflow_run_id"] = "Example-Org/app", 1000+n
		e["job_workflow_ref"] = "Example-Org/app/.github/workflows/release.yml@refs/heads/main"
		e["secrets_passed"] = []string{"DEPLOY"}
	case 2:
		e["action"], e["actor"] = "repo.add_member", "dependabot[bot]"
		e["repo"], e["user"] = "Example-Org/app", "someone"
		delete(e, "_document_id")
		e["n"] = n
	case 3:
		e["action"], e["request_method"], e["route"], e["status_code"] = "api.request", "GET", "/repos/:owner/:repo", "403"
		e["url_path"] = "/repos/x?access_token=" + token(99)
	case 4:
		e["action"], e["hook_id"], e["config"] = "hook.create", n, map[string]any{"url": "https://hooks.example.com/" + token(98)}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: github.Spec(), Open: connectortest.OpenActivity(github.Spec(), nil), File: "audit-log.ndjson",
		Write: connectortest.Lines(sample, `{"action":"`+connectortest.DamagedText+`", "actor" "x"}`), Record: sample,
		Secrets: []string{token(98), token(99)},
	})
}
