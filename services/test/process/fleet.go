package process

import (
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// Services are the services of an installation, in the order they are started.
var Services = []string{"ingest", "profilefit", "behavior", "handoff", "gateway"}

// Modes are the ways to run an installation: the same binary, the same tests.
var Modes = []string{"one process", "five processes"}

// Run starts an installation on SQLite in one of the Modes. What it returns is the
// process with the public door; `all` are all of its processes.
func Run(t testing.TB, mode string, env ...string) (door *Assay, all []*Assay) {
	t.Helper()
	if mode == Modes[0] {
		door = New(t, []string{"--data-dir=" + dbtest.Folder(t)}, env...)
		door.Start(t)
		return door, []*Assay{door}
	}
	env = append(env, "ASSAY_INTERNAL_SECRET=internal-secret-of-a-test-0123456789")
	var peers []string
	for _, service := range Services {
		args := []string{"--services=" + service, "--data-dir=" + dbtest.Folder(t)}
		for _, peer := range peers {
			args = append(args, "--peer="+peer)
		}
		door = New(t, args, env...)
		peers = append(peers, service+"="+door.GRPC)
		door.Start(t)
		all = append(all, door)
	}
	return door, all
}

// Log returns what the process wrote to its log so far.
func (a *Assay) Log() string { return strings.TrimSpace(tail(a.log.Name(), 1<<30)) }
