package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// store are the flags of commands that work on the database itself.
type store struct {
	DB      string `name:"db" env:"ASSAY_DB" help:"postgres://USER@HOST/DATABASE or sqlite:FOLDER. Default: SQLite in the data folder." placeholder:"URL"`
	DataDir string `env:"ASSAY_DATA_DIR" default:"./data" help:"Folder of the SQLite files." type:"path"`
}

func (s store) url() string {
	if s.DB == "" {
		return "sqlite:" + filepath.Clean(s.DataDir)
	}
	return s.DB
}

type serveCmd struct {
	store
	Services       []string      `env:"ASSAY_SERVICES" help:"Services to run here: ingest, profilefit, behavior, handoff, gateway. Default: all." placeholder:"NAME,…"`
	HTTPAddr       string        `name:"http-addr" env:"ASSAY_HTTP_ADDR" default:"127.0.0.1:8080" help:"Where to serve REST, health and metrics; port 0 takes any." placeholder:"HOST:PORT"`
	GRPCAddr       string        `name:"grpc-addr" env:"ASSAY_GRPC_ADDR" default:"127.0.0.1:9090" help:"Where to serve gRPC; port 0 takes any." placeholder:"HOST:PORT"`
	Peer           []string      `env:"ASSAY_PEER" help:"Where a service runs that does not run here. Needs ASSAY_INTERNAL_SECRET, the same everywhere." placeholder:"NAME=HOST:PORT"`
	Drain          time.Duration `env:"ASSAY_DRAIN" default:"10s" help:"How long running calls may take when the process stops."`
	PublicURL      string        `name:"public-url" env:"ASSAY_PUBLIC_URL" help:"Where people reach this installation, for the links in messages. Default: http:// and --http-addr, where the gateway runs." placeholder:"URL"`
	AllowNetworks  []string      `env:"ASSAY_ALLOW_NETWORKS" help:"Networks that destinations may be in beside the public internet, e.g. 10.20.0.0/16." placeholder:"NETWORK,…"`
	TrustedProxies []string      `env:"ASSAY_TRUSTED_PROXIES" help:"Addresses and networks of the proxies before this server, whose X-Forwarded-For says where a request comes from. Default: none." placeholder:"NETWORK,…"`
	OIDCIssuer     string        `name:"oidc-issuer" env:"ASSAY_OIDC_ISSUER" help:"OpenID Connect issuer whose tokens are taken beside API keys, as tokens name it." placeholder:"URL"`
	OIDCAudience   string        `name:"oidc-audience" env:"ASSAY_OIDC_AUDIENCE" help:"What its tokens must be for, e.g. the client id of Assay." placeholder:"NAME"`
	LogLevel       slog.Level    `env:"ASSAY_LOG_LEVEL" default:"info" help:"Lowest level to log: debug, info, warn or error."`
}

func (c *serveCmd) settings(env func(string) string) (app.Settings, error) {
	peers, err := app.ParsePeers(c.Peer)
	if err != nil {
		return app.Settings{}, err
	}
	s := app.Settings{
		Services:       c.Services,
		DB:             c.url(),
		DataDir:        c.DataDir,
		HTTPAddr:       c.HTTPAddr,
		GRPCAddr:       c.GRPCAddr,
		Peers:          peers,
		InternalSecret: env("ASSAY_INTERNAL_SECRET"),
		AdminKey:       env("ASSAY_ADMIN_KEY"),
		Delivery: handoff.Delivery{
			SecretsKey: env("ASSAY_SECRETS_KEY"), AllowNetworks: c.AllowNetworks, PublicURL: c.PublicURL,
		},
		TrustedProxies: c.TrustedProxies,
		Tokens:         handoff.Tokens{Issuer: c.OIDCIssuer, Audience: c.OIDCAudience},
		DrainTimeout:   c.Drain,
		Version:        buildVersion(),
	}
	return s, s.Check()
}

// Run serves until the process is told to stop.
func (c *serveCmd) Run(ctx context.Context, t *terminal) error {
	settings, err := c.settings(t.env)
	if err != nil {
		return usageError{err}
	}
	return app.Run(ctx, settings, app.Options{Telemetry: telemetry.Options{Log: t.err, Level: c.LogLevel}}, t.out)
}

type migrateCmd struct {
	store
	Services []string `env:"ASSAY_SERVICES" help:"Services whose schemas to migrate. Default: all." placeholder:"NAME,…"`
}

// Run migrates the schemas.
func (c *migrateCmd) Run(ctx context.Context, t *terminal) error {
	settings := app.Settings{Services: c.Services, DB: c.url(), DataDir: c.DataDir}
	return app.Migrate(ctx, settings, func(service string) {
		_, _ = fmt.Fprintf(t.out, "%s is up to date\n", service)
	})
}

type versionCmd struct {
	Output string `default:"table" enum:"table,json" help:"How to print: ${enum}."`
}

// Run prints the version.
func (c *versionCmd) Run(t *terminal) error {
	if c.Output == "json" {
		return printJSON(t.out, map[string]string{"version": buildVersion()})
	}
	_, err := fmt.Fprintln(t.out, "assay", buildVersion())
	return err
}

// buildVersion is the module's version, or the commit it was built from.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
