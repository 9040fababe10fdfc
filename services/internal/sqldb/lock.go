//go:build unix

package sqldb

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes the lock that makes one process the owner of a SQLite file. The
// system gives it back when the process ends, however it ends.
func lockFile(path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqldb: lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("sqldb: %s is held by another process: a SQLite database belongs to one; "+
				"stop the other one, or use PostgreSQL for many", path)
		}
		return nil, fmt.Errorf("sqldb: lock %s: %w", path, err)
	}
	return f.Close, nil
}
