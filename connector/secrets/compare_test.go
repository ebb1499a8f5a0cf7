package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
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
	s, err := New(Options{WithoutExtra: true, DecodeDepth: -1})
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
	for i := range 25 {
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
	for i := range 9 {
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

// TestSameAsGitleaksOnEncodedSecrets decodes as deep as gitleaks' command does by
// default, and compares rules and values.
func TestSameAsGitleaksOnEncodedSecrets(t *testing.T) {
	s, err := New(Options{WithoutExtra: true})
	if err != nil {
		t.Fatal(err)
	}
	d, rules := gitleaks(t), plantable(t)
	d.MaxDecodeDepth = 5
	rnd := rand.New(rand.NewPCG(7, 8))
	encodings := []func(string) string{
		func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) },
		func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) },
		func(v string) string { return hex.EncodeToString([]byte(v)) },
		url.QueryEscape,
		func(v string) string { return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString([]byte(v)))) },
		func(v string) string {
			var b strings.Builder
			for _, c := range v {
				fmt.Fprintf(&b, "\\u%04x", c)
			}
			return b.String()
		},
	}
	found, differ := 0, 0
	for i := range 6 {
		for _, r := range rules {
			text, path := secretstest.Plant(rnd, r, i)
			text = "before\nvalue: " + encodings[i%len(encodings)](text) + "\nafter # " + strings.Join(r.Keywords, " ") + "\n"
			got, want := values(ours(s, path, text)), values(theirs(d, path, text))
			found += len(want)
			if !slices.Equal(got, want) {
				differ++
				t.Errorf("%s, round %d:\n got %q\nwant %q", r.ID, i, got, want)
			}
		}
	}
	if found < 500 {
		t.Errorf("gitleaks found only %d encoded values", found)
	}
	t.Logf("%d values, %d texts differ", found, differ)
}

// values leaves the lines out of names.
func values(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		rule, rest, _ := strings.Cut(n, " line ")
		_, rest, _ = strings.Cut(rest, ": ")
		out[i] = rule + " " + rest
	}
	slices.Sort(out)
	return slices.Compact(out)
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
		matchGeneric(raw, p.spans[slices.Index(s.set.rules, r)], func(m, _ span) { got = append(got, m) })
		matchExpr(r, raw, span{0, len(raw)}, func(m, _ span) { want = append(want, m) })
		if !slices.Equal(got, want) {
			t.Fatalf("%q:\n got %v\nwant %v", raw, got, want)
		}
	}
}
