//go:build unix

package seal

import (
	"os"
	"syscall"
)

// tooOpen reports a file that others than its owner can read. A file of root's
// that only a group can read is how a cluster mounts a secret for a pod that
// does not run as root (fsGroup): that group is the pod's own.
func tooOpen(info os.FileInfo) bool {
	perm := info.Mode().Perm()
	if perm&0o077 == 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || perm&0o037 != 0 || stat.Uid != 0 || os.Getuid() == 0
}
