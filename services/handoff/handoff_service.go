package handoff

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/qualifier"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/terms"
)

// handoffServer answers the HandoffService. The comments in its proto say what each
// method promises.
type handoffServer struct {
	handoffv1.UnimplementedHandoffServiceServer
	store     *store.Store
	standards *standard.Registry
	qualifier *qualifier.Qualifier
	ingest    ingestv1.IngestServiceClient
	accounts  ingestv1.AccountServiceClient
	// packets makes what sales is given with a handoff.
	packets *delivery.Packets
	now     func() time.Time
}

func (s *handoffServer) GetQualification(ctx context.Context, in *handoffv1.GetQualificationRequest) (*handoffv1.Qualification, error) {
	standard := ""
	if in.GetStandard() != "" {
		standard = id(in.GetStandard())
	}
	q, err := s.store.Qualification(ctx, id(in.GetName()), standard)
	if errors.Is(err, store.ErrNotFound) && standard == "" {
		return s.neverEvaluated(ctx, in.GetName())
	}
	return q, handoffError(in.GetName(), err)
}

// neverEvaluated is what is said of a lead that is known and was not decided yet;
// NOT_FOUND if nobody knows it.
func (s *handoffServer) neverEvaluated(ctx context.Context, name string) (*handoffv1.Qualification, error) {
	lead := strings.TrimSuffix(name, "/qualification")
	_, err := s.ingest.GetLead(caller.With(ctx, caller.System("handoff")), &ingestv1.GetLeadRequest{Name: lead})
	switch {
	case status.Code(err) == codes.NotFound:
		return nil, apierr.NotFound(name)
	case err != nil:
		return nil, err
	}
	return &handoffv1.Qualification{Name: name, Lead: lead, Status: handoffv1.Qualification_STATUS_NEVER_EVALUATED}, nil
}

func (s *handoffServer) ListQualifications(ctx context.Context, in *handoffv1.ListQualificationsRequest) (*handoffv1.ListQualificationsResponse, error) {
	filter, err := qualificationFilter(in.GetFilter())
	if err != nil {
		return nil, err
	}
	byEngagement := false
	switch order := in.GetOrderBy(); order {
	case "", "decide_time desc":
	case "engagement_score desc":
		byEngagement = true
	default:
		return nil, apierr.InvalidField("orderBy", "`decide_time desc` or `engagement_score desc`")
	}
	lines, next, err := page.List[store.Line]{
		Query: []string{"qualifications", in.GetFilter(), strconv.FormatBool(byEngagement)}, Numbers: 1, Texts: 2,
		Read: func(after page.Place, limit int) ([]store.Line, error) {
			return s.store.Qualifications(ctx, filter, byEngagement, after, limit)
		},
		At: func(line store.Line) page.Place { return line.Place },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.ListQualificationsResponse{NextPageToken: next}
	for _, line := range lines {
		out.Qualifications = append(out.Qualifications, line.Qualification)
	}
	return out, nil
}

func (s *handoffServer) ListDecisions(ctx context.Context, in *handoffv1.ListDecisionsRequest) (*handoffv1.ListDecisionsResponse, error) {
	records, next, err := page.List[store.Record]{
		Query: []string{"decisions", in.GetParent()}, Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Record, error) {
			return s.store.Decisions(ctx, id(in.GetParent()), after, limit)
		},
		At: func(record store.Record) page.Place { return record.Place },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		if err := s.decided(ctx, in.GetParent()); err != nil {
			return nil, err
		}
	}
	out := &handoffv1.ListDecisionsResponse{NextPageToken: next}
	for _, record := range records {
		out.Decisions = append(out.Decisions, record.Decision)
	}
	return out, nil
}

func (s *handoffServer) ListStageMoves(ctx context.Context, in *handoffv1.ListStageMovesRequest) (*handoffv1.ListStageMovesResponse, error) {
	moves, next, err := page.List[store.Move]{
		Query: []string{"stageMoves", in.GetParent()}, Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Move, error) {
			return s.store.Moves(ctx, id(in.GetParent()), after, limit)
		},
		At: func(move store.Move) page.Place { return move.Place() },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	if len(moves) == 0 {
		if err := s.decided(ctx, in.GetParent()); err != nil {
			return nil, err
		}
	}
	out := &handoffv1.ListStageMovesResponse{NextPageToken: next}
	for _, move := range moves {
		out.StageMoves = append(out.StageMoves, move.Proto())
	}
	return out, nil
}

// decided refuses a lead that nobody knows here: an empty list would say that it is
// known and that nothing happened.
func (s *handoffServer) decided(ctx context.Context, lead string) error {
	err := s.store.Exists(ctx, id(lead))
	if errors.Is(err, store.ErrNotFound) {
		return apierr.NotFound(lead)
	}
	return err
}

func (s *handoffServer) GetHandoff(ctx context.Context, in *handoffv1.GetHandoffRequest) (*handoffv1.Handoff, error) {
	h, err := s.store.Handoff(ctx, id(in.GetName()))
	return h, handoffError(in.GetName(), err)
}

func (s *handoffServer) ListHandoffs(ctx context.Context, in *handoffv1.ListHandoffsRequest) (*handoffv1.ListHandoffsResponse, error) {
	filter, err := handoffFilter(in.GetFilter())
	if err != nil {
		return nil, err
	}
	read := func(after page.Place, limit int) ([]store.RankedHandoff, error) {
		return s.store.Handoffs(ctx, filter, in.GetOrderBy() == "queue", after, limit)
	}
	numbers := 1
	switch in.GetOrderBy() {
	case "", "create_time":
	case "queue":
		numbers = 3
	case "due_time":
		read = func(after page.Place, limit int) ([]store.RankedHandoff, error) {
			return s.store.HandoffsByDueTime(ctx, filter, after, limit)
		}
	default:
		return nil, apierr.InvalidField("orderBy", "`create_time`, `queue` or `due_time`")
	}
	handoffs, next, err := page.List[store.RankedHandoff]{
		Query: []string{"handoffs", in.GetFilter(), in.GetOrderBy()}, Numbers: numbers, Texts: 1, Read: read,
		At: func(h store.RankedHandoff) page.Place { return h.Place },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.ListHandoffsResponse{NextPageToken: next}
	for _, h := range handoffs {
		out.Handoffs = append(out.Handoffs, h.Handoff)
	}
	return out, nil
}

func (s *handoffServer) AcceptHandoff(ctx context.Context, in *handoffv1.AcceptHandoffRequest) (*handoffv1.Handoff, error) {
	return s.act(ctx, in.GetName(), store.Act{
		Cause: lifecycle.ByAccept, To: lifecycle.SalesAccepted, Etag: in.GetEtag(),
	})
}

func (s *handoffServer) RejectHandoff(ctx context.Context, in *handoffv1.RejectHandoffRequest) (*handoffv1.Handoff, error) {
	return s.act(ctx, in.GetName(), store.Act{
		Cause: lifecycle.ByReject, To: lifecycle.Recycled, Reason: in.GetReason(), SubReason: in.GetSubReason(), Etag: in.GetEtag(),
	})
}

func (s *handoffServer) RecycleHandoff(ctx context.Context, in *handoffv1.RecycleHandoffRequest) (*handoffv1.Handoff, error) {
	return s.act(ctx, in.GetName(), store.Act{
		Cause: lifecycle.ByRecycle, To: lifecycle.Recycled, Reason: in.GetReason(), SubReason: in.GetSubReason(), Etag: in.GetEtag(),
	})
}

// outcomeStages are the stages that outcomes lead to.
var outcomeStages = map[handoffv1.Outcome_Kind]lifecycle.Stage{
	handoffv1.Outcome_KIND_SALES_QUALIFIED: lifecycle.SalesQualified,
	handoffv1.Outcome_KIND_OPPORTUNITY:     lifecycle.Opportunity,
	handoffv1.Outcome_KIND_WON:             lifecycle.Customer,
	handoffv1.Outcome_KIND_LOST:            lifecycle.Lost,
}

func (s *handoffServer) RecordOutcome(ctx context.Context, in *handoffv1.RecordOutcomeRequest) (*handoffv1.Handoff, error) {
	to, known := outcomeStages[in.GetOutcome()]
	switch {
	case !known:
		return nil, apierr.InvalidField("outcome", "`KIND_SALES_QUALIFIED`, `KIND_OPPORTUNITY`, `KIND_WON` or `KIND_LOST`")
	case in.GetAmount() != "" && in.GetCurrencyCode() == "":
		return nil, apierr.InvalidField("currencyCode", "the currency of the amount, e.g. `EUR`")
	case in.GetAmount() == "" && in.GetCurrencyCode() != "":
		return nil, apierr.InvalidField("amount", "an amount in the currency, e.g. `12500.00`")
	case in.GetOccurredTime() != nil && (!in.GetOccurredTime().IsValid() || in.GetOccurredTime().AsTime().After(s.now())):
		return nil, apierr.InvalidField("occurredTime", "a time that is not in the future")
	}
	var happened time.Time
	if in.GetOccurredTime() != nil {
		happened = in.GetOccurredTime().AsTime()
	}
	return s.act(ctx, in.GetName(), store.Act{
		Cause: lifecycle.ByOutcome, To: to, Reason: in.GetReason(), SubReason: in.GetSubReason(), Etag: in.GetEtag(), Time: happened,
		Outcome: &handoffv1.Outcome{
			Kind: in.GetOutcome(), Reason: in.GetReason(), Amount: in.GetAmount(), CurrencyCode: in.GetCurrencyCode(),
		},
	})
}

func (s *handoffServer) act(ctx context.Context, name string, a store.Act) (*handoffv1.Handoff, error) {
	who, ok := caller.From(ctx)
	if !ok {
		return nil, apierr.Unauthenticated()
	}
	if a.Handoff, a.Actor, a.By = id(name), who.Actor, movers[who.Role]; a.By == 0 {
		return nil, apierr.PermissionDenied()
	}
	h, err := s.store.Act(ctx, a)
	return h, handoffError(name, err)
}

// handoffError is what the API says of an error of the store.
func handoffError(name string, err error) error {
	var (
		state     *store.StateError
		forbidden *lifecycle.ForbiddenError
		denied    *lifecycle.DeniedError
		reason    *lifecycle.ReasonError
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return apierr.NotFound(name)
	case errors.Is(err, store.ErrEtag):
		return apierr.EtagMismatch(name)
	case errors.Is(err, lifecycle.ErrNoReason):
		return apierr.InvalidField("reason", "a reason, e.g. `no_budget`")
	case errors.As(err, &state):
		wanted := make([]string, len(state.Wanted))
		for i, w := range state.Wanted {
			wanted[i] = strings.TrimPrefix(w.String(), "STATE_")
		}
		return apierr.WrongState(name, strings.TrimPrefix(state.Is.String(), "STATE_"), strings.Join(wanted, " or "))
	case errors.As(err, &denied):
		return apierr.PermissionDenied()
	case errors.As(err, &reason):
		return apierr.InvalidField(reason.Field, reason.Expected())
	case errors.As(err, &forbidden):
		return apierr.WrongState(name, forbidden.Is.String(), forbidden.WantedNames())
	default:
		return err
	}
}

func qualificationFilter(filter string) ([]store.Term, error) {
	return read(filter, map[string]field{
		"stage":           {store.StageColumn, typev1.LifecycleStage_value, "LIFECYCLE_STAGE_"},
		"verdict":         {store.VerdictColumn, typev1.Verdict_value, "VERDICT_"},
		"fit_class":       {column: store.FitClassColumn},
		"engagement_band": {column: store.BandColumn},
		"track":           {column: store.TrackColumn},
		"standard":        {column: store.StandardColumn, prefix: "standards/"},
	})
}

func handoffFilter(filter string) ([]store.Term, error) {
	return read(filter, map[string]field{
		"state": {store.StateColumn, handoffv1.Handoff_State_value, "STATE_"},
		"queue": {column: store.QueueColumn},
		"owner": {column: store.OwnerColumn},
		"lead":  {column: store.LeadColumn, prefix: "leads/"},
		"track": {column: store.TrackColumn},
	})
}

// field is what a field of a filter stands for: a column, and either the numbers of
// an enum or a text. The prefix may be left out.
type field struct {
	column store.Column
	values map[string]int32
	prefix string
}

func read(filter string, fields map[string]field) ([]store.Term, error) {
	kinds := make(map[string]terms.Kind, len(fields))
	for name, f := range fields {
		kinds[name] = terms.Text
		if f.values != nil {
			kinds[name] = terms.OneOf(f.names()...)
		}
	}
	parsed, err := terms.Parse(filter, kinds)
	if err != nil {
		return nil, err
	}
	out := make([]store.Term, len(parsed))
	for i, t := range parsed {
		f := fields[t.Field]
		text := strings.TrimPrefix(t.Text, f.prefix)
		out[i] = store.Term{Column: f.column, Value: text}
		if f.values != nil {
			out[i].Value = int64(f.values[f.prefix+text])
		}
	}
	return out, nil
}

// names are the values of an enum, with and without their prefix, in its order.
func (f field) names() []string {
	var short, full []string
	for n := int32(1); int(n) < len(f.values); n++ {
		for name, number := range f.values {
			if number == n {
				full = append(full, name)
				short = append(short, strings.TrimPrefix(name, f.prefix))
			}
		}
	}
	return append(short, full...)
}
