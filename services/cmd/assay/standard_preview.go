package main

import (
	"context"
	"fmt"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type standardPreviewCmd struct {
	connection
	Version  string `arg:"" help:"The version, default@VERSION or the full name, or a YAML file: it is stored as a draft."`
	Sample   int    `help:"Most leads to show." default:"20"`
	MaxLeads int    `help:"Look only at so many leads, spread over all; 0: all."`
	NoWait   bool   `help:"Do not wait for the result: see assay operation get."`
}

// Run shows what publishing a version would do.
func (c *standardPreviewCmd) Run(ctx context.Context, t *terminal) error {
	name, file, err := fileOrVersion(c.Version)
	if err != nil {
		return err
	}
	if file != nil {
		if _, err := c.store(ctx, t, file, "", &handoffv1.StandardVersion{}); err != nil {
			return err
		}
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var o handoffv1.Operation
	line, err := client.Post(ctx, "/v1/"+name+":preview", &handoffv1.PreviewStandardVersionRequest{
		SampleSize: int32(c.Sample), MaxLeads: int32(c.MaxLeads),
	}, &o)
	if err != nil {
		return err
	}
	if c.NoWait {
		return c.operation(t, line, &o)
	}
	return c.wait(ctx, t, client, "/v1/"+o.GetName())
}

// printPreview prints who would gain and who would drop, in numbers and a sample.
func printPreview(t *terminal, r *handoffv1.PreviewResult) error {
	verdicts := newTable(t.out, "", "VERDICT NOW", "THEN", "LEADS", "")
	for _, v := range r.GetVerdicts() {
		verdicts.row(v.GetTrack(), verdict(v.GetBefore()), verdict(v.GetAfter()), fmt.Sprint(v.GetLeads()), changed(v.GetBefore() != v.GetAfter()))
	}
	stages := newTable(t.out, "", "STAGE NOW", "THEN", "LEADS", "")
	for _, s := range r.GetStages() {
		stages.row(s.GetTrack(), word(s.GetBefore(), "LIFECYCLE_STAGE_"), word(s.GetAfter(), "LIFECYCLE_STAGE_"),
			fmt.Sprint(s.GetLeads()), changed(s.GetBefore() != s.GetAfter()))
	}
	sample := newTable(t.out, "LEAD", "VERDICT NOW", "THEN", "FIT", "ENGAGEMENT", "WHY THEN")
	for _, l := range r.GetSample() {
		before, after := l.GetBefore(), l.GetAfter()
		var reasons []string
		for _, why := range after.GetReasons() {
			reasons = append(reasons, why.GetDescription())
		}
		sample.row(l.GetLead(), verdict(before.GetVerdict()), verdict(after.GetVerdict()),
			arrow(graded(before.FitScore, before.GetFitClass()), graded(after.FitScore, after.GetFitClass())),
			arrow(graded(before.EngagementScore, before.GetEngagementBand()), graded(after.EngagementScore, after.GetEngagementBand())),
			strings.Join(reasons, "; "))
	}
	for _, part := range []*table{verdicts, stages, sample} {
		if _, err := fmt.Fprintln(t.out); err != nil {
			return err
		}
		if err := part.flush(); err != nil {
			return err
		}
	}
	return nil
}

func verdict(v fmt.Stringer) string { return word(v, "VERDICT_") }

func changed(is bool) string {
	if is {
		return "*"
	}
	return ""
}

// graded shows a score with its class.
func graded(points *float64, class string) string {
	return strings.TrimSpace(score(points) + " " + class)
}

// arrow shows what becomes of a value.
func arrow(before, after string) string {
	if before == after {
		return after
	}
	return before + " → " + after
}
