package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

type leadExplainCmd struct {
	connection
	Lead       string    `arg:"" help:"The lead, leads/ID or ID."`
	Standard   string    `help:"The standard that explains, or one of its versions, also a draft: NAME or NAME/versions/ID. Default: that of the leading verdict."`
	AsOf       time.Time `name:"as-of" help:"Explain the lead as of this instant, past or future, e.g. 2026-03-16T12:00:00Z. Default: the latest decision."`
	Activities bool      `help:"Show what each activity gives."`
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
	if c.AsOf.IsZero() && !c.Activities && !strings.Contains(c.Standard, "/versions/") {
		var q handoffv1.Qualification
		line, err := client.Get(ctx, "/v1/"+lead+"/qualification", query, &q)
		switch {
		case err != nil:
			return err
		case c.json():
			return printLine(t.out, line)
		default:
			return explain(t.out, &q)
		}
	}
	if !c.AsOf.IsZero() {
		query.Set("asOfTime", c.AsOf.UTC().Format(time.RFC3339Nano))
	}
	if c.Activities {
		query.Set("includeActivities", "true")
	}
	var explanation handoffv1.Explanation
	line, err := client.Get(ctx, "/v1/"+lead+"/qualification:explain", query, &explanation)
	switch {
	case err != nil:
		return err
	case c.json():
		return printLine(t.out, line)
	}
	if err := explain(t.out, explanation.GetQualification()); err != nil {
		return err
	}
	return activityLines(t.out, explanation.GetActivities())
}

// activityLines prints what each activity gives.
func activityLines(w io.Writer, lines []*behaviorv1.ActivityLine) error {
	if len(lines) == 0 {
		return nil
	}
	if _, err := fmt.Fprint(w, "\nACTIVITIES\n"); err != nil {
		return err
	}
	tab := newTable(w, "  TIME", "ACTIVITY", "RULE", "GIVEN", "LEFT")
	for _, l := range lines {
		tab.row("  "+when(l.GetEffectiveTime()), l.GetType(), l.GetRule(), signed(l.GetGiven()), points(l.GetPoints()))
	}
	return tab.flush()
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
	if q.GetSalesReady() {
		head.row("", "ready to buy")
	}
	for _, l := range q.GetLacking() {
		head.row("  to qualify", lack(l))
	}
	if q.GetStatus() == handoffv1.Qualification_STATUS_NEVER_EVALUATED {
		head.row("status", "not decided yet")
		return head.flush()
	}
	if q.GetCycle() > 0 { // an explanation of another instant has none
		head.row("stage", fmt.Sprintf("%s, cycle %d of track %s", word(q.GetStage(), "LIFECYCLE_STAGE_"), q.GetCycle(), q.GetTrack()))
	}
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
	if q.GetDecideTime() != nil {
		head.row("decided", when(q.GetDecideTime()))
	}
	head.row("as of", fmt.Sprintf("%s, facts version %d", when(q.GetAsOfTime()), q.GetFactsVersion()))
	if s := q.GetStepTimings(); s != nil {
		head.row("took", fmt.Sprintf("%s = accept %s, queue %s, fit %s, engagement %s, decide %s", took(s.GetTotalDuration()),
			took(s.GetAcceptDuration()), took(s.GetQueueWaitDuration()), took(s.GetFitDuration()), took(s.GetEngagementDuration()), took(s.GetDecideDuration())))
	}
	if q.GetDecideTime() != nil {
		head.row("trace", orDash(q.GetTraceId()))
	}
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
		if err := waterfall(w, "ENGAGEMENT", engagement.GetContributions(), engagement.Score, "band "+orDash(engagement.GetEngagementBand())); err != nil {
			return err
		}
	}
	if combined := engagement.GetCombined(); combined != nil {
		return waterfall(w, "COMBINED", combined.GetContributions(), combined.Score, "band "+orDash(combined.GetBand()))
	}
	return nil
}

// lack is a condition that does not hold, with how far it is.
func lack(l *handoffv1.Lack) string {
	text := l.GetDescription()
	if l.Have != nil {
		text += fmt.Sprintf(" (is %s, %s to go)", points(l.GetHave()), signed(l.GetNeed()))
	}
	if len(l.GetMissingAttributes()) > 0 {
		text += " (not known: " + strings.Join(l.GetMissingAttributes(), ", ") + ")"
	}
	return text
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

// kinds are the words for lines that have none of their own.
var kinds = map[typev1.Contribution_Kind]string{
	typev1.Contribution_KIND_LIMIT:     "withheld: counts only so often",
	typev1.Contribution_KIND_DECAY:     "faded with age",
	typev1.Contribution_KIND_CAP:       "withheld: over the cap",
	typev1.Contribution_KIND_STOP:      "withheld: the group was halted",
	typev1.Contribution_KIND_SUSPENDED: "withheld: scoring was suspended",
	typev1.Contribution_KIND_RESET:     "taken away by a reset",
	typev1.Contribution_KIND_RESTORED:  "given back",
	typev1.Contribution_KIND_FLOOR:     "lifted to the floor",
	typev1.Contribution_KIND_COMBINE:   "withheld: another line of the group counts",
	typev1.Contribution_KIND_SHOWN:     "shown, scoring goes on underneath",
	typev1.Contribution_KIND_CORRECTED: "does not count: it was no person, or was taken back",
	typev1.Contribution_KIND_CONSENT:   "does not count: no consent to be observed",
}

func why(l *typev1.Contribution) string {
	text := l.GetDescription()
	if text == "" {
		text = kinds[l.GetKind()]
	}
	if l.GetKind() == typev1.Contribution_KIND_UNKNOWN {
		text += " (not known)"
	}
	if l.GetCount() > 1 {
		text += fmt.Sprintf(" ×%d", l.GetCount())
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
