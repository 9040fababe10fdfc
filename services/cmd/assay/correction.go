package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

type correctionCmd struct {
	Create correctionCreateCmd `cmd:"" help:"Say of activities that they count as if they had never happened."`
	List   correctionListCmd   `cmd:"" help:"List the corrections: who corrected what, when and why."`
	Revoke correctionRevokeCmd `cmd:"" help:"Take a correction back: its activities count again."`
}

type correctionCreateCmd struct {
	connection
	Kind      string    `required:"" enum:"bot,test,scanner,withdrawn" help:"What they were: bot, test, scanner of mails, or withdrawn by their source."`
	Reason    string    `help:"Why; never personal."`
	Activity  []string  `arg:"" optional:"" help:"Activities by their ids in --source."`
	Source    string    `help:"The source of the activities; with ids default: api."`
	Type      string    `help:"Only of this type, or its beginning and *, e.g. page.*."`
	Lead      string    `help:"Only of this lead, leads/ID or ID."`
	From      time.Time `help:"Not before, e.g. 2026-03-03T10:00:00Z." format:"2006-01-02T15:04:05Z07:00"`
	To        time.Time `help:"Before." format:"2006-01-02T15:04:05Z07:00"`
	Condition string    `help:"A condition on the activity, e.g. 'activity.properties.user_agent.contains(\"k6\")'."`
}

// Run corrects activities, listed or selected.
func (c *correctionCreateCmd) Run(ctx context.Context, t *terminal) error {
	in := &ingestv1.Correction{
		Kind:   typev1.ActivityFact_Correction(typev1.ActivityFact_Correction_value["CORRECTION_"+strings.ToUpper(c.Kind)]),
		Reason: c.Reason,
	}
	selects := c.Type != "" || c.Lead != "" || !c.From.IsZero() || !c.To.IsZero() || c.Condition != ""
	switch {
	case len(c.Activity) > 0 && selects:
		return usage("expected either ids of activities or what they have in common")
	case len(c.Activity) > 0:
		for _, id := range c.Activity {
			in.Activities = append(in.Activities, &ingestv1.ActivityReference{Source: c.Source, Id: id})
		}
	case selects || c.Source != "":
		in.Selection = &ingestv1.ActivitySelection{Source: c.Source, Type: c.Type, Condition: c.Condition}
		if c.Lead != "" {
			in.Selection.Lead = "leads/" + strings.TrimPrefix(c.Lead, "leads/")
		}
		if !c.From.IsZero() {
			in.Selection.FromTime = timestamppb.New(c.From)
		}
		if !c.To.IsZero() {
			in.Selection.ToTime = timestamppb.New(c.To)
		}
	default:
		return usage("expected ids of activities, or what they have in common: --source, --type, --lead, --from, --to, --condition")
	}
	var made ingestv1.Correction
	line, err := c.post(ctx, t, "/v1/corrections", in, &made)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s: %s, %d activities of %d leads so far. `assay correction revoke %s` takes it back.",
		made.GetName(), word(made.GetState(), "STATE_"), made.GetCorrected(), made.GetLeads(), strings.TrimPrefix(made.GetName(), correctionPrefix))
}

const correctionPrefix = "corrections/"

type correctionListCmd struct {
	connection
	Limit int `help:"Most to print; 0: all." default:"50"`
}

// Run lists corrections, latest first.
func (c *correctionListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*ingestv1.ListCorrectionsResponse, *ingestv1.Correction]{
		path:  "/v1/corrections",
		limit: c.Limit,
		items: (*ingestv1.ListCorrectionsResponse).GetCorrections,
		head:  []string{"CORRECTION", "KIND", "STATE", "ACTIVITIES", "LEADS", "SINCE", "BY", "REASON"},
		row: func(m *ingestv1.Correction) []string {
			return []string{
				strings.TrimPrefix(m.GetName(), correctionPrefix), word(m.GetKind(), "CORRECTION_"), word(m.GetState(), "STATE_"),
				strconv.Itoa(int(m.GetCorrected())), strconv.Itoa(int(m.GetLeads())), when(m.GetCreateTime()), orDash(m.GetActor()), orDash(plain(m.GetReason())),
			}
		},
	}.print(ctx, t, c.connection)
}

type correctionRevokeCmd struct {
	connection
	Correction string `arg:"" help:"The correction, as list prints it."`
	Reason     string `help:"Why; never personal."`
}

// Run takes a correction back.
func (c *correctionRevokeCmd) Run(ctx context.Context, t *terminal) error {
	var out ingestv1.Correction
	path := "/v1/" + correctionPrefix + url.PathEscape(strings.TrimPrefix(c.Correction, correctionPrefix)) + ":revoke"
	line, err := c.post(ctx, t, path, &ingestv1.RevokeCorrectionRequest{Reason: c.Reason}, &out)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s: %s; its activities count again.", out.GetName(), word(out.GetState(), "STATE_"))
}
