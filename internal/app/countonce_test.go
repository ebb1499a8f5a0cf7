package app_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestOneThingCountsOnce scans each kind of system again under another name,
// from a copy elsewhere, and from overlapping copies, and checks that no count
// moves.
func TestOneThingCountsOnce(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		kind string
		ways func(t *testing.T) []string // targets that are the same system
	}{
		{"aws", awsCopies},
		{"kubernetes", kubernetesCopies},
		{"postgres", postgresCopies},
		{"repo", repoCopies},
		{"host", hostCopies},
		{"exec", execCopies},
	} {
		t.Run(c.kind, func(t *testing.T) {
			db := filepath.Join(dir, c.kind+".db")
			a, err := app.Open(t.Context(), app.Config{Database: db, KeyFile: filepath.Join(dir, "key")}, app.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			}()
			var first store.Totals
			targets := c.ways(t)
			targets = append(targets, targets[0]) // under another name
			for i, target := range targets {
				src := app.SourceConfig{Name: fmt.Sprint(c.kind, i), Kind: c.kind, Target: target}
				runs, err := a.Scan(t.Context(), []app.SourceConfig{src}, app.ScanOptions{Actor: retinue.Actor{Kind: "system", Name: "test"}})
				if err != nil {
					t.Fatal(err)
				}
				if runs[0].State == store.RunFailed {
					t.Fatalf("scan of %s failed: %s", target, runs[0].Error)
				}
				totals, err := a.Totals(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				totals.BySource = nil
				if i == 0 {
					if first = totals; totals.NonHuman+totals.Unclear == 0 {
						t.Fatal("nothing was found")
					}
				}
				if fmt.Sprint(totals) != fmt.Sprint(first) {
					t.Errorf("scan %d (%s) moved the counts:\n got %+v\nwant %+v", i, target, totals, first)
				}
			}
		})
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

const authorizationDetails = `{"UserDetailList":[{"Path":"/","UserName":"ci","UserId":"AIDAEXAMPLEEXAMPLE01","Arn":"arn:aws:iam::111111111111:user/ci",
"CreateDate":"2024-01-01T00:00:00+00:00","GroupList":["build"],"AttachedManagedPolicies":[],"Tags":[]}],
"GroupDetailList":[{"Path":"/","GroupName":"build","GroupId":"AGPAEXAMPLEEXAMPLE01","Arn":"arn:aws:iam::111111111111:group/build",
"CreateDate":"2024-01-01T00:00:00+00:00","GroupPolicyList":[],"AttachedManagedPolicies":[{"PolicyName":"AdministratorAccess","PolicyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}]}],
"RoleDetailList":[{"Path":"/","RoleName":"app","RoleId":"AROAEXAMPLEEXAMPLE01","Arn":"arn:aws:iam::111111111111:role/app","CreateDate":"2024-01-01T00:00:00+00:00",
"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]},
"InstanceProfileList":[],"RolePolicyList":[],"AttachedManagedPolicies":[],"Tags":[]}],"Policies":[]}`

func awsCopies(t *testing.T) []string {
	dir := t.TempDir()
	one := write(t, filepath.Join(dir, "a", "details.json"), authorizationDetails, 0o600)
	write(t, filepath.Join(dir, "b", "first.json"), authorizationDetails, 0o600)
	write(t, filepath.Join(dir, "b", "second.json"), authorizationDetails, 0o600)
	write(t, filepath.Join(dir, "b", "third.json"), authorizationDetails, 0o600)
	return []string{one, filepath.Join(dir, "a"), filepath.Join(dir, "b")}
}

const clusterList = `{"apiVersion":"v1","kind":"List","items":[
{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system","uid":"0b0b0b0b-0000-4000-8000-000000000001"}},
{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"pay","uid":"0b0b0b0b-0000-4000-8000-000000000002"}},
{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"deployer","namespace":"pay"}},
{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"edit-all"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]},
{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"deployer"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit-all"},"subjects":[{"kind":"ServiceAccount","name":"deployer","namespace":"pay"}]}]}`

func kubernetesCopies(t *testing.T) []string {
	dir := t.TempDir()
	one := write(t, filepath.Join(dir, "a", "all.json"), clusterList, 0o600)
	write(t, filepath.Join(dir, "b", "x.json"), clusterList, 0o600)
	write(t, filepath.Join(dir, "b", "y.json"), clusterList, 0o600)
	return []string{one, filepath.Join(dir, "a"), filepath.Join(dir, "b")}
}

func postgresCopies(t *testing.T) []string {
	b, err := os.ReadFile(testkit.Data(t, "access", "postgres", "seed1-catalog.json"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return []string{write(t, filepath.Join(dir, "one.json"), string(b), 0o600), write(t, filepath.Join(dir, "elsewhere", "two.json"), string(b), 0o600)}
}

func repoCopies(t *testing.T) []string {
	git := testkit.Need(t, "git", "git")
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	write(t, filepath.Join(src, ".github", "workflows", "ci.yml"), "on: push\npermissions: write-all\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make\n        env:\n          TOKEN: ${{ secrets.DEPLOY_TOKEN }}\n", 0o644)
	token := "ghp_" + strings.Repeat("a1B2c3", 6)
	write(t, filepath.Join(src, "deploy.sh"), "curl -H 'Authorization: token "+token+"' https://api.github.com\n", 0o755)
	run := func(args ...string) {
		c := exec.Command(git, args...)
		c.Env = append(os.Environ(), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com",
			"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("init", "-q", "-b", "main", src)
	run("-C", src, "add", "-A")
	run("-C", src, "commit", "-q", "-m", "first")
	clone := filepath.Join(dir, "elsewhere", "clone")
	run("clone", "-q", src, clone)
	return []string{src, clone}
}

func hostCopies(t *testing.T) []string {
	dir := t.TempDir()
	for _, root := range []string{"a", "b"} {
		r := filepath.Join(dir, root)
		write(t, filepath.Join(r, "etc", "machine-id"), "0123456789abcdef0123456789abcdef\n", 0o444)
		write(t, filepath.Join(r, "etc", "hostname"), "build7\n", 0o644)
		write(t, filepath.Join(r, "etc", "passwd"), "root:x:0:0:root:/root:/bin/bash\nbackup-job:x:999:999::/srv/backup:/bin/bash\n", 0o644)
		write(t, filepath.Join(r, "etc", "cron.d", "backup"), "5 4 * * * backup-job /srv/backup/run\n", 0o644)
		write(t, filepath.Join(r, "root", ".pgpass"), "db:5432:*:app:"+strings.Repeat("x9", 8)+"\n", 0o600)
	}
	return []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
}

func execCopies(t *testing.T) []string {
	const script = `#!/bin/sh
echo '{"op":"realm","protocol":1,"realm":"payroll:7","name":"payroll"}'
echo '{"op":"fact","scope":{"realm":"payroll:7","path":"accounts"},"fact":{"type":"identity","ref":{"realm":"payroll:7","kind":"account","key":"batch"},"name":"batch","kind":"service_account","class":"non_human"}}'
echo '{"op":"complete","scope":{"realm":"payroll:7","path":"accounts"},"basis":"the whole table"}'
`
	dir := t.TempDir()
	return []string{write(t, filepath.Join(dir, "one"), script, 0o755), write(t, filepath.Join(dir, "two"), script, 0o755)}
}
