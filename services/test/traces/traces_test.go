// Package traces asserts that an SRE can follow any lead from the HTTP request to
// the stored decision, in both run modes, and finds nothing personal on the way.
package traces

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/test/otlp"
	"github.com/assay-hq/assay/services/test/process"
)

const (
	queueWait  = "assay.queue.wait"
	qualify    = "assay.qualify"
	fit        = "assay.fit"
	engagement = "assay.engagement"
	decide     = "assay.decide"
)

func TestOneTraceFromTheRequestToTheDecision(t *testing.T) {
	for _, mode := range process.Modes {
		t.Run(mode, func(t *testing.T) {
			receiver := otlp.Start(t)
			door := traced(t, mode, receiver)

			var capture struct {
				Lead     string
				Decision *struct{ Verdict string }
			}
			call(t, door, http.MethodPost, "/v1/leads:capture", map[string]any{
				"lead":            lead("one@trace.example"),
				"activities":      []any{map[string]any{"id": "demo-1", "type": "demo.requested", "source": "web"}},
				"waitForDecision": true, "waitTimeout": "10s",
			}, &capture)
			if capture.Decision == nil {
				t.Fatal("no decision in the answer")
			}
			var qualification struct {
				TraceID     string
				StepTimings map[string]string
			}
			call(t, door, http.MethodGet, "/v1/"+capture.Lead+"/qualification", nil, &qualification)
			if len(qualification.TraceID) != 32 {
				t.Fatalf("trace id %q", qualification.TraceID)
			}
			for _, step := range []string{"accept", "queueWait", "fit", "engagement", "decide", "total"} {
				if d, err := time.ParseDuration(qualification.StepTimings[step+"Duration"]); err != nil || d < 0 || d > time.Minute {
					t.Errorf("step %s took %q", step, qualification.StepTimings[step+"Duration"])
				}
			}

			tree := newTree(receiver.Wait(t, qualification.TraceID, func(spans []otlp.Span) bool {
				return has(spans, "gateway", "POST /v1/leads:capture") && has(spans, "handoff", decide) &&
					has(spans, "ingest", "assay.ingest.v1.IngestService/CaptureLead") &&
					has(spans, "profilefit", fit) && has(spans, "behavior", engagement) &&
					has(spans, "handoff", qualify) && has(spans, "handoff", queueWait)
			}))
			request := tree.one(t, "gateway", "POST /v1/leads:capture")
			if request.Parent != "" {
				t.Errorf("the request is not the root: parent %s", request.Parent)
			}
			accept := tree.one(t, "ingest", "assay.ingest.v1.IngestService/CaptureLead")
			tree.below(t, accept, request)
			wait := tree.one(t, "handoff", queueWait)
			tree.below(t, wait, accept)
			work := tree.one(t, "handoff", qualify)
			tree.below(t, work, accept)
			for service, name := range map[string]string{"profilefit": fit, "behavior": engagement, "handoff": decide} {
				step := tree.one(t, service, name)
				tree.below(t, step, work)
				if step.Begin.Before(work.Begin.Add(-time.Millisecond)) || step.End.After(work.End.Add(time.Millisecond)) {
					t.Errorf("%s lies outside of the work on the lead", name)
				}
			}
			if wait.End.After(work.Begin.Add(time.Millisecond)) {
				t.Errorf("the wait ends %v after the work began", wait.End.Sub(work.Begin))
			}
			if len(work.Links) == 0 || work.Links[0] == work.Trace {
				t.Errorf("the work does not link to its batch: %v", work.Links)
			}
		})
	}
}

func TestEveryLeadOfABatchIsInTheTraceOfItsCapture(t *testing.T) {
	for _, mode := range process.Modes {
		t.Run(mode, func(t *testing.T) {
			receiver := otlp.Start(t)
			door := traced(t, mode, receiver)
			const leads = 12
			var records []any
			for i := range leads {
				records = append(records, map[string]any{
					"identity": map[string]any{"kind": "KIND_EMAIL", "value": fmt.Sprintf("batch-%d@trace.example", i)},
					"activity": map[string]any{"id": fmt.Sprint("visit-", i), "type": "page.viewed", "source": "web"},
				})
			}
			var answer struct {
				Results []struct{ Lead, State string }
			}
			call(t, door, http.MethodPost, "/v1/activities:batchRecord", map[string]any{"activities": records}, &answer)

			traces := map[string]bool{}
			for _, result := range answer.Results {
				traces[decided(t, door, result.Lead)] = true
			}
			if len(traces) != 1 {
				t.Fatalf("one capture, %d traces: %v", len(traces), traces)
			}
			for trace := range traces {
				tree := newTree(receiver.Wait(t, trace, func(spans []otlp.Span) bool {
					return count(spans, qualify) == leads && count(spans, decide) == leads &&
						count(spans, fit) == leads && count(spans, engagement) == leads && count(spans, queueWait) == leads &&
						has(spans, "gateway", "POST /v1/activities:batchRecord") &&
						has(spans, "ingest", "assay.ingest.v1.IngestService/BatchRecordActivities")
				}))
				request := tree.one(t, "gateway", "POST /v1/activities:batchRecord")
				for _, span := range tree.byID {
					switch span.Name {
					case qualify, queueWait:
						tree.below(t, span, request)
					case fit, engagement, decide:
						if parent := tree.byID[span.Parent]; parent.Name != qualify {
							t.Errorf("%s is below %q", span.Name, parent.Name)
						}
					}
				}
			}
		})
	}
}

// canary stands for every personal value; it may reach the store and nothing else.
const canary = "canary-7f3a91"

func TestNothingPersonalInTracesLogsAndMetrics(t *testing.T) {
	receiver := otlp.Start(t)
	door, all := process.Run(t, process.Modes[1], "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.Endpoint, "OTEL_BSP_SCHEDULE_DELAY=100", "ASSAY_LOG_LEVEL=debug")
	person := lead(canary + "@trace.example")
	person["attributes"] = map[string]any{"job_title": canary, "phone": canary}
	var capture struct{ Lead string }
	call(t, door, http.MethodPost, "/v1/leads:capture", map[string]any{
		"lead":            person,
		"activities":      []any{map[string]any{"id": "x", "type": "form.submitted", "properties": map[string]any{"message": canary}}},
		"waitForDecision": true, "waitTimeout": "10s",
	}, &capture)
	trace := decided(t, door, capture.Lead)
	// Errors are where values leak: a conflict, a bad value, an unknown field, a lookup.
	for path, body := range map[string]any{
		"/v1/leads:capture": map[string]any{"lead": map[string]any{
			"identities": []any{map[string]any{"kind": "KIND_EMAIL", "value": canary + "@trace.example"}},
			"attributes": map[string]any{"Bad Key " + canary: 1},
		}},
		"/v1/leads:lookup":           map[string]any{"identity": map[string]any{"kind": "KIND_EMAIL", "value": canary + "@nowhere.example"}},
		"/v1/activities:batchRecord": map[string]any{"unknown": canary},
	} {
		if err := door.Call(context.Background(), http.MethodPost, path, body, nil); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	receiver.Wait(t, trace, func(spans []otlp.Span) bool { return has(spans, "handoff", decide) })

	for i, process := range all {
		if log := process.Log(); strings.Contains(log, canary) {
			t.Errorf("the log of process %d holds a personal value: %s", i, around(log))
		}
		if metrics := scrape(t, process); strings.Contains(metrics, canary) {
			t.Errorf("the metrics of process %d hold a personal value: %s", i, around(metrics))
		}
	}
	if spans := receiver.Raw(); strings.Contains(spans, canary) {
		t.Errorf("a span holds a personal value: %s", around(spans))
	}
}

// traced starts an installation that sends its traces to the receiver. Its first lead
// is decided before it is returned: with that one the scorers learn their models, which
// takes them a second call.
func traced(t *testing.T, mode string, receiver *otlp.Receiver) *process.Assay {
	t.Helper()
	door, _ := process.Run(t, mode, "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.Endpoint, "OTEL_BSP_SCHEDULE_DELAY=100")
	var first struct{ Lead string }
	call(t, door, http.MethodPost, "/v1/leads:capture", map[string]any{
		"lead": lead("first@trace.example"), "activities": []any{map[string]any{"id": "first", "type": "page.viewed"}},
	}, &first)
	decided(t, door, first.Lead)
	return door
}

func around(text string) string {
	at := strings.Index(text, canary)
	return text[max(0, at-300):min(len(text), at+100)]
}

func lead(email string) map[string]any {
	return map[string]any{"identities": []any{map[string]any{"kind": "KIND_EMAIL", "value": email}}}
}

// decided waits for the decision of a lead and returns its trace id.
func decided(t *testing.T, door *process.Assay, lead string) string {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; {
		var qualification struct{ Status, TraceID string }
		err := door.Call(context.Background(), http.MethodGet, "/v1/"+lead+"/qualification", nil, &qualification)
		if err == nil && qualification.Status != "STATUS_NEVER_EVALUATED" {
			return qualification.TraceID
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was never decided: %v", lead, err)
		}
		time.Sleep(10 * time.Millisecond) // polls another process: there is no signal to wait for
	}
}

func call(t *testing.T, door *process.Assay, method, path string, in, out any) {
	t.Helper()
	if err := door.Call(context.Background(), method, path, in, out); err != nil {
		t.Fatal(err)
	}
}

func has(spans []otlp.Span, service, name string) bool {
	return slices.ContainsFunc(spans, func(s otlp.Span) bool { return s.Service == service && s.Name == name })
}

func count(spans []otlp.Span, name string) (n int) {
	for _, s := range spans {
		if s.Name == name {
			n++
		}
	}
	return n
}

type tree struct{ byID map[string]otlp.Span }

func newTree(spans []otlp.Span) tree {
	t := tree{byID: map[string]otlp.Span{}}
	for _, s := range spans {
		t.byID[s.ID] = s
	}
	return t
}

// one returns the only span of a name; of a call's two sides, the server's.
func (tr tree) one(t *testing.T, service, name string) otlp.Span {
	t.Helper()
	var found []otlp.Span
	for _, s := range tr.byID {
		if s.Service == service && s.Name == name && s.Kind != "SPAN_KIND_CLIENT" {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans %s of %s, want one", len(found), name, service)
	}
	return found[0]
}

// below fails the test unless the span descends from the ancestor.
func (tr tree) below(t *testing.T, span, ancestor otlp.Span) {
	t.Helper()
	for at := span; at.Parent != ""; {
		if at.Parent == ancestor.ID {
			return
		}
		parent, ok := tr.byID[at.Parent]
		if !ok {
			break
		}
		at = parent
	}
	t.Errorf("%s is not below %s", span.Name, ancestor.Name)
}
