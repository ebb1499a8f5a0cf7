package arch_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/retinue-id/retinue/internal/arch"
)

// TestRepository applies every rule to the repository.
func TestRepository(t *testing.T) {
	tree, err := arch.Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) < 10 || tree.Packages[0].Dir != "." {
		t.Fatalf("found %d packages: this is not the repository", len(tree.Packages))
	}
	for _, r := range arch.Rules() {
		t.Run(strings.ReplaceAll(r.Name, " ", "-"), func(t *testing.T) {
			for _, v := range r.Check(tree) {
				if v.Warning {
					t.Logf("warning: %s", v)
					continue
				}
				t.Errorf("%s (%s)", v, r.Why)
			}
		})
	}
}

const module = "example.org/m"

// goodTree is a small repository that breaks no rule and uses what each allows.
func goodTree() fstest.MapFS {
	return tree(map[string]string{
		"go.mod":                                 "module " + module + "\n\ngo 1.26.0\n",
		"doc.go":                                 pkg("m", "errors"),
		"doc_test.go":                            pkg("m_test", "testing", module, module+"/internal/testkit", "github.com/google/go-cmp/cmp"),
		"connector/connector.go":                 pkg("connector", "context", module),
		"connector/rest/rest.go":                 pkg("rest", "net/http", module, module+"/connector", "golang.org/x/time/rate"),
		"connector/connectortest/suite.go":       pkg("connectortest", "net/http/httptest", module+"/connector"),
		"connectors/aws/aws.go":                  pkg("aws", module, module+"/connector", module+"/connector/rest", module+"/connectors/aws/policy"),
		"connectors/aws/aws_test.go":             pkg("aws_test", module+"/connectors/aws", module+"/internal/testkit"),
		"connectors/aws/policy/policy.go":        pkg("policy"),
		"connectors/aws/testdata/bad/bad.go":     "not Go at all",
		"connectors/all/all.go":                  pkg("all", module+"/connector", module+"/connectors/aws"),
		"client/client.go":                       pkg("client", "net/http", module),
		"internal/ingest/ingest.go":              pkg("ingest", module+"/connector", module+"/internal/access", module+"/internal/jobs"),
		"internal/access/access.go":              pkg("access", module+"/internal/access/awsiam"),
		"internal/access/awsiam/awsiam.go":       pkg("awsiam"),
		"internal/evidence/evidence.go":          pkg("evidence", module+"/internal/usage"),
		"internal/usage/usage.go":                pkg("usage"),
		"internal/usage/slow_test.go":            "//go:build live\n\n" + pkg("usage") + "\nfunc TestSlowLive() {}\n",
		"internal/usage/quick_test.go":           "//go:build !live\n\n" + pkg("usage") + "\nfunc TestQuick() {}\n",
		"internal/jobs/jobs.go":                  pkg("jobs"),
		"internal/store/sqlstore/store.go":       pkg("sqlstore", "database/sql", module+"/internal/ingest"),
		"internal/store/storetest/store_test.go": pkg("storetest_test", module+"/internal/store/sqlstore"),
		"internal/testkit/testkit.go":            pkg("testkit", "testing"),
		"internal/web/web.go":                    pkg("web", "net/http") + "\nvar _ http.Server\n",
		"internal/app/app.go":                    pkg("app", module+"/connectors/all", module+"/internal/store/sqlstore", module+"/internal/web"),
		"internal/app/app_test.go":               pkg("app_test", module+"/internal/app", module+"/internal/store/sqlstore"),
		"internal/cli/cli.go":                    pkg("cli", module+"/internal/app") + "\ntype T struct{}\n\nfunc (T) init() {}\n",
		"cmd/m/main.go":                          "// Command m is the program.\npackage main\n\nimport _ \"" + module + "/internal/cli\"\n",
		"tools/go.mod":                           "module " + module + "/tools\n",
		"tools/util/util.go":                     "package util\nfunc init() {}\n",
	})
}

func tree(files map[string]string) fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

// pkg is the source of a file that imports paths.
func pkg(name string, imports ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// Package %s is a part.\npackage %s\n", name, name)
	for _, i := range imports {
		fmt.Fprintf(&b, "\nimport %q\n", i)
	}
	return b.String()
}

func TestGoodTreePasses(t *testing.T) {
	tree, err := arch.Load(goodTree())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range arch.Rules() {
		for _, v := range r.Check(tree) {
			t.Errorf("%s: %s", r.Name, v)
		}
	}
}

// TestPlantedFaults adds one file at a time to the good tree; the named rule
// finds it, and no other does.
func TestPlantedFaults(t *testing.T) {
	faults := []struct{ rule, path, text string }{
		{"root", "more.go", pkg("m", "github.com/google/go-cmp/cmp")},
		{"root", "more.go", pkg("m", module+"/connector")},
		{"root", "more_test.go", pkg("m_test", module+"/internal/access")},
		{"contract", "connector/more.go", pkg("connector", "golang.org/x/time/rate")},
		{"contract", "connector/more.go", pkg("connector", module+"/internal/jobs")},
		{"contract", "connector/more.go", pkg("connector", module+"/connector/rest")},
		{"contract", "connector/more_test.go", pkg("connector_test", module+"/internal/access")},
		{"connector kit", "connector/rest/more.go", pkg("rest", module+"/internal/jobs")},
		{"connector kit", "connector/rest/more.go", pkg("rest", module+"/connectors/aws")},
		{"connectors", "connectors/aws/more.go", pkg("aws", module+"/internal/jobs")},
		{"connectors", "connectors/gcp/gcp.go", pkg("gcp", module+"/connectors/aws")},
		{"connectors", "connectors/gcp/gcp_test.go", pkg("gcp", module+"/connectors/aws/policy")},
		{"connectors", "connectors/aws/more_test.go", pkg("aws", module+"/internal/ingest")},
		{"client", "client/more.go", pkg("client", module+"/internal/jobs")},
		{"stages", "internal/ingest/more.go", pkg("ingest", module+"/internal/evidence")},
		{"stages", "internal/usage/more.go", pkg("usage", module+"/internal/ingest")},
		{"stages", "internal/evidence/pack/pack_test.go", pkg("pack", module+"/internal/ingest")},
		{"wiring", "internal/cli/more.go", pkg("cli", module+"/connectors/all")},
		{"wiring", "internal/cli/more.go", pkg("cli", module+"/internal/store/sqlstore")},
		{"wiring", "internal/ingest/more_test.go", pkg("ingest_test", module+"/internal/store/sqlstore")},
		{"wiring", "internal/store/storetest/more.go", pkg("storetest", module+"/internal/store/sqlstore")},
		{"wiring", "internal/cli/more.go", pkg("cli", module+"/internal/web")},
		{"main", "cmd/m/more.go", pkg("main", module+"/internal/ingest")},
		{"test kit", "internal/ingest/more.go", pkg("ingest", module+"/internal/testkit")},
		{"http servers", "internal/ingest/more.go", pkg("ingest", "net/http") + "\nvar _ = http.ListenAndServe\n"},
		{"http servers", "internal/ingest/more.go", "package ingest\n\nimport web \"net/http\"\n\nvar _ = &web.Server{}\n"},
		{"http servers", "internal/ingest/more.go", pkg("ingest", "net/http/httptest")},
		{"folder names", "internal/util/strings.go", pkg("util")},
		{"folder names", "connectors/aws/types/types.go", pkg("types")},
		{"no init", "internal/ingest/more.go", pkg("ingest") + "\nfunc init() {}\n"},
		{"no init", "internal/ingest/more_test.go", pkg("ingest") + "\nfunc init() {}\n"},
		{"no replace", "go.mod", "module " + module + "\n\nreplace example.org/a => ../a\n"},
		{"package comment", "internal/inventory/list.go", "package inventory\n"},
		{"package comment", "internal/inventory/list.go", "// Lists things.\npackage inventory\n"},
		{"file length", "internal/ingest/more.go", pkg("ingest") + strings.Repeat("\nvar _ = 0\n", 600)},
		{"file length", "internal/ingest/more_test.go", pkg("ingest") + strings.Repeat("\nvar _ = 0\n", 1200)},
		{"live tests", "internal/ingest/more_test.go", "//go:build live\n\n" + pkg("ingest") + "\nfunc TestSlow() {}\n"},
		{"interface size", "internal/ingest/more.go", pkg("ingest") +
			"\ntype God interface { A(); B(); C(); D(); E(); F(); G(); H() }\n"},
	}
	broken := make(map[string]bool)
	for _, f := range faults {
		broken[f.rule] = true
		t.Run(f.rule+" "+f.path, func(t *testing.T) {
			files := goodTree()
			files[f.path] = &fstest.MapFile{Data: []byte(f.text)}
			tree, err := arch.Load(files)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range arch.Rules() {
				found := 0
				for _, v := range r.Check(tree) {
					if !v.Warning {
						found++
					}
				}
				if want := r.Name == f.rule; (found > 0) != want {
					t.Errorf("rule %q found %d places, want it to find any: %v", r.Name, found, want)
				}
			}
		})
	}
	for _, r := range arch.Rules() {
		if !broken[r.Name] {
			t.Errorf("no planted fault shows that the rule %q can fail", r.Name)
		}
	}
}

// TestFileLengthWarns tells a file that is growing from one that is too long,
// and does not count what explains.
func TestFileLengthWarns(t *testing.T) {
	files := goodTree()
	files["internal/ingest/more.go"] = &fstest.MapFile{Data: []byte(pkg("ingest") +
		strings.Repeat("\n// A comment.\n/* and\nanother */\nvar _ = 0\n", 450))}
	loaded, err := arch.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range arch.Rules() {
		if r.Name != "file length" {
			continue
		}
		found := r.Check(loaded)
		if len(found) != 1 || !found[0].Warning || !strings.Contains(found[0].Text, "451 lines") {
			t.Errorf("found %v, want one warning of 451 lines", found)
		}
	}
}

func TestLoadFails(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no module":  tree(map[string]string{"doc.go": pkg("m")}),
		"bad module": tree(map[string]string{"go.mod": "modul x"}),
		"bad source": tree(map[string]string{"go.mod": "module m\n", "doc.go": "package"}),
	} {
		if _, err := arch.Load(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
