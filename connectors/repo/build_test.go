package repo

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// made is a repository that a test makes.
type made struct {
	t    testing.TB
	dir  string
	repo *git.Repository
	n    int
}

func newRepo(t testing.TB) *made {
	t.Helper()
	dir := t.TempDir()
	r, err := git.PlainInit(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return &made{t: t, dir: dir, repo: r}
}

func (m *made) write(path, content string) {
	m.t.Helper()
	full := filepath.Join(m.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// commit writes files, an empty content removing one, and commits them.
func (m *made) commit(author string, files map[string]string) plumbing.Hash {
	m.t.Helper()
	w, err := m.repo.Worktree()
	if err != nil {
		m.t.Fatal(err)
	}
	for path, content := range files {
		if content == "" {
			_, err = w.Remove(path)
		} else {
			m.write(path, content)
			err = w.AddWithOptions(&git.AddOptions{Path: path, SkipStatus: true})
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
	m.n++
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, m.n)
	who := object.Signature{Name: author, Email: author + "@example.test", When: at}
	h, err := w.Commit(fmt.Sprintf("change %d", m.n), &git.CommitOptions{Author: &who, Committer: &who})
	if err != nil {
		m.t.Fatal(err)
	}
	return h
}

// planter makes values that look like secrets, from pieces, at test time.
type planter struct{ rnd *rand.Rand }

func newPlanter(seed uint64) planter { return planter{rand.New(rand.NewPCG(seed, 7))} }

func (p planter) chars(alphabet string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[p.rnd.IntN(len(alphabet))])
	}
	return b.String()
}

const alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// github makes a token with a checksum that holds.
func (p planter) github() string {
	body := p.chars(alnum, 30)
	sum := crc32.ChecksumIEEE([]byte(body))
	out := []byte("000000")
	for i := 5; i >= 0; i-- {
		out[i] = alnum[sum%62]
		sum /= 62
	}
	return "gh" + "p_" + body + string(out)
}

// aws makes an access key id of the present format and its secret half.
func (p planter) aws() (id, secret string) {
	return "AK" + "IA" + p.chars("QRSTUVWXYZ", 1) + p.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 15), p.chars(alnum+"/+", 40)
}

func (p planter) slack() string {
	return "xo" + "xb-" + p.chars("123456789", 12) + "-" + p.chars("123456789", 12) + "-" + p.chars(alnum, 24)
}

func openRepo(t testing.TB, target string, options map[string]string) *Repo {
	t.Helper()
	return openWith(t, connectortest.Env(t), target, options)
}

func openWith(t testing.TB, env connector.Env, target string, options map[string]string) *Repo {
	t.Helper()
	c, err := Spec().Open(t.Context(), connector.Config{Target: target, Options: options}, env)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Repo)
}
