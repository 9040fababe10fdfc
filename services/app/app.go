package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/assay-hq/assay/services/gateway"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/standards"
)

// App is a running process.
type App struct {
	settings Settings
	process  *telemetry.Process
	log      *slog.Logger
	http     net.Listener
	grpc     net.Listener
	adminKey string
	ready    atomic.Bool
	failed   chan error
	dbs      map[string]*sqldb.DB
	// stops undo what was started, the latest first.
	stops []func(context.Context)
}

// Options replace what a process has of the outside world, for tests.
type Options struct {
	// Telemetry configures logs and traces.
	Telemetry telemetry.Options
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Settle is how long an erasure gives what is under way to end. Default 30 s.
	Settle time.Duration
}

// Start runs the services of the settings. It returns when all of them serve; what
// was started before a failure is stopped again.
func Start(ctx context.Context, settings Settings, o Options) (_ *App, err error) {
	if err := settings.Check(); err != nil {
		return nil, err
	}
	settings = settings.withDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Telemetry.Version = settings.Version
	a := &App{settings: settings, failed: make(chan error, 4), dbs: map[string]*sqldb.DB{}}
	defer func() {
		if err != nil {
			a.stop(context.WithoutCancel(ctx))
		}
	}()
	if a.process, err = telemetry.Start(ctx, o.Telemetry); err != nil {
		return nil, err
	}
	a.undo(func(ctx context.Context) { a.warn("telemetry", a.process.Stop(ctx)) })
	a.log = a.process.Log()
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	a.log.InfoContext(ctx, "listening", "http", a.HTTPAddr(), "grpc", a.GRPCAddr(),
		"services", strings.Join(settings.Services, ","), "store", settings.describeDB())
	if err := a.openDatabases(ctx); err != nil {
		return nil, err
	}
	if err := a.compose(ctx, o); err != nil {
		return nil, err
	}
	a.ready.Store(true)
	a.log.InfoContext(ctx, "ready")
	return a, nil
}

// HTTPAddr is the real address of HTTP.
func (a *App) HTTPAddr() string { return a.http.Addr().String() }

// GRPCAddr is the real address of gRPC.
func (a *App) GRPCAddr() string { return a.grpc.Addr().String() }

// AdminKey is the secret of the first admin key, if this start made it. It is nowhere
// else.
func (a *App) AdminKey() string { return a.adminKey }

// Failed reports that a listener broke while running.
func (a *App) Failed() <-chan error { return a.failed }

// Stop ends the process: it is not ready, takes no new calls, lets running ones end
// for the drain timeout, and stops the services in reverse order.
func (a *App) Stop(ctx context.Context) {
	a.ready.Store(false)
	a.log.InfoContext(ctx, "stopping")
	ctx, cancel := context.WithTimeout(ctx, a.settings.DrainTimeout)
	defer cancel()
	a.stop(ctx)
	a.log.InfoContext(ctx, "stopped")
}

func (a *App) stop(ctx context.Context) {
	for _, undo := range slices.Backward(a.stops) {
		undo(ctx)
	}
	a.stops = nil
}

func (a *App) undo(f func(context.Context)) { a.stops = append(a.stops, f) }

func (a *App) warn(what string, err error) {
	if err != nil {
		a.log.Warn("stopping went wrong", "what", what, "error", err.Error())
	}
}

func (a *App) listen(ctx context.Context) (err error) {
	var config net.ListenConfig
	if a.http, err = config.Listen(ctx, "tcp", a.settings.HTTPAddr); err != nil {
		return fmt.Errorf("--http-addr: %w", err)
	}
	a.undo(func(context.Context) { _ = a.http.Close() })
	if a.grpc, err = config.Listen(ctx, "tcp", a.settings.GRPCAddr); err != nil {
		return fmt.Errorf("--grpc-addr: %w", err)
	}
	a.undo(func(context.Context) { _ = a.grpc.Close() })
	if a.settings.Delivery.PublicURL == "" && a.runs("gateway") {
		a.settings.Delivery.PublicURL = "http://" + a.HTTPAddr()
	}
	return nil
}

// openDatabases opens the databases of the local services: SQLite files are migrated,
// a schema on PostgreSQL must be what this binary knows.
func (a *App) openDatabases(ctx context.Context) error {
	opened := make([]*sqldb.DB, len(table))
	group, ctx := errgroup.WithContext(ctx)
	for i, e := range table {
		if e.migrations == nil || !a.runs(e.name) {
			continue
		}
		group.Go(func() (err error) {
			if opened[i], err = sqldb.Open(ctx, sqldb.Config{URL: a.settings.DB, Service: e.name, Sync: e.sync}); err != nil {
				return err
			}
			if opened[i].Dialect() == sqldb.SQLite {
				return opened[i].Migrate(ctx, e.migrations)
			}
			return opened[i].CheckSchema(ctx, e.migrations)
		})
	}
	err := group.Wait()
	for i, db := range opened {
		if db != nil {
			a.dbs[table[i].name] = db
			a.undo(func(context.Context) { a.warn("the database", db.Close()) })
		}
	}
	return err
}

func (a *App) runs(name string) bool { return slices.Contains(a.settings.Services, name) }

// compose makes the services, joins them and opens the doors.
func (a *App) compose(ctx context.Context, o Options) error {
	now := o.Now
	signer, err := a.signer()
	if err != nil {
		return err
	}
	memory := rpc.NewMemory()
	reports := map[string]*telemetry.Telemetry{}
	var services []service
	var front *gateway.Service
	var keys *gateway.Keyring
	var forward gateway.Conns
	for _, e := range table {
		if !a.runs(e.name) {
			continue
		}
		n := needs{db: a.dbs[e.name], telemetry: telemetry.New(e.name, a.process), now: now, tokens: a.settings.Tokens, delivery: a.settings.Delivery, proxies: a.settings.TrustedProxies, settle: o.Settle}
		reports[e.name] = n.telemetry
		if n.conns, err = a.dial(e, n.telemetry, signer, memory, now); err != nil {
			return err
		}
		if e.name == "gateway" {
			forward = gatewayConns(n.conns)
			keys = gateway.Keys(forward, now)
			n.keys = keys
		}
		s, err := e.build(n)
		if err != nil {
			return err
		}
		services = append(services, s)
		switch s := s.(type) {
		case *gateway.Service:
			front = s
		case *handoff.Service:
			// The first start publishes the default standard and sees to an admin key.
			if a.adminKey, err = s.Bootstrap(ctx, standards.Default, a.settings.AdminKey); err != nil {
				return err
			}
		}
		inner := rpc.NewServer(rpc.ServerOptions{Telemetry: n.telemetry, Signer: signer, Now: now})
		s.Register(inner)
		a.serve(inner, memory.Listen(e.name))
		if err := s.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		a.undo(func(context.Context) { s.Stop() })
	}
	own := reports["gateway"]
	if own == nil {
		own = telemetry.New("assay", a.process)
	}
	options := rpc.ServerOptions{Telemetry: own, Services: reports, Signer: signer, Now: now}
	if keys != nil {
		options.Keys = keys
	}
	if front != nil {
		options.Unknown, options.Forwarded, options.Admit = front.Forward, ourServices(), front.Admit
	}
	public := rpc.NewServer(options)
	for _, s := range services {
		s.Register(public)
	}
	a.serve(public, a.grpc)
	a.serveHTTP(front)
	return nil
}

// signer returns what signs the tokens between services.
func (a *App) signer() (*caller.Signer, error) {
	if a.settings.InternalSecret == "" {
		return caller.NewRandomSigner(), nil
	}
	return caller.NewSigner([]byte(a.settings.InternalSecret))
}

// dial connects a service with those it calls, in memory or over the network.
func (a *App) dial(e entry, t *telemetry.Telemetry, signer *caller.Signer, memory *rpc.Memory, now func() time.Time) (map[string]grpc.ClientConnInterface, error) {
	conns := map[string]grpc.ClientConnInterface{}
	for _, callee := range e.calls {
		options := rpc.ClientOptions{Telemetry: t, Service: e.name, Signer: signer, Now: now}
		target := a.settings.Peers[callee]
		if a.runs(callee) {
			options.Memory, target = memory, callee
		}
		conn, err := rpc.Dial(target, options)
		if err != nil {
			return nil, err
		}
		a.undo(func(context.Context) { _ = conn.Close() })
		conns[callee] = conn
	}
	return conns, nil
}

func (a *App) serve(s *rpc.Server, l net.Listener) {
	go func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			a.fail(err)
		}
	}()
	a.undo(s.Shutdown)
}

func (a *App) serveHTTP(front *gateway.Service) {
	var rest http.Handler
	if front != nil {
		rest = front.Handler()
	}
	server := gateway.Server(a.pages(rest))
	server.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)
	go func() {
		if err := server.Serve(a.http); err != nil && !errors.Is(err, http.ErrServerClosed) {
			a.fail(err)
		}
	}()
	a.undo(func(ctx context.Context) {
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
	})
}

func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// ourServices are the full names of the services of the API.
func ourServices() []string {
	var names []string
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			if name := string(f.Services().Get(i).FullName()); strings.HasPrefix(name, "assay.") {
				names = append(names, name)
			}
		}
		return true
	})
	return names
}
