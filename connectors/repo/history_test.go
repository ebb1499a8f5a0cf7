package repo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/cmd/scm"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/sources"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connector/secrets"
	"github.com/retinue-id/retinue/connector/secrets/secretstest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// gitleaksHistory runs gitleaks over the whole history of a repository.
func gitleaksHistory(t testing.TB, dir string) []string {
	t.Helper()
	testkit.Need(t, "git", "git")
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	d.MaxDecodeDepth = 5 // as gitleaks' command does by default
	cmd, err := sources.NewGitLogCmdContext(t.Context(), dir, "--all")
	if err != nil {
		t.Fatal(err)
	}
	source := &sources.Git{Cmd: cmd, Config: &d.Config, Remote: &sources.RemoteInfo{Platform: scm.NoPlatform}, Sema: d.Sema}
	found, err := d.DetectSource(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, f := range found {
		set[identify(f.RuleID, f.Secret)] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// identify names a finding by rule and value, without showing the value.
func identify(rule, value string) string {
	return fmt.Sprintf("%s %x", rule, sha256.Sum256([]byte(value)))[:len(rule)+13]
}

// ourHistory scans the same history with the same rules, and nothing else.
func ourHistory(t testing.TB, dir string) []string {
	t.Helper()
	s, err := secrets.New(secrets.Options{WithoutExtra: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &Repo{settings: settings{paths: []string{dir}, history: true, maxFile: defaultMaxFile, scanner: s}, env: connectortest.Env(t)}
	tr, err := openTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	sink := &valueSink{t: t, found: map[string]bool{}}
	r := newRun(c, tr, "git:test", sink, connector.Request{})
	scope := retinue.NewScope("git:test", "history")
	commits, err := r.commits(t.Context(), scope, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := newTreeWalk(r, scope)
	err = ordered(t.Context(), func(submit func(func() blobFound) error) error {
		for _, c := range commits {
			if err := r.submitCommit(t.Context(), w, scope, c, submit); err != nil {
				return err
			}
		}
		return nil
	}, func(b blobFound) error {
		for _, f := range b.findings {
			sink.found[identify(f.Rule, f.Secret.Reveal())] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(sink.found))
}

type valueSink struct {
	t     testing.TB
	found map[string]bool
}

func (s *valueSink) Emit(retinue.Scope, ...retinue.Fact) error          { return nil }
func (s *valueSink) Complete(retinue.Scope, connector.Completion) error { return nil }
func (s *valueSink) Problem(sc retinue.Scope, err error)                { s.t.Errorf("%s: %v", sc, err) }
func (s *valueSink) Note(connector.Note)                                {}
func missing(want, got []string) (out []string) {
	for _, w := range want {
		if !slices.Contains(got, w) {
			out = append(out, w)
		}
	}
	return out
}

// TestHistoryHoldsAllThatGitleaksFinds plants values of every rule in files that
// change from commit to commit.
func TestHistoryHoldsAllThatGitleaksFinds(t *testing.T) {
	rules, err := secretstest.Rules()
	if err != nil {
		t.Fatal(err)
	}
	m, rnd := newRepo(t), rand.New(rand.NewPCG(9, 9))
	for round := range 6 {
		files := map[string]string{}
		for i, r := range rules {
			if i%2 != round%2 {
				continue // a file changes in every second commit
			}
			text, path := secretstest.Plant(rnd, r, round)
			if path == "" {
				path = "notes.txt"
			}
			files[r.ID+"/"+path] = text
		}
		m.commit([]string{"ann", "bob"}[round%2], files)
	}
	want, got := gitleaksHistory(t, m.dir), ourHistory(t, m.dir)
	if lost := missing(want, got); len(lost) > 0 {
		t.Errorf("%d of %d findings of gitleaks are missing: %v", len(lost), len(want), lost)
	}
	found := map[string]bool{}
	for _, w := range want {
		id, _, _ := strings.Cut(w, " ")
		found[id] = true
	}
	if len(found) < len(rules)-40 {
		t.Errorf("gitleaks found values of %d rules only, of %d", len(found), len(rules))
	}
	t.Logf("gitleaks %d values of %d rules, retinue %d", len(want), len(found), len(got))
}

func TestHistoryOfThisRepository(t *testing.T) {
	dir := thisRepository(t)
	want, got := gitleaksHistory(t, dir), ourHistory(t, dir)
	if lost := missing(want, got); len(lost) > 0 {
		t.Errorf("%d of %d findings of gitleaks are missing: %v", len(lost), len(want), lost)
	}
	t.Logf("gitleaks %d, retinue %d", len(want), len(got))
}

func thisRepository(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		testkit.Absent(t, "this checkout has no history")
	}
	return dir
}

// BenchmarkHistory pairs both on the whole history of a repository in one run:
// the one that RETINUE_BENCH_REPO names, else this one.
func BenchmarkHistory(b *testing.B) {
	dir := os.Getenv("RETINUE_BENCH_REPO")
	if dir == "" {
		dir = thisRepository(b)
	}
	b.Run("retinue", func(b *testing.B) {
		for b.Loop() {
			ourHistory(b, dir)
		}
	})
	b.Run("gitleaks", func(b *testing.B) {
		for b.Loop() {
			gitleaksHistory(b, dir)
		}
	})
}

func runGit(t testing.TB, dir string, args ...string) string {
	t.Helper()
	testkit.Need(t, "git", "git")
	cmd := exec.CommandContext(context.Background(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@example.test",
		"GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@example.test", "GIT_ALLOW_PROTOCOL=file")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
