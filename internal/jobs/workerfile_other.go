//go:build !unix

package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/retinue-id/retinue"
)

// holdWorkerFile opens a worker's file until it is closed, or until the process
// ends. Windows does not remove a file that is open, so that one that cannot be
// removed is held: then this fails with retinue.ErrConflict.
func holdWorkerFile(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("hold worker file: %w", retinue.ErrConflict)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		err = retinue.ErrConflict
	}
	if err != nil {
		return nil, fmt.Errorf("hold worker file: %w", err)
	}
	return f, nil
}

// dropWorkerFile lets the file go, then removes it.
func dropWorkerFile(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name()) // one that stays is removed by the next rescue
}
