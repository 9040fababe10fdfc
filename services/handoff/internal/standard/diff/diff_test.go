package diff

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

// base is the standard that the cases change.
const base = `
id: s
displayName: Ours
fit:
  maxPoints: 100
  classes: [{label: A, atLeast: 75}, {label: B, atLeast: 50}]
  groups:
    - id: company
      description: Their company
      criteria:
        - id: size
          description: Company size
          choices:
            - {when: lead.employees >= 200, points: 20, description: 200 or more}
            - {when: lead.employees >= 50, points: 10}
engagement:
  bands: [{label: "1", atLeast: 80}]
  groups:
    - id: content
      description: Content
      rules:
        - {id: ebook, description: Downloaded an ebook, activities: [content.downloaded], points: 20}
        - {id: pricing_page, activities: [page.viewed], when: activity.properties.path == "/pricing", points: 5}
    - id: hands
      description: Raised a hand
      rules:
        - {id: demo, description: Demo request, activities: [demo.requested], points: 50, limit: {per: month}}
qualification:
  fastTrack:
    - {id: demo, description: Asked for a demo, when: {activity: {rule: demo, withinDays: 30}}}
  gates:
    any:
      - all: [{fitClass: [A, B]}, {engagementScore: {atLeast: 50}}]
      - not: {activity: {rule: ebook}}
`

// Each case replaces texts of the base, in pairs; want has a line for each change: its
// kind and its sentence.
func TestBetweenInTheWordsOfTheTrade(t *testing.T) {
	for name, c := range map[string]struct{ replace, want []string }{
		"nothing": {nil, nil},
		"points":  {[]string{"points: 20}\n        - {id: pricing", "points: 15}\n        - {id: pricing"}, []string{"changed Downloaded an ebook: 20 → 15 points"}},
		"limit":   {[]string{"{per: month}", "{per: day}"}, []string{"changed Demo request: limit once a month → once a day"}},
		"limit of many": {
			[]string{"{per: month}", "{count: 3, per: day, every: 30, rolling: true}"},
			[]string{"changed Demo request: limit once a month → 3 times in 30 days, rolling"},
		},
		"no limit": {[]string{", limit: {per: month}", ""}, []string{"removed Demo request: limit removed, was once a month"}},
		"another rule": {
			[]string{"    - id: hands\n", "        - {id: roundtable, description: Attends executive roundtable, activities: [event.attended], points: 50}\n    - id: hands\n"},
			[]string{"added Attends executive roundtable: added, 50 points"},
		},
		"one rule less": {
			[]string{"        - {id: ebook, description: Downloaded an ebook, activities: [content.downloaded], points: 20}\n", "", "\n      - not: {activity: {rule: ebook}}", ""},
			[]string{"removed Downloaded an ebook: removed, was 20 points", "removed Qualification, gates: removed, was not Downloaded an ebook"},
		},
		"a rule without words": {[]string{"points: 5}", "points: 6}"}, []string{"changed Pricing page: 5 → 6 points"}},
		"renamed":              {[]string{"id: pricing_page", "id: prices"}, []string{"changed Prices: id pricing_page → prices"}},
		"renamed and changed": {
			[]string{"id: demo, description: Demo request, activities: [demo.requested], points: 50", "id: demos, description: Demo request, activities: [demo.requested], points: 60", "rule: demo,", "rule: demos,"},
			[]string{
				"changed Demo request: id demo → demos", "changed Demo request: 50 → 60 points",
				"changed Asked for a demo: rule demo → demos",
			},
		},
		"moved in its group": {
			[]string{"        - {id: ebook, description: Downloaded an ebook, activities: [content.downloaded], points: 20}\n", "", "    - id: hands\n", "        - {id: ebook, description: Downloaded an ebook, activities: [content.downloaded], points: 20}\n    - id: hands\n"},
			[]string{"moved Pricing page: moved from 2nd to 1st place"},
		},
		"moved to another group, and changed": {
			[]string{"        - {id: ebook, description: Downloaded an ebook, activities: [content.downloaded], points: 20}\n", "", "    - id: hands\n      description: Raised a hand\n      rules:\n", "    - id: hands\n      description: Raised a hand\n      rules:\n        - {id: ebook, description: Downloaded an ebook, activities: [content.downloaded], points: 25}\n"},
			[]string{"moved Downloaded an ebook: moved from Content to Raised a hand", "changed Downloaded an ebook: 20 → 25 points"},
		},
		"group under another name": {
			[]string{"id: content\n      description: Content", "id: reading\n      description: What they read"},
			[]string{"changed What they read: id content → reading", "changed What they read: words Content → What they read"},
		},
		"choice": {[]string{"points: 20, description: 200", "points: 25, description: 200"}, []string{"changed Company size, 200 or more: 20 → 25 points"}},
		"choice without words": {
			[]string{"points: 10}", "points: 12}"},
			[]string{"changed Company size, lead.employees >= 50: 10 → 12 points"},
		},
		"choices in another order": {
			[]string{"            - {when: lead.employees >= 200, points: 20, description: 200 or more}\n", "", "points: 10}\n", "points: 10}\n            - {when: lead.employees >= 200, points: 20, description: 200 or more}\n"},
			[]string{"moved Company size, lead.employees >= 50: moved from 2nd to 1st place"},
		},
		"edge":       {[]string{"{label: A, atLeast: 75}", "{label: A, atLeast: 80}"}, []string{"changed Fit, class A: from 75 → 80 points"}},
		"edge added": {[]string{"{label: B, atLeast: 50}]", "{label: B, atLeast: 50}, {label: C, atLeast: 25}]"}, []string{"added Fit, class C: added, from 25 points"}},
		"band":       {[]string{`{label: "1", atLeast: 80}`, `{label: "1", atLeast: 1}`}, []string{"changed Engagement, band 1: from 80 → 1 point"}},
		"cap":        {[]string{"maxPoints: 100", "maxPoints: 90"}, []string{"changed Fit: cap 100 → 90 points"}},
		"no cap":     {[]string{"  maxPoints: 100\n", ""}, []string{"removed Fit: cap removed, was 100 points"}},
		"threshold": {
			[]string{"engagementScore: {atLeast: 50}", "engagementScore: {atLeast: 60, below: 100}"},
			[]string{"changed Qualification, gates, with fit class A or B: engagement score 50 or more → 60 to below 100"},
		},
		"threshold of a segment": {
			[]string{"engagementScore: {atLeast: 50}", "engagementScore: {atLeast: 50, bySegment: {smb: {atLeast: 30}}}"},
			[]string{"changed Qualification, gates, with fit class A or B: engagement score 50 or more → 50 or more, for smb 30 or more"},
		},
		"another question": {
			[]string{"not: {activity: {rule: ebook}}", "fitScore: {atLeast: 90}"},
			[]string{"removed Qualification, gates: removed, was not Downloaded an ebook", "added Qualification, gates: added, fit score 90 or more"},
		},
		"gate of a reason": {
			[]string{"when: {activity: {rule: demo, withinDays: 30}}", "when: {fitClass: [A]}"},
			[]string{"changed Asked for a demo: Demo request within 30 days → fit class A"},
		},
		"labels":    {[]string{"fitClass: [A, B]", "fitClass: [A]"}, []string{"changed Qualification, gates, with engagement score 50 or more: fit class A, B → A"}},
		"condition": {[]string{`== "/pricing"`, `== "/prices"`}, []string{`changed Pricing page: condition activity.properties.path == "/pricing" → activity.properties.path == "/prices"`}},
		"long condition": {
			[]string{"when: lead.employees >= 50, points: 10", `when: 'lead.employees >= 50 && lead.country in ["DE", "AT", "CH", "FR", "NL", "BE", "LU"] && lead.industry == "software"', points: 10`, "Ours", "Ours"},
			[]string{
				`changed Company size, lead.employees >= 50 && lead.country in ["DE", "AT", "CH", …: condition lead.employees >= 50` +
					` → lead.employees >= 50 && lead.country in ["DE", "AT", "CH", "FR", "NL", "BE", "L…`,
			},
		},
		"remark": {
			[]string{"displayName: Ours", "displayName: Ours\nreadings: [{path: 'fit', text: Half-open bands.}]"},
			[]string{"added Reading fit: added, Half-open bands."},
		},
		"name":  {[]string{"displayName: Ours", "displayName: Theirs"}, []string{"changed Standard: name Ours → Theirs"}},
		"decay": {[]string{"description: Content\n", "description: Content\n      decay: {halfLifeDays: 30}\n"}, []string{"added Content: decay added, half-life 30 days"}},
		"long list": {
			[]string{"displayName: Ours", "displayName: Ours\nlists: [{id: titles, values: [" + numbers(1, 20) + "]}]", "displayName: Ours\nlists", "displayName: Ours\nlists"},
			[]string{"added List titles: added"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := base
			for i := 0; i < len(c.replace); i += 2 {
				if !strings.Contains(text, c.replace[i]) {
					t.Fatalf("the base has no %q", c.replace[i])
				}
				text = strings.Replace(text, c.replace[i], c.replace[i+1], 1)
			}
			from, err := standard.Parse("from.yaml", []byte(base))
			if err != nil {
				t.Fatal(err)
			}
			to, err := standard.Parse("to.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range Between(from, to) {
				got = append(got, map[Kind]string{Added: "added", Removed: "removed", Changed: "changed", Moved: "moved"}[c.Kind]+" "+c.Description)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			hold(t, from, to)
			hold(t, to, from)
		})
	}
}

// Of two long texts that begin alike the difference shows.
func TestContrast(t *testing.T) {
	long := strings.Repeat("alike ", 30)
	for name, c := range map[string]struct{ a, b, wantA, wantB string }{
		"short":          {"a b", "a c", "a b", "a c"},
		"differ at once": {"x " + long, "y " + long, "x " + long, "y " + long},
		"differ later":   {long + "this one", long + "that one", "…alike alike alike this one", "…alike alike alike that one"},
		"one word":       {strings.Repeat("x", 100) + "y", strings.Repeat("x", 100) + "z", strings.Repeat("x", 100) + "y", strings.Repeat("x", 100) + "z"},
		"one is longer":  {long, long + "more", "…alike alike alike alike", "…alike alike alike alike more"},
	} {
		a, b := contrast(c.a, c.b, 80)
		if a != c.wantA || b != c.wantB {
			t.Errorf("%s:\n%s\n%s", name, a, b)
		}
	}
}

func TestPaths(t *testing.T) {
	from, err := standard.Parse("from.yaml", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("points: 20}", "points: 15}", `label: "1", atLeast: 80`, `label: "1", atLeast: 70`, "id: content", "id: reading", "{fitClass: [A, B]}, ", "").Replace(base)
	to, err := standard.Parse("to.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range Between(from, to) {
		got = append(got, strings.TrimSpace(c.Path+" "+c.OldPath))
	}
	want := []string{
		"engagement.groups[reading].id engagement.groups[content].id",
		"engagement.groups[reading].rules[ebook].points engagement.groups[content].rules[ebook].points",
		`engagement.bands["1"].atLeast`,
		"qualification.gates.any[0].all[0]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The sections on what follows a qualification read as well.
func TestWhatFollows(t *testing.T) {
	const from = `
id: s
lifecycle:
  maxRequalifications: 3
  reasons:
    - {id: no_budget, description: No budget, stages: [recycled], returns: {afterDays: 90, reasons: [gates, fast_track.demo]}}
    - {id: bad_data, description: Bad data, stages: [disqualified], subReasons: [{id: bounced, description: Mail bounced}]}
    - {id: rival, description: Competitor, stages: [disqualified], returns: {never: true}}
qualification:
  gates: {when: lead.n > 1}
  approval: {maxValidDays: 14}
  selfSelection:
    - {id: bant, description: BANT, budget: {when: lead.b > 1}, authority: {when: lead.a > 1}, need: {when: lead.n > 1}, timeline: {when: lead.t > 1}}
handoff:
  destinations: [destinations/crm]
  routing:
    team: teams/inbound
    workingTime: require
    rules: [{id: dach, description: 'Germany, Austria, Switzerland', when: 'lead.country in ["DE"]', team: teams/dach}]
  sla: {withinMinutes: 120, warnAtPercent: [50, 80], escalateAfterMinutes: 0, reassignAfterMinutes: 60}
`
	for name, c := range map[string]struct{ old, new, want string }{
		"requalifications":    {"maxRequalifications: 3", "maxRequalifications: 1", "Lifecycle: most requalifications of recycled leads 3 → 1"},
		"stages of a reason":  {"stages: [recycled]", "stages: [recycled, lost]", "No budget: stages recycled → recycled, lost"},
		"a return":            {"afterDays: 90, reasons: [gates, fast_track.demo]", "afterDays: 30", "No budget: return after 90 days, only by gates or fast_track.demo → after 30 days"},
		"no return":           {"never: true", "reasons: ['fast_track.*']", "Competitor: return never by itself → only by fast_track.*"},
		"a sub-reason":        {"{id: bounced, description: Mail bounced}", "{id: bounced, description: Mail bounced}, {id: spam, description: Spam}", "Spam: added"},
		"an approval":         {"maxValidDays: 14", "maxValidDays: 30", "Qualification: approval valid for at most 14 days → valid for at most 30 days"},
		"a self-selection":    {"lead.b > 1", "lead.b > 2", "BANT, budget: lead.b > 1 → lead.b > 2"},
		"an answer":           {"withinMinutes: 120", "withinMinutes: 60", "Handoff, time to answer: within 120 → 60 minutes"},
		"an escalation":       {"escalateAfterMinutes: 0", "escalateAfterMinutes: 15", "Handoff, time to answer: escalation 0 → 15 minutes after the breach"},
		"warnings":            {"[50, 80]", "[80]", "Handoff, time to answer: warning at percent 50, 80 → 80"},
		"a team":              {"teams/inbound", "teams/outbound", "Handoff, routing: team of the others teams/inbound → teams/outbound"},
		"who works":           {"workingTime: require", "workingTime: prefer", "Handoff, routing: who works at that moment require → prefer"},
		"a territory":         {`["DE"]`, `["DE", "AT"]`, `Germany, Austria, Switzerland: condition lead.country in ["DE"] → lead.country in ["DE", "AT"]`},
		"another destination": {"[destinations/crm]", "[destinations/crm, destinations/chat]", "Handoff: destinations destinations/crm → destinations/crm, destinations/chat"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err1 := standard.Parse("from.yaml", []byte(from))
			b, err2 := standard.Parse("to.yaml", []byte(strings.Replace(from, c.old, c.new, 1)))
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			changes := Between(a, b)
			if len(changes) != 1 || changes[0].Description != c.want {
				t.Errorf("%+v, want %s", changes, c.want)
			}
		})
	}
}

// A long list says what came and went, not itself.
func TestALongList(t *testing.T) {
	list := func(values string) string {
		return "id: s\nlists: [{id: titles, description: Titles, values: [" + values + "]}]"
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"short":          {"a, b", "a, c", "Titles: a, b → a, c"},
		"long":           {numbers(1, 20), numbers(3, 21), "Titles: added n21, removed n1, n2"},
		"very different": {numbers(1, 20), numbers(21, 40), "Titles: added n21, n22, n23, n24, n25 and 15 more, removed n1, n2, n3, n4, n5 and 15 more"},
		"another order":  {numbers(1, 20), numbers(2, 20) + ", n1", "Titles: in another order"},
	} {
		t.Run(name, func(t *testing.T) {
			from, err1 := standard.Parse("from.yaml", []byte(list(c.from)))
			to, err2 := standard.Parse("to.yaml", []byte(list(c.to)))
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			changes := Between(from, to)
			if len(changes) != 1 || changes[0].Description != c.want {
				t.Errorf("%+v, want %s", changes, c.want)
			}
		})
	}
}

func numbers(from, to int) string {
	var all []string
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprint("n", n))
	}
	return strings.Join(all, ", ")
}
