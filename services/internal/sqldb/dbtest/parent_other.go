//go:build unix && !linux

package dbtest

import "syscall"

// endWithParent: only Linux can end a child with its parent. Elsewhere the server of
// a test process that is killed has to be stopped by hand.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
