package cli

import (
	"bytes"
	"context"
	stdflag "flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = stdflag.Bool("update", false, "write the table of commands in docs/cli.md")

// leaves lists the commands that do something, but for help.
func leaves(c *cobra.Command) []*cobra.Command {
	if !c.HasSubCommands() {
		if c.Name() == "help" {
			return nil
		}
		return []*cobra.Command{c}
	}
	var out []*cobra.Command
	for _, sub := range c.Commands() {
		out = append(out, leaves(sub)...)
	}
	return out
}

// TestEveryCommandHasItsPlace holds the table of docs/cli.md to the commands,
// and each command to its line: given to a server, it asks it, or is refused.
func TestEveryCommandHasItsPlace(t *testing.T) {
	root := (&env{getenv: func(string) string { return "" }}).root()
	root.InitDefaultCompletionCmd("completion")
	var names []string
	for _, c := range leaves(root) {
		names = append(names, strings.TrimPrefix(c.CommandPath(), "retinue "))
	}
	slices.Sort(names)
	var table strings.Builder
	reasons := onlyHere()
	for _, n := range names {
		at := "the same"
		switch why, only := reasons[n]; {
		case only:
			at = "no: " + why
		case n == "login", n == "logout", n == "whoami", n == "activity streams":
			at = "only there"
		case n == "scan", n == "ingest", n == "activity import":
			at = "reads here, hands in there"
		case n == "keys enroll":
			at = "takes the key over from there, as a collector"
		}
		fmt.Fprintf(&table, "| `retinue %s` | %s |\n", n, at)
	}
	for n := range reasons {
		if !slices.Contains(names, n) {
			t.Errorf("%s is no command", n)
		}
	}
	const page = "../../docs/cli.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	old := regexp.MustCompile(`(?s)(\| command \| at a server \|\n\|---\|---\|\n)(.*?)(\n\n|$)`)
	if *update {
		text = []byte(old.ReplaceAllString(string(text), "${1}"+strings.TrimSuffix(table.String(), "\n")+"${3}"))
		if err := os.WriteFile(page, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if m := old.FindStringSubmatch(string(text)); m == nil || m[2]+"\n" != table.String() {
		t.Errorf("the table in docs/cli.md is out of date: run go test ./internal/cli -run EveryCommandHasItsPlace -update")
	}
	given := map[string]string{"identities show": "x", "identities set": "x", "credentials show": "x", "grants show": "x", "findings show": "x", "findings set": "x open",
		"diff": "1d", "owners show": "x", "owners history": "x", "owners queue": "", "owners assign": "@a x", "owners undo": "x", "backup": "x", "restore": "x", "data update": "x",
		"ingest": "-", "sources show": "host", "sources script": "aws", "sources forget": "x", "activity import": "aws=x", "activity tail": "aws=x", "activity attest": "x", "usage": "x", "signals revoke": "x",
		"access attack-paths": "x", "access blast-radius": "x", "access can": "x", "access cuts": "--target x", "access right-size": "--policy x --uses x", "access who-can": "x",
		"simulate deny": "x --environment production", "simulate disable": "x", "simulate policy": "x --policy p --with f", "simulate revoke": "x --grant g", "simulate split": "x"}
	for _, n := range names {
		if _, only := reasons[n]; n == "scan" || n == "owners rules set" || strings.HasPrefix(n, "access ") && !only {
			continue // they read something here first
		}
		t.Run(n, func(t *testing.T) {
			var out, errw bytes.Buffer
			dir := t.TempDir()
			vars := map[string]string{"HOME": dir, "XDG_DATA_HOME": dir, "XDG_CONFIG_HOME": dir, "RETINUE_TOKEN": "x"}
			// Cancelled, it does not wait for a server that is not there.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			args := append(append(strings.Fields(n), strings.Fields(given[n])...), "--server", "http://127.0.0.1:1")
			code := Run(ctx, args, strings.NewReader(""), &out, &errw, func(name string) string { return vars[name] })
			refused := strings.Contains(errw.String(), "without --server")
			if _, only := reasons[n]; only != refused || only && code != ExitUsage || !only && code == ExitDone {
				t.Errorf("exit code %d: %s", code, errw.String())
			}
		})
	}
}
