package watch

import (
	"slices"

	"golang.org/x/sys/unix"
)

// overNetwork reports whether a folder lies on a file system that others write
// to without this machine being told. The numbers are those of statfs(2).
func overNetwork(folder string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return false
	}
	return slices.Contains([]int64{
		unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC,
		unix.CEPH_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, 0x6a656a63, // virtio-fs
	}, int64(s.Type)) //nolint:unconvert // it is narrower elsewhere
}
