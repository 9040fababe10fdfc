package app

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"google.golang.org/grpc"

	"github.com/assay-hq/assay/services/behavior"
	"github.com/assay-hq/assay/services/gateway"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/ingest"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/profilefit"
)

// service is what the table makes.
type service interface {
	Register(grpc.ServiceRegistrar)
	Start(context.Context) error
	Stop()
}

// needs are what a service is made from.
type needs struct {
	db        *sqldb.DB
	telemetry *telemetry.Telemetry
	now       func() time.Time
	conns     map[string]grpc.ClientConnInterface
	keys      *gateway.Keyring
	proxies   []string
	tokens    handoff.Tokens
	delivery  handoff.Delivery
	settle    time.Duration
}

// entry is one service of the table.
type entry struct {
	name string
	// migrations of its database; nil: it keeps nothing.
	migrations fs.FS
	// sync is what a commit waits for: what a scorer stores can be made again.
	sync sqldb.Sync
	// calls are the services that it calls.
	calls []string
	build func(needs) (service, error)
}

// table lists the services in the order they start; they stop in reverse. Those that
// are called come before those that call them.
var table = []entry{
	{
		name: "ingest", migrations: ingest.Migrations, sync: sqldb.Full,
		build: func(n needs) (service, error) {
			sealer, err := seal.Load(n.delivery.SecretsKey, n.delivery.SecretsFolder)
			if err != nil {
				return nil, fmt.Errorf("the key of secrets: %w", err)
			}
			return ingest.New(ingest.Deps{DB: n.db, Telemetry: n.telemetry, Now: n.now, Sealer: sealer})
		},
	},
	{
		name: "profilefit", migrations: profilefit.Migrations, sync: sqldb.Normal,
		build: func(n needs) (service, error) {
			return profilefit.New(profilefit.Deps{DB: n.db, Telemetry: n.telemetry})
		},
	},
	{
		name: "behavior", migrations: behavior.Migrations, sync: sqldb.Normal,
		build: func(n needs) (service, error) {
			return behavior.New(behavior.Deps{DB: n.db, Telemetry: n.telemetry, Now: n.now})
		},
	},
	{
		name: "handoff", migrations: handoff.Migrations, sync: sqldb.Full,
		calls: []string{"ingest", "profilefit", "behavior"},
		build: func(n needs) (service, error) {
			return handoff.New(handoff.Deps{
				DB: n.db, Telemetry: n.telemetry, Now: n.now,
				Ingest: n.conns["ingest"], ProfileFit: n.conns["profilefit"], Behavior: n.conns["behavior"],
				Tokens: n.tokens, Delivery: n.delivery, Settle: n.settle,
			})
		},
	},
	{
		name: "gateway", calls: []string{"ingest", "profilefit", "behavior", "handoff"},
		build: func(n needs) (service, error) {
			return gateway.New(gateway.Deps{Conns: gatewayConns(n.conns), Keys: n.keys, TrustedProxies: n.proxies, Telemetry: n.telemetry})
		},
	},
}

func gatewayConns(conns map[string]grpc.ClientConnInterface) gateway.Conns {
	return gateway.Conns{
		Ingest: conns["ingest"], ProfileFit: conns["profilefit"], Behavior: conns["behavior"], Handoff: conns["handoff"],
	}
}

// Names returns the names of all services, in the order they start.
func Names() []string {
	names := make([]string, len(table))
	for i, e := range table {
		names[i] = e.name
	}
	return names
}
