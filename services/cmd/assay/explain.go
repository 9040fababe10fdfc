package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

type leadExplainCmd struct {
	connection
	Lead     string `arg:"" help:"The lead, leads/ID or ID."`
	Standard string `help:"The standard whose verdict to explain. Default: the leading verdict."`
}

// Run explains a lead's verdict.
func (c *leadExplainCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	lead, err := leadName(c.Lead)
	if err != nil {
		return err
	}
	query := url.Values{}
	if c.Standard != "" {
		query.Set("standard", "standards/"+strings.TrimPrefix(c.Standard, "standards/"))
	}
	var q handoffv1.Qualification
	line, err := client.Get(ctx, "/v1/"+lead+"/qualification", query, &q)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	return explain(t.out, &q)
}

// explain prints a qualification for people.
func explain(w io.Writer, q *handoffv1.Qualification) error {
	head := newTable(w)
	head.row("lead", q.GetLead())
	head.row("verdict", word(q.GetVerdict(), "VERDICT_"))
	for _, r := range q.GetReasons() {
		head.row("  because", r.GetDescription()+" ("+r.GetCode()+")")
	}
	if len(q.GetMissingAttributes()) > 0 {
		head.row("  ask for", strings.Join(q.GetMissingAttributes(), ", "))
	}
	head.row("stage", fmt.Sprintf("%s, cycle %d of track %s", word(q.GetStage(), "LIFECYCLE_STAGE_"), q.GetCycle(), q.GetTrack()))
	if q.GetHandoff() != "" {
		head.row("handoff", q.GetHandoff())
	}
	if q.GetHeldUntilTime() != nil {
		head.row("held", "until "+when(q.GetHeldUntilTime())+": a publish qualified it, not something it did")
	}
	if o := q.GetOutcome(); o != nil {
		head.row("outcome", outcome(o))
	}
	head.row("standard", version(q.GetStandardVersion()))
	head.row("decided", fmt.Sprintf("%s, as of %s, facts version %d", when(q.GetDecideTime()), when(q.GetAsOfTime()), q.GetFactsVersion()))
	if s := q.GetStepTimings(); s != nil {
		head.row("took", fmt.Sprintf("%s = accept %s, queue %s, fit %s, engagement %s, decide %s", took(s.GetTotalDuration()),
			took(s.GetAcceptDuration()), took(s.GetQueueWaitDuration()), took(s.GetFitDuration()), took(s.GetEngagementDuration()), took(s.GetDecideDuration())))
	}
	head.row("trace", orDash(q.GetTraceId()))
	if err := head.flush(); err != nil {
		return err
	}
	fit, engagement := q.GetFit(), q.GetEngagement()
	fitTitle := "FIT"
	if fit.GetStatus() == typev1.Fit_STATUS_INSUFFICIENT_DATA {
		fitTitle = "FIT: too little is known for a score"
	}
	if fit != nil {
		if err := waterfall(w, fitTitle, fit.GetContributions(), fit.Score, "class "+orDash(fit.GetFitClass())); err != nil {
			return err
		}
	}
	if engagement != nil {
		return waterfall(w, "ENGAGEMENT", engagement.GetContributions(), engagement.Score, "band "+orDash(engagement.GetEngagementBand()))
	}
	return nil
}

const barWidth = 24

// waterfall prints the lines of a score with their running sum, which ends at the
// score.
func waterfall(w io.Writer, title string, lines []*typev1.Contribution, total *float64, grade string) error {
	if _, err := fmt.Fprintf(w, "\n%s\n", title); err != nil {
		return err
	}
	lowest, highest, sum := 0.0, 0.0, 0.0
	for _, l := range lines {
		sum += l.GetPoints()
		lowest, highest = min(lowest, sum), max(highest, sum)
	}
	scale := func(v float64) int {
		if highest == lowest {
			return 0
		}
		return int((v-lowest)/(highest-lowest)*barWidth + 0.5)
	}
	tab := newTable(w, "  POINTS", "SUM", "", "RULE", "WHY")
	sum = 0
	for _, l := range lines {
		before := sum
		sum += l.GetPoints()
		from, to := scale(min(before, sum)), scale(max(before, sum))
		bar := strings.Repeat(" ", from) + strings.Repeat("█", to-from)
		tab.row("  "+signed(l.GetPoints()), points(sum), bar, l.GetRule(), why(l))
	}
	tab.row("  "+score(total), "", "", "score", grade)
	return tab.flush()
}

func signed(f float64) string {
	if f > 0 {
		return "+" + points(f)
	}
	return points(f)
}

func why(l *typev1.Contribution) string {
	text := l.GetDescription()
	switch l.GetKind() {
	case typev1.Contribution_KIND_UNKNOWN:
		text += " (not known)"
	case typev1.Contribution_KIND_LIMIT:
		text = strings.TrimSpace(text + " (withheld: counts only so often)")
	case typev1.Contribution_KIND_DECAY:
		text = strings.TrimSpace(text + " (faded with age)")
	case typev1.Contribution_KIND_CAP:
		text = strings.TrimSpace(text + " (withheld: over the cap)")
	}
	if l.GetCount() > 1 {
		text += fmt.Sprintf(" ×%d", l.GetCount())
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
