package ingest_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

func TestRejectedEventsCanBeLookedUp(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		api := ingestv1.NewRejectedEventServiceClient(h.conn)
		record := func(list ...*ingestv1.RejectedEvent) {
			t.Helper()
			_, err := api.RecordRejectedEvents(h.service(), &ingestv1.RecordRejectedEventsRequest{RejectedEvents: list})
			h.ok(err)
		}
		at := func(minute int) *timestamppb.Timestamp {
			return timestamppb.New(start.Add(time.Duration(minute) * time.Minute))
		}
		record(
			&ingestv1.RejectedEvent{Source: "web", Door: "segment", ReceivedTime: at(1), EventId: "m1", Reason: "INVALID_FIELD", Field: "batch[3].event", Message: "expected the name of the event", Payload: `{"type":"track"}`},
			&ingestv1.RejectedEvent{Source: "web", Door: "segment", ReceivedTime: at(2), Reason: "TOO_LARGE", Payload: strings.Repeat("é", 20_000)},
		)
		record(&ingestv1.RejectedEvent{Source: "forms", Door: "webhook", ReceivedTime: at(3), Reason: "BAD_SIGNATURE", Payload: "a\x00b"})
		record() // nothing is no error

		list := func(filter string, size int32, token string) *ingestv1.ListRejectedEventsResponse {
			t.Helper()
			page, err := api.ListRejectedEvents(h.as(typev1.Role_ROLE_AUDITOR), &ingestv1.ListRejectedEventsRequest{Filter: filter, PageSize: size, PageToken: token})
			h.ok(err)
			return page
		}
		reasons := func(page *ingestv1.ListRejectedEventsResponse) string {
			var said []string
			for _, e := range page.GetRejectedEvents() {
				if e.GetPayload() != "" {
					t.Error("a list has payloads")
				}
				said = append(said, e.GetReason())
			}
			return strings.Join(said, " ")
		}
		for filter, want := range map[string]string{
			"":                               "BAD_SIGNATURE TOO_LARGE INVALID_FIELD",
			`source = "web"`:                 "TOO_LARGE INVALID_FIELD",
			`door = webhook`:                 "BAD_SIGNATURE",
			`reason = TOO_LARGE`:             "TOO_LARGE",
			`source = web AND reason = NONE`: "",
			`received_time >= "2026-03-01T12:02:00Z"`: "BAD_SIGNATURE TOO_LARGE",
		} {
			if got := reasons(list(filter, 0, "")); got != want {
				t.Errorf("%q: %q, want %q", filter, got, want)
			}
		}
		first := list("", 2, "")
		rest := list("", 2, first.GetNextPageToken())
		if reasons(first) != "BAD_SIGNATURE TOO_LARGE" || reasons(rest) != "INVALID_FIELD" || rest.GetNextPageToken() != "" {
			t.Errorf("pages: %v %v", first, rest)
		}
		if _, err := api.ListRejectedEvents(h.marketing(), &ingestv1.ListRejectedEventsRequest{Filter: "payload = x"}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("a filter by payload: %v", err)
		}

		get := func(e *ingestv1.RejectedEvent) *ingestv1.RejectedEvent {
			t.Helper()
			got, err := api.GetRejectedEvent(h.marketing(), &ingestv1.GetRejectedEventRequest{Name: e.GetName()})
			h.ok(err)
			return got
		}
		if got := get(rest.GetRejectedEvents()[0]); got.GetPayload() != `{"type":"track"}` || got.GetField() != "batch[3].event" || got.GetEventId() != "m1" {
			t.Errorf("%v", got)
		}
		if got := get(first.GetRejectedEvents()[1]).GetPayload(); len(got) != 32<<10 || !strings.HasSuffix(got, "é") {
			t.Errorf("%d bytes of a payload", len(got))
		}
		if got := get(first.GetRejectedEvents()[0]).GetPayload(); got != "a\ufffdb" {
			t.Errorf("%q", got)
		}
		_, err := api.GetRejectedEvent(h.marketing(), &ingestv1.GetRejectedEventRequest{Name: "rejectedEvents/00000000-0000-7000-8000-000000000000"})
		if status.Code(err) != codes.NotFound {
			t.Errorf("an unknown one: %v", err)
		}
	})
}
