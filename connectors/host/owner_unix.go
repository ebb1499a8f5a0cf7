//go:build unix

package host

import (
	"io/fs"
	"syscall"
)

// ownership is whether files have an owner, a group and modes that mean
// something here.
const ownership = true

// owner returns the user and group ids of a file, or -1.
func owner(info fs.FileInfo) (uid, gid int) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return -1, -1
}
