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
	verdict    int64  // the leading one: assay.type.v1.Verdict
	held       bool   // qualifies by history alone, and waits for its release
}

// followed is what the verdicts of a claim do in one track.
type followed struct {
	track // after
	// leading is the assessment that leads.
	leading *Assessment
	// qualified are the assessments that qualify, the leading one first.
	qualified []*Assessment
	// bound is the stage that the verdict leads to, at once or when it is released.
	bound lifecycle.Stage
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
	f.held, f.bound = false, f.standing.Stage
	if before.handoff == "" {
		f.lead(l, before)
	}
	if f.moved {
		f.restTime = time.Time{}
		if f.standing.Rests() {
			f.restTime = moment
		}
	}
	// One that qualified as history waits there for something live.
	f.handsOff = f.standing.Stage == lifecycle.MarketingQualified && f.handoff == "" &&
		len(f.qualified) > 0 && !l.Historical && (l.Cause == Live || f.moved)
	return f
}

// lead goes where the leading verdict leads, unless the lead would become qualified
// and is not to yet.
func (f *followed) lead(l *Lead, before track) {
	next, moves := f.standing.Follow(wantedStage(f.leading.Decision.Verdict))
	f.bound = next.Stage
	if !moves || next.Stage != lifecycle.MarketingQualified {
		f.standing, f.moved = next, moves
		return
	}
	switch l.arrival(f.name, before.held) {
	case admitted:
		f.standing, f.moved = next, moves
		return
	case held:
		f.held = true
	}
	if f.standing.Stage == lifecycle.None { // it has to stand somewhere
		f.standing, f.moved = f.standing.Follow(lifecycle.Lead)
	}
}

// arrival is what becomes of a lead that a verdict would make qualified.
type arrival int8

const (
	admitted arrival = iota // it is
	held                    // at its release time
	stays                   // when it does something
)

// arrival says how the lead would become qualified in a track: what it did itself
// admits it at once, what we did does not flood sales.
func (l *Lead) arrival(track string, isHeld bool) arrival {
	switch {
	case l.Cause == Live && isHeld && l.Historical:
		return held
	case l.Cause == Live, l.Cause == ByRelease && slices.Contains(l.Released, track):
		return admitted
	case l.Cause == ByReview && !isHeld && l.Recent:
		return admitted
	case l.Cause == ByReview && !isHeld:
		return stays
	default:
		return held
	}
}
