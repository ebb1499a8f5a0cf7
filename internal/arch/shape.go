package arch

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"path"
	"slices"
	"strings"
)

// The limits of size. Code lines leave out comments and blank lines, so that
// nobody shortens a file by explaining less.
const (
	warnLines, maxLines         = 400, 600
	warnTestLines, maxTestLines = 800, 1200
	maxMethods                  = 7
)

// httpServers finds what opens or routes to an HTTP server outside the packages
// that serve. Tests may.
func httpServers(t *Tree) []Violation {
	serving := []string{"Server", "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS", "NewServeMux", "ServeMux", "Handle", "HandleFunc"}
	var found []Violation
	t.eachFile(func(p *Package, f *File) {
		if f.Test || within(p.Dir, "internal/web") || within(p.Dir, "client") {
			return
		}
		for _, i := range f.Imports {
			if i.Path == "net/http/httptest" && p.Dir != "connector/connectortest" && !within(p.Dir, testkit) {
				found = append(found, Violation{Path: f.Path, Line: i.Line, Text: "imports net/http/httptest outside a test"})
			}
		}
		name := f.importName("net/http")
		if name == "" {
			return
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(serving, sel.Sel.Name) {
				found = append(found, Violation{Path: f.Path, Line: f.line(sel), Text: "uses http." + sel.Sel.Name})
			}
			return true
		})
	})
	return found
}

// importName is the name under which a file imports a package, or "".
func (f *File) importName(importPath string) string {
	for i, spec := range f.Syntax.Imports {
		if f.Imports[i].Path != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

func folderNames(t *Tree) []Violation {
	bad := []string{"pkg", "common", "util", "utils", "helper", "helpers", "model", "models", "types", "misc", "shared"}
	var found []Violation
	for _, p := range t.Packages {
		for elem := range strings.SplitSeq(p.Dir, "/") {
			if slices.Contains(bad, elem) {
				found = append(found, Violation{Path: p.Dir, Text: "a folder named " + elem + " says nothing of what is in it"})
			}
		}
	}
	return found
}

func noInit(t *Tree) []Violation {
	var found []Violation
	t.eachFile(func(_ *Package, f *File) {
		for _, d := range f.Syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, Violation{Path: f.Path, Line: f.line(fn), Text: "declares func init"})
			}
		}
	})
	return found
}

func noReplace(t *Tree) []Violation {
	var found []Violation
	for _, r := range t.Mod.Replace {
		found = append(found, Violation{Path: "go.mod", Line: r.Syntax.Start.Line, Text: "replaces " + r.Old.Path})
	}
	return found
}

func packageComment(t *Tree) []Violation {
	var found []Violation
	for _, p := range t.Packages {
		var code, documented bool
		for _, f := range p.Files {
			if f.Test {
				continue
			}
			code = true
			name := f.Syntax.Name.Name
			want := "Package " + name + " "
			if name == "main" {
				want = "Command "
			}
			documented = documented || strings.HasPrefix(f.Syntax.Doc.Text(), want)
		}
		if code && !documented {
			found = append(found, Violation{Path: p.Dir, Text: "no file has a comment that begins with Package (or Command) and its name"})
		}
	}
	return found
}

func fileLength(t *Tree) []Violation {
	var found []Violation
	t.eachFile(func(_ *Package, f *File) {
		warn, limit := warnLines, maxLines
		if f.Test {
			warn, limit = warnTestLines, maxTestLines
		}
		if f.Code <= warn || ast.IsGenerated(f.Syntax) {
			return
		}
		found = append(found, Violation{Path: f.Path, Warning: f.Code <= limit,
			Text: fmt.Sprintf("%d lines of code; about %d are wanted and %d the most", f.Code, warn, limit)})
	})
	return found
}

// liveTests finds tests that need the tag live and do not say so in their names.
func liveTests(t *Tree) []Violation {
	var found []Violation
	t.eachFile(func(_ *Package, f *File) {
		if !f.Test || !f.needsTag("live") {
			return
		}
		for _, d := range f.Syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" && !strings.Contains(fn.Name.Name, "Live") {
				found = append(found, Violation{Path: f.Path, Line: f.line(fn), Text: fn.Name.Name + " is built with the tag live and has no Live in its name"})
			}
		}
	})
	return found
}

// needsTag reports whether a file is built with a tag only, by its own lines.
func (f *File) needsTag(tag string) bool {
	for _, group := range f.Syntax.Comments {
		for _, c := range group.List {
			if x, err := constraint.Parse(c.Text); err == nil && c.Pos() < f.Syntax.Package {
				return !x.Eval(func(t string) bool { return t != tag })
			}
		}
	}
	return false
}

// interfaceSize is about exported interfaces, the ones that others implement.
func interfaceSize(t *Tree) []Violation {
	var found []Violation
	t.eachFile(func(_ *Package, f *File) {
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok && spec.Name.IsExported() && methods(i) > maxMethods {
				found = append(found, Violation{Path: f.Path, Line: f.line(spec),
					Text: fmt.Sprintf("interface %s has %d methods; %d are the most", spec.Name.Name, methods(i), maxMethods)})
			}
			return true
		})
	})
	return found
}

// methods counts the methods that an interface lists itself. Those of an
// embedded interface are counted where that is declared.
func methods(i *ast.InterfaceType) int {
	n := 0
	for _, m := range i.Methods.List {
		if _, ok := m.Type.(*ast.FuncType); ok {
			n += len(m.Names)
		}
	}
	return n
}

func (t *Tree) eachFile(fn func(*Package, *File)) {
	for _, p := range t.Packages {
		for _, f := range p.Files {
			fn(p, f)
		}
	}
}
