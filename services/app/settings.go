package app

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/gateway"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Settings say what a process runs and where. The zero value of a field means its
// default.
type Settings struct {
	// Services are the names of the services to run. Default: all five.
	Services []string
	// DB is `postgres://…` or `sqlite:DIR`. Default: `sqlite:` and DataDir.
	DB string
	// DataDir is the folder of the SQLite files. Default `./data`.
	DataDir string
	// HTTPAddr is where REST, /healthz, /readyz and /metrics are served. Port 0 takes
	// any free one. Default `127.0.0.1:8080`.
	HTTPAddr string
	// GRPCAddr is where gRPC is served. Default `127.0.0.1:9090`.
	GRPCAddr string
	// Peers are the addresses of the services that run elsewhere, by name.
	Peers map[string]string
	// InternalSecret signs what the processes of an installation tell each other: at
	// least 32 bytes, the same everywhere. Required when a service runs elsewhere;
	// otherwise made by the process itself.
	InternalSecret string
	// AdminKey is the secret of the first admin key. Default: one is made and shown
	// once.
	AdminKey string
	// Delivery says what deliveries to webhooks, chats and CRMs need. The key of secrets is
	// by default kept in DataDir where SQLite is, and missing elsewhere; PublicURL is by
	// default that of HTTPAddr where the gateway runs, and missing elsewhere.
	Delivery handoff.Delivery
	// TrustedProxies are the addresses and networks of the proxies before HTTPAddr, whose
	// X-Forwarded-For says where a request comes from. Default: none.
	TrustedProxies []string
	// Tokens says whose tokens are taken beside API keys. Default: none are. Needed where
	// handoff runs.
	Tokens handoff.Tokens
	// DrainTimeout is how long running calls may take to end when the process stops.
	// Default 10 s.
	DrainTimeout time.Duration
	// Version of the binary, for telemetry.
	Version string
}

// Defaults of the addresses and the folder.
const (
	DefaultDataDir  = "./data"
	DefaultHTTPAddr = "127.0.0.1:8080"
	DefaultGRPCAddr = "127.0.0.1:9090"
)

func (s Settings) withDefaults() Settings {
	if len(s.Services) == 0 {
		s.Services = Names()
	}
	if s.DataDir == "" {
		s.DataDir = DefaultDataDir
	}
	if s.DB == "" {
		s.DB = "sqlite:" + s.DataDir
	}
	if s.HTTPAddr == "" {
		s.HTTPAddr = DefaultHTTPAddr
	}
	if s.GRPCAddr == "" {
		s.GRPCAddr = DefaultGRPCAddr
	}
	if dir, ok := strings.CutPrefix(s.DB, "sqlite:"); ok && s.Delivery.SecretsFolder == "" {
		s.Delivery.SecretsFolder = dir
	}
	s.Delivery.PublicURL = strings.TrimRight(s.Delivery.PublicURL, "/")
	if s.DrainTimeout == 0 {
		s.DrainTimeout = 10 * time.Second
	}
	return s
}

// Check says everything that is wrong with the settings, in the words of the flags.
func (s Settings) Check() error {
	s = s.withDefaults()
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	local := map[string]bool{}
	for _, name := range s.Services {
		switch {
		case !slices.Contains(Names(), name):
			add("--services: %q is no service; expected some of %s", name, strings.Join(Names(), ", "))
		case local[name]:
			add("--services: %s is named twice", name)
		}
		local[name] = true
	}
	switch scheme, rest, _ := strings.Cut(s.DB, ":"); {
	case scheme == "sqlite" && rest != "":
	case scheme == "postgres" || scheme == "postgresql":
	default:
		add("--db: expected postgres://USER@HOST/DATABASE or sqlite:FOLDER")
	}
	for flag, addr := range map[string]string{"--http-addr": s.HTTPAddr, "--grpc-addr": s.GRPCAddr} {
		if err := checkAddr(addr, 0); err != nil {
			add("%s %q: %w", flag, addr, err)
		}
	}
	for name, addr := range s.Peers {
		switch {
		case !slices.Contains(Names(), name) || name == "gateway":
			add("--peer: %q is no service that is called; expected one of %s", name, strings.Join(Names()[:len(Names())-1], ", "))
		case local[name]:
			add("--peer: %s runs here; expected an address only for services that run elsewhere", name)
		default:
			if err := checkAddr(addr, 1); err != nil {
				add("--peer %s=%s: %w", name, addr, err)
			}
		}
	}
	for _, e := range table {
		for _, callee := range e.calls {
			if local[e.name] && !local[callee] && s.Peers[callee] == "" {
				add("--peer: %s calls %s, which does not run here; expected --peer %s=HOST:PORT", e.name, callee, callee)
			}
		}
	}
	if err := s.Delivery.Check(); err != nil {
		add("%w", err)
	}
	if err := gateway.CheckProxies(s.TrustedProxies); err != nil {
		add("--trusted-proxies %w", err)
	}
	if err := s.Tokens.Check(); err != nil {
		errs = append(errs, err)
	}
	split := len(local) < len(Names())
	switch {
	case split && s.InternalSecret == "":
		add("ASSAY_INTERNAL_SECRET: expected the secret that the processes share, at least %d bytes, since not all services run here", caller.MinSecret)
	case s.InternalSecret != "" && len(s.InternalSecret) < caller.MinSecret:
		add("ASSAY_INTERNAL_SECRET: expected at least %d bytes, found %d", caller.MinSecret, len(s.InternalSecret))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(slices.CompactFunc(errs, func(a, b error) bool { return a.Error() == b.Error() })...)
}

func checkAddr(addr string, lowest int) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("expected HOST:PORT")
	}
	if n, err := strconv.Atoi(port); err != nil || n < lowest || n > 65535 {
		return fmt.Errorf("expected a port from %d to 65535", lowest)
	}
	return nil
}

// ParsePeers reads `ingest=host:port` pairs.
func ParsePeers(pairs []string) (map[string]string, error) {
	peers := map[string]string{}
	for _, pair := range pairs {
		name, addr, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || name == "" || addr == "" {
			return nil, fmt.Errorf("--peer %q: expected SERVICE=HOST:PORT", pair)
		}
		if _, twice := peers[name]; twice {
			return nil, fmt.Errorf("--peer: %s is given twice", name)
		}
		peers[name] = addr
	}
	return peers, nil
}

// describeDB names the database without what may be a password.
func (s Settings) describeDB() string {
	if dir, ok := strings.CutPrefix(s.DB, "sqlite:"); ok {
		return "SQLite in " + filepath.Clean(dir)
	}
	return "PostgreSQL"
}
