package handoff

import (
	"context"
	"encoding/hex"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/terms"
)

// auditServer answers the AuditService. The comments in its proto say what each method
// promises.
type auditServer struct {
	handoffv1.UnimplementedAuditServiceServer
	log *audit.Log
}

func (s *auditServer) ListAuditEntries(ctx context.Context, in *handoffv1.ListAuditEntriesRequest) (*handoffv1.ListAuditEntriesResponse, error) {
	parsed, err := terms.Parse(in.GetFilter(), map[string]terms.Kind{"actor": terms.Text, "method": terms.Text, "resource": terms.Text})
	if err != nil {
		return nil, err
	}
	var filter audit.Filter
	for _, t := range parsed {
		*map[string]*string{"actor": &filter.Actor, "method": &filter.Method, "resource": &filter.Resource}[t.Field] = t.Text
	}
	entries, next, err := page.List[audit.Entry]{
		Query: []string{"auditEntries", in.GetFilter()}, Numbers: 1,
		Read: func(after page.Place, limit int) ([]audit.Entry, error) {
			return s.log.List(ctx, filter, after.Number(0), limit)
		},
		At: func(e audit.Entry) page.Place { return page.Place{e.Number} },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.ListAuditEntriesResponse{NextPageToken: next}
	for i := range entries {
		e := &entries[i]
		out.AuditEntries = append(out.AuditEntries, &handoffv1.AuditEntry{
			Name: entryName(e.Number), CreateTime: timestamppb.New(e.Time), Actor: e.Actor, Role: e.Role, Method: e.Method,
			Resource: e.Resource, Fields: e.Fields, RequestId: e.RequestID, TraceId: e.TraceID, Hash: hex.EncodeToString(e.Hash),
		})
	}
	return out, nil
}

func (s *auditServer) VerifyAuditLog(ctx context.Context, _ *handoffv1.VerifyAuditLogRequest) (*handoffv1.VerifyAuditLogResponse, error) {
	v, err := s.log.Verify(ctx)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.VerifyAuditLogResponse{Intact: v.Broken == 0, EntryCount: int32(v.Entries), Hash: hex.EncodeToString(v.Hash)}
	if v.Broken != 0 {
		out.BrokenEntry = entryName(v.Broken)
	}
	return out, nil
}

func entryName(number int64) string { return "auditEntries/" + strconv.FormatInt(number, 10) }
