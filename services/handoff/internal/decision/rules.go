package decision

import (
	"slices"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Rules are what makes a qualified lead, compiled.
type Rules struct {
	// Exclude: who is never qualified, before everything else.
	Exclude []Rule
	// Disqualify: who is no potential buyer.
	Disqualify []Rule
	// ApprovalMayOverride: an approval may override a disqualification, if it says so.
	ApprovalMayOverride bool
	// SelfSelection: who qualifies by what they say of themselves.
	SelfSelection []SelfSelection
	// FastTrack: who qualifies at once.
	FastTrack []Rule
	// NeedsData: the answers to ask for before a lead that could qualify is handed off.
	NeedsData NeedsData
	// Permission that who is handed off must have given; nil: none.
	Permission *Permission
	// Gates must hold for QUALIFIED; nil: nobody qualifies here.
	Gates Gate
	// SalesReady says who of the qualified is ready to buy; nil: nobody.
	SalesReady Gate
	// While says while what the standard applies to a lead; nil: always.
	While Gate
	// Segments in their order; of those that hold the first is the lead's.
	Segments []Segment
}

// Segment is leads with ranges of their own.
type Segment struct {
	// ID is unique in the standard.
	ID string
	// When says who belongs to it.
	When *condition.Condition
}

// segment is the id of the lead's segment; empty if it has none.
func (r *Rules) segment(e *Evidence) string {
	for _, s := range r.Segments {
		if answer, _ := s.When.Eval(e.facts()); answer == condition.True {
			return s.ID
		}
	}
	return ""
}

// Apply says whether the rules apply to a lead by its own history. Unknown counts as no.
func (r *Rules) Apply(e *Evidence) bool {
	return r.While == nil || r.While.answer(e.in(r)) == True
}

// Rule is a gate with an id and words, so that it can be a reason.
type Rule struct {
	// ID is unique among the rules of a standard.
	ID string
	// Description is the reason in words a salesperson can read; empty: the gate's.
	Description string
	// When is what must hold.
	When Gate
	// Shown is what scores are shown as while the rule decides; nil: as they are. Only of
	// rules that exclude or disqualify.
	Shown *points.Points
	// OverridesDisqualification: it qualifies also whom a rule disqualifies. Only of fast
	// tracks.
	OverridesDisqualification bool
}

func (r *Rule) holds(e *Evidence) bool { return r.When != nil && r.When.answer(e) == True }

func (r *Rule) description() string {
	if r.Description == "" {
		return r.When.words()
	}
	return r.Description
}

// NeedsData asks for answers.
type NeedsData struct {
	// Attributes must be known. Empty: nothing is asked for.
	Attributes []string
	// When says who is worth asking; nil: everybody.
	When Gate
}

// Attributes are the names of the attributes that the rules read, sorted: what a
// decision freezes about the person.
func (r *Rules) Attributes() []string {
	names := append(slices.Clone(r.NeedsData.Attributes), Suppressed)
	if r.Permission != nil {
		names = append(names, r.Permission.Attribute())
	}
	for _, tier := range [][]Rule{r.Exclude, r.Disqualify, r.FastTrack} {
		for _, rule := range tier {
			names = attributes(rule.When, names)
		}
	}
	for i := range r.SelfSelection {
		for _, part := range r.SelfSelection[i].parts() {
			names = attributes(part.Gate, names)
		}
	}
	for _, gate := range []Gate{r.NeedsData.When, r.Gates, r.SalesReady, r.While} {
		names = attributes(gate, names)
	}
	for _, s := range r.Segments {
		names = append(names, s.When.Attributes()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func attributes(g Gate, names []string) []string {
	for _, part := range parts(g) {
		names = attributes(part, names)
	}
	switch g := g.(type) {
	case when:
		names = append(names, g.Attributes()...)
	case known:
		names = append(names, g.attributes...)
	}
	return names
}
