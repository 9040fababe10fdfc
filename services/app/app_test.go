package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestSettingsSayWhatIsWrongInTheWordsOfTheFlags(t *testing.T) {
	secret := strings.Repeat("s", caller.MinSecret)
	elsewhere := map[string]string{"ingest": "a:1", "profilefit": "b:1", "behavior": "c:1"}
	for name, c := range map[string]struct {
		settings Settings
		want     []string // parts of the errors; none: the settings are right
	}{
		"all defaults":    {Settings{}, nil},
		"one of many":     {Settings{Services: []string{"behavior"}, InternalSecret: secret}, nil},
		"split":           {Settings{Services: []string{"handoff"}, InternalSecret: secret, Peers: elsewhere}, nil},
		"unknown service": {Settings{Services: []string{"ledger"}, InternalSecret: secret}, []string{`--services: "ledger" is no service; expected some of ingest, profilefit, behavior, handoff, gateway`}},
		"named twice":     {Settings{Services: []string{"ingest", "ingest"}, InternalSecret: secret}, []string{"--services: ingest is named twice"}},
		"database":        {Settings{DB: "mysql://x"}, []string{"--db: expected postgres://"}},
		"no folder":       {Settings{DB: "sqlite:"}, []string{"--db: expected"}},
		"address":         {Settings{HTTPAddr: "8080"}, []string{`--http-addr "8080": expected HOST:PORT`}},
		"port":            {Settings{GRPCAddr: "localhost:http"}, []string{`--grpc-addr "localhost:http": expected a port`}},
		"missing peers":   {Settings{Services: []string{"handoff"}, InternalSecret: secret}, []string{"--peer: handoff calls ingest, which does not run here; expected --peer ingest=HOST:PORT", "behavior", "profilefit"}},
		"peer runs here":  {Settings{Peers: map[string]string{"ingest": "a:1"}}, []string{"--peer: ingest runs here"}},
		"peer is none":    {Settings{Peers: map[string]string{"gateway": "a:1"}}, []string{`--peer: "gateway" is no service that is called`}},
		"peer's address":  {Settings{Services: []string{"handoff"}, InternalSecret: secret, Peers: map[string]string{"ingest": "a:0", "profilefit": "b:1", "behavior": "c:1"}}, []string{"--peer ingest=a:0: expected a port from 1"}},
		"no secret":       {Settings{Services: []string{"behavior"}}, []string{"ASSAY_INTERNAL_SECRET: expected the secret that the processes share"}},
		"tokens":          {Settings{Tokens: handoff.Tokens{Issuer: "https://id.example.com", Audience: "assay"}}, nil},
		"tokens for whom": {Settings{Tokens: handoff.Tokens{Issuer: "https://id.example.com"}}, []string{"--oidc-audience: expected what tokens are for"}},
		"plain HTTP":      {Settings{Tokens: handoff.Tokens{Issuer: "http://id.example.com", Audience: "assay"}}, []string{"--oidc-issuer: expected a URL with https"}},
		"public URL":      {Settings{Delivery: handoff.Delivery{PublicURL: "https://assay.example.com/"}}, nil},
		"no public URL":   {Settings{Delivery: handoff.Delivery{PublicURL: "javascript:x"}}, []string{"--public-url: expected where people reach the gateway"}},
		"short secret":    {Settings{InternalSecret: "short"}, []string{"ASSAY_INTERNAL_SECRET: expected at least 32 bytes, found 5"}},
		"several":         {Settings{DB: "x", HTTPAddr: "x"}, []string{"--db", "--http-addr"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.settings.Check()
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want it to say %q", err, want)
				}
			}
		})
	}
}

func TestParsePeers(t *testing.T) {
	got, err := ParsePeers([]string{"ingest=a:1", " behavior=[::1]:2"})
	if err != nil || got["ingest"] != "a:1" || got["behavior"] != "[::1]:2" {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"ingest", "=a:1", "ingest="} {
		if _, err := ParsePeers([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := ParsePeers([]string{"ingest=a:1", "ingest=b:1"}); err == nil {
		t.Error("a peer was taken twice")
	}
}

// The table is right when what is called starts before what calls it.
func TestTheTableIsInTheOrderOfCalls(t *testing.T) {
	started := map[string]bool{}
	for _, e := range table {
		for _, callee := range e.calls {
			if !started[callee] {
				t.Errorf("%s calls %s, which starts later", e.name, callee)
			}
		}
		started[e.name] = true
	}
}

func local(t *testing.T, db string) (Settings, Options) {
	t.Helper()
	return Settings{DB: db, HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0"}, Options{Telemetry: telemetry.Options{Log: t.Output()}}
}

func get(t *testing.T, a *App, path string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.HTTPAddr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func TestAFirstStartShowsAKeyOnceAndASecondFindsItsData(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s, o := local(t, url)
		if strings.HasPrefix(url, "postgres") {
			if _, err := Start(t.Context(), s, o); err == nil || !strings.Contains(err.Error(), "assay migrate") {
				t.Fatalf("a start on a schema that is not migrated: %v; want it to name `assay migrate`", err)
			}
			if err := Migrate(t.Context(), s, func(string) {}); err != nil {
				t.Fatal(err)
			}
		}
		for again := range 2 {
			began := time.Now()
			a, err := Start(t.Context(), s, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("ready after %s", time.Since(began))
			if shown := a.AdminKey() != ""; shown != (again == 0) {
				t.Errorf("start %d: key shown: %v", again, shown)
			}
			var greeting strings.Builder
			a.Greet(&greeting)
			if !strings.Contains(greeting.String(), a.HTTPAddr()) || again == 0 && !strings.Contains(greeting.String(), a.AdminKey()) {
				t.Errorf("greeting %s", greeting.String())
			}
			if status, text := get(t, a, "/readyz"); status != 200 {
				t.Errorf("readyz: %d %s", status, text)
			}
			a.Stop(context.Background())
			if status, _ := get(t, a, "/healthz"); status != 0 {
				t.Errorf("it answers after it stopped: %d", status)
			}
		}
	})
}

// The key is made by the process that runs handoff; a gateway elsewhere cannot show it.
func TestTheProcessOfHandoffShowsTheFirstKey(t *testing.T) {
	s, o := local(t, "sqlite:"+t.TempDir())
	s.Services, s.InternalSecret = []string{"ingest", "profilefit", "behavior", "handoff"}, strings.Repeat("s", 32)
	a, err := Start(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Stop(context.Background())
	var greeting strings.Builder
	a.Greet(&greeting)
	if a.AdminKey() == "" || !strings.Contains(greeting.String(), a.AdminKey()) {
		t.Errorf("greeting %s", greeting.String())
	}
}

func TestAFailedStartLeavesNothingBehind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s, o := local(t, dbtest.SQLite(t))
	s.GRPCAddr = taken.Addr().String()
	if _, err := Start(t.Context(), s, o); err == nil || !strings.Contains(err.Error(), "--grpc-addr") {
		t.Errorf("the address is taken: %v", err)
	}
	s.GRPCAddr = "127.0.0.1:0"
	a, err := Start(t.Context(), s, o)
	if err != nil {
		t.Fatalf("after a failed start: %v", err)
	}
	defer a.Stop(context.Background())
	if _, err := Start(t.Context(), s, o); err == nil {
		t.Error("two processes own the same files")
	}
}

func TestAProcessIsNotReadyWhileItStops(t *testing.T) {
	s, o := local(t, dbtest.SQLite(t))
	a, err := Start(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.checkReady(t.Context()); err != nil {
		t.Error(err)
	}
	a.Stop(context.Background())
	if err := a.checkReady(t.Context()); err == nil {
		t.Error("ready after it stopped")
	}
}
