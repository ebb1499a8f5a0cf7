package repo

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

func discover(t testing.TB, target string, options map[string]string) *connectortest.Result {
	t.Helper()
	res := connectortest.Discover(t, openRepo(t, target, options))
	if res.Err != nil {
		t.Fatalf("discover: %v", res.Err)
	}
	return res
}

func paths(res *connectortest.Result, scope string) []string {
	var out []string
	for _, e := range res.Emitted {
		if p, ok := e.Fact.(retinue.Placement); ok && e.Scope.Path == scope && !p.Reference {
			out = append(out, p.Place.Path)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func completed(res *connectortest.Result, path string) bool {
	for s := range res.Completed {
		if s.Path == path {
			return true
		}
	}
	return false
}

func note(t testing.TB, res *connectortest.Result, text string) {
	t.Helper()
	for _, n := range res.Notes {
		if strings.Contains(n.Text, text) {
			return
		}
	}
	t.Errorf("no note says %q: %v", text, res.Notes)
}

func realmOf(t testing.TB, dir string, options map[string]string) retinue.Realm {
	t.Helper()
	a, err := openRepo(t, dir, options).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a.Realm
}

func TestEveryCloneIsOneRealm(t *testing.T) {
	s := plantAll(t)
	want := realmOf(t, s.dir, nil)
	full, bare, linked, shallow := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "w"), t.TempDir()
	runGit(t, full, "clone", "-q", s.dir, ".")
	runGit(t, bare, "clone", "-q", "--bare", s.dir, ".")
	runGit(t, s.dir, "worktree", "add", "-q", "--detach", linked)
	runGit(t, shallow, "clone", "-q", "--depth", "1", "file://"+s.dir, ".")
	for name, dir := range map[string]string{"a clone": full, "a bare clone": bare, "a linked work tree": linked} {
		if got := realmOf(t, dir, nil); got != want {
			t.Errorf("%s: realm %s, want %s", name, got, want)
		}
	}
	if got := realmOf(t, shallow, nil); got == want {
		t.Errorf("a shallow clone claims realm %s, whose root it does not hold", got)
	}
	if got := realmOf(t, shallow, map[string]string{"root": want.ID()}); got != want {
		t.Errorf("a shallow clone with root: realm %s, want %s", got, want)
	}
	res := discover(t, bare, nil)
	if got := paths(res, "head"); !slices.Equal(got, []string{"aws/credentials", "config/app.env"}) {
		t.Errorf("head of the bare clone: %v", got)
	}
	if got := paths(res, "history"); !slices.Equal(got, []string{"aws/credentials", "config/app.env", "old.txt"}) {
		t.Errorf("history of the bare clone: %v", got)
	}
	connectortest.Get[retinue.Identity](t, res, "pipeline", ".github/workflows/deploy.yml")
	if got := paths(discover(t, linked, nil), "history"); len(got) != 3 {
		t.Errorf("history from a linked work tree: %v", got)
	}
	res = discover(t, shallow, nil)
	if completed(res, "history") || !completed(res, "head") {
		t.Errorf("a shallow clone completed %v", res.Completed)
	}
	note(t, res, "the clone is shallow")
}

func TestClonesStateTheSameHistory(t *testing.T) {
	s := plantAll(t)
	bare := t.TempDir()
	runGit(t, bare, "clone", "-q", "--bare", s.dir, ".")
	a, b := discover(t, s.dir, nil), discover(t, bare, nil)
	scope := retinue.NewScope(realmOf(t, s.dir, nil), "history")
	x, y := a.In(scope), b.In(scope)
	if len(x) == 0 || len(x) != len(y) {
		t.Fatalf("%d facts from the work tree's repository, %d from its clone", len(x), len(y))
	}
	for i := range x {
		m, _ := retinue.MarshalFact(x[i])
		n, _ := retinue.MarshalFact(y[i])
		if !bytes.Equal(m, n) {
			t.Errorf("fact %d:\n%s\n%s", i, m, n)
		}
	}
}

func TestForeignGitFileIsNotFollowed(t *testing.T) {
	s := plantAll(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: "+filepath.Join(s.dir, ".git")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := openRepo(t, dir, nil)
	if _, err := c.Check(t.Context()); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("check: got %v, want it denied", err)
	}
}

func TestAlternatesAreNotRead(t *testing.T) {
	s := plantAll(t)
	dir := t.TempDir()
	runGit(t, dir, "clone", "-q", "--shared", s.dir, ".")
	c := openRepo(t, dir, nil)
	if a, err := c.Check(t.Context()); err == nil && len(a.Missing) == 0 {
		t.Error("check says nothing of the alternates")
	}
	res := connectortest.Discover(t, openRepo(t, dir, map[string]string{"root": strings.Repeat("a", 40)}))
	if completed(res, "history") {
		t.Error("the history was completed although its objects lie elsewhere")
	}
}

func TestOddFiles(t *testing.T) {
	m, p := newRepo(t), newPlanter(3)
	big := "x = \"" + p.github() + "\"\n" + strings.Repeat("filler\n", 200_000)
	lfs := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 12\n"
	m.commit("ann", map[string]string{
		"big.txt": big, "bin.dat": "\x00\x01" + p.github(), "model.lfs": lfs,
		"allowed.txt": "a = \"" + p.github() + "\" # retinue:allow\nb = \"" + p.github() + "\" # gitleaks:allow\n",
		"go.sum":      "t = \"" + p.github() + "\"\n",
		"plain.txt":   "t = \"" + p.github() + "\"\n",
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(m.dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".", filepath.Join(m.dir, "loop")); err != nil {
		t.Fatal(err)
	}
	inner := newRepo(t)
	inner.commit("ann", map[string]string{"a": "b\n"})
	if err := os.Rename(inner.dir, filepath.Join(m.dir, "inner")); err != nil {
		t.Fatal(err)
	}
	res := discover(t, m.dir, map[string]string{"max-file-size": "1M"})
	for _, scope := range []string{"head", "history"} {
		if got := paths(res, scope); !slices.Equal(got, []string{"plain.txt"}) {
			t.Errorf("%s: %v", scope, got)
		}
		if !completed(res, scope) {
			t.Errorf("%s was not completed: %v", scope, res.Problems)
		}
	}
	for _, text := range []string{"binary", "LFS", "allowed by a comment", "path allowlists", "symbolic links", "larger than", "inner is a repository of its own"} {
		note(t, res, text)
	}
}

func TestEmptyRepositoryAndFolder(t *testing.T) {
	m := newRepo(t)
	res := discover(t, m.dir, nil)
	if !completed(res, "head") || !completed(res, "history") {
		t.Errorf("an empty repository: completed %v, problems %v", res.Completed, res.Problems)
	}
	dir := t.TempDir()
	p := newPlanter(4)
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("A="+p.github()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, ".github/workflows"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".github/workflows/a.yml"), []byte(workflow1), 0o600); err != nil {
		t.Fatal(err)
	}
	res = discover(t, dir, nil)
	if got := paths(res, "head"); !slices.Equal(got, []string{".env"}) || completed(res, "history") {
		t.Errorf("a folder: %v, completed %v", got, res.Completed)
	}
	if r := realmOf(t, dir, nil); r.Kind() != "folder" || r != realmOf(t, dir+"/.", nil) {
		t.Errorf("realm of a folder: %s", r)
	}
	connectortest.Get[retinue.Identity](t, res, "pipeline", ".github/workflows/a.yml")
}

func TestChangesJudgeOnlyWhatIsAdded(t *testing.T) {
	m, p := newRepo(t), newPlanter(5)
	old, moved, added, passing := p.github(), p.slack(), p.github(), p.github()
	base := m.commit("ann", map[string]string{"a.env": "T=" + old + "\n", "b.txt": "s = " + moved + "\n"})
	m.commit("bob", map[string]string{"a.env": "# more\nT=" + old + "\nN=" + added + "\n", "gone.txt": "x " + passing + "\n"})
	m.commit("bob", map[string]string{"gone.txt": "", "b.txt": "", "c.txt": "s = " + moved + "\n", ".gitlab-ci.yml": "job:\n  script: [\"use $DEPLOY_TOKEN\"]\n"})
	res := discover(t, m.dir, map[string]string{"commits": base.String() + "..HEAD"})
	var got []string
	key := connectortest.Key(t)
	for _, pl := range connectortest.Select(res, func(p retinue.Placement) bool { return !p.Reference }) {
		got = append(got, fmt.Sprintf("%s %s %v", pl.Credential.Key, pl.Place.Path, pl.Historic))
	}
	slices.Sort(got)
	want := []string{
		key.Fingerprint(retinue.NewSecret(added)).MAC[:16] + " a.env false",
		key.Fingerprint(retinue.NewSecret(passing)).MAC[:16] + " gone.txt true",
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	connectortest.Get[retinue.Identity](t, res, "pipeline", ".gitlab-ci.yml")
	for _, s := range res.Scopes() {
		if !strings.HasPrefix(s.Path, "changes/") {
			t.Errorf("scope %s was touched", s)
		}
	}
}

func TestBaselineAndIgnoreFile(t *testing.T) {
	m, p := newRepo(t), newPlanter(6)
	known, fresh, ignored := p.github(), p.github(), p.slack()
	h := m.commit("ann", map[string]string{"a.env": "T=" + known + "\nN=" + fresh + "\n", "b.txt": "s = " + ignored + "\n"})
	m.write(".gitleaksignore", "# known\nb.txt:slack-bot-token:1\n"+h.String()+":b.txt:generic-api-key:1\n")
	report := filepath.Join(t.TempDir(), "leaks.json")
	text := fmt.Sprintf(`[{"RuleID":"github-pat","File":"a.env","StartLine":9,"Secret":%q}]`, known)
	if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sarif := filepath.Join(t.TempDir(), "known.sarif")
	text = `{"version":"2.1.0","runs":[{"results":[{"ruleId":"x","locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.env"},"region":{"startLine":1}}}]}]}]}`
	if err := os.WriteFile(sarif, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{report, sarif} {
		res := discover(t, m.dir, map[string]string{"baseline": file})
		creds := map[string]bool{}
		for _, c := range connectortest.All[retinue.Credential](res) {
			creds[c.Ref.Key] = true
		}
		want := connectortest.Key(t).Fingerprint(retinue.NewSecret(fresh)).MAC[:16]
		if len(creds) != 1 || !creds[want] {
			t.Errorf("%s: got %v, want %s only", filepath.Base(file), creds, want)
		}
		note(t, res, ".gitleaksignore")
		note(t, res, "baseline")
		for s := range res.Completed {
			if s.Path != "changes/baseline" {
				t.Errorf("scope %s was completed under a baseline", s)
			}
		}
	}
}

func TestVerifyAsksEachIssuerOnce(t *testing.T) {
	m, p := newRepo(t), newPlanter(7)
	live, dead, slack := p.github(), p.github(), p.slack()
	id, secret := p.aws()
	m.commit("ann", map[string]string{
		"a.env": "T=" + live + "\nU=" + dead + "\n", "b.env": "T=" + live + "\n", "c.txt": "s = " + slack + "\n",
		"d.ini": "aws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n",
	})
	calls := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		switch {
		case r.URL.Path == "/user" && auth == "Bearer "+live:
			calls["live"]++
			w.Header().Set("X-OAuth-Scopes", "repo, workflow")
			_, _ = w.Write([]byte(`{"login":"deployer"}`))
		case r.URL.Path == "/user":
			calls["dead"]++
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/api/auth.test":
			calls["slack"]++
			_, _ = w.Write([]byte(`{"ok":false,"error":"token_revoked"}`))
		case r.Method == http.MethodPost && strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential="+id+"/"):
			calls["aws"]++
			_, _ = w.Write([]byte(`<r><Arn>arn:aws:iam::123456789012:user/ci</Arn></r>`))
		default:
			t.Errorf("unexpected call %s %s", r.Method, r.URL.Path)
		}
	}))
	defer srv.Close()
	run := func(verify string) *connectortest.Result {
		c := openRepo(t, m.dir, map[string]string{"verify": verify})
		c.endpoints.github, c.endpoints.slack, c.endpoints.aws = srv.URL, srv.URL, srv.URL
		return connectortest.Discover(t, c)
	}
	run("no")
	if len(calls) != 0 {
		t.Fatalf("calls without the option: %v", calls)
	}
	res := run("yes")
	for _, k := range []string{"live", "dead", "slack", "aws"} {
		if calls[k] != 1 {
			t.Errorf("calls about %s: %d", k, calls[k])
		}
	}
	state := func(key string) retinue.Credential {
		for _, c := range connectortest.All[retinue.Credential](res) {
			if c.Ref.Key == key && c.State != retinue.CredentialUnknown {
				return c
			}
		}
		return retinue.Credential{}
	}
	mac := func(v string) string { return connectortest.Key(t).Fingerprint(retinue.NewSecret(v)).MAC[:16] }
	if c := state(mac(live)); c.State != retinue.CredentialActive || c.Attrs["subject"] != "deployer" || !slices.Equal(c.Scopes, []string{"repo", "workflow"}) {
		t.Errorf("live token: %+v", c)
	}
	if c := state(mac(slack)); c.State != retinue.CredentialRevoked {
		t.Errorf("slack token: %+v", c)
	}
	if c := state(mac(dead)); c.State != "" {
		t.Errorf("a no of github.com for a repository of unknown origin: got state %s, want it unknown", c.State)
	}
	if c := state(id); c.State != retinue.CredentialActive {
		t.Errorf("AWS key: %+v", c)
	}
	notes := 0
	for _, n := range res.Notes {
		if strings.HasPrefix(n.Text, "verify=yes") {
			notes++
		}
		for _, v := range []string{live, dead, slack, secret} {
			if strings.Contains(n.Text, v) {
				t.Error("a note holds a value")
			}
		}
	}
	if notes != 4 {
		t.Errorf("%d calls are noted, want 4", notes)
	}
}

func TestListOfRepositories(t *testing.T) {
	a, b := plantAll(t), newRepo(t)
	b.commit("zoe", map[string]string{"x.env": "T=" + newPlanter(8).github() + "\n"})
	res := discover(t, a.dir+";"+b.dir+";"+filepath.Join(b.dir, "absent"), nil)
	realms := map[retinue.Realm]bool{}
	for s := range res.Completed {
		realms[s.Realm] = true
	}
	if len(realms) != 2 {
		t.Errorf("realms: %v", realms)
	}
	note(t, res, "absent")
	if _, err := Spec().Open(t.Context(), connector.Config{Target: " "}, connectortest.Env(t)); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("no path: %v", err)
	}
}

// TestTreeBombEnds reads a commit whose few objects name a file at ten thousand
// million paths.
func TestTreeBombEnds(t *testing.T) {
	m, p := newRepo(t), newPlanter(11)
	store := m.repo.Storer
	put := func(kind plumbing.ObjectType, encode func(plumbing.EncodedObject) error) plumbing.Hash {
		t.Helper()
		o := store.NewEncodedObject()
		o.SetType(kind)
		if err := encode(o); err != nil {
			t.Fatal(err)
		}
		h, err := store.SetEncodedObject(o)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	below := put(plumbing.BlobObject, func(o plumbing.EncodedObject) error {
		w, err := o.Writer()
		if err != nil {
			return err
		}
		_, err = w.Write([]byte("t = \"" + p.github() + "\"\n"))
		return errors.Join(err, w.Close())
	})
	mode := filemode.Regular
	for range 10 {
		tree := object.Tree{}
		for i := range 10 {
			tree.Entries = append(tree.Entries, object.TreeEntry{Name: fmt.Sprintf("d%d", i), Mode: mode, Hash: below})
		}
		below, mode = put(plumbing.TreeObject, tree.Encode), filemode.Dir
	}
	who := object.Signature{Name: "eve", Email: "eve@example.test", When: connectortest.Epoch()}
	c := object.Commit{Author: who, Committer: who, Message: "bomb", TreeHash: below}
	h := put(plumbing.CommitObject, c.Encode)
	if err := store.SetReference(plumbing.NewHashReference("refs/heads/master", h)); err != nil {
		t.Fatal(err)
	}
	res := discover(t, m.dir, nil)
	if len(paths(res, "history")) == 0 {
		t.Error("the value was not found")
	}
	note(t, res, "repeat too often")
	if !completed(res, "history") {
		t.Errorf("problems: %v", res.Problems)
	}
}
