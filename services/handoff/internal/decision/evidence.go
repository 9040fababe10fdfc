package decision

import (
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Evidence is what the rules may read about a lead, at one instant.
type Evidence struct {
	// AsOf is the instant.
	AsOf time.Time
	// Zone is the calendar whose days count; nil: UTC.
	Zone *time.Location
	// Lead is the lead's attributes; nil: nothing is known.
	Lead condition.Attributes
	// Now are those attributes as they are now, where AsOf is an earlier instant: whether
	// somebody may be approached is not for the past to say. nil: Lead.
	Now condition.Attributes
	// Stage is the lifecycle stage, e.g. `NURTURE`, as the lead's facts tell it; empty
	// if they do not.
	Stage string
	// Fit is who the lead is.
	Fit Fit
	// Engagement is what the lead does.
	Engagement Engagement
	// Combined is both together.
	Combined Score
	// Lines are the points of each criterion, rule and group, by its id: the sum of its
	// lines. One that is absent gives nothing.
	Lines map[string]points.Points
	// Approval stands in place of the gates; nil: none does.
	Approval *Approval

	// segment is the id of the lead's segment; empty if it has none.
	segment string
}

// in is the evidence with the segment that the rules put the lead in.
func (e *Evidence) in(rules *Rules) *Evidence {
	placed := *e
	placed.segment = rules.segment(e)
	return &placed
}

// Score is a score with its label.
type Score struct {
	// Scored says whether there is a score. Without one, score and label are unknown.
	Scored bool
	// Points is the score in hundredths of a point.
	Points points.Points
	// Label is its class or band; empty if the model gives it none.
	Label string
}

// Fit is the fit of a lead under the standard's model.
type Fit struct {
	Score
	// Assessed says whether the fit was assessed at all: then it has a status, also
	// without a score.
	Assessed bool
	// Persona is the id of the lead's persona; empty if it has none.
	Persona string
	// ICP says whether the account matches the ideal customer profile.
	ICP Truth
	// Flags are the ids of those that are raised.
	Flags []string
}

// Engagement is the engagement of a lead under the standard's model. Without a score
// everything here is unknown.
type Engagement struct {
	Score
	// Flags are the ids of those that are raised.
	Flags []string
	// Suspended are the ids of the suspensions that hold.
	Suspended []string
	// Watched has what the activity gates of the rules ask, each by its place.
	Watched []float64
}

// watched is what the activity gate at a place asks; false if it is not known.
func (e *Engagement) watched(place int) (float64, bool) {
	if !e.Scored || place >= len(e.Watched) {
		return 0, false
	}
	return e.Watched[place], true
}

// flagged says whether a flag is raised; without any assessment nobody knows.
func (e *Evidence) flagged(id string) Truth {
	if !e.Fit.Assessed && !e.Engagement.Scored {
		return Unknown
	}
	return truth(slices.Contains(e.Fit.Flags, id) || slices.Contains(e.Engagement.Flags, id))
}

// known says whether an attribute has a value.
func (e *Evidence) known(attribute string) bool {
	if e.Lead == nil {
		return false
	}
	_, known := e.Lead.Attribute(attribute)
	return known
}

// now are the attributes as they are now.
func (e *Evidence) now() condition.Attributes {
	if e.Now != nil {
		return e.Now
	}
	return e.Lead
}

// facts are the evidence as conditions read it.
func (e *Evidence) facts() *condition.Facts {
	return &condition.Facts{Lead: e.Lead, Now: e.AsOf, Zone: e.Zone}
}
