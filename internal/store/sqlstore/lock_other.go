//go:build !unix

package sqlstore

import (
	"fmt"
	"os"

	"github.com/retinue-id/retinue"
)

// fileLock is an exclusively created file where the system has no advisory
// locks: a server makes it, and a command line refuses to start beside it.
type fileLock struct{ name string }

func lockShared(path string) (*fileLock, error) {
	if _, err := os.Stat(path + ".serve"); err == nil {
		return nil, fmt.Errorf("%w: open database %s: a server holds it (remove %s.serve if it crashed)", retinue.ErrConflict, path, path)
	}
	return &fileLock{}, nil
}

func (l *fileLock) release() error {
	if l == nil || l.name == "" {
		return nil
	}
	return os.Remove(l.name)
}

// LockExclusive makes this process the one server of the file.
func (db *DB) LockExclusive() error {
	if db.lock == nil {
		return nil
	}
	name := db.path + ".serve"
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%w: lock database %s: %v", retinue.ErrConflict, db.path, err)
	}
	db.lock.name = name
	return f.Close()
}
