//go:build unix

package jobs

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/retinue-id/retinue"
)

// holdWorkerFile locks a worker's file until the file is closed, or until the
// process ends, however it ends. It fails with retinue.ErrConflict when another
// holds it.
func holdWorkerFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hold worker file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = retinue.ErrConflict
		}
		return nil, fmt.Errorf("hold worker file: %w", err)
	}
	return f, nil
}

// dropWorkerFile removes the file while it is held, then lets it go.
func dropWorkerFile(f *os.File) {
	_ = os.Remove(f.Name()) // one that stays is removed by the next rescue
	_ = f.Close()
}
