package repo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

const workflow1 = `name: deploy
on:
  push:
  pull_request_target:
permissions:
  contents: write
  id-token: write
jobs:
  go:
    runs-on: [self-hosted, linux]
    environment: production
    steps:
      - uses: actions/checkout@v4
        with:
          ref: ${{ github.event.pull_request.head.sha }}
      - uses: someone/else@v1
      - uses: pinned/one@0123456789abcdef0123456789abcdef01234567
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: arn:aws:iam::123456789012:role/deployer
      - run: ./go "${{ secrets.DEPLOY_KEY }}" "${{ secrets.GITHUB_TOKEN }}"
`

const serviceAccount1 = `apiVersion: v1
kind: ServiceAccount
metadata:
  name: payer
  namespace: pay
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/payer
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: payments, namespace: pay}
spec:
  template:
    spec:
      serviceAccountName: payer
      containers:
        - name: main
          env:
            - name: DB
              valueFrom: {secretKeyRef: {name: db, key: password}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: payer, namespace: pay}]
`

// planted is a repository with one of everything, and its secrets.
type planted struct {
	*made
	token, gone, awsID, awsSecret, ignored, loose string
}

func plantAll(t testing.TB) planted {
	t.Helper()
	m, p := newRepo(t), newPlanter(1)
	s := planted{made: m, token: p.github(), gone: p.slack(), ignored: p.github(), loose: p.github()}
	s.awsID, s.awsSecret = p.aws()
	m.commit("ann", map[string]string{
		"README.md":                    "# pay\n",
		"config/app.env":               "GITHUB_TOKEN=" + s.token + "\n",
		"old.txt":                      "slack = \"" + s.gone + "\"\n",
		"CODEOWNERS":                   "* @acme/everyone\n/.github/ @acme/platform\n",
		".gitignore":                   ".env\n*.log\nnode_modules/\n",
		"infra/main.tf":                "resource \"aws_iam_role\" \"runner\" {\n  name = \"runner\"\n}\n",
		"deploy/sa.yaml":               serviceAccount1,
		".github/workflows/deploy.yml": workflow1,
	})
	m.commit("bob", map[string]string{
		"old.txt":         "",
		"aws/credentials": "[default]\naws_access_key_id = " + s.awsID + "\naws_secret_access_key = " + s.awsSecret + "\n",
	})
	m.write(".env", "TOKEN="+s.ignored+"\n")
	m.write("noise.log", "TOKEN="+p.github()+"\n")
	m.write("new/untracked.txt", "t: "+s.loose+"\n")
	m.write("node_modules/x/index.js", "t = '"+p.github()+"'\n")
	return s
}

func (p planted) values() []string {
	return []string{p.token, p.gone, p.awsSecret, p.ignored, p.loose}
}

func TestConformance(t *testing.T) {
	s := plantAll(t)
	cfg := connector.Config{Name: "code", Target: s.dir}
	broken := plantAll(t)
	breakObject(t, broken.dir)
	connectortest.Run(t, connectortest.Subject{
		Spec:    Spec(),
		Open:    connectortest.OpenSpec(Spec(), cfg),
		Named:   connectortest.NameSpec(Spec(), cfg),
		Broken:  connectortest.OpenSpec(Spec(), connector.Config{Name: "code", Target: broken.dir}),
		Secrets: s.values(),
	})
}

// breakObject truncates the blob of a file that the head no longer has.
func breakObject(t testing.TB, dir string) {
	t.Helper()
	var tree string
	err := filepath.WalkDir(filepath.Join(dir, ".git", "objects"), func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && tree == "" {
			if info, err := e.Info(); err == nil && info.Size() > 0 && isOldBlob(t, dir, path) {
				tree = path
			}
		}
		return err
	})
	if err != nil || tree == "" {
		t.Fatalf("find an object to break: %v", err)
	}
	if err := os.Chmod(tree, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tree, []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func isOldBlob(t testing.TB, dir, path string) bool {
	t.Helper()
	tr, err := openTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	c, err := tr.headCommitForTest()
	if err != nil {
		t.Fatal(err)
	}
	parent, err := c.Parent(0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parent.File("old.txt")
	if err != nil {
		t.Fatal(err)
	}
	h := f.Hash.String()
	return strings.HasSuffix(filepath.ToSlash(path), h[:2]+"/"+h[2:])
}

func TestFindsAndAttributes(t *testing.T) {
	s := plantAll(t)
	res := connectortest.Discover(t, openRepo(t, s.dir, nil))
	key := connectortest.Key(t)
	byValue := func(v string) []retinue.Placement {
		mac := key.Fingerprint(retinue.NewSecret(v)).MAC[:16]
		return connectortest.Select(res, func(p retinue.Placement) bool { return p.Credential.Key == mac })
	}
	in := func(ps []retinue.Placement, path string, historic bool) *retinue.Placement {
		i := slices.IndexFunc(ps, func(p retinue.Placement) bool { return p.Place.Path == path && p.Historic == historic })
		if i < 0 {
			return nil
		}
		return &ps[i]
	}
	if p := in(byValue(s.gone), "old.txt", true); p == nil || p.Author != "ann@example.test" || p.Place.Commit == "" || p.Place.Line != 1 {
		t.Errorf("the removed value: got %+v, want it as historic with commit, author and line", p)
	}
	token := byValue(s.token)
	if len(token) != 2 {
		t.Errorf("the token in the head: got %d placements, want one of the head and one of its commit", len(token))
	}
	for _, p := range token {
		if p.Historic || p.Place.Field != "GITHUB_TOKEN" || p.Confidence != retinue.ConfidenceCertain {
			t.Errorf("the token in the head: got %+v", p)
		}
	}
	if p := in(byValue(s.ignored), ".env", false); p == nil || p.Place.Kind != retinue.PlaceFile {
		t.Errorf("the ignored .env: got %+v", p)
	}
	if in(byValue(s.loose), "new/untracked.txt", false) == nil {
		t.Error("an untracked file was not scanned")
	}
	cred := connectortest.Select(res, func(c retinue.Credential) bool { return c.Ref.Key == s.awsID })
	if len(cred) == 0 || cred[0].Ref.Realm.Kind() != "aws" || len(cred[0].Joins) == 0 || cred[0].Joins[0].Value != "aws:"+s.awsID {
		t.Errorf("the AWS key: got %+v", cred)
	}
}

func TestPipelinesAndDeclarations(t *testing.T) {
	s := plantAll(t)
	res := connectortest.Discover(t, openRepo(t, s.dir, nil))
	p := connectortest.Get[retinue.Identity](t, res, "pipeline", ".github/workflows/deploy.yml")
	for name, want := range map[string]any{"oidc": true, "selfHosted": true, "pullRequestTargetWithSecrets": true, "checksOutForkCode": true} {
		if p.Attrs[name] != want {
			t.Errorf("pipeline attribute %s: got %v", name, p.Attrs[name])
		}
	}
	if got := p.Attrs["unpinnedActions"]; !slices.Equal(got.([]string), []string{"aws-actions/configure-aws-credentials@v4", "someone/else@v1"}) {
		t.Errorf("unpinned actions: got %v", got)
	}
	if got := p.Attrs["secrets"]; !slices.Equal(got.([]string), []string{"DEPLOY_KEY"}) {
		t.Errorf("secrets: got %v", got)
	}
	if p.Federation == nil || p.Federation.Issuer != githubIssuer {
		t.Errorf("federation: got %+v", p.Federation)
	}
	refs := connectortest.Select(res, func(x retinue.Placement) bool { return x.Reference && x.Consumer == p.Ref })
	if len(refs) != 1 || refs[0].Place.Field != "DEPLOY_KEY" {
		t.Errorf("references: got %+v", refs)
	}
	connectortest.Get[retinue.Identity](t, res, "k8s_service_account", "pay/payer")
	connectortest.Get[retinue.Identity](t, res, "terraform_resource", "infra/aws_iam_role.runner")
	d := connectortest.Get[retinue.Resource](t, res, "k8s_deployment", "pay/payments")
	if len(d.RunsAs) != 1 || d.RunsAs[0].Key != "pay/payer" {
		t.Errorf("deployment runs as %v", d.RunsAs)
	}
	grants := connectortest.Select(res, func(g retinue.Grant) bool { return g.Subject.Key == "pay/payer" })
	if len(grants) != 2 {
		t.Errorf("grants of the service account: got %+v", grants)
	}
	owners := connectortest.Select(res, func(o retinue.OwnerSignal) bool { return o.Subject == p.Ref })
	var names []string
	for _, o := range owners {
		names = append(names, o.Signal+" "+o.Candidate)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"codeowners @acme/platform", "git_author ann@example.test"}) {
		t.Errorf("owners: got %v", names)
	}
}
