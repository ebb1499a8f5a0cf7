//go:build unix

package app

import (
	"errors"
	"syscall"
)

// processGone reports that no process of this machine has the number.
func processGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
