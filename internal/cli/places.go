package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// onlyHere lists the commands that cannot be given to a server, with the reason
// for each. Every other command works here and at a server alike; docs/cli.md
// has the table of all.
func onlyHere() map[string]string {
	return map[string]string{
		"activity tail":         "the logs lie here, and are read here",
		"access attack-paths":   asksHere,
		"access blast-radius":   asksHere,
		"access can":            asksHere,
		"access changes":        asksHere,
		"access cuts":           asksHere,
		"access escalations":    asksHere,
		"access who-can":        asksHere,
		"audit checkpoint":      "it is signed with the key of this installation; a server puts checkpoints outside by itself",
		"backup":                "it copies the database and the keys that lie here",
		"restore":               "it puts the database and the keys into their places here",
		"data reset":            "it is for whoever administers the installation",
		"data show":             "it reads the installation itself",
		"data update":           "it is for whoever administers the installation",
		"demo":                  "it makes a database here",
		"bench generate":        "it writes files here",
		"bench score":           "it compares files that lie here",
		"serve":                 "it is the server",
		"keys list":             "it reads the key file of this machine",
		"keys rotate":           "it changes the key file of this installation",
		"keys retire":           "it changes the key file of this installation",
		"keys reseal":           "it works on the database itself; a server reseals in the console",
		"keys sealing":          "it reads the database itself; a server shows it in the console",
		"keys export":           "the key leaves the installation only where it lies; collectors enrol with keys enroll",
		"prune":                 "a server does so by itself, once a day",
		"purge":                 "it is for whoever administers the database",
		"retention set":         "a server has it changed in its console, after a second factor",
		"rules test":            "it tests rules in folders here",
		"sources check":         "it tries the credentials that lie here; a server checks its sources in the console",
		"sources script":        "it needs no database",
		"sources show":          "it needs no database",
		"sources forget":        "a server removes its sources in the console, after a second factor",
		"completion bash":       "it needs no database",
		"completion fish":       "it needs no database",
		"completion powershell": "it needs no database",
		"completion zsh":        "it needs no database",
	}
}

// asksHere is the reason of commands that look at an inventory as a whole.
const asksHere = "it works on the database itself, or on exports that lie here"

// placed refuses --server where a command cannot be given to a server, rather
// than doing here what was meant for there.
func (e *env) placed(cmd *cobra.Command, _ []string) error {
	if e.server == "" {
		return nil
	}
	if why, ok := onlyHere()[strings.TrimPrefix(cmd.CommandPath(), "retinue ")]; ok {
		return usageError{fmt.Errorf("%s works here only, without --server: %s", cmd.CommandPath(), why)}
	}
	return nil
}
