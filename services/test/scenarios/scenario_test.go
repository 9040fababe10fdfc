package scenarios

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/behavior"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/ingest"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/profilefit"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const root = "../../.."

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			file, err := Read(name)
			if err != nil {
				t.Fatal(err)
			}
			dbtest.EachURL(t, func(t *testing.T, url string) {
				run(t, url, file)
			})
		})
	}
}

// run plays the scenarios of a file through services of their own.
func run(t *testing.T, url string, file *File) {
	standard, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file.Standard)))
	if err != nil {
		t.Fatal(err)
	}
	var clock atomic.Pointer[time.Time]
	set := func(now time.Time) { clock.Store(&now) }
	calendar, err := file.Calendar()
	if err != nil {
		t.Fatal(err)
	}
	set(calendar.day0.AddDate(-10, 0, 0)) // before all that happens
	conn := start(t, url, standard, func() time.Time { return *clock.Load() }, func(any) {})
	player := &Player{
		Leads: ingestv1.NewIngestServiceClient(conn("ingest")), Accounts: ingestv1.NewAccountServiceClient(conn("ingest")),
		Permissions: ingestv1.NewPermissionServiceClient(conn("ingest")), Suppressions: ingestv1.NewSuppressionServiceClient(conn("ingest")),
		Decisions: handoffv1.NewHandoffServiceClient(conn("handoff")), Users: handoffv1.NewUserServiceClient(conn("handoff")),
		Approvals: handoffv1.NewApprovalServiceClient(conn("handoff")), SetClock: set,
	}
	answers, err := player.Play(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range file.Scenarios {
		scenario := &file.Scenarios[i]
		said := answers[:len(scenario.Steps)]
		answers = answers[len(said):]
		t.Run(scenario.Name, func(t *testing.T) {
			for step, answer := range said {
				if answer.Err != nil {
					t.Fatalf("step %d: %v", step, answer.Err)
				}
				expect := &scenario.Steps[step].Expect
				for _, wrong := range slices.Concat(expect.Compare(answer.Qualification), expect.CompareStanding(&answer), expect.CompareClocks(answer.Handoff)) {
					t.Errorf("step %d: %s", step, wrong)
				}
			}
		})
	}
}

// part is a service as a process composes it.
type part interface {
	Register(r grpc.ServiceRegistrar)
	Start(ctx context.Context) error
	Stop()
}

// start starts the four services on an in-memory network, with the standard
// published, and returns the connections to them. tell is told what handoff asks of the
// scorers.
func start(t *testing.T, url string, standard []byte, now func() time.Time, tell func(request any)) func(service string) *grpc.ClientConn {
	t.Helper()
	network, signer := rpc.NewMemory(), caller.NewRandomSigner()
	dial := func(from, to string) *grpc.ClientConn {
		conn, err := rpc.Dial(to, rpc.ClientOptions{Service: from, Signer: signer, Memory: network})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() }) // nothing was written
		return conn
	}
	database := func(service string, sync sqldb.Sync, migrations fs.FS) *sqldb.DB {
		db := dbtest.Migrated(t, url, service, sync, migrations)
		return db
	}
	serve := func(name string, service part, err error) {
		if err != nil {
			t.Fatal(err)
		}
		server := rpc.NewServer(rpc.ServerOptions{Signer: signer})
		service.Register(server)
		go server.Serve(network.Listen(name)) // ends with Stop
		t.Cleanup(server.Stop)
		if err := service.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(service.Stop)
	}

	sealer, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := ingest.New(ingest.Deps{
		DB: database("ingest", sqldb.Full, ingest.Migrations), Telemetry: telemetry.New("ingest", nil), Now: now, Sealer: sealer,
	})
	serve("ingest", facts, err)
	fit, err := profilefit.New(profilefit.Deps{
		DB: database("profilefit", sqldb.Normal, profilefit.Migrations), Telemetry: telemetry.New("profilefit", nil),
	})
	serve("profilefit", fit, err)
	engagement, err := behavior.New(behavior.Deps{
		DB: database("behavior", sqldb.Normal, behavior.Migrations), Telemetry: telemetry.New("behavior", nil), Now: now,
	})
	serve("behavior", engagement, err)
	decisions, err := handoff.New(handoff.Deps{
		DB: database("handoff", sqldb.Full, handoff.Migrations), Telemetry: telemetry.New("handoff", nil), Now: now,
		Ingest: untold{dial("handoff", "ingest")}, ProfileFit: watched{dial("handoff", "profilefit"), tell}, Behavior: watched{dial("handoff", "behavior"), tell},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decisions.Bootstrap(t.Context(), standard, ""); err != nil {
		t.Fatal(err)
	}
	serve("handoff", decisions, nil)
	return func(service string) *grpc.ClientConn { return dial("marketer", service) }
}

// untold holds back what handoff tells ingest of stage moves: scenarios say it.
type untold struct{ grpc.ClientConnInterface }

func (u untold) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if method == ingestv1.IngestService_BatchRecordActivities_FullMethodName {
		return nil
	}
	return u.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}
