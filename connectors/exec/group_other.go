//go:build !unix

package exec

import osexec "os/exec"

// ownGroup does nothing: the end of the context kills the command alone.
func ownGroup(*osexec.Cmd) {}

func endGroup(*osexec.Cmd) {}
