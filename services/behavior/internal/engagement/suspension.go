package engagement

import (
	"fmt"

	"github.com/assay-hq/assay/services/internal/points"
)

// compiledSuspension is a time in which rules give nothing.
type compiledSuspension struct {
	id, description string
	freeze          bool
}

// ruleSuspension is a suspension that withholds a rule.
type ruleSuspension struct {
	suspension int
	// above: only points above 0.
	above bool
}

func (b *compiler) suspensions() {
	for i, in := range b.model.Suspensions {
		path := fmt.Sprintf("suspensions[%d]", i)
		b.id(path+".id", in.ID)
		if len(in.From) == 0 {
			b.problem(path+".from", "must name at least one activity type")
		}
		b.types(path+".from", in.From)
		b.types(path+".until", in.Until)
		if in.UntilWhen != "" && len(in.Until) == 0 {
			b.problem(path+".untilWhen", "must be beside until")
		}
		b.out.suspensions = append(b.out.suspensions, compiledSuspension{
			id: in.ID, description: named(in.Description, in.ID), freeze: in.Freeze,
		})
		b.out.triggers = append(b.out.triggers,
			trigger{act: endAct, of: i, types: in.Until, when: b.when(path+".untilWhen", in.UntilWhen, activityVars)},
			trigger{act: beginAct, of: i, types: in.From, when: b.when(path+".fromWhen", in.FromWhen, activityVars)},
		)
		b.later(func() {
			if len(in.Of) > 0 {
				for _, r := range b.within(path+".of", in.Of) {
					b.out.rules[r].suspensions = append(b.out.rules[r].suspensions, ruleSuspension{suspension: i})
				}
				return
			}
			for r := range b.out.rules {
				if rule := &b.out.rules[r]; !rule.signal {
					rule.suspensions = append(rule.suspensions, ruleSuspension{suspension: i, above: true})
				}
			}
		})
	}
}

// suspended says that a suspension withholds points of a rule.
func (s *State) suspended(rule *compiledRule, p points.Points) bool {
	for _, by := range rule.suspensions {
		if s.suspensions[by.suspension].on && (p > 0 || !by.above) {
			return true
		}
	}
	return false
}

// suspend begins a suspension, unless the same fact has just ended it.
func (c *Compiled) suspend(s *State, i int) {
	state := &s.suspensions[i]
	if state.on || state.endedIn == s.now.number {
		return
	}
	begun := suspensionState{on: true, since: s.now.micros}
	if c.suspensions[i].freeze { // what is shown before it holds
		begun.frozen, begun.frozenCombined, begun.frozenKnown = c.shownValue(s, s.now.view(), s.now.micros)
	}
	*state = begun
}

// resume ends a suspension.
func (c *Compiled) resume(s *State, i int) {
	if s.suspensions[i].on {
		s.suspensions[i] = suspensionState{endedIn: s.now.number}
	}
}

// view is the profile at the instant of the happening; nil if nobody asks.
func (h *happening) view() *view {
	if h.matcher == nil {
		return nil
	}
	return &h.matcher.view
}
