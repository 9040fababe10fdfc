// Package process runs the real assay binary for tests: builds it once, starts it,
// kills it and talks to it over REST, as a user would.
package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// AdminKey is the admin key every process of a test is started with.
const AdminKey = "admin-key-of-a-test-0123456789"

var (
	build  sync.Once
	binary string
	failed error
)

// Binary builds assay once for all tests of a process and returns its path.
func Binary(t testing.TB) string {
	t.Helper()
	build.Do(func() {
		dir, err := os.MkdirTemp("", "assay-bin-")
		if err != nil {
			failed = err
			return
		}
		binary = filepath.Join(dir, "assay")
		out, err := exec.Command("go", "build", "-o", binary, "github.com/assay-hq/assay/services/cmd/assay").CombinedOutput()
		if err != nil {
			failed = fmt.Errorf("building assay: %w\n%s", err, out)
		}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return binary
}

// Assay is one installation: a data directory and addresses that outlive a kill.
type Assay struct {
	HTTP, GRPC string // HOST:PORT
	// Key is sent with every call. Default: AdminKey.
	Key string

	binary string
	args   []string
	env    []string
	log    *os.File
	cmd    *exec.Cmd
	exited chan struct{}
}

// New prepares an installation. The arguments are added to `assay serve`.
func New(t testing.TB, args []string, env ...string) *Assay {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "assay.log"))
	if err != nil {
		t.Fatal(err)
	}
	a := &Assay{HTTP: freeAddr(t), GRPC: freeAddr(t), Key: AdminKey, binary: Binary(t), log: log}
	a.args = append([]string{"serve", "--http-addr=" + a.HTTP, "--grpc-addr=" + a.GRPC}, args...)
	a.env = append(append(os.Environ(), "ASSAY_ADMIN_KEY="+AdminKey), env...)
	t.Cleanup(func() {
		a.Kill()
		log.Close()
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", tail(log.Name(), 6000))
		}
	})
	return a
}

// Start starts the process and returns when it is ready, with the time that took.
func (a *Assay) Start(t testing.TB) time.Duration {
	t.Helper()
	a.cmd = exec.Command(a.binary, a.args...)
	a.cmd.Env, a.cmd.Stdout, a.cmd.Stderr = a.env, a.log, a.log
	begin := time.Now()
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	a.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // its state says how it ended
		close(exited)
	}(a.cmd)
	for deadline := begin.Add(30 * time.Second); ; {
		response, err := http.Get("http://" + a.HTTP + "/readyz")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return time.Since(begin)
			}
		}
		select {
		case <-exited:
			t.Fatalf("assay ended before it was ready: %s", tail(a.log.Name(), 3000))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("assay is not ready after 30 s: %s", tail(a.log.Name(), 3000))
		}
	}
}

// Kill ends the process at once, as a power cut would.
func (a *Assay) Kill() { a.end(syscall.SIGKILL) }

// Stop asks the process to end and returns its exit code.
func (a *Assay) Stop() int {
	a.end(syscall.SIGTERM)
	return a.cmd.ProcessState.ExitCode()
}

func (a *Assay) end(signal syscall.Signal) {
	if a.cmd == nil || a.exited == nil {
		return
	}
	_ = a.cmd.Process.Signal(signal) // it may have ended
	<-a.exited
	a.exited = nil
}

// Pid returns the id of the running process.
func (a *Assay) Pid() int { return a.cmd.Process.Pid }

// Publish makes a standard in a file decide: as the admin, for marketing, and as
// somebody else for sales.
func (a *Assay) Publish(t testing.TB, file string) {
	t.Helper()
	sales := strings.TrimSpace(a.Run(t, "key", "create", "--actor=sam", "--role=sales", "--secret-only"))
	a.Run(t, "standard", "draft", file)
	a.Run(t, "standard", "sign-off", file, "--side=marketing")
	a.runAs(t, sales, "standard", "sign-off", file)
	a.Run(t, "standard", "publish", file)
}

// Run runs a command of the CLI against the installation, as the admin.
func (a *Assay) Run(t testing.TB, args ...string) string {
	t.Helper()
	return a.runAs(t, a.Key, args...)
}

func (a *Assay) runAs(t testing.TB, key string, args ...string) string {
	t.Helper()
	cmd := exec.Command(a.binary, append(args, "--server=http://"+a.HTTP)...)
	cmd.Env = append(os.Environ(), "ASSAY_KEY="+key)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("assay %v: %v\n%s%s", args, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// Client keeps enough connections open for a load.
var Client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// Call makes one REST call and decodes its answer into out. An answer other than
// 200 is an error with the body.
func (a *Assay) Call(ctx context.Context, method, path string, in, out any) error {
	if in == nil {
		return a.Send(ctx, method, path, nil, out)
	}
	content, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return a.Send(ctx, method, path, content, out)
}

// Send is Call with a body as it is.
func (a *Assay) Send(ctx context.Context, method, path string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.HTTP+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+a.Key)
	request.Header.Set("Content-Type", "application/json")
	response, err := Client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return &Refusal{Status: response.StatusCode, Body: string(content)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(content, out)
}

// Refusal is an answer other than 200.
type Refusal struct {
	Status int
	Body   string
}

func (r *Refusal) Error() string { return fmt.Sprintf("HTTP %d: %s", r.Status, r.Body) }

func freeAddr(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func tail(file string, n int) string {
	content, _ := os.ReadFile(file)
	return string(content[max(0, len(content)-n):])
}

// Migrate brings a PostgreSQL database to the schema of the binary.
func Migrate(t testing.TB, database string) {
	t.Helper()
	out, err := exec.Command(Binary(t), "migrate", "--db="+database).CombinedOutput()
	if err != nil {
		t.Fatalf("assay migrate: %v\n%s", err, out)
	}
}
