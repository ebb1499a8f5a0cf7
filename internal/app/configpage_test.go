package app

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the pages that are made from code")

const configPage = "../../docs/configuration.md"

const configHead = `# Configuration

<!-- Made from the comments of internal/app: go test ./internal/app -run ConfigurationPage -update -->

An installation is configured by one file, ` + "`retinue.yaml`" + ` of the working folder or the
one that ` + "`--config`" + ` names, then by the environment, then by flags; the later wins. An
unknown field is an error that names its line. Everything has a default: without
a file, ` + "`retinue serve`" + ` works on the database in your data folder.

What belongs to a person or a team (accounts, channels, ownership rules, saved
views) is not here: it lives in the database and is edited in the console or by
the API. What could reach into the machine that Retinue runs on (programs,
local paths, custom endpoints) is here only, and never taken from the API.
`

// TestConfigurationPage keeps docs/configuration.md equal to the comments of
// Config and of the types that it is made of.
func TestConfigurationPage(t *testing.T) {
	p := configPageWriter{types: map[string]*ast.TypeSpec{}, docs: map[string]string{}, done: map[string]bool{}}
	p.load(t)
	p.out.WriteString(configHead)
	p.section("Config")
	for len(p.queue) > 0 {
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.section(next)
	}
	if len(p.missing) > 0 {
		t.Fatalf("fields without a comment: %s", strings.Join(p.missing, ", "))
	}
	if *update {
		if err := os.WriteFile(configPage, []byte(p.out.String()), 0o644); err != nil { //nolint:gosec // A page of documentation.
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(configPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != p.out.String() {
		t.Errorf("%s is not what the code says; run: go test ./internal/app -run ConfigurationPage -update", configPage)
	}
}

type configPageWriter struct {
	out     strings.Builder
	types   map[string]*ast.TypeSpec
	docs    map[string]string
	queue   []string
	done    map[string]bool
	missing []string
}

func (p *configPageWriter) load(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				p.types[spec.Name.Name] = spec
				p.docs[spec.Name.Name] = g.Doc.Text()
			}
		}
	}
}

// section writes one type and queues those that its fields are made of.
func (p *configPageWriter) section(name string) {
	if p.done[name] {
		return
	}
	p.done[name] = true
	body, ok := p.types[name].Type.(*ast.StructType)
	if !ok {
		return
	}
	if name != "Config" {
		fmt.Fprintf(&p.out, "\n## %s\n\n%s\n", name, line(p.docs[name]))
	}
	p.out.WriteString("\n| field | type | what it is |\n|---|---|---|\n")
	doc := ""
	for _, f := range body.Fields.List {
		key := yamlName(f)
		if key == "" || key == "-" {
			continue
		}
		if text := line(f.Doc.Text() + " " + f.Comment.Text()); text != "" {
			doc = text
		} else if doc == "" || f.Doc != nil {
			p.missing = append(p.missing, name+"."+key)
		}
		kind, inner := describe(f.Type)
		if p.types[inner] != nil {
			if _, ok := p.types[inner].Type.(*ast.StructType); ok {
				kind = strings.Replace(kind, inner, "["+inner+"](#"+strings.ToLower(inner)+")", 1)
				p.queue = append(p.queue, inner)
			}
		}
		fmt.Fprintf(&p.out, "| `%s` | %s | %s |\n", key, kind, strings.ReplaceAll(doc, "|", "\\|"))
		doc = ""
	}
}

func line(s string) string { return strings.Join(strings.Fields(s), " ") }

func yamlName(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
	return name
}

// describe puts a type in words, and names the type that it is made of.
func describe(e ast.Expr) (kind, inner string) {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name, x.Name
	case *ast.StarExpr:
		return describe(x.X)
	case *ast.ArrayType:
		kind, inner = describe(x.Elt)
		return "list of " + kind, inner
	case *ast.MapType:
		kind, inner = describe(x.Value)
		return "map of " + kind, inner
	case *ast.SelectorExpr:
		return strings.ToLower(x.Sel.Name), ""
	}
	return "value", ""
}
