// Command retinue finds and governs non-human identities.
package main

import (
	"os"
	_ "time/tzdata" // rhythms keep the clocks of civil zones, also where the machine knows none

	"github.com/retinue-id/retinue/internal/cli"
)

// version is set by the linker.
var version = "devel"

func main() {
	os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
