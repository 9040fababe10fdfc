package handoff

import (
	"context"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/report"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// reportServer answers the ReportService. The comments in its proto say what each method
// promises.
type reportServer struct {
	handoffv1.UnimplementedReportServiceServer
	store *store.Store
}

func (s *reportServer) GetExceptionReport(ctx context.Context, in *handoffv1.GetExceptionReportRequest) (*handoffv1.ExceptionReport, error) {
	from, to, err := period(in.GetFromTime(), in.GetToTime())
	if err != nil {
		return nil, err
	}
	counted, err := s.store.ExceptionReport(ctx, store.Cohort{From: from, To: to, Track: in.GetTrack()})
	if err != nil {
		return nil, err
	}
	ways := counted.Ways()
	out := &handoffv1.ExceptionReport{Standard: wayOutcome(ways[0], nil)}
	for _, way := range ways[1:] {
		out.Exceptions = append(out.Exceptions, wayOutcome(way, ways[0]))
	}
	return out, nil
}

func (s *reportServer) GetSlaReport(ctx context.Context, in *handoffv1.GetSlaReportRequest) (*handoffv1.SlaReport, error) {
	from, to, err := period(in.GetFromTime(), in.GetToTime())
	if err != nil {
		return nil, err
	}
	counted, err := s.store.ResponseReport(ctx, store.Cohort{From: from, To: to, Track: in.GetTrack()})
	if err != nil {
		return nil, err
	}
	out := &handoffv1.SlaReport{Total: slaFigures("", &counted.Total)}
	for _, owner := range counted.Owners() {
		out.Owners = append(out.Owners, slaFigures("users/", owner))
	}
	for _, team := range counted.Teams() {
		out.Teams = append(out.Teams, slaFigures("teams/", team))
	}
	return out, nil
}

// slaFigures is a line of the report on response times.
func slaFigures(collection string, f *report.Figures) *handoffv1.SlaFigures {
	out := &handoffv1.SlaFigures{
		ClockCount: int32(f.Clocks), MetCount: int32(f.Met), RunningCount: int32(f.Running),
		MedianWorkingDuration:     quantile(f.Working, 0.5),
		P90WorkingDuration:        quantile(f.Working, 0.9),
		MedianSpeedToLeadDuration: quantile(f.SpeedToLead, 0.5),
		MedianMachineDuration:     quantile(f.Machine, 0.5),
	}
	if f.Name != "" {
		out.Name = collection + f.Name
	}
	if f.Clocks > 0 {
		share := float64(f.Met) / float64(f.Clocks)
		out.MetShare = &share
	}
	return out
}

func quantile(of func(share float64) (time.Duration, bool), share float64) *durationpb.Duration {
	d, known := of(share)
	if !known {
		return nil
	}
	return durationpb.New(d)
}

// period is that of a report; zero times bound nothing.
func period(from, to *timestamppb.Timestamp) (time.Time, time.Time, error) {
	var bounds [2]time.Time
	for i, given := range []struct {
		field string
		at    *timestamppb.Timestamp
	}{{"fromTime", from}, {"toTime", to}} {
		if given.at == nil {
			continue
		}
		if !given.at.IsValid() {
			return bounds[0], bounds[1], apierr.InvalidField(given.field, "a time from year 1 to 9999")
		}
		bounds[i] = given.at.AsTime()
	}
	if from != nil && to != nil && !bounds[1].After(bounds[0]) {
		return bounds[0], bounds[1], apierr.InvalidField("toTime", "a time after `fromTime`")
	}
	return bounds[0], bounds[1], nil
}

// wayOutcome is a line of the report, compared with the standard's; nil: it is that.
func wayOutcome(w, standard *report.Way) *handoffv1.WayOutcome {
	rate := w.CloseRate()
	out := &handoffv1.WayOutcome{
		Way: w.Code, HandoffCount: int32(w.Handoffs), AcceptedCount: int32(w.Accepted), RejectedCount: int32(w.Rejected),
		RecycledCount: int32(w.Recycled), OpportunityCount: int32(w.Opportunities), WonCount: int32(w.Won), LostCount: int32(w.Lost),
		CloseRateLow: rate.Low, CloseRateHigh: rate.High,
	}
	if w.Closed > 0 {
		out.CloseRate = &rate.Share
	}
	if standard != nil && w.Closed > 0 && standard.Closed > 0 {
		d := rate.Beyond(standard.CloseRate())
		out.CloseRateDifference, out.Significant = &d.Points, d.MoreThanChance()
	}
	for _, currency := range slices.Sorted(maps.Keys(w.Amounts)) {
		out.Amounts = append(out.Amounts, &handoffv1.WonAmount{CurrencyCode: currency, Amount: report.Decimal(w.Amounts[currency])})
	}
	return out
}
