package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/test/openapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// adminKey is the first key of every installation here.
const adminKey = "assay_test_0123456789abcdefghijklmnopqrstuvwxyz"

// installation is a running Assay.
type installation struct {
	rest, grpc string
	apps       []*app.App // in the order they started
	stopping   sync.Once
}

// inBothModes runs a test against one process and against five, whose settings are tuned.
func inBothModes(t *testing.T, test func(t *testing.T, in *installation), tune ...func(*app.Settings)) {
	t.Helper()
	for mode, start := range map[string]func(*testing.T, ...func(*app.Settings)) *installation{"one process": oneProcess, "five processes": fiveProcesses} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, tune...))
		})
	}
}

func settings(t *testing.T, dir string, tune []func(*app.Settings)) app.Settings {
	t.Helper()
	s := app.Settings{
		DB: "sqlite:" + dir, HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminKey: adminKey,
		Delivery: handoff.Delivery{AllowNetworks: []string{"127.0.0.0/8"}},
	}
	for _, change := range tune {
		change(&s)
	}
	return s
}

func start(t *testing.T, s app.Settings) *app.App {
	t.Helper()
	a, err := app.Start(t.Context(), s, app.Options{Telemetry: telemetry.Options{Log: t.Output()}})
	if err != nil {
		t.Fatalf("start %v: %v", s.Services, err)
	}
	return a
}

func oneProcess(t *testing.T, tune ...func(*app.Settings)) *installation {
	t.Helper()
	a := start(t, settings(t, t.TempDir(), tune))
	return installed(t, a)
}

// fiveProcesses starts the services one after the other, as each needs the addresses
// of those it calls.
func fiveProcesses(t *testing.T, tune ...func(*app.Settings)) *installation {
	t.Helper()
	dir := t.TempDir()
	var apps []*app.App
	peers := map[string]string{}
	for _, name := range app.Names() {
		s := settings(t, dir, tune)
		s.Services = []string{name}
		s.InternalSecret = "the same secret in all five processes"
		s.Peers = map[string]string{}
		for peer, addr := range peers {
			s.Peers[peer] = addr
		}
		a := start(t, s)
		apps = append(apps, a)
		peers[name] = a.GRPCAddr()
	}
	return installed(t, apps...)
}

func installed(t *testing.T, apps ...*app.App) *installation {
	t.Helper()
	last := apps[len(apps)-1] // the gateway starts last
	in := &installation{rest: "http://" + last.HTTPAddr(), grpc: last.GRPCAddr(), apps: apps}
	t.Cleanup(in.stop)
	return in
}

// stop ends all processes, callers before those they call.
func (in *installation) stop() {
	in.stopping.Do(func() {
		http.DefaultClient.CloseIdleConnections()
		for i := len(in.apps) - 1; i >= 0; i-- {
			in.apps[i].Stop(context.Background())
		}
	})
}

// answer is an answer of REST.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// call calls REST with a key. Each answer must be as /openapi.json says.
func (in *installation) call(t *testing.T, key, method, path string, body any) answer {
	t.Helper()
	a, err := in.try(t.Context(), key, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if strings.HasPrefix(path, "/v1/") {
		if err := openapi.Check(openapi.Answer{Method: method, Path: path, Status: a.status, Header: a.header, Body: []byte(a.text)}); err != nil {
			t.Errorf("%s %s is not answered as documented: %v", method, path, err)
		}
	}
	return a
}

func (in *installation) try(ctx context.Context, key, method, path string, body any) (answer, error) {
	var content []byte
	switch b := body.(type) {
	case nil:
	case string:
		content = []byte(b)
	default:
		var err error
		if content, err = json.Marshal(b); err != nil {
			return answer{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, in.rest+path, bytes.NewReader(content))
	if err != nil {
		return answer{}, err
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a, err
}

// must calls REST as the admin and expects it to succeed.
func (in *installation) must(t *testing.T, method, path string, body any) answer {
	t.Helper()
	a := in.call(t, adminKey, method, path, body)
	if a.status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
	}
	return a
}

// get returns what lies at a path of names and positions in the answer, nil if
// nothing does.
func (a answer) get(path ...any) any {
	var at any = a.body
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := at.(map[string]any)
			at = m[s]
		case int:
			l, _ := at.([]any)
			if s >= len(l) {
				return nil
			}
			at = l[s]
		}
	}
	return at
}

func (a answer) str(path ...any) string {
	v := a.get(path...)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// key makes a key with a role.
func (in *installation) key(t *testing.T, role typev1.Role) string {
	t.Helper()
	name := strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_"))
	return in.must(t, "POST", "/v1/apiKeys", map[string]any{"actor": name, "role": role.String()}).str("secret")
}

// userKey makes a user with a role and returns their key.
func (in *installation) userKey(t *testing.T, id string, role typev1.Role) string {
	t.Helper()
	in.must(t, "POST", "/v1/users?userId="+id, map[string]any{"displayName": strings.ToUpper(id), "role": role.String()})
	return in.must(t, "POST", "/v1/apiKeys", map[string]any{"actor": id, "role": role.String()}).str("secret")
}

// dial opens the public gRPC door with a key.
func (in *installation) dial(t *testing.T, key string) *grpc.ClientConn {
	t.Helper()
	conn, err := rpc.Dial(in.grpc, rpc.ClientOptions{APIKey: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// eventually waits until the condition holds, for what happens by itself a moment
// later.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
