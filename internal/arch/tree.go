// Package arch holds the structure of the repository as rules over its source:
// who may import whom, what a package must say, and how large things may grow.
// The rules are those of ARCHITECTURE.md and of CONTRIBUTING.md; the tests of
// this package apply them to the repository, and show each of them to fail on a
// planted fault.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// Tree is the parsed source of one Go module.
type Tree struct {
	Module   string
	Mod      *modfile.File
	Packages []*Package
}

// Package is a folder with Go files.
type Package struct {
	// Dir is the folder within the module, "." for its root.
	Dir   string
	Files []*File
}

// File is one Go file, parsed whatever its build constraints say.
type File struct {
	// Path is the file within the module.
	Path string
	Test bool
	// Code is the number of lines with something other than a comment.
	Code    int
	Imports []Import
	Syntax  *ast.File
	set     *token.FileSet
}

// Import is one import of a file.
type Import struct {
	Path string
	// Local is the folder within the module, for an import of the module's
	// own; empty otherwise.
	Local string
	Line  int
}

// Load parses the module at the root of a file system. It leaves out hidden
// folders, testdata, node_modules and modules inside the module.
func Load(root fs.FS) (*Tree, error) {
	text, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	t := &Tree{Module: mod.Module.Mod.Path, Mod: mod}
	err = fs.WalkDir(root, ".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != "." && skipped(root, dir) {
			return fs.SkipDir
		}
		p, err := t.load(root, dir)
		if err == nil && len(p.Files) > 0 {
			t.Packages = append(t.Packages, p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read source: %w", err)
	}
	return t, nil
}

func skipped(root fs.FS, dir string) bool {
	name := path.Base(dir)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return true
	}
	_, err := fs.Stat(root, path.Join(dir, "go.mod"))
	return err == nil
}

func (t *Tree) load(root fs.FS, dir string) (*Package, error) {
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		return nil, err
	}
	p := &Package{Dir: dir}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		f, err := t.parse(root, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, f)
	}
	return p, nil
}

func (t *Tree) parse(root fs.FS, name string) (*File, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	f := &File{Path: name, Test: strings.HasSuffix(name, "_test.go"), Code: codeLines(text), set: token.NewFileSet()}
	if f.Syntax, err = parser.ParseFile(f.set, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	for _, spec := range f.Syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.Imports = append(f.Imports, Import{Path: p, Local: t.local(p), Line: f.line(spec)})
	}
	return f, nil
}

// local is the folder of an import path of the module, "" for any other.
func (t *Tree) local(importPath string) string {
	if importPath == t.Module {
		return "."
	}
	rest, ok := strings.CutPrefix(importPath, t.Module+"/")
	if !ok {
		return ""
	}
	return rest
}

func (f *File) line(n ast.Node) int { return f.set.Position(n.Pos()).Line }

// codeLines counts the lines on which a token that is not a comment stands.
func codeLines(text []byte) int {
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, func(token.Position, string) {}, 0) // parsing reports errors
	lines := make(map[int]bool)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return len(lines)
		}
		first := file.Line(pos)
		for n := range 1 + strings.Count(lit, "\n") {
			if tok != token.SEMICOLON { // may be the newline itself
				lines[first+n] = true
			}
		}
	}
}

// Std reports whether an import is of the standard library, whose paths have no
// dot in their first element.
func (i Import) Std() bool {
	first, _, _ := strings.Cut(i.Path, "/")
	return i.Local == "" && !strings.Contains(first, ".")
}

// within reports whether a folder is another or lies inside it.
func within(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}
