package behavior

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/test/scenarios"
	"github.com/assay-hq/assay/standards"
)

// BenchmarkFoldPublished folds a lead of a thousand activities in memory, under each
// standard that companies published.
func BenchmarkFoldPublished(b *testing.B) {
	files, err := fs.Glob(standards.Published, "published/*.yaml")
	if err != nil || len(files) == 0 {
		b.Fatalf("no standards: %v", err)
	}
	for _, name := range files {
		b.Run(strings.TrimSuffix(path.Base(name), ".yaml"), func(b *testing.B) {
			text, err := standards.Published.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			standard, err := handoff.ReadStandard(name, text)
			if err != nil {
				b.Fatal(err)
			}
			model := standard.EngagementModel()
			if model == nil {
				b.Skip("it has no engagement")
			}
			compiled, err := compile(model)
			if err != nil {
				b.Fatal(err)
			}
			const activities = 1000
			facts, err := factsOf(scenarios.Busy(model, activities))
			if err != nil {
				b.Fatal(err)
			}
			asOf := facts[len(facts)-1].Micros
			var score engagement.Score
			b.ReportAllocs()
			for b.Loop() {
				score = compiled.Fold(engagement.Facts{Facts: facts}, asOf)
			}
			if !slices.ContainsFunc(score.Counts, func(c engagement.Count) bool { return c.Count > 0 }) {
				b.Error("no activity met a rule: nothing was measured")
			}
			b.ReportMetric(activities*float64(b.N)/b.Elapsed().Seconds(), "activities/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/activities, "ns/activity")
		})
	}
}
