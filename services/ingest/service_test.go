package ingest_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// house is a running service behind a real server, and clients of it.
type house struct {
	ingestv1.IngestServiceClient
	pending  ingestv1.PendingServiceClient
	accounts ingestv1.AccountServiceClient
	crowd    func(n int) (leave func())
	calm     func() // waits for the end of a crowd
	rejected ingestv1.RejectedEventServiceClient
	imports  ingestv1.ImportServiceClient
	stop     func() // before the end of the test
	conn     grpc.ClientConnInterface
	t        testing.TB
	db       *sqldb.DB

	mu    sync.Mutex
	clock time.Time
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func each(t *testing.T, run func(t *testing.T, h *house)) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		run(t, newHouse(t, migrated(t, url), nil))
	})
}

func onSQLite(t testing.TB) *house {
	return newHouse(t, migrated(t, dbtest.SQLite(t)), nil)
}

func migrated(t testing.TB, url string) *sqldb.DB {
	t.Helper()
	return dbtest.Migrated(t, url, "ingest", sqldb.Full, ingest.Migrations)
}

func newHouse(t testing.TB, db *sqldb.DB, report *telemetry.Telemetry) *house {
	t.Helper()
	h := &house{t: t, db: db, clock: start}
	sealer, err := seal.New(make([]byte, 32))
	h.ok(err)
	service, err := ingest.New(ingest.Deps{DB: db, Telemetry: report, Now: h.now, Sealer: sealer})
	h.ok(err)
	h.ok(service.Start(context.WithoutCancel(t.Context())))
	h.crowd, h.calm = service.Crowd, service.Calm
	signer, err := caller.NewSigner([]byte("a secret of at least thirty-two bytes"))
	h.ok(err)
	network := rpc.NewMemory()
	server := rpc.NewServer(rpc.ServerOptions{Signer: signer, Telemetry: report})
	service.Register(server)
	served := make(chan error, 1)
	listener := network.Listen("ingest")
	go func() { served <- server.Serve(listener) }()
	conn, err := rpc.Dial("ingest", rpc.ClientOptions{Signer: signer, Memory: network, Service: "test", Telemetry: report})
	h.ok(err)
	h.stop = sync.OnceFunc(func() {
		conn.Close()
		server.Stop()
		<-served
		service.Stop()
	})
	t.Cleanup(h.stop)
	h.conn, h.accounts = conn, ingestv1.NewAccountServiceClient(conn)
	h.imports = ingestv1.NewImportServiceClient(conn)
	h.rejected = ingestv1.NewRejectedEventServiceClient(conn)
	h.IngestServiceClient, h.pending = ingestv1.NewIngestServiceClient(conn), ingestv1.NewPendingServiceClient(conn)
	return h
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// as returns a context in which somebody of a role calls.
func (h *house) as(role typev1.Role) context.Context {
	return caller.With(h.t.Context(), caller.Caller{Actor: "test", Role: role})
}

func (h *house) marketing() context.Context { return h.as(typev1.Role_ROLE_MARKETING) }
func (h *house) service() context.Context   { return h.as(typev1.Role_ROLE_SERVICE) }

func (h *house) capture(req *ingestv1.CaptureLeadRequest) *ingestv1.CaptureLeadResponse {
	h.t.Helper()
	r, err := h.CaptureLead(h.marketing(), req)
	h.ok(err)
	return r
}

func (h *house) claim(n int32) []*ingestv1.ClaimedLead {
	h.t.Helper()
	h.calm()
	r, err := h.pending.ClaimPending(h.service(), &ingestv1.ClaimPendingRequest{MaxLeads: n})
	h.ok(err)
	return r.GetLeads()
}

// decide completes a claim with a verdict.
func (h *house) decide(c *ingestv1.ClaimedLead, v typev1.Verdict) ingestv1.CompletionState {
	h.t.Helper()
	r, err := h.pending.Complete(h.service(), &ingestv1.CompleteRequest{Completions: []*ingestv1.Completion{{
		Lead: c.GetLead(), Fence: c.GetFence(), Version: c.GetToVersion(), Outcome: ingestv1.Completion_OUTCOME_DECIDED,
		Decision: &typev1.DecisionDigest{Verdict: v},
	}}})
	h.ok(err)
	return r.GetStates()[0]
}

func email(address string) *ingestv1.Identity {
	return &ingestv1.Identity{Kind: ingestv1.Identity_KIND_EMAIL, Value: address}
}

func lead(attributes string, ids ...*ingestv1.Identity) *ingestv1.Lead {
	l := &ingestv1.Lead{Identities: ids}
	if attributes != "" {
		l.Attributes = object(attributes)
	}
	return l
}

func object(text string) *structpb.Struct {
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		panic(err)
	}
	s, err := structpb.NewStruct(fields)
	if err != nil {
		panic(err)
	}
	return s
}
