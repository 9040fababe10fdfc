package scenarios

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

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

// noon is day 0. It is a Monday in the middle of a month, so that days before it
// fall into the weeks and months that the scenarios mean.
var noon = time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC)

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, name := range files {
		file, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			dbtest.EachURL(t, func(t *testing.T, url string) {
				run(t, url, file)
			})
		})
	}
}

func run(t *testing.T, url string, file *File) {
	standard, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(file.Standard)))
	if err != nil {
		t.Fatal(err)
	}
	conn := start(t, url, standard)
	leads, decisions := ingestv1.NewIngestServiceClient(conn("ingest")), handoffv1.NewHandoffServiceClient(conn("handoff"))
	ctx := caller.With(t.Context(), caller.Caller{Actor: "marketer", Role: typev1.Role_ROLE_MARKETING})
	for i, scenario := range file.Scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			captured, err := leads.CaptureLead(ctx, capture(t, i, scenario))
			if err != nil {
				t.Fatal(err)
			}
			got, err := decisions.GetQualification(ctx, &handoffv1.GetQualificationRequest{Name: captured.GetLead() + "/qualification"})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got, scenario.Expect)
		})
	}
}

// capture is the lead with its activities. The number keeps leads apart who have the
// same address.
func capture(t *testing.T, number int, s Scenario) *ingestv1.CaptureLeadRequest {
	t.Helper()
	attributes := map[string]any{}
	for key, value := range s.Lead {
		if key != "email" {
			attributes[key] = value
		}
	}
	known, err := structpb.NewStruct(attributes)
	if err != nil {
		t.Fatal(err)
	}
	email, _ := s.Lead["email"].(string)
	name, domain, ok := strings.Cut(email, "@")
	if !ok {
		t.Fatalf("lead.email: expected an address, not %q", email)
	}
	request := &ingestv1.CaptureLeadRequest{
		Lead: &ingestv1.Lead{
			Identities: []*ingestv1.Identity{{
				Kind: ingestv1.Identity_KIND_EMAIL, Value: fmt.Sprintf("%s+%d@%s", name, number, domain),
			}},
			Attributes: known,
		},
		WaitForDecision: true,
		// Attributes are known before the first activity.
		DefaultTime: timestamppb.New(noon.AddDate(0, 0, -365)),
	}
	for i, a := range s.Activities {
		properties, err := structpb.NewStruct(a.Properties)
		if err != nil {
			t.Fatal(err)
		}
		for n := range max(a.Times, 1) {
			request.Activities = append(request.Activities, &ingestv1.Activity{
				Id:           fmt.Sprintf("%d-%d-%d", number, i, n),
				Type:         a.Type,
				OccurredTime: timestamppb.New(noon.AddDate(0, 0, a.Day).Add(-time.Duration(i+n) * time.Minute)),
				Properties:   properties,
			})
		}
	}
	return request
}

func compare(t *testing.T, got *handoffv1.Qualification, want Expectation) {
	t.Helper()
	fit := Score{None: got.FitScore == nil, Score: got.GetFitScore(), Class: got.GetFitClass()}
	if fit != want.Fit {
		t.Errorf("fit %v, want %v%s", fit, want.Fit, lines(got.GetFit().GetContributions()))
	}
	engagement := Score{None: got.EngagementScore == nil, Score: got.GetEngagementScore(), Band: got.GetEngagementBand()}
	if engagement != want.Engagement {
		t.Errorf("engagement %v, want %v%s", engagement, want.Engagement, lines(got.GetEngagement().GetContributions()))
	}
	sums(t, "fit", got.GetFit().GetContributions(), got.GetFitScore())
	sums(t, "engagement", got.GetEngagement().GetContributions(), got.GetEngagementScore())
	if verdict := strings.TrimPrefix(got.GetVerdict().String(), "VERDICT_"); verdict != want.Verdict {
		t.Errorf("verdict %s, want %s; reasons %v", verdict, want.Verdict, got.GetReasons())
	}
	var reasons []string
	for _, r := range got.GetReasons() {
		reasons = append(reasons, r.GetCode())
	}
	if !slices.Equal(reasons, want.Reasons) {
		t.Errorf("reasons %v, want %v", reasons, want.Reasons)
	}
	if !slices.Equal(got.GetMissingAttributes(), want.Missing) {
		t.Errorf("missing %v, want %v", got.GetMissingAttributes(), want.Missing)
	}
}

// sums holds the first law: a score is the sum of its lines.
func sums(t *testing.T, name string, contributions []*typev1.Contribution, score float64) {
	t.Helper()
	var sum float64
	for _, c := range contributions {
		sum += c.GetPoints()
	}
	if math.Abs(sum-score) > 1e-6 {
		t.Errorf("the lines of %s sum to %v, the score is %v%s", name, sum, score, lines(contributions))
	}
}

func lines(contributions []*typev1.Contribution) string {
	var b strings.Builder
	for _, c := range contributions {
		fmt.Fprintf(&b, "\n    %8.2f  %-20s %s", c.GetPoints(), c.GetRule(), strings.TrimPrefix(c.GetKind().String(), "KIND_"))
	}
	return b.String()
}

// part is a service as a process composes it.
type part interface {
	Register(r grpc.ServiceRegistrar)
	Start(ctx context.Context) error
	Stop()
}

// start starts the four services on an in-memory network, with the standard
// published and the clock standing at noon, and returns the connections to them.
func start(t *testing.T, url string, standard []byte) func(service string) *grpc.ClientConn {
	t.Helper()
	network, signer := rpc.NewMemory(), caller.NewRandomSigner()
	now := func() time.Time { return noon }
	dial := func(from, to string) *grpc.ClientConn {
		conn, err := rpc.Dial(to, rpc.ClientOptions{Service: from, Signer: signer, Memory: network})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() }) // nothing was written
		return conn
	}
	database := func(service string, sync sqldb.Sync, migrations fs.FS) *sqldb.DB {
		db := dbtest.Open(t, url, service, sync)
		if err := db.Migrate(t.Context(), migrations); err != nil {
			t.Fatal(err)
		}
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

	facts, err := ingest.New(ingest.Deps{
		DB: database("ingest", sqldb.Full, ingest.Migrations), Telemetry: telemetry.New("ingest", nil), Now: now,
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
		Ingest: dial("handoff", "ingest"), ProfileFit: dial("handoff", "profilefit"), Behavior: dial("handoff", "behavior"),
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
