package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/types/known/durationpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// A claim carries the trace of the capture it serves; the metrics say how things
// stand; and no address is in spans, metrics or logs.
func TestWhatIsReported(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	var log syncBuffer
	process, err := telemetry.Start(t.Context(), telemetry.Options{SpanExporter: spans, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop(context.Background())
	report := telemetry.New("ingest", process)
	h := newHouse(t, migrated(t, dbtest.SQLite(t)), report)

	ctx, span := report.Tracer.Start(h.marketing(), "test")
	for i := range 2 {
		_, err = h.CaptureLead(ctx, &ingestv1.CaptureLeadRequest{
			Lead: lead(`{"title":"canary title"}`, email("canary@example.com")), Historical: i == 0,
			Activities: []*ingestv1.Activity{{Type: "page.viewed", Id: fmt.Sprint("e", i)}, {Type: "page.viewed", Id: "e0"}, {Type: "Bad"}},
		})
		h.ok(err)
	}
	_, err = h.CaptureLead(ctx, &ingestv1.CaptureLeadRequest{Lead: lead(`{"Title":"canary title"}`, email("canary@"))})
	if err == nil {
		t.Error("a bad capture was accepted")
	}
	_, _ = h.LookupLead(ctx, &ingestv1.LookupLeadRequest{Identity: email("canary2@example.com")})
	span.End()
	h.pass(7 * time.Second)

	response := httptest.NewRecorder()
	process.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	metrics := response.Body.String()
	for _, want := range []string{
		`assay_ingest_activities_total{result="stored",service_name="ingest"} 2`,
		`assay_ingest_activities_total{result="duplicate",service_name="ingest"} 2`,
		`assay_ingest_activities_total{result="rejected",service_name="ingest"} 2`,
		`assay_queue_depth{service_name="ingest"} 1`,
		`assay_queue_age_seconds{service_name="ingest"} 7`,
		`assay_queue_quarantined{service_name="ingest"} 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics miss %s", want)
		}
	}

	c := h.claim(1)[0]
	if got, want := telemetry.TraceID(c.GetTraceparent()), span.SpanContext().TraceID().String(); got != want || len(c.GetLinks()) != 1 {
		t.Errorf("trace %s and links %q, want %s", got, c.GetLinks(), want)
	}
	if c.GetHistorical() {
		t.Error("one of the captures is live")
	}
	for _, s := range spans.GetSpans() {
		if strings.Contains(fmt.Sprintf("%+v", s), "canary") {
			t.Errorf("personal data in span %s", s.Name)
		}
	}
	if strings.Contains(metrics, "canary") || strings.Contains(log.String(), "canary") {
		t.Errorf("personal data in metrics or logs: %s", &log)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A worker that leaves while it waits takes no lease with it.
func TestAWorkerThatLeavesTakesNoLease(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range 10 {
			ctx, leave := context.WithCancel(h.service())
			left := make(chan struct{})
			go func() {
				defer close(left)
				_, _ = h.pending.ClaimPending(ctx, &ingestv1.ClaimPendingRequest{WaitDuration: durationpb.New(time.Minute)})
			}()
			go leave()
			h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email(fmt.Sprintf("l%d@x.example", i)))})
			<-left
		}
		// What was answered in the last moment is leased; nothing else is.
		found := map[string]bool{}
		for round := 0; len(found) < 10; round++ {
			if round == 20 {
				t.Fatalf("%d of 10 leads are found", len(found))
			}
			for _, c := range h.claim(100) {
				found[c.GetLead()] = true
				if c.GetAttempt() > 2 {
					t.Error(c)
				}
				h.decide(c, typev1.Verdict_VERDICT_NURTURE)
			}
			h.pass(time.Minute) // an answer that was lost on its way back expires
		}
	})
}
