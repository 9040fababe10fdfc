package ingest

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/terms"
)

type rejectedEventAPI struct {
	ingestv1.UnimplementedRejectedEventServiceServer
	*Service
}

// keepRejected is how long what was refused can be looked up.
const keepRejected = 30 * 24 * time.Hour

// maxRejectedPayload is how much of it is kept, in bytes.
const maxRejectedPayload = 32 << 10

// RecordRejectedEvents implements the method.
func (a *rejectedEventAPI) RecordRejectedEvents(ctx context.Context, req *ingestv1.RecordRejectedEventsRequest) (*ingestv1.RecordRejectedEventsResponse, error) {
	if len(req.GetRejectedEvents()) == 0 {
		return &ingestv1.RecordRejectedEventsResponse{}, nil
	}
	now := a.now()
	list := make([]store.RejectedEvent, len(req.GetRejectedEvents()))
	for i, e := range req.GetRejectedEvents() {
		received := now
		if e.GetReceivedTime() != nil {
			received = e.GetReceivedTime().AsTime()
		}
		list[i] = store.RejectedEvent{
			ID: uuid.Must(uuid.NewV7()).String(), Source: kept(e.GetSource(), 100), Door: kept(e.GetDoor(), 100),
			Received: received, EventID: kept(e.GetEventId(), 200), Reason: kept(e.GetReason(), 100),
			Field: kept(e.GetField(), 500), Message: kept(e.GetMessage(), 1000), Payload: kept(e.GetPayload(), maxRejectedPayload),
		}
		if e.GetReason() == suppressed.reason { // nothing of the person is kept
			list[i].EventID, list[i].Message, list[i].Payload = "", "", ""
		}
	}
	if err := a.store.AddRejected(ctx, list); err != nil {
		return nil, refused(err, "the rejected events", "")
	}
	for _, e := range list {
		a.metrics.reject(ctx, e.Door, e.Reason)
	}
	return &ingestv1.RecordRejectedEventsResponse{}, nil
}

// kept returns a text of at most so many bytes that both stores can keep.
func kept(s string, most int) string {
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most]
	}
	return strings.ReplaceAll(s, "\x00", "\ufffd")
}

// GetRejectedEvent implements the method.
func (a *rejectedEventAPI) GetRejectedEvent(ctx context.Context, req *ingestv1.GetRejectedEventRequest) (*ingestv1.RejectedEvent, error) {
	e, err := a.store.Rejected(ctx, strings.TrimPrefix(req.GetName(), rejectedPrefix))
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	return rejectedMessage(e), nil
}

const rejectedPrefix = "rejectedEvents/"

func rejectedMessage(e store.RejectedEvent) *ingestv1.RejectedEvent {
	return &ingestv1.RejectedEvent{
		Name: rejectedPrefix + e.ID, Source: e.Source, Door: e.Door, ReceivedTime: timestamppb.New(e.Received),
		EventId: e.EventID, Reason: e.Reason, Field: e.Field, Message: e.Message, Payload: e.Payload,
	}
}

var rejectedTerms = map[string]terms.Kind{
	"source": terms.Text, "door": terms.Text, "reason": terms.Text, "received_time": terms.Time,
}

// ListRejectedEvents implements the method.
func (a *rejectedEventAPI) ListRejectedEvents(ctx context.Context, req *ingestv1.ListRejectedEventsRequest) (*ingestv1.ListRejectedEventsResponse, error) {
	asked, err := terms.Parse(req.GetFilter(), rejectedTerms)
	if err != nil {
		return nil, err
	}
	list, next, err := page.List[store.RejectedEvent]{
		Query: []any{"rejectedEvents", req.GetFilter()}, Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.RejectedEvent, error) {
			return a.store.ListRejected(ctx, asked, after, limit)
		},
		At: func(e store.RejectedEvent) page.Place { return page.Created(e.Received, e.ID) },
	}.Page(req)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.ListRejectedEventsResponse{NextPageToken: next}
	for _, e := range list {
		response.RejectedEvents = append(response.RejectedEvents, rejectedMessage(e))
	}
	return response, nil
}

// forgetRejected removes what was refused long ago.
func (s *Service) forgetRejected(ctx context.Context) error {
	return s.store.PruneRejected(ctx, s.now().Add(-keepRejected))
}
