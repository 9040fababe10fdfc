package engagement

import (
	"slices"
	"sort"

	"github.com/assay-hq/assay/services/internal/condition"
)

// gate is a compiled Gate. It has three answers, like a condition: what is unknown does
// not hold, and neither does its `not`. It asks about an instant: what the lead did up
// to then, which the state knows, and who it was then, which the profile knows.
//
// The fold has no profile: there the leaves that ask the profile are answered when an
// activity is matched, and stay with its entry.
type gate struct {
	root node
	// profile are the leaves that ask the profile, in their order.
	profile []node
	// attributes that they read, and whether some of them read the fit or the time.
	attributes         []string
	readsFit, readsNow bool
	// asksStage: a leaf asks for the stage.
	asksStage bool
	// activity are the leaves that ask what the lead did.
	activity []*activityGate
}

// readsProfile says that the answer depends on the profile.
func (g *gate) readsProfile() bool { return len(g.profile) > 0 }

// leaves are the answers of the leaves of a gate that ask the profile: a bit for each.
type leaves struct{ known, holds uint64 }

// maxLeaves is the most leaves of a gate that ask the profile.
const maxLeaves = 64

// ask answers the leaves of a gate that ask the profile. The view is moved to the
// instant.
func (c *Compiled) ask(g *gate, v *view, micros int64) (l leaves) {
	if !g.readsProfile() {
		return leaves{}
	}
	p := c.present(nil, v, micros)
	for i, leaf := range g.profile {
		switch leaf.answer(&p) {
		case condition.True:
			l.known |= 1 << i
			l.holds |= 1 << i
		case condition.False:
			l.known |= 1 << i
		}
	}
	return l
}

// admits reports whether the gate of a trigger, if it has one, holds for a match that happens
// now.
func (c *Compiled) admits(s *State, t *trigger, m *Match) bool {
	if t.gate == nil {
		return true
	}
	var l leaves
	if m.said != nil {
		l = m.said.leaves
	}
	return c.hold(t.gate, s, l, s.now.micros) == condition.True
}

// hold answers a gate from what the state knows and answers of its leaves.
func (c *Compiled) hold(g *gate, s *State, l leaves, micros int64) condition.Truth {
	p := present{compiled: c, state: s, told: &l, micros: micros}
	return g.root.answer(&p)
}

// present is what gates ask: a lead at an instant, not before the head of its state.
// It belongs to one goroutine.
type present struct {
	compiled *Compiled
	state    *State
	view     *view
	micros   int64
	facts    condition.Facts
	// told are the answers of the leaves over the profile, if they were asked before.
	told *leaves
	// segment of the lead by its position in Compiled.segments, -1 for none, once it is
	// known.
	segment   int
	segmented bool
}

// present returns what gates ask. The view is moved to the instant; it may be nil where
// nothing asks the profile.
func (c *Compiled) present(s *State, v *view, micros int64) present {
	p := present{compiled: c, state: s, view: v, micros: micros}
	if v != nil {
		v.stand(&p.facts, micros)
	}
	return p
}

// fit returns the fit over time.
func (p *present) fit() []FitPoint {
	if p.view == nil {
		return nil
	}
	return p.view.profile.fit
}

// answer says whether a gate holds; no gate always does.
func (p *present) answer(g *gate) condition.Truth {
	if g == nil {
		return condition.True
	}
	return g.root.answer(p)
}

// holds says that a gate is known to hold; no gate always does.
func (p *present) holds(g *gate) bool { return p.answer(g) == condition.True }

// asks says whether a condition over the profile holds.
func (p *present) asks(w *when) condition.Truth {
	truth, _ := w.condition.Eval(&p.facts)
	return truth
}

// node is a gate, or one inside of it.
type node interface {
	answer(p *present) condition.Truth
}

// profileLeaf is a leaf over the profile.
type profileLeaf struct {
	// number in gate.profile.
	number int
	asks   node
}

func (g *profileLeaf) answer(p *present) condition.Truth {
	switch bit := uint64(1) << g.number; {
	case p.told == nil:
		return g.asks.answer(p)
	case p.told.holds&bit != 0:
		return condition.True
	case p.told.known&bit != 0:
		return condition.False
	default:
		return condition.Unknown
	}
}

type atLeastGate struct {
	count int
	of    []node
}

func (g *atLeastGate) answer(p *present) condition.Truth {
	held, unknown := 0, 0
	for _, one := range g.of {
		switch one.answer(p) {
		case condition.True:
			held++
		case condition.Unknown:
			unknown++
		}
		if held >= g.count {
			return condition.True
		}
	}
	if held+unknown < g.count {
		return condition.False
	}
	return condition.Unknown
}

type notGate struct{ of node }

func (g *notGate) answer(p *present) condition.Truth {
	switch g.of.answer(p) {
	case condition.True:
		return condition.False
	case condition.False:
		return condition.True
	default:
		return condition.Unknown
	}
}

// activityGate holds when what is measured of a rule or signal lies in the range.
type activityGate struct {
	rule       int
	measure    Measure
	withinDays int64
	inVisit    bool
	in         span
}

func (g *activityGate) answer(p *present) condition.Truth {
	return truthOf(g.in.contains(g.value(p)))
}

func (g *activityGate) value(p *present) float64 {
	return p.compiled.measure(p.state, g.rule, g.measure, g.withinDays, g.inVisit, p.micros)
}

// whenGate holds when a condition over lead, account and now does.
type whenGate struct{ when *when }

func (g *whenGate) answer(p *present) condition.Truth { return p.asks(g.when) }

// fitScoreGate holds when the fit score lies in the range. Without a score it is
// unknown.
type fitScoreGate struct{ in *segmentSpan }

func (g *fitScoreGate) answer(p *present) condition.Truth {
	if p.facts.Fit == nil {
		return condition.Unknown
	}
	return truthOf(g.in.of(p).contains(p.facts.Fit.Score))
}

// fitClassGate holds when the fit class is one of these. Without a score it is
// unknown; a score below all edges has no class, which is none of these.
type fitClassGate []string

func (g fitClassGate) answer(p *present) condition.Truth {
	if p.facts.Fit == nil {
		return condition.Unknown
	}
	return truthOf(slices.Contains(g, p.facts.Fit.Class))
}

// personaGate holds when the persona is one of these. It is unknown as long as the fit
// never was assessed.
type personaGate []string

func (g personaGate) answer(p *present) condition.Truth {
	point, known := fitAt(p.fit(), p.micros)
	if !known {
		return condition.Unknown
	}
	return truthOf(slices.Contains(g, point.Persona))
}

// knownGate holds when at least count of the attributes are known.
type knownGate struct {
	count      int
	attributes []string
}

func (g *knownGate) answer(p *present) condition.Truth {
	known := 0
	for _, name := range g.attributes {
		if _, ok := p.view.Attribute(name); ok {
			known++
		}
	}
	return truthOf(known >= g.count)
}

// stageGate holds when the lead stands in one of the lifecycle stages. A lead of which
// no move is known stands in none of them.
type stageGate []string

func (g stageGate) answer(p *present) condition.Truth {
	return truthOf(slices.Contains(g, p.state.stage))
}

func truthOf(holds bool) condition.Truth {
	if holds {
		return condition.True
	}
	return condition.False
}

// fitAt returns the point of a fit over time that holds at an instant.
func fitAt(fit []FitPoint, micros int64) (FitPoint, bool) {
	n := sort.Search(len(fit), func(i int) bool { return fit[i].Micros > micros })
	if n == 0 {
		return FitPoint{}, false
	}
	return fit[n-1], true
}
