// Package loop_test runs the four services together, in one process and over the
// in-memory network, and follows leads around the whole loop: capture, score,
// decide, hand off, what sales says, and back into capture.
package loop_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/ingest"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/profilefit"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// house is the four services and clients of them.
type house struct {
	t          testing.TB
	ingest     ingestv1.IngestServiceClient
	accounts   ingestv1.AccountServiceClient
	handoff    handoffv1.HandoffServiceClient
	standards  handoffv1.StandardServiceClient
	operations handoffv1.OperationServiceClient
	held       handoffv1.HeldLeadServiceClient
	reports    handoffv1.ReportServiceClient
	behavior   *sqldb.DB
	// ahead is how far the clocks of the services are ahead of the world's.
	ahead atomic.Int64
}

// now is the clock of the services.
func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// pass lets time pass.
func (h *house) pass(d time.Duration) { h.ahead.Add(int64(d)) }

// service is what every service can.
type service interface {
	Register(grpc.ServiceRegistrar)
	Start(context.Context) error
	Stop()
}

// open builds the house on the databases under url, with a standard published.
func open(t testing.TB, url, standard string, process *telemetry.Process) *house {
	t.Helper()
	h := &house{t: t}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	network, signer := rpc.NewMemory(), caller.NewRandomSigner()
	dial := func(from, to string) *grpc.ClientConn {
		conn, err := rpc.Dial(to, rpc.ClientOptions{Service: from, Signer: signer, Memory: network, Telemetry: telemetry.New(from, process)})
		must(err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	start := func(name string, s service) {
		server := rpc.NewServer(rpc.ServerOptions{Signer: signer, Telemetry: telemetry.New(name, process)})
		s.Register(server)
		must(s.Start(context.WithoutCancel(t.Context())))
		served := make(chan error, 1)
		go func(l net.Listener) { served <- server.Serve(l) }(network.Listen(name))
		t.Cleanup(func() { s.Stop(); server.Stop(); <-served })
	}

	databases := map[string]*sqldb.DB{}
	for name, migrations := range map[string]fs.FS{
		"ingest": ingest.Migrations, "profilefit": profilefit.Migrations, "behavior": behavior.Migrations, "handoff": handoff.Migrations,
	} {
		databases[name] = dbtest.Migrated(t, url, name, sqldb.Full, migrations)
	}

	capture, err := ingest.New(ingest.Deps{DB: databases["ingest"], Telemetry: telemetry.New("ingest", process), Now: h.now})
	must(err)
	fit, err := profilefit.New(profilefit.Deps{DB: databases["profilefit"], Telemetry: telemetry.New("profilefit", process)})
	must(err)
	engagement, err := behavior.New(behavior.Deps{DB: databases["behavior"], Telemetry: telemetry.New("behavior", process), Now: h.now})
	must(err)
	decide, err := handoff.New(handoff.Deps{
		DB: databases["handoff"], Telemetry: telemetry.New("handoff", process), Now: h.now,
		Ingest: dial("handoff", "ingest"), ProfileFit: dial("handoff", "profilefit"), Behavior: dial("handoff", "behavior"),
	})
	must(err)
	_, err = decide.Bootstrap(t.Context(), []byte(standard), "")
	must(err)
	start("ingest", capture)
	start("profilefit", fit)
	start("behavior", engagement)
	start("handoff", decide)
	h.behavior = databases["behavior"]
	h.ingest = ingestv1.NewIngestServiceClient(dial("test", "ingest"))
	h.accounts = ingestv1.NewAccountServiceClient(dial("test", "ingest"))
	conn := dial("test", "handoff")
	h.handoff = handoffv1.NewHandoffServiceClient(conn)
	h.standards = handoffv1.NewStandardServiceClient(conn)
	h.operations = handoffv1.NewOperationServiceClient(conn)
	h.held = handoffv1.NewHeldLeadServiceClient(conn)
	h.reports = handoffv1.NewReportServiceClient(conn)
	return h
}

// as is a call by somebody with a role.
func (h *house) as(role typev1.Role) context.Context {
	return caller.With(h.t.Context(), caller.Caller{Actor: "jane", Role: role})
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// capture captures a person's activities and waits for the decision.
func (h *house) capture(ctx context.Context, email string, types ...string) *ingestv1.CaptureLeadResponse {
	h.t.Helper()
	request := &ingestv1.CaptureLeadRequest{
		Lead:            &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_EMAIL, Value: email}}},
		WaitForDecision: true,
	}
	for _, kind := range types {
		request.Activities = append(request.Activities, &ingestv1.Activity{Type: kind, Source: "web", Id: fmt.Sprint(kind, time.Now().UnixNano())})
	}
	r, err := h.ingest.CaptureLead(caller.With(ctx, caller.Caller{Actor: "web-form", Role: typev1.Role_ROLE_INGEST}), request)
	h.ok(err)
	return r
}

func (h *house) qualification(lead string) *handoffv1.Qualification {
	h.t.Helper()
	q, err := h.handoff.GetQualification(h.as(typev1.Role_ROLE_SALES), &handoffv1.GetQualificationRequest{Name: lead + "/qualification"})
	h.ok(err)
	return q
}

func (h *house) handoffs(lead string) []*handoffv1.Handoff {
	h.t.Helper()
	r, err := h.handoff.ListHandoffs(h.as(typev1.Role_ROLE_SALES), &handoffv1.ListHandoffsRequest{Filter: fmt.Sprintf("lead = %q", lead)})
	h.ok(err)
	return r.GetHandoffs()
}

// timeline is the types of a lead's activities, latest first.
func (h *house) timeline(lead string) []string {
	h.t.Helper()
	r, err := h.ingest.ListActivities(h.as(typev1.Role_ROLE_SALES), &ingestv1.ListActivitiesRequest{Parent: lead})
	h.ok(err)
	var types []string
	for _, a := range r.GetActivities() {
		types = append(types, a.GetType())
	}
	return types
}

// settled waits until ingest knows so many activities of the lead, and all of its
// facts are decided. It returns the facts version.
func (h *house) settled(lead string, activities int) int32 {
	h.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		timeline := h.timeline(lead) // first: what comes later than it raises the version
		known, err := h.ingest.GetLead(h.as(typev1.Role_ROLE_SALES), &ingestv1.GetLeadRequest{Name: lead})
		h.ok(err)
		decided := h.qualification(lead).GetFactsVersion()
		if len(timeline) == activities && decided == known.GetFactsVersion() {
			return decided
		}
		if len(timeline) > activities || time.Now().After(deadline) {
			h.t.Fatalf("timeline %v of version %d, decided %d; want %d activities", timeline, known.GetFactsVersion(), decided, activities)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// tables lists the tables of a service.
var tables = map[sqldb.Dialect]string{
	sqldb.SQLite:     `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'`,
	sqldb.PostgreSQL: `SELECT tablename FROM pg_tables WHERE schemaname = 'behavior' AND tablename NOT LIKE 'goose%'`,
}

// empty empties tables of behavior.
func (h *house) empty(names []string) {
	h.t.Helper()
	h.ok(h.behavior.Write(h.t.Context(), func(tx *sqldb.Tx) error {
		for _, name := range names {
			if _, err := tx.Exec(`DELETE FROM ` + name); err != nil {
				return err
			}
		}
		return nil
	}))
}
