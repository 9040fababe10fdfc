package store

import (
	"slices"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// track is where a lead stands in a track, as stored.
type track struct {
	lead, name string
	standing   lifecycle.Standing
	restTime   time.Time
	handoff    string // of the standing's cycle
}

// followed is what the verdicts of a claim do in one track.
type followed struct {
	track // after
	// leading is the assessment that leads.
	leading *Assessment
	// qualified are the assessments that qualify, the leading one first.
	qualified []*Assessment
	// moved says that the stage changed, from this one.
	moved bool
	from  lifecycle.Stage
	// handsOff asks for a handoff in the cycle.
	handsOff bool
}

// follow says what the verdicts of a claim do in one track. assessments are those
// of the track, and at least one; moment is the time of the decision.
func follow(before track, l *Lead, assessments []*Assessment, moment time.Time) followed {
	slices.SortFunc(assessments, (*Assessment).leads)
	f := followed{track: before, leading: assessments[0], from: before.standing.Stage}
	for _, a := range assessments {
		if a.Decision.Verdict == decision.Qualified {
			f.qualified = append(f.qualified, a)
		}
	}
	if !before.restTime.IsZero() && l.Stirred.After(before.restTime) {
		f.standing = f.standing.Stir()
	}
	// A cycle that has a handoff is for sales to end: scoring again does not touch it.
	if before.handoff == "" {
		f.standing, f.moved = f.standing.Follow(wantedStage(f.leading.Decision.Verdict))
	}
	if f.moved {
		f.restTime = time.Time{}
		if f.standing.Rests() {
			f.restTime = moment
		}
	}
	f.handsOff = f.standing.Stage == lifecycle.MarketingQualified && f.handoff == "" &&
		len(f.qualified) > 0 && !l.Historical
	return f
}
