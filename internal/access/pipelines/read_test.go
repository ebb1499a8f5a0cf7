package pipelines_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	gitconfig "github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/connectors/azure"
	"github.com/retinue-id/retinue/connectors/gcp"
	"github.com/retinue-id/retinue/connectors/repo"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/pipelines"
	"github.com/retinue-id/retinue/internal/testkit"
)

const (
	workflow = `name: ship
on:
  push: {branches: [main]}
permissions: {contents: read}
jobs:
  deploy:
    runs-on: ubuntu-latest
    permissions: {id-token: write}
    steps:
      - run: make deploy
`
	authorization = `{"UserDetailList":[],"GroupDetailList":[],"Policies":[],"RoleDetailList":[{"RoleName":"ship","Arn":"arn:aws:iam::111111111111:role/ship","Path":"/",
"RoleId":"AROAEXAMPLEEXAMPLE001","CreateDate":"2026-01-01T00:00:00Z","RolePolicyList":[],"AttachedManagedPolicies":[],"InstanceProfileList":[],"Tags":[],
"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"},
"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com","token.actions.githubusercontent.com:sub":"repo:acme/shop:ref:refs/heads/main"}}}]}}]}`
	gcpProject   = `[{"projectId":"shop-prod","projectNumber":"123","name":"Shop","lifecycleState":"ACTIVE"}]`
	gcpPools     = `[{"name":"projects/123/locations/global/workloadIdentityPools/ci","state":"ACTIVE"}]`
	gcpProviders = `[{"name":"projects/123/locations/global/workloadIdentityPools/ci/providers/gh","state":"ACTIVE","attributeCondition":"assertion.repository_owner == 'acme'",
"attributeMapping":{"google.subject":"assertion.sub","attribute.repository":"assertion.repository"},"oidc":{"issuerUri":"https://token.actions.githubusercontent.com"}}]`
	gcpPolicies = `[{"resource":"//iam.googleapis.com/projects/shop-prod/serviceAccounts/42","assetType":"iam.googleapis.com/ServiceAccount","project":"projects/123","policy":{"bindings":[
{"role":"roles/iam.workloadIdentityUser","members":["principalSet://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/ci/attribute.repository/acme/shop"]}]}}]`
	gcpAccounts = `[{"name":"projects/shop-prod/serviceAccounts/ship@shop-prod.iam.gserviceaccount.com","projectId":"shop-prod","email":"ship@shop-prod.iam.gserviceaccount.com","uniqueId":"42"}]`
)

// files writes a folder.
func files(t testing.TB, in map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range in {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// repository is a clone of a repository at GitHub with files in one commit.
func repository(t testing.TB, remote string, in map[string]string) string {
	t.Helper()
	dir := files(t, in)
	r, err := git.PlainInit(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.CreateRemote(&gitconfig.RemoteConfig{Name: "origin", URLs: []string{remote}}); err != nil {
		t.Fatal(err)
	}
	w, err := r.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddGlob("."); err != nil {
		t.Fatal(err)
	}
	who := &object.Signature{Name: "ann", Email: "ann@example.test", When: connectortest.Epoch()}
	if _, err := w.Commit("begin", &git.CommitOptions{Author: who, Committer: who}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// read gives the facts of a target to a collector.
func read(t testing.TB, c *pipelines.Collector, spec connector.Spec, target string) {
	t.Helper()
	con, err := spec.Open(t.Context(), connector.Config{Name: "test", Target: target}, connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = con.Close() })
	res := connectortest.Discover(t, con)
	if res.Err != nil {
		t.Fatalf("%s: %v", target, res.Err)
	}
	for _, e := range res.Emitted {
		if err := c.Add(e.Fact); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFromSources reads a repository and three clouds as their connectors state
// them, and asks what the workflow in it reaches.
func TestFromSources(t *testing.T) {
	var c pipelines.Collector
	read(t, &c, repo.Spec(), repository(t, "git@github.com:acme/shop.git", map[string]string{".github/workflows/ship.yml": workflow}))
	read(t, &c, aws.Spec(), files(t, map[string]string{"authz-111111111111.json": authorization}))
	read(t, &c, gcp.Spec(), files(t, map[string]string{"projects.json": gcpProject, "pools.json": gcpPools, "providers.json": gcpProviders, "policies.json": gcpPolicies, "accounts.json": gcpAccounts}))
	e, err := c.Engine(nil)
	if err != nil {
		t.Fatal(err)
	}
	member := "principalSet://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/ci/attribute.repository/acme/shop"
	for _, target := range []string{"arn:aws:iam::111111111111:role/ship", member} {
		got := e.WhoCan("", pipelines.ActionAssume, target)
		if len(got) != 1 || got[0].Name != "ship" || got[0].Decision.Outcome != access.Allowed {
			t.Errorf("who can act as %s: %+v", target, got)
		}
	}
	if known := e.Realms(); len(known) != 1 || known[0].Realm.Kind() != "git" {
		t.Errorf("realms: %+v", known)
	}
}

// TestEntraFromSource reads an application with a federated credential.
func TestEntraFromSource(t *testing.T) {
	var c pipelines.Collector
	read(t, &c, repo.Spec(), repository(t, "https://github.com/acme/shop", map[string]string{".github/workflows/ship.yml": workflow}))
	read(t, &c, azure.Spec(), files(t, map[string]string{"app.json": `[{"@odata.type":"#microsoft.graph.application","id":"11111111-2222-3333-4444-555555555555",
"appId":"66666666-7777-8888-9999-000000000000","displayName":"ship","signInAudience":"AzureADMyOrg","passwordCredentials":[],"keyCredentials":[],
"federatedIdentityCredentials":[{"id":"a","name":"main","issuer":"https://token.actions.githubusercontent.com","subject":"repo:acme/shop:ref:refs/heads/main",
"audiences":["api://AzureADTokenExchange"]}]}]`,
		"account.json": `[{"id":"22222222-0000-0000-0000-000000000000","name":"prod","tenantId":"99999999-2222-3333-4444-555555555555","state":"Enabled"}]`}))
	e, err := c.Engine(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := e.WhoCan("", pipelines.ActionAssume, "")
	if len(got) != 1 || got[0].Name != "ship" || got[0].Decision.Outcome != access.Allowed {
		t.Errorf("who can act as anything: %+v", got)
	}
}

// TestSampleTrusts asks who may come to the roles of the sample accounts that
// trust tokens of an issuer. There are two: both take those of a pool of Cognito.
func TestSampleTrusts(t *testing.T) {
	const cognito = "any subject of https://cognito-identity.amazonaws.com"
	for file, want := range map[string]string{"aws/account-with-usage.json": cognito, "aws/cloudgoat/vulnerable_cognito": cognito, "aws/authz/cloudsplaining-example.json": ""} {
		var c pipelines.Collector
		read(t, &c, aws.Spec(), testkit.Data(t, file))
		e, err := c.Engine(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if e != nil {
			for _, h := range e.WhoCan("", pipelines.ActionAssume, "") {
				got = append(got, h.Name)
				if h.Decision.Outcome != access.Conditional || !strings.Contains(h.Decision.Sentence(), "authenticated") {
					t.Errorf("%s: %s", file, h.Decision.Sentence())
				}
			}
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: %v, want %q", file, got, want)
		}
	}
}

// TestSampleWorkflows reads the workflows of the samples. What they may do was
// read off them.
func TestSampleWorkflows(t *testing.T) {
	data, err := os.ReadFile(testkit.Data(t, "vendor-fixtures/github/workflow_content.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	for name, text := range texts {
		in[".github/workflows/"+name+".yml"] = text
	}
	var c pipelines.Collector
	read(t, &c, repo.Spec(), repository(t, "https://github.com/acme/shop.git", in))
	e, err := c.Engine(nil)
	if err != nil {
		t.Fatal(err)
	}
	writers := map[string]bool{}
	for _, h := range e.WhoCan("", "pull-requests:write", "") {
		writers[filepath.Base(h.Subject.Key)+" "+string(h.Decision.Outcome)] = true
	}
	for _, want := range []string{"WORKFLOW_CI_CONTENT.yml Allowed", "WORKFLOW_PINNED_ACTIONS.yml Unknown"} {
		if !writers[want] {
			t.Errorf("%s is not among %v", want, writers)
		}
	}
	for _, h := range e.WhoCan("", "contents:read", "") {
		if held := e.Held(h.Subject); len(held) == 0 {
			t.Errorf("%s holds nothing", h.Subject)
		}
	}
}
