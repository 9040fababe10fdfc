package handoff_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// scorer can score with every model, unless one of its descriptions says what is wrong
// with it.
type scorer struct{ grpc.ClientConnInterface }

// Invoke implements grpc.ClientConnInterface.
func (scorer) Invoke(_ context.Context, _ string, request, _ any, _ ...grpc.CallOption) error {
	var groups []interface{ GetDescription() string }
	switch in := request.(type) {
	case *profilefitv1.RegisterFitModelRequest:
		for _, group := range in.GetModel().GetGroups() {
			groups = append(groups, group)
		}
	case *behaviorv1.RegisterEngagementModelRequest:
		for _, group := range in.GetModel().GetGroups() {
			groups = append(groups, group)
		}
	}
	for i, group := range groups {
		if wrong, ok := strings.CutPrefix(group.GetDescription(), "wrong: "); ok {
			return apierr.InvalidStandard(apierr.Violation{Field: fmt.Sprintf("model.groups[%d]", i), Expected: wrong})
		}
	}
	return nil
}

// serve starts handoff's API alone, behind the same door as in production, on an
// empty database. Of the other services only the scorers are there, and only say what
// they think of models: nothing is qualified.
func serve(t *testing.T) (*handoff.Service, grpc.ClientConnInterface) {
	t.Helper()
	return serveWith(t, nil)
}

// serveWith is serve with an ingest.
func serveWith(t *testing.T, ingest grpc.ClientConnInterface) (*handoff.Service, grpc.ClientConnInterface) {
	t.Helper()
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Full, handoff.Migrations)
	service, err := handoff.New(handoff.Deps{
		DB: db, Telemetry: telemetry.New("handoff", nil), Now: time.Now, Ingest: ingest, ProfileFit: scorer{}, Behavior: scorer{},
	})
	if err != nil {
		t.Fatal(err)
	}
	network, signer := rpc.NewMemory(), caller.NewRandomSigner()
	server := rpc.NewServer(rpc.ServerOptions{Signer: signer})
	service.Register(server)
	go server.Serve(network.Listen("handoff")) // ends with Stop
	t.Cleanup(server.Stop)
	conn, err := rpc.Dial("handoff", rpc.ClientOptions{Service: "test", Signer: signer, Memory: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) // nothing was written
	return service, conn
}

// as is a call in somebody's name.
func as(t *testing.T, actor string, role typev1.Role) context.Context {
	return caller.With(t.Context(), caller.Caller{Actor: actor, Role: role})
}
