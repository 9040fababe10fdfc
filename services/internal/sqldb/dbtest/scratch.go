package dbtest

import (
	"fmt"
	"os"
	"syscall"
)

// Folders are named by kind and by the process that owns them.
const (
	postgresPrefix = "assay-pg-"
	sqlitePrefix   = "assay-sqlite-"
)

func ownedBy(prefix string) string { return fmt.Sprintf("%s%d-", prefix, os.Getpid()) }

// memory is where Linux keeps files in memory.
const memory = "/dev/shm"

// scratch returns the folder for databases that need not outlive anything: in memory
// where there is plenty of room, since most of what a short test waits for is files
// that are made and removed.
func scratch(otherwise string) string {
	const plenty = 4 << 30 // bytes: all packages at once take a few hundred MB
	var at syscall.Statfs_t
	if err := syscall.Statfs(memory, &at); err != nil || at.Bavail*uint64(at.Bsize) < plenty {
		return otherwise
	}
	return memory
}
