package handoff

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/page"
)

var logKinds = map[standard.Kind]handoffv1.StandardLogEntry_Kind{
	standard.Created:       handoffv1.StandardLogEntry_KIND_CREATED,
	standard.SignedOff:     handoffv1.StandardLogEntry_KIND_SIGNED_OFF,
	standard.Published:     handoffv1.StandardLogEntry_KIND_PUBLISHED,
	standard.Retired:       handoffv1.StandardLogEntry_KIND_RETIRED,
	standard.FeedbackGiven: handoffv1.StandardLogEntry_KIND_FEEDBACK,
}

func (s *standardServer) ListStandardLog(ctx context.Context, in *handoffv1.ListStandardLogRequest) (*handoffv1.ListStandardLogResponse, error) {
	standardID := id(in.GetParent())
	entries, next, err := page.List[standard.Entry]{
		Query: "log of " + in.GetParent(), Numbers: 1,
		Read: func(after page.Place, limit int) ([]standard.Entry, error) {
			return s.standards.ListLog(ctx, standardID, after.Number(0), limit)
		},
		At: func(e standard.Entry) page.Place { return page.Place{e.Sequence} },
	}.Page(in)
	if err != nil {
		return nil, standardError(in.GetParent(), err)
	}
	out := &handoffv1.ListStandardLogResponse{NextPageToken: next}
	for _, e := range entries {
		out.Entries = append(out.Entries, entryMessage(standardID, e))
	}
	return out, nil
}

func (s *standardServer) CreateStandardFeedback(ctx context.Context, in *handoffv1.CreateStandardFeedbackRequest) (*handoffv1.StandardFeedback, error) {
	standardID, given := id(in.GetParent()), in.GetFeedback()
	e, err := s.standards.GiveFeedback(ctx, standardID, standard.Entry{
		Actor: actor(ctx), Comment: given.GetText(), Lead: id(given.GetLead()), Rule: given.GetRule(),
	})
	if err != nil {
		return nil, standardError(in.GetParent(), err)
	}
	return feedbackMessage(standardID, e), nil
}

func (s *standardServer) ListStandardFeedback(ctx context.Context, in *handoffv1.ListStandardFeedbackRequest) (*handoffv1.ListStandardFeedbackResponse, error) {
	standardID := id(in.GetParent())
	entries, next, err := page.List[standard.Entry]{
		Query: "feedback on " + in.GetParent(), Numbers: 1,
		Read: func(before page.Place, limit int) ([]standard.Entry, error) {
			return s.standards.ListFeedback(ctx, standardID, before.Number(0), limit)
		},
		At: func(e standard.Entry) page.Place { return page.Place{e.Sequence} },
	}.Page(in)
	if err != nil {
		return nil, standardError(in.GetParent(), err)
	}
	out := &handoffv1.ListStandardFeedbackResponse{NextPageToken: next}
	for _, e := range entries {
		out.Feedback = append(out.Feedback, feedbackMessage(standardID, e))
	}
	return out, nil
}

func entryMessage(standardID string, e standard.Entry) *handoffv1.StandardLogEntry {
	out := &handoffv1.StandardLogEntry{
		Sequence:               int32(e.Sequence),
		Kind:                   logKinds[e.Kind],
		Actor:                  e.Actor,
		CreateTime:             timestamppb.New(e.CreateTime),
		Version:                versionName(standardID, e.Version),
		Comment:                e.Comment,
		ChangeWindowOverridden: e.WindowOverridden,
	}
	for _, side := range sides {
		if side.side == e.Side {
			out.Side = side.name
		}
	}
	if e.Kind == standard.FeedbackGiven {
		out.Feedback = feedbackName(standardID, e)
	}
	return out
}

func feedbackMessage(standardID string, e standard.Entry) *handoffv1.StandardFeedback {
	out := &handoffv1.StandardFeedback{
		Name:       feedbackName(standardID, e),
		Text:       e.Comment,
		Rule:       e.Rule,
		Version:    versionName(standardID, e.Version),
		Actor:      e.Actor,
		CreateTime: timestamppb.New(e.CreateTime),
	}
	if e.Lead != "" {
		out.Lead = "leads/" + e.Lead
	}
	return out
}

// versionName is the name of a version, empty for none.
func versionName(standardID, version string) string {
	if version == "" {
		return ""
	}
	return standard.VersionName(standardID, version)
}

func feedbackName(standardID string, e standard.Entry) string {
	return "standards/" + standardID + "/feedback/" + strconv.FormatInt(e.Sequence, 10)
}
