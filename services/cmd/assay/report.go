package main

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type reportCmd struct {
	Exceptions reportExceptionsCmd `cmd:"" help:"Compare what came of exceptions with what came of leads that met the gates."`
	SLA        reportSLACmd        `cmd:"" name:"sla" help:"See how quickly handoffs are answered, by owner and by team."`
}

// period are the flags that bound a report.
type period struct {
	From  time.Time `help:"What began from then on, e.g. 2026-01-01T00:00:00Z. Default: from the first."`
	To    time.Time `help:"What began before, e.g. 2026-04-01T00:00:00Z. Default: up to now."`
	Track string    `help:"Only those of this track."`
}

func (p period) query() url.Values {
	query := url.Values{}
	for name, at := range map[string]time.Time{"fromTime": p.From, "toTime": p.To} {
		if !at.IsZero() {
			query.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if p.Track != "" {
		query.Set("track", p.Track)
	}
	return query
}

type reportExceptionsCmd struct {
	connection
	period
}

// Run prints the report on exceptions.
func (c *reportExceptionsCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var report handoffv1.ExceptionReport
	line, err := client.Get(ctx, "/v1/reports/exceptions", c.query(), &report)
	switch {
	case err != nil:
		return err
	case c.json():
		return printLine(t.out, line)
	}
	tab := newTable(t.out, "QUALIFIED BY", "HANDOFFS", "ACCEPTED", "REJECTED", "RECYCLED", "OPPORTUNITIES", "WON", "LOST",
		"CLOSE RATE", "BETWEEN", "THAN THE STANDARD", "AMOUNT")
	for _, w := range append([]*handoffv1.WayOutcome{report.GetStandard()}, report.GetExceptions()...) {
		tab.row(w.GetWay(), number(w.GetHandoffCount()), number(w.GetAcceptedCount()), number(w.GetRejectedCount()),
			number(w.GetRecycledCount()), number(w.GetOpportunityCount()), number(w.GetWonCount()), number(w.GetLostCount()),
			rate(w), between(w), difference(w), amounts(w))
	}
	return tab.flush()
}

type reportSLACmd struct {
	connection
	period
}

// Run prints the report on response times.
func (c *reportSLACmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var report handoffv1.SlaReport
	line, err := client.Get(ctx, "/v1/reports/sla", c.query(), &report)
	switch {
	case err != nil:
		return err
	case c.json():
		return printLine(t.out, line)
	}
	tab := newTable(t.out, "WHO", "CLOCKS", "MET", "SHARE", "RUNNING", "MEDIAN", "90 %", "SPEED TO LEAD", "MACHINE")
	for _, f := range slices.Concat([]*handoffv1.SlaFigures{report.GetTotal()}, report.GetTeams(), report.GetOwners()) {
		share := "-"
		if f.MetShare != nil {
			share = percent(f.GetMetShare())
		}
		tab.row(cmp.Or(f.GetName(), "all"), number(f.GetClockCount()), number(f.GetMetCount()), share, number(f.GetRunningCount()),
			lasted(f.GetMedianWorkingDuration()), lasted(f.GetP90WorkingDuration()),
			lasted(f.GetMedianSpeedToLeadDuration()), lasted(f.GetMedianMachineDuration()))
	}
	return tab.flush()
}

// lasted shows a length of time; `-` where there is none.
func lasted(d *durationpb.Duration) string {
	if d == nil {
		return "-"
	}
	return d.AsDuration().Round(time.Millisecond).String()
}

func number(n int32) string { return strconv.Itoa(int(n)) }

func percent(share float64) string { return points(share*100) + "%" }

// rate is the close rate; `-` while nothing is closed.
func rate(w *handoffv1.WayOutcome) string {
	if w.CloseRate == nil {
		return "-"
	}
	return percent(w.GetCloseRate())
}

// between is the interval in which the true rate lies.
func between(w *handoffv1.WayOutcome) string {
	if w.CloseRate == nil {
		return "-"
	}
	return percent(w.GetCloseRateLow()) + " and " + percent(w.GetCloseRateHigh())
}

// difference says how the rate compares with the standard's, and whether that may be
// chance.
func difference(w *handoffv1.WayOutcome) string {
	if w.CloseRateDifference == nil {
		return "-"
	}
	text := signed(w.GetCloseRateDifference()*100) + " points"
	if !w.GetSignificant() {
		text += ", may be chance"
	}
	return text
}

func amounts(w *handoffv1.WayOutcome) string {
	texts := make([]string, len(w.GetAmounts()))
	for i, a := range w.GetAmounts() {
		texts[i] = a.GetAmount() + " " + a.GetCurrencyCode()
	}
	return orDash(strings.Join(texts, ", "))
}
