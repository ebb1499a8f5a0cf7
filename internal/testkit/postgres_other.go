//go:build !unix

package testkit

import "os/exec"

// asPostgres does nothing: only Unix has the account.
func asPostgres(*exec.Cmd, string) error { return nil }
