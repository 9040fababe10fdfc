package decision

import (
	"slices"
	"strings"
)

// SelfSelection qualifies a lead by its own answers: it has the budget, may decide, has
// the need, and when. All four must be said; one that is refused ends it.
type SelfSelection struct {
	// ID is unique among the rules of a standard.
	ID string
	// Description is the reason in words a salesperson can read; may be empty.
	Description string
	// Budget, Authority, Need and Timeline are what the answers must be. They read
	// answers only: [When], [Known] and what joins them.
	Budget, Authority, Need, Timeline Gate
	// OverridesDisqualification: it qualifies also whom a rule disqualifies.
	OverridesDisqualification bool
}

// Approval is the word of a manager in place of the gates.
type Approval struct {
	// RequestedBy asked for it, and Why.
	RequestedBy, Why string
	// ApprovedBy granted it, with a Comment; may be empty.
	ApprovedBy, Comment string
	// OverridesDisqualification: it is meant for whom a rule disqualifies, too. It counts
	// if the standard allows it.
	OverridesDisqualification bool
}

// ApprovalCode is the code of the reason that an approval is.
const ApprovalCode = "approval"

// The prefixes of the codes of the other exceptions; the rule's id follows.
const (
	SelfSelectionPrefix = "self_selection."
	FastTrackPrefix     = "fast_track."
)

// IsException says whether a reason's code is that of an exception.
func IsException(code string) bool {
	return code == ApprovalCode || strings.HasPrefix(code, SelfSelectionPrefix) || strings.HasPrefix(code, FastTrackPrefix)
}

// Exception is the code of the exception that qualifies; empty: none does.
func (d *Decision) Exception() string {
	if d.Verdict == Qualified && IsException(d.Reasons[0].Code) {
		return d.Reasons[0].Code
	}
	return ""
}

// Words say who approved and why, as a salesperson reads it.
func (a *Approval) Words() string {
	words := "approved by " + a.ApprovedBy
	if a.Comment != "" {
		words += ": " + a.Comment
	}
	return words + "; asked for by " + a.RequestedBy + ": " + a.Why
}

// exception is one that holds.
type exception struct {
	Reason
	overrides bool
}

// exceptions are those that hold: the approval, then self-selections, then fast tracks.
func (rules *Rules) exceptions(e *Evidence) []exception {
	var holding []exception
	if a := e.Approval; a != nil {
		holding = append(holding, exception{
			Reason{Code: ApprovalCode, Description: a.Words()},
			a.OverridesDisqualification && rules.ApprovalMayOverride,
		})
	}
	for i := range rules.SelfSelection {
		if s := &rules.SelfSelection[i]; s.stands(e) == selected {
			holding = append(holding, exception{
				Reason{Code: SelfSelectionPrefix + s.ID, Description: s.words()}, s.OverridesDisqualification,
			})
		}
	}
	for i := range rules.FastTrack {
		if rule := &rules.FastTrack[i]; rule.holds(e) {
			holding = append(holding, exception{
				Reason{Code: FastTrackPrefix + rule.ID, Description: rule.description()}, rule.OverridesDisqualification,
			})
		}
	}
	return holding
}

// reasonsOf are the reasons of exceptions; overridden are those of the disqualification
// that they override.
func reasonsOf(exceptions []exception, overridden []Reason) []Reason {
	reasons := make([]Reason, len(exceptions))
	for i, x := range exceptions {
		reasons[i] = x.Reason
		if len(overridden) > 0 {
			words := make([]string, len(overridden))
			for j, reason := range overridden {
				words[j] = reason.Description
			}
			reasons[i].Description += "; overrides: " + strings.Join(words, ", ")
		}
	}
	return reasons
}

// selection is how far a lead got in selecting itself.
type selection int8

const (
	unselected selection = iota // nothing holds, or something is refused
	begun                       // something holds, the rest is to be asked
	selected                    // all four hold
)

// part is one of the four questions.
type part struct {
	name string
	Gate
}

func (s *SelfSelection) parts() []part {
	return []part{{"budget", s.Budget}, {"authority", s.Authority}, {"need", s.Need}, {"timeline", s.Timeline}}
}

// stands says how far the lead got.
func (s *SelfSelection) stands(e *Evidence) selection {
	held, parts := 0, s.parts()
	for _, p := range parts {
		switch said(p.Gate, e) {
		case True:
			held++
		case False:
			return unselected
		}
	}
	switch held {
	case len(parts):
		return selected
	case 0:
		return unselected
	default:
		return begun
	}
}

// words are the reason of a lead that selected itself: what it said of each question.
func (s *SelfSelection) words() string {
	parts := s.parts()
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.name + " (" + p.words() + ")"
	}
	stated := strings.Join(words, ", ")
	if s.Description == "" {
		return stated
	}
	return s.Description + ": " + stated
}

// asks are the questions that are open, in words, and the attributes that answer them.
func (s *SelfSelection) asks(e *Evidence) (questions, missing []string) {
	for _, p := range s.parts() {
		if said(p.Gate, e) == True {
			continue
		}
		var open []string
		for _, attribute := range attributes(p.Gate, nil) {
			if !e.known(attribute) && !slices.Contains(open, attribute) {
				open = append(open, attribute)
			}
		}
		missing = append(missing, open...)
		if question := strings.Join(open, ", "); question == p.name {
			questions = append(questions, p.name)
		} else {
			questions = append(questions, p.name+" ("+question+")")
		}
	}
	return questions, missing
}

// begun are the reasons of self-selections that are begun, with the attributes to ask
// for; none if nothing that can be asked would end one.
func (rules *Rules) begun(e *Evidence) (reasons []Reason, missing []string) {
	for i := range rules.SelfSelection {
		s := &rules.SelfSelection[i]
		if s.stands(e) != begun {
			continue
		}
		questions, attributes := s.asks(e)
		if len(attributes) == 0 {
			continue
		}
		for _, attribute := range attributes {
			if !slices.Contains(missing, attribute) {
				missing = append(missing, attribute)
			}
		}
		reasons = append(reasons, Reason{
			Code: SelfSelectionPrefix + s.ID, Description: "begun, ask for: " + strings.Join(questions, ", "),
		})
	}
	return reasons, missing
}

// Asks are the attributes that a gate reads.
func Asks(g Gate) []string { return attributes(g, nil) }

// said is the answer of a gate over what a lead stated: what it has not stated yet, it
// has not refused either.
func said(g Gate, e *Evidence) Truth {
	switch g := g.(type) {
	case known:
		if g.answer(e) == True {
			return True
		}
		return Unknown
	case all:
		return atLeast(len(g.of), len(g.of), func(i int) Truth { return said(g.of[i], e) })
	case atLeastOf:
		return atLeast(g.count, len(g.of), func(i int) Truth { return said(g.of[i], e) })
	case not:
		return negate(said(g.gate, e))
	default:
		return g.answer(e)
	}
}
