package lint_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/standard/lint"
)

// found lints a standard and returns what was found, a line each: rule, path, message;
// readings and placeholders aside if they were not asked for.
func found(t *testing.T, text string, rules ...string) []string {
	t.Helper()
	spec, _, err := standard.Load("standard.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var lines []string
	for _, f := range lint.Lint(spec) {
		for _, rule := range rules {
			if f.Rule == rule {
				lines = append(lines, fmt.Sprintf("%s %s: %s", []string{"", "info", "warning"}[f.Severity], f.Path, f.Message))
			}
		}
	}
	return lines
}

// criteria is a standard with criteria of the fit, indented by a list item.
func criteria(items string) string {
	return "id: x\nfit:\n  groups:\n  - id: g\n    criteria:\n" + indent(items, 4)
}

// rules is one with rules of the engagement.
func rules(items string) string {
	return "id: x\nengagement:\n  groups:\n  - id: g\n    rules:\n" + indent(items, 4)
}

// fit and engagement are standards with these models.
func fit(model string) string        { return "id: x\nfit:\n" + indent(model, 2) }
func engagement(model string) string { return "id: x\nengagement:\n" + indent(model, 2) }

// routing is one with routing rules, and a team for the rest.
func routing(rules ...string) string {
	return "id: x\nhandoff:\n  routing:\n    team: teams/rest\n    rules:\n    - " + strings.Join(rules, "\n    - ") + "\n"
}

func indent(text string, by int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.Repeat(" ", by) + lines[i]
	}
	return strings.Join(lines, "\n") + "\n"
}

// Each trap with what is said of it, and its like that is right.
func TestTraps(t *testing.T) {
	for _, c := range []struct {
		rule, name, bad string
		want            []string
		good            string
	}{
		{
			"unknown-reason", "a return by what qualifies nobody",
			"id: x\nqualification: {fastTrack: [{id: demo, when: {when: lead.n > 1}}]}\n" +
				"lifecycle: {reasons: [{id: competitor, stages: [disqualified], returns: {reasons: [fast_track.trial, 'fast_track.*', gates]}}]}",
			[]string{
				"warning lifecycle.reasons[0].returns.reasons[0]: no lead qualifies by `fast_track.trial`; there are `approval`, `fast_track.demo`",
				"warning lifecycle.reasons[0].returns.reasons[2]: no lead qualifies by `gates`; there are `approval`, `fast_track.demo`",
			},
			"id: x\nqualification: {gates: {when: lead.n > 2}, fastTrack: [{id: demo, when: {when: lead.n > 1}}]}\n" +
				"lifecycle: {reasons: [{id: competitor, stages: [disqualified], returns: {reasons: [fast_track.demo, gates, approval]}}]}",
		},
		{
			"unknown-channel", "a permission that nobody can grant",
			"id: x\nqualification: {gates: {when: lead.n > 1}, permission: {channel: phon, purpose: sales}}",
			[]string{"warning qualification.permission.channel: nobody is approached by `phon`, so nobody is ever handed off; there are `email`, `phone`, `sms`, `post`"},
			"id: x\nqualification: {gates: {when: lead.n > 1}, permission: {channel: phone, purpose: sales}}",
		},
		{
			"unused", "a reason with the id of a rule, and not for its stage",
			"id: x\nqualification: {exclude: [{id: student, when: {when: lead.n > 1}}]}\n" +
				"lifecycle: {reasons: [{id: student, description: Student, stages: [recycled], returns: {never: true}}]}",
			[]string{"warning lifecycle.reasons[0]: `student` is the id of a rule that disqualifies (exclude), and the reason is not for that stage"},
			"id: x\nqualification: {exclude: [{id: student, when: {when: lead.n > 1}}]}\n" +
				"lifecycle: {reasons: [{id: student, stages: [recycled, disqualified], returns: {never: true}}]}",
		},
		{
			"never", "a return of what never returns",
			"id: x\nlifecycle: {maxRequalifications: 0, reasons: [{id: no_response, stages: [recycled], returns: {afterDays: 30}}]}",
			[]string{"warning lifecycle.reasons[0].returns: recycled leads never qualify again (`maxRequalifications` is 0), so this is never asked"},
			"id: x\nlifecycle: {maxRequalifications: 1, reasons: [{id: no_response, stages: [recycled], returns: {afterDays: 30}}]}",
		},
		{
			"default-reason", "the reason for which leads are recycled of who leaves",
			"id: x\nlifecycle: {reasons: [{id: no_budget, stages: [recycled]}]}",
			[]string{"info lifecycle.reasons: when somebody leaves, their leads are recycled for `no_response` unless another reason is named; it is not among the reasons here, or needs a sub-reason"},
			"id: x\nlifecycle: {reasons: [{id: no_budget, stages: [recycled]}, {id: no_response, stages: [recycled]}]}",
		},
		{
			"overlapping-bands", "the edge belongs to two bands",
			criteria("- {id: e, description: Employees, value: lead.employees, bands: [{range: {atLeast: 11, atMost: 1000}, points: 10}, {range: {atLeast: 1000}, points: 20}]}"),
			[]string{"warning fit.groups[0].criteria[0].bands[1]: “Employees”: 11 to 1000 and from 1000 overlap at 1000 to 1000; the first counts there"},
			criteria("- {id: e, value: lead.employees, bands: [{range: {atLeast: 11, below: 1000}, points: 10}, {range: {atLeast: 1000}, points: 20}]}"),
		},
		{
			"overlapping-bands", "conditions overlap as well",
			criteria("- {id: e, choices: [{when: lead.n >= 0 && lead.n <= 10, points: 1, description: small}, {when: lead.n >= 5 && lead.n <= 20, points: 2, description: large}]}"),
			[]string{"warning fit.groups[0].criteria[0].choices[1]: `e`: “small” and “large” overlap at 5 to 10; the first counts there"},
			criteria("- {id: e, choices: [{when: lead.n < 10, points: 1}, {when: lead.n < 50, points: 2}, {when: lead.n >= 50, points: 3}]}"),
		},
		{
			"gap-in-bands", "numbers that no band has",
			criteria("- {id: e, value: lead.n, bands: [{range: {below: 10}, points: 1}, {range: {atLeast: 20}, points: 2}]}"),
			[]string{"warning fit.groups[0].criteria[0].bands[1]: `e`: nothing is said of 10 to below 20"},
			criteria("- {id: e, value: lead.n, bands: [{range: {below: 10}, points: 1}, {range: {atLeast: 10}, points: 2}]}"),
		},
		{
			"gap-in-bands", "rules of one group are bands too",
			rules("- {id: a, activities: [content.read], when: activity.properties.minutes > 2 && activity.properties.minutes < 4, points: 10}\n" +
				"- {id: b, activities: [content.read], when: activity.properties.minutes > 4, points: 15}"),
			[]string{"warning engagement.groups[0].rules[1]: what gives points for content.read: exactly 4 is in none of the bands"},
			rules("- {id: a, activities: [content.read], when: activity.properties.minutes > 2 && activity.properties.minutes < 4, points: 10}\n" +
				"- {id: b, activities: [content.read], when: activity.properties.minutes >= 4, points: 15}"),
		},
		{
			"gap-in-bands", "whole numbers leave no gap",
			criteria("- {id: e, value: lead.n, bands: [{range: {atMost: 10}, points: 1}, {range: {atLeast: 11}, points: 2}]}"),
			[]string{"info fit.groups[0].criteria[0].bands[1]: `e`: nothing is said of numbers between 10 and 11; for whole numbers that is right"},
			criteria("- {id: e, value: lead.n, bands: [{range: {atMost: 10}, points: 1}, {range: {over: 10}, points: 2}]}"),
		},
		{
			"uneven-table", "down and up again",
			criteria("- {id: e, value: lead.n, bands: [{range: {below: 10}, points: 5}, {range: {atLeast: 10, below: 20}, points: 1}, {range: {atLeast: 20}, points: 8}]}"),
			[]string{"info fit.groups[0].criteria[0]: `e`: the points go down at 10 to below 20 (1) and up again at from 20 (8)"},
			criteria("- {id: e, value: lead.n, bands: [{range: {below: 10}, points: 5}, {range: {atLeast: 10, below: 20}, points: 25}, {range: {atLeast: 20}, points: 8}]}"),
		},
		{
			"more-gives-less", "exactly once, then nothing",
			engagement("groups:\n- id: g\n  criteria:\n  - id: click\n    description: Clicked\n    choices:\n" +
				"    - {if: {activity: {rule: clicked, atLeast: 3, withinDays: 7}}, points: 100}\n" +
				"    - {if: {activity: {rule: clicked, atLeast: 1, atMost: 1, withinDays: 14}}, points: 50}\n" +
				"signals: [{id: clicked, description: A click, activities: [email.clicked]}]"),
			[]string{"warning engagement.groups[0].criteria[0]: “Clicked”: more activity gives fewer points; so many of “A click” give: 0 → 0, 1 → 50, 2 → 0, 3 → 100, 4 → 100"},
			engagement("groups:\n- id: g\n  criteria:\n  - id: click\n    choices:\n" +
				"    - {if: {activity: {rule: clicked, atLeast: 3, withinDays: 7}}, points: 100}\n" +
				"    - {if: {activity: {rule: clicked, atLeast: 1, withinDays: 14}}, points: 50}\n" +
				"signals: [{id: clicked, activities: [email.clicked]}]"),
		},
		{
			"more-gives-less", "a longer stay gives less",
			rules("- id: r\n  description: Stayed\n  activities: [page.viewed]\n  choices:\n" +
				"  - {when: activity.properties.minutes < 1, points: 0}\n  - {when: activity.properties.minutes < 5, points: 10}\n  - {when: activity.properties.minutes >= 5, points: 3}"),
			[]string{"warning engagement.groups[0].rules[0]: “Stayed”: more gives fewer points: below 5 gives 10, from 5 only 3"},
			rules("- id: r\n  activities: [page.viewed]\n  choices:\n" +
				"  - {when: activity.properties.rank < 3, points: 10}\n  - {when: activity.properties.rank >= 3, points: 3}"),
		},
		{
			"scored-twice", "one page, two rules",
			rules("- {id: page, description: A page, activities: [page.viewed], points: 1}\n" +
				"- {id: prices, description: The prices, activities: [page.viewed], when: activity.properties.path.startsWith(\"/pricing\"), points: 10}"),
			[]string{"warning engagement.groups[0].rules[0]: “A page” and “The prices” give points for the same activity; if that is meant, name them in `beside`"},
			rules("- {id: page, activities: [page.viewed], when: '!activity.properties.path.matches(\"^/(pricing|jobs)\")', points: 1}\n" +
				"- {id: prices, activities: [page.viewed], when: activity.properties.path.startsWith(\"/pricing\"), points: 10}"),
		},
		{
			"scored-twice", "on purpose",
			rules("- {id: form, activities: ['form.*'], when: activity.properties.kind == \"content\", points: 1}\n" +
				"- {id: demo, activities: [form.submitted], when: activity.properties.form == \"demo\", points: 10}"),
			[]string{"info engagement.groups[0].rules[0]: an activity can be `form` and `demo` at once and gets the points of each; if that is meant, name them in `beside`"},
			rules("- {id: form, activities: ['form.*'], when: activity.properties.kind == \"content\", points: 1}\n" +
				"- {id: demo, activities: [form.submitted], when: activity.properties.form == \"demo\", points: 10, beside: [form]}"),
		},
		{
			"implemented-twice", "a trigger and a sweep with other words",
			rules("- {id: high, description: Title, attributes: [job_title], when: 'hasWord(lead.job_title, [\"VP\", \"Director\", \"Senior\"])', points: 50, limit: {count: 1}}\n" +
				"- {id: sweep, description: Sweep, schedule: {at: [\"06:00\"]}, when: 'hasWord(lead.job_title, [\"VP\", \"Director\"])', points: 50, limit: {count: 1}, onlyIf: {not: {activity: {rule: high}}}}"),
			[]string{"warning engagement.groups[0].rules[1]: “Title” and “Sweep” ask the same of the job title with different words: only “Title” knows senior"},
			rules("- {id: high, attributes: [job_title], when: 'hasWord(lead.job_title, [\"VP\", \"Director\"])', points: 50, limit: {count: 1}}\n" +
				"- {id: low, attributes: [job_title], when: 'hasWord(lead.job_title, [\"engineer\", \"developer\"])', points: 5, limit: {count: 1}}"),
		},
		{
			"contradiction", "a senior engineer",
			criteria("- {id: high, description: High, when: 'hasWord(lead.job_title, [\"senior\", \"VP\"])', points: 50}\n" +
				"- {id: low, description: Low, when: 'hasWord(lead.job_title, \"engineer\") && !hasWord(lead.job_title, \"VP\")', points: -10}"),
			[]string{"warning fit.groups[0].criteria[1]: “High” gives 50 and “Low” gives -10 for one and the same job title, e.g. “senior engineer”"},
			criteria("- {id: high, when: 'hasWord(lead.job_title, [\"senior\", \"VP\"])', points: 50}\n" +
				"- {id: low, when: 'hasWord(lead.job_title, \"engineer\") && !hasWord(lead.job_title, [\"VP\", \"senior\"])', points: -10}"),
		},
		{
			"never", "no number is over 10 and under 5",
			criteria("- {id: e, description: Size, when: lead.n > 10 && lead.n < 5, points: 1}"),
			[]string{"warning fit.groups[0].criteria[0].when: “Size”: the condition can never hold"},
			criteria("- {id: e, when: lead.n > 5 && lead.n < 10, points: 1}"),
		},
		{
			"never", "a choice above takes it all",
			criteria("- {id: e, description: Size, choices: [{when: lead.n >= 10, points: 1}, {when: lead.n >= 50, points: 5, description: large}]}"),
			[]string{"warning fit.groups[0].criteria[0].choices[1]: “Size”: “large” is never reached, a choice above always holds where it does"},
			criteria("- {id: e, choices: [{when: lead.n >= 50, points: 5}, {when: lead.n >= 10, points: 1}]}"),
		},
		{
			"never", "a title in words that a list above has",
			criteria("- {id: e, choices: [{when: 'hasWord(lead.title, [\"VP\", \"vice president\"])', points: 1}, {when: 'lead.title in [\"SVP\", \"VP Sales\"] && !hasWord(lead.title, \"SVP\")', points: 5}]}"),
			[]string{"warning fit.groups[0].criteria[0].choices[1]: `e`: choice 2 is never reached, a choice above always holds where it does"},
			criteria("- {id: e, choices: [{when: 'lead.title in [\"VP Sales\"]', points: 1}, {when: 'hasWord(lead.title, \"VP\")', points: 5}]}"),
		},
		{
			"never", "what it waits for never happens",
			rules("- {id: a, description: First, activities: [form.submitted], when: activity.type == \"page.viewed\", points: 1}\n" +
				"- {id: b, description: Second, activities: [demo.requested], onlyIf: {activity: {rule: a}}, points: 1}"),
			[]string{
				"warning engagement.groups[0].rules[0].when: “First”: the condition can never hold",
				"warning engagement.groups[0].rules[1]: “Second” can never give points: what `onlyIf` asks for can never hold",
			},
			rules("- {id: a, activities: [form.submitted], points: 1}\n- {id: b, activities: [demo.requested], onlyIf: {activity: {rule: a}}, points: 1}"),
		},
		{
			"never", "a gate against itself",
			fit("groups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 100}]}]") +
				"qualification: {gates: {all: [{fitScore: {atLeast: 50}}, {not: {fitScore: {atLeast: 40}}}]}}\n",
			[]string{"warning qualification.gates: what is asked here can never hold"},
			fit("groups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 100}]}]") +
				"qualification: {gates: {all: [{fitScore: {atLeast: 40}}, {not: {fitScore: {atLeast: 50}}}]}}\n",
		},
		{
			"out-of-reach", "a threshold above all points",
			fit("groups: [{id: g, maxPoints: 60, criteria: [{id: c, when: lead.a == 1, points: 50}, {id: d, when: lead.b == 1, points: 20}]}]") +
				"qualification: {gates: {any: [{fitScore: {atLeast: 70}}, {fitScore: {atLeast: 60}}]}}\n",
			[]string{"warning qualification.gates.any[0]: out of reach: the fit score goes from 0 to 60"},
			fit("groups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 50}, {id: d, when: lead.b == 1, points: 20}]}]") +
				"qualification: {gates: {fitScore: {atLeast: 70}}}\n",
		},
		{
			"out-of-reach", "a class that nobody reaches, and who asks for it",
			fit("classes: [{label: A, atLeast: 80}, {label: B, atLeast: 0}]\ngroups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 50}]}]") +
				"qualification: {gates: {fitClass: [A]}}\n",
			[]string{
				"warning qualification.gates: out of reach: no score reaches class A",
				"warning fit.classes[0]: class A begins at 80, the score goes no higher than 50",
			},
			fit("classes: [{label: A, atLeast: 50}, {label: B, atLeast: 0}]\ngroups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 50}]}]") +
				"qualification: {gates: {fitClass: [A]}}\n",
		},
		{
			"out-of-reach", "eight days in a week",
			rules("- {id: r, description: Login, activities: [user.logged_in], points: 1}") +
				"qualification: {gates: {activity: {rule: r, measure: days, atLeast: 8, withinDays: 7}}}\n",
			[]string{"warning qualification.gates: out of reach: “Login” cannot happen so often"},
			rules("- {id: r, activities: [user.logged_in], points: 1}") +
				"qualification: {gates: {activity: {rule: r, measure: days, atLeast: 7, withinDays: 7}}}\n",
		},
		{
			"no-class", "below the last edge",
			fit("minPoints: -50\nclasses: [{label: A, atLeast: 0}]\ngroups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 10}, {id: d, when: lead.b == 1, points: -10}]}]"),
			[]string{"info fit.classes[0]: a score below 0 has no class, and the score goes from -10 to 10"},
			fit("classes: [{label: A, atLeast: 0}]\ngroups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 10}, {id: d, when: lead.b == 1, points: -10}]}]"),
		},
		{
			"cap-below-rule", "a match that cannot count in full",
			engagement("groups: [{id: g, maxPoints: 40, rules: [{id: r, description: Demo, activities: [demo.requested], points: 60}]}]"),
			[]string{"warning engagement.groups[0].maxPoints: “Demo” alone gives 60, its group at most 40"},
			engagement("groups: [{id: g, maxPoints: 60, rules: [{id: r, activities: [demo.requested], points: 60}]}]"),
		},
		{
			"cap-never-reached", "a cap above all points",
			fit("groups: [{id: g, description: Role, maxPoints: 50, criteria: [{id: c, when: lead.a == 1, points: 20}]}]"),
			[]string{"info fit.groups[0].maxPoints: “Role”: the cap of 50 is never reached, the criteria give at most 20"},
			fit("groups: [{id: g, maxPoints: 20, criteria: [{id: c, when: lead.a == 1, points: 20}]}]"),
		},
		{
			"cap-binds", "a cap that binds for the best",
			fit("groups: [{id: g, description: Role, maxPoints: 70, criteria: [{id: c, when: lead.a == 1, points: 60}, {id: d, when: lead.b == 1, points: 40}]}]"),
			[]string{"info fit.groups[0].maxPoints: “Role”: the criteria give up to 100, the cap leaves 70: it binds for the best leads"},
			fit("groups: [{id: g, maxPoints: 100, criteria: [{id: c, when: lead.a == 1, points: 60}, {id: d, when: lead.b == 1, points: 40}]}]"),
		},
		{
			"deduction-under-cap", "a deduction that the cap swallows",
			fit("groups: [{id: g, description: Role, maxPoints: 70, criteria: [{id: c, when: lead.a == 1, points: 60}, {id: d, when: lead.b == 1, points: 40}, {id: e, description: Free mail, when: lead.m == 1, points: -10}]}]"),
			[]string{"warning fit.groups[0].maxPoints: “Role”: with up to 100 points above it, the cap of 70 takes the effect from “Free mail”"},
			fit("groups: [{id: g, maxPoints: 70, criteria: [{id: c, when: lead.a == 1, points: 70}]}, {id: h, criteria: [{id: e, when: lead.m == 1, points: -10}]}]"),
		},
		{
			"fact-scored-again", "a static fact, every week",
			rules("- {id: free, description: Free mail, attributes: [email_domain], when: emailKind(lead.email_domain) == \"free\", points: -5, limit: {count: 1, per: week}}"),
			[]string{"warning engagement.groups[0].rules[0].limit: “Free mail”: a limit once per week on what a lead is: each week in which it is set again takes 5 more; a limit of once keeps it"},
			rules("- {id: free, attributes: [email_domain], when: emailKind(lead.email_domain) == \"free\", points: -5, limit: {count: 1}}"),
		},
		{
			"fact-scored-again", "a sweep that falls every day",
			rules("- {id: free, description: Free mail, schedule: {at: [\"06:00\"]}, when: emailKind(lead.email_domain) == \"free\", points: -5, limit: {count: 1, per: day}}"),
			[]string{"warning engagement.groups[0].rules[0].limit: “Free mail”: what a lead is does not happen, but it counts again every day: the score falls by itself"},
			rules("- {id: free, schedule: {at: [\"06:00\"]}, when: emailKind(lead.email_domain) == \"free\", points: -5, limit: {count: 1}}"),
		},
		{
			"fading-fact", "a fact that counts once and fades",
			rules("- {id: t, description: Title, attributes: [job_title], when: lead.job_title == \"CEO\", points: 5, limit: {count: 1}, decay: {halfLifeDays: 30}}"),
			[]string{"warning engagement.groups[0].rules[0]: “Title”: what a lead is counts once and then fades, although it stays true"},
			rules("- {id: t, attributes: [job_title], when: lead.job_title == \"CEO\", points: 5, limit: {count: 1}}"),
		},
		{
			"empty-reset", "nothing to take away",
			engagement("groups: [{id: g, description: Web, rules: [{id: r, activities: [page.viewed], points: 1}]}, {id: none, description: Nothing, rules: []}]\n" +
				"resets: [{id: recycled, description: Recycled, activities: [lifecycle.recycled], of: [none]}]"),
			[]string{"warning engagement.resets[0].of: “Recycled” has nothing to reset: “Nothing” gives no points that stay"},
			engagement("groups: [{id: g, rules: [{id: r, activities: [page.viewed], points: 1}]}]\nresets: [{id: recycled, activities: [lifecycle.recycled], of: [g]}]"),
		},
		{
			"unit", "40 hours are not 40 minutes",
			engagement("groups: [{id: g, criteria: [{id: c, description: More than 40 hours, choices: [{if: {activity: {rule: s, measure: sum, over: 40}}, points: 50}]}]}]\n" +
				"signals: [{id: s, activities: [session.ended], value: activity.properties.minutes}]"),
			[]string{"warning engagement.groups[0].criteria[0].choices[0].if: “More than 40 hours” speaks of 40 hours, but 40 minutes stand there"},
			engagement("groups: [{id: g, criteria: [{id: c, description: More than 40 hours, choices: [{if: {activity: {rule: s, measure: sum, over: 2400}}, points: 50}]}]}]\n" +
				"signals: [{id: s, activities: [session.ended], value: activity.properties.minutes}]"),
		},
		{
			"unit", "360 x 1000 milliseconds are no hour",
			rules("- {id: long, activities: [session.ended], when: activity.properties.total_ms / 360000 > 40, points: 50}"),
			[]string{"warning engagement.groups[0].rules[0].when: milliseconds divided by 360000 make no unit of time: that is 6 minutes"},
			rules("- {id: long, activities: [session.ended], when: activity.properties.total_ms / 3600000 > 40, points: 50}"),
		},
		{
			"unit", "a limit per day that says week",
			rules("- {id: r, description: Careers page (once a week), activities: [page.viewed], points: -5, limit: {count: 1, per: day}}"),
			[]string{"warning engagement.groups[0].rules[0].limit.per: “Careers page (once a week)” says “once a week”, its limit is per day"},
			rules("- {id: r, description: Careers page (once a week), activities: [page.viewed], points: -5, limit: {count: 1, per: week}}"),
		},
		{
			"unit", "a share where percents go to 100",
			criteria("- {id: c, when: lead.growth_percent > 0.5, points: 1}"),
			[]string{"warning fit.groups[0].criteria[0].when: lead.growth_percent is compared with 0.5: a share of 1, where percents go to 100"},
			criteria("- {id: c, when: lead.growth_percent > 50, points: 1}"),
		},
		{
			"unused", "lists, signals and segments that nothing reads",
			engagement("groups: []\nsignals: [{id: s, description: Signed up, activities: [user.signed_up]}]") +
				"lists: [{id: rivals, values: [a]}]\nsegments: [{id: big, when: lead.n > 5}]\n",
			[]string{
				"warning lists[0]: no condition reads the list `rivals`",
				"warning engagement.signals[0]: nothing asks for the signal “Signed up”, and it gives no points",
				"warning segments[0]: no threshold and no edge is different for the segment `big`",
			},
			engagement("groups: []\nsignals: [{id: s, activities: [user.signed_up], when: activity.campaign in lists.rivals}]") +
				"lists: [{id: rivals, values: [a]}]\nqualification: {gates: {activity: {rule: s}}}\n",
		},
		{
			"unknown-path", "a reading of nothing",
			criteria("- {id: c, when: lead.a == 1, points: 1}") + "readings: [{path: 'fit.groups[g].criteria[gone]', text: T}]\n",
			[]string{"warning readings[0].path: there is nothing at fit.groups[g].criteria[gone]"},
			criteria("- {id: c, when: lead.a == 1, points: 1}") + "readings: [{path: 'fit.groups[g].criteria[c].points', text: T}]\n",
		},
		{
			"reading", "a reading stands where it is about",
			criteria("- {id: c, when: lead.a == 1, points: 1}") + "readings: [{path: 'fit.groups[g].criteria[c].points', text: One.}]\n",
			[]string{"info fit.groups[0].criteria[0].points: read so: One."},
			criteria("- {id: c, when: lead.a == 1, points: 1}"),
		},
		{
			"needs-data", "unknown counts as low",
			fit("groups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 50}]}]") + "qualification: {gates: {fitScore: {atLeast: 50}}}\n",
			[]string{"info qualification: the gates ask for the fit, and of a lead of whom nothing is known it is low instead of unknown: give `needsData`, or `fit.minKnown` or `fit.required`"},
			fit("required: [a]\ngroups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 50}]}]") + "qualification: {gates: {fitScore: {atLeast: 50}}}\n",
		},
		{
			"nobody-qualifies", "no gate at all",
			criteria("- {id: c, when: lead.a == 1, points: 1}"),
			[]string{"info qualification: there are no gates, no fast track and no self-selection: nobody ever qualifies by this standard without an approval"},
			criteria("- {id: c, when: lead.a == 1, points: 1}") + "qualification: {fastTrack: [{id: a, when: {when: lead.a == 1}}]}\n",
		},
		{
			"never", "a territory inside of one above",
			routing(`{id: big, when: lead.employees >= 100, team: teams/a}`, `{id: bigger, when: lead.employees >= 500, team: teams/b}`),
			[]string{"warning handoff.routing.rules[1]: `bigger` gets no lead: rules above take all of them"},
			routing(`{id: bigger, when: lead.employees >= 500, team: teams/b}`, `{id: big, when: lead.employees >= 100, team: teams/a}`),
		},
		{
			"never", "a territory of nobody",
			routing(`{id: a, when: lead.employees > 5 && lead.employees < 3, team: teams/a}`),
			[]string{"warning handoff.routing.rules[0].when: `a`: the condition can never hold"},
			routing(`{id: a, when: lead.employees > 3 && lead.employees < 5, team: teams/a}`),
		},
		{
			"no-team", "leads of no territory",
			strings.Replace(routing(`{id: a, when: lead.a == 1, team: teams/a}`), "    team: teams/rest\n", "", 1),
			[]string{"info handoff.routing: a lead for which no rule holds goes to nobody: it waits in its queue until somebody claims it"},
			routing(`{id: a, when: lead.a == 1, team: teams/a}`),
		},
	} {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, found(t, c.bad, c.rule)); diff != "" {
				t.Error(diff)
			}
			if got := found(t, c.good, c.rule); len(got) > 0 {
				t.Errorf("a false alarm: %s", strings.Join(got, "\n"))
			}
		})
	}
}

// The standards that we ship, with all that is said of them.
func TestShipped(t *testing.T) {
	for file, want := range map[string][]string{
		"standards/default.yaml": {
			"info no-class engagement.bands[3]",
			"info cap-binds fit.groups[2].maxPoints",
		},
		"examples/x-education/standard.yaml": {
			"info no-class engagement.bands[3]",
			"info cap-binds fit.groups[2].maxPoints",
			"info needs-data qualification",
		},
	} {
		text, err := os.ReadFile("../../../../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		spec, _, err := standard.Load(file, text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range lint.Lint(spec) {
			got = append(got, fmt.Sprintf("%s %s %s", []string{"", "info", "warning"}[f.Severity], f.Rule, f.Path))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}
