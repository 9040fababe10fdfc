package engagement

import (
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

// Model is an engagement model as written; assay.type.v1.EngagementModel says what each
// part means. Compile checks it.
type Model struct {
	// Groups of rules, in the order they are explained.
	Groups []Group
	// Cap is the most the total can be; nil: no cap.
	Cap *points.Points
	// Least is the floor of the total that is only shown; nil: none.
	Least *points.Points
	// Floor of the total that lifts; nil: none.
	Floor *Floor
	// Bands by edges, highest first.
	Bands []Edge
	// SegmentBands are bands for the leads of a segment, in place of Bands.
	SegmentBands []SegmentEdges
	// Ladders give the band by conditions; of several the best label counts.
	Ladders []Ladder
	// LadderLabels from the best to the worst.
	LadderLabels []string
	// Signals are counted and give no points.
	Signals []Signal
	// TimeZone in which days, weeks and months begin, an IANA name; empty: UTC.
	TimeZone string
	// CountWindows in days, ascending: matches within each are counted.
	CountWindows []int
	// SharedLimits are limits over several rules.
	SharedLimits []SharedLimit
	// Resets take points away that were given before.
	Resets []Reset
	// Memories are values to come back to.
	Memories []Memory
	// Suspensions are times in which nothing is given.
	Suspensions []Suspension
	// Overrides set the shown score, the first that holds.
	Overrides []Override
	// Combined is fit and engagement as one score; nil: there is none.
	Combined *Combined
	// Flags change no points.
	Flags []Flag
	// Watch is what the gates of the standard ask.
	Watch Watch
	// Segments of the standard.
	Segments []Segment
	// Lists that conditions read, by id.
	Lists map[string][]string
	// Consent that activities need; nil: none.
	Consent *Consent
}

// Group is rules that share a cap.
type Group struct {
	// ID, unique in the model.
	ID string
	// Description in words.
	Description string
	// Cap is the most the group gives at any instant; nil: no cap.
	Cap *points.Points
	// Least is its floor that is only shown; nil: none.
	Least *points.Points
	// Floor that lifts; nil: none.
	Floor *Floor
	// Rules in the order they are explained.
	Rules []Rule
	// Criteria are asked anew at each instant; explained after the rules.
	Criteria []Criterion
	// Groups inside it, each with its own cap.
	Groups []Group
	// Combine says how its lines make up its points.
	Combine Combine
	// Decay of rules that do not say their own.
	Decay Decay
	// Stop halts the group while it holds; nil: never.
	Stop *Stop
}

// Combine is how the lines of a group make up its points.
type Combine uint8

// The ways: their sum, the highest of them, the lowest.
const (
	CombineSum Combine = iota
	CombineMax
	CombineMin
)

// Rule is points for something that happens: by an activity, unless one of Attributes,
// Schedule, After, Sequence and Inactivity says otherwise.
type Rule struct {
	// ID, unique in the model.
	ID string
	// Description in words a salesperson can read.
	Description string
	// Activities are the types it is for; a last part `*` stands for all below, `*`
	// alone for all but lifecycle.* and sales.*. With Inactivity: those that end it.
	Activities []string
	// Attributes: it happens when one of them gets another value.
	Attributes []string
	// Schedule: it happens at these instants.
	Schedule *Schedule
	// After: it happens when one of these rules, or a rule of these groups, has given.
	After []string
	// Sequence: it happens when the last of these comes after the others.
	Sequence *Sequence
	// Inactivity: it happens when nothing else does.
	Inactivity *Inactivity
	// When is a condition; empty: always.
	When string
	// OnlyIf must hold at that instant as well; nil: always.
	OnlyIf *Gate
	// Points for each match, also negative.
	Points points.Points
	// Choices of points by conditions, the first that holds.
	Choices []RuleChoice
	// PerUnit is points by an amount; nil: none.
	PerUnit *PerUnit
	// RepeatPoints of the first match, the second, …; the last stands for all further.
	RepeatPoints []points.Points
	// Limit says how often the rule counts; nil: every time.
	Limit *Limit
	// Cap is the most the rule gives, or takes, at any instant; nil: no cap.
	Cap *points.Points
	// Decay of its points; nil: the group's.
	Decay *Decay
	// Value is the number of each match: an expression.
	Value string
	// Distinct is the value of each match that is told apart: an expression.
	Distinct string
	// VisitMinutes of pause between two matches begin another visit; 0 means 30.
	VisitMinutes int
}

// RuleChoice is one alternative of a rule.
type RuleChoice struct {
	When        string
	Points      points.Points
	Description string
}

// PerUnit is points by an amount.
type PerUnit struct {
	// Value is the amount: an expression.
	Value string
	// Points for one unit.
	Points points.Points
	// Unit is the size of one.
	Unit float64
	// Whole: only whole units count.
	Whole bool
	// Min and Max of one match; nil: no limit.
	Min, Max *points.Points
}

// Sequence is matches of rules or signals one after the other.
type Sequence struct {
	// Steps are their ids, in order.
	Steps []string
	// Within is how long it may take from the first to the last; 0: no limit.
	Within time.Duration
}

// Inactivity is that no activity of some types came for so long.
type Inactivity struct {
	// After so long without one.
	After time.Duration
	// Repeat every so long while it goes on; 0: once.
	Repeat time.Duration
	// NotBefore so long after the lead's first fact.
	NotBefore time.Duration
}

// Schedule is instants at which something is evaluated by itself.
type Schedule struct {
	// At are times of day, `HH:MM`.
	At []string
	// Weekdays, 1 for Monday to 7; empty: every day.
	Weekdays []int
	// MonthDays, 1 to 31; empty: every day.
	MonthDays []int
	// ZoneAttribute holds the lead's own time zone; empty: the model's.
	ZoneAttribute string
}

// Criterion is a question about the lead as it stands at an instant.
type Criterion struct {
	ID, Description string
	// Choices: the first that holds gives its points.
	Choices []GateChoice
	// WeightPercent of its points in hundredths of a percent; 10000 leaves them.
	WeightPercent points.Points
}

// GateChoice is one choice of a criterion.
type GateChoice struct {
	If          Gate
	Points      points.Points
	Description string
}

// Signal is activities that are counted for gates.
type Signal struct {
	// ID, unique in the model, rules included.
	ID string
	// Description in words.
	Description string
	// Activities and Attributes as in a rule.
	Activities, Attributes []string
	// When as in a rule.
	When string
	// Value and Distinct as in a rule.
	Value, Distinct string
	// VisitMinutes as in a rule.
	VisitMinutes int
}

// Limit lets the first Count matches of each period count, and Points of them.
type Limit struct {
	// Count of matches that count; 0 means 1, or any number if Points is given.
	Count int
	// Per is the unit of the period.
	Per Per
	// Every is the length of the period in units; 0 means 1.
	Every int
	// Rolling: the period is the last before a match, not one of the calendar.
	Rolling bool
	// Points that count in a period, without sign; nil: any.
	Points *points.Points
	// PerValue counts apart for each value of this expression over the activity.
	PerValue string
}

// Per is the unit of a repeat limit's period.
type Per uint8

// The units. Days, weeks (from Monday), months and years begin in the model's time
// zone. A visit is matches without a pause of the rule's VisitMinutes.
const (
	PerLead Per = iota
	PerHour
	PerDay
	PerWeek
	PerMonth
	PerYear
	PerVisit
)

// SharedLimit is one limit over several rules.
type SharedLimit struct {
	ID, Description string
	// Rules are ids of rules or groups.
	Rules []string
	Limit Limit
}

// Decay says how points fade with age in whole days of the model's calendar. At most
// one of HalfLife, Window, Linear and Steps is given; none means never.
type Decay struct {
	// HalfLife: points halve every so long.
	HalfLife time.Duration
	// Window in days: points count in full while their age is less, and then not at all.
	Window int
	// Linear in days: points shrink by the same amount every day, to nothing at this age.
	Linear int
	// After is the age in days up to which points stay in full.
	After int
	// Steps keep a share from an age on, in ascending order of age.
	Steps []DecayStep
}

// DecayStep is the share that is left from an age on.
type DecayStep struct {
	// After is the age in days.
	After int
	// Percent that is left, in hundredths of a percent: 5000 is a half.
	Percent points.Points
}

// Floor is a floor that lifts: what is missing is given.
type Floor struct {
	Points points.Points
	// Schedule says when it is looked at; nil: after every fact and deduction.
	Schedule *Schedule
}

// Stop halts a group while a score is high enough. Exactly one is given.
type Stop struct {
	Engagement, Combined, Group *points.Points
}

// Reset takes points away that were given before.
type Reset struct {
	ID, Description string
	// Activities, When, Attributes, Schedule, Inactivity and OnlyIf as in a rule.
	Activities []string
	When       string
	Attributes []string
	Schedule   *Schedule
	Inactivity *Inactivity
	OnlyIf     *Gate
	// Of are ids of the rules or groups whose points it takes; empty: all.
	Of []string
	// Keep is the share that is kept, in hundredths of a percent.
	Keep points.Points
	// Restore is the id of a memory that the points become; empty: none.
	Restore string
	// Forget: repeat limits and counts of those rules begin anew.
	Forget bool
	// Limit says how often it happens; nil: every time.
	Limit *Limit
}

// Memory remembers the points of rules as they are at an instant.
type Memory struct {
	ID, Description string
	// Activities, When and OnlyIf as in a rule.
	Activities []string
	When       string
	OnlyIf     *Gate
	// First counts instead of the latest.
	First bool
}

// Suspension is a time in which rules give nothing.
type Suspension struct {
	ID, Description string
	// From are activity types that begin it, Until those that end it.
	From      []string
	FromWhen  string
	Until     []string
	UntilWhen string
	// Of are ids of the rules or groups; empty: all with points above 0.
	Of []string
	// Freeze: the shown score stands still.
	Freeze bool
}

// Override sets the shown score: by an activity until another, or while a gate holds.
type Override struct {
	ID, Description string
	Activities      []string
	When            string
	If              *Gate
	Points          points.Points
	PerUnit         *PerUnit
	Until           []string
	// Combined: the combined score is set, not the engagement score.
	Combined bool
}

// Combined is fit and engagement as one score.
type Combined struct {
	// Cap, Least and Floor as in a group.
	Cap, Least *points.Points
	Floor      *Floor
	// Bands by edges, highest first, and those for the leads of a segment.
	Bands        []Edge
	SegmentBands []SegmentEdges
	// FitCap is the most of the fit score that counts; nil: all.
	FitCap *points.Points
	// UnknownFitIsZero: a fit without a score counts as 0.
	UnknownFitIsZero bool
}

// Ladder is a band by conditions: the first row that holds.
type Ladder struct {
	ID, Description string
	Rows            []Rung
}

// Rung is one row of a ladder.
type Rung struct {
	Label string
	// If must hold; nil: always.
	If          *Gate
	Description string
}

// Flag is said of a lead beside its scores.
type Flag struct {
	ID, Description string
	If              Gate
}

// Watch is what the gates of the standard ask of the engagement part; what they compare
// it with is no part of the model.
type Watch struct {
	Activities []ActivityGate
}

// Segment is leads that are measured by numbers of their own.
type Segment struct {
	ID, Description string
	When            string
}

// Gate is a condition that has a name for everything the fold can be asked. Exactly one
// of the fields is given.
type Gate struct {
	All, Any []Gate
	AtLeast  *AtLeast
	Not      *Gate
	Activity *ActivityGate
	// When is a condition over lead, account and now.
	When              string
	FitScore          *Range
	FitClass, Persona []string
	Known             *Known
	// Stage has lifecycle stages as in the API, e.g. `NURTURE`.
	Stage []string
	// Foreign is the name of a field that the fold cannot be asked, e.g. `icp`.
	Foreign string
}

// AtLeast holds when at least Count of the gates hold.
type AtLeast struct {
	Count int
	Of    []Gate
}

// Known holds when at least Count of the attributes are known; 0 means all.
type Known struct {
	Count      int
	Attributes []string
}

// Range is a range of scores: AtLeast and AtMost belong to it, Over and Below do not.
type Range struct {
	AtLeast, Below, Over, AtMost *points.Points
	// BySegment has other ranges for the leads of a segment.
	BySegment map[string]Range
}

// ActivityGate holds when a rule or signal matched often enough.
type ActivityGate struct {
	// Rule is the id of a rule or signal.
	Rule string
	// Measure of its matches.
	Measure Measure
	// WithinDays counts those of today and the days before it; 0: ever.
	WithinDays int
	// InVisit counts those of the visit that goes on.
	InVisit bool
	// The edges; without any, at least 1.
	AtLeast, AtMost, Over, Below *float64
}

// Measure is what is measured of matches.
type Measure uint8

// The measures; see ActivityGate.Measure in the API.
const (
	MeasureCount Measure = iota
	MeasureDays
	MeasureSum
	MeasureDistinct
	MeasureCounted
	MeasureDaysSince
)

// Edge is the lowest score of a band.
type Edge struct {
	// Label of the band.
	Label string
	// AtLeast is the lowest score, inclusive.
	AtLeast points.Points
}

// SegmentEdges are edges for the leads of one segment.
type SegmentEdges struct {
	Segment string
	Edges   []Edge
}
