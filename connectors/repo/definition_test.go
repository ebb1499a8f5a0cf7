package repo

import (
	"encoding/json"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestDefinitions holds the documents that pipeline files become: the engine
// that reads them is tested with the same texts.
func TestDefinitions(t *testing.T) {
	for _, tt := range []struct{ path, origin, text, want string }{
		{".github/workflows/a.yml", "github.com/acme/shop", `name: ship
on:
  push: {branches: [main, 'release/**'], tags-ignore: ['*-rc']}
  workflow_dispatch:
permissions: {contents: read}
jobs:
  deploy:
    if: github.actor != 'x'
    environment: {name: production, url: https://shop.example}
    permissions: {id-token: write, contents: none}
    runs-on: [self-hosted, big]
    steps:
      - uses: aws-actions/configure-aws-credentials@v4
        with: {role-to-assume: 'arn:aws:iam::123456789012:role/ship'}
      - run: echo value-that-is-not-kept
  call:
    permissions: write-all
    uses: acme/flows/.github/workflows/b.yml@v1
`, `{"system":"github_actions","repository":"github.com/acme/shop","file":".github/workflows/a.yml","name":"ship",` +
			`"triggers":[{"event":"push","branches":["main","release/**"],"tagsIgnore":["*-rc"]},{"event":"workflow_dispatch"}],` +
			`"permissions":{"scopes":{"contents":"read"}},"jobs":[{"name":"deploy","conditional":true,"environment":"production",` +
			`"permissions":{"scopes":{"contents":"none","id-token":"write"}},"runners":["big","self-hosted"],"selfHosted":true,` +
			`"roles":["arn:aws:iam::123456789012:role/ship"]},` +
			`{"name":"call","permissions":{"all":"write-all"},"uses":"acme/flows/.github/workflows/b.yml@v1"}]}`},
		{".github/workflows/b.yml", "", "on: [push, pull_request]\npermissions: {}\njobs: {a: {runs-on: ubuntu-latest}}\n",
			`{"system":"github_actions","file":".github/workflows/b.yml","triggers":[{"event":"push"},{"event":"pull_request"}],` +
				`"permissions":{},"jobs":[{"name":"a","runners":["ubuntu-latest"]}]}`},
		{".gitlab-ci.yml", "gitlab.example/acme/pay", `include: other.yml
default:
  id_tokens: {BASE: {aud: [https://vault.example]}}
.hidden: {script: [x]}
build: {script: [make], tags: [saas-linux-small]}
deploy:
  id_tokens: {AWS: {aud: sts.amazonaws.com}}
  environment: production
  rules: [{if: '$CI_COMMIT_TAG'}]
`, `{"system":"gitlab_ci","repository":"gitlab.example/acme/pay","file":".gitlab-ci.yml","jobs":[` +
			`{"name":"build","runners":["saas-linux-small"],"idTokens":[{"name":"BASE","audiences":["https://vault.example"]}]},` +
			`{"name":"deploy","conditional":true,"environment":"production","idTokens":[{"name":"AWS","audiences":["sts.amazonaws.com"]}]}],"includes":true}`},
	} {
		tr := &tree{}
		if tt.origin != "" {
			tr.remotes = []string{tt.origin}
		}
		p, err := pipelineReader(tt.path)(tr, tt.path, []byte(tt.text))
		if err != nil {
			t.Fatalf("%s: %v", tt.path, err)
		}
		got, err := json.Marshal(p.definition)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %v\n got %s\nwant %s", tt.path, err, got, tt.want)
		}
	}
}

// TestDefinitionIsStated finds the document attached to its pipeline.
func TestDefinitionIsStated(t *testing.T) {
	res := discover(t, plantAll(t).dir, nil)
	pol := connectortest.Get[retinue.Policy](t, res, "pipeline_definition", ".github/workflows/deploy.yml")
	if pol.Language != retinue.LanguagePipeline || !json.Valid([]byte(pol.Document)) {
		t.Errorf("the definition is %+v", pol)
	}
	for _, at := range connectortest.All[retinue.Attachment](res) {
		if at.Policy == pol.Ref && at.Target == retinue.NewRef(pol.Ref.Realm, "pipeline", ".github/workflows/deploy.yml") {
			return
		}
	}
	t.Error("the definition is attached to nothing")
}
