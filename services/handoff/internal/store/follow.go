package store

import (
	"slices"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// track is where a lead stands in a track, as stored.
type track struct {
	lead, name string
	person     string // the lead that stands for the person
	dormant    bool   // another lead's row says where the person stands
	standing   lifecycle.Standing
	handoff    string // of the standing's cycle
	standard   string // the leading one, and the version that decided
	version    string
	verdict    int64 // the leading one: assay.type.v1.Verdict
	held       bool  // qualifies by history alone, and waits for its release
}

const selectTrack = `SELECT lead_id, track, stage, cycle, stirred, rest_time, handoff_id, standard_id, version, verdict,
	reason, sub_reason, waived, qualified_count, recycled_count, dormant FROM tracks`

func scanTrack(row interface{ Scan(...any) error }) (track, error) {
	var (
		t                    track
		stage, stirred, rest int64
		dormant              int64
	)
	s := &t.standing
	err := row.Scan(&t.lead, &t.name, &stage, &s.Cycle, &stirred, &rest, &t.handoff, &t.standard, &t.version, &t.verdict,
		&s.Reason, &s.SubReason, &s.Waived, &s.Qualified, &s.Recycled, &dormant)
	t.dormant = dormant != 0
	s.Stage, s.Stirred, s.Since = lifecycle.Stage(stage), stirred != 0, sqldb.Time(rest)
	return t, err
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
	// withdraws is the handoff that ends because nobody may approach the lead any more;
	// empty: none does.
	withdraws string
	// approval that the handoff uses: `approvals/{approval}`; empty: none.
	approval string
}

// follow says what the verdicts of a claim do in one track. assessments are those
// of the track, and at least one; moment is the time of the decision.
func follow(before track, l *Lead, assessments []*Assessment, moment time.Time) followed {
	slices.SortFunc(assessments, func(a, b *Assessment) int { return a.opinion().Compare(b.opinion()) })
	f := followed{track: before, leading: assessments[0], from: before.standing.Stage}
	for _, a := range assessments {
		if a.Decision.Verdict == decision.Qualified {
			f.qualified = append(f.qualified, a)
		}
	}
	if f.standing.Rests() && l.Stirred.After(f.standing.Since) {
		f.standing = f.standing.Stir()
	}
	// A cycle that has a handoff is for sales to end: scoring again does not touch it.
	f.held, f.bound = false, f.standing.Stage
	switch {
	case before.handoff == "":
		f.goes(l, before, moment)
	case f.leading.Decision.Suppressed && f.standing.Stage == lifecycle.MarketingQualified:
		f.withdraw(moment)
	}
	// One that qualified as history waits there for something live, or for a person: who
	// approves it or brought it back.
	called := f.leading.approved || f.moved && before.standing.BroughtBack()
	f.handsOff = f.standing.Stage == lifecycle.MarketingQualified && f.handoff == "" &&
		len(f.qualified) > 0 && (called || !l.Historical && (l.Cause == Live || f.moved))
	return f
}

// goes goes where the leading verdict leads, unless the lead would become qualified
// and is not to yet.
func (f *followed) goes(l *Lead, before track, moment time.Time) {
	verdict := lifecycle.Verdict{Verdict: f.leading.Decision.Verdict, Codes: f.codes(), Approved: f.leading.approved}
	next, moves := f.standing.Follow(f.leading.Lifecycle, verdict, moment)
	f.bound = next.Stage
	if !moves {
		f.comeBack(moment)
	}
	if !moves || next.Stage != lifecycle.MarketingQualified {
		f.standing, f.moved = next, moves
		return
	}
	arrives := l.arrival(f.name, before.held)
	if f.leading.approved { // a person admits it, it floods nobody
		arrives = admitted
	}
	switch arrives {
	case admitted:
		f.standing, f.moved = next, moves
		return
	case held:
		f.held = true
	}
	if f.standing.Stage == lifecycle.None { // it has to stand somewhere
		f.standing, f.moved = f.standing.Follow(nil, lifecycle.Verdict{Verdict: decision.NeedsAnswers}, moment)
	}
}

// withdraw ends a handoff that nobody has taken yet: the lead is suppressed, and what sales
// never saw must not begin now. What sales has accepted is for sales to end.
func (f *followed) withdraw(moment time.Time) {
	verdict := lifecycle.Verdict{Verdict: f.leading.Decision.Verdict, Codes: f.codes()}
	f.standing, f.moved = f.standing.Follow(f.leading.Lifecycle, verdict, moment)
	if f.bound = f.standing.Stage; f.moved {
		f.withdraws, f.handoff = f.handoff, ""
	}
}

// codes are those of the reasons for which the lead is where the leading verdict says.
func (f *followed) codes() []string {
	if len(f.qualified) == 0 {
		return f.leading.Decision.Codes()
	}
	var codes []string
	for _, a := range f.qualified {
		codes = append(codes, a.Decision.Codes()...)
	}
	return codes
}

// comeBack has a lead decided again when it may come back that only has to wait.
func (f *followed) comeBack(moment time.Time) {
	at := f.leading.Lifecycle.ReturnTime(f.standing)
	if f.standing.Stirred && len(f.qualified) > 0 && at.After(moment) && (f.leading.Review.IsZero() || at.Before(f.leading.Review)) {
		f.leading.Review = at
	}
}

// opinion is what the assessment says, as far as it matters which leads.
func (a *Assessment) opinion() lifecycle.Opinion {
	return lifecycle.Opinion{Verdict: a.Decision.Verdict, Specific: a.Specific, Standard: a.Standard}
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
