package handoff

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
)

// BatchRecordOutcomes enters outcomes one after the other: one of a file may build on the
// one before it.
func (s *handoffServer) BatchRecordOutcomes(ctx context.Context, in *handoffv1.BatchRecordOutcomesRequest) (*handoffv1.BatchRecordOutcomesResponse, error) {
	who, ok := caller.From(ctx)
	if !ok {
		return nil, apierr.Unauthenticated()
	}
	out := &handoffv1.BatchRecordOutcomesResponse{}
	for _, report := range in.GetOutcomes() {
		result, err := reports{s.store, s.now}.enter(ctx, report, who.Actor, in.GetValidateOnly())
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

// reports enters what others say became of handoffs.
type reports struct {
	store *store.Store
	now   func() time.Time
}

// enter enters one report. What is wrong with it is in the result; an error says that the
// store is away.
func (r reports) enter(ctx context.Context, in *handoffv1.OutcomeReport, actor string, dry bool) (*handoffv1.OutcomeResult, error) {
	handoff, err := r.find(ctx, in)
	if err != nil {
		return refusedReport("", err)
	}
	name := store.HandoffName(handoff)
	report := crm.Report{
		Handoff: handoff, Word: crm.Word(in.GetOutcome()), Reason: in.GetReason(), SubReason: in.GetSubReason(),
		Amount: in.GetAmount(), Currency: in.GetCurrencyCode(), Actor: actor,
	}
	if at := in.GetOccurredTime(); at != nil {
		report.Time = at.AsTime()
	}
	changed, err := report.Enter(ctx, r.store, dry)
	switch {
	case err != nil:
		return refusedReport(name, err)
	case !changed:
		return &handoffv1.OutcomeResult{Status: handoffv1.OutcomeResult_STATUS_UNCHANGED, Handoff: name}, nil
	}
	return &handoffv1.OutcomeResult{Status: handoffv1.OutcomeResult_STATUS_RECORDED, Handoff: name}, nil
}

// wrongError is what is wrong with a report, in words for who made it.
type wrongError string

// Error is the words.
func (e wrongError) Error() string { return string(e) }

// refusedReport is the result of a report that is refused; the error, if it is none of the
// report's.
func refusedReport(handoff string, err error) (*handoffv1.OutcomeResult, error) {
	words := crm.Refusal(err)
	var wrong wrongError
	var differs *crm.DiffersError
	switch {
	case errors.As(err, &wrong):
		words = wrong.Error()
	case errors.As(err, &differs):
		words = differs.Error()
	case words == "":
		return nil, err
	}
	return &handoffv1.OutcomeResult{Status: handoffv1.OutcomeResult_STATUS_REFUSED, Handoff: handoff, Error: words}, nil
}

// find checks a report and returns the id of its handoff.
func (r reports) find(ctx context.Context, in *handoffv1.OutcomeReport) (string, error) {
	violations, err := rpc.Violations("", in)
	switch {
	case err != nil:
		return "", err
	case len(violations) > 0:
		return "", wrongError(violations[0].Field + ": expected " + violations[0].Expected)
	case in.GetAmount() != "" && in.GetCurrencyCode() == "":
		return "", wrongError("currencyCode: expected the currency of the amount, e.g. `EUR`")
	case in.GetAmount() == "" && in.GetCurrencyCode() != "":
		return "", wrongError("amount: expected an amount in the currency, e.g. `12500.00`")
	case in.GetOccurredTime() != nil && (!in.GetOccurredTime().IsValid() || in.GetOccurredTime().AsTime().After(r.now())):
		return "", wrongError("occurredTime: expected a time that is not in the future")
	case (in.GetHandoff() == "") == (in.GetLead() == ""):
		return "", wrongError("handoff: expected either a handoff or a lead")
	case in.GetHandoff() != "":
		return id(in.GetHandoff()), nil
	}
	return r.latest(ctx, in)
}

// latest is the latest handoff of a lead in a track.
func (r reports) latest(ctx context.Context, in *handoffv1.OutcomeReport) (string, error) {
	terms := []store.Term{{Column: store.LeadColumn, Value: id(in.GetLead())}}
	if in.GetTrack() != "" {
		terms = append(terms, store.Term{Column: store.TrackColumn, Value: in.GetTrack()})
	}
	list, err := r.store.Handoffs(ctx, terms, false, nil, 1000)
	if err != nil {
		return "", err
	}
	// Of a person whose leads were merged, one handoff goes on.
	if on := slices.DeleteFunc(slices.Clone(list), func(h store.RankedHandoff) bool {
		return h.GetState() == handoffv1.Handoff_STATE_MERGED
	}); len(on) > 0 {
		list = on
	}
	var tracks []string
	for _, h := range list {
		if !slices.Contains(tracks, h.GetTrack()) {
			tracks = append(tracks, h.GetTrack())
		}
	}
	switch len(tracks) {
	case 0:
		return "", wrongError("lead: expected one that was handed off")
	case 1:
		return store.HandoffID(list[len(list)-1].GetName()), nil
	}
	return "", wrongError("track: expected one of: " + strings.Join(tracks, ", "))
}
