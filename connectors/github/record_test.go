package github_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/github"
)

// TestEntries decodes entries as GitHub writes them. Each has an organisation, an
// id and a time besides what is given.
func TestEntries(t *testing.T) {
	for _, c := range []struct{ name, entry, want string }{
		{"an app by itself", `"action":"git.push","actor":"renovate[bot]","actor_is_bot":true,"repo":"org/app","programmatic_access_type":"GitHub App server-to-server token","token_id":0`,
			"data | by app/renovate | op git.push | needs contents:write | on repository/app | success"},
		{"an app for a user", `"action":"repo.create","actor":"ann","repo":"org/app","programmatic_access_type":"GitHub App user-to-server token","integration":"Release Train!","token_id":7`,
			"management | by app/release-train | with token/ann/7 | known github-oauth-token:7 | for user/ann | op repo.create | on repository/app | success"},
		{"an OAuth app for a user", `"action":"git.clone","actor":"ann","repo":"org/app","programmatic_access_type":"OAuth access token","oauth_application_name":"Compass Planner","oauth_application_id":9`,
			"data | by oauth_app/Compass Planner | for user/ann | op git.clone | needs contents:read | on repository/app | success"},
		{"a token of a person, through single sign-on", `"action":"git.clone","actor":"ann","repo":"org/app","programmatic_access_type":"Fine-grained personal access token","token_id":12,"external_identity_nameid":"ann@example.com","actor_ip":"::ffff:192.0.2.9"`,
			"data | by user/ann* | with token/ann/12 | known github-token:12 | via external_identity/ann@example.com | op git.clone | needs contents:read | on repository/app | success | from 192.0.2.9"},
		{"a deploy key", `"action":"git.fetch","actor":"ann","repo":"org/app","programmatic_access_type":"Deploy key","token_id":31`,
			"data | by deploy_key/app/31 | with ssh_key/app/31 | op git.fetch | needs contents:read | on repository/app | success"},
		{"a deploy key that is not named", `"action":"git.fetch","actor":"ann","repo":"org/app","programmatic_access_type":"deploy_key"`,
			"data | op git.fetch | needs contents:read | on repository/app | success"},
		{"a machine user", `"action":"git.fetch","actor":"tide-bot","actor_is_bot":true,"repo":"org/app","programmatic_access_type":"Personal access token (classic)","token_id":5`,
			"data | by user/tide-bot | with token/tide-bot/5 | known github-token:5 | op git.fetch | needs contents:read | on repository/app | success"},
		{"a job with secrets", `"action":"workflows.prepared_workflow_job","actor":"ann","repo":"org/app","workflow_run_id":88,"job_workflow_ref":"org/shared/.github/workflows/deploy.yml@v1","calling_workflow_refs":["org/shared/.github/workflows/mid.yml@v1","org/app/.github/workflows/ci.yml@refs/heads/main"],"secrets_passed":["DEPLOY","NPM"]`,
			"management | by git:origin=github.com/org/app/pipeline/.github/workflows/ci.yml | via user/ann | op workflows.prepared_workflow_job | needs secrets:read | on repository/app | success | in git:origin=github.com/org/app/pipeline/.github/workflows/ci.yml | run 88 | " +
				"read git:origin=github.com/org/app/named_secret/github_actions:DEPLOY | read git:origin=github.com/org/app/named_secret/github_actions:NPM"},
		{"a secret that gets another value", `"action":"repo.update_actions_secret","actor":"ann","repo":"org/app","key":"DEPLOY"`,
			"management | by user/ann* | op repo.update_actions_secret | needs secrets:write | on repository/app | success | rotate git:origin=github.com/org/app/named_secret/github_actions:DEPLOY"},
		{"a secret of the organisation", `"action":"org.create_actions_secret","actor":"ann","key":"DEPLOY"`,
			"management | by user/ann* | op org.create_actions_secret | on organization/org | success | issue secret/DEPLOY"},
		{"a token that is approved", `"action":"personal_access_token.access_granted","actor":"boss","user":"ann","user_programmatic_access_id":12`,
			"management | by user/boss* | op personal_access_token.access_granted | on organization/org | success | enable token/ann/12"},
		{"a token that is asked for", `"action":"personal_access_token.request_created","actor":"ann","user_programmatic_access_id":12`,
			"management | by user/ann* | op personal_access_token.request_created | on organization/org | success"},
		{"a token that is revoked", `"action":"personal_access_token.access_revoked","actor":"boss","user":"ann","user_programmatic_access_id":12`,
			"management | by user/boss* | op personal_access_token.access_revoked | on organization/org | success | disable token/ann/12"},
		{"a deploy key that is added", `"action":"public_key.create","actor":"ann","repo":"org/app","title":"deploy","fingerprint":"SHA256:abc"`,
			"management | by user/ann* | op public_key.create | on repository/app | success | issue deploy_key/app/deploy"},
		{"a repository that becomes public", `"action":"repo.access","actor":"ann","repo":"org/app","visibility":"public","previous_visibility":"private"`,
			"management | by user/ann* | op repo.access | needs administration:write | on repository/app | success | expose repository/app"},
		{"the stream that is taken away", `"action":"audit_log_streaming.destroy","actor":"ann"`,
			"management | by user/ann* | op audit_log_streaming.destroy | on organization/org | success | silence organization/org"},
		{"single sign-on that is switched off", `"action":"org.disable_saml","actor":"ann"`,
			"management | by user/ann* | op org.disable_saml | on organization/org | success | silence organization/org"},
		{"a call of the API that is refused", `"action":"api.request","actor":"ann","request_method":"GET","route":"/repos/:o/:r","url_path":"/repos/org/app?x=y","status_code":"403","programmatic_access_type":"Personal access token (classic)","token_id":3`,
			"data | by user/ann* | with token/ann/3 | known github-token:3 | op GET /repos/:o/:r | on organization/org | denied 403"},
		{"a runner that is registered", `"action":"org.register_self_hosted_runner","actor":"ann","runner_name":"big"`,
			"management | by user/ann* | op org.register_self_hosted_runner | on organization/org | success | create runner/big"},
		{"a sign-in that fails", `"action":"user.failed_login","actor":"ann"`, "sign_in | by user/ann* | op user.failed_login | on organization/org | denied"},
	} {
		got, err := github.Spec().Activity.Decode([]byte(`{"@timestamp":1772438400000,"_document_id":"x","org":["org"],` + c.entry + `}`))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d events, %v", c.name, len(got), err)
			continue
		}
		if got[0].ID != "x" || got[0].Realm != "forge:org" {
			t.Errorf("%s: id %q in %s", c.name, got[0].ID, got[0].Realm)
		}
		if b := connectortest.Brief(got[0]); b != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, b, c.want)
		}
	}
}

// TestFingerprint follows a token from the log to where its value lies.
func TestFingerprint(t *testing.T) {
	value := token(5)
	sum := sha256.Sum256([]byte(value))
	var log strings.Builder
	for i, hash := range []string{base64.StdEncoding.EncodeToString(sum[:]), base64.RawURLEncoding.EncodeToString(sum[:]), fmt.Sprintf("%x", sum)} {
		fmt.Fprintf(&log, `{"@timestamp":1772438400000,"_document_id":"%d","org":"o","action":"git.clone","actor":"ann","programmatic_access_type":"Personal access token (classic)","hashed_token":%q}`+"\n", i, hash)
	}
	dir := connectortest.LogFile(t, "audit.json", log.String())
	want := connectortest.Key(t).Fingerprint(retinue.NewSecret(value))
	r := connectortest.Read(t, connectortest.OpenActivity(github.Spec(), nil)(t, connectortest.Env(t), dir), nil)
	if len(r.Events) != 3 {
		t.Fatalf("%d events, want 3", len(r.Events))
	}
	for _, e := range r.Events {
		if !slices.Equal(e.Fingerprints, []retinue.Fingerprint{want}) {
			t.Errorf("event %s: fingerprints %v, want %v", e.ID, e.Fingerprints, want)
		}
	}
	// With hashes of tokens and git events in the log, it is not blind to them.
	var codes []string
	for _, b := range r.Coverage[0].BlindSpots {
		codes = append(codes, b.Code)
	}
	if want := []string{"github.api_events_off", "github.secrets_passed_rest_only", "github.oauth_apps_not_enumerable", "github.workflow_token_unnamed"}; !slices.Equal(codes, want) {
		t.Errorf("blind spots %v, want %v", codes, want)
	}
}

// TestServer reads the log of a server of one's own.
func TestServer(t *testing.T) {
	dir := connectortest.LogFile(t, "a.json", `[{"created_at":"2026-03-02T08:00:00Z","action":"git.clone","actor":"ann","repo":"Org/App","token_id":4,"programmatic_access_type":"personal_access_token"},
		{"created_at":"2026-03-02T08:01:00Z","action":"user.login","actor":"ann"}]`)
	open := connectortest.OpenActivity(github.Spec(), map[string]string{"host": "github.example.com", "organization": "own"})
	r := connectortest.Read(t, open(t, connectortest.Env(t), dir), nil)
	if len(r.Events) != 2 || r.Events[0].Realm != "forge:github.example.com/org" || r.Events[1].Realm != "forge:github.example.com/own" {
		t.Fatalf("events %+v", r.Events)
	}
	if j := r.Events[0].Joins[0].Value; j != "github-token:github.example.com/4" {
		t.Errorf("join %s", j)
	}
	_, err := github.Spec().Activity.Open(context.Background(), connector.Config{Target: dir, Options: map[string]string{"host": "a b"}}, connectortest.Env(t))
	if err == nil {
		t.Errorf("a host with a space was taken")
	}
}

// TestOtherFormats reports files that are no JSON once, with what to do.
func TestOtherFormats(t *testing.T) {
	for content, want := range map[string]string{
		"PAR1rest": "Parquet", "PK\x03\x04rest": "ZIP", "action,actor,created_at,org\nrepo.create,ann,1,o\n": "CSV",
	} {
		r := connectortest.Read(t, connectortest.OpenActivity(github.Spec(), nil)(t, connectortest.Env(t), connectortest.LogFile(t, "a", content)), nil)
		if len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Error(), want) {
			t.Errorf("%q: faults %v, want one that says %s", content, r.Faults, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for n := range 5 {
		f.Add(sample(f, n))
	}
	f.Add([]byte(`{"@timestamp":"2026-01-01 00:00:00","action":"a.b","org":[null,7],"repo":"/","data":{"user":[]}}`))
	spec := github.Spec()
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
