package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
)

// Standing is where a lead stands in a track. The zero value is a lead that was
// never decided.
type Standing struct {
	// Stage it is in.
	Stage Stage
	// Cycle is the passage through the track, from 1; 0 before the first move.
	Cycle int
	// Stirred: the lead did something of its own since it came to rest, or a person
	// brought it back.
	Stirred bool
	// Since is when it came to rest; zero: it does not rest.
	Since time.Time
	// Reason and SubReason are why it was recycled, disqualified or lost; empty in any
	// other stage.
	Reason, SubReason string
	// Waived is the reason of a disqualification that a leader overruled in this cycle:
	// a verdict for that reason does not disqualify it again.
	Waived string
	// Qualified and Recycled are how often it was marketing qualified and recycled.
	Qualified, Recycled int
}

// Step is how a person moves a lead.
type Step struct {
	// To is the stage it leads to.
	To Stage
	// Cause of the move.
	Cause Cause
	// By is who moves it.
	By Who
	// Reason and SubReason, where the move needs them.
	Reason, SubReason string
}

// ErrNoReason: the move needs a reason.
var ErrNoReason = errors.New("a reason is required")

// ForbiddenError is a move that is not in the table.
type ForbiddenError struct {
	// Cause of the move that was tried.
	Cause Cause
	// Is the stage the lead is in.
	Is Stage
	// Wanted are the stages from which the move is allowed; empty: from none.
	Wanted []Stage
	// To is the stage it would have led to.
	To Stage
}

// Error names where the lead is and where it would have to be.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s to %s: the stage is %s, wanted %s", e.Cause, e.To, e.Is, e.WantedNames())
}

// WantedNames are the wanted stages in words.
func (e *ForbiddenError) WantedNames() string {
	names := make([]string, len(e.Wanted))
	for i, s := range e.Wanted {
		names[i] = s.String()
	}
	return strings.Join(names, " or ")
}

// DeniedError is a move that others may do.
type DeniedError struct {
	// Cause of the move that was tried, and the stage it is left From.
	Cause Cause
	From  Stage
	// Wanted is who may.
	Wanted Who
}

// Error names who may.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("%s from %s is for %s", e.Cause, e.From, e.Wanted)
}

// Follow is where a verdict takes the lead at an instant, by the rules of the standard
// that gave it. false: it stays; a verdict never moves a stage backwards.
func (s Standing) Follow(rules *Rules, v Verdict, at time.Time) (Standing, bool) {
	t := find(s.Stage, Wanted(v.Verdict), ByVerdict)
	switch {
	case t == nil, t.NeedsStirring && !s.Stirred:
		return s, false
	case t.To == Disqualified && s.waives(v.Codes):
		return s, false
	case t.To == MarketingQualified && !rules.returns(s, v, at):
		return s, false
	}
	reason := ""
	if t.To == Disqualified {
		reason = rules.strictest(v.Codes)
	}
	return s.take(t, reason, "", at), true
}

// Move is where a person takes the lead at an instant. The error is a *ForbiddenError, a
// *DeniedError, ErrNoReason or a *ReasonError.
func (s Standing) Move(rules *Rules, m Step, at time.Time) (Standing, error) {
	t := find(s.Stage, m.To, m.Cause)
	if t == nil || t.Cause == ByVerdict {
		e := &ForbiddenError{Cause: m.Cause, Is: s.Stage, To: m.To}
		for _, t := range Table {
			if t.To == m.To && t.Cause == m.Cause && t.Cause != ByVerdict {
				e.Wanted = append(e.Wanted, t.From)
			}
		}
		return s, e
	}
	if !t.Who.may(m.By) {
		return s, &DeniedError{Cause: t.Cause, From: t.From, Wanted: t.Who}
	}
	if t.NeedsReason {
		if strings.TrimSpace(m.Reason) == "" {
			return s, ErrNoReason
		}
		if err := rules.check(m.To, m.Reason, m.SubReason); err != nil {
			return s, err
		}
	}
	return s.take(t, m.Reason, m.SubReason, at), nil
}

// Stir is the standing after the lead did something of its own.
func (s Standing) Stir() Standing {
	s.Stirred = true
	return s
}

// Rests says whether the lead stays until it is stirred or a person moves it.
func (s Standing) Rests() bool { return s.Stage.rests() }

// BroughtBack says whether a person brought the lead back, and it has not qualified since.
func (s Standing) BroughtBack() bool {
	return s.Stirred && (s.Stage == Lead || s.Stage == Nurture)
}

// waives says whether all the reasons were overruled in this cycle.
func (s Standing) waives(codes []string) bool {
	return s.Waived != "" && !slices.ContainsFunc(codes, func(code string) bool { return code != s.Waived })
}

// take goes along a transition.
func (s Standing) take(t *Transition, reason, subReason string, at time.Time) Standing {
	next := Standing{
		Stage: t.To, Cycle: max(s.Cycle, 1), Stirred: s.Stirred, Waived: s.Waived,
		Qualified: s.Qualified, Recycled: s.Recycled,
	}
	if t.closes() {
		next.Cycle++
		next.Waived = ""
	}
	switch t.To {
	case MarketingQualified:
		next.Qualified++
	case Recycled:
		next.Recycled++
	}
	// That nobody may approach it, nobody overrules.
	if t.Cause == ByReinstate && s.Stage == Disqualified && s.Reason != decision.SuppressedCode {
		next.Waived = s.Reason
	}
	switch {
	case t.Cause == ByReinstate || t.Cause == ByMerge:
		next.Stirred = t.Cause == ByReinstate
	case t.To.rests():
		next.Stirred = false
	}
	if t.To.rests() {
		next.Since = at
	}
	if t.To.rests() || t.To == Lost {
		next.Reason, next.SubReason = reason, subReason
	}
	return next
}
