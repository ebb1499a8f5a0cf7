package arch

import (
	"path"
	"slices"
	"strings"
)

// eachImport makes a check of a function that judges one import of one file,
// and returns what is wrong with it or "".
func eachImport(judge func(dir string, f *File, i Import) string) func(*Tree) []Violation {
	return func(t *Tree) []Violation {
		var found []Violation
		for _, p := range t.Packages {
			for _, f := range p.Files {
				for _, i := range f.Imports {
					if text := judge(p.Dir, f, i); text != "" {
						found = append(found, Violation{Path: f.Path, Line: i.Line, Text: text})
					}
				}
			}
		}
		return found
	}
}

// testkit may be imported by every test.
const testkit = "internal/testkit"

func testMayImport(f *File, i Import) bool {
	return f.Test && (within(i.Local, testkit) || i.Local == path.Dir(f.Path))
}

func rootImports(dir string, f *File, i Import) string {
	switch {
	case dir != "." || i.Std() || testMayImport(f, i):
	case f.Test && i.Local == "":
	default:
		return "the root package imports " + i.Path + ", and may import the standard library only"
	}
	return ""
}

func contractImports(dir string, f *File, i Import) string {
	switch {
	case dir != "connector" || i.Std() || i.Local == "." || testMayImport(f, i):
	case f.Test && (i.Local == "" || within(i.Local, "connector")):
	default:
		return "package connector imports " + i.Path + ", and may import the root only"
	}
	return ""
}

// kitImports is about connector/rest, connector/secrets and the like.
func kitImports(dir string, f *File, i Import) string {
	switch {
	case dir == "connector" || !within(dir, "connector") || i.Local == "" || i.Local == ".":
	case within(i.Local, "connector") || testMayImport(f, i):
	default:
		return "what connectors share imports " + i.Path + ", and may import the root, connector and its children only"
	}
	return ""
}

const allConnectors = "connectors/all"

func connectorImports(dir string, f *File, i Import) string {
	if !within(dir, "connectors") || i.Local == "" {
		return ""
	}
	switch {
	case i.Local == "." || within(i.Local, "connector") || testMayImport(f, i):
	case kindOf(i.Local) != "" && (kindOf(i.Local) == kindOf(dir) || dir == allConnectors):
	default:
		return "a connector imports " + i.Path + ", and may import the root, connector and its children only"
	}
	return ""
}

// kindOf is the connector that a folder belongs to: connectors/<kind>/….
func kindOf(dir string) string {
	rest, ok := strings.CutPrefix(dir, "connectors/")
	if !ok {
		return ""
	}
	kind, _, _ := strings.Cut(rest, "/")
	return kind
}

func clientImports(dir string, f *File, i Import) string {
	switch {
	case !within(dir, "client") || i.Local == "" || i.Local == "." || within(i.Local, "client") || testMayImport(f, i):
	case f.Test && within(i.Local, "internal/web"):
	default:
		return "the client imports " + i.Path + ", and may import the root only"
	}
	return ""
}

// stages are the steps of the flow, in its order. access and usage are pure
// libraries, which the others may ask.
func stages() []string {
	return []string{"ingest", "usage", "access", "rules", "steward", "act", "issue", "evidence"}
}

func stageImports(dir string, _ *File, i Import) string {
	from, to := stageOf(dir), stageOf(i.Local)
	if from == "" || to == "" || from == to || to == "access" || to == "usage" {
		return ""
	}
	return "the stage " + from + " imports the stage " + to + ": it enqueues a job instead"
}

func stageOf(dir string) string {
	rest, ok := strings.CutPrefix(dir, "internal/")
	if !ok {
		return ""
	}
	stage, _, _ := strings.Cut(rest, "/")
	if !slices.Contains(stages(), stage) {
		return ""
	}
	return stage
}

// wiringImports is about the packages that only internal/app may know.
func wiringImports(dir string, f *File, i Import) string {
	const app, sqlstore, web = "internal/app", "internal/store/sqlstore", "internal/web"
	if within(dir, app) {
		return ""
	}
	store := within(dir, testkit) || f.Test && within(dir, "internal/store") // the test kit is not in the product
	switch {
	case i.Local == allConnectors && dir != allConnectors:
		return "only " + app + " imports " + allConnectors
	case within(i.Local, sqlstore) && !within(dir, sqlstore) && !store:
		return "only " + app + " imports " + sqlstore
	case within(i.Local, web) && !within(dir, web) && !(f.Test && within(dir, "client")):
		return "only " + app + " imports " + web
	}
	return ""
}

func mainImports(dir string, f *File, i Import) string {
	switch {
	case !within(dir, "cmd") || i.Local == "" || i.Local == "." || testMayImport(f, i):
	case within(i.Local, "internal/app") || within(i.Local, "internal/cli") || within(i.Local, dir):
	default:
		return "a command imports " + i.Path + ", and may import internal/app and internal/cli only"
	}
	return ""
}

func testkitImports(dir string, f *File, i Import) string {
	if f.Test || !within(i.Local, testkit) || within(dir, testkit) {
		return ""
	}
	return testkit + " is imported by a file that is not a test"
}
