package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/assay-hq/assay/services/test/debian"
)

// PostgresOptions says how a PostgreSQL server is started.
type PostgresOptions struct {
	// Durable keeps fsync and synchronous_commit on, for benchmarks and crash tests.
	// Default: off, which is faster and safe for a test.
	Durable bool
	// Settings are more server settings, `name=value`.
	Settings []string
}

// StartPostgres starts a PostgreSQL server of its own, listening on a Unix socket
// only, and returns the URL of its database `postgres`. stop ends it and removes its
// files. If this process is killed the server ends too.
func StartPostgres(o PostgresOptions) (url string, stop func(), err error) {
	bin, err := binaries()
	if err != nil {
		return "", nil, err
	}
	removeLeftovers()
	// A socket's path has at most 107 bytes, so not under a test's own folder.
	parent := "/tmp"
	if !o.Durable {
		parent = scratch(parent)
	}
	dir, err := os.MkdirTemp(parent, ownedBy(postgresPrefix))
	if err != nil {
		return "", nil, err
	}
	s := &server{bin: bin, dir: dir}
	if err := s.start(o); err != nil {
		s.stop()
		return "", nil, fmt.Errorf("dbtest: start PostgreSQL: %w", err)
	}
	return s.url(), s.stop, nil
}

// Shared by the tests of this process.
var shared struct {
	sync.Mutex
	url  string
	stop func()
	err  error
}

func sharedPostgres() (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.url == "" && shared.err == nil {
		shared.url, shared.stop, shared.err = StartPostgres(PostgresOptions{})
	}
	return shared.url, shared.err
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.stop != nil {
		shared.stop()
		shared.stop = nil
	}
}

type server struct {
	bin, dir string
	cmd      *exec.Cmd
	log      bytes.Buffer
	exited   chan struct{}
}

func (s *server) url() string {
	return "postgres://postgres@/postgres?host=" + url.QueryEscape(s.dir) + "&sslmode=disable"
}

func withDatabase(server, name string) string {
	return strings.Replace(server, "@/postgres?", "@/"+name+"?", 1)
}

// splitDatabase is the inverse of withDatabase.
func splitDatabase(url string) (server, name string) {
	_, rest, _ := strings.Cut(url, "@/")
	name, _, _ = strings.Cut(rest, "?")
	return strings.Replace(url, "@/"+name+"?", "@/postgres?", 1), name
}

func (s *server) start(o PostgresOptions) error {
	attr, err := s.ownership()
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", data, "-U", "postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr = attr
	initdb.Dir = s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	args := []string{"-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200"}
	if !o.Durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	for _, setting := range o.Settings {
		args = append(args, "-c", setting)
	}
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), args...)
	s.cmd.SysProcAttr = attr
	s.cmd.Dir = s.dir
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.run(); err != nil {
		return err
	}
	return s.ready()
}

// run starts the server as a direct child that gets an immediate shutdown when this
// process dies. Linux binds that signal to the thread that started the child, so a
// goroutine keeps its thread until the child has ended.
func (s *server) run() error {
	started := make(chan error)
	s.exited = make(chan struct{})
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.cmd.Wait() //nolint:errcheck // the log says more
		}
		close(s.exited)
	}()
	return <-started
}

func (s *server) ready() error {
	db, err := sql.Open("pgx", s.url())
	if err != nil {
		return err
	}
	defer db.Close()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := db.Ping()
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("it ended:\n%s", s.log.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after 30 s: %w", err)
		}
	}
}

func (s *server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Signal(syscall.SIGQUIT) //nolint:errcheck // it may have ended; nothing is to be kept
		<-s.exited
	}
	os.RemoveAll(s.dir) // the next run tries again
}

// ownership lets the server run as `postgres` when this process is root, as which
// initdb refuses to run.
func (s *server) ownership() (*syscall.SysProcAttr, error) {
	attr := endWithParent()
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("running as root, so the server needs the user postgres: %w", err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2, os.Chown(s.dir, uid, gid)); err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}

// binaries returns the folder of PostgreSQL's programs and installs them where they
// are missing and that may be done.
func binaries() (string, error) {
	path, err := debian.Find("initdb", "postgresql-15", "/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", fmt.Errorf("dbtest: %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil { // the others are beside the real file
		return "", fmt.Errorf("dbtest: %w", err)
	}
	return filepath.Dir(path), nil
}

// removeLeftovers removes the folders of test processes that were killed; their
// servers ended with them.
func removeLeftovers() {
	for _, parent := range []string{"/tmp", memory} {
		for _, prefix := range []string{postgresPrefix, sqlitePrefix} {
			dirs, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
			for _, dir := range dirs {
				owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
				pid, err := strconv.Atoi(owner)
				if err != nil || alive(pid) || serverAlive(dir) {
					continue
				}
				os.RemoveAll(dir) // another process may be at it
			}
		}
	}
}

func serverAlive(dir string) bool {
	file, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(file), "\n")
	pid, err := strconv.Atoi(first)
	return err == nil && pid > 1 && alive(pid)
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func execute(url, statement string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		return fmt.Errorf("dbtest: %s: %w", statement, err)
	}
	return nil
}
