// Package scenarios plays leads through the real services and compares what comes
// out with what a marketer worked out by hand.
//
// A file of scenarios, such as default.yaml, names a standard and tells of leads:
// what is known of them, what they did and when, and what the standard must say. It
// is data, so that whoever changes a standard can change its meaning here as well.
// Nothing writes the expected numbers but people.
//
// # A scenario with one answer
//
//   - name: A good fit who is interested
//     lead: {email: sam@shop.example, job_title: Sales Manager}
//     activities:
//   - {day: -10, type: event.attended}                  # ten days before day 0
//   - {day: 0, time: "23:59:59", type: page.viewed}     # at that very second
//   - {at: 2026-03-16 09:00, type: email.clicked, times: 3, every: 1h}
//     expect: {fit: {score: 53, class: B}, engagement: {score: 50, band: "2"}, verdict: QUALIFIED, reasons: [gates]}
//
// It is decided on day 0 at noon. What is not expected is not compared.
//
// # A scenario in steps
//
//   - name: Points fade
//     lead: {email: sam@shop.example}
//     known: {day: 0}                        # since when; default: 365 days before the first step
//     steps:
//   - day: 0
//     activities: [{type: content.downloaded}]
//     expect: {engagement: {score: 20}, lines: {ebook: 20}}
//   - day: 30
//     lead: {job_title: CTO}             # becomes known now
//     expect: {engagement: {score: 10}, lines: {ebook: {given: 20, decay: -10}}}
//
// The clocks of the services stand at the instant of a step; what happens in it
// arrives then. An activity with an earlier time of its own arrives late. The stage
// moves of a lead (`lifecycle.recycled`) are activities like any other: they come from
// the source `assay:handoff`, and what handoff itself would tell is held back, so that
// the scenario alone says where a lead stood.
//
// # What people do
//
//   - day: 1
//     people:
//   - {does: accept, who: jane}
//   - {does: disqualify, reason: competitor, role: marketing, refused: PERMISSION_DENIED}
//     expect: {stage: SALES_ACCEPTED, cycle: 1, qualifiedCount: 1, handoff: ACCEPTED, move: {cause: accept}}
//
// With users in the file, `{does: claim, who: amy}` takes the handoff and `{does: reassign,
// to: ben}` gives it away; `clocks` are what the owners' clocks show:
//
//	expect: {clocks: [{owner: amy, met: false, working: 2h30m, elapsed: 66h30m}]}
//
// People come after what arrives in their step was decided; what is expected is compared
// after them.
package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"gopkg.in/yaml.v3"
)

// File is a file of scenarios.
type File struct {
	// Standard is the file of the standard, from the root of the repository.
	Standard string `yaml:"standard"`
	// TimeZone of all times in the file, as an IANA name. Default `UTC`.
	TimeZone string `yaml:"timeZone"`
	// Day0 is the day that others are counted from. Default 2026-03-16, a Monday in
	// the middle of a month.
	Day0 string `yaml:"day0"`
	// Known is since when leads are known, unless a scenario says otherwise. Default:
	// 365 days before the first step.
	Known *Moment `yaml:"known"`
	// Users are the people by id, as in the API, e.g. with `workingHours`; those without
	// a role are salespeople.
	Users map[string]map[string]any `yaml:"users"`
	// Scenarios are told apart by their names.
	Scenarios []Scenario `yaml:"scenarios"`
}

// Scenario is a lead and what the standard must say of it.
type Scenario struct {
	// Name says what is special about the lead.
	Name string `yaml:"name"`
	// Lead has the attributes; `email` is the identity, of which scoring sees no more
	// than the domain.
	Lead map[string]any `yaml:"lead"`
	// Account has the attributes of the company that the lead belongs to. Default: it
	// belongs to none.
	Account map[string]any `yaml:"account"`
	// Consent to be observed, by category, e.g. `{analytics: true}`.
	Consent map[string]bool `yaml:"consent"`
	// Known is since when all that is known. Default: what the file says.
	Known *Moment `yaml:"known"`
	// Activities are what the lead did, if there is one step.
	Activities []Activity `yaml:"activities"`
	// Expect is what the standard must say on day 0 at noon, if there is one step.
	Expect Expectation `yaml:"expect"`
	// Steps are instants at which something arrives or is compared, in order.
	Steps []Step `yaml:"steps"`
}

// Moment is an instant: `at`, or a day with a time.
type Moment struct {
	// At is a date and time, e.g. `2020-03-12 09:00` or `2020-03-12 23:59:59`.
	At string `yaml:"at"`
	// Day is counted from day 0.
	Day int `yaml:"day"`
	// Time of the day, e.g. `23:59:59`. Default: noon.
	Time string `yaml:"time"`
}

// exact says whether the time of the day is given.
func (m Moment) exact() bool { return m.At != "" || m.Time != "" }

// Step is what happens at an instant, and what the standard must say then.
type Step struct {
	Moment `yaml:",inline"`
	// Lead has the attributes that become known.
	Lead map[string]any `yaml:"lead"`
	// Account has the attributes of its account that become known.
	Account map[string]any `yaml:"account"`
	// Consent that is given or withdrawn.
	Consent map[string]bool `yaml:"consent"`
	// Activities that arrive.
	Activities []Activity `yaml:"activities"`
	// People do something with the lead, after that was decided.
	People []Word `yaml:"people"`
	// Expect is what the standard must say, and where the lead stands after all that.
	Expect Expectation `yaml:"expect"`
}

// Activity is something that a lead did, or that was done with it.
type Activity struct {
	// Moment at which it happened. Without any, or with a day only, activities happen
	// in their order shortly before the step, or shortly before noon of that day.
	Moment `yaml:",inline"`
	// Type of the activity, e.g. `page.viewed`.
	Type string `yaml:"type"`
	// Properties of the activity.
	Properties map[string]any `yaml:"properties"`
	// Times is how often. Default 1.
	Times int `yaml:"times"`
	// Every is the time between repetitions, e.g. `24h`. Default: none.
	Every time.Duration `yaml:"every"`
}

// Expectation is what a standard says of a lead. What is left out is not compared.
type Expectation struct {
	// Fit is the fit score with its class, or `none`.
	Fit *Score `yaml:"fit"`
	// Engagement is the engagement score with its band.
	Engagement *Score `yaml:"engagement"`
	// Combined is the score of both with its band, or `none`.
	Combined *Score `yaml:"combined"`
	// Lines are points by criterion, rule or group.
	Lines map[string]Line `yaml:"lines"`
	// Verdict without its prefix, e.g. `QUALIFIED`.
	Verdict string `yaml:"verdict"`
	// Reasons are the codes, in order.
	Reasons []string `yaml:"reasons"`
	// Missing are the attributes to ask for.
	Missing []string `yaml:"missing"`
	// Unknown are the criteria of the fit without an answer.
	Unknown []string `yaml:"unknown"`
	// Flags are those of both parts that are raised.
	Flags []string `yaml:"flags"`
	// Stage without its prefix, e.g. `SALES_ACCEPTED`.
	Stage string `yaml:"stage"`
	// Cycle is the passage through the track.
	Cycle *int32 `yaml:"cycle"`
	// QualifiedCount and RecycledCount are how often it was marketing qualified and
	// recycled.
	QualifiedCount *int32 `yaml:"qualifiedCount"`
	RecycledCount  *int32 `yaml:"recycledCount"`
	// Handoff is the state of the latest one without its prefix, e.g. `OPEN`; `none`.
	Handoff string `yaml:"handoff"`
	// Exception is the code of that which qualifies the lead, e.g. `approval`; `none`.
	Exception string `yaml:"exception"`
	// Move is the latest stage move.
	Move *LastMove `yaml:"move"`
	// Clocks are those of the latest handoff, the first first.
	Clocks []Clock `yaml:"clocks"`
	// SpeedToLead is the time from the request to the first answer.
	SpeedToLead *time.Duration `yaml:"speedToLead"`
}

// Score is a score with its class or band; None: there is none. A score without a
// number is compared by its label alone, and the other way round.
type Score struct {
	None  bool     `yaml:"-"`
	Score *float64 `yaml:"score"`
	Class string   `yaml:"class"`
	Band  string   `yaml:"band"`
}

// UnmarshalYAML reads `none`, a number, or a score with its label.
func (s *Score) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		if node.Value == "none" {
			s.None = true
			return nil
		}
		return node.Decode(&s.Score)
	}
	type plain Score
	return node.Decode((*plain)(s))
}

// String is the score in a word, e.g. `95 A` or `none`.
func (s Score) String() string {
	switch {
	case s.None:
		return "none"
	case s.Score == nil:
		return s.Class + s.Band
	default:
		return fmt.Sprintf("%v %s", *s.Score, s.Class+s.Band)
	}
}

// Line is what the lines of one rule sum to: all of them, or each kind by itself, e.g.
// `{given: 45, limit: -15}`; of a kind that is left out there is none.
type Line struct {
	Sum  float64
	Kind map[string]float64
}

// UnmarshalYAML reads a number or numbers by kind.
func (l *Line) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode {
		return node.Decode(&l.Kind)
	}
	return node.Decode(&l.Sum)
}

// Read reads a file of scenarios strictly.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var file File
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range file.Scenarios {
		s := &file.Scenarios[i]
		if s.Known == nil {
			s.Known = file.Known
		}
		if len(s.Steps) == 0 {
			s.Steps = []Step{{Activities: s.Activities, Expect: s.Expect}}
		}
	}
	return &file, nil
}
