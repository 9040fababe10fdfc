package engagement

import (
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

// Model is an engagement model as written. Compile checks it.
type Model struct {
	// Groups of rules, in the order they are explained.
	Groups []Group
	// Cap is the most the total can be; nil: no cap.
	Cap *points.Points
	// Bands by edges, highest first.
	Bands []Edge
	// Signals are counted and give no points.
	Signals []Signal
	// TimeZone in which the periods of repeat limits begin, an IANA name; empty: UTC.
	TimeZone string
	// CountWindows in days, ascending: matches within each are counted.
	CountWindows []int
}

// Group is rules that share a cap.
type Group struct {
	// ID, unique in the model.
	ID string
	// Description in words.
	Description string
	// Cap is the most the group gives at any instant; nil: no cap.
	Cap *points.Points
	// Rules in the order they are explained.
	Rules []Rule
	// Decay of rules that do not say their own.
	Decay Decay
}

// Rule is points for activities of some types.
type Rule struct {
	// ID, unique in the model.
	ID string
	// Description in words a salesperson can read.
	Description string
	// Activities are the types it is for; a last part `*` stands for all below.
	Activities []string
	// When is a condition; empty: always.
	When string
	// Points for each activity, also negative.
	Points points.Points
	// Limit says how often the rule counts; nil: every time.
	Limit *Limit
	// Cap is the most the rule gives, or takes, at any instant; nil: no cap.
	Cap *points.Points
	// Decay of its points; nil: the group's.
	Decay *Decay
}

// Signal is activities that are counted for gates.
type Signal struct {
	// ID, unique in the model, rules included.
	ID string
	// Activities as in a rule.
	Activities []string
	// When as in a rule.
	When string
}

// Limit lets the first Count matches of each period count.
type Limit struct {
	// Count of matches that count; 0 means 1.
	Count int
	// Per is the unit of the period.
	Per Per
	// Every is the length of the period in units; 0 means 1.
	Every int
}

// Per is the unit of a repeat limit's period.
type Per uint8

// The units. Days, weeks (from Monday) and months begin in the model's time zone.
const (
	PerLead Per = iota
	PerHour
	PerDay
	PerWeek
	PerMonth
)

// Decay says how points fade with age in whole UTC days. At most one field is given;
// none means never.
type Decay struct {
	// HalfLife: points halve every so long.
	HalfLife time.Duration
	// Window in days: points count in full while their age is less, and then not at all.
	Window int
}

// Edge is the lowest score of a band.
type Edge struct {
	// Label of the band.
	Label string
	// AtLeast is the lowest score, inclusive.
	AtLeast points.Points
}
