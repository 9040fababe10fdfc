package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// Compare returns in words what is other than expected. That a score is the sum of its
// lines is always expected.
func (e *Expectation) Compare(got *handoffv1.Qualification) []string {
	var wrong []string
	report := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	fit, engagement, combined := got.GetFit(), got.GetEngagement(), got.GetEngagement().GetCombined()
	for _, part := range []struct {
		name  string
		got   Score
		want  *Score
		lines []*typev1.Contribution
	}{
		{"fit", Score{None: got.FitScore == nil, Score: got.FitScore, Class: got.GetFitClass()}, e.Fit, fit.GetContributions()},
		{"engagement", Score{None: got.EngagementScore == nil, Score: got.EngagementScore, Band: got.GetEngagementBand()}, e.Engagement, engagement.GetContributions()},
		{"combined", combinedScore(combined), e.Combined, combined.GetContributions()},
	} {
		if part.want != nil && !part.want.agrees(part.got) {
			report("%s %v, want %v%s", part.name, part.got, part.want, listed(part.lines))
		}
		if sum := sumOf(part.lines); part.got.Score != nil && !equal(sum, *part.got.Score) {
			report("the lines of %s sum to %v, the score is %v%s", part.name, sum, *part.got.Score, listed(part.lines))
		}
	}
	all := slices.Concat(fit.GetContributions(), engagement.GetContributions(), combined.GetContributions())
	for rule, want := range e.Lines {
		wrong = append(wrong, want.compare(rule, all)...)
	}
	if verdict := strings.TrimPrefix(got.GetVerdict().String(), "VERDICT_"); e.Verdict != "" && verdict != e.Verdict {
		report("verdict %s, want %s; reasons %v%s", verdict, e.Verdict, got.GetReasons(), listed(all))
	}
	var reasons []string
	for _, r := range got.GetReasons() {
		reasons = append(reasons, r.GetCode())
	}
	for _, list := range []struct {
		name      string
		got, want []string
	}{
		{"reasons", reasons, e.Reasons},
		{"missing", got.GetMissingAttributes(), e.Missing},
		{"unknown", fit.GetUnknown(), e.Unknown},
		{"flags", slices.Concat(fit.GetFlags(), engagement.GetFlags()), e.Flags},
	} {
		if list.want != nil && !slices.Equal(list.got, list.want) {
			report("%s %v, want %v", list.name, list.got, list.want)
		}
	}
	return wrong
}

// agrees says whether a score is as expected.
func (s Score) agrees(got Score) bool {
	switch {
	case s.None:
		return got.None
	case s.Score != nil && (got.Score == nil || !equal(*s.Score, *got.Score)):
		return false
	default:
		return (s.Class == "" || s.Class == got.Class) && (s.Band == "" || s.Band == got.Band)
	}
}

func (l Line) compare(rule string, all []*typev1.Contribution) []string {
	var lines []*typev1.Contribution
	kinds := map[string]float64{}
	for _, c := range all {
		if c.GetRule() == rule {
			lines = append(lines, c)
			kinds[strings.ToLower(strings.TrimPrefix(c.GetKind().String(), "KIND_"))] += c.GetPoints()
		}
	}
	if l.Kind == nil {
		if sum := sumOf(lines); !equal(sum, l.Sum) {
			return []string{fmt.Sprintf("%s gives %v, want %v%s", rule, sum, l.Sum, listed(all))}
		}
		return nil
	}
	for kind, want := range l.Kind {
		if !equal(kinds[kind], want) {
			return []string{fmt.Sprintf("%s: %v %s, want %v%s", rule, kinds[kind], kind, want, listed(all))}
		}
		delete(kinds, kind)
	}
	for kind, points := range kinds {
		if !equal(points, 0) {
			return []string{fmt.Sprintf("%s: %v %s, want none%s", rule, points, kind, listed(all))}
		}
	}
	return nil
}

func sumOf(lines []*typev1.Contribution) (sum float64) {
	for _, c := range lines {
		sum += c.GetPoints()
	}
	return sum
}

func equal(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

func listed(lines []*typev1.Contribution) string {
	var b strings.Builder
	for _, c := range lines {
		fmt.Fprintf(&b, "\n    %8.2f  %-20s %s", c.GetPoints(), c.GetRule(), strings.TrimPrefix(c.GetKind().String(), "KIND_"))
	}
	return b.String()
}

// combinedScore is the combined score, if there is one.
func combinedScore(c *typev1.Combined) Score {
	if c == nil || c.Score == nil {
		return Score{None: true}
	}
	return Score{Score: c.Score, Band: c.GetBand()}
}
