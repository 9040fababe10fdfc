package handoff

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
)

// approvalServer answers the ApprovalService. The comments in its proto say what each
// method promises.
type approvalServer struct {
	handoffv1.UnimplementedApprovalServiceServer
	store     *store.Store
	standards *standard.Registry
	ingest    ingestv1.IngestServiceClient
	now       func() time.Time
}

func (s *approvalServer) GetApproval(ctx context.Context, in *handoffv1.GetApprovalRequest) (*handoffv1.Approval, error) {
	a, err := s.store.Approval(ctx, id(in.GetName()))
	return a, approvalError(in.GetName(), err)
}

func (s *approvalServer) ListApprovals(ctx context.Context, in *handoffv1.ListApprovalsRequest) (*handoffv1.ListApprovalsResponse, error) {
	filter, err := read(in.GetFilter(), map[string]field{
		"state":     {store.StateColumn, handoffv1.Approval_State_value, "STATE_"},
		"lead":      {column: store.LeadColumn, prefix: "leads/"},
		"track":     {column: store.TrackColumn},
		"requester": {column: store.RequesterColumn},
		"decider":   {column: store.DeciderColumn},
	})
	if err != nil {
		return nil, err
	}
	approvals, next, err := page.List[*handoffv1.Approval]{
		Query: []string{"approvals", in.GetFilter()}, Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]*handoffv1.Approval, error) {
			return s.store.Approvals(ctx, filter, after, limit)
		},
		At: func(a *handoffv1.Approval) page.Place {
			return page.Created(a.GetRequestTime().AsTime(), id(a.GetName()))
		},
	}.Page(in)
	return &handoffv1.ListApprovalsResponse{Approvals: approvals, NextPageToken: next}, err
}

// asking is what both ways to ask for an approval have in common.
type asking interface {
	proto.Message
	GetTrack() string
	GetReason() string
	GetEvidence() string
	GetLinks() []string
	GetExpireTime() *timestamppb.Timestamp
	GetOverridesDisqualification() bool
	GetRequestId() string
}

func (s *approvalServer) RequestApproval(ctx context.Context, in *handoffv1.RequestApprovalRequest) (*handoffv1.Approval, error) {
	r, known, err := s.request(ctx, in, in.GetRequestId())
	if known != nil || err != nil {
		return known, err
	}
	_, err = s.ingest.GetLead(caller.With(ctx, caller.System("handoff")), &ingestv1.GetLeadRequest{Name: in.GetLead()})
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, in, in.GetLead(), r)
}

func (s *approvalServer) CaptureForApproval(ctx context.Context, in *handoffv1.CaptureForApprovalRequest) (*handoffv1.Approval, error) {
	requestID := cmp.Or(in.GetRequestId(), in.GetCapture().GetRequestId())
	r, known, err := s.request(ctx, in, requestID)
	if known != nil || err != nil {
		return known, err
	}
	// What can be refused is refused before anything is stored.
	if _, err := s.limits(ctx, in, cmp.Or(in.GetTrack(), "sales")); err != nil && in.GetTrack() != "" {
		return nil, err
	}
	capture := proto.CloneOf(in.GetCapture())
	capture.WaitForDecision, capture.WaitTimeout = false, nil
	// Both steps have ids of this request, so that it can be repeated after either.
	capture.RequestId = r.ID
	captured, err := s.ingest.CaptureLead(ctx, capture)
	if err != nil {
		return nil, within("capture", err)
	}
	if err := refusedActivities(captured); err != nil {
		return nil, err
	}
	return s.ask(ctx, in, captured.GetLead(), r)
}

// request is the approval to ask for, as far as it is known without the lead. One that was
// asked for before by the same request is known.
func (s *approvalServer) request(ctx context.Context, in asking, requestID string) (r store.Request, known *handoffv1.Approval, err error) {
	who, ok := caller.From(ctx)
	if !ok {
		return r, nil, apierr.Unauthenticated()
	}
	if strings.TrimSpace(in.GetReason()) == "" {
		return r, nil, apierr.InvalidField("reason", "why the lead should be handed off although it does not meet the gates")
	}
	for i, link := range in.GetLinks() {
		if !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") {
			return r, nil, apierr.InvalidField("links["+strconv.Itoa(i)+"]", "a URL that begins with https:// or http://")
		}
	}
	if r.ID, r.Digest, err = identify(in, who.Actor, requestID); err != nil {
		return r, nil, err
	}
	r.Approval = &handoffv1.Approval{
		Reason: in.GetReason(), Evidence: in.GetEvidence(), Links: in.GetLinks(),
		OverridesDisqualification: in.GetOverridesDisqualification(), Requester: who.Actor,
	}
	if requestID == "" {
		return r, nil, nil
	}
	known, err = s.store.Requested(ctx, r.ID, r.Digest)
	if errors.Is(err, store.ErrNotFound) {
		return r, nil, nil
	}
	return r, known, approvalError("", err)
}

// approvalIDs are the ids that request ids give.
var approvalIDs = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://assay.dev/approvals"))

// identify returns the id of the approval that somebody's request makes, and the digest of
// what it asks for. Without a request's id each is a new one.
func identify(in asking, actor, requestID string) (approval string, digest []byte, err error) {
	approval = uuid.Must(uuid.NewV7()).String()
	if requestID != "" {
		approval = uuid.NewSHA1(approvalIDs, []byte(actor+"\x00"+requestID)).String()
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(in)
	sum := sha256.Sum256(append([]byte(in.ProtoReflect().Descriptor().FullName()), text...))
	return approval, sum[:], err
}

// ask asks for the approval of a lead.
func (s *approvalServer) ask(ctx context.Context, in asking, lead string, r store.Request) (*handoffv1.Approval, error) {
	track := in.GetTrack()
	if track == "" {
		var err error
		if track, err = s.store.Track(ctx, id(lead)); err != nil {
			return nil, err
		}
	}
	limits, err := s.limits(ctx, in, track)
	if err != nil {
		return nil, err
	}
	if err := s.excluded(ctx, lead, limits.standards); err != nil {
		return nil, err
	}
	r.Approval.Lead, r.Approval.Track, r.Approval.ExpireTime = lead, track, timestamppb.New(limits.expires)
	a, err := s.store.RequestApproval(ctx, r)
	return a, approvalError(lead, err)
}

// limits are what the standards of a track say of an approval that is asked for.
type limits struct {
	standards []*standard.Compiled
	expires   time.Time
}

// limits checks what is asked for. With several standards the shortest validity counts,
// and one that may override is enough: each holds to its own when it decides.
func (s *approvalServer) limits(ctx context.Context, in asking, track string) (limits, error) {
	active, err := s.standards.Active(ctx)
	if err != nil {
		return limits{}, err
	}
	var out limits
	var tracks []string
	var valid time.Duration
	overrides := false
	for _, c := range active {
		if tracks = append(tracks, c.Track); c.Track != track {
			continue
		}
		if out.standards = append(out.standards, c); valid == 0 || c.ApprovalValid < valid {
			valid = c.ApprovalValid
		}
		overrides = overrides || c.Rules.ApprovalMayOverride
	}
	slices.Sort(tracks)
	now := s.now()
	out.expires = now.Add(valid).Truncate(time.Microsecond) // as the store counts
	switch given := in.GetExpireTime(); {
	case len(out.standards) == 0:
		return out, apierr.InvalidField("track", "a track that a published standard is for: "+strings.Join(slices.Compact(tracks), ", "))
	case in.GetOverridesDisqualification() && !overrides:
		return out, apierr.InvalidField("overridesDisqualification", "nothing: the standard lets no approval override a disqualification")
	case given == nil:
	case !given.IsValid(), !given.AsTime().After(now), given.AsTime().After(out.expires):
		return out, apierr.InvalidField("expireTime", "a time from now until "+out.expires.UTC().Format(time.RFC3339)+", as the standard says")
	default:
		out.expires = given.AsTime().Truncate(time.Microsecond)
	}
	return out, nil
}

// excluded refuses a lead that all standards of a track that speak of it exclude: an
// approval would change nothing.
func (s *approvalServer) excluded(ctx context.Context, lead string, standards []*standard.Compiled) error {
	var by *typev1.Reason
	for _, c := range standards {
		q, err := s.store.Qualification(ctx, id(lead), c.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if by = excludes(c, q); by == nil {
			return nil
		}
	}
	if by == nil {
		return nil
	}
	return apierr.WrongState(lead, "excluded ("+by.GetCode()+": "+by.GetDescription()+")", "a lead that is not suppressed and that no `exclude` rule holds for: nothing overrides that")
}

// excludes is the reason for which a standard excludes a lead; nil: it does not.
func excludes(c *standard.Compiled, q *handoffv1.Qualification) *typev1.Reason {
	if q.GetVerdict() != typev1.Verdict_VERDICT_DISQUALIFIED {
		return nil
	}
	for _, reason := range q.GetReasons() {
		if reason.GetCode() == decision.SuppressedCode {
			return reason
		}
		for i := range c.Rules.Exclude {
			if c.Rules.Exclude[i].ID == reason.GetCode() {
				return reason
			}
		}
	}
	return nil
}

// refusedActivities says which activities of a capture were refused: whoever asks has to
// know what the approval will not rest on.
func refusedActivities(captured *ingestv1.CaptureLeadResponse) error {
	var violations []apierr.Violation
	for _, r := range captured.GetActivityResults() {
		if r.GetState() == ingestv1.ActivityResult_STATE_REJECTED {
			violations = append(violations, apierr.Violation{Field: "capture." + r.GetErrorField(), Expected: strings.TrimPrefix(r.GetErrorMessage(), "expected ")})
		}
	}
	if len(violations) == 0 {
		return nil
	}
	return apierr.InvalidFields(violations...)
}

// within is an error about the fields of a message, as one about those of the message
// around it.
func within(field string, err error) error {
	violations := apierr.Violations(err)
	if len(violations) == 0 || apierr.Reason(err) != "INVALID_FIELD" {
		return err
	}
	for i := range violations {
		violations[i].Field = field + "." + violations[i].Field
	}
	return apierr.InvalidFields(violations...)
}

func (s *approvalServer) ApproveApproval(ctx context.Context, in *handoffv1.ApproveApprovalRequest) (*handoffv1.Approval, error) {
	return say(ctx, s.store.Approve, in)
}

func (s *approvalServer) DeclineApproval(ctx context.Context, in *handoffv1.DeclineApprovalRequest) (*handoffv1.Approval, error) {
	return say(ctx, s.store.Decline, in)
}

func (s *approvalServer) RevokeApproval(ctx context.Context, in *handoffv1.RevokeApprovalRequest) (*handoffv1.Approval, error) {
	return say(ctx, s.store.Revoke, in)
}

// said is what somebody says of an approval.
type said interface {
	GetName() string
	GetComment() string
	GetEtag() string
}

func say(ctx context.Context, do func(context.Context, store.Word) (*handoffv1.Approval, error), in said) (*handoffv1.Approval, error) {
	who, ok := caller.From(ctx)
	if !ok {
		return nil, apierr.Unauthenticated()
	}
	a, err := do(ctx, store.Word{
		Approval: id(in.GetName()), Actor: who.Actor, Leads: manages(who.Role), Comment: in.GetComment(), Etag: in.GetEtag(),
	})
	return a, approvalError(in.GetName(), err)
}

// approvalError is what the API says of an error of the store about an approval or the
// lead that it is asked for.
func approvalError(name string, err error) error {
	var (
		state  *store.ApprovalStateError
		handed *store.HandedOffError
		open   *store.OpenApprovalError
	)
	word := func(state handoffv1.Approval_State) string { return strings.TrimPrefix(state.String(), "STATE_") }
	switch {
	case errors.As(err, &state):
		return apierr.WrongState(name, word(state.Is), word(state.Wanted))
	case errors.As(err, &handed):
		return apierr.WrongState(name, "handed off already ("+handed.Handoff+")", "a lead without a handoff in its cycle")
	case errors.As(err, &open):
		return apierr.WrongState(open.Approval, word(open.State), "one that ended: a lead has one approval at a time in a track")
	case errors.Is(err, store.ErrOwnRequest):
		return apierr.OwnRequest()
	case errors.Is(err, store.ErrForManagers):
		return apierr.PermissionDenied()
	case errors.Is(err, store.ErrNotTheirs):
		return apierr.WrongState(name, "another's request", "one's own: decline it instead")
	case errors.Is(err, store.ErrRequestReused):
		return apierr.RequestIDReused()
	default:
		return handoffError(name, err)
	}
}
