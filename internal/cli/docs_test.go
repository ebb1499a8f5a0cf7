package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const root = "../.."

// TestDocumentedCommandsExist walks every `retinue …` that the documents show
// and checks that the command and its flags are there.
func TestDocumentedCommandsExist(t *testing.T) {
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(root + "/docs/connectors/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, page := range append(append(pages, more...), root+"/README.md") {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?m)(?:`|^ *(?:\\$ )?(?:bin/)?)retinue ([a-z][^`\\n|#<>]*)").FindAllStringSubmatch(string(b), -1) {
			seen++
			checkCommand(t, page, strings.Fields(m[1]))
		}
	}
	if seen < 50 {
		t.Errorf("only %d commands were found in the documents", seen)
	}
}

func checkCommand(t *testing.T, page string, words []string) {
	t.Helper()
	var names []string
	for _, w := range words {
		names = append(names, strings.TrimRight(w, ",.;:)\""))
	}
	cmd, rest, err := (&env{}).root().Find(names)
	if err != nil || cmd.Name() == "retinue" {
		if names[0] != "completion" && names[0] != "help" {
			t.Errorf("%s: retinue %s: no such command", page, strings.Join(names, " "))
		}
		return
	}
	for _, w := range rest {
		name, ok := strings.CutPrefix(w, "--")
		if !ok || name == "" {
			continue
		}
		name, _, _ = strings.Cut(name, "=")
		if flag(cmd, name) == nil && name != "help" && name != "version" {
			t.Errorf("%s: retinue %s: no flag --%s", page, strings.Join(names, " "), name)
		}
	}
}

func flag(c *cobra.Command, name string) *pflag.Flag {
	if f := c.Flags().Lookup(name); f != nil {
		return f
	}
	return c.InheritedFlags().Lookup(name)
}

// TestFeaturesAreProven checks that each line of docs/features.md names a
// command that exists and tests that exist.
func TestFeaturesAreProven(t *testing.T) {
	b, err := os.ReadFile(root + "/docs/features.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile("(?m)^\\| ([A-Z][^|]*)\\| `([^`]*)` \\| `([^`]*)` ([^|]*)\\|$").FindAllStringSubmatch(string(b), -1)
	rows := regexp.MustCompile(`(?m)^\| [A-Z]`).FindAllString(string(b), -1)
	if len(lines) < 30 || len(lines) != len(rows) {
		t.Errorf("%d of %d lines have a command and a test", len(lines), len(rows))
	}
	routes, err := os.ReadFile(root + "/web/src/app/routes.tsx")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		page, _, _ := strings.Cut(l[2], "?")
		if strings.HasPrefix(page, "/") && page != "/api/v1/openapi.json" && !strings.Contains(string(routes), "'"+page) && !strings.Contains(string(routes), "'/"+strings.Split(page, "/")[1]) {
			t.Errorf("%s: the console has no page %s", l[1], page)
		}
		for proof := range strings.SplitSeq("`"+l[3]+"` "+l[4], ";") {
			proven(t, l[1], proof)
		}
	}
}

// proven checks that a package has the tests that are named behind it.
func proven(t *testing.T, what, proof string) {
	t.Helper()
	_, rest, _ := strings.Cut(proof, "`")
	dir, names, _ := strings.Cut(rest, "`")
	tests, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil || len(tests) == 0 {
		t.Errorf("%s: no tests in %s", what, dir)
	}
	var all strings.Builder
	for _, f := range tests {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = all.Write(text)
	}
	found := regexp.MustCompile(`Test\w+`).FindAllString(names, -1)
	for _, name := range found {
		if !strings.Contains(all.String(), "func "+name+"(") {
			t.Errorf("%s: %s has no %s", what, dir, name)
		}
	}
	if len(found) == 0 {
		t.Errorf("%s: no test is named in %q", what, proof)
	}
}

// TestLinksLeadSomewhere checks the relative links of the documents.
func TestLinksLeadSomewhere(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"/*.md", "/docs/*.md", "/docs/*/*.md"} {
		found, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
			}
		}
	}
}
