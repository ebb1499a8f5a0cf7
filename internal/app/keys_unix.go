//go:build unix

package app

import "os"

func tooOpen(info os.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
