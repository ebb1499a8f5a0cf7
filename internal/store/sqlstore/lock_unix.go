//go:build unix

package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/retinue-id/retinue"
)

// fileLock tells the processes that share a SQLite file apart: many command
// lines may hold it together, a server holds it alone. It lies beside the
// database, because SQLite locks the database file itself and closing any
// descriptor of that file would drop SQLite's locks.
type fileLock struct{ f *os.File }

func lockShared(path string) (*fileLock, error) { return takeLock(path, syscall.LOCK_SH) }

func takeLock(path string, how int) (*fileLock, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: lock database: %v", retinue.ErrDenied, err)
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: open database %s: a server holds it: ask the server, or stop it", retinue.ErrConflict, path)
		}
		return nil, fmt.Errorf("lock database: %w", err)
	}
	return &fileLock{f: f}, nil
}

func (l *fileLock) release() error {
	if l == nil {
		return nil
	}
	return l.f.Close()
}

// LockExclusive makes this process the only one that has the file open, as a
// server must be. ErrConflict says that others have.
func (db *DB) LockExclusive() error {
	if db.lock == nil {
		return nil
	}
	if err := syscall.Flock(int(db.lock.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: lock database %s: another process has it open", retinue.ErrConflict, db.path)
	}
	return nil
}
