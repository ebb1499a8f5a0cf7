package repo

import (
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// quiet is a sink that checks facts and keeps nothing.
type quiet struct{ t *testing.T }

func (q quiet) Emit(_ retinue.Scope, facts ...retinue.Fact) error {
	for _, f := range facts {
		if err := f.Validate(); err != nil {
			q.t.Error(err)
		}
		if err := f.FactRef().Validate(); err != nil {
			q.t.Error(err)
		}
	}
	return nil
}
func (quiet) Complete(retinue.Scope, connector.Completion) error { return nil }
func (quiet) Problem(retinue.Scope, error)                       {}
func (quiet) Note(connector.Note)                                {}

// FuzzDeclarations reads any content as each kind of pipeline and declaration.
func FuzzDeclarations(f *testing.F) {
	files := []string{".github/workflows/a.yml", ".gitlab-ci.yml", "Jenkinsfile", ".circleci/config.yml", "azure-pipelines.yml",
		"bitbucket-pipelines.yml", "main.tf", "compose.yaml", "values.yaml", "chart/templates/a.yaml", "k8s.yaml", "template.json"}
	for _, seed := range []string{workflow1, serviceAccount1, "a: &a\n  <<: *a\n", "resource \"aws_iam_role\" \"x\" {\n a = <<E\n", "@Library('x@y') _\ncredentials('a')",
		"{\"Resources\":{\"R\":{\"Type\":\"AWS::IAM::Role\"}}}", "services:\n  a: {secrets: [b]}\n", "{{ x }}\nkind: ServiceAccount\napiVersion: v1\nmetadata: {name: \"{{\"}"} {
		for i := range files {
			f.Add(i, seed)
		}
	}
	f.Fuzz(func(t *testing.T, which int, text string) {
		if which < 0 || len(text) > 8192 {
			t.Skip()
		}
		c := &Repo{env: connectortest.Env(t)}
		r := newRun(c, &tree{remotes: []string{"github.com/a/b"}}, "git:x", quiet{t}, connector.Request{})
		_ = r.declarations(file{path: files[which%len(files)], data: []byte(text)})
	})
}

func FuzzCodeOwners(f *testing.F) {
	f.Add("* @a\n/x/ @b\n[S][2] @c\ny\n", "x/y")
	f.Add("\\ @a\n**/ @b\n[ @c", "")
	f.Fuzz(func(t *testing.T, text, path string) {
		if len(text) > 4096 || len(path) > 200 {
			t.Skip()
		}
		rules := parseCodeOwners([]byte(text))
		ownerRule(rules, path)
	})
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`[{"RuleID":"a","File":"b","StartLine":1,"Secret":"c"}]`))
	f.Add([]byte(`{"version":"2.1.0","runs":[{"results":[{"locations":[{}]}]}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = parseBaseline(data)
		parseIgnoreFile(data)
	})
}
