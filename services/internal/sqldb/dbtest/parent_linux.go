package dbtest

import "syscall"

// endWithParent lets a child get an immediate shutdown when this process dies.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
}
