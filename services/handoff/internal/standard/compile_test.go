package standard_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

func parse(t testing.TB, text string) *handoffv1.StandardSpec {
	t.Helper()
	spec, err := standard.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func compile(t testing.TB, text string) *standard.Compiled {
	t.Helper()
	c, err := standard.Compile(parse(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompile(t *testing.T) {
	c := compile(t, small)
	if c.ID != "trial" || c.Name != "standards/trial" || c.Track != "sales" || c.Queue != "sales" {
		t.Errorf("names: %+v", c)
	}
	if !strings.HasPrefix(c.Version, "standards/trial/versions/") || len(c.Version) != len("standards/trial/versions/")+16 {
		t.Errorf("version: %s", c.Version)
	}
	if c.Engagement.GetTimeZone() != "Europe/Berlin" {
		t.Errorf("time zone of the engagement: %q, want the standard's", c.Engagement.GetTimeZone())
	}
	if got := c.Engagement.GetCountWindowDays(); len(got) != 1 || got[0] != 7 {
		t.Errorf("windows: %v, want those of the gates", got)
	}
	if c.FitRevision == "" || c.EngagementRevision == "" || c.FitRevision == c.EngagementRevision {
		t.Errorf("revisions: %q, %q", c.FitRevision, c.EngagementRevision)
	}
	hot := &decision.Evidence{
		Fit:        decision.Fit{Assessed: true, Score: decision.Score{Scored: true, Label: "A", Points: 10 * points.One}},
		Engagement: decision.Engagement{Score: decision.Score{Scored: true, Points: 5 * points.One}, Watched: []float64{0}},
	}
	if d := decision.Decide(&c.Rules, hot); d.Verdict != decision.Qualified {
		t.Errorf("verdict: %+v", d)
	}
}

func TestAnEmptyStandardQualifiesNobody(t *testing.T) {
	c := compile(t, "id: nobody")
	if c.Fit != nil || c.Engagement != nil || c.FitRevision != "" || c.EngagementRevision != "" {
		t.Errorf("models: %+v", c)
	}
	if d := decision.Decide(&c.Rules, &decision.Evidence{}); d.Verdict != decision.Nurture {
		t.Errorf("verdict: %+v", d)
	}
}

func TestAppliesTo(t *testing.T) {
	c := compile(t, "id: x\nappliesTo: lead.dataset == \"a\" && lead.employees > 10")
	for _, test := range []struct {
		lead condition.AttributeMap
		want bool
	}{
		{condition.AttributeMap{"dataset": condition.Text("a"), "employees": condition.Number(11)}, true},
		{condition.AttributeMap{"dataset": condition.Text("b"), "employees": condition.Number(11)}, false},
		{condition.AttributeMap{"dataset": condition.Text("a")}, false}, // unknown counts as no
		{nil, false},
	} {
		if got := c.Applies(test.lead); got != test.want {
			t.Errorf("Applies(%v) = %v", test.lead, got)
		}
	}
	if everybody := compile(t, "id: x"); !everybody.Applies(nil) {
		t.Error("a standard without appliesTo applies to everybody")
	}
}

// The parts of a standard that is whole; each test spoils one.
const whole = `
id: whole
fit:
  classes: [{label: A, atLeast: 50}, {label: B, atLeast: 0}]
  groups: [{id: g, criteria: [{id: c, when: lead.a == 1, points: 1}]}]
engagement:
  bands: [{label: "1", atLeast: 50}, {label: "2", atLeast: 0}]
  groups: [{id: e, rules: [{id: r, activities: [a.b], points: 1}]}]
  signals: [{id: s, activities: [a.c]}]
`

func TestCompileRefuses(t *testing.T) {
	fit := func(rest string) string { return "id: x\nfit: {" + rest + "}" }
	rule := func(rest string) string {
		return "id: x\nengagement: {groups: [{id: g, rules: [{id: r, activities: [a.b], " + rest + "}]}]}"
	}
	gates := func(gate string) string { return whole + "qualification: {gates: " + gate + "}" }
	for name, c := range map[string]struct{ text, want string }{
		"no id":             {"displayName: X", "id: expected a name of at most 63 lower-case letters, digits and `-`"},
		"id with capitals":  {"id: Default", "id: expected a name of at most 63 lower-case letters, digits and `-`"},
		"time zone":         {"id: x\ntimeZone: Europe/Mainz", `timeZone: expected an IANA time zone such as Europe/Berlin, not "Europe/Mainz"`},
		"local time zone":   {"id: x\ntimeZone: Local", "timeZone: expected an IANA time zone"},
		"engagement's zone": {"id: x\nengagement: {timeZone: Mars}", "engagement.timeZone: expected an IANA time zone"},
		"control character": {`{"id": "x", "displayName": "a\u0000b"}`, "displayName: expected text without control characters, not U+0000"},
		"appliesTo":         {"id: x\nappliesTo: lead.country ==", "appliesTo: expected a condition: line 1, column"},
		"appliesTo over activities": {
			"id: x\nappliesTo: activity.type == \"a\"", "appliesTo: expected a condition: line 1, column",
		},

		"negative cap":          {fit("maxPoints: -1"), "fit.maxPoints: expected a number of at least 0"},
		"negative cap of group": {fit("groups: [{id: g, maxPoints: -1}]"), "fit.groups[0].maxPoints: expected a number of at least 0"},
		"thousandths":           {fit("maxPoints: 0.125"), "fit.maxPoints: expected points that must have at most two decimals"},
		"edges not descending":  {fit("classes: [{label: A, atLeast: 10}, {label: B, atLeast: 20}]"), "fit.classes[1].atLeast: expected less than the edge above, 10, not 20"},
		"edges equal":           {fit("classes: [{label: A, atLeast: 10}, {label: B, atLeast: 10}]"), "fit.classes[1].atLeast: expected less"},
		"label twice":           {fit("classes: [{label: A, atLeast: 10}, {label: A, atLeast: 5}]"), `fit.classes[1].label: expected a label of its own, "A"`},
		"label missing":         {fit("classes: [{atLeast: 10}]"), "fit.classes[0].label: "},
		"more known than asked": {fit("minKnown: 1"), "fit.minKnown: expected at most the number of criteria, 0, not 1"},
		"criterion id twice": {
			fit("groups: [{id: g, criteria: [{id: c, when: 'true'}, {id: c, when: 'true'}]}]"),
			`fit.groups[0].criteria[1].id: expected an id of its own, "c" is that of fit.groups[0].criteria[0]`,
		},
		"criterion id of a group": {fit("groups: [{id: g, criteria: [{id: g, when: 'true'}]}]"), "fit.groups[0].criteria[0].id: expected an id of its own"},
		"id total":                {fit("groups: [{id: total}]"), "fit.groups[0].id: expected another id than `total`"},
		"id with a dash":          {fit("groups: [{id: a-b}]"), "fit.groups[0].id: expected a name of at most 63 lower-case letters, digits and `_`"},
		"criterion without when":  {fit("groups: [{id: g, criteria: [{id: c, points: 1}]}]"), "fit.groups[0].criteria[0]: expected `when`, `choices` or `bands`"},
		"criterion with both":     {fit("groups: [{id: g, criteria: [{id: c, when: 'true', choices: [{when: 'true'}]}]}]"), "fit.groups[0].criteria[0]: expected `when` or `choices`, not both"},
		"points beside choices":   {fit("groups: [{id: g, criteria: [{id: c, points: 1, choices: [{when: 'true'}]}]}]"), "fit.groups[0].criteria[0].points: expected the points in each of `choices`"},
		"CEL of a criterion":      {fit("groups: [{id: g, criteria: [{id: c, when: lead.a ==}]}]"), "fit.groups[0].criteria[0].when: expected a condition: line 1, column"},
		"CEL of a choice":         {fit("groups: [{id: g, criteria: [{id: c, choices: [{when: 'true'}, {when: led.a == 1}]}]}]"), "fit.groups[0].criteria[0].choices[1].when: expected a condition: line 1, column 1"},
		"fit asks activities":     {fit("groups: [{id: g, criteria: [{id: c, when: activity.type == 'x'}]}]"), "criteria[0].when: expected a condition: line 1"},

		"negative cap of rule": {rule("maxPoints: -5"), "engagement.groups[0].rules[0].maxPoints: expected a number of at least 0"},
		"CEL of a rule":        {rule("when: activity.tpye == 'x'"), "engagement.groups[0].rules[0].when: expected a condition: line 1"},
		"CEL that is no question": {
			rule("when: activity.type"), "engagement.groups[0].rules[0].when: expected a condition: line 1, column 1: answers with string",
		},
		"decay twice":      {rule("decay: {halfLifeDays: 3, windowDays: 3}"), "engagement.groups[0].rules[0].decay: expected `halfLifeDays` or `windowDays`, not both"},
		"every of nothing": {rule("limit: {every: 3}"), "engagement.groups[0].rules[0].limit.every: expected a period in `per`"},
		"negative limit":   {rule("limit: {count: -1}"), "engagement.groups[0].rules[0].limit.count: "},
		"activity type":    {"id: x\nengagement: {groups: [{id: g, rules: [{id: r, activities: [Page Viewed]}]}]}", "engagement.groups[0].rules[0].activities[0]: expected dotted lower-case words such as `form.submitted`"},
		"no activity":      {"id: x\nengagement: {groups: [{id: g, rules: [{id: r}]}]}", "engagement.groups[0].rules[0].activities: "},
		"signal id taken":  {"id: x\nengagement: {groups: [{id: g}], signals: [{id: g, activities: [a]}]}", "engagement.signals[0].id: expected an id of its own"},
		"CEL of a signal":  {"id: x\nengagement: {signals: [{id: g, activities: [a], when: nonsense}]}", "engagement.signals[0].when: expected a condition: line 1"},
		"windows by hand":  {"id: x\nengagement: {countWindowDays: [7]}", "engagement.countWindowDays: expected nothing"},
		"bands not in order": {
			"id: x\nengagement: {bands: [{label: '2', atLeast: 1}, {label: '1', atLeast: 2}]}", "engagement.bands[1].atLeast: expected less",
		},

		"empty gate":           {gates("{}"), "qualification.gates: expected one of all, any"},
		"empty all":            {gates("{all: []}"), "qualification.gates: expected one of all, any"},
		"two fields":           {gates("{fitClass: [A], engagementBand: ['1']}"), "qualification.gates: expected exactly one of them, not fitClass and engagementBand"},
		"unknown class":        {gates("{fitClass: [A, E]}"), `qualification.gates.fitClass[1]: expected a label of fit.classes, fit.ladder or fit.grade, not "E"`},
		"unknown band":         {gates("{any: [{engagementBand: ['3']}]}"), `qualification.gates.any[0].engagementBand[0]: expected a label of engagement.bands or engagement.ladders, not "3"`},
		"unknown rule":         {gates("{activity: {rule: demo}}"), `qualification.gates.activity.rule: expected the id of a rule or signal of ` + "`engagement`" + `, not "demo"`},
		"group as rule":        {gates("{activity: {rule: e}}"), "qualification.gates.activity.rule: expected the id of a rule or signal"},
		"more than there are":  {gates("{atLeast: {count: 3, of: [{fitClass: [A]}, {fitClass: [B]}]}}"), "qualification.gates.atLeast.count: expected at most the number of gates, 2, not 3"},
		"none of them":         {gates("{atLeast: {count: 0, of: [{fitClass: [A]}]}}"), "qualification.gates.atLeast.count: expected a number of at least 1"},
		"range without limits": {gates("{fitScore: {}}"), "qualification.gates.fitScore: expected `atLeast` or `over`, `atMost` or `below`"},
		"range upside down":    {gates("{not: {fitScore: {atLeast: 5, below: 5}}}"), "qualification.gates.not.fitScore: expected a lower edge below the upper one"},
		"CEL of a gate":        {gates("{when: lead.a +}"), "qualification.gates.when: expected a condition: line 1"},
		"score without model":  {"id: x\nqualification: {gates: {fitScore: {atLeast: 5}}}", "qualification.gates.fitScore: expected a standard with `fit`"},
		"class without model":  {"id: x\nqualification: {gates: {engagementBand: ['1']}}", "qualification.gates.engagementBand[0]: expected a label of engagement.bands"},
		"rule id twice": {
			whole + "qualification: {exclude: [{id: a, when: {fitClass: [A]}}], disqualify: [{id: a, when: {fitClass: [A]}}]}",
			`qualification.disqualify[0].id: expected an id of its own, "a" is that of qualification.exclude[0]`,
		},
		"rule without gate":       {whole + "qualification: {exclude: [{id: a}]}", "qualification.exclude[0].when: "},
		"needs nothing":           {whole + "qualification: {needsData: {}}", "qualification.needsData.attributes: expected at least one attribute"},
		"needs something twice":   {whole + "qualification: {needsData: {attributes: [a, a]}}", "qualification.needsData.attributes[1]: expected each attribute once"},
		"needs no attribute name": {whole + "qualification: {needsData: {attributes: [Job Title]}}", "qualification.needsData.attributes[0]: expected a name of at most 63 lower-case letters"},
		"too many windows": {
			gates("{any: [" + strings.Join(numbered(21, "{activity: {rule: r, withinDays: %d}}"), ", ") + "]}"),
			"qualification: expected at most 20 different `withinDays`, not 21",
		},
		"gates too deep": {
			gates(strings.Repeat("{not: ", 30) + "{fitClass: [A]}" + strings.Repeat("}", 30)),
			"qualification: expected gates at most 20 deep, not 31",
		},
		"too many rules": {
			"id: x\nfit: {groups: [" + strings.Join(numbered(11, "{id: g%d, criteria: ["+
				strings.Join(numbered(500, "{id: PLACEc%d, when: 'true'}"), ", ")+"]}"), ", ") + "]}",
			"expected at most 2000 criteria, rules and signals, not 5500",
		},
		"too many choices": {
			fit("groups: [{id: g, criteria: [" + strings.Join(numbered(26, "{id: c%d, choices: ["+
				strings.Repeat("{when: 'true'}, ", 200)+"]}"), ", ") + "]}]"),
			"fit: expected at most 5000 choices, not 5200",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := standard.Compile(parse(t, c.text), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error\n%v\nwant it to contain\n%s", err, c.want)
			}
			if problems := standard.Problems(nil); !errors.As(err, &problems) {
				t.Errorf("error is a %T, want Problems", err)
			}
		})
	}
}

// numbered fills in 1 to n; PLACE stays for an outer number.
func numbered(n int, format string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.ReplaceAll(fmt.Sprintf(format, i+1), "PLACE", fmt.Sprintf("p%d", i+1))
	}
	return all
}

// A standard that is wrong in many places says so at once, in the order of the file.
func TestLoadReportsEverything(t *testing.T) {
	_, _, err := standard.Load("s.yaml", []byte(`id: x
timeZone: Mars
fit:
  maxPoints: -1
  groups:
    - id: g
      criteria:
        - {id: c, when: "lead.a =="}
        - id: c
          points: 1
qualification:
  gates: {fitClass: [A]}
`))
	var problems standard.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var at []string
	for _, p := range problems {
		at = append(at, fmt.Sprintf("%d %s", p.Line, p.Path))
	}
	want := []string{
		"2 timeZone", "4 fit.maxPoints", "8 fit.groups[0].criteria[0].when",
		"9 fit.groups[0].criteria[1].id", "9 fit.groups[0].criteria[1]", "12 qualification.gates.fitClass[0]",
	}
	if strings.Join(at, "\n") != strings.Join(want, "\n") {
		t.Errorf("problems\n%s\nwant\n%s", strings.Join(at, "\n"), strings.Join(want, "\n"))
	}
}

// The name of a version is the hash of what it says, not of how it is written.
func TestContentAddress(t *testing.T) {
	c := compile(t, small)
	same := map[string]string{
		"comments and order": "displayName: Trial\n" + strings.Replace(small, "displayName: Trial\n", "# more words\n\n", 1),
		"other notation":     strings.Replace(small, "10.5", "1.05e1", 1),
	}
	for name, text := range same {
		if other := compile(t, text); other.Version != c.Version || other.FitRevision != c.FitRevision || other.EngagementRevision != c.EngagementRevision {
			t.Errorf("%s: %s, want %s", name, other.Version, c.Version)
		}
	}
	words := compile(t, strings.Replace(small, "displayName: Trial", "displayName: Demo", 1))
	if words.Version == c.Version || words.FitRevision != c.FitRevision {
		t.Error("other words are another version of the same models")
	}
	fit := compile(t, strings.Replace(small, "10.5", "10", 1))
	if fit.Version == c.Version || fit.FitRevision == c.FitRevision || fit.EngagementRevision != c.EngagementRevision {
		t.Error("another fit is another fit revision, and no other engagement revision")
	}
	reads := strings.Replace(small, "points: 1\n", "points: 1\n          when: fit.class == \"A\"\n", 1)
	if reads == small {
		t.Fatal("the rule is not there any more")
	}
	if compile(t, reads).EngagementRevision == compile(t, strings.Replace(reads, "10.5", "10", 1)).EngagementRevision {
		t.Error("where a rule reads the fit, another fit is another engagement revision")
	}
	window := compile(t, strings.Replace(small, "withinDays: 7", "withinDays: 8", 1))
	if window.EngagementRevision == c.EngagementRevision {
		t.Error("what gates count belongs to the engagement revision")
	}
	// The names are for ever: decisions point to them.
	if want := "standards/trial/versions/a337f2ecdc3337bc"; c.Version != want {
		t.Errorf("version %s, want %s: has the canonical form changed?", c.Version, want)
	}
}

// Over the API the word of a fixed choice can be any number.
func TestCompileRefusesWordsThatAreNone(t *testing.T) {
	spec := parse(t, whole)
	spec.GetFit().GetGroups()[0].Combine = 99
	_, err := standard.Compile(spec, nil)
	if want := "fit.groups[0].combine: expected one of: sum, max, min, not the number 99"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// Through the wire and JSON and back a standard keeps its name.
func TestContentAddressSurvivesTheWire(t *testing.T) {
	for file, text := range shipped(t) {
		spec := parse(t, string(text))
		want := compile(t, string(text)).Version
		wire, err := proto.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var fromWire, fromJSON handoffv1.StandardSpec
		if err := errors.Join(proto.Unmarshal(wire, &fromWire), protojson.Unmarshal(text, &fromJSON)); err != nil {
			t.Fatal(err)
		}
		for _, back := range []*handoffv1.StandardSpec{&fromWire, &fromJSON} {
			if c, err := standard.Compile(back, nil); err != nil || c.Version != want {
				t.Errorf("%s: %v, %v; want %s", file, c, err, want)
			}
		}
	}
}
