// Command retinue finds and governs non-human identities.
package main

import (
	"os"

	"github.com/retinue-id/retinue/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }
