package e2e

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

func TestFromAFormToASalesperson(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		captured := in.capture(t, person("ana@example.com", did("page.viewed", "path", "/pricing"), did("demo.requested")))
		lead := captured.str("lead")
		if got := captured.str("decision", "verdict"); got != "VERDICT_QUALIFIED" {
			t.Fatalf("verdict %q in %s", got, captured.text)
		}
		if got := captured.str("decision", "stage"); got != "LIFECYCLE_STAGE_MARKETING_QUALIFIED" {
			t.Errorf("stage %q", got)
		}

		q := in.must(t, "GET", "/v1/"+lead+"/qualification", nil)
		if q.str("reasons", 0, "code") != "fast_track.demo_request" {
			t.Errorf("reasons %v", q.get("reasons"))
		}
		for _, part := range []string{"fit", "engagement"} {
			checkSum(t, q, part)
		}
		if !strings.HasPrefix(q.str("standardVersion"), "standards/default/versions/") || q.str("stepTimings", "totalDuration") == "" {
			t.Errorf("standard version %q, timings %v", q.str("standardVersion"), q.get("stepTimings"))
		}

		handoff := q.str("handoff")
		if handoff == "" {
			t.Fatal("a marketing-qualified lead has no handoff")
		}
		sales := in.key(t, typev1.Role_ROLE_SALES)
		list := in.call(t, sales, "GET", "/v1/handoffs?filter=state%20%3D%20%22OPEN%22", nil)
		if list.str("handoffs", 0, "name") != handoff {
			t.Errorf("the queue holds %s", list.text)
		}
		accepted := in.call(t, sales, "POST", "/v1/"+handoff+":accept", map[string]any{})
		if accepted.status != 200 || accepted.str("state") != "STATE_ACCEPTED" || accepted.str("owner") != "sales" {
			t.Fatalf("accept: %d %s", accepted.status, accepted.text)
		}
		again := in.call(t, sales, "POST", "/v1/"+handoff+":accept", map[string]any{})
		if again.status != http.StatusConflict || again.str("reason") != "WRONG_STATE" {
			t.Errorf("accepted twice: %d %s", again.status, again.text)
		}
		// What sales does comes back as facts of the lead.
		eventually(t, "the timeline shows the acceptance", func() bool {
			return strings.Contains(in.must(t, "GET", "/v1/"+lead+"/activities", nil).text, `"sales.accepted"`)
		})
		if got := in.must(t, "GET", "/v1/"+lead+"/qualification", nil).str("stage"); got != "LIFECYCLE_STAGE_SALES_ACCEPTED" {
			t.Errorf("stage %q after the acceptance", got)
		}
		if n := len(in.must(t, "GET", "/v1/handoffs", nil).get("handoffs").([]any)); n != 1 {
			t.Errorf("%d handoffs, want one", n)
		}
	})
}

// checkSum holds that the lines of a score sum to it.
func checkSum(t *testing.T, q answer, part string) {
	t.Helper()
	score, ok := q.get(part, "score").(float64)
	if !ok {
		t.Errorf("%s has no score: %s", part, q.text)
		return
	}
	sum := 0.0
	lines, _ := q.get(part, "contributions").([]any)
	for _, l := range lines {
		points, _ := l.(map[string]any)["points"].(float64)
		sum += points
	}
	if math.Abs(sum-score) > 1e-6 {
		t.Errorf("%s: the lines sum to %v, the score is %v", part, sum, score)
	}
}

func TestRejectedLeadsComeBackToMarketing(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		lead, handoff := in.handedOff(t, person("ben@example.com", did("trial.started")))
		if a := in.call(t, adminKey, "POST", "/v1/"+handoff+":reject", map[string]any{}); a.status != 400 || a.str("fieldViolations", 0, "field") != "reason" {
			t.Errorf("reject without a reason: %d %s", a.status, a.text)
		}
		in.must(t, "POST", "/v1/"+handoff+":reject", map[string]any{"reason": "no_budget"})
		eventually(t, "the lead is recycled in its second cycle", func() bool {
			q := in.must(t, "GET", "/v1/"+lead+"/qualification", nil)
			return q.str("stage") == "LIFECYCLE_STAGE_RECYCLED" && q.str("cycle") == "2"
		})
	})
}

func TestTheSameCaptureAgainChangesNothing(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		capture := with(person("chiara@example.com", with(did("content.downloaded", "kind", "ebook"), "id", "download-1")),
			"requestId", "0f0e0d0c-1111-4222-8333-444455556666")
		first := in.must(t, "POST", "/v1/leads:capture", capture)
		again := in.must(t, "POST", "/v1/leads:capture", capture)
		if first.str("lead") != again.str("lead") || first.str("factsVersion") != again.str("factsVersion") {
			t.Errorf("first %s, again %s", first.text, again.text)
		}
		capture["source"] = "other"
		if a := in.call(t, adminKey, "POST", "/v1/leads:capture", capture); a.status != 422 || a.str("reason") != "REQUEST_ID_REUSED" {
			t.Errorf("the request id with another body: %d %s", a.status, a.text)
		}
	})
}

func TestThePublicGRPCDoor(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		conn := in.dial(t, adminKey)
		got, err := ingestv1.NewIngestServiceClient(conn).CaptureLead(t.Context(), &ingestv1.CaptureLeadRequest{
			Lead:       &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_USER_ID, Value: "u-1"}}},
			Activities: []*ingestv1.Activity{{Type: "trial.started"}}, WaitForDecision: true,
		})
		if err != nil || got.GetOutcome() != ingestv1.CaptureLeadResponse_OUTCOME_CREATED {
			t.Fatalf("capture: %v %v", got, err)
		}
		health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health: %v %v", health, err)
		}
		services := reflected(t, in, adminKey)
		for _, want := range []string{"assay.ingest.v1.IngestService", "assay.handoff.v1.HandoffService", "assay.behavior.v1.BehaviorScoringService", "assay.profilefit.v1.ProfileFitService"} {
			if !strings.Contains(services, want) {
				t.Errorf("reflection does not show %s: %s", want, services)
			}
		}
	})
}

func reflected(t *testing.T, in *installation, key string) string {
	t.Helper()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(in.dial(t, key)).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.CloseSend()
	var names []string
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return strings.Join(names, " ")
}

func TestPagesOfEveryProcess(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		for _, a := range in.apps {
			for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/metrics": "go_goroutines"} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.HTTPAddr()+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				text := make([]byte, 1<<20)
				n, _ := resp.Body.Read(text)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK || !strings.Contains(string(text[:n]), want) {
					t.Errorf("%s: %d", path, resp.StatusCode)
				}
			}
		}
	})
}

func TestStoppingLetsRunningCallsEnd(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		type result struct {
			answer
			err error
		}
		stored := make(chan result)
		const captures = 20
		for i := range captures {
			go func() {
				capture := person("grace@example.com", with(did("page.viewed"), "id", string(rune('a'+i))))
				a, err := in.try(ctx, adminKey, "POST", "/v1/leads:capture", capture)
				stored <- result{a, err}
			}()
		}
		first := <-stored // the others are somewhere on their way
		in.stop()
		acknowledged := 0
		for i := range captures {
			if i > 0 {
				first = <-stored
			}
			switch {
			case first.err != nil: // refused at the door, before anything was read
			case first.status == 200:
				acknowledged++
			case first.status != 503:
				t.Errorf("a call was cut off: %d %s", first.status, first.text)
			}
		}
		if acknowledged == 0 {
			t.Error("nothing was acknowledged")
		}
		if _, err := in.try(ctx, adminKey, "GET", "/v1/leads", nil); err == nil {
			t.Error("a stopped process answers")
		}
	})
}
