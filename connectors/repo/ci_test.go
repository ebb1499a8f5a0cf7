package repo

import (
	"os"
	"testing"
)

// TestOwnJobs reads the jobs that we hand out with our own readers: they must
// not have what we report in others.
func TestOwnJobs(t *testing.T) {
	for file, read := range map[string]func(*tree, string, []byte) (*pipeline, error){
		"../../deploy/ci/github/workflow.yml": readGitHubWorkflow,
		"../../deploy/ci/gitlab-ci.yml":       readGitLabCI,
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := read(&tree{}, file, data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(p.secrets) > 0 || p.selfHosted || p.attrs["scriptInjection"] == true || p.attrs["pullRequestTarget"] == true {
			t.Errorf("%s: %+v", file, p)
		}
		if p.system == githubActions && p.attrs["permissionsDeclared"] != true {
			t.Errorf("%s: permissions are not declared", file)
		}
	}
	data, err := os.ReadFile("../../deploy/ci/github/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	if docs, err := parseYAML(data); err != nil || textAt(docs[0], "runs", "using") != "composite" {
		t.Errorf("the action: %v", err)
	}
}
