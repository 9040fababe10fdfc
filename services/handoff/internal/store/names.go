package store

import (
	"hash/fnv"
	"io"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/points"
)

// verdictOf is a verdict in the API.
func verdictOf(v decision.Verdict) typev1.Verdict {
	switch v {
	case decision.Qualified:
		return typev1.Verdict_VERDICT_QUALIFIED
	case decision.Nurture:
		return typev1.Verdict_VERDICT_NURTURE
	case decision.Disqualified:
		return typev1.Verdict_VERDICT_DISQUALIFIED
	case decision.NeedsAnswers:
		return typev1.Verdict_VERDICT_NEEDS_DATA
	default:
		return typev1.Verdict_VERDICT_UNSPECIFIED
	}
}

// verdictFrom is a verdict from the API.
func verdictFrom(v typev1.Verdict) decision.Verdict {
	for _, known := range []decision.Verdict{
		decision.Qualified, decision.Nurture, decision.Disqualified, decision.NeedsAnswers,
	} {
		if verdictOf(known) == v {
			return known
		}
	}
	return 0
}

// statusOf is what a lead is as far as scoring goes.
func statusOf(a *Assessment) handoffv1.Qualification_Status {
	switch {
	case a.Decision.Verdict == decision.Disqualified:
		return handoffv1.Qualification_STATUS_DISQUALIFIED
	case a.Fit.GetStatus() == typev1.Fit_STATUS_INSUFFICIENT_DATA:
		return handoffv1.Qualification_STATUS_INSUFFICIENT_DATA
	default:
		return handoffv1.Qualification_STATUS_SCORED
	}
}

func lackingOf(lacks []decision.Lack) []*handoffv1.Lack {
	out := make([]*handoffv1.Lack, len(lacks))
	for i, l := range lacks {
		out[i] = &handoffv1.Lack{Description: l.Words, Have: l.Have, Need: l.Need, MissingAttributes: l.Missing}
	}
	return out
}

func combinedOf(e *typev1.Engagement) *float64 {
	if e.GetCombined() == nil {
		return nil
	}
	return e.GetCombined().Score
}

// stageOf is a stage in the API; the numbers are the same.
func stageOf(s lifecycle.Stage) typev1.LifecycleStage { return typev1.LifecycleStage(s) }

func reasonsOf(reasons []decision.Reason) []*typev1.Reason {
	out := make([]*typev1.Reason, len(reasons))
	for i, r := range reasons {
		out[i] = &typev1.Reason{Code: r.Code, Description: r.Description}
	}
	return out
}

// reasonsHash tells whether reasons or missing attributes changed, or who the person is:
// its other leads are besides.
func reasonsHash(d *decision.Decision, besides []string) int64 {
	h := fnv.New64a()
	write := func(s string) { _, _ = io.WriteString(h, s); _, _ = h.Write([]byte{0}) }
	for _, r := range d.Reasons {
		write(r.Code)
		write(r.Description)
	}
	for _, m := range d.Missing {
		write(m)
	}
	if d.SalesReady {
		write("sales ready")
	}
	for _, lead := range besides {
		write(lead)
	}
	return int64(h.Sum64())
}

// hundredths is a score as it is stored; nil while there is none.
func hundredths(score *float64) any {
	if score == nil {
		return nil
	}
	return int64(points.Round(*score))
}

func scoreOf(f *typev1.Fit) *float64 {
	if f == nil {
		return nil
	}
	return f.Score
}

func engagementOf(e *typev1.Engagement) *float64 {
	if e == nil {
		return nil
	}
	return e.Score
}
