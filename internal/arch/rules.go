package arch

import "fmt"

// Rule is one statement about the tree.
type Rule struct {
	Name string
	// Why is the reason, printed with what breaks it.
	Why   string
	Check func(*Tree) []Violation
}

// Violation is a place that breaks a rule.
type Violation struct {
	Path string
	Line int
	Text string
	// Warning says that the place is near the limit and not yet over it.
	Warning bool
}

func (v Violation) String() string {
	if v.Line == 0 {
		return fmt.Sprintf("%s: %s", v.Path, v.Text)
	}
	return fmt.Sprintf("%s:%d: %s", v.Path, v.Line, v.Text)
}

// Rules are all of them.
func Rules() []Rule {
	return []Rule{
		{"root", "the vocabulary is importable by anyone at no cost", eachImport(rootImports)},
		{"contract", "the contract with a system depends on the vocabulary alone", eachImport(contractImports)},
		{"connector kit", "what connectors share is usable outside this repository", eachImport(kitImports)},
		{"connectors", "a third party can write a connector outside this repository", eachImport(connectorImports)},
		{"client", "the Go client is usable outside this repository", eachImport(clientImports)},
		{"stages", "a stage enqueues the next one's job and never calls it", eachImport(stageImports)},
		{"wiring", "one package knows which systems and which database there are", eachImport(wiringImports)},
		{"main", "a command is wiring's caller and nothing else", eachImport(mainImports)},
		{"test kit", "what serves tests is not in the product", eachImport(testkitImports)},
		{"http servers", "only the web package serves", httpServers},
		{"folder names", "a package is named for what it provides", folderNames},
		{"no init", "nothing happens before main, and nothing registers itself", noInit},
		{"no replace", "a replace breaks go install of the module for everyone else", noReplace},
		{"package comment", "a reader of a folder is told what it is for", packageComment},
		{"file length", "a file is read in one sitting", fileLength},
		{"live tests", "the live run picks its tests by name, and would leave others out in silence", liveTests},
		{"interface size", "an interface is what its user needs", interfaceSize},
	}
}
