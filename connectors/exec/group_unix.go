//go:build unix

package exec

import (
	osexec "os/exec"
	"syscall"
)

// ownGroup puts a command into a process group of its own, and has the end of
// its context kill the group.
func ownGroup(cmd *osexec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
}

// endGroup kills what a command that has ended left running.
func endGroup(cmd *osexec.Cmd) { _ = killGroup(cmd) }

func killGroup(cmd *osexec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
