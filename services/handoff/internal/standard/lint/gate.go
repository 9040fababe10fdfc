package lint

import (
	"fmt"
	"math"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// Terms of gates that are not of conditions.
const (
	fitScore        = "the fit score"
	engagementScore = "the engagement score"
	combinedScore   = "the combined score"
	fitClass        = "the fit class"
	engagementBand  = "the engagement band"
	combinedBand    = "the combined band"
)

// maxChosen bounds the ways to choose k of n that a gate is split into.
const maxChosen = 200

// gate is what a gate claims. What the solver has no words for is a question of its own.
func (p *parts) gate(g *typev1.Gate) condition.Claim {
	several := func(of []*typev1.Gate) []condition.Claim {
		claims := make([]condition.Claim, len(of))
		for i, inside := range of {
			claims[i] = p.gate(inside)
		}
		return claims
	}
	switch {
	case g == nil:
		return all()
	case len(g.GetAll()) > 0:
		return all(several(g.GetAll())...)
	case len(g.GetAny()) > 0:
		return anyOf(several(g.GetAny())...)
	case g.GetAtLeast() != nil:
		return chosen(several(g.GetAtLeast().GetOf()), int(g.GetAtLeast().GetCount()))
	case g.GetNot() != nil:
		return not(p.gate(g.GetNot()))
	case g.GetFitScore() != nil:
		return inRange(fitScore, g.GetFitScore())
	case g.GetEngagementScore() != nil:
		return inRange(engagementScore, g.GetEngagementScore())
	case g.GetCombinedScore() != nil:
		return inRange(combinedScore, g.GetCombinedScore())
	case len(g.GetFitClass()) > 0:
		return oneOf(fitClass, g.GetFitClass()...)
	case len(g.GetEngagementBand()) > 0:
		return oneOf(engagementBand, g.GetEngagementBand()...)
	case len(g.GetCombinedBand()) > 0:
		return oneOf(combinedBand, g.GetCombinedBand()...)
	case g.GetActivity() != nil:
		return inSpan(activityTerm(g.GetActivity()), activitySpan(g.GetActivity()))
	case g.GetWhen() != "":
		return p.claim(g.GetWhen())
	case len(g.GetPersona()) > 0:
		return oneOf("the persona", g.GetPersona()...)
	case len(g.GetStage()) > 0:
		return oneOf("the stage", g.GetStage()...)
	case g.GetFlag() != "":
		return condition.Claim{Term: "flag " + g.GetFlag()}
	case g.GetPoints() != nil:
		return inRange(pointsTerm(g.GetPoints().GetOf()), g.GetPoints().GetRange())
	default:
		return condition.Claim{Term: g.String()}
	}
}

func pointsTerm(id string) string { return "points of " + id }

// activityTerm is what an activity gate measures.
func activityTerm(a *typev1.ActivityGate) string {
	return fmt.Sprintf("activity %s %d %d %v", a.GetRule(), max(a.GetMeasure(), typev1.ActivityGate_MEASURE_COUNT), a.GetWithinDays(), a.GetInVisit())
}

func inRange(term string, r *typev1.Range) condition.Claim {
	if len(r.GetBySegment()) > 0 {
		return condition.Claim{Term: term + " " + r.String()}
	}
	return inSpan(term, rangeSpan(r))
}

func inSpan(term string, s span) condition.Claim {
	claim := all()
	if !math.IsInf(s.low, 0) {
		if s.lowOpen {
			claim.Of = append(claim.Of, over(term, s.low))
		} else {
			claim.Of = append(claim.Of, atLeast(term, s.low))
		}
	}
	if !math.IsInf(s.high, 0) {
		if s.highOpen {
			claim.Of = append(claim.Of, not(atLeast(term, s.high)))
		} else {
			claim.Of = append(claim.Of, not(over(term, s.high)))
		}
	}
	return claim
}

// chosen claims that k of the claims hold.
func chosen(of []condition.Claim, k int) condition.Claim {
	var ways []condition.Claim
	var choose func(from int, taken []condition.Claim) bool
	choose = func(from int, taken []condition.Claim) bool {
		if len(taken) == k {
			ways = append(ways, all(append([]condition.Claim(nil), taken...)...))
			return len(ways) <= maxChosen
		}
		for i := from; i < len(of); i++ {
			if !choose(i+1, append(taken, of[i])) {
				return false
			}
		}
		return true
	}
	if !choose(0, nil) {
		return condition.Claim{Term: fmt.Sprintf("%d of %d %p", k, len(of), &of)}
	}
	return anyOf(ways...)
}

// gatesIn calls visit for each activity gate in a gate.
func gatesIn(g *typev1.Gate, visit func(*typev1.Gate)) {
	if g == nil {
		return
	}
	visit(g)
	for _, of := range [][]*typev1.Gate{g.GetAll(), g.GetAny(), g.GetAtLeast().GetOf()} {
		for _, inside := range of {
			gatesIn(inside, visit)
		}
	}
	gatesIn(g.GetNot(), visit)
}
