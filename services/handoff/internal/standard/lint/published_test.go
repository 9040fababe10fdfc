package lint_test

import (
	"slices"
	"testing"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/standard/lint"
	"github.com/assay-hq/assay/standards"
)

// The traps of published standards are found where they are, and nothing is remarked
// about a place that does not exist.
func TestPublished(t *testing.T) {
	for name, traps := range map[string][]struct{ rule, path string }{
		"gitlab-2020-03": {
			{"never", "engagement.groups[1].rules[2]"},              // the sweep of titles
			{"implemented-twice", "engagement.groups[1].rules[2]"},  // with another list than the trigger
			{"implemented-twice", "engagement.groups[0].rules[23]"}, // the trial from inside the product
			{"contradiction", "engagement.groups[1].rules[3]"},      // a senior engineer
		},
		"gitlab-2020-10": {
			{"never", "engagement.groups[1].rules[2]"},
			{"implemented-twice", "engagement.groups[1].rules[2]"},
			{"fact-scored-again", "engagement.groups[1].rules[0].limit"}, // a weekly limit on the mail domain
		},
		"gitlab-2022":      {{"gap-in-bands", "engagement.groups[0].groups[4].rules[4]"}}, // exactly 4 minutes
		"gitlab-fy25":      {{"cap-binds", "fit.groups[0].maxPoints"}},                    // 70 of 100
		"gitlab-lifecycle": {{"placeholder", "engagement.groups"}},
		"eloqua-example":   {{"more-gives-less", "engagement.groups[0].criteria[1]"}, {"more-gives-less", "engagement.groups[0].criteria[3]"}},
		"codenvy":          {{"nobody-qualifies", "qualification"}, {"reading", "engagement.groups[0].criteria[4]"}}, // hours of six minutes
		"posthog":          {{"reading", "fit.groups[0].criteria[0].bands"}, {"reading", "fit.groups[0].criteria[1].bands"}},
		"pardot-baseline":  {{"reading", "engagement.groups[0].rules[5].points"}}, // another source says +5
		"sourcegraph":      {{"placeholder", "engagement.groups[0].rules"}},
		"mattermost":       {{"reading", "qualification.gates.all[0]"}}, // 3 to 6 months
	} {
		t.Run(name, func(t *testing.T) {
			text, err := standards.Published.ReadFile("published/" + name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			spec, _, err := standard.Load(name, text)
			if err != nil {
				t.Fatal(err)
			}
			found := lint.Lint(spec)
			for _, trap := range traps {
				if !slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Rule == trap.rule && f.Path == trap.path }) {
					t.Errorf("%s is not found at %s", trap.rule, trap.path)
				}
			}
			for _, f := range found {
				if f.Rule == "unknown-path" {
					t.Errorf("%s: %s", f.Path, f.Message)
				}
			}
		})
	}
}
