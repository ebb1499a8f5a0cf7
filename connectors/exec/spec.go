package exec

import (
	_ "embed" // the schema of the line format

	"github.com/retinue-id/retinue/connector"
)

// schema is the JSON Schema of a line.
//
//go:embed schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of the lines that a program
// prints.
func Schema() string { return schema }

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    "exec",
		Title:   "Program that prints facts",
		Summary: "Any system, through a program of your own that prints facts as one JSON object a line.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "the program to run"},
		},
		Options: []connector.Option{
			{Name: "args", Help: "arguments of the program", List: true, Default: "none", Reach: connector.ReachMachine},
			{Name: "env", Help: "names of environment variables to hand on to the program, beside PATH, HOME, USER, LANG, LC_ALL, TZ and TMPDIR", List: true, Default: "none", Reach: connector.ReachMachine},
			{Name: "timeout", Help: "how long the program may run, such as 90s or 30m", Default: "1h", Reach: connector.ReachSystem},
		},
		Examples: []connector.TargetForm{
			{Form: "exec=./my-connector", Help: "run a program of this folder"},
			{Form: "exec=./my-connector,args=--region;eu,env=MY_TOKEN", Help: "with two arguments and a variable of the environment"},
		},
		Privileges: []connector.Document{
			{Title: "Run the program as an account of its own", Language: "sh", Body: privileges},
		},
		Sees: []string{
			"What the program states about the realms that it declares.",
		},
		BlindSpots: []string{
			"What the program does not state; whether a scope that it completes was listed whole is the program's word.",
			"Facts about other realms than those it declares: they are refused.",
		},
		CouldRead: []string{
			"Everything that the account that runs Retinue can read: the program runs as that account. Name programs only on the command line or in the configuration file, never from input that others can write.",
		},
		Open: open,
	}
}

const privileges = `# A program runs as the account that runs Retinue. To give it less, let another
# account scan, write the result to a file, and hand that in:
sudo -u my-connector retinue scan 'exec=./my-connector' --out facts.ndjson
retinue ingest facts.ndjson
`
