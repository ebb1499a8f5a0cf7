package secrets

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/retinue-id/retinue/connector/secrets/secretstest"
)

// floor returns a scanner with exactly gitleaks' rules.
func floor(t testing.TB) *Scanner {
	t.Helper()
	s, err := New(Options{WithoutExtra: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func gitleaks(t testing.TB) *detect.Detector {
	t.Helper()
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ours and theirs name findings by rule, line of the match and value, so that
// sets compare. The values are generated here or lie in the reader's own tree;
// they are shown by length and hash only.
func ours(s *Scanner, path, data string) []string {
	var out []string
	for _, f := range s.ScanFile(path, []byte(data)) {
		out = append(out, name(f.Rule, f.MatchLine, f.Secret.Reveal()))
	}
	slices.Sort(out)
	return out
}

func theirs(d *detect.Detector, path, data string) []string {
	var out []string
	for _, f := range d.Detect(detect.Fragment{Raw: data, FilePath: path}) {
		line := f.StartLine + 1
		if strings.HasPrefix(f.Match, "file detected:") {
			line = 0
		}
		out = append(out, name(f.RuleID, line, f.Secret))
	}
	slices.Sort(out)
	return out
}

func name(rule string, line int, secret string) string {
	return fmt.Sprintf("%s line %d: %d bytes, entropy %.6f", rule, line, len(secret), entropy(secret))
}

func TestSameAsGitleaksOnThisRepository(t *testing.T) {
	s, d := floor(t), gitleaks(t)
	files, bytes := 0, 0
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules") {
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 200<<10 || bytes > 3<<20 {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		bytes += len(data)
		if got, want := ours(s, "/"+path, string(data)), theirs(d, "/"+path, string(data)); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files were compared", files)
	}
	t.Logf("%d files, %d bytes", files, bytes)
}

func plantable(t testing.TB) []secretstest.Rule {
	t.Helper()
	rules, err := secretstest.Rules()
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestSameAsGitleaksOnPlantedSecrets(t *testing.T) {
	s, d, rules := floor(t), gitleaks(t), plantable(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	hit := map[string]bool{}
	for i := range 40 {
		for _, r := range rules {
			text, path := secretstest.Plant(rnd, r, i)
			got, want := ours(s, path, text), theirs(d, path, text)
			if !slices.Equal(got, want) {
				t.Fatalf("%s, round %d:\n got %q\nwant %q", r.ID, i, got, want)
			}
			for _, w := range want {
				id, _, _ := strings.Cut(w, " ")
				hit[id] = true
			}
		}
	}
	for _, r := range rules {
		if !hit[r.ID] {
			t.Errorf("no secret of rule %s was ever found: the test plants none that gitleaks accepts", r.ID)
		}
	}
}

func TestSameAsGitleaksOnManyPlantedTogether(t *testing.T) {
	s, d, rules := floor(t), gitleaks(t), plantable(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 12 {
		var b bytes.Buffer
		for range 60 {
			text, _ := secretstest.Plant(rnd, rules[rnd.IntN(len(rules))], i)
			b.WriteString(text)
			if rnd.IntN(3) > 0 {
				b.WriteByte('\n')
			}
			if rnd.IntN(40) == 0 { // characters that fold to ASCII, which change how texts are scanned
				b.WriteString("\u212aey to\u212aen acce\u017f\u017f \u0130d\n")
			}
		}
		path := []string{"", "a/b.txt", "main.tf", "k8s/secret.yaml", "nuget.config", "x.php"}[i%6]
		if got, want := ours(s, path, b.String()), theirs(d, path, b.String()); !slices.Equal(got, want) {
			t.Fatalf("round %d:\n got %q\nwant %q", i, got, want)
		}
	}
}

func TestGenericByHandIsItsExpression(t *testing.T) {
	s := floor(t)
	r := s.set.byID["generic-api-key"]
	if !r.plan.byHand {
		t.Fatal("the generic rule is not matched by hand: its expression changed")
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	alphabet := []string{"key", "api", "API", "aPi", "Api", "token", "secret", "access", "auth", "passwd", "password",
		"creds", "credential", "=", ":", ">", "|", "||", "?=", ",", " ", "\t", "\n", "'", "\"", "`", ";", "\\n", "\\r", "\\",
		"a", "Z", "9", "_", ".", "-", "+", "/", "abcdefgh12345678", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ",
		"==", "===", "::=", "é", "x", "\r", "\f"}
	for range 60000 {
		var b strings.Builder
		for range 1 + rnd.IntN(24) {
			b.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		raw := []byte(b.String())
		tx := &text{data: raw}
		var got, want []span
		p := s.index.find(s.set, tx)
		matchGeneric(raw, p.spans[slices.Index(s.set.rules, r)], func(m span) { got = append(got, m) })
		matchExpr(r, raw, span{0, len(raw)}, func(m span) { want = append(want, m) })
		if !slices.Equal(got, want) {
			t.Fatalf("%q:\n got %v\nwant %v", raw, got, want)
		}
	}
}
